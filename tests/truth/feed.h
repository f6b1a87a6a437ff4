/* SPDX-License-Identifier: Apache-2.0 */
/* Simulated jobs as the agent would see them: its slots, and the slices of bursts that it records.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/core/raw.h"
#include "agent/core/replay.h"
#include "plan.h"

#define NS           1000000000ULL
#define FEED_LEAD_NS (1 * NS) /* before anything is counted */
#define FEED_SLICE_S 5

struct feed {
	struct hr_slot_cpu *slot;
	uint32_t n_slots;
	struct job *job;
	size_t n;
};

/* Runs @job[0..n), by arrival, on @cpus and keeps them; they last @for_s. */
struct feed feed_of(struct job *job, size_t n, unsigned cpus, double for_s);
void feed_free(struct feed *f);

/* The first of the jobs, by arrival, that came at @at or later. */
size_t feed_first(const struct feed *f, uint64_t at_ns);

/*
 * The slice of 5 s from @at on, as far as its jobs ended; how many were late.  It ends where
 * HR_BURSTS_MAX came.  Room for the bursts in @burst.
 */
uint64_t feed_slice(const struct feed *f, uint64_t at_ns, struct hr_burst burst[HR_BURSTS_MAX],
	const struct hr_reach_seen *seen, struct hr_replay_in *ret_in);
