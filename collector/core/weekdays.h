/* SPDX-License-Identifier: Apache-2.0 */
/* What each weekday adds to a daily series: medians of distances from seven-day centred means. */
#pragma once

#include <stdint.h>

#define HR_WEEKDAYS          7
#define HR_WEEKDAYS_MAX      91 /* days of a series */
#define HR_WEEKDAYS_DAYS_MIN 14 /* two of each weekday; less: nothing is taken off */

/*
 * @h: @n days, NaN = not known; @first: weekday of h[0].  ret_season sums to 0 over the weekdays
 * that are known; ret_z[@n] = h less it.
 */
void hr_weekdays(
	const double *h, uint32_t n, uint8_t first, double ret_season[HR_WEEKDAYS], double *ret_z);
