/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/*
 * Which requests of a disk are measured at a high rate: see struct hr_disk_cell.  Plain words, so
 * only for programs of which no second run can begin on the CPU.  Same lines in BPF and tests.
 */
#pragma once

#include "bpf/cell.h"

/* k is chosen by the rate over this long at least: with 1,000 ticks a second some three of them. */
#define HR_GATE_LEAST_US 2048

#define HR_GATE_RUN (HR_GATE_ONE - 1) /* all that concerns the run under way */

#define HR_GATE_INLINE static inline __attribute__((always_inline))

/* Longer under way than this is slow. */
HR_GATE_INLINE uint64_t hr_gate_slow_ns(const struct hr_disk_cell *c)
{
	return 4 * c->mean + 8192;
}

/* A request of that start is measured anyhow: it was slow when the clock was read last. */
HR_GATE_INLINE _Bool hr_gate_is_slow(const struct hr_disk_cell *c, uint64_t start)
{
	return start + hr_gate_slow_ns(c) < c->now;
}

/*
 * True: the request is counted and not measured, and its slot is that of c->now.  Without the
 * clock.
 */
HR_GATE_INLINE _Bool hr_gate_skips(
	struct hr_disk_cell *c, uint32_t dir, uint32_t tick, uint64_t start)
{
	uint64_t gate = c->gate[dir];

	if (!(gate & HR_GATE_LEFT) || c->at >> HR_AT_TICK_SHIFT != tick ||
		hr_gate_is_slow(c, start))
		return 0;
	c->gate[dir] = gate + HR_GATE_ONE - 1;
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

/*
 * The clock was read: counts the request, which is measured.  How often it counts in that.  The
 * first one in a tick is in no run and counts once, like a slow one: whether it is does not depend
 * on the die.
 */
HR_GATE_INLINE uint32_t hr_gate_pass(
	struct hr_disk_cell *c, uint32_t dir, uint32_t tick, uint64_t start, uint64_t now)
{
	uint64_t gate = c->gate[dir], at = c->at;
	uint32_t k = (uint32_t)at & 7, last, next;
	_Bool apart = hr_gate_is_slow(c, start);

	if (at >> HR_AT_TICK_SHIFT != tick) {
		apart = 1;
		k = hr_gate_run(c, now, k);
		if (k == 0) { /* runs end here, whether their one was measured or not */
			c->gate[!dir] &= ~HR_GATE_RUN;
			gate &= ~HR_GATE_RUN;
		}
		c->at = (uint64_t)tick << HR_AT_TICK_SHIFT | k;
	}
	c->now = now;
	if (apart) {
		c->gate[dir] = gate + HR_GATE_ONE;
		return 1;
	}
	last = (1u << k) - 1;
	next = hr_gate_die(now, gate) & last;
	c->gate[dir] = (gate & ~HR_GATE_RUN) + HR_GATE_ONE +
		       (k << HR_GATE_RUN_SHIFT | (last - next) << HR_GATE_REST_SHIFT |
			       ((uint32_t)(gate >> HR_GATE_REST_SHIFT & 0xff) + next));
	return 1u << (gate >> HR_GATE_RUN_SHIFT & 7);
}

/* The mean, after one more was measured. */
HR_GATE_INLINE void hr_gate_mean(struct hr_disk_cell *c, uint64_t ns)
{
	uint64_t slow = hr_gate_slow_ns(c);

	c->mean += ((ns < slow ? ns : slow) >> 5) - (c->mean >> 5);
}
