/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token bucket in the queued windows of one episode: as long as something is saved the device
 * carries more (the head), then what is refilled, at a constant rate (the tail).  The rate of the
 * tail is the cap; a head is taken out of what the windows add up to once its tail is seen.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/summary.h"

/* Sums over queued windows. */
struct hr_plateau_sums {
	uint64_t n;
	uint64_t sum[2], sum2[2]; /* of requests, of KiB */
};

struct hr_plateau {
	struct hr_plateau_sums all;    /* of this episode, since its last drop */
	struct hr_plateau_sums low[2]; /* the last of them, in a row, below those before: by each */
};

/* A new episode. */
void hr_plateau_start(struct hr_plateau *p);

/*
 * A queued window that was told in WIN_QUEUED_*.  When it makes a tail sure, the windows of the
 * head go into WIN_HEAD_* of @d, which are to be taken from those, and what they carried beyond
 * the tail's rate into WIN_SAVED_*.
 */
void hr_plateau_add(struct hr_plateau *p, uint64_t ops, uint64_t kib, struct hr_dev_summary *d);
