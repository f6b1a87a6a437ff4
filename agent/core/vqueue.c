/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual queue, answer-model.md 4.3.  24 steps per slot, ~119 slots a second. */
#include "agent/core/vqueue.h"

#include <assert.h>
#include <string.h>

/* 2^((g-2)/3), written out: correctly rounded constants instead of libm. */
static const double grid[HR_VQ_GRID] = {
	0.62996052494743658,
	0.79370052598409974,
	1.0,
	1.2599210498948732,
	1.5874010519681994,
	2.0,
	2.5198420997897464,
	3.1748021039363987,
	4.0,
	5.0396841995794928,
	6.3496042078727974,
	8.0,
};

double hr_vqueue_k(unsigned g)
{
	assert(g < HR_VQ_GRID);
	return grid[g];
}

void hr_vqueue_reset(struct hr_vqueue *q)
{
	memset(q, 0, sizeof(*q));
}

double hr_vqueue_step(double v, double k, double cpus, const struct hr_vqueue_slot *s)
{
	double cap = cpus - s->lost_cpus;

	if (cap < 0)
		cap = 0;
	v += k * s->charge_ns + s->fixed_ns - cap * s->slot_ns;
	return v > 0 ? v : 0;
}

void hr_vqueue_add(struct hr_vqueue *q, uint32_t cpus, const struct hr_vqueue_slot *s,
	uint32_t bad[HR_VQ_SIZES][HR_VQ_GRID])
{
	for (unsigned z = 0; z < HR_VQ_SIZES; z++) {
		double c = (double)cpus * (z + 1);

		for (unsigned g = 0; g < HR_VQ_GRID; g++) {
			double v = hr_vqueue_step(q->v[z][g], grid[g], c, s);

			q->v[z][g] = v;
			if (v > HR_VQUEUE_X_NS * c &&
				__builtin_add_overflow(bad[z][g], s->wakes, &bad[z][g]))
				bad[z][g] = UINT32_MAX;
		}
	}
}
