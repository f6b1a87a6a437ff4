/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The measuring part of the agent as one object: BPF, files, sampler, fold; no
 * shipping.  headroom-agent's loop, `headroom measure` and `headroom doctor` all
 * drive it.  It never fails because a signal is missing: the signal is missing
 * with its reason, in hr_engine_facts().  After hr_engine_open() it allocates nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/status.h"
#include "proto/facts.h"
#include "proto/summary.h"

struct hr_engine;

struct hr_engine_opts {
	const char *root;   /* prefix of /proc and /sys (tests), "" normally */
	enum hr_rung force; /* HR_RUNG_RAW_TP, HR_RUNG_FILE: try nothing better; 0: best */
	bool align; /* windows end at multiples of 10 s of boot time (agent); else 10 s from now */
	bool dense; /* record bursts all the time, not 5 s a minute (measure) */
	bool bpf_stats;      /* measure ns per event in short samples (needs CAP_SYS_ADMIN) */
	uint64_t no_hooks;   /* bit per enum hr_shed: hooks not to load (operator's choice) */
	const char *include; /* device names to measure although the rules leave them out ("loop0
				dm-1"), "" none */
	const char *exclude; /* device names to leave out */
	const char *limits;  /* of devices, as hr_machine_limit() reads them */
	uint64_t seq_min; /* first window number not used yet in this boot (agent restarted); 0 any
			   */
	uint32_t epoch_first; /* first epoch not used yet in this boot; 0: 1 */
	double budget_ratio;  /* of one CPU, above which hooks are shed; 0: the default, 0.01 */
	uint32_t threads_per_core; /* as the operator knows it; 0: as the hypervisor shows it */
	bool no_core_probe; /* do not measure whether two vCPUs share one where that is hidden */
};

/* HR_FORCE=raw_tp|file in the environment as a value for .force; anything else: best. */
enum hr_rung hr_engine_force_from_env(void);

/* 0, or -errno when not even /proc can be read; @err says what, why, what to do. */
int hr_engine_open(struct hr_engine **ret_engine, const struct hr_engine_opts *opts, char err[512]);
void hr_engine_close(struct hr_engine *e);

/* Monotonic time of the next tick; call hr_engine_tick() then. */
uint64_t hr_engine_next_ns(const struct hr_engine *e);

/* 1: a window closed, *ret_summary (engine's own, until the next call) holds it; 0: none; -errno.
 */
int hr_engine_tick(struct hr_engine *e, const struct hr_summary **ret_summary);

/*
 * A last tick that ends the open window early (measure's end, SIGTERM), threads and cgroups
 * included.  As hr_engine_tick; 0 when it is empty.  A tick after it sets a new base: what was
 * between the two is in no window.
 */
int hr_engine_flush(struct hr_engine *e, const struct hr_summary **ret_summary);

/* What the last window cost and what it may; written by hr_engine_tick() when it returns 1. */
const struct hr_status *hr_engine_status(const struct hr_engine *e);

/* Current facts, epoch included; changes only inside hr_engine_tick(). */
const struct hr_facts *hr_engine_facts(const struct hr_engine *e);
