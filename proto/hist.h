/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mergeable fixed-size histogram over bucket.h.  Ranks are exact; only values
 * are rounded, by at most 12.5 %, and every quantile comes with both edges of
 * its bucket.  Merging is addition: exact, commutative, associative, so the
 * order and grouping in which windows arrive cannot change a result.
 *
 * Where room is short, 2, 4 or 8 neighbouring buckets count as one (uniform collapse, as
 * in UDDSketch: Epicoco et al. 2020): values are then rounded by at most 25, 50 or 100 %,
 * and the edges of a quantile say so.  Adding a finer histogram to a coarser one, or the
 * other way round, gives the coarser resolution.
 *
 * The unit of the values is fixed by what is counted (enum hr_dist, enum
 * hr_dev_dist in summary.h).  Values above 2^32 - 1 are clamped into the last bucket;
 * sum and max keep the clamped value.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/bucket.h"

#define HR_HIST_SHIFT_MAX 3
struct hr_hist {
	uint64_t total; /* = sum of n[] */
	uint64_t sum;   /* of the values, exact */
	uint32_t max;   /* exact; 0 while empty */
	uint32_t shift; /* log2 of the buckets that count as one; the first of them has the count */
	uint32_t n[HR_BUCKETS];
};

/* First bucket of the group that bucket @i is in, and the largest value of that group. */
static inline uint32_t hr_hist_group(const struct hr_hist *h, uint32_t i)
{
	return i >> h->shift << h->shift;
}
static inline uint32_t hr_hist_hi(const struct hr_hist *h, uint32_t i)
{
	return hr_bucket_hi(i | ((1u << h->shift) - 1));
}

/* A quantile: the true value lies in [lo, hi]; hi <= max. */
struct hr_quantile {
	uint32_t lo, hi;
};

/* Adds @count samples of @value (clamped to 32 bits).  False, and no change, when a counter would
 * overflow. */
bool hr_hist_add(struct hr_hist *h, uint64_t value, uint32_t count);

/*
 * At least 2^@shift (<= HR_HIST_SHIFT_MAX) buckets count as one from now on.  False, and no change,
 * when a counter would overflow.
 */
bool hr_hist_coarsen(struct hr_hist *h, unsigned shift);

/* @into += @from.  False, and no change, when a counter would overflow. */
bool hr_hist_merge(struct hr_hist *into, const struct hr_hist *from);

/* Whether hr_hist_merge() would succeed: for callers that merge several and want all or nothing. */
bool hr_hist_mergeable(const struct hr_hist *into, const struct hr_hist *from);

/*
 * Nearest-rank quantile, @p in (0, 1] (asserted).  The highest rank is the
 * maximum and exact (lo = hi = max).  False when empty.
 */
bool hr_hist_quantile(const struct hr_hist *h, double p, struct hr_quantile *ret_q);

/* Samples whose whole bucket lies above @value: a lower bound of the count of samples > value. */
uint64_t hr_hist_above(const struct hr_hist *h, uint32_t value);

/*
 * The smallest and largest sum that the buckets and the maximum of a non-empty
 * histogram allow; the latter is cut at 64 bits.  False when max is not in the
 * last bucket used or the smallest does not fit 64 bits.
 */
bool hr_hist_sum_range(const struct hr_hist *h, uint64_t *ret_lo, uint64_t *ret_hi);

/* Total, sum and max agree with the buckets: what a hostile sender must not be able to break. */
bool hr_hist_valid(const struct hr_hist *h);
