/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stolen time.  A share that lasts is the hypervisor's answer to what is wanted; a clump is one
 * event, which makes late all that comes meanwhile and says nothing about the next minute: neither
 * of the host nor of the size.  Definitions and constants: collector/MODEL.md "CPU".
 */
#include "collector/core/model_cpu.h"

#include <math.h>

#define STEAL_FLOOR  0.05 /* less CPU wanted than this share of the VM: steal is not judged */
#define STEAL_MIN_MS 100  /* ten 10 ms ticks: below it the tick's own error is > 10 % */
#define CLUMP_TICKS  2    /* seconds that one clump of up to a second lies in */
#define SPARE_MIN    0.1  /* busier CPUs take so long to catch up that all may be late */

double hr_steal_clump_s(double steal_s, double max_s)
{
	return fmin(steal_s, CLUMP_TICKS * max_s);
}

double hr_late_of_clump(const struct hr_cpu_facts *f, double clump_s)
{
	double busy = f->c > 0 && f->t_s > 0 ? f->work_s / (f->c * f->t_s) : 0;

	return f->t_s > 0 ? f->bursts * clump_s / f->t_s / fmax(1 - busy, SPARE_MIN) : 0;
}

void hr_steal_facts(const struct hr_ctx *x, struct hr_cpu_facts *f)
{
	double wanted = f->run_s + f->steal_s;
	double max_s = (double)x->m->ctr[HR_CTR_STEAL_MAX_MS] / 1e3;
	bool much = f->has_steal && f->steal_share > x->conf->steal_bad &&
		    x->m->ctr[HR_CTR_STEAL_MS] >= STEAL_MIN_MS &&
		    wanted >= STEAL_FLOOR * f->c * f->t_s;

	f->clump_s = f->has_steal ? hr_steal_clump_s(f->steal_s, max_s) : 0;
	f->steal_bad = much && f->steal_s - f->clump_s > x->conf->steal_bad * wanted;
	f->clumped = much && !f->steal_bad;
	if (f->clumped) /* of one event, not of every second */
		f->delivered = f->run_s / (wanted - f->clump_s);
}

/* The most that fits, whatever waited. */
static double most_by_work(const struct hr_ctx *x, const struct hr_cpu_facts *f)
{
	return hr_work_bound(
		f->c * f->delivered, f->t_s, x->conf->x_ms / 1e3, f->work_s - f->idle_work_s);
}

bool hr_is_stalled(const struct hr_ctx *x, const struct hr_cpu_facts *f)
{
	double max_ms = f->has_steal ? (double)x->m->ctr[HR_CTR_STEAL_MAX_MS] : 0;
	double spared;

	if (f->steal_bad || most_by_work(x, f) < x->conf->k_target)
		return false;
	if (f->clumped)
		return true;
	/* what was stolen in less than the tolerated wait made nothing late by itself */
	if (!f->late_bad || x->part_late || max_ms < x->conf->x_ms)
		return false;
	spared = fmax(f->late - hr_late_of_clump(f, f->clump_s), 0);
	return !hr_cpu_is_late(x->conf->eps, hr_late_dev(x->conf, f->t_s), f->bursts, spared);
}

void hr_stalled(const struct hr_ctx *x, const struct hr_cpu_facts *f, struct hr_estimate *e)
{
	struct hr_bounds *b = &e->r.headroom;

	e->r.confidence = HR_CONFIDENCE_LOW;
	e->reason = "the hypervisor held CPUs back for a moment, which may be all that was late";
	if (b->at_least.has)
		b->at_least.v = fmin(b->at_least.v, 1);
	b->likely.has = false;
	b->capped = false;
	b->at_most = hr_opt_of(most_by_work(x, f));
	hr_bounds_tidy(b);
	hr_estimate_missing(e, 0,
		"a minute in which the hypervisor holds no CPU back: %.0f of the %.0f ms stolen "
		"were in one "
		"or two seconds",
		1e3 * f->clump_s, 1e3 * f->steal_s);
	hr_trace_say(x->t,
		"  stolen in a clump: %.0f of %.0f ms in one or two seconds, which may have made "
		"late "
		"%.0f of the %.0f late bursts: no shortage is claimed",
		1e3 * f->clump_s, 1e3 * f->steal_s, hr_late_of_clump(f, f->clump_s), f->late);
}

void hr_steal_say(const struct hr_ctx *x, const struct hr_cpu_facts *f)
{
	hr_trace_say(x->t,
		"  steal = %.3f s of %.3f s wanted (%.2f %%, limit %.3g %%), %.3f s of it in the "
		"one or two "
		"worst seconds",
		f->steal_s, f->run_s + f->steal_s, 100 * f->steal_share, 100 * x->conf->steal_bad,
		f->clump_s);
}

void hr_steal_judge(const struct hr_ctx *x, const struct hr_cpu_facts *f,
	const struct hr_bounds *vq, struct hr_estimate *s)
{
	bool unjudged;

	s->r.demand.unit = s->r.capacity.unit = HR_UNIT_RATIO;
	if (!f->has_steal) {
		hr_estimate_no_signal(s, x, HR_SIG_STEAL);
		return;
	}
	/* a share of next to nothing says nothing: demand is what was stolen a second, as over
	 * longer times (vm_answer.c) */
	unjudged = f->steal_share > x->conf->steal_bad && !f->steal_bad && !f->clumped;
	if (!unjudged)
		s->r.demand.mean = hr_opt_of(f->steal_share);
	s->r.capacity.value = hr_opt_of(x->conf->steal_bad);
	s->r.capacity.source = HR_CAP_CONFIGURED;
	hr_estimate_evidence(
		s, "steal", f->t_s > 0 ? f->steal_s / f->t_s : 0, HR_UNIT_CORES, "/proc/stat");
	hr_estimate_evidence(s, "steal_share", f->steal_share, HR_UNIT_RATIO, "/proc/stat");
	s->r.confidence = HR_CONFIDENCE_MEDIUM; /* tick-counted by the guest */
	if (!f->steal_bad) {
		s->reason =
			f->clumped ? "stolen in one clump: no share that lasts"
			: unjudged
				? "so little CPU time was wanted that a share of it is not judged"
				: "steal is below its limit; cpu is judged with what was "
				  "delivered";
		return;
	}
	s->reason = "the hypervisor did not deliver the CPU time that was wanted";
	s->r.saturated = true;
	s->r.headroom = *vq;
	hr_bounds_bad(&s->r.headroom);
	for (unsigned z = 0; z < HR_SIZE_N; z++)
		s->at[z] = s->r.headroom;
	hr_trace_say(x->t, "steal: BAD: %s", s->reason);
}
