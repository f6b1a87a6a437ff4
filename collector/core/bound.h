/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Upper bound of next week's demand: the p95 of its 5-minute means is at or
 * below it in 9 weeks of 10.  From the highest weekly and the highest daily p95
 * seen; the margin grows with the gap between the two, times a factor that is
 * the 90 % quantile of what other VMs needed (a conformal bound: Lei et al.
 * 2018).  A host's own few weeks must not set the factor (FORECAST.md).
 */
#pragma once

#include <stdint.h>

#include "collector/core/answer.h"

#define HR_BOUND_DAYS_MIN 14 /* two weeks: below it no bound */
#define HR_BOUND_WEEKS    4

enum hr_bound_kind {
	HR_BOUND_CPU = 0,
	HR_BOUND_MEMORY,
};

/* Margin factor for @weeks (2..4) of history. */
double hr_bound_factor(enum hr_bound_kind kind, unsigned weeks);

/* Gap of the two peaks on the scale of the margin. Both >= 0, in percent of capacity. */
double hr_bound_spread(double weekly_max, double daily_max);

/* The bound in percent of capacity. */
double hr_bound_next(double weekly_max, double daily_max, double factor);

/*
 * From a daily history, newest last: @day_p95[i] of day i, @week_p95[i] of the 7 days that end with
 * day i; percent of capacity, NaN = not known.  has = false: less than HR_BOUND_DAYS_MIN days.
 */
struct hr_opt hr_bound_of(
	enum hr_bound_kind kind, const double *day_p95, const double *week_p95, uint32_t n);

/* How often the bound held in the past weeks of this same history; ret_of 0: none to judge. */
void hr_bound_held(enum hr_bound_kind kind, const double *day_p95, const double *week_p95,
	uint32_t n, uint32_t *ret_held, uint32_t *ret_of);
