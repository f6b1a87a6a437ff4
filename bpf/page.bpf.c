/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Page cache: looks at page frames at random and counts what the kernel's own flags say of them.
 * Multi-generational LRU keeps what read(2) uses again in those flags alone, no file tells it.
 * Run by the agent once a window, attached to nothing.  Struct pages lie in one array
 * (CONFIG_SPARSEMEM_VMEMMAP); where it begins is random, but aligned (agent/bpf_pages.c).
 */
#include "bpf/kernel.h"
#include "bpf/cell.h"
#include "bpf/compat.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct hr_page_where hr_page_where;
struct hr_page_seen hr_page_seen;
struct hr_page_own hr_page_own;
uint64_t hr_again; /* beside PG_workingset: what a page gets when it is used again */

#define FLAG(name) (1ULL << bpf_core_enum_value(enum pageflags, name))

/* The struct page of a page we have, of our own stack. */
static __always_inline uint64_t page_of_stack(void)
{
	struct task_struct___vmap *task = (void *)bpf_get_current_task();
	struct page **pages;
	struct page *page = NULL;

	if (!bpf_core_field_exists(task->stack_vm_area))
		return 0;
	pages = BPF_CORE_READ(task, stack_vm_area, pages);
	if (bpf_probe_read_kernel(&page, sizeof(page), pages) != 0)
		return 0;
	return (uint64_t)page;
}

/*
 * Both ends of memory have their struct pages where they would be.  Elsewhere one of them is where
 * none is: struct pages are mapped for as much memory as there is, and a multiple of the alignment
 * is more than what one mapping of them is rounded up to.
 */
static __always_inline bool fits(uint64_t base)
{
	uint64_t bytes = hr_page_where.bytes, flags;

	return hr_page_flags(base + hr_page_where.first * bytes, &flags) &&
	       hr_page_flags(base + (hr_page_where.end - 1) * bytes, &flags);
}

static long try_base(uint32_t i, uint64_t *base)
{
	(void)i;
	if (fits(*base)) {
		hr_page_where.base = *base;
		return 1;
	}
	*base += hr_page_where.align;
	return 0;
}

/*
 * Where frame 0 would have its struct page.  The kernel's symbol is shown to nobody without
 * CAP_SYSLOG, so it is found from a page we have, which is one of those frames: the lowest place
 * that fits, since memory that is in no range (of devices, or offline) lies above.
 */
static __always_inline bool find_base(void)
{
	uint64_t bytes = hr_page_where.bytes, align = hr_page_where.align, own, low, high;

	if (hr_page_where.base && fits(hr_page_where.base))
		return true;
	hr_page_where.base = 0;
	own = page_of_stack();
	if (!own || !align)
		return false;
	low = (own - (hr_page_where.end - 1) * bytes + align - 1) & -align;
	high = own - hr_page_where.first * bytes;
	if (low <= high)
		bpf_loop((high - low) / align + 1, try_base, &low, 0);
	return hr_page_where.base != 0;
}

/* Frame @at of all the ranges in a row. */
static __always_inline uint64_t frame(uint64_t at)
{
	for (int i = 0; i < HR_PAGE_RANGES; i++) {
		if (at < hr_page_where.range[i].n)
			return hr_page_where.range[i].first + at;
		at -= hr_page_where.range[i].n;
	}
	return 0;
}

/* One frame in each of HR_PAGE_LOOKS equal parts of memory; a hole is nothing seen. */
static long look(uint32_t i, void *ctx)
{
	uint64_t part = hr_page_where.frames / HR_PAGE_LOOKS, base = hr_page_where.base;
	uint64_t bytes = hr_page_where.bytes, page, head, flags;

	(void)ctx;
	page = base + frame(i * part + bpf_get_prandom_u32() % part) * bytes;
	if (!hr_page_head(page, &head) || head < base + hr_page_where.first * bytes ||
		head > page || !hr_page_flags(head, &flags))
		return 0;
	hr_page_seen.looked++;
	if (!(flags & FLAG(PG_lru)) || flags & (FLAG(PG_swapbacked) | FLAG(PG_unevictable)))
		return 0;
	hr_page_seen.file++;
	if (flags & FLAG(PG_active))
		hr_page_seen.active++;
	if (flags & (FLAG(PG_active) | FLAG(PG_workingset) | hr_again))
		hr_page_seen.again++;
	return 0;
}

SEC("syscall")
int look_at_pages(void *ctx)
{
	(void)ctx;
	if (!find_base())
		return 1;
	bpf_loop(HR_PAGE_LOOKS, look, NULL, 0);
	return 0;
}

/* A file of one page has it, and no tree, at the head. */
static __always_inline uint64_t own_page(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct file **fd = BPF_CORE_READ(task, files, fdt, fd), *file = NULL;

	bpf_probe_read_kernel(&file, sizeof(file), fd + hr_page_own.fd);
	return (uint64_t)BPF_CORE_READ(file, f_mapping, i_pages.xa_head);
}

/* A page that went on a list or off between two looks got other marks there. */
SEC("syscall")
int look_at_own(void *ctx)
{
	uint64_t page = own_page(), last = hr_page_own.flags, flags;

	if (!page || page & 3 || !hr_page_flags(page, &flags))
		return 1;
	if (last && !((last ^ flags) & FLAG(PG_lru))) {
		if (flags & ~last & FLAG(PG_workingset) && !hr_page_own.marks)
			hr_page_own.workingset = 1;
		hr_page_own.marks |= flags & ~last & ~(FLAG(__NR_PAGEFLAGS) - 1);
	}
	hr_page_own.flags = flags;
	return 0;
}
