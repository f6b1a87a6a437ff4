/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One VM as the model sees it: summaries in, answer out.  Pure: time comes with
 * the data.  The collector keeps one per host, `headroom measure` one in all.
 *
 * Inside: the open minute (evidence of the last <= 60 s), learned limits, and
 * the lookback (per resource, how many minutes had which k; the tightest
 * minutes with their time).  Everything additive, so late or coalesced windows
 * are just added.  What the forecast needs is kept per day, 91 days (days.h).
 * Persisted as bytes; of an older version's bytes what is there is read, and
 * the rest begins anew.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/core/answer.h"
#include "proto/facts.h"
#include "proto/summary.h"

/* The service level and the rules; printed with the answer, configurable, reasons in MODEL.md. */
struct hr_catalogue;
struct hr_model_conf {
	double x_ms;       /* tolerated wait: 10 (fixed in the agent's late counter at schema 1) */
	double eps;        /* tolerated share of late work in a minute: 0.01 */
	double q;          /* share of minutes allowed below K: 0.005 */
	double k_target;   /* 1.3 */
	double m_lo, m_hi; /* model error factors of stage 1: 1.25, 2.6 */
	double m2_lo, m2_hi;  /* of stage 2: 1.1 near today's load, 1.7 */
	double wakeup_us;     /* CPU time of a burst beyond its job, which goes as CPUs fill: 80 */
	double steal_bad;     /* share of the wanted CPU time that was not delivered: 0.05 */
	double stall_bad;     /* PSI memory some, share of time: 0.01 */
	double throttled_bad; /* by quotas, CPU seconds a second: 0.05 */
	double drop_bad;      /* share of packets dropped, or of segments sent again: 0.01 */
	uint32_t lookback_days; /* 7 */
	double min_history_h;   /* 30: below it the service answers unknown; measure uses 0 */
	uint64_t minute_ms;     /* evidence that is judged as one: 60,000; measure 300,000 */
	uint64_t until_ms;      /* of one that is asked again until it is known; 0: asked once */
	uint32_t max_vcpus;     /* largest size there is, 0: not told */
	uint64_t max_mem_bytes; /* likewise */
	const struct hr_catalogue *catalogue; /* sizes that exist, NULL: none; outlives the VMs */
};
void hr_model_conf_default(struct hr_model_conf *c);

struct hr_vm; /* opaque; size reported below so that the owner can budget */

struct hr_vm *hr_vm_new(const struct hr_model_conf *conf); /* allocates; NULL = out of memory */
void hr_vm_free(struct hr_vm *vm);
/* Other constants from now on; what was judged stays as it was judged. */
void hr_vm_reconfigure(struct hr_vm *vm, const struct hr_model_conf *conf);
double hr_vm_target(const struct hr_vm *vm);
/* The least headroom of a minute that was closed since it was made or decoded; 0: not all had any.
 */
double hr_vm_worst(const struct hr_vm *vm);
size_t hr_vm_bytes(const struct hr_vm *vm);     /* memory held by this VM */
uint64_t hr_vm_last_ms(const struct hr_vm *vm); /* end of its latest window; 0: none */

/* Facts before the first summary of their epoch.  Known resizes cut history where they must. */
void hr_vm_facts(struct hr_vm *vm, const struct hr_facts *f, uint64_t at_ms);

/* A window, once (the caller has removed duplicates).  Order is free within a day. */
void hr_vm_add(struct hr_vm *vm, const struct hr_summary *s);

/* No look will follow (until_ms), as who is measured ended: answers are as of one asked once. */
void hr_vm_last_look(struct hr_vm *vm);

/* The answer over what was seen.  @host is copied; @now_ms only dates it and judges staleness. */
void hr_vm_answer(
	struct hr_vm *vm, const char *host, uint64_t now_ms, struct hr_answer *ret_answer);

/*
 * What hr_vm_answer did, step by step, as plain lines "name = value unit  (why)": from kernel
 * counts over estimates to the verdict.  Text with NUL, cut at @cap.  Bytes written.
 */
size_t hr_vm_explain(struct hr_vm *vm, uint64_t now_ms, char *buf, size_t cap);

/*
 * The hours after the last one seen, seven days: the most that the hour's largest 5-minute mean
 * reaches in 9 hours of 10, in cores; for memory the least bytes that stay available.  Without
 * evidence for a shape: the bound of next week, shape NONE, and of = 0; false: not even that.
 */
struct hr_cone;
bool hr_vm_cone(struct hr_vm *vm, unsigned memory, uint64_t *ret_from_ms, struct hr_cone *ret);

/* Persisted form.  Encode returns bytes, or the needed size when @cap is too small (check > cap).
 */
size_t hr_vm_encode(const struct hr_vm *vm, void *buf, size_t cap);
/*
 * NULL when the bytes are not ours or damaged: the caller starts a new one and counts it; or, with
 * *ret_no_memory, when memory is out: the bytes are as good as they were.
 */
struct hr_vm *hr_vm_decode(
	const struct hr_model_conf *conf, const void *buf, size_t len, bool *ret_no_memory);
