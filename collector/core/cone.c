/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/core/cone.h"

#include <math.h>
#include <string.h>

#include "collector/core/rank.h"

#define Q      0.9
#define DAY    24
#define WEEK   HR_HOURS_WEEK
#define ENOUGH 0.7 /* of the hours */
#define PROOF  0.9 /* loss against the plainer shape's */

/*
 * 0.9 quantile over VMs and hours, 196 Bitbrains VMs (tests/forecast/run: hours).  Stored hours are
 * whole steps of 3 %, which is less than any of them.
 */
static const double margins[2][HR_CONE_N] = {
	[HR_BOUND_CPU] = {[HR_CONE_FLAT] = 0.016, [HR_CONE_DAY] = 0.036, [HR_CONE_WEEK] = 0.051},
	[HR_BOUND_MEMORY] = {[HR_CONE_FLAT] = 0.031, [HR_CONE_DAY] = 0.056, [HR_CONE_WEEK] = 0.066},
};

const double *hr_cone_margins(enum hr_bound_kind kind)
{
	return margins[kind];
}

const char *hr_cone_shape_name(enum hr_cone_shape s)
{
	static const char *const name[HR_CONE_N] = {
		[HR_CONE_NONE] = "none",
		[HR_CONE_FLAT] = "flat",
		[HR_CONE_DAY] = "hour-of-day",
		[HR_CONE_WEEK] = "hour-of-week",
	};

	return (unsigned)s < HR_CONE_N ? name[s] : "?";
}

static uint32_t known(const double *v, uint32_t n)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < n; i++)
		k += isnan(v[i]) ? 0 : 1;
	return k;
}

/* Quantile of the hours @first, @first + @step ...; NaN with less than half of them known. */
static double every(const double *v, uint32_t n, uint32_t first, uint32_t step)
{
	double x[HR_HOURS_DAYS];
	uint32_t k = 0, all = 0;

	for (uint32_t i = first; i < n; i += step, all++)
		if (!isnan(v[i]))
			x[k++] = v[i];
	return 2 * k >= all ? hr_rank_quantile(x, k, Q) : NAN;
}

/* The same hour of the week and its two neighbours: four values an hour are few. */
static double around(const double *v, uint32_t n, uint32_t hour)
{
	double x[3 * HR_HOURS_DAYS / 7];
	uint32_t k = 0, all = 0;

	for (uint32_t w = 0; w * WEEK < n; w++)
		for (uint32_t d = 0; d < 3; d++, all++) {
			uint32_t i = w * WEEK + (hour + WEEK + d - 1) % WEEK;

			if (!isnan(v[i]))
				x[k++] = v[i];
		}
	return 2 * k >= all ? hr_rank_quantile(x, k, Q) : NAN;
}

void hr_cone_base(const double *v, uint32_t n, enum hr_cone_shape shape, double margin,
	double ret[HR_HOURS_WEEK])
{
	double x[HR_HOURS], flat;
	uint32_t k = 0;

	for (uint32_t i = 0; i < n; i++)
		if (!isnan(v[i]))
			x[k++] = v[i];
	flat = hr_rank_quantile(x, k, Q);
	for (uint32_t h = 0; h < WEEK; h++) {
		double b = flat;

		if (shape != HR_CONE_FLAT) {
			double day = every(v, n, h % DAY, DAY);

			b = isnan(day) ? flat : day;
		}
		if (shape == HR_CONE_WEEK) {
			double week = around(v, n, h);

			b = isnan(week) ? b : sqrt((1 + b) * (1 + week)) - 1;
		}
		ret[h] = (1 + b) * exp(margin) - 1;
	}
}

static double loss(const double *bound, const double *y)
{
	double sum = 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < WEEK; i++) {
		double d = y[i] - bound[i];

		if (isnan(d))
			continue;
		sum += fmax(Q * d, (Q - 1) * d);
		n++;
	}
	return n ? sum / n : INFINITY;
}

void hr_cone_make(const double v[HR_HOURS], const double margin[HR_CONE_N], struct hr_cone *ret)
{
	const double *last = v + HR_HOURS - WEEK;
	double bound[WEEK], best = INFINITY;

	memset(ret, 0, sizeof(*ret));
	if (known(v, HR_HOURS) < ENOUGH * HR_HOURS || known(v, HR_HOURS - WEEK) < 2 * WEEK ||
		known(last, WEEK) < ENOUGH * WEEK)
		return;
	for (enum hr_cone_shape s = HR_CONE_FLAT; s < HR_CONE_N; s++) {
		double l;

		hr_cone_base(v, HR_HOURS - WEEK, s, margin[s], bound);
		l = loss(bound, last);
		if (s != HR_CONE_FLAT && !(l < PROOF * best))
			continue;
		best = l;
		ret->shape = s;
		ret->held = ret->of = 0;
		for (uint32_t i = 0; i < WEEK; i++) {
			ret->of += isnan(last[i]) ? 0 : 1;
			ret->held += last[i] <= bound[i];
		}
	}
	hr_cone_base(v, HR_HOURS, ret->shape, margin[ret->shape], ret->at_most);
}
