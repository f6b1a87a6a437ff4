/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growth inside today's bursts of arrivals: how far from a wake-up further ones lie, to either
 * side. Only bursts that hold work are looked at: what wakes others (an acceptor, a timer's thread)
 * comes beside each request and would make a batch of every one. It grows as far off as that
 * request.
 *
 * - Windows of 8, 34, 134 and 537 ms, as long as the wake-ups in each lie over its quarters as by
 *   chance: in the longest such window there are no bursts to grow inside.  Half of it to either
 *   side, at most HR_REACH_EVEN_NS.
 * - Not even 8 ms: as far as the third nearest neighbour, at most HR_REACH_MAX_NS; where the
 * nearest is sixteen times closer than that the two are a clump, and further ones come as close as
 * it.
 *
 * Sizes come in any order where the mean of four in a row varies no more than by chance.
 *
 * A slice of few bursts tells neither: then what slices before it showed, fading over an hour of
 * them, does.
 */
#pragma once

#include "agent/core/replay.h"

#define HR_REACH_MAX_NS  10000000U
#define HR_REACH_EVEN_NS 100000000U

#define HR_REACH_WINDOWS 4

/* Sums over slices, all zero at first.  Doubles only. */
struct hr_reach_seen {
	/* of windows: pairs that share a quarter, beyond chance; and all pairs, both ways */
	double off[HR_REACH_WINDOWS], pairs[HR_REACH_WINDOWS];
	double bursts;
	double blocks, bits, squares, of_blocks; /* of sizes, log2; sums of four, squared */
};

/* Fades @seen and adds the slice; scratch in @w. */
void hr_reach_learn(
	const struct hr_replay_in *in, struct hr_replay_work *w, struct hr_reach_seen *seen);

/* Into @w->reach, ns, one for each of in->burst; and heavy*, place, even_ns, mixed. */
void hr_reach(const struct hr_replay_in *in, struct hr_replay_work *w);
