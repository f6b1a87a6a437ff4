/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replays the bursts of a slice at a larger load: c servers, one queue, slices of 3 ms
 * round robin, in virtual time (answer-model 4.6).  Counts bursts that waited longer
 * than max(X, own CPU time), on the grid of the virtual queue, so that the counts of
 * slices add.  No clock, no random numbers but those of the seed.
 *
 * Growth inside today's bursts (mode A): further wake-ups come before and after one, as far off as
 * reach.h says; they take their CPU times from the bursts that follow, so that every size comes as
 * often as it did.  Independent growth (mode S): the whole slice again, 0.37 of its length later
 * for each copy, around the end to its begin.
 *
 * A thread that does most of the work by itself (stints.h) does so at any load: its bursts, copies
 * too, run one after another.  Their wait for each other is no wait for a CPU, and more of them
 * would not end it; what the thread can carry is judged by itself (collector/core/model_serial.c).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/stints.h"
#include "agent/core/vqueue.h"
#include "proto/summary.h"

#define HR_REPLAY_SLICE_NS    3000000ULL     /* 1 and 3 ms: no difference */
#define HR_REPLAY_TAIL_NS     20000000000ULL /* after the last arrival; unfinished is late */
#define HR_REPLAY_COPIES_MAX  (9 * HR_BURSTS_MAX)
#define HR_REPLAY_SERVERS_MAX 512
#define HR_REPLAY_HOGS_MAX    64

#define HR_REPLAY_LIGHT UINT32_MAX
#define HR_REPLAY_SLOTS 1025 /* of 8.4 ms in the longest slice, and one begun */

struct hr_reach_seen;

enum hr_replay_mode {
	HR_REPLAY_A,
	HR_REPLAY_S,
};

/* What is replayed.  Bursts by wake_ns; @length_ns <= 2^33. */
struct hr_replay_in {
	const struct hr_burst *burst;
	uint32_t n; /* <= HR_BURSTS_MAX */
	uint64_t length_ns;
	uint32_t hogs; /* one copy each at every load, not counted */
	bool in_turn;  /* what is marked alone waits for its thread, which is not counted */
	uint64_t seed; /* the same for every load: then the share is as smooth as it can be */
	const struct hr_reach_seen *seen; /* of this slice and others; NULL: of this one alone */
};

/* Scratch of one replay: 1.3 MB, nothing kept between calls. */
struct hr_replay_work {
	uint64_t key[2][HR_REPLAY_COPIES_MAX];               /* arrival << 17 | copy x n + burst */
	uint32_t left[HR_REPLAY_COPIES_MAX];                 /* ns, by place in key[] */
	uint32_t reach[HR_BURSTS_MAX], heavy[HR_BURSTS_MAX]; /* reach.h */
	uint32_t turn[HR_BURSTS_MAX]; /* place in the order in which bursts get one copy more */
	uint32_t heavy_n, place[HR_BURSTS_MAX]; /* of a burst in heavy[], or HR_REPLAY_LIGHT */
	uint32_t even_ns;                       /* reach.h: wake-ups come by chance within it */
	bool mixed;                             /* reach.h: sizes come in any order */
	uint32_t queue[HR_REPLAY_COPIES_MAX + HR_REPLAY_HOGS_MAX];
	struct {
		uint64_t end;
		uint32_t order, job;
	} run[HR_REPLAY_SERVERS_MAX]; /* heap */
	struct hr_vqueue_slot slot[HR_REPLAY_SLOTS];
};

/* Load factor @k on @servers.  Bursts simulated in *ret_tot, the late ones in *ret_late. */
void hr_replay_at(const struct hr_replay_in *in, double k, enum hr_replay_mode mode,
	uint32_t servers, struct hr_replay_work *w, uint32_t ret[2]);

/*
 * Row @row (< HR_VQ_ROWS, as hr_replay_sum) on @cpus or 2 x @cpus: adds to @sum, upwards until
 * more than a fifth is late, and where growth is inside today's bursts what the virtual queue makes
 * of the same ones.  More servers than HR_REPLAY_SERVERS_MAX: nothing.
 */
void hr_replay_row(const struct hr_replay_in *in, uint32_t cpus, unsigned row,
	struct hr_replay_work *w, struct hr_replay_sum *sum);
