/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/core/bound.h"

#include <math.h>

#define WEEK 7
#define FLAT 0.05 /* margin of a load whose daily and weekly peaks are the same */

/*
 * 0.9 quantile over VMs of ln((1+y)/(1+W)) / (gap + 0.05): Bitbrains CPU and memory with four weeks
 * of history, Azure CPU with two.  Three weeks: between (their mean); memory with two: as CPU.
 */
double hr_bound_factor(enum hr_bound_kind kind, unsigned weeks)
{
	static const double four[] = {[HR_BOUND_CPU] = 0.34, [HR_BOUND_MEMORY] = 0.27};
	static const double two = 0.69;

	if (weeks >= HR_BOUND_WEEKS)
		return four[kind];
	return weeks == 3 ? (four[kind] + two) / 2 : two;
}

double hr_bound_spread(double weekly_max, double daily_max)
{
	return fmax(log((1 + daily_max) / (1 + weekly_max)), 0) + FLAT;
}

double hr_bound_next(double weekly_max, double daily_max, double factor)
{
	return (1 + weekly_max) * exp(factor * hr_bound_spread(weekly_max, daily_max)) - 1;
}

struct hr_opt hr_bound_of(
	enum hr_bound_kind kind, const double *day_p95, const double *week_p95, uint32_t n)
{
	double weekly = -1, daily = -1;
	uint32_t days = 0;
	unsigned weeks = 0;

	for (uint32_t i = 0; i < HR_BOUND_WEEKS * WEEK && i < n; i++) {
		double v = day_p95[n - 1 - i];

		if (isnan(v))
			continue;
		days++;
		daily = fmax(daily, v);
		weeks = i / WEEK + 1;
	}
	for (uint32_t i = 0; i < HR_BOUND_WEEKS && i * WEEK < n; i++)
		if (!isnan(week_p95[n - 1 - i * WEEK]))
			weekly = fmax(weekly, week_p95[n - 1 - i * WEEK]);
	if (days < HR_BOUND_DAYS_MIN || weekly < 0)
		return (struct hr_opt){0};
	return (struct hr_opt){
		.has = true, .v = hr_bound_next(weekly, daily, hr_bound_factor(kind, weeks))};
}

void hr_bound_held(enum hr_bound_kind kind, const double *day_p95, const double *week_p95,
	uint32_t n, uint32_t *ret_held, uint32_t *ret_of)
{
	*ret_held = *ret_of = 0;
	for (uint32_t end = n; end >= WEEK + HR_BOUND_DAYS_MIN; end -= WEEK) {
		struct hr_opt b;

		if (isnan(week_p95[end - 1]))
			continue;
		b = hr_bound_of(kind, day_p95, week_p95, end - WEEK);
		if (!b.has)
			continue;
		++*ret_of;
		*ret_held += week_p95[end - 1] <= b.v;
	}
}
