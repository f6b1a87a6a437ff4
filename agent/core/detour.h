/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is it one body that something on the way will not let through, or all of them?  Windows of a body
 * without a proof of its delivery step aside after a while, so that they hold up nobody, and what
 * is sent next tells: if the newest window is taken it was the body, and those aside are tried one
 * by one between live windows; if three in a row are not it is the way, and then one of those aside
 * is tried, and a window that was never sent only now and then: each one sent may be stored, can no
 * longer be merged, and a day has to fit.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define HR_DETOUR_PROBE_NS 600000000000ULL  /* one of those aside is tried so often */
#define HR_DETOUR_FRESH_NS 1200000000000ULL /* while nothing is taken: one that was never sent */
#define HR_DETOUR_CLOSED   3                /* bodies in a row: it is the way */
#define HR_DETOUR_TRIES    6 /* of the same bytes: some 20 s, a restart of either end */

struct hr_detour {
	uint64_t probe_ns; /* none of those aside before */
	uint64_t fresh_ns; /* while the way is closed: none but those aside before */
	uint32_t refused;  /* bodies in a row that stepped aside */
	uint32_t unproven; /* tries of the body under way */
	uint32_t sift;     /* of those aside: to be tried between live windows */
	bool probing;      /* the body under way is one of those aside */
};

enum hr_detour_turn {
	HR_DETOUR_QUEUE,  /* as if nothing were */
	HR_DETOUR_NEWEST, /* the newest window alone */
	HR_DETOUR_PROBE,  /* one of those aside, alone */
};

/* What to send next.  @fresh: windows wait that are not aside. */
enum hr_detour_turn hr_detour_next(
	struct hr_detour *d, uint64_t now_ns, bool fresh, uint32_t n_aside);

/* Another try of the same bytes that proves nothing.  True: they step aside. */
bool hr_detour_unproven(struct hr_detour *d);

/*
 * The body's windows are aside now, @n_aside with those that were before.  @refused: in so many
 * words, each window for itself; else they may be well, and only one among them is not.
 */
void hr_detour_aside(struct hr_detour *d, uint64_t now_ns, uint32_t n_aside, bool refused);

/* A body was taken.  True: the way is free, all that is aside goes back into the queue. */
bool hr_detour_taken(struct hr_detour *d, uint64_t now_ns, uint32_t n_aside);

static inline bool hr_detour_closed(const struct hr_detour *d)
{
	return d->refused >= HR_DETOUR_CLOSED;
}
