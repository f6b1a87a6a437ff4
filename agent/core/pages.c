/* SPDX-License-Identifier: Apache-2.0 */
/* Texts and counts of page frames; see pages.h. */
#include "agent/core/pages.h"

#include <errno.h>
#include <string.h>

#include "agent/core/procfs_scan.h"

/* A zone's lines come in this order: spanned, present, start_pfn; an empty one has no start_pfn. */
struct zone {
	uint64_t spanned, present;
};

/* -EBADMSG, -E2BIG, or 0. */
static int take(struct scan *line, struct zone *z, struct hr_page_ranges *r)
{
	struct scan_word w;
	uint64_t start;

	if (!scan_word(line, &w))
		return 0;
	if (word_is(&w, "spanned"))
		return scan_u64(line, &z->spanned) ? 0 : -EBADMSG;
	if (word_is(&w, "present"))
		return scan_u64(line, &z->present) ? 0 : -EBADMSG;
	if (!word_is(&w, "start_pfn:"))
		return 0;
	if (!scan_u64(line, &start) || start >> 52 || z->spanned >> 52)
		return -EBADMSG;
	if (z->present == 0 || z->spanned == 0)
		return 0;
	if (r->n == HR_PAGE_RANGES)
		return -E2BIG;
	r->range[r->n++] = (struct hr_page_range){start, z->spanned};
	r->frames += z->spanned;
	if (r->n == 1 || start < r->first)
		r->first = start;
	if (start + z->spanned > r->end)
		r->end = start + z->spanned;
	*z = (struct zone){0};
	return 0;
}

int hr_pages_zones(const char *buf, size_t len, struct hr_page_ranges *ret)
{
	struct hr_procfs_rows rows = hr_procfs_rows(buf, len);
	struct zone z = {0};
	struct scan line;
	int r = 0;

	memset(ret, 0, sizeof(*ret));
	while (r == 0 && scan_line(&rows, &line))
		r = take(&line, &z, ret);
	if (r < 0)
		memset(ret, 0, sizeof(*ret));
	return r;
}

bool hr_pages_lru_gen(const char *text)
{
	const char *end = text + strcspn(text, "\n");
	char c;

	if (strncmp(text, "0x", 2) != 0 || end == text + 2)
		return false;
	c = end[-1]; /* the lowest four bits */
	if (c >= '0' && c <= '9')
		return (c - '0') & 1;
	return c >= 'a' && c <= 'f' && (c - 'a' + 10) & 1;
}

int hr_pages_learn(const struct hr_page_own round[2], uint64_t *ret_count)
{
	uint64_t marks = round[0].marks, low = marks & -marks;
	bool alike = marks == round[1].marks && (marks == low || marks == (low | low << 1));

	*ret_count = alike ? marks : 0;
	return *ret_count || (round[0].workingset && round[1].workingset) ? 0 : -EAGAIN;
}

const char *hr_pages_why(int error, const char *otherwise)
{
	switch (error) {
	case -EAGAIN:
		return "what marks used pages not seen";
	case -ENODATA:
		return "struct pages not found";
	default:
		return otherwise;
	}
}

uint64_t hr_pages_align_x86_64(uint64_t page_bytes)
{
	return page_bytes ? 1ULL << 30 : 0;
}

uint64_t hr_pages_align_arm64(uint64_t page_bytes, uint64_t frame_bytes)
{
	if (page_bytes == 0 || frame_bytes == 0 || page_bytes & (page_bytes - 1))
		return 0;
	return (512ULL << 20) / frame_bytes * page_bytes;
}

bool hr_pages_met(const struct hr_page_seen *seen)
{
	return seen->looked >= HR_PAGE_LOOKS / 8;
}

uint64_t hr_pages_again(const struct hr_page_seen *seen, uint64_t file_bytes)
{
	if (seen->file == 0)
		return 0;
	return (uint64_t)((double)file_bytes * (double)seen->again / (double)seen->file);
}
