/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much page cache was used again, from a sample of page frames.  Kernels with
 * multi-generational LRU do not move a page that read(2) uses again to Active(file): its first use
 * sets PG_referenced, the second PG_workingset, further ones a count of two bits; from 6.14 on the
 * count comes first.  Pure: bpf/page.bpf.c looks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/cell.h"

struct hr_page_ranges {
	uint32_t n;
	uint64_t frames; /* of all of them */
	uint64_t first;  /* the lowest of them */
	uint64_t end;    /* one after the highest */
	struct hr_page_range range[HR_PAGE_RANGES];
};

/*
 * /proc/zoneinfo: the frames that each zone spans, holes included.  -EBADMSG: a number that is
 * none; -E2BIG: more zones than fit.  *ret is zeroed then.
 */
int hr_pages_zones(const char *buf, size_t len, struct hr_page_ranges *ret);

/* /sys/kernel/mm/lru_gen/enabled, "0x0007": bit 0 is the main switch. */
bool hr_pages_lru_gen(const char *text);

/*
 * What a page of our own showed while it was used, in two rounds: *ret_count is the count of uses,
 * one bit or two side by side, 0 where there is none and PG_workingset came at once.  -EAGAIN: that
 * is not to be told from these rounds, as when reclaim moved the page meanwhile.  Without the count
 * kernels from 6.14 on would be taken for ones where next to nothing is used again.
 */
int hr_pages_learn(const struct hr_page_own round[2], uint64_t *ret_count);

/*
 * At a multiple of this the kernel has the struct page of frame 0, or would have it.  x86_64: the
 * array begins at a multiple of 1 GiB (arch/x86/mm/kaslr.c).  arm64: it begins with the frame at
 * memstart_addr, a multiple of 512 MiB or more (ARM64_MEMSTART_ALIGN), at a large power of two.
 * 0: not known there, or not with struct pages of that size.
 */
uint64_t hr_pages_align_x86_64(uint64_t page_bytes);
uint64_t hr_pages_align_arm64(uint64_t page_bytes, uint64_t frame_bytes);

/*
 * In words, why there is no sample: what hr_bpf_pages() and hr_bpf_pages_learn() return.
 * @otherwise: the system's words for @error.
 */
const char *hr_pages_why(int error, const char *otherwise);

/*
 * Enough of the looks met a page: zones span holes, but where next to none did, the struct pages
 * were looked for at a wrong place.
 */
bool hr_pages_met(const struct hr_page_seen *seen);

/* Of @file_bytes on the lists of files, what was used again; 0 when no page of them was seen. */
uint64_t hr_pages_again(const struct hr_page_seen *seen, uint64_t file_bytes);
