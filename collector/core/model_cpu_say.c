/* SPDX-License-Identifier: Apache-2.0 */
/* What was counted of the CPUs of a minute, in words and as evidence. */
#include "collector/core/model_cpu.h"

/* The recorded bursts, and whether the replay may be believed (answer-model 4.7). */
static void say_stage2(const struct hr_ctx *x, const struct hr_cpu_facts *f)
{
	const struct hr_minute *m = x->m;
	const struct hr_stage2 *s = &f->s2;
	double slices = (double)m->ctr[HR_CTR_REPLAY_SLICE_N];

	if (s->used)
		hr_trace_say(x->t,
			"  stage 2: %.0f bursts of %.0f recorded slices, fading over an hour; late "
			"today by replay %.3f %%, as they ran %.3f %%: believed",
			s->bursts, s->slices, 100 * s->predicted, 100 * s->measured);
	else
		hr_trace_say(x->t,
			"  stage 2 not used: %s  (%.0f bursts recorded, late by replay %.3f %%, as "
			"they ran %.3f %%)",
			s->why, s->bursts, 100 * s->predicted, 100 * s->measured);
	if (slices > 0)
		hr_trace_say(x->t,
			"  of %.0f slices in this minute: wake-ups come by chance within windows "
			"of %.0f ms (mean), growth lies within half of it; "
			"bursts of any length follow any in %.0f",
			slices, (double)m->ctr[HR_CTR_REPLAY_EVEN_MS] / slices,
			(double)m->ctr[HR_CTR_REPLAY_MIXED_N]);
}

void hr_cpu_say(const struct hr_ctx *x, const struct hr_cpu_facts *f)
{
	hr_trace_say(x->t, "cpu: %g vCPUs, %.1f s covered", f->c, f->t_s);
	hr_trace_say(x->t, "  work = %.3f CPU-s, mean %.3f CPUs, busiest second %.3f CPUs",
		f->work_s, f->t_s > 0 ? f->work_s / f->t_s : 0, f->busy_max);
	if (f->has_slots)
		hr_trace_say(x->t,
			"  slots with every CPU busy = %.2f %%  (nothing is left from %.0f %%)",
			100 * f->busy_all, 100 * HR_BUSY_ALL_BAD);
	if (f->has_bursts)
		hr_trace_say(x->t,
			"  late bursts = %.0f of %.0f (%.3f %%)  "
			"(waited > max(%g ms, own CPU time); limit %.2g %%)",
			f->late, f->bursts, f->bursts > 0 ? 100 * f->late / f->bursts : 0,
			x->conf->x_ms, 100 * x->conf->eps);
	if (f->has_bursts)
		say_stage2(x, f);
	if (f->has_steal)
		hr_steal_say(x, f);
	if (f->throttled > 0)
		hr_trace_say(x->t,
			"  throttled by cgroup quotas = %.3f CPU-s per s  (decides from %.3g)",
			f->throttled, x->conf->throttled_bad);
}

void hr_cpu_evidence(const struct hr_ctx *x, const struct hr_cpu_facts *f, struct hr_estimate *e)
{
	const char *sched = hr_signal_source(x->facts, HR_SIG_CPU_SLOTS);
	const struct hr_minute *m = x->m;

	if (f->has_bursts) {
		hr_estimate_evidence(e, "bursts", f->bursts, HR_UNIT_COUNT, sched);
		hr_estimate_evidence(e, "late_bursts", f->late, HR_UNIT_COUNT, sched);
		if (m->dist[HR_DIST_BURST_WAIT].total)
			hr_estimate_evidence(e, "burst_wait_p99",
				(double)m->dist[HR_DIST_BURST_WAIT].p99_hi / 1e3, HR_UNIT_MS,
				sched);
		hr_estimate_evidence(e, "hog_work",
			f->t_s > 0 ? hr_ctr_s(m, HR_CTR_HOG_NS) / f->t_s : 0, HR_UNIT_CORES, sched);
	}
	if (hr_minute_has(m, HR_SIG_RUNQ_WAIT) && m->dist[HR_DIST_RUNQ_WAIT].total)
		hr_estimate_evidence(e, "runq_wait_p99",
			(double)m->dist[HR_DIST_RUNQ_WAIT].p99_hi / 1e3, HR_UNIT_MS, sched);
	if (f->has_slots) {
		hr_estimate_evidence(e, "every_cpu_busy", f->busy_all, HR_UNIT_RATIO, sched);
		hr_estimate_evidence(e, "cpu_time_unaccounted", f->unknown, HR_UNIT_RATIO, sched);
	}
	if (hr_minute_has(m, HR_SIG_PSI_CPU) && f->t_s > 0)
		hr_estimate_evidence(e, "psi_cpu_some",
			(double)m->ctr[HR_CTR_PSI_CPU_SOME_US] / 1e6 / f->t_s, HR_UNIT_RATIO,
			"/proc/pressure/cpu");
	if (f->throttled > 0)
		hr_estimate_evidence(
			e, "quota_throttled", f->throttled, HR_UNIT_CORES, "cgroup cpu.stat");
}
