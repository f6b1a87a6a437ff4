/* SPDX-License-Identifier: Apache-2.0 */
/* Order statistics of small arrays; the arrays are reordered. */
#pragma once

#include <stddef.h>

/* The @i-th smallest (from 0) of @n > @i values, none of them NaN.  O(n) on average. */
double hr_rank_select(double *v, size_t n, size_t i);

/*
 * The @rank-th smallest (from 0) of @n values, for @m <= HR_RANK_PICKS ranks, into @ret; of more
 * than HR_RANK_NEAR values a number whose rank is less than @n / HR_RANK_NEAR off.  INFINITY, not
 * -INFINITY, may stand for what is not there: it has none of the ranks that are asked for.  @v
 * keeps its order.  By counting how many lie below a guess: no branch depends on one value.
 */
#define HR_RANK_PICKS 3
#define HR_RANK_NEAR  512
void hr_rank_picks(const float *v, size_t n, const size_t rank[], unsigned m, float ret[]);

/*
 * Median of the @known > 0 values of @v that are not INFINITY, as near; below HR_RANK_NEAR values
 * the mean of the two middle ones when @known is even.
 */
float hr_rank_middle(const float *v, size_t n, size_t known);

/* ret[i]: the median of v[i] to v[i + 6], for @n windows, of n + 6 values that are no NaN. */
void hr_rank_medians7(const double *restrict v, size_t n, double *restrict ret);

/* Median; mean of the two middle ones when @n is even.  NaN when @n is 0. */
double hr_rank_median(double *v, size_t n);

/*
 * Quantile by linear interpolation at q (n - 1), as numpy.percentile and the
 * reference's scripts do.  NaN when @n is 0.
 */
double hr_rank_quantile(double *v, size_t n, double q);
