/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums of windows that a model has taken in and whose bins of 5 minutes are not rolled up yet, kept
 * in front of the model's saved state: what was decoded for the model's turn is not read and
 * decoded again for the roll-up.
 *
 * What makes it safe: such a state knows every window of its host up to a number n ("upto"), and a
 * part knows of all those the ones in bins >= from_bin.  So a bin is its sum here and the stored
 * windows with larger n, whatever happened in between; without a part it is the stored windows.
 *
 * A bin that is over has its sum "done": the bytes that the tier will keep, made once, which no
 * later turn and no roll-up decodes unless a window comes for it after all.  Such a window is added
 * to what the bytes give back, as one is that comes behind the roll-up.
 */
#pragma once

#include "collector/core/digest.h"

#define HR_PART_SUMS 6 /* bins; of more the oldest are left to the roll-up */
#define HR_PART_MAX  (32 + HR_PART_SUMS * (28 + HR_DIGEST_MAX)) /* bytes encoded */

struct hr_part_sum {
	uint64_t bin;
	struct hr_digest sum;      /* void when it is done: */
	uint8_t *done;             /* owned; hr_digest_encode of it */
	size_t done_len, done_cap; /* len 0: it is not */
	uint64_t windows, samples; /* of done */
};

struct hr_part {
	uint64_t from_bin; /* older bins are left out */
	uint32_t n;
	struct hr_part_sum sum[HR_PART_SUMS]; /* by bin; behind n: memory for more */
};

/* A part starts zeroed; done frees what it holds. */
void hr_part_done(struct hr_part *p);
/* No window was in bins >= @from_bin. */
void hr_part_clear(struct hr_part *p, uint64_t from_bin);
/* Bins < @bin are rolled up. */
void hr_part_leave(struct hr_part *p, uint64_t bin);
/* A window that stands for @windows sequences.  Without memory its bin is left out. */
void hr_part_add(struct hr_part *p, uint64_t bin, uint32_t boot_ord, uint64_t windows,
	const struct hr_summary *s);

/*
 * Sums of bins < @bin are done, in @detail.  One stays as it is without memory, or when its bytes
 * do not give back what it has; @check: room for that.
 */
void hr_part_finish(
	struct hr_part *p, uint64_t bin, enum hr_digest_detail detail, struct hr_digest *check);

/* Bytes written; 0: they do not fit @cap, which does not happen with HR_PART_MAX. */
size_t hr_part_encode(struct hr_part *p, void *buf, size_t cap);
/* Bytes of the part that @state begins with, 0 when it has none; the model's are behind it. */
size_t hr_part_len(const void *state, size_t len);

enum hr_part_result {
	HR_PART_OK = 0,
	HR_PART_NONE, /* no part, a damaged one, or it leaves that bin out */
	HR_PART_MEMORY,
};
/* The part in front of @state without bins < @bin.  NONE, MEMORY: @p says nothing. */
enum hr_part_result hr_part_decode(struct hr_part *p, uint64_t bin, const void *state, size_t len);

/* The sum of one bin as it lies in a state. */
struct hr_part_found {
	const void *bytes; /* of hr_digest_encode, in the state; NULL: the bin has no window */
	size_t len;
	bool is_done;
	uint64_t windows, samples; /* of one that is done */
};
/* NONE: also when the bin is left out. */
enum hr_part_result hr_part_find(
	const void *state, size_t len, uint64_t bin, struct hr_part_found *ret);
