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

/*
 * A load whose best 100 ms are at rate P, and whose most of 10 s is V, is within P w and V over any
 * w up to 10 s, so the bucket, cap w + saved, carries it k times if it does at w = V / P; beyond 10
 * s the mean counts; and no faster than was carried.
 */
static double bucket_factor(const struct hr_rate *r)
{
	double k = r->cap / r->demand + r->saved / fmax(10 * r->mean, 1e-9);

	return fmin(fmin(k, r->cap / fmax(r->mean, 1e-9)), r->second / r->demand);
}

static struct hr_bounds factor_of(const struct hr_rate *r)
{
	double k = r->demand > 0 ? limit_of(r) / (r->cap > 0 ? fmin(r->demand, r->cap) : r->demand)
				 : INFINITY;
	struct hr_bounds b = {
		.at_least = hr_opt_of(k), .likely = hr_opt_of(k), .at_most = hr_opt_of(k)};

	if (!(r->cap > 0) || !(r->demand > 0) || !(r->saved > 0 || r->burst > 0))
		return b;
	if (r->saved > 0)
		b.at_least.v = fmax(k, bucket_factor(r));
	b.likely.v = b.at_least.v;
	/* Buckets that are sold hold minutes of it, which no 10 s empty. */
	if (r->burst > 0)
		b.likely.v =
			fmax(b.likely.v, fmin(r->cap / fmax(r->mean, 1e-9), r->burst / r->demand));
	b.at_most.v = fmax(b.likely.v, r->cap / fmax(r->minute, 1e-9));
	return b;
}

static void say_rate(const struct hr_ctx *x, const struct hr_rate *r, const struct hr_bounds *f)
{
	if (r->cap > 0)
		hr_trace_say(x->t,
			"  %s: limit %.0f per s (%s), needed %.1f per s -> k = %.3f, +- %.0f %%",
			r->what, r->cap, r->source == HR_CAP_LEARNED ? "learned" : "configured",
			r->demand, fmin(f->likely.v, HR_K_MAX), 100 * (CAP_M - 1));
	else
		hr_trace_say(x->t,
			"  %s: limit unknown, carried at least %.0f per s, needed %.1f per s -> "
			"at_least = "
			"%.3f%s",
			r->what, r->clean, r->demand, fmin(f->at_least.v / CAP_M, HR_K_MAX),
			r->sold > r->clean ? "  (the smallest one sold would carry that)" : "");
	if (r->cap > 0 && (r->saved > 0 || r->burst > 0))
		hr_trace_say(x->t,
			"  %s: that is refilled; saved at least %.0f, told to burst to %.0f per s, "
			"10 s "
			"needed %.1f per s, all %.1f -> at_least = %.3f, at_most = %.3f",
			r->what, r->saved, r->burst, r->mean, r->minute,
			fmin(f->at_least.v / CAP_M, HR_K_MAX),
			fmin(f->at_most.v * CAP_M, HR_K_MAX));
}

void hr_device_told(const struct hr_ctx *x, double told, double burst, struct hr_rate *r)
{
	double carried = fmax(r->second, r->cap), most = fmax(told, burst);

	if (!(told > 0))
		return;
	if (carried > HR_LIMIT_OUTGROWN_S * most) {
		hr_trace_say(x->t,
			"  %s: carried %.0f per s, where %.0f were told as the limit: not used",
			r->what, carried, most);
	} else if (r->cap > 0 && r->cap * HR_TOLD_NEAR < told) {
		hr_trace_say(x->t,
			"  %s: queued at %.0f per s, where %.0f were told: not the device's limit, "
			"and lower",
			r->what, r->cap, told);
		r->below_told = true;
	} else {
		r->cap = told;
		r->burst = burst;
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
	e->burst = r->cap > 0 && r->source == HR_CAP_CONFIGURED ? r->burst : 0;
}

void hr_device_bursts(const struct hr_ctx *x, double carried, struct hr_estimate *e)
{
	double base = e->r.capacity.value.v;

	if (!(e->burst > 0) || e->below_told)
		return;
	hr_estimate_evidence(e, "burst_told", e->burst, e->r.capacity.unit, "configuration");
	e->bursts_gone = carried <= HR_LIMIT_OUTGROWN_S * base;
	if (!e->bursts_gone)
		e->r.capacity.value = hr_opt_of(e->burst);
	hr_trace_say(x->t, "  late at %.0f per s: %s", carried,
		e->bursts_gone ? "the baseline that is told, bursts used up"
			       : "above the baseline that is told, in a burst");
}

void hr_device_bounds(
	const struct hr_ctx *x, const struct hr_rate *rate, unsigned n, struct hr_estimate *e)
{
	struct hr_bounds *b = &e->r.headroom;
	double tightest = INFINITY;

	*b = (struct hr_bounds){0};
	for (unsigned i = 0; i < n; i++) {
		const struct hr_rate *r = &rate[i];
		struct hr_bounds f = factor_of(r);
		double k = f.likely.v;

		say_rate(x, r, &f);
		if (!(limit_of(r) > 0))
			continue;
		if (!b->at_least.has || f.at_least.v / CAP_M < b->at_least.v)
			b->at_least = hr_opt_of(f.at_least.v / CAP_M);
		if (r->cap > 0) {
			if (!b->likely.has || k < b->likely.v)
				b->likely = hr_opt_of(k);
			if (!b->at_most.has || f.at_most.v * CAP_M < b->at_most.v)
				b->at_most = hr_opt_of(f.at_most.v * CAP_M);
		}
		if (k < tightest || (tightest == INFINITY && !e->r.capacity.value.has)) {
			tightest = k;
			take_capacity(e, r);
		}
	}
	b->capped = b->at_least.has && b->at_least.v * CAP_M >= HR_K_MAX;
	hr_bounds_tidy(b);
}
