/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evidence of one minute (or of one coalesced window): what the estimators
 * read.  Counters keep the merge rule of their kind.  Of a distribution only
 * sum, count, P99 and maximum are kept; merging takes the larger P99, which is
 * never below the P99 of the pooled values, so k is never too high by it, and a
 * minute stays within 3 KiB with two devices.  The order of windows is free.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/facts.h"
#include "proto/summary.h"

/*
 * A window shorter than HR_REST_MS is what an end of the measurement left over, some ms as a rule.
 * Its counts are counts like others; its share, rate or P99 says nothing, and is taken only where
 * the minute has none.
 */

/* Of one distribution; total 0 = nothing counted. */
struct hr_spread {
	uint64_t total, sum;
	uint32_t p99_lo, p99_hi; /* edges of the bucket that holds the P99 */
	uint32_t max;
};

#define HR_USES_MAX 8

/* A hot thread over the minute. */
struct hr_use {
	uint32_t pid, tid;
	uint32_t oncpu_ms, wait_ms, process_oncpu_ms;
	uint32_t seen_ms;  /* length of the windows that list it */
	uint32_t peers;    /* largest */
	uint16_t u_max_pm; /* largest (on CPU + waiting) share of a window, 1000 = always; may
			      exceed */
	uint16_t o_max_pm; /* largest on-CPU share of a window */
	uint32_t reads, reads_late; /* as in struct hr_top (READS) */
	/* sums over windows of reads times the share that the thread was on a CPU or waited for
	 * one, and that it was on one, 1/1000: how busy it was when it read */
	uint64_t reads_busy, reads_oncpu;
	char comm[HR_COMM_LEN], process[HR_COMM_LEN];
};

struct hr_minute_dev {
	bool seen;
	uint64_t have;
	uint64_t ctr[HR_DCTR_N];
	struct hr_spread dist[HR_DDIST_N];
	uint64_t late[2];   /* read, write requests slower than the service level; l0 known */
	uint64_t very_late; /* slower than HR_DISK_SLOW_US, both directions */
	uint64_t judged[2]; /* requests of windows with l0 known */
	double rate_ops,
		rate_kib; /* largest mean rate of a window, per second; nic: one direction */
	uint64_t flat_ms; /* length of windows at a plateau: P50 of the rate near its P99; nic: of
			   * what it sent, while round trips were inflated */
};

#define HR_DISK_SLOW_US 50000 /* late when l0 is unknown: 5 x a hard disk's 10 ms */

struct hr_minute {
	uint32_t windows; /* 0 = empty */
	uint64_t from_ms, to_ms;
	uint64_t covered_ms;
	uint32_t lost; /* windows */
	uint32_t epoch, cpus;
	uint64_t have; /* signals measured in every window */
	uint64_t ctr[HR_CTR_N];
	uint64_t vq_bad[HR_VQ_ROWS][HR_VQ_GRID];
	struct hr_replay_sum replay;
	struct hr_spread dist[HR_DIST_N];
	uint8_t n_use;
	struct hr_use use[HR_USES_MAX];
	uint8_t n_group;
	struct hr_top_group group[HR_GROUP_MAX]; /* hot cgroups over the minute */
	uint8_t n_dev;                           /* devices in dev[], by device number */
	struct hr_minute_dev *dev; /* the owner's, room for HR_DEVS_MAX or what it set */
	uint8_t dev_cap;
};

/* Empties it; @dev and @dev_cap stay the owner's array. */
void hr_minute_reset(struct hr_minute *m);

/* False, and no change, when the window belongs to another epoch or CPU count: close the minute
 * first. */
bool hr_minute_fits(const struct hr_minute *m, const struct hr_summary *s);
void hr_minute_add(struct hr_minute *m, const struct hr_summary *s);

static inline bool hr_minute_has(const struct hr_minute *m, enum hr_signal sig)
{
	return m->windows > 0 && (m->have & HR_SIG_BIT(sig));
}
static inline double hr_minute_s(const struct hr_minute *m)
{
	return (double)m->covered_ms / 1e3;
}
