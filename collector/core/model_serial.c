/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one thread that more vCPUs do not help (answer-model 5).  The agent lists
 * threads per 10 s window, so u is a window's mean and the minute takes the
 * largest: a thread that is busy in alternate seconds only is seen late.
 */
#include "collector/core/model.h"

#include <string.h>

#define RHO_MAX  0.9    /* single-server delay factor 1 / (1 - 0.9) = 10 (answer-model 2) */
#define SERIAL_M 1.15   /* model error of serial and softirq (answer-model 11) */
#define ALONE    0.55   /* share of its process that one thread must take when it has peers */
#define SINCE_MS 600000 /* same thread for 10 min, unless the window is all there is */
#define HOT_U    0.05   /* threads below it cannot limit within 8x: 0.9 / 0.05 = 18 */

static double use_u(const struct hr_use *u, const struct hr_minute *m)
{
	/*
	 * A thread listed in every window: its largest window.  Else, and where only rests
	 * (minute.h) list it, its mean over the minute.
	 */
	if (u->seen_ms >= m->covered_ms && u->u_max_pm > 0)
		return u->u_max_pm / 1e3;
	return m->covered_ms ? (double)(u->oncpu_ms + (uint64_t)u->wait_ms) / (double)m->covered_ms
			     : 0;
}

static double use_o(const struct hr_use *u, const struct hr_minute *m)
{
	if (u->seen_ms >= m->covered_ms && u->u_max_pm > 0)
		return u->o_max_pm / 1e3;
	return m->covered_ms ? (double)u->oncpu_ms / (double)m->covered_ms : 0;
}

/*
 * One of several equals shares its load with them: a pool, inside a process or of processes.
 * A thread with peers (others of its process with half its time) is still the limit when it does
 * more than half of the process; 55 % keeps a pool of two, dealt unevenly, out.
 */
static bool is_pool(const struct hr_minute *m, const struct hr_use *u)
{
	if (u->peers > 0 && (double)u->oncpu_ms <= ALONE * (double)u->process_oncpu_ms)
		return true;
	for (uint8_t i = 0; i < m->n_use; i++) {
		const struct hr_use *v = &m->use[i];

		if (v != u && v->pid != u->pid && strcmp(v->process, u->process) == 0 &&
			strcmp(v->comm, u->comm) == 0 && 2 * use_u(v, m) >= use_u(u, m))
			return true;
	}
	return false;
}

/* The hottest thread that is no pool's. */
static int hottest(const struct hr_minute *m)
{
	int best = -1;

	for (uint8_t i = 0; i < m->n_use; i++) {
		if (is_pool(m, &m->use[i]))
			continue;
		if (best < 0 || use_u(&m->use[i], m) > use_u(&m->use[best], m))
			best = i;
	}
	return best;
}

int hr_serial_candidate(const struct hr_minute *m)
{
	int i = hottest(m);

	return i >= 0 && use_u(&m->use[i], m) >= HOT_U ? i : -1;
}

static void demand_of(const struct hr_use *u, const struct hr_minute *m, struct hr_res_answer *ret)
{
	ret->demand.p99 = ret->demand.max = hr_opt_of(use_u(u, m));
	if (m->covered_ms)
		ret->demand.mean = hr_opt_of(
			(double)(u->oncpu_ms + (uint64_t)u->wait_ms) / (double)m->covered_ms);
}

static void single_server(struct hr_bounds *b, double u, double o)
{
	*b = (struct hr_bounds){0};
	b->capped = RHO_MAX / u > HR_K_MAX;
	b->likely = hr_opt_of(RHO_MAX / u);
	b->at_least = hr_opt_of(RHO_MAX / u / SERIAL_M);
	b->at_most = hr_opt_of(o > 0 ? SERIAL_M * RHO_MAX / o : HR_K_MAX);
	hr_bounds_tidy(b);
}

static void same_at_every_size(struct hr_estimate *e)
{
	for (unsigned z = 0; z < HR_SIZE_N; z++)
		e->at[z] = e->r.headroom;
}

/* Without a list of threads: none of them can use more CPU than all of them together. */
static void no_threads(const struct hr_ctx *x, struct hr_estimate *e)
{
	double busy = (double)x->m->dist[HR_DIST_BUSY_1S].p99_hi / 1e3;

	hr_trace_say(x->t, "serial:");
	hr_estimate_no_signal(e, x, HR_SIG_THREADS);
	if (!hr_minute_has(x->m, HR_SIG_CPU_SLOTS) || x->m->dist[HR_DIST_BUSY_1S].total == 0)
		return;
	e->reason = "threads were not listed; one uses no more CPU than all together";
	e->r.headroom.at_least = hr_opt_of(busy > 0 ? RHO_MAX / busy / SERIAL_M : HR_K_MAX);
	e->r.confidence = HR_CONFIDENCE_LOW;
	hr_bounds_tidy(&e->r.headroom);
	same_at_every_size(e);
}

void hr_model_serial(const struct hr_ctx *x, struct hr_estimate *ret)
{
	const char *src = hr_signal_source(x->facts, HR_SIG_THREADS);
	const struct hr_minute *m = x->m;
	const struct hr_use *u;
	int i;

	hr_estimate_init(ret, HR_RES_SERIAL, -1, x);
	ret->r.demand.unit = ret->r.capacity.unit = HR_UNIT_RATIO;
	ret->r.capacity.value = hr_opt_of(RHO_MAX);
	ret->r.capacity.source = HR_CAP_KNOWN;
	if (!hr_minute_has(m, HR_SIG_THREADS)) {
		no_threads(x, ret);
		return;
	}
	ret->r.confidence = HR_CONFIDENCE_MEDIUM; /* 10 s means, not seconds */
	i = hr_serial_candidate(m);
	if (i >= 0 && x->conf->min_history_h > 0 && m->to_ms - x->serial_since_ms < SINCE_MS) {
		hr_trace_say(x->t, "serial: thread %s (%u) is hot, for less than 10 min so far",
			m->use[i].comm, m->use[i].tid);
		i = -1;
	}
	if (i < 0) {
		i = hottest(m); /* the claim is about this one: 18 times 5 % is the limit */
		if (i >= 0 && use_u(&m->use[i], m) < HOT_U)
			demand_of(&m->use[i], m, &ret->r);
		ret->reason = "no single thread comes near one CPU";
		ret->r.headroom = (struct hr_bounds){.at_least = hr_opt_of(HR_K_MAX),
			.likely = hr_opt_of(HR_K_MAX),
			.capped = true};
		hr_bounds_tidy(&ret->r.headroom);
		same_at_every_size(ret);
		hr_trace_say(x->t, "serial: k = 8, capped  (%s; pools of equals do not count)",
			ret->reason);
		return;
	}
	u = &m->use[i];
	single_server(&ret->r.headroom, use_u(u, m), use_o(u, m));
	ret->reason = "one thread does work that cannot be spread";
	ret->r.saturated = use_u(u, m) > RHO_MAX;
	demand_of(u, m, &ret->r);
	hr_estimate_evidence(ret, "thread_busy_or_waiting", use_u(u, m), HR_UNIT_RATIO, src);
	hr_estimate_evidence(ret, "thread_on_cpu", use_o(u, m), HR_UNIT_RATIO, src);
	hr_estimate_evidence(ret, "share_of_process",
		u->process_oncpu_ms ? (double)u->oncpu_ms / u->process_oncpu_ms : 1, HR_UNIT_RATIO,
		src);
	if (ret->r.saturated)
		hr_bounds_bad(&ret->r.headroom);
	same_at_every_size(ret);
	hr_trace_say(x->t,
		"serial: thread %s (%u) of %s: on CPU or waiting %.3f, on CPU %.3f of the time",
		u->comm, u->tid, u->process, use_u(u, m), use_o(u, m));
	hr_trace_say(x->t,
		"  likely = %.2f / %.3f, at_least = that / %.2f, at_most = %.2f x %.2f / %.3f",
		RHO_MAX, use_u(u, m), SERIAL_M, SERIAL_M, RHO_MAX, use_o(u, m));
}
