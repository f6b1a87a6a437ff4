/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bursts of a slice -> requests.  A thread that serves many clients in turn (an event loop, a
 * single-threaded server) takes up what came while it was at work without sleeping in between: what
 * waited for the thread is hidden in a longer burst.  Who comes does not know whether the thread is
 * at work, so while it is they come as often as while it sleeps, which the gaps between its bursts
 * tell.
 */
#pragma once

#include <stdint.h>

#include "agent/core/stints.h"

#define HR_REQUESTS_GAPS_MIN 8  /* of a thread: the rate of fewer errs by more than a third */
#define HR_REQUESTS_MAX      64 /* of one burst */
#define HR_REQUESTS_SINGLE                                                                         \
	1.5 /* times the mean request: a burst of one, unless sizes differ much */

/*
 * @s, ended, becomes requests: bursts of several are replaced by as many with their share of the
 * CPU time, each with the instant it came and its wait for CPU and thread; @s->n and @s->late
 * follow.  Threads are numbered from 1.  What finds no room stays one.  @seed: any number.
 */
void hr_requests_of(struct hr_stints *s, uint64_t seed);
