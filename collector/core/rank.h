/* SPDX-License-Identifier: Apache-2.0 */
/* Order statistics of small arrays; the arrays are reordered. */
#pragma once

#include <stddef.h>

/* The @i-th smallest (from 0) of @n > @i values, none of them NaN.  O(n) on average. */
double hr_rank_select(double *v, size_t n, size_t i);

/*
 * The @rank-th smallest (from 0) of @n values, for @m <= HR_RANK_PICKS ranks, into @ret; @tmp: [n].
 * @v keeps its order.  One count over 256 steps of the range, then a selection inside one step:
 * with thousands of values a quarter of the cost of m selections, whose branches nobody can guess.
 */
#define HR_RANK_PICKS 3
void hr_rank_picks(
	const double *v, size_t n, const size_t rank[], unsigned m, double *tmp, double ret[]);

/*
 * ret[i]: the median of v[i] to v[i + 6], for @n windows, of n + 6 values.  Where one of the seven
 * is NaN it is any number.
 */
void hr_rank_medians7(const double *restrict v, size_t n, double *restrict ret);

/* Median; mean of the two middle ones when @n is even.  NaN when @n is 0. */
double hr_rank_median(double *v, size_t n);

/*
 * Quantile by linear interpolation at q (n - 1), as numpy.percentile and the
 * reference's scripts do.  NaN when @n is 0.
 */
double hr_rank_quantile(double *v, size_t n, double q);
