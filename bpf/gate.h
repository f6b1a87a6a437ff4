/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/*
 * Which requests of a disk are measured at a high rate: see struct hr_disk_cell.  Plain words, so
 * only for programs of which no second run can begin on the CPU.  Same lines in BPF and tests.
 */
#pragma once

#include "bpf/cell.h"

/* k is chosen by the rate over this long at least: with 1,000 ticks a second some three of them. */
#define HR_GATE_LEAST_US 2048

#define HR_GATE_RUN  (HR_GATE_ONE - 1) /* all that concerns the run under way */
#define HR_GATE_MEAN ((1u << 29) - 1)

#define HR_GATE_INLINE static inline __attribute__((always_inline))

/* A request of that start is measured anyhow. */
HR_GATE_INLINE _Bool hr_gate_is_slow(const struct hr_disk_cell *c, uint64_t start)
{
	return start + c->limit < c->latest;
}

/*
 * True: the request is counted and not measured, and its slot is c->last.  Without the
 * clock.
 */
HR_GATE_INLINE _Bool hr_gate_skips(
	struct hr_disk_cell *c, uint32_t dir, uint32_t tick, uint64_t start)
{
	uint64_t gate = c->gate[dir];

	if (!(gate & HR_GATE_LEFT) || c->tick != tick || hr_gate_is_slow(c, start))
		return 0;
	c->gate[dir] = gate + HR_GATE_ONE - 1;
	if (start > c->latest)
		c->latest = start;
	return 1;
}

/* k of the runs that begin now, by the rate since it was chosen last; @k: what it was. */
HR_GATE_INLINE uint32_t hr_gate_run(struct hr_disk_cell *c, uint64_t now, uint32_t k)
{
	uint64_t was = c->rate;
	uint32_t n = (uint32_t)(c->gate[0] >> 32) + (uint32_t)(c->gate[1] >> 32);
	uint32_t us = (uint32_t)(now >> 10) - (uint32_t)(was >> 32);
	uint64_t many = (uint64_t)(n - (uint32_t)was) << (HR_SLOT_SHIFT - 10);

	if (us < HR_GATE_LEAST_US)
		return k;
	c->rate = now >> 10 << 32 | n;
	k = 0;
	for (uint32_t i = 1; i <= HR_RUN_MAX; i++)
		if (many >= us * ((uint64_t)HR_RUN_REQUESTS << i))
			k = i;
	return k;
}

/* A die: the clock's last digits, and what number of request it is, mixed as in MurmurHash3. */
HR_GATE_INLINE uint32_t hr_gate_die(uint64_t now, uint64_t gate)
{
	uint64_t h = (now ^ gate >> 4) * 0xff51afd7ed558ccdULL;

	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53ULL;
	return (uint32_t)(h >> 33);
}

/* The clock was read for the first one in a tick. */
HR_GATE_INLINE void hr_gate_tick(struct hr_disk_cell *c, uint32_t tick, uint64_t now)
{
	c->tick = tick;
	c->latest = now;
	c->limit = 4 * (uint32_t)c->mean + 8192;
	c->k = hr_gate_run(c, now, c->k) & 7;
	if (c->k == 0) /* runs end here, whether their one was measured or not */
		for (uint32_t d = 0; d < 2; d++)
			c->gate[d] &= ~HR_GATE_RUN;
}

/*
 * The clock was read: counts the request, which is measured.  How often it counts in that.  The
 * first one in a tick is in no run and counts once, like a slow one: whether it is does not depend
 * on the die.
 */
HR_GATE_INLINE uint32_t hr_gate_pass(
	struct hr_disk_cell *c, uint32_t dir, uint32_t tick, uint64_t start, uint64_t now)
{
	_Bool first = c->tick != tick, apart = first || hr_gate_is_slow(c, start);
	uint32_t last, next;
	uint64_t gate;

	c->last = (uint32_t)(now >> HR_SLOT_SHIFT);
	if (first)
		hr_gate_tick(c, tick, now);
	gate = c->gate[dir];
	if (apart) {
		c->gate[dir] = gate + HR_GATE_ONE;
		return 1;
	}
	if (start > c->latest)
		c->latest = start;
	last = (1u << c->k) - 1;
	next = hr_gate_die(now, gate) & last;
	c->gate[dir] = (gate & ~HR_GATE_RUN) + HR_GATE_ONE +
		       ((uint32_t)c->k << HR_GATE_RUN_SHIFT | (last - next) << HR_GATE_REST_SHIFT |
			       ((uint32_t)(gate >> HR_GATE_REST_SHIFT & 0xff) + next));
	return 1u << (gate >> HR_GATE_RUN_SHIFT & 7);
}

/* The mean, after one more was measured. */
HR_GATE_INLINE void hr_gate_mean(struct hr_disk_cell *c, uint64_t ns)
{
	uint32_t mean = c->mean, part = (uint32_t)(ns < c->limit ? ns : c->limit);

	mean += (part >> 5) - (mean >> 5);
	c->mean = (mean < HR_GATE_MEAN ? mean : HR_GATE_MEAN) & HR_GATE_MEAN;
}
