/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When to send next.  After a failure: decorrelated jitter (each pause drawn from
 * [base, 3 x the last one]), at most 5 min, never before Retry-After, and at the
 * phase the collector gave (collector.md 6: herd).  Randomness comes from a seed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define HR_BACKOFF_BASE_NS      1000000000ULL    /* 1 s */
#define HR_BACKOFF_MAX_NS       300000000000ULL  /* 5 min */
#define HR_BACKOFF_SPREAD_NS    10000000000ULL   /* without a told phase: uniform in 0..10 s */
#define HR_BACKOFF_RETRY_MAX_NS 3600000000000ULL /* a Retry-After beyond 1 h is not believed */

struct hr_backoff {
	uint64_t rng;       /* state of the generator; from the seed */
	uint64_t pause_ns;  /* last pause; 0: no failure yet */
	uint32_t attempt;   /* failures in a row */
	uint64_t phase_ns;  /* told by the collector; meaningful when period_ns != 0 */
	uint64_t period_ns; /* told by the collector; 0: not told */
};

void hr_backoff_init(struct hr_backoff *b, uint64_t seed);
/* What an ack header told; period 0 forgets.  @phase_ns < @period_ns, both of wall time. */
void hr_backoff_told(struct hr_backoff *b, uint64_t phase_ns, uint64_t period_ns);
/* A durable ack: the next failure starts small again. */
void hr_backoff_success(struct hr_backoff *b);

/*
 * Pause before the next try after a failure.  @retry_after_ns 0: the reply named
 * none.  @wall_ns places the phase.  The result is in [HR_BACKOFF_BASE_NS, Retry-After or
 * 5 min + one period].
 */
uint64_t hr_backoff_failure(struct hr_backoff *b, uint64_t wall_ns, uint64_t retry_after_ns);

/* Pause before the first send, and between sends when all is well: up to the next phase. */
uint64_t hr_backoff_next_phase(struct hr_backoff *b, uint64_t wall_ns, bool loopback);
