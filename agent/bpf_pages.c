/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at page frames when asked: a program that is run, not attached (bpf/page.bpf.c). */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "agent/bpf_parts.h"
#include "proto/cleanup.h"

/* MFD_NOEXEC_SEAL, without which vm.memfd_noexec = 2 refuses one; libc does not know it yet. */
#define NOEXEC_SEAL 8U

/* Uses of a page beyond those that its flags can count. */
#define USES 8

static int run(int fd)
{
	LIBBPF_OPTS(bpf_test_run_opts, o);
	int r = bpf_prog_test_run_opts(fd, &o);

	return r < 0 ? r : o.retval != 0 ? -ENODATA : 0;
}

/* What a page of our own gets while it is used; false: it could not be seen. */
static bool use_own_page(struct hr_bpf *b, struct hr_page_own *ret)
{
	HR_CLEANUP(hr_closep) int fd = memfd_create("headroom", MFD_CLOEXEC | NOEXEC_SEAL);
	char c = 1;

	if (fd < 0 && errno == EINVAL) /* before 6.3 */
		fd = memfd_create("headroom", MFD_CLOEXEC);
	if (fd < 0 || pwrite(fd, &c, 1, 0) != 1)
		return false;
	*b->page_own = (struct hr_page_own){.fd = (uint32_t)fd};
	for (int i = 0; i < USES; i++)
		if (pread(fd, &c, 1, 0) != 1 || run(b->own_fd) < 0)
			return false;
	*ret = *b->page_own;
	return true;
}

int hr_bpf_pages_learn(struct hr_bpf *b)
{
	struct hr_page_own round[2] = {0};

	if (b->page_fd < 0 || b->pages_learned)
		return b->page_fd < 0 ? b->page_fd : 0;
	if (!use_own_page(b, &round[0]) || !use_own_page(b, &round[1]) ||
		hr_pages_learn(round, b->page_again) < 0)
		return -EAGAIN;
	b->pages_learned = true;
	return 0;
}

static uint64_t page_align(uint64_t page_bytes)
{
#if defined(__x86_64__)
	return hr_pages_align_x86_64(page_bytes);
#elif defined(__aarch64__)
	return hr_pages_align_arm64(page_bytes, (uint64_t)sysconf(_SC_PAGESIZE));
#else
	(void)page_bytes;
	return 0;
#endif
}

void hr_bpf_pages_start(struct hr_bpf *b)
{
	struct hr_part *p = &b->part[HR_PART_PAGE];
	int r;
	bool files = b->opts.force == HR_RUNG_FILE || b->opts.force == HR_RUNG_MISSING;

	b->page_fd = -EOPNOTSUPP;
	b->page_align = page_align(b->facts.page_bytes);
	if (files || b->page_align == 0 || !b->opts.pages)
		return;
	p->skel = hr_part_open(b, HR_PART_PAGE);
	if (!p->skel) {
		b->page_fd = -errno;
		return;
	}
	r = hr_part_load(b, HR_PART_PAGE);
	if (r == 0)
		return;
	b->page_fd = r;
	hr_part_destroy(HR_PART_PAGE, p->skel);
	*p = (struct hr_part){0};
}

int hr_bpf_pages_frames(struct hr_bpf *b, const struct hr_page_ranges *r)
{
	struct hr_page_where *w = b->page_where;

	if (b->page_fd < 0)
		return b->page_fd;
	w->base = 0; /* anew */
	w->first = r->first;
	w->end = r->end;
	w->frames = r->frames;
	memcpy(w->range, r->range, sizeof(w->range));
	return r->frames < HR_PAGE_LOOKS ? -ENODATA : 0;
}

int hr_bpf_pages(struct hr_bpf *b, const struct hr_page_seen **ret_seen)
{
	int r = b->page_fd;

	if (r < 0)
		return r;
	if (b->page_where->frames < HR_PAGE_LOOKS)
		return -ENODATA;
	memset(b->page_seen, 0, sizeof(*b->page_seen));
	r = run(b->page_fd);
	if (r == 0 && !hr_pages_met(b->page_seen))
		r = -ENODATA;
	if (r == 0)
		*ret_seen = b->page_seen;
	return r;
}
