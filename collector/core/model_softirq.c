/* SPDX-License-Identifier: Apache-2.0 */
/* The busiest CPU's irq + softirq share: a single-queue NIC pins all of it there (answer-model 5).
 */
#include "collector/core/model.h"

#define RHO_MAX   0.9
#define SOFTIRQ_M 1.15

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
}
