/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model's constants of each host: those of [model], and over them, key by key, those of each
 * section [host "PATTERN"] that names it, in the order of the files.  Which sections those are is a
 * number that is found once for a name, not a copy of the constants for each host.
 */
#pragma once

#include "collector/core/trace.h"
#include "collector/core/vm.h"
#include "proto/conf.h"

/* Values of the keys of [model], as read.  Members of 8 bytes (conf.h). */
struct hr_model_keys {
	double k_target, eps, q;
	uint64_t lookback_days;
	uint64_t min_history_ns;
	uint64_t wakeup_ns;
	uint64_t max_vcpus, max_mem_bytes;
	double m_lo, m_hi, m2_lo, m2_hi;
	double steal_bad, stall_bad, throttled_bad, drop_bad;
};

struct hr_host_keys {
	struct hr_conf_over_head head;
	struct hr_model_keys v;
};

struct hr_host_rules {
	const struct hr_conf_table *table; /* NULL: none, then every host has the base */
	const struct hr_model_keys *base;
	const struct hr_host_keys *host;
	uint32_t n;
};

/* What follows from @v; the rest of *c stays as it is. */
void hr_model_keys_apply(const struct hr_model_keys *v, struct hr_model_conf *c);

/* The sections that name @name: bit i is the i-th. */
uint64_t hr_host_rules_of(const struct hr_host_rules *r, const char *name);

/* The constants of a host that @of is of, over the base's in *c. */
void hr_host_rules_apply(const struct hr_host_rules *r, uint64_t of, struct hr_model_conf *c);

/* Those that are not the shipped ones, a line each, and where each comes from. */
void hr_host_rules_say(const struct hr_host_rules *r, uint64_t of, struct hr_trace *t);
