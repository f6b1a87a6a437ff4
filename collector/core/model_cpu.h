/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU numbers of a minute that several judgements share. */
#pragma once

#include "collector/core/model.h"

struct hr_cpu_facts {
	bool has_slots, has_bursts, has_steal;
	double c, t_s;         /* vCPUs, covered seconds */
	double work_s;         /* CPU seconds, hogs included */
	double run_s, steal_s; /* delivered and stolen CPU seconds */
	double delivered;      /* run / (run + steal), 1 when nothing was wanted */
	double steal_share;
	double bursts, late;
	double busy_all;           /* share of slots with every CPU busy */
	double busy_p99, busy_max; /* CPUs busy in a second */
	double hogs;               /* CPUs taken by threads that never sleep */
	double today;              /* where today's load lies on the virtual queue's scale */
	struct hr_stage2 s2;       /* replay of recorded bursts */
	double unknown;            /* share of CPU time unaccounted for */
	double throttled;          /* CPU-s per s */
	bool late_bad, steal_bad, quota_bad;
};
/* Are @late of @bursts more than the share @eps, by more than chance? */
bool hr_cpu_is_late(double eps, double bursts, double late);
void hr_cpu_facts_of(const struct hr_ctx *x, struct hr_cpu_facts *ret_f);
