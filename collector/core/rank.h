/* SPDX-License-Identifier: Apache-2.0 */
/* Order statistics of small arrays; the arrays are reordered. */
#pragma once

#include <stddef.h>

/* The @i-th smallest (from 0) of @n > @i values, none of them NaN.  O(n) on average. */
double hr_rank_select(double *v, size_t n, size_t i);

/* Median; mean of the two middle ones when @n is even.  NaN when @n is 0. */
double hr_rank_median(double *v, size_t n);

/*
 * Quantile by linear interpolation at q (n - 1), as numpy.percentile and the
 * reference's scripts do.  NaN when @n is 0.
 */
double hr_rank_quantile(double *v, size_t n, double q);
