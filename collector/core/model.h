/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Estimates: from the evidence of one minute to k, one function per resource.
 * Definitions, formulae and the origin of each constant: collector/MODEL.md.
 *
 * k is the factor by which the load could grow before the resource's stated
 * service level breaks, clamped to [1/8, 8].  Always an interval; a resource
 * without evidence makes no claim (has = false, with a reason), never 0 or 8.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "collector/core/answer.h"
#include "collector/core/growth.h"
#include "collector/core/limit.h"
#include "collector/core/minute.h"
#include "collector/core/stage2.h"
#include "collector/core/trace.h"
#include "collector/core/vm.h"

#define HR_K_MIN 0.125
#define HR_K_MAX 8.0

enum hr_size {
	HR_SIZE_VCPUS = 0, /* vCPUs x2 */
	HR_SIZE_MEMORY,    /* RAM x2 */
	HR_SIZE_BOTH,
	HR_SIZE_N,
};

/* What every estimator reads. */
struct hr_ctx {
	const struct hr_minute *m;
	const struct hr_model_conf *conf;
	const struct hr_facts *facts; /* of the minute's epoch; NULL: not known */
	const struct hr_limit *limit; /* learned limits by device number, HR_DEVS_MAX; NULL: none */
	const struct hr_pool *pool;   /* replays of the last hour, @m included; NULL: none */
	uint64_t peak_anon_bytes;     /* over the lookback, 0: only this minute's */
	const struct hr_growth *growth; /* of memory with load; NULL: no days are looked at */
	bool part_late; /* of a minute longer than 60 s, 60 s in a row had too many late bursts */
	uint64_t serial_since_ms; /* since when its hottest thread is hot; see model_serial.c */
	bool bare; /* numbers only: no text of evidence, or of what is missing, is wanted */
	struct hr_trace *t;
};

struct hr_estimate {
	struct hr_res_answer
		r; /* resource, bounds, demand, capacity, confidence, missing, evidence */
	struct hr_bounds at[HR_SIZE_N]; /* bounds at the candidate sizes; r.headroom where the size
					   does not matter */
	const char *reason; /* plain phrase behind the bounds, or behind their absence */
	const char *fix; /* what helps, where that is not what helps the resource otherwise; NULL */
	bool local;      /* bound by a cgroup limit or shaper on the VM */
	bool external;   /* bound by a limit that does not grow with the VM */
	bool whose_open; /* a disk: or by one that does, see model_disk.c */
	bool grows[HR_SIZE_N]; /* short by measurement: that size has more, nothing tells how much
				*/
	bool quiet;            /* limit unknown, load too small to decide */
	bool bare;             /* as the ctx; evidence and missing are only counted then */
	bool below_told;       /* device: its limit is well below the one that the operator tells */
	double burst;        /* device: told that bursts carry, of the capacity's unit; 0 no more */
	bool bursts_gone;    /* and they were used up: late at the baseline */
	double high_s, high; /* disk: before that it carried so much, for so long; 0 not known */
	bool hidden_cores; /* cpu: only that siblings are hidden keeps at_least below the target */
	int8_t dev;        /* device number, -1 none */
	char workers[HR_COMM_LEN]; /* the program whose threads bind (model_workers.h); "" none */
};

/* --- solving ------------------------------------------------------------ */

struct hr_vq_k {
	double k;    /* HR_K_MIN when below */
	bool below;  /* already late at 0.63 */
	bool capped; /* not late at 8 */
	double f_1;  /* late share at k = 1 */
};
/* Load factor of the virtual queue from its late counts (answer-model 4.3).  False when @total is
 * 0. */
bool hr_vq_solve(const uint64_t bad[HR_VQ_GRID], uint64_t total, const struct hr_allow *a,
	struct hr_vq_k *ret_k);

/* Load factor at which the late share reaches what @a tolerates; below the grid the curve is
 * continued. */
double hr_vq_reach(const uint64_t bad[HR_VQ_GRID], uint64_t total, const struct hr_allow *a);

/*
 * Where on the grid's scale today's load lies, by the late share @measured at it: below 1 when the
 * queue expects more than was measured (real schedulers let short bursts overtake, and a long
 * burst may wait as long as it runs), above 1 when it expects less.  Within [0.25, 2]: further
 * off, the queue is not a model of this load.
 */
#define HR_VQ_TODAY_MIN 0.25
double hr_vq_today(const uint64_t bad[HR_VQ_GRID], uint64_t total, double measured);

/* May a predicted late share be believed, given the measured one (answer-model 4.7)? Within a
 * factor 2. */
bool hr_self_check(double predicted, double measured);

/* What n busy of c vCPUs deliver when two share a core and the second adds @g (4.7). */
double hr_smt_rate(double n, double c, double g);

/* Smallest k by work conservation: @work_s CPU seconds in @t_s, @c_eff CPUs, tolerated wait @x_s.
 */
double hr_work_bound(double c_eff, double t_s, double x_s, double work_s);

/*
 * Of @work_s, the part at most that idle time added, and that goes as CPUs fill: bursts cost
 * @wakeup_s more where a CPU idles, of @cpu_s CPU seconds in all, and join others where none does.
 */
double hr_work_idle(double work_s, double bursts, double cpu_s, double wakeup_s);

/*
 * The load that makes CPUs as busy as @k times today's would if its work stayed the same: @share of
 * the work goes as CPUs become busy all the time that were idle all the time.  @busy: share of
 * their time today; @sizes: of so many times the CPUs.
 */
double hr_work_less(double k, double busy, double sizes, double share);

double hr_k_clamp(double k);
struct hr_opt hr_opt_of(double v);
/* Orders and clamps: at_least <= likely <= at_most, each in [1/8, 8]. */
void hr_bounds_tidy(struct hr_bounds *b);
/* Bytes that are left for anonymous memory to grow, of the counters of a window or minute. */
double hr_memory_left(const uint64_t *ctr);

/* A minute that is BAD by measurement: nothing is left, whatever was extrapolated (4.2). */
void hr_bounds_bad(struct hr_bounds *b);
/* At a larger size nothing is sure but what is today, and nothing is excluded. */
void hr_bounds_open(struct hr_bounds *b, const struct hr_bounds *today);
/* Each end of @b at least that of @floor: a larger size is never worse. */
void hr_bounds_raise(struct hr_bounds *b, const struct hr_bounds *floor);
/*
 * likely and at_most of @b, on twice the CPUs, at least twice those of @half: if each half served
 * half of a load of independent jobs, each would be where all are at half of the load; that both
 * serve whatever waits makes nothing later.  at_least is left: that nothing is shared (locks,
 * caches) is not known.
 */
void hr_bounds_twice(struct hr_bounds *b, const struct hr_bounds *half);

/* --- estimators: fill *ret, never fail ----------------------------------- */

void hr_model_cpu(
	const struct hr_ctx *x, struct hr_estimate *ret_cpu, struct hr_estimate *ret_steal);
void hr_model_serial(const struct hr_ctx *x, struct hr_estimate *ret);
void hr_model_softirq(const struct hr_ctx *x, struct hr_estimate *ret);
void hr_model_memory(const struct hr_ctx *x, struct hr_estimate *ret);
void hr_model_disk(const struct hr_ctx *x, uint8_t dev, struct hr_estimate *ret);
void hr_model_network(const struct hr_ctx *x, uint8_t dev, struct hr_estimate *ret);

/* Gain of closed load from c to 2c vCPUs, at most (7a); has = false without evidence. */
struct hr_opt hr_frozen_gain(const struct hr_minute *m);

/* The thread that limits, as an index into m->use; -1 none. */
int hr_serial_candidate(const struct hr_minute *m);

/* --- helpers of the estimators ------------------------------------------- */

void hr_estimate_init(
	struct hr_estimate *e, enum hr_resource r, int8_t dev, const struct hr_ctx *x);
void hr_estimate_evidence(
	struct hr_estimate *e, const char *signal, double v, enum hr_unit unit, const char *source);
__attribute__((format(printf, 3, 4))) void hr_estimate_missing(
	struct hr_estimate *e, uint64_t available_ms, const char *fmt, ...);
/* Adds "what: reason" of a missing signal, from the facts. */
void hr_estimate_no_signal(struct hr_estimate *e, const struct hr_ctx *x, enum hr_signal sig);
/* Where the signal came from in this VM: "tp_btf/sched_switch", "/proc/stat". */
const char *hr_signal_source(const struct hr_facts *f, enum hr_signal sig);
