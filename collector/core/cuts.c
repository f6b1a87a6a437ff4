/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/core/cuts.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "collector/core/rank.h"

#define DAYS      HR_CUT_DAYS
#define WEEK      7
#define SEG_MIN   5  /* days of a piece */
#define SEG_SPLIT 12 /* only pieces this long are split: two of SEG_MIN and a doubt */
/* Of pieces this long the middle slope is one over five days and more: the others cost as much. */
#define LONG      28
#define LAG_LONG  5
#define SCALE     0.954 /* median |difference| of two normal days over their sigma */
#define ROUNDED   1e-6  /* days come with 24 bits: nothing is quieter */
#define MEDIAN_SE 1.253 /* sqrt(pi/2): standard error of a median */

static uint32_t take(const double *v, uint32_t from, uint32_t to, double *out)
{
	uint32_t n = 0;

	for (uint32_t i = from; i < to; i++)
		if (!isnan(v[i]))
			out[n++] = v[i];
	return n;
}

/*
 * A hole counts as far above or far below, in turn: as many of each, and the median is that of the
 * others; one more of either, and it is one or the other of the two middle ones.
 */
void hr_cut_weeks(const double *z, uint32_t n, struct hr_weeks *ret)
{
	double up[DAYS], down[DAYS], other[DAYS];
	uint32_t holes = 0, in = 0;

	if (n < WEEK)
		return;
	for (uint32_t d = 0; d < n; d++) {
		bool hole = isnan(z[d]);

		in += hole ? 0 : 1;
		in -= d >= WEEK && !isnan(z[d - WEEK]) ? 1 : 0;
		if (d >= WEEK - 1)
			ret->known[d - (WEEK - 1)] = (uint8_t)in;
		up[d] = !hole ? z[d] : holes % 2 ? -INFINITY : INFINITY;
		down[d] = !hole ? z[d] : -up[d];
		holes += hole;
	}
	hr_rank_medians7(up, n - WEEK + 1, ret->mid);
	if (!holes)
		return;
	hr_rank_medians7(down, n - WEEK + 1, other);
	for (uint32_t d = 0; d + WEEK <= n; d++)
		ret->mid[d] = (ret->mid[d] + other[d]) / 2;
}

/* Median of the known days of [from, to), a week at most; how many there are. */
static double middle(
	const double *z, const struct hr_weeks *weeks, uint32_t from, uint32_t to, uint32_t *ret_n)
{
	double v[WEEK];

	if (to - from == WEEK) {
		*ret_n = weeks->known[from];
		return weeks->mid[from];
	}
	*ret_n = take(z, from, to, v);
	return hr_rank_median(v, *ret_n);
}

/* Differences over @lag days times @by; INFINITY where one is not known.  How many are known. */
static uint32_t differences(const float *y, uint32_t days, uint32_t lag, float by, float *v)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i + lag < days; i++) {
		float x = (y[i + lag] - y[i]) * by;
		bool ok = x == x;

		v[i] = ok ? x : INFINITY;
		n += ok;
	}
	return n;
}

/* Noise of [from, to): day-to-day differences around the slope over short lags. */
static void noise(const double *z, uint32_t from, uint32_t to, double *ret_b0, double *ret_sigma)
{
	float y[DAYS], v[DAYS * WEEK], b0 = 0;
	uint32_t days = to - from, n = 0, known = 0;

	for (uint32_t i = 0; i < days; i++)
		y[i] = (float)z[from + i];
	for (uint32_t lag = days > LONG ? LAG_LONG : 1; lag <= WEEK && lag < days; lag++) {
		known += differences(y, days, lag, 1 / (float)lag, v + n);
		n += days - lag;
	}
	if (known)
		hr_rank_picks(v, n, (size_t[1]){known / 2}, 1, &b0);
	n = days > 1 ? days - 1 : 0;
	known = differences(y, days, 1, 1, v);
	for (uint32_t i = 0; i < n; i++)
		v[i] = fabsf(v[i] - b0);
	*ret_b0 = (double)b0;
	*ret_sigma = (known ? (double)hr_rank_middle(v, n, known) : 0) / SCALE + ROUNDED;
}

void hr_cut_best(const double *z, const struct hr_weeks *weeks, uint32_t from, uint32_t to,
	struct hr_cut *ret)
{
	double b0, sigma, best = 0, jump = -1;
	uint32_t at = 0, lo, hi;

	noise(z, from, to, &b0, &sigma);
	*ret = (struct hr_cut){.known = true, .b0 = b0, .sigma = sigma};
	if (to - from < SEG_SPLIT)
		return;
	for (uint32_t t = from + SEG_MIN; t + SEG_MIN <= to; t++) {
		uint32_t a = t >= from + WEEK ? t - WEEK : from, e = t + WEEK <= to ? t + WEEK : to;
		uint32_t nl, nr;
		double left = middle(z, weeks, a, t, &nl), right = middle(z, weeks, t, e, &nr);
		double step = right - left - b0 * (double)(e - a) / 2, sq = step * step * nl * nr;

		/* (step / standard error)^2 / sigma^2, and a root for the best one alone */
		if (nl < 3 || nr < 3 || !(sq > best * (nl + nr)))
			continue;
		best = sq / (nl + nr);
		at = t;
	}
	best = sqrt(best) / (MEDIAN_SE * sigma);
	if (best <= HR_CUT_SUSPECT)
		return;
	/* Medians of seven days plateau there: the largest step near it is the jump. */
	lo = at >= from + SEG_MIN + 3 ? at - 3 : from + SEG_MIN;
	hi = at + 3 + SEG_MIN <= to ? at + 3 : to - SEG_MIN;
	ret->score = best;
	ret->at = at;
	for (uint32_t t = lo; t <= hi; t++) {
		double step = t ? fabs(z[t] - z[t - 1] - b0) : NAN;

		if (!isnan(step) && step > jump) {
			jump = step;
			ret->at = t;
		}
	}
}
