/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots and kernel counters of one tick -> the open summary.  The part of a
 * window that comes from BPF; sampler.c adds what comes from files and decides
 * when a window ends.
 *
 * Slots are folded whole and belong to the summary that is open when their tick
 * arrives; a slot that straddles the end of a window counts in the later one.
 */
#pragma once

#include <stdint.h>

#include "agent/core/devwin.h"
#include "agent/core/light.h"
#include "agent/core/marginal.h"
#include "agent/core/raw.h"
#include "agent/core/vqueue.h"
#include "proto/summary.h"

#define HR_FOLD_SECOND_SLOTS 119 /* slots in BUSY_1S: 0.998 s */

/* What outlives a tick and a window. */
struct hr_fold {
	uint32_t cpus;
	uint8_t n_dev;
	struct hr_vqueue vq;
	struct hr_marginal marginal;
	struct hr_light light;
	struct hr_devwin win[HR_DEVS_MAX];
	int64_t untimed[HR_DEVS_MAX]; /* requests not timed that no window counts yet */
	uint32_t sec_slots;           /* slots in the open second */
	uint64_t sec_oncpu_ns;
	bool begun;         /* next_slot means something */
	uint64_t next_slot; /* the slot that must come next */
};

/*
 * @kind: enum hr_dev_kind per device number.  @keep: bit per number whose device is the same as
 * before: what was learned of it (l0) stays.  The first init needs a zeroed struct, or @keep 0.
 */
void hr_fold_init(
	struct hr_fold *f, uint32_t cpus, const uint8_t *kind, uint8_t n_dev, uint32_t keep);

/* What comes next begins anew: slots between are not missing from it. */
void hr_fold_gap(struct hr_fold *f);

/* What tasks did not get, in CPUs, over a tick, as /proc/stat has it. */
struct hr_lost {
	double steal;
	double irq;  /* and softirq */
	double busy; /* all but idle: these two and what tasks got */
};

/*
 * Folds one take.  @lost (NULL: nothing) is spread evenly over its slots (files tick slower than
 * slots); of irq only what idle CPUs and hogs did: the rest is in the time of the tasks it came
 * upon. Returns the bits of take->have that hold for the whole tick: slots lost to an overrun or a
 * hole clear the slot signals; the counters are exact all the same.
 */
uint64_t hr_fold_take(struct hr_fold *f, const struct hr_take *take, const struct hr_lost *lost,
	struct hr_summary *s);
