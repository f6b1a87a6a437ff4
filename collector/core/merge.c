/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/core/merge.h"

#include <math.h>
#include <stdlib.h>

#include "collector/core/rank.h"

static double quantile(double *v, size_t n, double q)
{
	size_t i = (size_t)floor((1 - q) * (double)n);

	return hr_rank_select(v, n, i < n ? i : n - 1);
}

struct hr_opt hr_merge_ratio(
	const double *a, double load, const double *b, size_t n, double q, uint32_t *ret_minutes)
{
	double *alone = malloc(2 * n * sizeof(*alone)), *both = alone + n, one, sum;
	size_t k = 0;

	*ret_minutes = 0;
	if (!alone)
		return (struct hr_opt){0};
	for (size_t i = 0; i < n; i++) {
		if (isnan(a[i]) || isnan(b[i]))
			continue;
		alone[k] = load * a[i];
		both[k++] = load * a[i] + b[i];
	}
	*ret_minutes = (uint32_t)k;
	one = k ? quantile(alone, k, q) : 0;
	sum = k ? quantile(both, k, q) : 0;
	free(alone);
	if (k < HR_MERGE_MINUTES_MIN)
		return (struct hr_opt){0};
	return (struct hr_opt){.has = true, .v = sum > one ? one / sum : 1};
}

struct hr_opt hr_merge_peak(const double *a, double load, const double *b, size_t n)
{
	double most = 0;
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		if (isnan(a[i]) || isnan(b[i]))
			continue;
		most = fmax(most, load * a[i] + b[i]);
		k++;
	}
	return (struct hr_opt){.has = k >= HR_MERGE_MINUTES_MIN, .v = most};
}
