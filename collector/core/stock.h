/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a stock is full: file-system space, inodes.  Growth is the mean over one
 * to two horizons, not a robust slope: the jumps are the growth, and discarding
 * them cost 12 points of hits (FORECAST.md).  Here alone a date is worth giving.
 */
#pragma once

#include <stdint.h>

#include "collector/core/answer.h"

#define HR_STOCK_DAYS_MIN 14
#define HR_STOCK_DAYS_MAX 180

struct hr_stock {
	uint32_t days;      /* between first and last evidence used */
	uint32_t need_days; /* > 0: more days needed, nothing else is filled */
	double per_day;     /* mean growth */
	/*
	 * Days until full; has = false: never at this rate, or beyond twice the history.  There is
	 * no latest date: growth stops, and of dates "full by then" 20-60 % did not come true.
	 */
	struct hr_opt early, likely;
};

/*
 * @used: one value a day, oldest first, today last, NaN = not sampled; any unit.  Full at
 * @capacity of the same unit.  Only the last HR_STOCK_DAYS_MAX + 1 values are read.
 */
void hr_stock_fit(const double *used, uint32_t n, double capacity, struct hr_stock *ret);
