/* SPDX-License-Identifier: Apache-2.0 */
/* Joins stints to bursts; see stints.h. */
#include "agent/core/stints.h"

#include <stddef.h>
#include <string.h>

#include "agent/core/sort.h"

#define PID_MASK 0x3fffffffU

_Static_assert(sizeof(struct hr_burst) == 24, "5000 of them, several slices");

void hr_stints_begin(struct hr_stints *s, uint64_t from, uint64_t until)
{
	memset(s, 0, offsetof(struct hr_stints, burst));
	s->from = from;
	s->until = until;
}

/* Place of a task in the table of open bursts; HR_STINTS_OPEN: it is not there and, with @add,
 * there is no room.  Open addressing: an entry is only removed by moving its followers up. */
static uint32_t find(struct hr_stints *s, uint32_t pid, bool add)
{
	uint32_t i = pid % HR_STINTS_OPEN;

	while (s->open[i].pid != 0 && s->open[i].pid != pid)
		i = (i + 1) % HR_STINTS_OPEN;
	if (s->open[i].pid == pid)
		return i;
	if (!add ||
		s->nr_open >= HR_STINTS_OPEN / 2) /* half empty: a search stays short, and ends */
		return HR_STINTS_OPEN;
	s->nr_open++;
	memset(&s->open[i], 0, sizeof(s->open[i]));
	s->open[i].pid = pid;
	return i;
}

static void forget(struct hr_stints *s, uint32_t hole)
{
	uint32_t i = hole;

	s->nr_open--;
	for (;;) {
		uint32_t home;

		s->open[hole].pid = 0;
		do {
			i = (i + 1) % HR_STINTS_OPEN;
			if (s->open[i].pid == 0)
				return;
			home = s->open[i].pid % HR_STINTS_OPEN;
		} while ((i - home) % HR_STINTS_OPEN < (i - hole) % HR_STINTS_OPEN);
		s->open[hole] = s->open[i];
		hole = i;
	}
}

static void keep(struct hr_stints *s, uint32_t pid, uint64_t wake, uint64_t cpu, uint64_t wait)
{
	bool fixed = s->self != 0 && pid == s->self;

	if (s->n == HR_BURSTS_MAX) {
		if (wake < s->until)
			s->until = wake;
		return;
	}
	if (cpu > UINT32_MAX) /* 4.3 of at most 5 s */
		cpu = UINT32_MAX;
	s->burst[s->n++] = (struct hr_burst){.wake_ns = wake - s->from,
		.cpu_ns = cpu,
		.wait_ns = wait > UINT32_MAX ? UINT32_MAX : (uint32_t)wait,
		.fixed = fixed,
		.pid = pid & PID_MASK};
	if (fixed)
		s->fixed++;
	else
		s->late += wait > HR_STINTS_LATE_NS && wait > cpu;
}

static uint64_t ran_since(uint64_t from, const struct hr_stint_rec *r)
{
	uint64_t end = r->since + r->ran_ns;

	return end <= from ? 0 : r->since < from ? end - from : r->ran_ns;
}

bool hr_stints_hold_most(const struct hr_stints *s)
{
	uint64_t held = 0;

	for (uint32_t i = 0; i < s->n; i++)
		held += s->burst[i].cpu_ns;
	return held * 10 >= s->ran_ns * 9;
}

void hr_stints_add(struct hr_stints *s, const struct hr_stint_rec *r)
{
	uint64_t wake = r->since - r->wait_ns, cpu = r->ran_ns, wait = r->wait_ns;
	bool more = !(r->flags & HR_STINT_SLEEPS), begins = !(r->flags & HR_STINT_CONTINUES);
	uint32_t i = find(s, r->pid, begins && more && wake >= s->from);

	if (s->n < HR_BURSTS_MAX)
		s->ran_ns += ran_since(s->from, r);
	if (begins && i != HR_STINTS_OPEN && s->open[i].wake != 0) { /* its end was missed */
		s->cut++;
		forget(s, i);
		i = find(s, r->pid, more && wake >= s->from);
	}
	if (i == HR_STINTS_OPEN) {
		if (!more && begins && wake >= s->from)
			keep(s, r->pid, wake, cpu, wait);
		else
			s->cut += !more;
		return;
	}
	if (s->open[i].wake == 0)
		s->open[i].wake = wake;
	s->open[i].cpu += cpu;
	s->open[i].wait += wait;
	if (more)
		return;
	keep(s, r->pid, s->open[i].wake, s->open[i].cpu, s->open[i].wait);
	forget(s, i);
}

static int by_wake(const void *a, const void *b)
{
	const struct hr_burst *x = a, *y = b;

	return x->wake_ns < y->wake_ns ? -1 : x->wake_ns > y->wake_ns;
}

/* A hog ran or waited most of the time: a burst that did not has ended, and its end was lost. */
static bool is_hog(uint64_t age, uint64_t cpu, uint64_t wait)
{
	return age > HR_HOG_NS && cpu + wait >= age / 2;
}

/*
 * Two thirds: no other has half of its time, so it is no pool's, whatever process that is of.
 * Whoever has more than half of it all is left of a vote in which each pair of different threads
 * takes away from both.
 */
static void mark_alone(struct hr_stints *s)
{
	uint64_t all = 0, votes = 0, own = 0;
	uint32_t pid = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		const struct hr_burst *b = &s->burst[i];

		if (b->fixed)
			continue;
		all += b->cpu_ns;
		if (b->pid == pid) {
			votes += b->cpu_ns;
		} else if (votes >= b->cpu_ns) {
			votes -= b->cpu_ns;
		} else {
			votes = b->cpu_ns - votes;
			pid = b->pid;
		}
	}
	for (uint32_t i = 0; i < s->n; i++)
		own += s->burst[i].pid == pid ? s->burst[i].cpu_ns : 0;
	if (3 * own <= 2 * all)
		return;
	s->alone = pid;
	for (uint32_t i = 0; i < s->n; i++)
		s->burst[i].alone = s->burst[i].pid == pid;
}

void hr_stints_end(struct hr_stints *s)
{
	for (uint32_t i = 0; i < HR_STINTS_OPEN; i++) {
		uint64_t wake = s->open[i].wake;

		if (s->open[i].pid == 0 || s->until <= wake)
			continue;
		if (is_hog(s->until - wake, s->open[i].cpu, s->open[i].wait))
			s->hogs++;
		else
			s->cut++;
	}
	mark_alone(s);
	hr_sort(s->burst, s->n, sizeof(s->burst[0]), by_wake);
}
