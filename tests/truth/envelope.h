/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The empirical arrival envelope (answer-model 4.4), what stage 1 could use in place of the virtual
 * queue.  E(tau) is the work that came in windows of length tau, but for a share eps of them,
 * weighted by the wakes of their last slot; with a server of rate C no wait exceeds D at k times
 * the load if k E(tau) <= C (tau + D) for all tau.  tau are 1, 2, 4 .. 1024 slots.
 *
 * Here it counts at each load factor of the queue's grid, for its rows and with its streams, the
 * wakes that end a window with more than C (tau + D); the length that breaks most often says how
 * many are late, so that whatever reads the queue's counts reads these.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/core/vqueue.h"

#define ENVELOPE_TAUS 11
#define ENVELOPE_RING 2048 /* slots remembered: the longest window, and a power of two */

enum envelope_kind {
	ENVELOPE_NONE,
	ENVELOPE_EPS,  /* each length by itself may break in a share eps */
	ENVELOPE_SAFE, /* in a share eps / 11: then all together do in eps at most */
};

struct envelope {
	double c, slot_ns, x_ns;
	uint64_t slots, wakes;
	float past[HR_VQUEUE_RING];                           /* charge_ns of the last slots */
	double sum[2][HR_VQ_GRID][ENVELOPE_RING];             /* work until a slot; ways to grow */
	uint64_t late[HR_VQ_ROWS][HR_VQ_GRID][ENVELOPE_TAUS]; /* since the start */
	uint64_t told[HR_VQ_ROWS][HR_VQ_GRID];
};

/* On @cpus and twice as many, waits of @x_ns tolerated; empty. */
void envelope_init(struct envelope *e, unsigned cpus, double slot_ns, double x_ns);
/* The next slot: work charged in it, and how many woke. */
void envelope_slot(struct envelope *e, double charge_ns, uint32_t wakes);
/* Late ones of all slots so far, less what was told before. */
void envelope_take(
	struct envelope *e, enum envelope_kind kind, uint32_t ret_bad[HR_VQ_ROWS][HR_VQ_GRID]);

/*
 * The envelope itself: the work that windows of each length have at most, but for a share @eps of
 * the wakes of @work[0..n), by sorting.
 */
void envelope_of(const double *work, const uint32_t *wakes, size_t n, double eps,
	double ret_e[ENVELOPE_TAUS]);
/* The largest load factor with E(tau) <= rate (tau + d); tau = @slot 2^j. */
double envelope_k(const double e[ENVELOPE_TAUS], double slot, double rate, double d);
