/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device was seen to carry: sums over its 100 ms windows, from which a
 * cap nobody told us can be learned (answer-model 8).  Additive; kept per
 * device for 30 days.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/summary.h"

/* A second this far above a limit refutes it: what a throttle has saved makes 1.1 of it. */
#define HR_LIMIT_OUTGROWN_S 1.2
/* What the smallest volumes sold carry, a second. */
#define HR_SOLD_OPS   100.0
#define HR_SOLD_BYTES 25e6

struct hr_limit {
	uint64_t since_ms, last_ms;    /* of what is summed below; 0 nothing */
	uint64_t queued_n, episodes;   /* windows in which requests queued, and runs of them */
	double ops, ops2, kib, kib2;   /* sums and sums of squares over the queued windows */
	uint32_t clean_ops, clean_kib; /* best 100 ms window that was not queued */
	uint32_t best_ops,
		best_kib; /* best 100 ms window of all: carried, so the limit is not below it */
	uint32_t best_ops_s,
		best_kib_s; /* best whole second of all; of a NIC the best window of 10 s */
	/*
	 * Of a token bucket, requests and KiB.  Saved: what one head
	 * carried beyond the rate that is refilled, the most of them: the bucket holds that at
	 * least.  Spent: what was carried beyond the cap and is not refilled yet.
	 */
	double saved[2], spent[2];
	/*
	 * Rates of 10 s: the run of them without a drop that goes
	 * on, and the last one of a minute or more that ended where requests queued, at @high_ms:
	 * 100 ms windows, sums of requests and KiB.
	 */
	struct hr_run {
		double n, sum[2];
	} run, high;
	uint64_t high_ms;
};

enum hr_limit_kind {
	HR_LIMIT_NONE = 0,
	HR_LIMIT_OPS,
	HR_LIMIT_BYTES,
	HR_LIMIT_EITHER, /* constant request size: kind not identified */
};

struct hr_cap {
	enum hr_limit_kind kind;
	double ops_per_s, bytes_per_s; /* by kind */
	double cv_ops, cv_bytes;       /* coefficients of variation */
	const char *why;               /* plain phrase, also when there is none */
};

/* A plateau: the median of the 100 ms rates is within 10 % of their P99. */
bool hr_rate_flat(const struct hr_hist *rate);

/*
 * Did round trips of this window exceed their minimum by more than 10 ms?  With a plateau of what a
 * NIC sent that is a shaper on the way: the VM itself sees no queue.
 */
bool hr_rtt_inflated(const struct hr_summary *s);

/* Did @queued windows fall together with @beside of another disk's, so many that it may be one
 * queue? */
bool hr_limit_beside(uint64_t queued, uint64_t beside);

/* Did requests of another disk queue in this summary as those of @disk did: whose limit was met? */
bool hr_limit_shared(const struct hr_summary *s, const struct hr_dev_summary *disk);

/*
 * Adds the device's windows of one summary; @end_ms dates them.  @inflated: hr_rtt_inflated() of
 * the summary; then the windows of a NIC at a plateau count as queued, an episode each.  @shared:
 * hr_limit_shared() of it; what queued is then no evidence of a limit of this device, but for a
 * queue at less than any volume sold carries, which is kept as no episode of its own.  True: the
 * device carried more than the cap learned so far, which is forgotten (a volume was enlarged).
 */
bool hr_limit_add(struct hr_limit *l, const struct hr_dev_summary *d, bool inflated, bool shared,
	uint64_t end_ms);

/*
 * Did the disk carry more for a minute or longer, before requests queued at @rate a second (@q 0:
 * requests, 1: KiB), and since @since_ms?  For how long, and how much a second.
 */
bool hr_limit_was_higher(const struct hr_limit *l, unsigned q, double rate, uint64_t since_ms,
	double *ret_s, double *ret_rate);

/* The cap, if >= 30 queued windows in >= 3 episodes agree (answer-model 8.2). */
void hr_limit_cap(const struct hr_limit *l, struct hr_cap *ret_cap);
