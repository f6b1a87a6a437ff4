/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two VMs on one, from what both recorded minute by minute.  What their loads need together in
 * the tight minutes is measured, not assumed: peaks that never met are not added.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "collector/core/answer.h"

#define HR_MERGE_MINUTES_MIN 1440 /* of both at once: a day; less is an anecdote */

/*
 * Demand of the tight minutes alone over demand of the tight minutes together: the factor (0..1]
 * that headroom at @load times @a's demand shrinks by when @b is added.  Tight = the quantile
 * @q of minutes is above it.  NaN: not known in that minute; minutes known of both count and are
 * told.  has = false: fewer than HR_MERGE_MINUTES_MIN of them.
 */
struct hr_opt hr_merge_ratio(
	const double *a, double load, const double *b, size_t n, double q, uint32_t *ret_minutes);

/* The largest sum of a minute: need of memory, which cannot wait.  has as above. */
struct hr_opt hr_merge_peak(const double *a, double load, const double *b, size_t n);
