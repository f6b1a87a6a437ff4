/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual queue (answer-model.md 4.3): what share of the wakes would find
 * more than X of backlog if the load were k times as large, for a grid of k, for
 * c and 2c vCPUs, and for two ways to grow, in one pass over the slots and
 * constant memory.
 *
 * Growth inside today's bursts: every slot's work times k; or, where messages tell how much of the
 * load came in a slot, k - 1 times what as many cost on average (light.h).  Independent growth:
 * k - 1 further streams like today's, which are today's own slots some time ago;
 * a burst of one then meets a burst of another only by chance.
 *
 * Work that does not grow with load enters at factor 1; hogs (bursts older than
 * 1 s) are in neither: what wakes runs before them.  Backlog is looked at at the END of
 * the slot and over the nominal size: capacity of the future is unknown.
 */
#pragma once

#include <stdint.h>

#include "proto/summary.h"

#define HR_VQUEUE_X_NS 10000000.0 /* X = 10 ms, tolerated wait (answer-model: symbols) */

/*
 * Slots between a stream and the next copy of it: 0.730 s.  Longer than most bursts (a burst must
 * not meet its own copy) and short enough that 30 s hold all eight copies; no multiple up to the
 * seventh comes within 80 ms of a whole second, where timers of programs meet.
 */
#define HR_VQUEUE_APART 87
#define HR_VQUEUE_RING  1024 /* slots remembered: 7 copies x 87, rounded up to a power of two */

struct hr_vqueue_slot {
	double charge_ns; /* a: wake-charged work, hogs left out */
	double grow_ns;   /* what as much load again brings: a, or by its messages */
	double fixed_ns;  /* u: work that does not grow with load */
	double lost_cpus; /* steal, irq and softirq beside the work charged, in CPUs */
	double slot_ns;
	uint32_t wakes; /* n: the weight */
};

struct hr_vqueue {
	double v[HR_VQ_ROWS][HR_VQ_GRID]; /* backlog, ns of work */
	uint32_t slots;                   /* remembered in past[], at most the ring */
	uint32_t at;                      /* where the next slot goes */
	float past[HR_VQUEUE_RING];       /* charge_ns of the last slots */
};

/* k of grid point @g: 2^((g-2)/3). */
double hr_vqueue_k(unsigned g);

/* Empty queues and no past: at start, resize, and after lost slots. */
void hr_vqueue_reset(struct hr_vqueue *q);

/* Backlog after one slot under load factor @k on @cpus vCPUs, from backlog @v. */
double hr_vqueue_step(double v, double k, double cpus, const struct hr_vqueue_slot *s);

/*
 * A stretch by itself, begun empty, growth inside its bursts: adds to @late, at each load factor,
 * the wakes of @s[0..n) that found > X (saturating).
 */
void hr_vqueue_stretch(
	const struct hr_vqueue_slot *s, uint32_t n, double cpus, uint32_t late[HR_VQ_GRID]);

/*
 * One slot for the whole grid; adds the wakes that found > X to @bad (saturating): rows of growth
 * inside today's bursts, then from HR_VQ_SPREAD on of independent growth, c and 2c vCPUs each.
 */
void hr_vqueue_add(struct hr_vqueue *q, uint32_t cpus, const struct hr_vqueue_slot *s,
	uint32_t bad[HR_VQ_ROWS][HR_VQ_GRID]);
