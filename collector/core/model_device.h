/* SPDX-License-Identifier: Apache-2.0 */
/* What disk and network share: rate limits against demand (answer-model 8.5 - 8.7). */
#pragma once

#include "collector/core/model.h"

struct hr_rate {
	double demand; /* per second, what the minute needs of the limit */
	double cap;    /* per second, 0 unknown */
	double clean; /* best clean rate over the same length, a lower bound of the limit; 0 none */
	double sold; /* what the smallest device sold would carry like this load, per second; 0 none
		      */
	enum hr_cap_source source;
	enum hr_unit unit;
	const char *what;
};

/*
 * Bounds from several limits: the smallest k wins; a limit only known from
 * below gives at_least only.  Fills headroom and capacity of the tightest.
 */
void hr_device_bounds(
	const struct hr_ctx *x, const struct hr_rate *rate, unsigned n, struct hr_estimate *e);
