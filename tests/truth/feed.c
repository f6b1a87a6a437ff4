/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs that ran, as slots and as slices; see feed.h. */
#include "feed.h"

#include <stdlib.h>

#include "agent/core/stints.h"
#include "sched.h"

/* Adds [from, to) to a member of the slots it covers. */
static void spread_over(struct feed *f, uint64_t from, uint64_t to, size_t member)
{
	while (from < to) {
		uint64_t s = from / HR_SLOT_NS, end = (s + 1) * HR_SLOT_NS;

		end = end < to ? end : to;
		if (s < f->n_slots)
			*(uint64_t *)((char *)&f->slot[s] + member) += end - from;
		from = end;
	}
}

static void ran(void *arg, size_t i, uint64_t from, uint64_t to)
{
	(void)i;
	spread_over(arg, from, to, offsetof(struct hr_slot_cpu, oncpu_ns));
}

struct feed feed_of(struct job *job, size_t n, unsigned cpus, double for_s)
{
	struct feed f = {.job = job, .n = n, .n_slots = (uint32_t)(for_s * 1e9 / HR_SLOT_NS) + 1};

	f.slot = calloc(f.n_slots, sizeof(*f.slot));
	if (!job || !f.slot)
		abort();
	sched_run(job, n, cpus, ran, &f);
	for (size_t i = 0; i < n; i++) {
		uint64_t at = job[i].at_ns, s = at / HR_SLOT_NS;

		if (s < f.n_slots)
			f.slot[s].wakes++;
		spread_over(&f, at, at + job[i].cpu_ns, offsetof(struct hr_slot_cpu, charge_ns));
		spread_over(&f, at, job[i].end_ns, offsetof(struct hr_slot_cpu, wait_ns));
	}
	for (uint32_t i = 0; i < f.n_slots; i++) /* there, but not running */
		f.slot[i].wait_ns -= f.slot[i].oncpu_ns;
	return f;
}

void feed_free(struct feed *f)
{
	free(f->slot);
	free(f->job);
}

size_t feed_first(const struct feed *f, uint64_t at_ns)
{
	size_t lo = 0, hi = f->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (f->job[mid].at_ns < at_ns)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int by_wake(const void *a, const void *b)
{
	const struct hr_burst *x = a, *y = b;

	return x->wake_ns < y->wake_ns ? -1 : x->wake_ns > y->wake_ns;
}

/* The end of a slice of jobs from @first on: where there is no room for another. */
static uint64_t end_of(const struct feed *f, size_t first, uint64_t until)
{
	size_t full = first + HR_BURSTS_MAX;

	return full < f->n && f->job[full].at_ns < until ? f->job[full].at_ns : until;
}

uint64_t feed_slice(const struct feed *f, uint64_t at_ns, struct hr_burst burst[HR_BURSTS_MAX],
	const struct hr_reach_seen *seen, struct hr_replay_in *ret_in)
{
	size_t i = feed_first(f, at_ns);
	uint64_t until = end_of(f, i, at_ns + FEED_SLICE_S * NS), late = 0;

	*ret_in = (struct hr_replay_in){.burst = burst,
		.length_ns = until - at_ns,
		.seed = 1790000000000ULL ^ at_ns,
		.seen = seen};
	for (; i < f->n && f->job[i].at_ns < until; i++) {
		const struct job *j = &f->job[i];
		uint64_t wait = j->end_ns - j->at_ns - j->took_ns;

		if (j->end_ns >= until)
			continue;
		burst[ret_in->n++] = (struct hr_burst){.wake_ns = j->at_ns - at_ns,
			.cpu_ns = j->took_ns,
			.wait_ns = (uint32_t)wait};
		late += wait > HR_STINTS_LATE_NS && wait > j->took_ns;
	}
	qsort(burst, ret_in->n, sizeof(*burst), by_wake);
	return late;
}
