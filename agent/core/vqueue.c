/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual queue, answer-model.md 4.3.  Up to 48 steps per slot, ~119 slots a second. */
#include "agent/core/vqueue.h"

#include <assert.h>
#include <stdbool.h>
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

/* What of @work_ns more than drains is left; less than nothing is nothing. */
static double left(double v, double work_ns, double fixed_ns, double drained_ns)
{
	v += work_ns + fixed_ns - drained_ns;
	return v > 0 ? v : 0;
}

/* Inside today's bursts; less than today's is today's work times k. */
static double inside(double k, const struct hr_vqueue_slot *s)
{
	return k < 1 ? k * s->charge_ns : s->charge_ns + (k - 1) * s->grow_ns;
}

static double drained(double cpus, const struct hr_vqueue_slot *s)
{
	double cap = cpus - s->lost_cpus;

	return (cap > 0 ? cap : 0) * s->slot_ns;
}

double hr_vqueue_step(double v, double k, double cpus, const struct hr_vqueue_slot *s)
{
	return left(v, inside(k, s), s->fixed_ns, drained(cpus, s));
}

#define COPIES ((unsigned)8) /* at k = 8, the end of the grid */

/*
 * Work of 1, 2 .. 8 streams in this slot.  Before the ring holds the oldest copy, delays wrap
 * around what there is: two copies may then coincide, which is never too optimistic.
 */
static void streams(struct hr_vqueue *q, double charge_ns, double ret_sum[COPIES])
{
	double sum = 0;

	q->past[q->at] = (float)charge_ns;
	if (q->slots < HR_VQUEUE_RING)
		q->slots++;
	for (unsigned z = 0; z < COPIES; z++) {
		uint32_t delay = z * HR_VQUEUE_APART;

		if (delay >= q->slots)
			delay %= q->slots;
		sum += (double)q->past[(q->at - delay) % HR_VQUEUE_RING];
		ret_sum[z] = sum;
	}
	q->at = (q->at + 1) % HR_VQUEUE_RING;
}

/* Work of @k streams: whole ones, and of the next the rest. */
static double work_of(const double sum[COPIES], double k)
{
	unsigned whole = (unsigned)k;
	double rest = k - whole;

	if (whole >= COPIES)
		return sum[COPIES - 1];
	if (whole == 0)
		return rest * sum[0];
	return sum[whole - 1] + rest * (sum[whole] - sum[whole - 1]);
}

#define LAST (HR_VQ_GRID - 1)

/*
 * More load never leaves less behind: where the largest leaves nothing, no other does.  A row is
 * empty then, and it is when its last is 0.
 */
static bool empties(double v[HR_VQ_GRID], double c, const struct hr_vqueue_slot *s, double most_ns)
{
	if (left(v[LAST], most_ns, s->fixed_ns, drained(c, s)) > 0)
		return false;
	if (v[LAST] > 0)
		memset(v, 0, HR_VQ_GRID * sizeof(v[0]));
	return true;
}

static void add_row(double v[HR_VQ_GRID], double c, const struct hr_vqueue_slot *s,
	const double work_ns[HR_VQ_GRID], uint32_t bad[HR_VQ_GRID])
{
	double out_ns = drained(c, s);

	for (unsigned g = 0; g < HR_VQ_GRID; g++) {
		v[g] = left(v[g], work_ns[g], s->fixed_ns, out_ns);
		if (v[g] > HR_VQUEUE_X_NS * c && __builtin_add_overflow(bad[g], s->wakes, &bad[g]))
			bad[g] = UINT32_MAX;
	}
}

/* One step in place of twelve on an idle VM. */
void hr_vqueue_add(struct hr_vqueue *q, uint32_t cpus, const struct hr_vqueue_slot *s,
	uint32_t bad[HR_VQ_ROWS][HR_VQ_GRID])
{
	double sum[COPIES], work_ns[HR_VQ_GRID];

	streams(q, s->charge_ns, sum);
	for (unsigned r = 0; r < HR_VQ_ROWS; r++) {
		double c = (double)cpus * (r % HR_VQ_SIZES + 1);
		bool spread = r >= HR_VQ_SPREAD;

		if (empties(q->v[r], c, s, spread ? sum[COPIES - 1] : inside(grid[LAST], s)))
			continue;
		for (unsigned g = 0; g < HR_VQ_GRID; g++)
			work_ns[g] = spread ? work_of(sum, grid[g]) : inside(grid[g], s);
		add_row(q->v[r], c, s, work_ns, bad[r]);
	}
}

void hr_vqueue_stretch(
	const struct hr_vqueue_slot *s, uint32_t n, double cpus, uint32_t late[HR_VQ_GRID])
{
	double v[HR_VQ_GRID] = {0}, work_ns[HR_VQ_GRID];

	for (uint32_t i = 0; i < n; i++) {
		for (unsigned g = 0; g < HR_VQ_GRID; g++)
			work_ns[g] = inside(grid[g], &s[i]);
		add_row(v, cpus, &s[i], work_ns, late);
	}
}
