/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/core/slopes.h"

#include <math.h>

#include "collector/core/rank.h"

#define PAIRS (HR_SLOPES_DAYS * (HR_SLOPES_DAYS - 1) / 2)

void hr_slopes_of(const double *z, const uint16_t *from, uint32_t pieces, uint32_t start,
	struct hr_slopes *ret)
{
	uint32_t n = 0;

	ret->pieces = pieces;
	ret->pairs = 0;
	ret->var = 0;
	for (uint32_t p = 0; p < pieces; p++) {
		uint32_t first = n;
		double m;

		for (uint32_t i = from[p] > start ? from[p] : start; i < from[p + 1]; i++)
			if (!isnan(z[i])) {
				ret->y[n] = z[i];
				ret->x[n++] = i;
			}
		m = n - first;
		ret->var += m * (m - 1) * (2 * m + 5) / 18;
		ret->pairs += (n - first) * (n - first - 1) / 2;
		ret->end[p] = n;
	}
	ret->used = n;
}

/* Float: days come with 24 bits, and the loop compares twice as many at a time. */
static uint32_t less(const float *v, uint32_t n, float than)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < n; i++)
		k += v[i] < than;
	return k;
}

uint32_t hr_slopes_below(const struct hr_slopes *s, double b)
{
	float u[HR_SLOPES_DAYS] = {0};
	uint32_t n = 0, from = 0;

	for (uint32_t i = 0; i < s->used; i++)
		u[i] = (float)(s->y[i] - b * s->x[i]);
	for (uint32_t p = 0; p < s->pieces; p++) {
		for (uint32_t i = from; i < s->end[p]; i++)
			n += less(u + i + 1, s->end[p] - i - 1, u[i]);
		from = s->end[p];
	}
	return n;
}

/* Of the first of @n days to each later one. */
static void slopes_from(
	const double *restrict y, const double *restrict x, uint32_t n, double *restrict to)
{
	for (uint32_t i = 1; i < n; i++)
		to[i - 1] = (y[i] - y[0]) / (x[i] - x[0]);
}

void hr_slopes_ranks(const struct hr_slopes *s, const size_t rank[], unsigned m, double ret[])
{
	double v[PAIRS], tmp[PAIRS], *to = v;
	uint32_t from = 0;

	for (uint32_t p = 0; p < s->pieces; p++) {
		for (uint32_t i = from; i < s->end[p]; i++) {
			slopes_from(s->y + i, s->x + i, s->end[p] - i, to);
			to += s->end[p] - i - 1;
		}
		from = s->end[p];
	}
	hr_rank_picks(v, (size_t)(to - v), rank, m, tmp, ret);
}
