/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work of a slot that load does not explain: how much as much load again would bring to it.
 *
 * Where all work is done in short bursts, a slot with 100 messages is one with average requests,
 * and what it took beyond their price is hardly a property of the load: the CPU stood still in its
 * midst, or something slowed it down for a while.  Where messages of pgbench were 1.7 times as dear
 * as where they were cheapest, one more cost between half as much and half as much again
 * (tests/truth/price.py).  So k - 1 times the usual price of its messages comes on top.  Where long
 * bursts do a share of the work a dear slot may be one with a dear request, of which more come as
 * well: its work grows with the load.  Nor do messages tell anything where most bursts read none:
 * then they are not what the load is made of.  And a stall wakes nobody: work that came without
 * messages, but in as many bursts as usual, grows as they do.
 */
#pragma once

#include <stdint.h>

#include "agent/core/raw.h"

#define HR_LIGHT_US 1000 /* a burst of a tenth of the wait tolerated */

/* What messages cost of late; all zero: not known. */
struct hr_light {
	double charge_ns, reads, wakes; /* fading */
	double burst_us, light_us;      /* work of bursts, and of those up to HR_LIGHT_US; fading */
};

/* Of a slot; its own work where nothing better is known. */
double hr_light_grow(const struct hr_light *l, const struct hr_slot_cpu *slot);

/* A tick: its slots added up, and CPU times of the bursts that ended in it, us. */
void hr_light_learn(
	struct hr_light *l, const struct hr_slot_cpu *sum, const struct hr_hist *burst_cpu);
