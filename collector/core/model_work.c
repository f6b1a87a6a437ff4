/* SPDX-License-Identifier: Apache-2.0 */
/* What the CPUs carry by their work alone (MODEL.md 3, "Work is not constant"). */
#include "collector/core/model_cpu.h"

#include <math.h>

#define CHEAPER 0.25 /* of the cost of a request, at most, that goes as all CPUs fill otherwise */

/* Blocks (134 ms) from which on a slope is a slope. */
#define BLOCKS_MIN 40
/* What other programs' marginal costs differ by: nginx 0.9, pgbench 0.6 (MODEL.md 3). */
#define COST_SPREAD 0.2
/* Of what idle CPUs add by the bound, what may stay away where it was measured to be more. */
#define AWAY_MAX 2
#define SURE     2    /* standard deviations */
#define DEV_MAX  0.15 /* a deviation from which on nothing is taken from it for sure */
#define COST_MIN 0.05
/* Variance of the messages, of that of chance: one request is one to a few messages. */
#define CHANCE_LO 0.5
#define CHANCE_HI 4

/* Least squares: slope of work over messages, times messages over work. */
struct hr_marginal_cost hr_marginal_cost(const struct hr_minute *m)
{
	const uint64_t *c = m->ctr;
	double n2 = (double)c[HR_CTR_READ_N2], w2 = (double)c[HR_CTR_READ_WORK_US2];
	double both = ((double)c[HR_CTR_READ_BOTH2] - n2 - w2) / 2, slope, rest, per, others;
	struct hr_marginal_cost r = {.cost = 1};

	if (!hr_minute_has(m, HR_SIG_READS) || !hr_minute_has(m, HR_SIG_BURSTS) ||
		c[HR_CTR_READ_BLOCK_N] < BLOCKS_MIN || n2 <= 0 || c[HR_CTR_READ_WORK_US] == 0)
		return r;
	slope = both / n2;
	/* three of a block's four are free, and one of all goes into the slope */
	rest = fmax(w2 - slope * both, 0) / (3 * (double)c[HR_CTR_READ_BLOCK_N] - 1);
	per = (double)c[HR_CTR_READ_N] / (double)c[HR_CTR_READ_WORK_US];
	others = 1 -
		 fmin((double)c[HR_CTR_READER_MS] * 1e6 / fmax((double)c[HR_CTR_ONCPU_NS], 1), 1);
	r.cost = fmin(others + fmax(slope, 0) * per, 1);
	r.dev = sqrt(rest / n2) * per;
	/* n2: four times the sum over blocks, three of a block's four free; four groups in it */
	r.chance = n2 / 3 / fmax((double)c[HR_CTR_READ_N], 1);
	r.has = true;
	return r;
}

/*
 * A cost of cost(u) = 1 - away x share x (u - today's u), as hr_work_less() has it, has the
 * marginal cost 1 / (1 + away x share x u) of itself: what @away is for @cost.
 */
static double away_of(double cost, double share_u)
{
	cost = fmin(fmax(cost, COST_MIN), 1);
	return share_u > 0 ? (1 - cost) / (cost * share_u) : 0;
}

struct hr_away hr_work_away(const struct hr_ctx *x, const struct hr_cpu_facts *f)
{
	struct hr_away a = {.of = hr_marginal_cost(x->m), .likely = HR_IDLE_LIKELY, .most = 1};
	double share_u = hr_idle_share(x, f, 1) * f->busy, usual, weight;

	if (!a.of.has || f->busy >= HR_BUSY_FULL || share_u <= 0)
		return a;
	/* of more than one kind, in clumps, or as regular as a loop: the slope is not of the load
	 */
	if (a.of.chance < CHANCE_LO || a.of.chance > CHANCE_HI)
		return a;
	a.least = fmin(away_of(a.of.cost + SURE * a.of.dev, share_u), 1);
	/* likely: what is measured and what is usual, each by how well it is known */
	usual = 1 / (1 + HR_IDLE_LIKELY * share_u);
	weight = 1 / (1 + pow(a.of.dev / COST_SPREAD, 2));
	a.likely = fmin(away_of(weight * a.of.cost + (1 - weight) * usual, share_u), 1);
	a.likely = fmax(a.likely, a.least);
	if (a.of.dev <= DEV_MAX)
		a.most = fmin(fmax(away_of(a.of.cost - SURE * a.of.dev, share_u), 1), AWAY_MAX);
	return a;
}

double hr_work_cheaper(const struct hr_cpu_facts *f)
{
	return 1 + CHEAPER * (1 - f->busy);
}

double hr_idle_share(const struct hr_ctx *x, const struct hr_cpu_facts *f, double away)
{
	double at_most = hr_work_idle(f->work_s, f->bursts, INFINITY, x->conf->wakeup_us / 1e6);

	return f->has_slots && f->work_s > 0 ? away * at_most / f->work_s : 0;
}

double hr_by_work(const struct hr_ctx *x, const struct hr_cpu_facts *f, double c2, double away_s)
{
	return hr_work_bound(c2 * f->delivered, f->t_s, x->conf->x_ms / 1e3, f->work_s - away_s);
}

double hr_most_by_work(const struct hr_ctx *x, const struct hr_cpu_facts *f, double c2)
{
	double room = c2 * f->delivered * (f->t_s + x->conf->x_ms / 1e3);
	double fixed = HR_WORK_FIXED * f->work_s;
	double grows = f->work_s - f->away.most * f->idle_work_s - fixed;

	return grows > 0 ? fmax(hr_work_cheaper(f) * (room - fixed) / grows, 0) : INFINITY;
}

void hr_work_say(const struct hr_ctx *x, const struct hr_cpu_facts *f, double c2)
{
	const struct hr_away *a = &f->away;

	if (a->of.has && c2 <= f->c)
		hr_trace_say(x->t,
			"  a message more costs %.2f +- %.2f of what one does: of what idle CPUs "
			"may "
			"add, %.2f, %.2f and %.2f stay away at least, likely and at most (messages "
			"vary by "
			"%.2f of chance)",
			a->of.cost, a->of.dev, a->least, a->likely, a->most, a->of.chance);
	hr_trace_say(x->t,
		"  work bound = %.3f  (%.2f CPUs x (%.1f + %.3f) s / %.3f CPU-s of work, of which "
		"idle CPUs may add %.3f; %.3f by what likely stays away of it; at most %.3f: by "
		"the "
		"most that may, %.0f %% of the work does not grow, and a request costs 1 / %.3f)",
		hr_by_work(x, f, c2, a->least * f->idle_work_s), c2 * f->delivered, f->t_s,
		x->conf->x_ms / 1e3, f->work_s, f->idle_work_s,
		hr_by_work(x, f, c2, a->likely * f->idle_work_s), hr_most_by_work(x, f, c2),
		100 * HR_WORK_FIXED, hr_work_cheaper(f));
}
