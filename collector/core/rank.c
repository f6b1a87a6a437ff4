/* SPDX-License-Identifier: Apache-2.0 */
/* Selection by partition (Hoare 1961, "Find"), pivot = median of three. */
#include "collector/core/rank.h"

#include <math.h>

static void swap(double *a, double *b)
{
	double t = *a;

	*a = *b;
	*b = t;
}

double hr_rank_select(double *v, size_t n, size_t i)
{
	size_t lo = 0, hi = n - 1;

	while (hi > lo) {
		size_t mid = lo + (hi - lo) / 2, a = lo, b = hi;
		double pivot;

		if (v[mid] < v[lo])
			swap(&v[mid], &v[lo]);
		if (v[hi] < v[lo])
			swap(&v[hi], &v[lo]);
		if (v[hi] < v[mid])
			swap(&v[hi], &v[mid]);
		pivot = v[mid];
		for (;;) {
			while (v[a] < pivot)
				a++;
			while (pivot < v[b])
				b--;
			if (a >= b)
				break;
			swap(&v[a++], &v[b--]);
		}
		/* v[lo..b] <= pivot <= v[b+1..hi] */
		if (b == hi)
			b--;
		if (i <= b)
			hi = b;
		else
			lo = b + 1;
	}
	return v[i];
}

double hr_rank_median(double *v, size_t n)
{
	double hi;

	if (n == 0)
		return NAN;
	hi = hr_rank_select(v, n, n / 2);
	return n % 2 ? hi : (hi + hr_rank_select(v, n, n / 2 - 1)) / 2;
}

double hr_rank_quantile(double *v, size_t n, double q)
{
	double at, lo;
	size_t i;

	if (n == 0)
		return NAN;
	at = q * (double)(n - 1);
	i = (size_t)at;
	if (i >= n - 1)
		return hr_rank_select(v, n, n - 1);
	lo = hr_rank_select(v, n, i);
	return lo + (hr_rank_select(v, n, i + 1) - lo) * (at - (double)i);
}
