/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recorded stints of an armed slice -> whole bursts, from wake to sleep: when it woke,
 * how long it was on a CPU, how long it waited for one in all its stints.  A burst that
 * began before the slice, or ends after it, is left out; one that was older than a hog
 * at the end, and ran or waited half of the time, counts as a hog.  The bursts of one thread, the
 * agent's, are told apart, and at the end those of the thread that does most.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bpf/cell.h"

#define HR_BURSTS_MAX     5000 /* of a slice; the slice ends where they are full */
#define HR_STINTS_OPEN    1024 /* tasks in mid-burst at once */
#define HR_SLICE_NS       5000000000ULL
#define HR_STINTS_LATE_NS 10000000ULL /* X, as HR_LATE_NS of the program */

struct hr_burst {
	uint64_t wake_ns; /* since the begin of the slice */
	uint64_t cpu_ns;
	uint32_t wait_ns;  /* capped */
	bool fixed : 1;    /* of the agent itself: it does not grow with the load */
	bool alone : 1;    /* of the one thread that does more than two thirds of all work */
	uint32_t pid : 30; /* at most 2^22 */
};

struct hr_stints {
	uint64_t from, until; /* monotonic ns; @until moves back when bursts are full */
	uint32_t self;        /* thread whose bursts are fixed; 0: none */
	uint32_t n;
	uint32_t fixed; /* of them */
	uint32_t hogs;
	uint32_t alone;  /* thread whose bursts are marked so; 0: none */
	uint32_t late;   /* bursts, no fixed ones, that waited longer than max(X, own CPU time) */
	uint64_t ran_ns; /* on CPUs since @from, of all that came while there was room for bursts */
	uint32_t cut; /* begun before the slice or ended after it, end lost, or no room for them */
	uint32_t nr_open; /* in @open */
	struct {
		uint32_t pid; /* 0: free */
		uint64_t wake, cpu, wait;
	} open[HR_STINTS_OPEN];
	struct hr_burst burst[HR_BURSTS_MAX];
};

/* No thread is the agent's: set @self after it. */
void hr_stints_begin(struct hr_stints *s, uint64_t from, uint64_t until);
/* One record, in the order of a task's stints; those of other tasks may come in between. */
void hr_stints_add(struct hr_stints *s, const struct hr_stint_rec *r);
/*
 * Its bursts hold nine tenths of that, so little of the work was longer than the slice.  For one
 * that is too short to tell hogs by their age.
 */
bool hr_stints_hold_most(const struct hr_stints *s);
/* Nothing more comes: bursts still open are hogs or left out, the others are sorted by wake. */
void hr_stints_end(struct hr_stints *s);
