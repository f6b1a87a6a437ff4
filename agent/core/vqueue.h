/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual queue (answer-model.md 4.3): what share of the wakes would find
 * more than X of backlog if the load were k times as large, for a grid of k and
 * for c and 2c vCPUs, in one pass over the slots and constant memory.
 *
 * Work that does not grow with load enters at factor 1; hogs (bursts older than
 * 1 s) are in neither: what wakes runs before them.  Backlog is looked at at the END of
 * the slot and over the nominal size: capacity of the future is unknown.
 */
#pragma once

#include <stdint.h>

#include "proto/summary.h"

#define HR_VQUEUE_X_NS 10000000.0 /* X = 10 ms, tolerated wait (answer-model: symbols) */

struct hr_vqueue_slot {
	double charge_ns; /* a: wake-charged work, hogs left out */
	double fixed_ns;  /* u: work that does not grow with load */
	double lost_cpus; /* steal + irq + softirq, in CPUs */
	double slot_ns;
	uint32_t wakes; /* n: the weight */
};

struct hr_vqueue {
	double v[HR_VQ_SIZES][HR_VQ_GRID]; /* backlog, ns of work */
};

/* k of grid point @g: 2^((g-2)/3). */
double hr_vqueue_k(unsigned g);

/* Empty queues: at start, resize, and after lost slots. */
void hr_vqueue_reset(struct hr_vqueue *q);

/* Backlog after one slot under load factor @k on @cpus vCPUs, from backlog @v. */
double hr_vqueue_step(double v, double k, double cpus, const struct hr_vqueue_slot *s);

/* One slot for the whole grid; adds the wakes that found > X to @bad (saturating). */
void hr_vqueue_add(struct hr_vqueue *q, uint32_t cpus, const struct hr_vqueue_slot *s,
	uint32_t bad[HR_VQ_SIZES][HR_VQ_GRID]);
