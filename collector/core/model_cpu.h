/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU numbers of a minute that several judgements share. */
#pragma once

#include "collector/core/model.h"

/* Busy share from which on clients may queue unseen, and what is read is what the CPUs allow. */
#define HR_BUSY_FULL    0.9
#define HR_BUSY_ALL_BAD 0.95 /* slots with every CPU busy: nothing is left */

/*
 * What a message more costs, of what one costs on average, and its standard deviation: least
 * squares over the minute (agent/core/marginal.h); what threads do that read nothing counts as
 * growing.
 */
struct hr_marginal_cost {
	bool has;
	double cost, dev;
	double chance; /* variance of the messages of a group over their mean; by chance alone: 1 */
};

/*
 * Shares of idle_work_s that stay away as CPUs fill: 0, HR_IDLE_LIKELY and 1, or what the marginal
 * cost says.
 */
struct hr_away {
	struct hr_marginal_cost of;
	double least, likely, most;
};

struct hr_cpu_facts {
	bool has_slots, has_bursts, has_steal;
	double c, t_s;         /* vCPUs, covered seconds */
	double work_s;         /* CPU seconds, hogs included */
	double idle_work_s;    /* of it, what idle CPUs added, at most */
	struct hr_away away;   /* and what of that goes as CPUs fill */
	double busy;           /* share of the CPUs' time */
	double run_s, steal_s; /* delivered and stolen CPU seconds */
	double delivered;      /* run / (run + steal), 1 when nothing was wanted */
	double steal_share;
	double bursts, late;
	double busy_all;           /* share of slots with every CPU busy */
	double busy_p99, busy_max; /* CPUs busy in a second */
	double hogs;               /* CPUs taken by threads that never sleep */
	struct hr_allow allow;     /* late ones tolerated in it, at any load */
	double today;              /* where today's load lies on the virtual queue's scale */
	struct hr_stage2 s2;       /* replay of recorded bursts */
	double unknown;            /* share of CPU time unaccounted for */
	double throttled;          /* CPU-s per s */
	double clump_s;            /* of steal_s, in the one or two worst seconds */
	bool late_bad, steal_bad, quota_bad;
	bool clumped; /* more stolen than the limit, but for one clump less */
	bool stalled; /* the shortage may be all of one clump: none is claimed */
};

static inline double hr_ctr_s(const struct hr_minute *m, enum hr_ctr c)
{
	return (double)m->ctr[c] / 1e9;
}

/* Are @late of @bursts more than the share @eps, by more than chance: @dev deviations? */
bool hr_cpu_is_late(double eps, double dev, double bursts, double late);
/*
 * How many more bursts would tell: as many as at_least needs, or where more than @eps are late, but
 * not by more than chance (@dev deviations), as many as would prove it if the share stayed; 0:
 * none.
 */
double hr_bursts_wanted(double eps, double dev, double bursts, double late);
void hr_cpu_facts_of(const struct hr_ctx *x, struct hr_cpu_facts *ret_f);
/* --- by the work alone (model_work.c) ------------------------------------------ */

#define HR_IDLE_LIKELY 0.4 /* of what idle CPUs add at most: between two servers (MODEL.md 3) */
/* So much more than with the same work at_least tells at most: were all of it wrong, it would be
 * over-promised by no more than what m_lo leaves of it. */
#define HR_AWAY_SURE  1.5
#define HR_WORK_FIXED 0.1 /* of the work that others may do, whatever the load is, at most */

struct hr_marginal_cost hr_marginal_cost(const struct hr_minute *m);
/* busy, work_s and bursts of @f are known. */
struct hr_away hr_work_away(const struct hr_ctx *x, const struct hr_cpu_facts *f);

/* So much less does a request cost, at most, as all CPUs fill. */
double hr_work_cheaper(const struct hr_cpu_facts *f);
/* Of the work, what goes as CPUs become busy that were idle: @away of all that may. */
double hr_idle_share(const struct hr_ctx *x, const struct hr_cpu_facts *f, double away);
/* What @c2 vCPUs carry, if the work grows as the load does but for @away_s that stay away. */
double hr_by_work(const struct hr_ctx *x, const struct hr_cpu_facts *f, double c2, double away_s);
/* The most: none of what idle CPUs add stays, others' work does not grow, requests cost less. */
double hr_most_by_work(const struct hr_ctx *x, const struct hr_cpu_facts *f, double c2);
void hr_work_say(const struct hr_ctx *x, const struct hr_cpu_facts *f, double c2);

/* model_cpu_say.c */
void hr_cpu_say(const struct hr_ctx *x, const struct hr_cpu_facts *f);
void hr_cpu_evidence(const struct hr_ctx *x, const struct hr_cpu_facts *f, struct hr_estimate *e);

/* --- stolen time (model_steal.c) --------------------------------------------- */

/* Of @steal_s, what lies in one or two seconds, of which the worst had @max_s. */
double hr_steal_clump_s(double steal_s, double max_s);
/*
 * Bursts that a clump of @clump_s, of any CPUs, may have made late: what came meanwhile, and until
 * the CPUs had caught up, which takes 1 / (1 - busy) as long.
 */
double hr_late_of_clump(const struct hr_cpu_facts *f, double clump_s);
/* Sets clump_s, steal_bad, clumped, delivered of @f, of which c, t_s, run_s, steal_* are known. */
void hr_steal_facts(const struct hr_ctx *x, struct hr_cpu_facts *f);
/* Does the minute's shortage rest on a clump?  Not where the work alone shows it. */
bool hr_is_stalled(const struct hr_ctx *x, const struct hr_cpu_facts *f);
/* What is left to say of such a minute: no more than today, and the most that fits by work. */
void hr_stalled(const struct hr_ctx *x, const struct hr_cpu_facts *f, struct hr_estimate *e);
void hr_steal_say(const struct hr_ctx *x, const struct hr_cpu_facts *f);
void hr_steal_judge(const struct hr_ctx *x, const struct hr_cpu_facts *f,
	const struct hr_bounds *vq, struct hr_estimate *s);
