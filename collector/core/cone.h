/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The next seven days hour by hour: a bound of the hour's largest 5-minute mean that holds in 9
 * hours of 10.  Three shapes: flat; by hour of the day; by hour of the week, blended with the
 * day's.  A shape is used only where it has proved itself on this VM: bounds made from the three
 * weeks before the last one, scored on the last one, must lose a tenth less than the plainer
 * shape's (pinball loss; on 5 VMs of 10 no shape does, FORECAST.md).  Factors are pooled over VMs.
 */
#pragma once

#include <stdint.h>

#include "collector/core/bound.h"
#include "collector/core/hours.h"

enum hr_cone_shape {
	HR_CONE_NONE = 0, /* less than 70 % of the hours of 28 days */
	HR_CONE_FLAT,
	HR_CONE_DAY,
	HR_CONE_WEEK,
	HR_CONE_N,
};
const char *hr_cone_shape_name(enum hr_cone_shape s); /* none flat hour-of-day hour-of-week */

struct hr_cone {
	enum hr_cone_shape shape;
	double at_most[HR_HOURS_WEEK]; /* percent; the hours after the last one known */
	/* How the same shape did on the last seven days, made from what was before them. */
	uint32_t held, of;
};

/* Margins: ln of (1 + bound) / (1 + quantile of the past), by shape. */
const double *hr_cone_margins(enum hr_bound_kind kind);

/* @v: percent, oldest first, NaN = no evidence. */
void hr_cone_make(const double v[HR_HOURS], const double margin[HR_CONE_N], struct hr_cone *ret);

/* Bound of one shape from @n hours (whole weeks). Hours that lack evidence get the flat bound. */
void hr_cone_base(const double *v, uint32_t n, enum hr_cone_shape shape, double margin,
	double ret[HR_HOURS_WEEK]);
