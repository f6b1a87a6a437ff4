/* SPDX-License-Identifier: Apache-2.0 */
/* Probability of a sustained crossing; weights from `tests/forecast/run --data DIR`. */
#include "collector/core/crossing.h"

#include <math.h>

/*
 * Fitted on every VM of the hourly Bitbrains traces (CPU, memory, both), lines at 1.1, 1.25, 1.49,
 * 2 and 3 times last week's peak, or, touched, at 0.75, 0.9 and 1.0 times; ridge 0.01.  Scores in
 * FORECAST.md are from fits that had not seen the VM they were scored on.
 */
static const double weights[2][HR_CROSSING_KIND_N][1 + HR_CROSSING_FEATURES] =
	{
		[false] =
			{
				[HR_CROSSING_ANY] = {-2.5709, -0.5732, -0.8415, -1.5576, 0.8838,
					2.6670},
				[HR_CROSSING_CPU] = {-2.6551, -0.5777, -0.5235, -1.7574, 1.2321,
					1.8150},
				[HR_CROSSING_MEMORY] =
					{-2.5495, -0.5828, -1.1330, -1.3089, 0.6837, 3.3724},
			},
		[true] =
			{
				[HR_CROSSING_ANY] = {-1.3012, -0.0305, -1.5862, -0.8662,
					0.9136, 0.7105},
				[HR_CROSSING_CPU] =
					{-1.1519, 0.0266, -1.3472, -0.1674, 0.7181, 0.1590},
				[HR_CROSSING_MEMORY] =
					{-1.2873, -0.1203, -2.1677, -1.9071, 0.9235, 1.7914},
			},
};

#define TOUCH 0.999 /* a peak this near to the line has reached it: the data are rounded */

const double *hr_crossing_weights(enum hr_crossing_kind kind, bool touched)
{
	return weights[touched][kind];
}

double hr_crossing_level(const double *peak, uint32_t n)
{
	double best = 0;

	for (uint32_t i = 0; i + HR_CROSSING_WITHIN <= n; i++) {
		double top[HR_CROSSING_NEED] = {0}; /* largest first */

		for (uint32_t d = i; d < i + HR_CROSSING_WITHIN; d++) {
			double v = isnan(peak[d]) ? 0 : peak[d];

			for (unsigned t = 0; t < HR_CROSSING_NEED; t++) {
				double less = fmin(top[t], v);

				top[t] = fmax(top[t], v);
				v = less;
			}
		}
		best = fmax(best, top[HR_CROSSING_NEED - 1]);
	}
	return best;
}

void hr_crossing_features(
	const double peak[HR_CROSSING_DAYS], double line, double ret_x[HR_CROSSING_FEATURES])
{
	double lw[HR_CROSSING_DAYS], max = -INFINITY, sum = 0, sq = 0, step = 0, level;
	unsigned n = 0, n_step = 0, over = 0;

	for (unsigned d = 0; d < HR_CROSSING_DAYS; d++) {
		lw[d] = isnan(peak[d]) ? NAN : log(fmax(peak[d] / line, HR_CROSSING_FLOOR));
		if (isnan(lw[d]))
			continue;
		n++;
		sum += lw[d];
		max = fmax(max, lw[d]);
		over += peak[d] >= line * TOUCH;
		if (d > 0 && !isnan(lw[d - 1])) {
			step += fabs(lw[d] - lw[d - 1]);
			n_step++;
		}
	}
	for (unsigned d = 0; d < HR_CROSSING_DAYS; d++)
		if (!isnan(lw[d]))
			sq += (lw[d] - sum / n) * (lw[d] - sum / n);
	level = fmax(hr_crossing_level(peak, HR_CROSSING_DAYS) / line, HR_CROSSING_FLOOR);
	ret_x[0] = -max;
	ret_x[1] = -log(level);
	ret_x[2] = n ? sqrt(sq / n) : 0;
	ret_x[3] = log(1.0 + over);
	ret_x[4] = n_step ? step / n_step : 0;
}

void hr_crossing(const double peak[HR_CROSSING_DAYS], double line, enum hr_crossing_kind kind,
	struct hr_crossing *ret)
{
	const double *last = peak + HR_CROSSING_DAYS - HR_CROSSING_WITHIN;
	double x[HR_CROSSING_FEATURES], sum;
	const double *w;
	unsigned n = 0;
	bool touched = false;

	*ret = (struct hr_crossing){0};
	for (unsigned d = 0; d < HR_CROSSING_DAYS; d++) {
		n += isnan(peak[d]) ? 0 : 1;
		ret->days_over += peak[d] >= line * TOUCH;
	}
	for (unsigned d = 0; d < HR_CROSSING_WITHIN; d++)
		touched |= last[d] >= line;
	if (hr_crossing_level(last, HR_CROSSING_WITHIN) >= line) {
		ret->state = HR_CROSSING_NOW;
		return;
	}
	if (n < HR_CROSSING_DAYS_MIN) {
		ret->need_days = HR_CROSSING_DAYS_MIN - n;
		return;
	}
	ret->state = touched ? HR_CROSSING_TOUCHED : HR_CROSSING_AHEAD;
	w = hr_crossing_weights(kind, touched);
	hr_crossing_features(peak, line, x);
	sum = w[0];
	for (unsigned i = 0; i < HR_CROSSING_FEATURES; i++)
		sum += w[1 + i] * x[i];
	ret->p = 1 / (1 + exp(-sum));
}
