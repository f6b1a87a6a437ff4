/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 100 ms windows (12 slots = 100.66 ms) of one device: what learned limits rest
 * on (answer-model.md 8.1, 8.2, 8.5).  Everything is exact addition into the
 * open summary; only l0 (the unloaded latency) and the run of clean windows are
 * remembered across summaries.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/plateau.h"
#include "agent/core/raw.h"
#include "proto/facts.h"
#include "proto/summary.h"

#define HR_DEVWIN_SLOTS     12  /* slots in a 100 ms window */
#define HR_DEVWIN_SECOND    10  /* windows in the "second" of SEC_* and of an episode's gap */
#define HR_DEVWIN_RUN_SLOTS 119 /* longest busy period l0 learns from, 1 s */
#define HR_DEVWIN_L0_MIN    32  /* requests at in-flight <= 1 before l0 is told: P10 needs a few */
#define HR_DEVWIN_DAY_SLOTS (86400ULL * 1000000000ULL >> HR_SLOT_SHIFT)

struct hr_devwin {
	uint8_t kind; /* enum hr_dev_kind */
	/* the open 100 ms window */
	uint32_t slots;
	uint64_t ops[2], bytes[2], inflight_ns[2];
	/* the open second: ten windows in a row */
	uint32_t sec_windows;
	uint64_t sec_ops, sec_bytes;
	/* episodes: queued runs begun after >= 1 s clean */
	uint32_t clean_run;        /* clean windows in a row, saturating at HR_DEVWIN_SECOND */
	struct hr_plateau plateau; /* of the episode */
	/* the open busy period: slots since the device was last idle for a whole slot */
	uint32_t run_slots;
	uint64_t run_ops[2], run_ns[2];
	/* l0: latency at in-flight <= 1 of this half day and the one before, per direction */
	uint64_t l0_slots;            /* age of the current half */
	struct hr_hist l0_hist[2][2]; /* [half][direction], us */
	uint32_t l0_us[2];            /* 0: not learned yet */
};

void hr_devwin_init(struct hr_devwin *w, uint8_t kind);

/* One closed slot of the device, in order; adds to the window's numbers in @d. */
void hr_devwin_slot(struct hr_devwin *w, const struct hr_slot_dev *s, struct hr_dev_summary *d);

/* Slots were lost: the open window and second are thrown away, what was learned stays. */
void hr_devwin_gap(struct hr_devwin *w);

/* Writes the gauges (L0_*) of @d. */
void hr_devwin_gauges(const struct hr_devwin *w, struct hr_dev_summary *d);
