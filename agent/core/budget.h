/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's own cost against its budget: keep, or shed the next hook in the
 * order of enum hr_shed.  Shedding is one way until restart: a hook that costs
 * too much today does so tomorrow, and evidence that comes and goes is worth less
 * than evidence that is named as missing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/facts.h"

/* bpf_stats time excludes the dispatch of a program: ~63 ns (kernel-signals.md 2). */
#define HR_BUDGET_DISPATCH_NS 63
/* Without bpf_stats: cost of one event by hook, end to end (same table). */
#define HR_BUDGET_SWITCH_NS 180
#define HR_BUDGET_PACKET_NS 100
#define HR_BUDGET_IO_NS     110
#define HR_BUDGET_READ_NS   100
/* Windows in a row over budget before a hook goes: one busy minute is not a verdict. */
#define HR_BUDGET_OVER_WINDOWS 6
/* Further over than this many times the budget, a window counts as three: 20 s are enough then. */
#define HR_BUDGET_FAR_OVER 4

struct hr_budget_sample {
	uint64_t dur_ms;
	uint32_t cpus;
	uint64_t cpu_us; /* user space */
	bool has_bpf;    /* the next two were measured */
	uint64_t bpf_ns, bpf_n;
	uint64_t switches, packets, ios, reads; /* events of the window; packets sent are two */
};

struct hr_budget {
	double limit_ratio; /* of one CPU */
	double cpus_ratio;  /* of all CPUs: the larger of the two limits holds */
	uint32_t loaded;    /* bit per enum hr_shed: hooks that are there to shed */
	uint32_t shed;
	uint32_t over;       /* windows in a row, those far over thrice */
	double ns_per_event; /* last measured, dispatch included; 0 never */
};

void hr_budget_init(struct hr_budget *b, double limit_ratio, double cpus_ratio, uint32_t loaded);

/* Share of one CPU above which hooks are shed, on a VM of @cpus. */
double hr_budget_limit(const struct hr_budget *b, uint32_t cpus);

/* What the window cost, as a share of one CPU. */
double hr_budget_cost(const struct hr_budget *b, const struct hr_budget_sample *s);

/* Part of it spent in hooks, dispatch included, us: measured once, else by the table above. */
uint64_t hr_budget_hook_us(const struct hr_budget *b, const struct hr_budget_sample *s);

/* True: shed *ret now (it is marked as shed); @reason says what was measured against what. */
bool hr_budget_window(struct hr_budget *b, const struct hr_budget_sample *s, enum hr_shed *ret,
	char reason[HR_REASON_LEN]);
