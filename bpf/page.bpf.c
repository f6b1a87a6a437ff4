/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Page cache: looks at page frames at random and counts what the kernel's own flags say of them.
 * Multi-generational LRU keeps what read(2) uses again in those flags alone, no file tells it.
 * Run by the agent once a window, attached to nothing.  x86_64 only: struct pages lie in one
 * array (CONFIG_SPARSEMEM_VMEMMAP) that begins at a multiple of 1 GiB (arch/x86/mm/kaslr.c).
 */
#include "bpf/kernel.h"
#include "bpf/cell.h"
#include "bpf/compat.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

uint64_t hr_page_bytes; /* of struct page */
uint64_t hr_frames;     /* of all ranges */
uint32_t hr_bases;      /* where frame 0 may be: GiB that the struct pages take, rounded up */
struct hr_page_range hr_page_range[HR_PAGE_RANGES];
struct hr_page_seen hr_page_seen;
struct hr_page_own hr_page_own;
uint64_t hr_again; /* beside PG_workingset: what a page gets when it is used again */

#define ALIGN (1ULL << 30)
#define BASES 64 /* at most: struct pages of 4 TiB */

#define FLAG(name) (1ULL << bpf_core_enum_value(enum pageflags, name))

/*
 * The struct page of frame 0.  The kernel's symbol is shown to nobody without CAP_SYSLOG, so it is
 * found from a page we have, of our own stack: a multiple of 1 GiB below it, with up to 64 GiB of
 * memory the first of them.  Frame 0 is reserved on every PC; what is not so is not it.
 */
static __always_inline uint64_t first_page(void)
{
	struct task_struct___vmap *task = (void *)bpf_get_current_task();
	uint64_t base, flags;
	struct page **pages;
	struct page *page = NULL;

	if (!bpf_core_field_exists(task->stack_vm_area))
		return 0;
	pages = BPF_CORE_READ(task, stack_vm_area, pages);
	if (bpf_probe_read_kernel(&page, sizeof(page), pages) != 0 || !page)
		return 0;
	base = (uint64_t)page & ~(ALIGN - 1);
	for (uint32_t i = 0; i < BASES && i < hr_bases; i++, base -= ALIGN)
		if (hr_page_flags(base, &flags) && flags & FLAG(PG_reserved))
			return base;
	return 0;
}

/* Frame @at of all the ranges in a row. */
static __always_inline uint64_t frame(uint64_t at)
{
	for (int i = 0; i < HR_PAGE_RANGES; i++) {
		if (at < hr_page_range[i].n)
			return hr_page_range[i].first + at;
		at -= hr_page_range[i].n;
	}
	return 0;
}

/* One frame in each of HR_PAGE_LOOKS equal parts of memory; a hole is nothing seen. */
static long look(uint32_t i, uint64_t *base)
{
	uint64_t part = hr_frames / HR_PAGE_LOOKS, page, head, flags;

	page = *base + frame(i * part + bpf_get_prandom_u32() % part) * hr_page_bytes;
	if (!hr_page_head(page, &head) || head < *base || head > page ||
		!hr_page_flags(head, &flags))
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
	uint64_t base = first_page();

	if (!base)
		return 1;
	bpf_loop(HR_PAGE_LOOKS, look, &base, 0);
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
