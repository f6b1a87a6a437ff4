/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The moving-block bootstrap (answer-model 11) of late counts on the grid: blocks of neighbouring
 * units of time, drawn anywhere and as often as it takes, and k of each draw.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/core/vqueue.h"

#define RESAMPLE_DRAWS 300

/* Bursts and late ones in a unit of time (a slot, a slice), at each load factor. */
struct resample_unit {
	uint32_t late[HR_VQ_GRID], tot[HR_VQ_GRID];
};

struct resample {
	double k, lo, hi; /* of all units; the 5 % and the 95 % of the draws */
};

/* @block <= @n units are drawn at once; late share tolerated @eps. */
struct resample resample_k(
	const struct resample_unit *u, size_t n, size_t block, double eps, uint64_t seed);
