/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Distributions and numbers for rows that are kept for years: about half the bits of exact ones.
 *
 * Rounded is how many samples each group of buckets has, by less than 1/16 (up to 32: exact), in
 * groups of 8 buckets by less than 1/8 (up to 16: exact); and numbers, by less than 1/1000 (up to
 * 1023: exact).  Exact are the number of samples, the maximum, and which groups have any.  What
 * the others were rounded by is made up for in the group of the median.  So a quantile has the
 * edges of one whose rank differs by less than 1/16 of what is beyond it: a p99 is that of a rank
 * between 98.93 and 99.07 %.
 *
 * A count is rounded up or down by chance, in proportion to where it lies between the two: a row
 * to which much is added in small parts, each time rounded, keeps its shape.  Chance is a hash of
 * the distribution, so the same one gives the same bits.
 */
#pragma once

#include "proto/hist.h"
#include "proto/hist_bits.h"

/* What is read of @h in groups of 2^@shift buckets or more.  False: a group has no 32 bits. */
bool hr_rounded(const struct hr_hist *h, unsigned shift, struct hr_hist *ret_h);

/*
 * Appends @h (empty or valid), rounded.  *total: that of the distribution before it in the same
 * row, for several often have as many samples; 0 at first.  False: @b is full, or not rounded.
 */
bool hr_rounded_put(struct hr_bits *b, const struct hr_hist *h, unsigned shift, uint64_t *total);
/* Valid or empty.  False, with *ret_h void: not what put writes. */
bool hr_rounded_get(struct hr_bits *b, struct hr_hist *ret_h, uint64_t *total);

/* A number of less than 2^63, as its length (6 bits) and its bits without the first. */
bool hr_num_put(struct hr_bits *b, uint64_t v);
bool hr_num_get(struct hr_bits *b, uint64_t *ret_v);
uint64_t hr_num_rounded(uint64_t v);
/* A rounded number takes up to 15 bits. */
bool hr_rounded_num_put(struct hr_bits *b, uint64_t v);
bool hr_rounded_num_get(struct hr_bits *b, uint64_t *ret_v);
