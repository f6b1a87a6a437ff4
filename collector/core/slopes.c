/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/core/slopes.h"

#include <math.h>
#include <string.h>

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

#define LANES 4
typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t masks __attribute__((vector_size(LANES * sizeof(int32_t))));

/* Pairs of @v[0..3] with each other and with what follows up to @n, the later one the smaller. */
static uint32_t falling(const float *v, uint32_t n)
{
	const lanes a = {v[0], v[0], v[0], v[0]}, b = {v[1], v[1], v[1], v[1]};
	const lanes c = {v[2], v[2], v[2], v[2]}, d = {v[3], v[3], v[3], v[3]};
	masks k = {0}, l = {0};
	lanes x;

	for (uint32_t i = LANES; i < n; i += LANES) {
		memcpy(&x, v + i, sizeof(x));
		k -= (x < a) + (x < b);
		l -= (x < c) + (x < d);
	}
	k += l;
	return (uint32_t)(k[0] + k[1] + k[2] + k[3]) + (v[1] < v[0]) + (v[2] < v[0]) +
	       (v[3] < v[0]) + (v[2] < v[1]) + (v[3] < v[1]) + (v[3] < v[2]);
}

/*
 * Float: days come with 24 bits, and so four are compared at once, with four.  What follows a piece
 * up to a multiple of LANES counts as above.
 */
bool hr_slopes_more(const struct hr_slopes *s, double b, size_t than)
{
	float u[HR_SLOPES_DAYS + LANES];
	uint32_t from = 0, left = s->pairs;
	size_t below = 0;

	for (uint32_t p = 0; p < s->pieces; p++) {
		uint32_t m = s->end[p] - from;

		for (uint32_t i = 0; i < m; i++)
			u[i] = (float)(s->y[from + i] - b * s->x[from + i]);
		for (uint32_t i = m; i < m + LANES; i++)
			u[i] = INFINITY;
		for (uint32_t i = 0; i < m; i += LANES) {
			below += falling(u + i, m - i);
			left -= m - i > LANES ? LANES * (m - i) - LANES * (LANES + 1) / 2
					      : (m - i) * (m - i - 1) / 2;
			if (below > than || below + left <= than)
				return below > than;
		}
		from = s->end[p];
	}
	return below > than;
}

/*
 * Of the first of @n days to each later one; @per[i] = 1 / i.  Mostly no day is missing: then
 * dividing by the distance is multiplying by one over it.
 */
static void slopes_from(const float *restrict y, const float *restrict x, const float *restrict per,
	uint32_t n, float *restrict to)
{
	if (x[n - 1] - x[0] == (float)(n - 1))
		for (uint32_t i = 1; i < n; i++)
			to[i - 1] = (y[i] - y[0]) * per[i];
	else
		for (uint32_t i = 1; i < n; i++)
			to[i - 1] = (y[i] - y[0]) / (x[i] - x[0]);
}

void hr_slopes_ranks(const struct hr_slopes *s, const size_t rank[], unsigned m, double ret[])
{
	float v[PAIRS], y[HR_SLOPES_DAYS], x[HR_SLOPES_DAYS], per[HR_SLOPES_DAYS], *to = v;
	float got[HR_RANK_PICKS];
	uint32_t from = 0;

	for (uint32_t i = 0; i < HR_SLOPES_DAYS; i++)
		per[i] = 1 / (float)(i ? i : 1);
	for (uint32_t i = 0; i < s->used; i++) {
		y[i] = (float)(s->y[i] - s->y[0]);
		x[i] = (float)s->x[i];
	}
	for (uint32_t p = 0; p < s->pieces; p++) {
		for (uint32_t i = from; i < s->end[p]; i++) {
			slopes_from(y + i, x + i, per, s->end[p] - i, to);
			to += s->end[p] - i - 1;
		}
		from = s->end[p];
	}
	hr_rank_picks(v, (size_t)(to - v), rank, m, got);
	for (unsigned k = 0; k < m; k++)
		ret[k] = (double)got[k];
}
