/* SPDX-License-Identifier: Apache-2.0 */
/* Probability of a sustained crossing; weights from `tests/forecast/run --data DIR`. */
#include "collector/core/crossing.h"

#include <math.h>
#include <string.h>

#include "collector/core/rank.h"

/*
 * Fitted on every VM of the hourly Bitbrains traces (CPU, memory, both), lines at 1.1, 1.25, 1.49,
 * 2 and 3 times last week's peak, or, touched, at 0.75, 0.9 and 1.0 times; ridge 0.01.  Scores in
 * FORECAST.md are from fits that had not seen the VM they were scored on.  SHARED: six features,
 * both resources; with the CPU's few events two more features and weights of its own told less
 * about VMs that were left out.
 */
#define SHARED                                                                                     \
	{                                                                                          \
		-2.6373, -0.5845, -0.8257, -1.9128, 0.9345, 2.8686, 1.1951, 0, 0                   \
	}
static const double weights[2][HR_CROSSING_KIND_N][1 + HR_CROSSING_FEATURES] =
	{
		[false] =
			{
				[HR_CROSSING_ANY] = SHARED,
				[HR_CROSSING_CPU] = SHARED,
				[HR_CROSSING_MEMORY] = {-3.4747, -0.4711, -0.6925, -0.6276, 0.6005,
					3.2110, 0.4969, 0.4590, 0.4241},
			},
		[true] =
			{
				[HR_CROSSING_ANY] = {-2.7535, -0.1480, -1.2375, -0.7759,
					0.8701, 1.3084, 0.5655, 0.4224, 0.3686},
				[HR_CROSSING_CPU] = {-2.0287, -0.0395, -1.1193, -0.4465,
					0.7498, 0.7636, 0.7320, 0.1853, -0.0115},
				[HR_CROSSING_MEMORY] = {-3.2584, -0.2525, -1.7368, -1.3844,
					0.8770, 2.3580, 0.4047, 0.6002, 0.8430},
			},
};

#define NEAR  0.8
#define TOUCH 0.999 /* a peak this near to the line has reached it: the data are rounded */

const double *hr_crossing_weights(enum hr_crossing_kind kind, bool touched)
{
	return weights[touched][kind];
}

/* The third largest of the seven days of each of @n windows; unknown days are low ones. */
static void levels(const double *peak, uint32_t n, double *ret)
{
	for (uint32_t i = 0; i < n; i++) {
		double top[HR_CROSSING_NEED] = {0}; /* largest first */

		for (uint32_t d = i; d < i + HR_CROSSING_WITHIN; d++) {
			double v = isnan(peak[d]) ? 0 : peak[d];

			for (unsigned t = 0; t < HR_CROSSING_NEED; t++) {
				double more = top[t] > v ? top[t] : v;

				v = top[t] > v ? v : top[t];
				top[t] = more;
			}
		}
		ret[i] = top[HR_CROSSING_NEED - 1];
	}
}

double hr_crossing_level(const double *peak, uint32_t n)
{
	double best = 0, level;

	for (uint32_t i = 0; i + HR_CROSSING_WITHIN <= n; i++) {
		levels(peak + i, 1, &level);
		best = fmax(best, level);
	}
	return best;
}

/* Highest level held from day i on: of a week that begins there, or later. */
#define WINDOWS (HR_CROSSING_DAYS - HR_CROSSING_WITHIN + 1)
static void levels_from(const double peak[HR_CROSSING_DAYS], double ret[WINDOWS])
{
	levels(peak, WINDOWS, ret);
	for (unsigned i = WINDOWS - 1; i-- > 0;)
		ret[i] = ret[i + 1] > ret[i] ? ret[i + 1] : ret[i];
}

/*
 * The VM's own past: of the 15 days that have 7 days before them and 7 at or after them, after how
 * many was a level reached and held that lies as far above those 7 days' peak as the line lies
 * above the last 7 days' peak?
 */
static double own_rises(const double peak[HR_CROSSING_DAYS], const double level[], double line)
{
	double last = 0;
	unsigned rose = 0, n = 0;

	for (unsigned d = HR_CROSSING_DAYS - HR_CROSSING_WITHIN; d < HR_CROSSING_DAYS; d++)
		last = peak[d] > last ? peak[d] : last; /* not NaN */
	for (unsigned o = HR_CROSSING_WITHIN; o + HR_CROSSING_WITHIN <= HR_CROSSING_DAYS; o++) {
		double before = -1;

		for (unsigned d = o - HR_CROSSING_WITHIN; d < o; d++)
			before = peak[d] > before ? peak[d] : before;
		if (before < 0)
			continue; /* a week without evidence is not a low one */
		rose += level[o] * fmax(last, 1e-3) >= line * fmax(before, 1e-3);
		n++;
	}
	return n ? (double)rose / n : 0;
}

static double median_slope(const double lw[HR_CROSSING_DAYS])
{
	float y[HR_CROSSING_DAYS], s[HR_CROSSING_DAYS * (HR_CROSSING_DAYS - 1) / 2];
	uint32_t k = 0, n = 0;

	for (unsigned i = 0; i < HR_CROSSING_DAYS; i++)
		y[i] = (float)lw[i];
	for (unsigned lag = 1; lag < HR_CROSSING_DAYS; lag++) {
		for (unsigned i = 0; i + lag < HR_CROSSING_DAYS; i++)
			s[k + i] = (y[i + lag] - y[i]) / (float)lag;
		k += HR_CROSSING_DAYS - lag;
	}
	for (uint32_t i = 0; i < k; i++) {
		bool known = s[i] == s[i];

		s[i] = known ? s[i] : INFINITY;
		n += known;
	}
	return n ? (double)hr_rank_middle(s, k, n) : 0;
}

/* A load that is the same on all days, away from the line: most are, at the cap of k. */
static bool all_alike(const double peak[HR_CROSSING_DAYS], double line)
{
	double one = NAN;
	unsigned n = 0;

	for (unsigned d = 0; d < HR_CROSSING_DAYS; d++) {
		if (isnan(peak[d]))
			continue;
		if (n++ > 0 && peak[d] != one)
			return false;
		one = peak[d];
	}
	return n >= HR_CROSSING_DAYS_MIN && one < line * NEAR && one > 0;
}

static void features(const double peak[HR_CROSSING_DAYS], double line, bool slope,
	double ret_x[HR_CROSSING_FEATURES])
{
	double lw[HR_CROSSING_DAYS], level[WINDOWS];
	double max = -INFINITY, sum = 0, sq = 0, step = 0;
	unsigned n = 0, n_step = 0, over = 0, near = 0;

	if (all_alike(peak, line)) {
		for (unsigned d = 0; d < HR_CROSSING_DAYS; d++)
			max = isnan(peak[d]) ? max : peak[d];
		memset(ret_x, 0, HR_CROSSING_FEATURES * sizeof(*ret_x));
		ret_x[0] = ret_x[1] = -log(fmax(max / line, HR_CROSSING_FLOOR));
		return;
	}
	for (unsigned d = 0; d < HR_CROSSING_DAYS; d++) {
		lw[d] = isnan(peak[d]) ? NAN : log(fmax(peak[d] / line, HR_CROSSING_FLOOR));
		if (isnan(lw[d]))
			continue;
		n++;
		sum += lw[d];
		max = fmax(max, lw[d]);
		over += peak[d] >= line * TOUCH;
		near += peak[d] >= line * NEAR;
		if (d > 0 && !isnan(lw[d - 1])) {
			step += fabs(lw[d] - lw[d - 1]);
			n_step++;
		}
	}
	for (unsigned d = 0; d < HR_CROSSING_DAYS; d++)
		if (!isnan(lw[d]))
			sq += (lw[d] - sum / n) * (lw[d] - sum / n);
	levels_from(peak, level);
	ret_x[0] = -max;
	ret_x[1] = -log(fmax(level[0] / line, HR_CROSSING_FLOOR));
	ret_x[2] = n ? sqrt(sq / n) : 0;
	ret_x[3] = log(1.0 + over);
	ret_x[4] = n_step ? step / n_step : 0;
	ret_x[5] = own_rises(peak, level, line);
	ret_x[6] = log(1.0 + near);
	ret_x[7] = slope ? 30 * median_slope(lw) : 0;
}

void hr_crossing_features(
	const double peak[HR_CROSSING_DAYS], double line, double ret_x[HR_CROSSING_FEATURES])
{
	features(peak, line, true, ret_x);
}

void hr_crossing_look(const double peak[HR_CROSSING_DAYS], double line, enum hr_crossing_kind kind,
	struct hr_crossing_look *ret)
{
	const double *last = peak + HR_CROSSING_DAYS - HR_CROSSING_WITHIN;
	unsigned n = 0;
	bool touched = false;

	*ret = (struct hr_crossing_look){0};
	for (unsigned d = 0; d < HR_CROSSING_DAYS; d++) {
		n += isnan(peak[d]) ? 0 : 1;
		ret->said.days_over += peak[d] >= line * TOUCH;
	}
	for (unsigned d = 0; d < HR_CROSSING_WITHIN; d++)
		touched |= last[d] >= line;
	if (hr_crossing_level(last, HR_CROSSING_WITHIN) >= line) {
		ret->said.state = HR_CROSSING_NOW;
		return;
	}
	if (n < HR_CROSSING_DAYS_MIN) {
		ret->said.need_days = HR_CROSSING_DAYS_MIN - n;
		return;
	}
	ret->said.state = touched ? HR_CROSSING_TOUCHED : HR_CROSSING_AHEAD;
	features(peak, line, hr_crossing_weights(kind, touched)[HR_CROSSING_FEATURES] != 0, ret->x);
}

void hr_crossing_say(
	const struct hr_crossing_look *l, enum hr_crossing_kind kind, struct hr_crossing *ret)
{
	const double *w = hr_crossing_weights(kind, l->said.state == HR_CROSSING_TOUCHED);
	double sum = w[0];

	*ret = l->said;
	if (ret->state != HR_CROSSING_TOUCHED && ret->state != HR_CROSSING_AHEAD)
		return;
	for (unsigned i = 0; i < HR_CROSSING_FEATURES; i++)
		sum += w[1 + i] * l->x[i];
	ret->p = 1 / (1 + exp(-sum));
}

void hr_crossing(const double peak[HR_CROSSING_DAYS], double line, enum hr_crossing_kind kind,
	struct hr_crossing *ret)
{
	struct hr_crossing_look l;

	hr_crossing_look(peak, line, kind, &l);
	hr_crossing_say(&l, kind, ret);
}
