/* SPDX-License-Identifier: Apache-2.0 */
/* The busiest CPU's irq + softirq share: a single-queue NIC pins all of it there (answer-model 5).
 */
#include "collector/core/model.h"

#define RHO_MAX   0.9
#define SOFTIRQ_M 1.15
#define MOSTLY    0.5 /* of a CPU, or of the slots: it is packets that it had no time for [chosen] */

/*
 * Twice the CPUs: what one of several has stays there.  An only CPU has all of it, whatever would
 * spread: most NICs have a queue for each vCPU, and loopback runs where its sender does.
 */
static struct hr_bounds at_twice(const struct hr_bounds *now, uint32_t cpus)
{
	struct hr_bounds b = *now;

	if (cpus == 1 && b.likely.has && b.at_most.has) {
		b.likely.v *= 2;
		b.at_most.v *= 2;
		hr_bounds_tidy(&b);
	}
	return b;
}

/*
 * Packets were dropped because the CPU that they were given to did not take them in time.  Where
 * packets were most of what it did, and others were idle, more CPUs would be idle, too.  Otherwise
 * it may have been a burst longer than the queue, or other work that more CPUs would take off it.
 */
static void judge_drops(const struct hr_ctx *x, double u, struct hr_estimate *e)
{
	const struct hr_minute *m = x->m;
	bool idle = hr_minute_has(m, HR_SIG_CPU_SLOTS) &&
		    (double)m->ctr[HR_CTR_BUSY_ALL_N] < MOSTLY * (double)m->ctr[HR_CTR_SLOT_N];
	bool stays = u > MOSTLY && m->cpus > 1 && idle;

	e->r.saturated = true;
	e->reason = "packets were dropped before a CPU took them";
	e->fix = "Spread the receive queues over the CPUs (RPS/RFS, more NIC queues), and let more "
		 "packets wait for them (net.core.netdev_max_backlog), before changing the size.";
	e->r.headroom.at_least = hr_opt_of(1 / SOFTIRQ_M);
	hr_bounds_bad(&e->r.headroom);
	for (unsigned z = 0; z < HR_SIZE_N; z++)
		e->at[z] = e->r.headroom;
	hr_estimate_evidence(e, "softnet_dropped", (double)m->ctr[HR_CTR_SOFTNET_DROP_N],
		HR_UNIT_COUNT, "/proc/net/softnet_stat");
	hr_trace_say(x->t, "  BAD: %s: %.0f", e->reason, (double)m->ctr[HR_CTR_SOFTNET_DROP_N]);
	if (stays)
		return;
	hr_bounds_open(&e->at[HR_SIZE_VCPUS], &e->r.headroom);
	e->at[HR_SIZE_BOTH] = e->at[HR_SIZE_VCPUS];
	hr_estimate_missing(e, 0,
		"what kept a CPU from taking packets in time: they were %.0f %% of its work at "
		"most",
		100 * u);
}

static bool has_drops(const struct hr_minute *m)
{
	return hr_minute_has(m, HR_SIG_SOFTNET) && m->ctr[HR_CTR_SOFTNET_DROP_N] > 0;
}

void hr_model_softirq(const struct hr_ctx *x, struct hr_estimate *ret)
{
	const struct hr_spread *s = &x->m->dist[HR_DIST_SOFTIRQ_CPU];
	double u, mean;

	hr_estimate_init(ret, HR_RES_SOFTIRQ, -1, x);
	ret->r.demand.unit = ret->r.capacity.unit = HR_UNIT_RATIO;
	ret->r.capacity.value = hr_opt_of(RHO_MAX);
	ret->r.capacity.source = HR_CAP_KNOWN;
	hr_trace_say(x->t, "softirq:");
	if (!hr_minute_has(x->m, HR_SIG_SOFTIRQ) || s->total == 0) {
		hr_estimate_no_signal(ret, x, HR_SIG_SOFTIRQ);
		if (has_drops(x->m))
			judge_drops(x, 0, ret);
		return;
	}
	u = (double)s->p99_hi / 1e3;
	mean = (double)s->sum / (double)s->total / 1e3;
	ret->r.demand.mean = hr_opt_of(mean);
	ret->r.demand.p99 = hr_opt_of(u);
	ret->r.demand.max = hr_opt_of((double)s->max / 1e3);
	ret->r.confidence = HR_CONFIDENCE_MEDIUM; /* sampled by tick on most kernels */
	ret->reason = "packets and interrupts on the busiest CPU";
	ret->r.saturated = u > RHO_MAX;
	ret->r.headroom = (struct hr_bounds){.capped = u * HR_K_MAX < RHO_MAX};
	ret->r.headroom.likely = hr_opt_of(u > 0 ? RHO_MAX / u : HR_K_MAX);
	ret->r.headroom.at_least = hr_opt_of(u > 0 ? RHO_MAX / u / SOFTIRQ_M : HR_K_MAX);
	ret->r.headroom.at_most = hr_opt_of(u > 0 ? RHO_MAX / u * SOFTIRQ_M : HR_K_MAX);
	hr_bounds_tidy(&ret->r.headroom);
	if (ret->r.saturated)
		hr_bounds_bad(&ret->r.headroom);
	for (unsigned z = 0; z < HR_SIZE_N; z++)
		ret->at[z] = z == HR_SIZE_MEMORY ? ret->r.headroom
						 : at_twice(&ret->r.headroom, x->m->cpus);
	hr_estimate_evidence(ret, "softirq_busiest_cpu_p99", u, HR_UNIT_RATIO, "/proc/stat");
	hr_trace_say(
		x->t, "  busiest CPU P99 = %.3f of a second; likely = %.2f / that", u, RHO_MAX);
	if (has_drops(x->m))
		judge_drops(x, u, ret);
}
