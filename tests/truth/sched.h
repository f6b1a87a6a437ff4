/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scheduler in virtual time for the bench: one queue per CPU, fair by virtual run time with
 * deadlines (EEVDF as Linux 6.6 and later: pick the earliest deadline among those that got no
 * more than their share; the running one stays until its slice is used), preemption at ticks and
 * at wake-ups, wake-ups to an idle CPU if there is one, an idle CPU takes from the longest queue.
 * Not the round robin of the agent's replay: a model must not be judged by itself.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "plan.h"

#define SCHED_CPUS_MAX 16

/* Job @i ran on some CPU in [@from, @to). */
typedef void sched_ran_fn(void *arg, size_t i, uint64_t from_ns, uint64_t to_ns);

/* Runs jobs (sorted by at_ns) to their ends: fills end_ns and took_ns.  @ran may be NULL. */
void sched_run(struct job *job, size_t n, unsigned cpus, sched_ran_fn *ran, void *arg);

/*
 * The same on CPUs that share one queue, what the agent's replay assumes: nobody waits while a CPU
 * is idle anyhow, but who waits is taken up by the next CPU that has time, not by its own.
 */
void sched_run_shared(struct job *job, size_t n, unsigned cpus);

/* Of @n jobs run, the share that waited longer than max(10 ms, its own CPU time). */
double sched_late(const struct job *job, size_t n);
