/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How memory grows with load: the median slope of all pairs of days, of the memory in use on the
 * CPU work, each the 95 % quantile of its day (answer-model 9).  It needs days that differ in
 * work, and days whose memory follows it: without either there is none, and it is said which.
 * Memory that is not less on days of less work is no sign that more work needs no more: a program
 * that gives nothing back (malloc, heaps) looks the same.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define HR_GROWTH_DAYS_MIN 14
#define HR_GROWTH_DAYS_MAX 28
#define HR_GROWTH_SPREAD   1.3 /* of the work of busy days over that of quiet ones */

enum hr_growth_state {
	HR_GROWTH_DAYS = 0, /* too few */
	HR_GROWTH_EVEN,     /* no two days differ enough in work */
	HR_GROWTH_UNSURE,   /* memory does not follow work closely enough for a number */
	HR_GROWTH_FLAT,     /* it is no less on days of less work */
	HR_GROWTH_KNOWN,
};

struct hr_growth {
	enum hr_growth_state state;
	uint32_t days; /* with both values */
	/*
	 * What goes with today's load, in percent of all memory; KNOWN: 0 < part_lo <= part, else
	 * not to be used.
	 */
	double part, part_lo, part_hi;
};

/* Slope of @y on @x by the pairs of values, of which those of the same x tell nothing. */
struct hr_growth_line {
	uint32_t pairs;
	double slope, lo, hi; /* interval of Kendall's variance at @z */
};

/* False when no two of the @n <= HR_GROWTH_DAYS_MAX values of x differ. */
bool hr_growth_line(
	const double *x, const double *y, uint32_t n, double z, struct hr_growth_line *ret);

/*
 * The last HR_GROWTH_DAYS_MAX days of work and of memory in use, in percent of the capacity, NaN:
 * not known.  Both come from the codes of days.h: @step is the width of one, of 1 + percent.
 */
void hr_growth_fit(const double work[HR_GROWTH_DAYS_MAX], const double used[HR_GROWTH_DAYS_MAX],
	double step, struct hr_growth *ret);
