/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/core/cuts.h"

#include <math.h>
#include <stddef.h>

#include "collector/core/rank.h"

#define DAYS      91
#define WEEK      7
#define SEG_MIN   5     /* days of a piece */
#define SEG_SPLIT 12    /* only pieces this long are split: two of SEG_MIN and a doubt */
#define SCALE     0.954 /* median |difference| of two normal days over their sigma */
#define MEDIAN_SE 1.253 /* sqrt(pi/2): standard error of a median */

static uint32_t take(const double *v, uint32_t from, uint32_t to, double *out)
{
	uint32_t n = 0;

	for (uint32_t i = from; i < to; i++)
		if (!isnan(v[i]))
			out[n++] = v[i];
	return n;
}

/* Median of the known days of [from, to), a week at most; how many there are. */
static double middle(
	const double *z, const double *week, uint32_t from, uint32_t to, uint32_t *ret_n)
{
	double v[WEEK];

	if (to - from == WEEK && !isnan(week[from])) {
		*ret_n = WEEK;
		return week[from];
	}
	*ret_n = take(z, from, to, v);
	return hr_rank_median(v, *ret_n);
}

/* Noise of [from, to): day-to-day differences around the slope over short lags. */
static void noise(const double *z, uint32_t from, uint32_t to, double *ret_b0, double *ret_sigma)
{
	double v[DAYS * WEEK], tmp[DAYS * WEEK], mid[2];
	uint32_t n = 0;

	for (uint32_t lag = 1; lag <= WEEK; lag++)
		for (uint32_t i = from; i + lag < to; i++) {
			v[n] = (z[i + lag] - z[i]) / lag;
			n += isnan(v[n]) ? 0 : 1;
		}
	*ret_b0 = 0;
	if (n) {
		hr_rank_picks(v, n, (size_t[2]){n / 2, (n - 1) / 2}, 2, tmp, mid);
		*ret_b0 = n % 2 ? mid[0] : (mid[0] + mid[1]) / 2;
	}
	n = 0;
	for (uint32_t i = from + 1; i < to; i++)
		if (!isnan(z[i]) && !isnan(z[i - 1]))
			v[n++] = fabs(z[i] - z[i - 1] - *ret_b0);
	*ret_sigma = (n ? hr_rank_median(v, n) : 0) / SCALE + 1e-9;
}

void hr_cut_best(
	const double *z, const double *week, uint32_t from, uint32_t to, struct hr_cut *ret)
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
		double left = middle(z, week, a, t, &nl), right = middle(z, week, t, e, &nr), score;

		if (nl < 3 || nr < 3)
			continue;
		score = fabs(right - left - b0 * (double)(e - a) / 2) /
			(MEDIAN_SE * sigma * sqrt(1.0 / nl + 1.0 / nr));
		if (score > best) {
			best = score;
			at = t;
		}
	}
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
