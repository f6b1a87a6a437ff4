/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU: stage 0 (late bursts, measured), stage 1 (virtual queue, solved here for c and 2c), stage 2
 * (replayed bursts, stage2.c), work conservation, shared cores; and the frozen-concurrency bound.
 * Definitions and constants: collector/MODEL.md "CPU".
 */
#include "collector/core/model.h"
#include "collector/core/model_cpu.h"

#include <math.h>

#define LOSS_MAX      0.001 /* CPU time nobody can account for: 0.1 % (answer-model 11) */
#define LOSS_IDLE     0.01  /* the same where the busiest second left half of the CPUs idle */
#define IDLE_BUSY     0.05  /* busiest second below it: no upper bound from so little load */
#define LATE_SEEN     5     /* late bursts from which on their share is known to +-45 % */
#define CLUMPED       2.5   /* deviations of a count of late bursts, which come in clumps */
#define MINUTE_MS     60000
#define FEW_BURSTS    150  /* fewer: longer would tell more */
#define CHANCE_1      0.5  /* of at_least where one late burst passes the limit: of the queue */
#define CHANCE_2      0.3  /* and of the replay */
#define CHANCE_APART  2.0  /* deviations of a minute from its hour that are none: likely, at_most */
#define CHANCE_INSIDE 1.0  /* and at_least */
#define CHECK_BURSTS  100  /* fewer bursts cannot check a prediction of 1 % */
#define FAR           1.5  /* growth inside bursts from which on it is extrapolated */
#define FAR_POWER     0.6  /* and how fast its error grows from there */
#define REPLAYED      1.25 /* at_most of a believed replay over its likely, at least */
#define SMT_G_LIKELY  0.16 /* median of 68 types running a database (forecast 8) */

struct hr_opt hr_frozen_gain(const struct hr_minute *m)
{
	if (!hr_minute_has(m, HR_SIG_RUNQ_WAIT) || m->ctr[HR_CTR_FROZEN_C_NS] == 0)
		return (struct hr_opt){0};
	return hr_opt_of((double)m->ctr[HR_CTR_FROZEN_2C_NS] / (double)m->ctr[HR_CTR_FROZEN_C_NS]);
}

bool hr_cpu_is_late(double eps, double dev, double bursts, double late)
{
	return late > hr_late_most(eps, dev, bursts);
}

double hr_bursts_wanted(double eps, double dev, double bursts, double late)
{
	double share = bursts > 0 ? late / bursts : 0;

	if (late <= 1 || share <= eps || hr_cpu_is_late(eps, dev, bursts, late))
		return fmax(FEW_BURSTS - bursts, 0);
	/* share n > eps n + dev sqrt(eps n) from this n on */
	return fmax(dev * dev * eps / ((share - eps) * (share - eps)) - bursts, 0);
}

/*
 * The service reads a minute against its hour, but for one that is busier: of thousands of minutes
 * of one load the worst half percent would be those of the worst luck.
 */
static bool of_hour(const struct hr_cpu_facts *f)
{
	return f->allow.dev > 0 && f->s2.vq_bursts > 0 && !f->s2.busier;
}

/*
 * What chance may have made of @k: it rests on the eps n k bursts that would be late there, which
 * come in clumps.
 */
static double by_chance(const struct hr_ctx *x, const struct hr_cpu_facts *f, double k)
{
	double bursts = fmax(f->bursts, f->s2.used ? f->s2.bursts : 1);

	if (of_hour(f)) /* the hour's, against which the minute's is read */
		bursts = fmax(bursts, f->s2.vq_bursts);

	return exp((f->s2.used ? CHANCE_2 : CHANCE_1) /
		   sqrt(x->conf->eps * fmax(bursts, 1) * fmax(k, 1)));
}

void hr_cpu_facts_of(const struct hr_ctx *x, struct hr_cpu_facts *ret_f)
{
	const struct hr_minute *m = x->m;
	struct hr_cpu_facts f = {.c = m->cpus, .t_s = hr_minute_s(m), .delivered = 1};

	f.has_slots = hr_minute_has(m, HR_SIG_CPU_SLOTS);
	f.has_bursts = hr_minute_has(m, HR_SIG_BURSTS);
	f.has_steal = hr_minute_has(m, HR_SIG_STEAL);
	f.steal_s = f.has_steal ? (double)m->ctr[HR_CTR_STEAL_MS] / 1e3 : 0;
	if (hr_minute_has(m, HR_SIG_CPU_STAT))
		f.run_s = (double)(m->ctr[HR_CTR_STAT_USER_MS] + m->ctr[HR_CTR_STAT_SYSTEM_MS] +
				   m->ctr[HR_CTR_STAT_IRQ_MS]) /
			  1e3;
	else if (f.has_slots) /* on-CPU spans by the monotonic clock contain steal */
		f.run_s = fmax(hr_ctr_s(m, HR_CTR_ONCPU_NS) - f.steal_s, 0);
	f.work_s = f.has_slots ? hr_ctr_s(m, HR_CTR_ONCPU_NS) : f.run_s;
	if (f.run_s + f.steal_s > 0) {
		f.delivered = f.run_s / (f.run_s + f.steal_s);
		f.steal_share = f.steal_s / (f.run_s + f.steal_s);
	}
	if (f.has_bursts) {
		f.bursts = (double)m->ctr[HR_CTR_BURST_N];
		f.late = (double)m->ctr[HR_CTR_BURST_LATE_N];
		f.late_bad = x->part_late || hr_cpu_is_late(x->conf->eps,
						     hr_late_dev(x->conf, f.t_s), f.bursts, f.late);
		f.today = f.bursts >= CHECK_BURSTS
				  ? hr_vq_today(m->vq_bad[0], m->ctr[HR_CTR_VQ_TOT_N],
					    f.late / f.bursts)
				  : 1;
	}
	f.allow = hr_allow_of(x->conf, f.bursts);
	hr_steal_facts(x, &f);
	f.s2.why = "no bursts were recorded";
	if (f.has_bursts && x->pool)
		hr_stage2_of(x->pool, &f.allow, &f.s2);
	if (f.has_slots && m->ctr[HR_CTR_SLOT_N])
		f.busy_all = (double)m->ctr[HR_CTR_BUSY_ALL_N] / (double)m->ctr[HR_CTR_SLOT_N];
	f.busy_p99 = (double)m->dist[HR_DIST_BUSY_1S].p99_hi / 1e3;
	f.busy_max = (double)m->dist[HR_DIST_BUSY_1S].max / 1e3;
	if (f.has_bursts && f.t_s > 0)
		f.hogs = fmin(hr_ctr_s(m, HR_CTR_HOG_NS) / f.t_s, f.c);
	if (f.has_slots && f.c > 0 && f.t_s > 0)
		f.unknown = hr_ctr_s(m, HR_CTR_UNKNOWN_NS) / (f.c * f.t_s);
	if (hr_minute_has(m, HR_SIG_CPU_QUOTA) && f.t_s > 0)
		f.throttled = (double)m->ctr[HR_CTR_QUOTA_THROTTLED_US] / 1e6 / f.t_s;
	/* Waits made by a quota while CPUs were free are the quota's; a large throttled share is
	 * a limit even when no late burst is counted, for a thread that never sleeps has no burst
	 * end. */
	f.quota_bad = f.throttled > 0 && f.busy_all < 0.5 &&
		      (f.late_bad || f.throttled >= x->conf->throttled_bad);
	f.idle_work_s = hr_work_idle(f.work_s, f.bursts, f.c * f.t_s, x->conf->wakeup_us / 1e6);
	f.busy = f.c > 0 && f.t_s > 0 ? fmin(f.work_s / (f.c * f.t_s), 1) : 0;
	f.away = hr_work_away(x, &f);
	f.stalled = hr_is_stalled(x, &f);
	*ret_f = f;
}

/* Relative speed of n busy CPUs going to all of c2, when cores are shared with factor g (4.7). */
static double smt_derate(double n, double c, double c2, double g)
{
	double now = n > 0 ? hr_smt_rate(n, c, g) / n : 1;

	return now > 0 ? hr_smt_rate(c2, c2, g) / c2 / now : 1;
}

struct derate {
	double at_least, likely;
};

static struct derate derate_of(const struct hr_ctx *x, const struct hr_cpu_facts *f, double c2)
{
	uint32_t tpc = x->facts ? x->facts->threads_per_core : 0;
	struct derate d = {1, 1};

	if (f->c < 2 || tpc == 1)
		return d;
	d.at_least = smt_derate(f->busy_p99, f->c, c2, 0);
	if (tpc > 1)
		d.likely = smt_derate(f->busy_p99, f->c, c2, SMT_G_LIKELY);
	return d;
}

static void say_vq(const struct hr_ctx *x, const struct hr_vq_k *v, double c2, double k_s,
	const struct hr_cpu_facts *f)
{
	hr_trace_say(x->t,
		"  k(%g vCPUs), growth inside today's bursts = %.3f  (virtual queue: late share "
		"%.4f at "
		"today's load; %s)",
		c2, v->k, v->f_1,
		v->capped  ? "not late at 8x"
		: v->below ? "late already at 0.63x"
			   : "where the late share passes the limit");
	hr_trace_say(x->t,
		"  k(%g vCPUs), independent growth = %.3f  (virtual queue of further streams like "
		"today's; today lies at %.2f of its scale)",
		c2, k_s, f->today);
}

/*
 * Late shares of real loads grew with the second to fourth power of the load (tests/truth), those
 * of one fast server near its limit much faster: with late bursts to go by, at most the third.
 */
static double cube_law(const struct hr_cpu_facts *f)
{
	if (f->late < LATE_SEEN || f->bursts < CHECK_BURSTS)
		return 0;
	return cbrt(hr_allowed(&f->allow, 1) * f->bursts / f->late);
}

/* Load factors at c2 vCPUs, and what they are off by. */
struct vq_k {
	bool below, capped;
	double inside, apart;
	double m_lo, m_hi;
};

/* The same for growth inside, by one deviation: what is left keeps the minute's. */
static double inside_of_hour(const struct hr_cpu_facts *f, unsigned z, double k)
{
	if (of_hour(f))
		return hr_stage2_shrunk(
			k, f->s2.vq_inside[z], f->s2.noise_inside[z], CHANCE_INSIDE);
	return k;
}

/* Stage 1: the virtual queue, anchored at the measured late share. */
static void stage1(const struct hr_ctx *x, const struct hr_cpu_facts *f, unsigned z,
	const struct hr_vq_k *v, struct vq_k *ret)
{
	double apart =
		hr_vq_reach(x->m->vq_bad[HR_VQ_SPREAD + z], x->m->ctr[HR_CTR_VQ_TOT_N], &f->allow);

	/* Growth outside the bursts never fits less than growth inside them. */
	*ret = (struct vq_k){.below = v->below,
		.inside = inside_of_hour(f, z, v->k),
		.apart = fmax(apart, v->k) / f->today,
		.m_lo = x->conf->m_lo,
		.m_hi = x->conf->m_hi};
}

/* Stage 2: what the replay of recorded bursts found instead, carried over by the queue. */
static void stage2(
	const struct hr_ctx *x, const struct hr_cpu_facts *f, unsigned z, struct vq_k *ret)
{
	const struct hr_stage2 *s2 = &f->s2;
	uint64_t total = x->m->ctr[HR_CTR_VQ_TOT_N];
	double in = hr_vq_reach(x->m->vq_bad[z], total, &f->allow);
	double apart = hr_vq_reach(x->m->vq_bad[HR_VQ_SPREAD + z], total, &f->allow);

	if (of_hour(f))
		apart = hr_stage2_shrunk(apart, s2->vq_apart[z], s2->noise[z], CHANCE_APART);
	in = inside_of_hour(f, z, in);
	*ret = (struct vq_k){.inside = hr_stage2_k(in, s2->inside[z], s2->vq_inside[z]),
		.apart = hr_stage2_k(apart, s2->apart[z], s2->vq_apart[z]),
		.m_lo = x->conf->m2_lo,
		.m_hi = x->conf->m2_hi};
	hr_trace_say(x->t,
		"  stage 2, %g vCPUs: replay %.3f inside (%.3f of the recorded time alone), %.3f "
		"independent; queue of the same time "
		"%.3f and %.3f, of this minute %.3f and %.3f -> %.3f and %.3f; today lies at %.2f "
		"of its scale",
		f->c * (z + 1), s2->inside[z], s2->recorded[z], s2->apart[z], s2->vq_inside[z],
		s2->vq_apart[z], in, apart, ret->inside, ret->apart, s2->today);
	/*
	 * Anchored at the measured late share: half of the way, for that is one sample and the
	 * replay another; all of it where the replay says short and the measurement does not.
	 */
	ret->apart /= ret->apart < 1 ? s2->today : sqrt(s2->today);
	/* Of what is late by itself fewer bursts carry less than smaller ones: at_least is either.
	 */
	if (ret->apart < 1)
		ret->inside = fmin(ret->inside, ret->apart);
	ret->apart = fmax(ret->apart, ret->inside);
}

/*
 * By how much growth of @by inside the bursts may be too much.  Beyond FAR no burst as dense was
 * seen: batches grew by 3.3 where the replay had 6 (tests/truth).
 */
static double m_lo_at(
	const struct hr_ctx *x, const struct hr_cpu_facts *f, const struct vq_k *k, double by)
{
	double far = f->s2.used && by > FAR ? pow(by / FAR, FAR_POWER) : 1;

	return k->m_lo * far * by_chance(x, f, k->inside);
}

/* Bounds at c2 vCPUs from the virtual queue, the replay, and work conservation. */
static void vq_bounds(
	const struct hr_ctx *x, const struct hr_cpu_facts *f, unsigned z, struct hr_bounds *b)
{
	double c2 = f->c * (z ? 2 : 1);
	/* If work grows as the load does; at most; as is likely. */
	double same = hr_by_work(x, f, c2, f->away.least * f->idle_work_s);
	double middle = hr_by_work(x, f, c2, f->away.likely * f->idle_work_s);
	double work = hr_most_by_work(x, f, c2);
	struct derate d = derate_of(x, f, c2);
	struct vq_k k = {.m_lo = x->conf->m_lo};
	struct hr_vq_k v = {0};
	double m_lo;

	*b = (struct hr_bounds){0};
	if (f->has_slots)
		b->at_most = hr_opt_of(work);
	if (f->has_bursts &&
		hr_vq_solve(x->m->vq_bad[z], x->m->ctr[HR_CTR_VQ_TOT_N], &f->allow, &v)) {
		/* A fair scheduler gives a hog up to half of the CPU it shares. */
		double shared = 1 - f->hogs / (2 * c2);

		stage1(x, f, z, &v, &k);
		say_vq(x, &v, c2, k.apart, f);
		if (f->s2.used)
			stage2(x, f, z, &k);
		k.apart = hr_work_less(hr_k_clamp(k.apart), f->busy, c2 / f->c,
			hr_idle_share(x, f, f->away.likely));
		k.apart = hr_k_clamp(fmax(k.apart, z ? 0 : cube_law(f)));
		m_lo = m_lo_at(x, f, &k, k.inside);
		k.inside =
			fmin(HR_AWAY_SURE * k.inside, hr_work_less(k.inside, f->busy, c2 / f->c,
							      hr_idle_share(x, f, f->away.least)));
		b->at_least = hr_opt_of(k.below ? HR_K_MIN : k.inside * shared * d.at_least / m_lo);
		b->likely = hr_opt_of(k.apart * d.likely);
		b->capped = k.apart >= HR_K_MAX;
		if (k.below && f->today >= 1)
			b->at_most = hr_opt_of(fmin(work, 0.63));
		else if (k.apart < HR_K_MAX && f->busy_max >= IDLE_BUSY * f->c)
			b->at_most =
				hr_opt_of(fmin(work, k.apart * k.m_hi * by_chance(x, f, k.apart)));
		hr_trace_say(x->t,
			"  at_least = %.3f / %.2f x %.2f x %.2f, likely = %.3f x %.2f  "
			"(model error; threads that never sleep; shared cores)",
			k.inside, m_lo, shared, d.at_least, k.apart, d.likely);
	}
	if (f->has_slots)
		hr_work_say(x, f, c2);
	if (b->at_least.has && f->has_slots && middle < b->likely.v) {
		/* The work bound cuts the extrapolation. */
		b->likely = hr_opt_of(middle);
		b->capped = b->capped && middle > HR_K_MAX;
	}
	if (b->at_least.has && f->has_slots && same < k.apart * d.likely)
		/* keep the model error below it, that of so much growth */
		b->at_least.v = fmin(
			b->at_least.v, same * d.at_least / m_lo_at(x, f, &k, fmin(same, k.inside)));
	hr_bounds_tidy(b);
}

static void cpu_demand(
	const struct hr_ctx *x, const struct hr_cpu_facts *f, struct hr_res_answer *r)
{
	const struct hr_spread *s = &x->m->dist[HR_DIST_BUSY_1S];

	r->demand.unit = HR_UNIT_CORES;
	if (f->t_s > 0 && (f->has_slots || hr_minute_has(x->m, HR_SIG_CPU_STAT)))
		r->demand.mean = hr_opt_of(f->work_s / f->t_s);
	if (f->has_slots && s->total) {
		r->demand.p99 = hr_opt_of(f->busy_p99);
		r->demand.max = hr_opt_of(f->busy_max);
	}
	r->capacity.unit = HR_UNIT_CORES;
	r->capacity.value = hr_opt_of(f->c);
	r->capacity.source = HR_CAP_KNOWN;
}

static void cpu_confidence(
	const struct hr_ctx *x, const struct hr_cpu_facts *f, struct hr_estimate *e)
{
	double loss_max;

	if (!f->has_slots || !f->has_bursts) {
		e->r.confidence = e->r.headroom.has ? HR_CONFIDENCE_LOW : HR_CONFIDENCE_NONE;
		return;
	}
	e->r.confidence = HR_CONFIDENCE_HIGH;
	/* Too little load to learn from: the busiest second used less than 20 % (answer-model 11).
	 */
	if (f->busy_max < 0.2 * f->c || !f->has_steal)
		e->r.confidence = HR_CONFIDENCE_MEDIUM;
	/* It is time in which an idle CPU took up a task unseen: where CPUs stood idle, nobody
	 * waited for it, and as work it would add little. */
	loss_max = f->busy_max <= f->c / 2 ? LOSS_IDLE : LOSS_MAX;
	if (f->unknown > loss_max) {
		e->r.confidence = HR_CONFIDENCE_LOW;
		hr_estimate_missing(e, 0, "%.2f %% of the CPU time could not be accounted for",
			100 * f->unknown);
		hr_trace_say(x->t, "  unaccounted CPU time = %.3f %%  (limit %.1f %%)",
			100 * f->unknown, 100 * loss_max);
	}
}

/*
 * Today's load was measured not late: it fits, whatever was extrapolated.  Nor does more fit than
 * would make late bursts of today's, in proportion to the load, too many, if CLUMPED standard
 * deviations of them were chance.
 */
static void fits_today(const struct hr_ctx *x, const struct hr_cpu_facts *f, struct hr_bounds *b)
{
	double dev = CLUMPED * hr_late_look(x->conf, f->t_s), sure = f->late - dev * sqrt(f->late);
	double tolerated = hr_allowed(&f->allow, 1) * f->bursts;
	double most = sure > 0 ? fmax(tolerated / sure, 1) : HR_K_MAX;

	/* Batches late by themselves stay as they are: the replay has seen how few meet. */
	if (f->s2.used && b->likely.has)
		most = fmax(most, b->likely.v * REPLAYED);
	if (most < HR_K_MAX && !(b->at_most.has && b->at_most.v <= most)) {
		b->at_most = hr_opt_of(most);
		b->capped = false;
		hr_trace_say(x->t,
			"  at most %.3f: %.0f late today, %.1f without %g deviations, and more "
			"in proportion (%.2f x a replay's likely at least)",
			most, f->late, sure, dev, REPLAYED);
	}
	if (b->at_most.has)
		b->at_most.v = fmax(b->at_most.v, 1);
	if (b->likely.has)
		b->likely.v = fmax(b->likely.v, 1);
	/*
	 * Three standard deviations of the count below the limit: not by chance.  But a pool of few
	 * that never sleep waits little, however long its clients do: nothing is proven by it.
	 */
	if (b->at_least.has && f->busy < HR_BUSY_FULL &&
		f->late + 3 * sqrt(f->late + 1) < tolerated)
		b->at_least.v = fmax(b->at_least.v, 1);
	/* Full CPUs show what they do, not what is asked of them: there may be more of that. */
	if (b->at_least.has && f->busy >= HR_BUSY_FULL)
		b->at_least.v = fmin(b->at_least.v, 1 / x->conf->m_lo);
	hr_bounds_tidy(b);
}

/*
 * Measured not late, whatever the queue says: what more would fit is not known, only the CPUs' work
 * bounds it.  Where that leaves less than the target, the truth is not far from today's load.
 */
static void not_late_by_far(
	const struct hr_ctx *x, const struct hr_cpu_facts *f, struct hr_bounds *b)
{
	double most = f->has_slots ? fmax(hr_most_by_work(x, f, f->c), 1) : HR_K_MAX;

	b->likely.has = most < x->conf->k_target;
	if (b->likely.has)
		b->likely.v = sqrt(fmax(hr_by_work(x, f, f->c, 0), 1));
	if (b->at_most.has)
		b->at_most.v = fmax(b->at_most.v, fmin(x->conf->k_target, most));
}

/*
 * Does stage 1 see what was measured at today's load (answer-model 4.7)?  Too pessimistic: likely
 * is anchored at the measurement (hr_vq_today); beyond what that can mend it is unknown.  Too
 * optimistic: nothing beyond today is promised.
 */
static void self_check(const struct hr_ctx *x, const struct hr_cpu_facts *f, struct hr_estimate *e)
{
	struct hr_bounds *b = &e->r.headroom;
	double measured = f->late / f->bursts, predicted;
	struct hr_vq_k v;

	if (f->s2.used || /* it has passed its own check */
		!hr_vq_solve(x->m->vq_bad[0], x->m->ctr[HR_CTR_VQ_TOT_N], &f->allow, &v))
		return;
	predicted = v.f_1;
	if (hr_self_check(predicted, measured))
		return;
	e->r.confidence = HR_CONFIDENCE_LOW;
	hr_trace_say(x->t,
		"  self-check failed: the virtual queue expects %.2f %% late today, measured %.2f "
		"%%",
		100 * predicted, 100 * measured);
	if (predicted < measured) {
		b->at_least = hr_opt_of(b->at_least.has ? fmin(b->at_least.v, 1) : 1);
	} else if (f->today <= HR_VQ_TODAY_MIN && b->likely.v < x->conf->k_target) {
		not_late_by_far(x, f, b);
	} else {
		return;
	}
	hr_estimate_missing(e, 0,
		"a replay of recorded bursts: the virtual queue expects %.2f %% late, measured "
		"%.2f %%",
		100 * predicted, 100 * measured);
}

/* Stage 0 and the gates, after the extrapolation. */
static void cpu_judge(const struct hr_ctx *x, const struct hr_cpu_facts *f, struct hr_estimate *e)
{
	struct hr_bounds *b = &e->r.headroom;

	if (f->quota_bad) {
		e->local = true;
		e->reason = "a cgroup CPU quota throttles its threads while vCPUs are free";
		hr_bounds_bad(b);
		for (unsigned z = 0; z < HR_SIZE_N; z++)
			e->at[z] = *b;
		hr_trace_say(x->t, "  gate cpu quota: fires  (throttled while vCPUs are free)");
		return;
	}
	if (f->stalled) {
		hr_stalled(x, f, e);
		return;
	}
	if (f->late_bad && !f->steal_bad) {
		e->r.saturated = true;
		e->reason = "more wake-ups than tolerated waited for a CPU";
		if (b->has && b->likely.has && b->likely.v > 1) {
			/* Stage 1 contradicts the measurement (answer-model 4.7). */
			e->r.confidence = HR_CONFIDENCE_LOW;
			b->at_least.v = fmin(b->at_least.v, 1 / x->conf->m_lo);
		}
		hr_bounds_bad(b);
		hr_trace_say(x->t, "  BAD: %s", e->reason);
		return;
	}
	if (b->likely.has && f->bursts >= CHECK_BURSTS && !f->steal_bad) {
		self_check(x, f, e);
		fits_today(x, f, b);
	}
	if (f->busy_all >= HR_BUSY_ALL_BAD) {
		e->r.saturated = true;
		e->reason = "every vCPU was busy all the time";
		hr_bounds_bad(b);
		b->at_least.v = fmin(b->at_least.v, 1 / x->conf->m_lo);
		hr_trace_say(x->t, "  BAD: %s", e->reason);
	}
}

/*
 * Siblings that the hypervisor hides are taken as shared by at_least.  Where that alone keeps
 * @at_least, as extrapolated, below the target, it is what is missing: no further minute tells it.
 */
static void hidden_cores(const struct hr_ctx *x, const struct hr_cpu_facts *f,
	const struct hr_opt *at_least, struct hr_estimate *e)
{
	double d = derate_of(x, f, f->c).at_least;

	if (d >= 1 || (x->facts && x->facts->threads_per_core > 0))
		return;
	hr_trace_say(x->t,
		"  which vCPUs share a core is not known: at_least takes them as shared (x%.2f)",
		d);
	if (!at_least->has || at_least->v >= x->conf->k_target ||
		at_least->v / d < x->conf->k_target)
		return;
	e->hidden_cores = true;
	hr_estimate_missing(e, 0,
		"whether two vCPUs share a core, which the hypervisor hides (measured when two "
		"are idle at once; threads_per_core tells it)");
}

/* What a longer measurement of this load would bring: bursts enough to tell. */
static void measure_longer(
	const struct hr_ctx *x, const struct hr_cpu_facts *f, struct hr_estimate *e)
{
	double dev = hr_late_dev(x->conf, f->t_s);
	double wanted = hr_bursts_wanted(x->conf->eps, dev, f->bursts, f->late);
	double more_s = f->bursts > 0 && f->t_s > 0 ? ceil(wanted / f->bursts * f->t_s) : 0;

	if (e->r.headroom.at_most.has && e->r.headroom.at_most.v < x->conf->k_target)
		return; /* short for sure */
	/* a minute of the service has its 60 s; beyond one minute of `measure` is another */
	if (x->conf->minute_ms <= MINUTE_MS || more_s < 1 ||
		more_s + f->t_s > (double)x->conf->minute_ms / 1e3)
		return;
	hr_estimate_missing(e, 0,
		"some %.0f s more of this load: %.0f of %.0f bursts were late, too few to tell "
		"from "
		"%.2g %%",
		more_s, f->late, f->bursts, 100 * x->conf->eps);
}

void hr_model_cpu(
	const struct hr_ctx *x, struct hr_estimate *ret_cpu, struct hr_estimate *ret_steal)
{
	struct hr_estimate *e = ret_cpu;
	struct hr_bounds big;
	struct hr_cpu_facts f;
	struct hr_opt raw;

	hr_estimate_init(ret_cpu, HR_RES_CPU, -1, x);
	hr_estimate_init(ret_steal, HR_RES_STEAL, -1, x);
	hr_cpu_facts_of(x, &f);
	hr_cpu_say(x, &f);
	vq_bounds(x, &f, 0, &e->r.headroom);
	hr_steal_judge(x, &f, &e->r.headroom, ret_steal);
	if (f.steal_bad) { /* cpu is then judged as if all of it had been delivered (6) */
		f.delivered = f.delivered > 0 ? f.delivered : 1;
		if (e->r.headroom.at_least.has)
			e->r.headroom.at_least.v /= f.delivered;
		if (e->r.headroom.likely.has)
			e->r.headroom.likely.v /= f.delivered;
		if (e->r.headroom.at_most.has)
			e->r.headroom.at_most.v /= f.delivered;
		hr_bounds_tidy(&e->r.headroom);
	}
	vq_bounds(x, &f, 1, &big);
	if (!f.has_slots)
		hr_estimate_no_signal(e, x, HR_SIG_CPU_SLOTS);
	if (!f.has_bursts)
		hr_estimate_no_signal(e, x, HR_SIG_BURSTS);
	e->reason = !e->r.headroom.at_least.has ? "waiting for a CPU was not measured"
		    : f.s2.used                 ? "recorded bursts, replayed at larger loads"
						: "virtual queue over the kernel's time slots";
	cpu_demand(x, &f, &e->r);
	hr_cpu_evidence(x, &f, e);
	cpu_confidence(x, &f, e);
	e->at[HR_SIZE_VCPUS] = e->at[HR_SIZE_BOTH] = big;
	raw = e->r.headroom.at_least;
	cpu_judge(x, &f, e);
	if (!e->local && !e->r.saturated)
		hidden_cores(x, &f, &raw, e);
	if (!e->local && !e->r.saturated && !f.stalled && f.has_bursts)
		measure_longer(x, &f, e);
	if (!e->local) {
		e->at[HR_SIZE_MEMORY] = e->r.headroom;
		/* A larger size is never worse: k(2c) >= k(c). */
		for (unsigned z = 0; z < HR_SIZE_N; z++)
			hr_bounds_raise(&e->at[z], &e->r.headroom);
		hr_bounds_twice(&e->at[HR_SIZE_VCPUS], &e->r.headroom);
		hr_bounds_twice(&e->at[HR_SIZE_BOTH], &e->r.headroom);
	}
}
