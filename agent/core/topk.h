/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hottest threads of a window from two snapshots of running totals.  Identity is
 * (tid, start time), so a reused tid is a new thread.  Fixed size, bounded
 * probing; what could not be held is counted and makes the result incomplete.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/raw.h"
#include "proto/summary.h"

#define HR_TOPK_SLOTS  16384 /* power of two; the engine hands in 8192 threads at most */
#define HR_TOPK_LEAST  512
#define HR_TOPK_PROBES 32
/* Below 10 ms of a window (0.1 %) a thread is not hot; each costs some 30 bytes on the wire. */
#define HR_TOPK_MIN_US 10000
/* A cgroup is hot from 1 % of one CPU on. */
#define HR_TOPK_GROUP_MIN_US 100000
#define HR_TOPK_GROUPS       512 /* power of two; cgroups that ran or waited in one window */

/* What the threads of one cgroup ran and waited in this window. */
struct hr_topk_group {
	uint64_t id; /* 0: empty */
	uint64_t oncpu_us, wait_us;
	uint32_t row; /* one of its threads in the snapshot: it has the name */
};

struct hr_topk_entry {
	uint32_t tid; /* 0: empty */
	uint32_t gen; /* snapshot that wrote it; older than the last one: free */
	uint64_t start_ns;
	uint64_t oncpu_ns, wait_ns;     /* totals at the last snapshot */
	uint32_t row;                   /* of that snapshot: a thread listed twice counts once */
	uint32_t d_oncpu_us, d_wait_us; /* growth up to the last snapshot */
};

struct hr_topk {
	uint32_t self_pid;
	uint32_t span_us; /* set before each fold: time since the last snapshot; 0 unknown */
	uint32_t gen;     /* 0: no snapshot yet */
	bool complete;    /* the last snapshot held every thread: a new one was born since */
	/*
	 * The table of a few threads is small, or each of them would cost a page of its own: it
	 * has @slots places (a power of two, at least twice the threads) from @e[slots] on, and
	 * moves to the next larger one when there are more.  It never shrinks.
	 */
	uint32_t slots;
	struct hr_topk_group group[HR_TOPK_GROUPS];
	struct hr_topk_entry e[2 * HR_TOPK_SLOTS];
};

struct hr_topk_result {
	uint8_t n;
	struct hr_top top[HR_TOP_MAX]; /* by on-CPU + wait, largest first */
	uint8_t n_group;
	struct hr_top_group group[HR_GROUP_MAX]; /* the same of cgroups; none if some had no room */
	uint64_t reader_us;                      /* on CPUs, of threads with reads */
	uint32_t unheld;                         /* threads the table had no room for */
	uint32_t unknown; /* threads first seen although they may be older than the window */
};

/*
 * @t: zeroed memory, or a table used before.  @self_pid: the agent; its threads are never hot (they
 * count in no result).
 */
void hr_topk_init(struct hr_topk *t, uint32_t self_pid);

/*
 * Folds a snapshot.  True: *ret holds the hottest threads since the last one
 * and nothing was left out; false: this was the first snapshot, or @cut,
 * unheld or unknown threads make it unsafe to say who was hottest (*ret is
 * filled all the same).
 */
bool hr_topk_fold(struct hr_topk *t, const struct hr_task *task, uint32_t n, bool cut,
	struct hr_topk_result *ret);
