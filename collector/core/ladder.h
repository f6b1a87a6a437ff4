/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a VM's answer says about other sizes: predicted headroom per rung, per
 * resource, never "twice the size carries twice".  Next capacity = this one's
 * times the ratio of the catalogue's columns; where a column is unknown the
 * claim stays as it is here (an unknown gain is no gain).
 *
 *   cpu      k x vCPU ratio: the queue with all loads and CPUs scaled is the same
 *            queue (MODEL.md); down to one vCPU at_least loses a fifth more,
 *            bursts can no longer run side by side
 *   memory   1 + (k - 1) x ... is bounded from below upwards by k x ratio, and
 *            downwards by what does not shrink: the difference in bytes is taken
 *            from what is available
 *   network, disk   k x ratio of the sustained limits, when both are known and
 *            what binds is not a limit outside of the VM
 *   serial, softirq, steal   as here
 */
#pragma once

#include "collector/core/catalogue.h"

struct hr_ladder_rung {
	const struct hr_size_row *size;
	struct hr_bounds headroom;
	enum hr_resource binding;
	char device[HR_NAME_LEN];
	bool current;
	bool enough;      /* at_least is the target or more */
	uint32_t unknown; /* bit per enum hr_resource: a limit the catalogue does not know, taken as
			     here */
};

/* The VM as it is. */
struct hr_ladder_vm {
	const struct hr_size_row *size; /* NULL: not in the catalogue */
	uint32_t vcpus;
	uint64_t mem_bytes; /* MemTotal */
};

/* Predicted headroom on @to at @load times today's load (1 = today's). */
void hr_ladder_rung(const struct hr_answer *a, const struct hr_ladder_vm *vm,
	const struct hr_size_row *to, double load, struct hr_ladder_rung *ret);

/* The VM's family, smallest first, with the same architecture.  Returns the number, at most @max.
 */
#define HR_LADDER_MAX 32
uint32_t hr_ladder_climb(const struct hr_answer *a, const struct hr_ladder_vm *vm,
	const struct hr_catalogue *c, double load, double target,
	struct hr_ladder_rung ret[HR_LADDER_MAX]);

/* Of a ladder: next larger rung, the largest, the smallest that is enough and smaller; -1 none. */
struct hr_ladder_picks {
	int current, next, ceiling, smaller;
};
struct hr_ladder_picks hr_ladder_pick(const struct hr_ladder_rung *rung, uint32_t n);

/*
 * Headroom with the load of @b added to @a, peaks at the same time: the demand that @b makes at its
 * tightest, C_b / k_b, comes on top.  CPU and memory only (what both answers know the capacity of);
 * has = false when either is unknown.  at_least is what is claimed; likely needs both histories.
 */
struct hr_bounds hr_ladder_merge(const struct hr_answer *a, const struct hr_answer *b);
