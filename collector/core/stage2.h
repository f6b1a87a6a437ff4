/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 2 of the CPU estimate: recorded bursts, replayed by the agent at larger loads
 * (answer-model 4.6), pooled over the last hour, and what the virtual queue said of the
 * same time.  Pure; counts decay, so a pool needs no list of slices.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "collector/core/allow.h"
#include "collector/core/minute.h"

#define HR_POOL_S 3600 /* counts lose 1/e in it */

/* In float: 24 bits are far more than a share needs.  All zero: empty. */
struct hr_pool {
	float late[HR_VQ_ROWS][HR_VQ_GRID], tot[HR_VQ_ROWS][HR_VQ_GRID]; /* as hr_replay_sum */
	float vq_bad[HR_VQ_ROWS][HR_VQ_GRID], vq_tot;
	float bursts, late_n; /* recorded, and late as they ran */
	float slices, lost;
	/* what the queue says of the recorded bursts, queued_n of them: of older agents none */
	float queued[HR_VQ_SIZES][HR_VQ_GRID], queued_n;
};

void hr_pool_add(struct hr_pool *p, const struct hr_minute *m);

/* Late share at each point of the grid, never falling; 1 where more than a fifth was late before.
 */
struct hr_curve {
	double f[HR_VQ_GRID];
	double n; /* bursts behind f at k = 1 */
};
/* Row of the replay (answer-model 4.6), or of the virtual queue over the same time. */
bool hr_pool_replay(const struct hr_pool *p, unsigned row, struct hr_curve *ret);
bool hr_pool_queue(const struct hr_pool *p, unsigned row, struct hr_curve *ret);

/*
 * Load factor at which the late share passes what @a tolerates, interpolated in ln f over ln k;
 * below the grid its first slope goes on; HR_K_MAX where it never does.  One late burst passes
 * nothing.
 */
double hr_curve_k(const struct hr_curve *c, const struct hr_allow *a);

/* What the replays say, to be applied to the virtual queue of any minute of the pool's time. */
struct hr_stage2 {
	bool used;
	const char *why; /* not: plain phrase */
	double bursts, slices;
	double today;               /* where today lies on mode S's scale, by the measured share */
	double predicted, measured; /* late shares of the recorded bursts */
	double inside[HR_VQ_SIZES], apart[HR_VQ_SIZES]; /* k of the replay, modes A and S */
	double recorded[HR_VQ_SIZES];                   /* as inside, of the recorded time alone */
	double vq_inside[HR_VQ_SIZES], vq_apart[HR_VQ_SIZES]; /* k of the queue, same time */
	/* ln; by so much chance moves a minute's k about vq_apart, and about vq_inside */
	double noise[HR_VQ_SIZES], noise_inside[HR_VQ_SIZES];
	/* in the queue's counts; vq_* and noise* are known, used or not, if > 0 */
	double vq_bursts;
	bool busier; /* the minute has more bursts than chance makes of the pool's mean */
};
/* @a: of the minute to which it is applied. */
void hr_stage2_of(const struct hr_pool *p, const struct hr_allow *a, struct hr_stage2 *ret);

/* k of a minute: its queue's @k_vq times what the replay found against @pool_vq. */
double hr_stage2_k(double k_vq, double replay, double pool_vq);

/* @k_vq of a minute, nearer to @pool_vq by what chance may have moved it, @chance deviations. */
double hr_stage2_shrunk(double k_vq, double pool_vq, double noise, double chance);
