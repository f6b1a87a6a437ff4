/* SPDX-License-Identifier: Apache-2.0 */
/* Rate limits against demand, for disks and network devices. */
#include "collector/core/model_device.h"

#include <math.h>

#define CAP_M 1.1 /* caps were learned within 1 %; margin (answer-model 11) */

/*
 * What was carried says at most that the limit was reached: 100 ms above it are the throttle's
 * lumps (twice the cap of 300 writes/s in the guest), not a need.  That today's load is too much is
 * told by late requests.
 */
static double limit_of(const struct hr_rate *r)
{
	return r->cap > 0 ? r->cap : fmax(r->clean, r->sold);
}

static double factor_of(const struct hr_rate *r)
{
	double limit = limit_of(r);

	return r->demand > 0 ? limit / (r->cap > 0 ? fmin(r->demand, r->cap) : r->demand)
			     : INFINITY;
}

static void say_rate(const struct hr_ctx *x, const struct hr_rate *r)
{
	if (r->cap > 0)
		hr_trace_say(x->t,
			"  %s: limit %.0f per s (%s), needed %.1f per s -> k = %.3f, +- %.0f %%",
			r->what, r->cap, r->source == HR_CAP_LEARNED ? "learned" : "configured",
			r->demand, fmin(factor_of(r), HR_K_MAX), 100 * (CAP_M - 1));
	else
		hr_trace_say(x->t,
			"  %s: limit unknown, carried at least %.0f per s, needed %.1f per s -> "
			"at_least = "
			"%.3f%s",
			r->what, r->clean, r->demand, fmin(factor_of(r) / CAP_M, HR_K_MAX),
			r->sold > r->clean ? "  (the smallest one sold would carry that)" : "");
}

void hr_device_told(const struct hr_ctx *x, double told, double second, struct hr_rate *r)
{
	double carried = fmax(second, r->cap);

	if (!(told > 0))
		return;
	if (carried > HR_LIMIT_OUTGROWN_S * told) {
		hr_trace_say(x->t,
			"  %s: carried %.0f per s, where %.0f were told as the limit: not used",
			r->what, carried, told);
	} else if (r->cap > 0 && r->cap * HR_TOLD_NEAR < told) {
		hr_trace_say(x->t,
			"  %s: queued at %.0f per s, where %.0f were told: not the device's limit, "
			"and lower",
			r->what, r->cap, told);
		r->below_told = true;
	} else {
		r->cap = told;
		r->source = HR_CAP_CONFIGURED;
	}
}

bool hr_device_far(const struct hr_estimate *e)
{
	return e->r.capacity.source == HR_CAP_CONFIGURED && e->r.headroom.likely.v > HR_TOLD_NEAR;
}

static void take_capacity(struct hr_estimate *e, const struct hr_rate *r)
{
	double v = r->cap > 0 ? r->cap : r->clean;

	e->r.capacity.unit = r->unit;
	e->r.capacity.source = r->cap > 0 ? r->source : v > 0 ? HR_CAP_LOWER_BOUND : HR_CAP_UNKNOWN;
	e->r.capacity.value = v > 0 ? hr_opt_of(v) : (struct hr_opt){0};
	e->below_told = r->below_told;
}

void hr_device_bounds(
	const struct hr_ctx *x, const struct hr_rate *rate, unsigned n, struct hr_estimate *e)
{
	struct hr_bounds *b = &e->r.headroom;
	double tightest = INFINITY;

	*b = (struct hr_bounds){0};
	for (unsigned i = 0; i < n; i++) {
		const struct hr_rate *r = &rate[i];
		double k = factor_of(r);

		say_rate(x, r);
		if (!(limit_of(r) > 0))
			continue;
		if (!b->at_least.has || k / CAP_M < b->at_least.v)
			b->at_least = hr_opt_of(k / CAP_M);
		if (r->cap > 0) {
			if (!b->likely.has || k < b->likely.v)
				b->likely = hr_opt_of(k);
			if (!b->at_most.has || k * CAP_M < b->at_most.v)
				b->at_most = hr_opt_of(k * CAP_M);
		}
		if (k < tightest || (tightest == INFINITY && !e->r.capacity.value.has)) {
			tightest = k;
			take_capacity(e, r);
		}
	}
	b->capped = b->at_least.has && b->at_least.v * CAP_M >= HR_K_MAX;
	hr_bounds_tidy(b);
}
