/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a simulated load breaks, by two definitions: in the long run more than eps of its bursts
 * are late; or more than q of its minutes are BAD, by the very rule of the model (MODEL.md 2).
 */
#pragma once

#include "plan.h"

#define BREAKS_PIECE  10 /* minutes simulated as one */
#define BREAKS_LEAD_S 2  /* before them, until the queue is what it will be */

struct breaks {
	double long_run; /* factor of today's load at which it breaks */
	double minutes;  /* of those of the service, 99.5 % are still not BAD */
};

/*
 * Of the load @o, which grows its own way, or the @other one.  @minutes of it are simulated at each
 * factor.  Both are factors of the load @o as it is, from 0.1 to 22, of the other way to 12; NAN:
 * none.
 */
struct breaks breaks_of(const struct plan_opts *o, bool other, unsigned cpus, unsigned minutes);

/*
 * In the long run, from two runs of 40 s that follow the seed of @o: where @o, of which k is not
 * read, breaks; and by how much the load @o can grow in its other way.
 */
double breaks_of_seed(const struct plan_opts *o, unsigned cpus);
double breaks_of_seed_shared(const struct plan_opts *o, unsigned cpus); /* one queue for all CPUs */
double breaks_other_of_seed(const struct plan_opts *o, unsigned cpus);

/* Adds jobs that have run, and the late ones, to the minute after the lead in which each ended. */
void breaks_count(const struct job *job, size_t n, double ret_bursts[BREAKS_PIECE],
	double ret_late[BREAKS_PIECE]);
