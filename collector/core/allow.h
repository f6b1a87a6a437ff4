/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many late bursts of a minute are tolerated.  A load at its very limit has more than the
 * tolerated share in every second minute, and they come in clumps, so that the count varies by two
 * to three times what independent ones would: a minute is BAD when it has @dev square roots of the
 * tolerated count more than that.  `measure` asks one minute, of which one in forty may err; the
 * service asks whether q of thousands of minutes are BAD, and with five a load is BAD in that many
 * at what it carries in the long run (MODEL.md 2).
 */
#pragma once

#include <math.h>

#include "collector/core/vm.h"

#define HR_LATE_MEASURE 2
#define HR_LATE_SERVICE 5
#define HR_LATE_ONE_MS  60000 /* longer minutes are `measure`'s */

struct hr_allow {
	double eps;    /* tolerated share */
	double dev;    /* 0: that and nothing more, whatever the number */
	double bursts; /* of the minute, at today's load */
};

/*
 * Who is asked again until it is known looks several times at what came so far, and each look is
 * another chance of a luckless one.  After @t_s as many times the deviations are wanted as O'Brien
 * and Fleming's boundary has: nothing but the last look has those of a single one.
 */
static inline double hr_late_look(const struct hr_model_conf *c, double t_s)
{
	return t_s > 0 ? fmax(sqrt((double)c->until_ms / 1e3 / t_s), 1) : 1;
}

/* Deviations that make a minute of @t_s BAD. */
static inline double hr_late_dev(const struct hr_model_conf *c, double t_s)
{
	return c->minute_ms > HR_LATE_ONE_MS ? HR_LATE_MEASURE * hr_late_look(c, t_s)
					     : HR_LATE_SERVICE;
}

/*
 * What is asked of a minute at larger loads: the service whether it would be BAD; `measure`, which
 * has one, where the load passes the share.
 */
static inline struct hr_allow hr_allow_of(const struct hr_model_conf *c, double bursts)
{
	return (struct hr_allow){.eps = c->eps,
		.dev = c->minute_ms > HR_LATE_ONE_MS ? 0 : HR_LATE_SERVICE,
		.bursts = bursts};
}

/* So many late ones of @bursts are not BAD. */
static inline double hr_late_most(double eps, double dev, double bursts)
{
	double limit = eps * bursts;

	return fmax(1, limit + dev * sqrt(limit));
}

/* The share of late bursts that a minute may have at @k times its load. */
static inline double hr_allowed(const struct hr_allow *a, double k)
{
	double n = a->bursts * k;

	if (!(a->dev > 0) || !(n > 0))
		return a->eps;
	return fmin(hr_late_most(a->eps, a->dev, n) / n, 1);
}
