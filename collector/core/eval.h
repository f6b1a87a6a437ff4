/* SPDX-License-Identifier: Apache-2.0 */
/* One minute, all resources: the estimates, their minimum, and what bound it. */
#pragma once

#include "collector/core/model.h"

struct hr_eval {
	uint8_t n;
	struct hr_bounds k; /* min over resources; at_least only if every deciding one has it */
	struct hr_bounds at[HR_SIZE_N]; /* the same at the candidate sizes */
	int8_t bind;                    /* index into e, -1: nothing decides */
	int8_t lacking;       /* a resource that should decide and makes no claim, -1 none */
	bool memory_lacks;    /* memory is one of them */
	struct hr_opt frozen; /* gain of closed load from 2x vCPUs, at most */
	struct hr_opt closed; /* the same, likely; where every vCPU is busy all the time */
	double hog_share;     /* of the CPU work: threads that never sleep */
	bool hot_thread;      /* some thread on CPU or waiting > 90 % */
	struct hr_estimate e[HR_ANS_RES_MAX]; /* 120 KB: behind n of them nothing is set */
};

void hr_eval_minute(const struct hr_ctx *x, struct hr_eval *ret);

/* Min over the estimates, at size @z or at this size (-1). */
struct hr_bounds hr_eval_min(const struct hr_eval *v, int z);
