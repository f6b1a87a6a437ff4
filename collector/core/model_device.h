/* SPDX-License-Identifier: Apache-2.0 */
/* What disk and network share: rate limits against demand (answer-model 8.5 - 8.7). */
#pragma once

#include "collector/core/model.h"

#define HR_TOLD_NEAR 1.1 /* what is within this of the told limit is at it */

struct hr_rate {
	double demand; /* per second, what the minute needs of the limit */
	double cap;    /* per second, 0 unknown */
	double clean; /* best clean rate over the same length, a lower bound of the limit; 0 none */
	double sold; /* what the smallest device sold would carry like this load, per second; 0 none
		      */
	/*
	 * Of a token bucket, whose @cap is what is refilled: what it holds at least, and what the
	 * operator tells that bursts carry; 0 none.  With either: the most of 10 s and of the
	 * minute, a second, and the best second carried.
	 */
	double saved, burst;
	double mean, minute, second;
	bool below_told; /* @cap was learned, well below what the operator tells */
	enum hr_cap_source source;
	enum hr_unit unit;
	const char *what;
};

/*
 * The limit that the operator tells, @told a second (0: none), and what bursts carry (@burst, 0:
 * no more), into @r with its learned cap and its best second.  A cap that was learned well below it
 * is not the device's, and binds first: the VM's own, or what is left where bursts are used up. One
 * that was refuted is not used: a volume enlarged since, or a mistake.
 */
void hr_device_told(const struct hr_ctx *x, double told, double burst, struct hr_rate *r);

/* Is the told limit that @e goes by far from the load?  What is late now has not met it. */
bool hr_device_far(const struct hr_estimate *e);

/* Late with @carried a second: at the baseline that is told, its bursts used up, or at those? */
void hr_device_bursts(const struct hr_ctx *x, double carried, struct hr_estimate *e);

/*
 * Bounds from several limits: the smallest k wins; a limit only known from
 * below gives at_least only.  Fills headroom and capacity of the tightest.
 */
void hr_device_bounds(
	const struct hr_ctx *x, const struct hr_rate *rate, unsigned n, struct hr_estimate *e);
