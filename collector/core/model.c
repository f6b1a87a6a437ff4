/* SPDX-License-Identifier: Apache-2.0 */
/* What the estimators share: solving the virtual queue, bounds, evidence lines. */
#include "collector/core/model.h"

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define VQ_SLOPE_MIN 1.0 /* two bursts meet at least in proportion to the load */
#define VQ_TODAY_MAX 2.0
#define LESS_MAX     8.0 /* no claim is larger */
#define VQ_SEEN      5   /* late bursts; fewer say nothing against the queue: +-45 % */

double hr_k_clamp(double k)
{
	if (!(k > HR_K_MIN)) /* also NaN: no claim above the floor */
		return HR_K_MIN;
	return k > HR_K_MAX ? HR_K_MAX : k;
}

struct hr_opt hr_opt_of(double v)
{
	return (struct hr_opt){.has = true, .v = v};
}

static double vq_grid_k(unsigned g)
{
	return exp2(((double)g - 2.0) / 3.0);
}

bool hr_vq_solve(const uint64_t bad[HR_VQ_GRID], uint64_t total, const struct hr_allow *a,
	struct hr_vq_k *ret_k)
{
	double f_below = 0, f = 0;
	uint64_t worst = 0;
	unsigned g;

	if (total == 0)
		return false;
	*ret_k = (struct hr_vq_k){0};
	/* k = 1 is grid point 2. */
	ret_k->f_1 = (double)bad[2] / (double)total;
	for (g = 0; g < HR_VQ_GRID; g++) {
		f_below = f;
		/* f never falls with k; a sender's counts might, so take the running maximum. */
		worst = bad[g] > worst ? bad[g] : worst;
		f = (double)worst / (double)total;
		/* One late burst alone never makes a minute bad (section 2). */
		if (f > hr_allowed(a, vq_grid_k(g)) && worst > 1)
			break;
	}
	if (g == HR_VQ_GRID) {
		ret_k->k = HR_K_MAX;
		ret_k->capped = true;
	} else if (g == 0) {
		ret_k->k = HR_K_MIN;
		ret_k->below = true;
	} else {
		double lo = log(f_below + 1e-5) - log(hr_allowed(a, vq_grid_k(g - 1)));
		double hi = log(f + 1e-5) - log(hr_allowed(a, vq_grid_k(g)));
		double w = hi > lo ? -lo / (hi - lo) : 1;

		w = w < 0 ? 0 : w > 1 ? 1 : w;
		ret_k->k = vq_grid_k(g - 1) * pow(vq_grid_k(g) / vq_grid_k(g - 1), w);
	}
	return true;
}

/* Late shares of the grid, never falling: f does not, a sender's counts might. */
static void vq_shares(const uint64_t bad[HR_VQ_GRID], uint64_t total, double ret_f[HR_VQ_GRID])
{
	uint64_t worst = 0;

	for (unsigned g = 0; g < HR_VQ_GRID; g++) {
		worst = bad[g] > worst ? bad[g] : worst;
		ret_f[g] = (double)worst / (double)total;
	}
}

/* 1e-5 stands for "none seen": the curve stays finite where no wake was late (answer-model 4.3). */
static double ln_share(double f)
{
	return log(f + 1e-5);
}

/* How far the share @f at grid point @g is above the tolerated one; ln. */
static double above(const struct hr_allow *a, unsigned g, double f)
{
	return ln_share(f) - ln_share(hr_allowed(a, vq_grid_k(g)));
}

double hr_vq_reach(const uint64_t bad[HR_VQ_GRID], uint64_t total, const struct hr_allow *a)
{
	double f[HR_VQ_GRID], slope, lo, hi;
	unsigned g = 0;

	if (total == 0)
		return 1;
	vq_shares(bad, total, f);
	while (g < HR_VQ_GRID && f[g] <= hr_allowed(a, vq_grid_k(g)))
		g++;
	if (g == HR_VQ_GRID)
		return HR_K_MAX;
	hi = above(a, g, f[g]);
	if (g == 0) {
		slope = (above(a, 1, f[1]) - hi) / log(vq_grid_k(1) / vq_grid_k(0));
		return vq_grid_k(0) * exp(-hi / fmax(slope, VQ_SLOPE_MIN));
	}
	lo = above(a, g - 1, f[g - 1]);
	return vq_grid_k(g - 1) * pow(vq_grid_k(g) / vq_grid_k(g - 1), -lo / (hi - lo));
}

double hr_vq_today(const uint64_t bad[HR_VQ_GRID], uint64_t total, double measured)
{
	/* One burst is the resolution: nothing below it can be told from none. */
	double floor = total ? 1 / (double)total : 1;
	struct hr_allow as_much = {.eps = fmax(measured, floor)};
	double k = hr_vq_reach(bad, total, &as_much);
	bool seen = measured * (double)total >= VQ_SEEN;

	return fmin(fmax(k, HR_VQ_TODAY_MIN), seen ? VQ_TODAY_MAX : 1);
}

bool hr_self_check(double predicted, double measured)
{
	return fabs(log((predicted + 0.002) / (measured + 0.002))) <= log(2);
}

double hr_smt_rate(double n, double c, double g)
{
	return n <= c / 2 ? n : c / 2 + g * (n - c / 2);
}

double hr_work_bound(double c_eff, double t_s, double x_s, double work_s)
{
	return work_s > 0 ? c_eff * (t_s + x_s) / work_s : INFINITY;
}

double hr_work_idle(double work_s, double bursts, double cpu_s, double wakeup_s)
{
	double idle = cpu_s > 0 ? fmin(fmax(1 - work_s / cpu_s, 0), 1) : 0;

	return fmin(bursts * wakeup_s, work_s) * idle;
}

double hr_work_less(double k, double busy, double sizes, double share)
{
	double then = fmin(k * busy / sizes, 1);

	return k / fmax(1 - share * (then - busy), 1 / LESS_MAX);
}

static void tidy_one(struct hr_opt *o, const struct hr_opt *max)
{
	if (!o->has)
		return;
	o->v = hr_k_clamp(o->v);
	if (max->has && o->v > max->v)
		o->v = max->v;
}

void hr_bounds_tidy(struct hr_bounds *b)
{
	static const struct hr_opt none;

	tidy_one(&b->at_most, &none);
	tidy_one(&b->likely, &b->at_most);
	tidy_one(&b->at_least, b->likely.has ? &b->likely : &b->at_most);
	b->has = b->at_least.has || b->likely.has || b->at_most.has;
}

void hr_bounds_bad(struct hr_bounds *b)
{
	if (!b->at_most.has || b->at_most.v > 1)
		b->at_most = hr_opt_of(1);
	if (!b->likely.has || b->likely.v > 1)
		b->likely = hr_opt_of(1);
	b->capped = false;
	hr_bounds_tidy(b);
}

void hr_bounds_open(struct hr_bounds *b, const struct hr_bounds *today)
{
	*b = *today;
	b->likely.has = false;
	b->at_most = hr_opt_of(HR_K_MAX);
	hr_bounds_tidy(b);
}

static void raise_one(struct hr_opt *o, const struct hr_opt *floor)
{
	if (o->has && floor->has && o->v < floor->v)
		o->v = floor->v;
}

void hr_bounds_raise(struct hr_bounds *b, const struct hr_bounds *floor)
{
	raise_one(&b->at_least, &floor->at_least);
	raise_one(&b->likely, &floor->at_least); /* also where @floor has no such end */
	raise_one(&b->likely, &floor->likely);
	raise_one(&b->at_most, &floor->at_least);
	raise_one(&b->at_most, &floor->likely);
	raise_one(&b->at_most, &floor->at_most);
	hr_bounds_tidy(b);
}

static void raise_to_twice(struct hr_opt *o, const struct hr_opt *half)
{
	if (o->has && half->has)
		o->v = fmax(o->v, 2 * half->v);
}

void hr_bounds_twice(struct hr_bounds *b, const struct hr_bounds *half)
{
	raise_to_twice(&b->at_most, &half->likely);
	raise_to_twice(&b->at_most, &half->at_most);
	raise_to_twice(&b->likely, &half->likely);
	b->capped = b->capped || (b->likely.has && b->likely.v >= HR_K_MAX);
	hr_bounds_tidy(b);
}

void hr_estimate_init(struct hr_estimate *e, enum hr_resource r, int8_t dev, const struct hr_ctx *x)
{
	/* of a bare one 2.5 KB of texts that nobody reads stay as they are */
	memset(e, 0, x->bare ? offsetof(struct hr_estimate, r.missing) : sizeof(*e));
	if (x->bare)
		memset(e->at, 0, sizeof(*e) - offsetof(struct hr_estimate, at));
	e->bare = x->bare;
	e->r.resource = r;
	e->dev = dev;
	e->reason = "not measured";
	if (dev >= 0 && x->facts && dev < x->facts->n_dev)
		memcpy(e->r.device, x->facts->dev[dev].name, sizeof(e->r.device));
	else if (dev >= 0)
		snprintf(e->r.device, sizeof(e->r.device), "device %d", dev);
}

void hr_estimate_evidence(
	struct hr_estimate *e, const char *signal, double v, enum hr_unit unit, const char *source)
{
	struct hr_evidence *ev;

	if (e->r.n_evidence >= HR_ANS_EVIDENCE_MAX)
		return;
	ev = &e->r.evidence[e->r.n_evidence++];
	if (e->bare)
		return;
	snprintf(ev->signal, sizeof(ev->signal), "%s", signal);
	snprintf(ev->source, sizeof(ev->source), "%s", source);
	ev->value = v;
	ev->unit = unit;
}

void hr_estimate_missing(struct hr_estimate *e, uint64_t available_ms, const char *fmt, ...)
{
	struct hr_missing *mi;
	va_list ap;

	if (e->r.n_missing >= HR_ANS_MISSING_MAX)
		return;
	mi = &e->r.missing[e->r.n_missing++];
	if (e->bare)
		return;
	mi->available_ms = available_ms;
	va_start(ap, fmt);
	vsnprintf(mi->evidence, sizeof(mi->evidence), fmt, ap);
	va_end(ap);
}

void hr_estimate_no_signal(struct hr_estimate *e, const struct hr_ctx *x, enum hr_signal sig)
{
	const char *why = x->facts ? x->facts->signal[sig].reason : "";

	hr_estimate_missing(e, 0, "%s (%s)%s%s", hr_signal_what(sig), hr_signal_name(sig),
		why[0] ? ": " : "", why);
	hr_trace_say(x->t, "  %s missing%s%s", hr_signal_name(sig), why[0] ? ": " : "", why);
}
