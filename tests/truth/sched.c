/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual-time scheduler; see sched.h. */
#include "sched.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TICK_NS  4000000ULL /* 250 Hz, as Debian */
#define SLICE_NS 750000ULL  /* base slice of one CPU; x (1 + log2 of the CPUs) */
#define LATE_NS  10000000ULL
#define NEVER    UINT64_MAX

struct entity {
	uint64_t vruntime, deadline, left;
	uint32_t next; /* in the queue of its CPU */
};

struct queue {
	uint32_t head, tail, n; /* waiting */
};

struct rq {
	struct queue *q; /* its own, or that of all */
	uint32_t curr;   /* NONE: idle */
	uint64_t since;  /* curr's accounted run time begins here */
	uint64_t used;   /* of its slice */
};

#define NONE UINT32_MAX

struct sim {
	struct job *job;
	struct entity *e;
	struct queue queue[SCHED_CPUS_MAX];
	struct rq rq[SCHED_CPUS_MAX];
	unsigned cpus, last;
	uint64_t slice;
	sched_ran_fn *ran;
	void *arg;
};

static void enqueue(struct sim *s, struct queue *q, uint32_t i)
{
	s->e[i].next = NONE;
	if (q->n++ == 0)
		q->head = i;
	else
		s->e[q->tail].next = i;
	q->tail = i;
}

static void unlink_after(struct sim *s, struct queue *q, uint32_t prev, uint32_t i)
{
	if (prev == NONE)
		q->head = s->e[i].next;
	else
		s->e[prev].next = s->e[i].next;
	if (q->tail == i)
		q->tail = prev;
	q->n--;
}

/* Mean virtual run time of all that are here: who is below it has not had its share. */
static uint64_t average(const struct sim *s, const struct queue *q, uint64_t now)
{
	double sum = 0;
	uint32_t n = q->n;

	for (unsigned c = 0; c < s->cpus; c++)
		if (s->rq[c].q == q && s->rq[c].curr != NONE) {
			sum += (double)(s->e[s->rq[c].curr].vruntime + now - s->rq[c].since);
			n++;
		}
	for (uint32_t i = q->n ? q->head : NONE; i != NONE; i = s->e[i].next)
		sum += (double)s->e[i].vruntime;
	return n ? (uint64_t)(sum / n) : 0;
}

/* Accounts what @q's task ran until @now. */
static void account(struct sim *s, struct rq *q, uint64_t now)
{
	struct entity *e;

	if (q->curr == NONE || now <= q->since)
		return;
	e = &s->e[q->curr];
	if (s->ran)
		s->ran(s->arg, q->curr, q->since, now);
	e->vruntime += now - q->since;
	q->used += now - q->since;
	e->left -= now - q->since;
	q->since = now;
	if (e->vruntime >= e->deadline)
		e->deadline = e->vruntime + s->slice;
}

static void pick(struct sim *s, struct rq *q, uint64_t now)
{
	uint64_t avg;
	uint32_t best = NONE, before = NONE, prev = NONE;

	if (q->curr != NONE)
		enqueue(s, q->q, q->curr);
	q->curr = NONE;
	if (q->q->n == 0)
		return;
	avg = average(s, q->q, now);
	for (uint32_t i = q->q->head; i != NONE; prev = i, i = s->e[i].next)
		if (s->e[i].vruntime <= avg &&
			(best == NONE || s->e[i].deadline < s->e[best].deadline)) {
			best = i;
			before = prev;
		}
	if (best == NONE) /* rounding */
		best = q->q->head;
	unlink_after(s, q->q, before, best);
	q->curr = best;
	q->since = now;
	q->used = 0;
}

/* An idle CPU takes the longest waiting task of the longest queue. */
static void pull(struct sim *s, struct rq *q)
{
	struct queue *from = NULL;
	uint32_t i;

	for (unsigned c = 0; c < s->cpus; c++)
		if (s->queue[c].n > 0 && (!from || s->queue[c].n > from->n))
			from = &s->queue[c];
	if (!from)
		return;
	i = from->head;
	unlink_after(s, from, NONE, i);
	s->e[i].vruntime = 0;
	s->e[i].deadline = s->slice;
	enqueue(s, q->q, i);
}

static void wake(struct sim *s, uint32_t i, uint64_t now)
{
	unsigned cpus = s->cpus > 0 ? s->cpus : 1, at = s->last = (s->last + 1) % cpus;
	struct rq *q;

	for (unsigned c = 0; c < s->cpus; c++)
		if (s->rq[(at + c) % s->cpus].curr == NONE) {
			at = (at + c) % s->cpus;
			break;
		}
	q = &s->rq[at];
	account(s, q, now);
	s->e[i].vruntime = average(s, q->q, now);
	s->e[i].deadline = s->e[i].vruntime + s->slice;
	enqueue(s, q->q, i);
	if (q->curr == NONE || q->used >= s->slice)
		pick(s, q, now);
}

/* When something happens on @q by itself: its task ends, or a tick finds its slice used. */
static uint64_t due(const struct sim *s, const struct rq *q)
{
	uint64_t end, used, tick;

	if (q->curr == NONE)
		return NEVER;
	end = q->since + s->e[q->curr].left;
	if (q->q->n == 0)
		return end;
	used = q->since + (q->used < s->slice ? s->slice - q->used : 0);
	tick = (used + TICK_NS - 1) / TICK_NS * TICK_NS;
	if (tick <= q->since)
		tick += TICK_NS;
	return end < tick ? end : tick;
}

static void step(struct sim *s, struct rq *q, uint64_t now)
{
	account(s, q, now);
	if (s->e[q->curr].left == 0) {
		s->job[q->curr].end_ns = now;
		q->curr = NONE;
		if (q->q->n == 0)
			pull(s, q);
	}
	pick(s, q, now);
}

static void run(struct job *job, size_t n, unsigned cpus, bool shared, sched_ran_fn *ran, void *arg)
{
	struct sim s = {.job = job, .cpus = cpus, .slice = SLICE_NS, .ran = ran, .arg = arg};
	size_t next = 0;

	for (unsigned c = cpus; c > 1; c /= 2)
		s.slice += SLICE_NS;
	s.e = calloc(n + 1, sizeof(*s.e));
	if (!s.e)
		abort();
	for (size_t i = 0; i < n; i++) {
		s.e[i].left = job[i].cpu_ns;
		job[i].took_ns = job[i].cpu_ns;
	}
	for (unsigned c = 0; c < cpus; c++)
		s.rq[c] = (struct rq){.q = &s.queue[shared ? 0 : c], .curr = NONE};
	for (;;) {
		uint64_t at = next < n ? job[next].at_ns : NEVER;
		struct rq *first = NULL;

		for (unsigned c = 0; c < cpus; c++) {
			uint64_t t = due(&s, &s.rq[c]);

			if (t <= at && t != NEVER) {
				at = t;
				first = &s.rq[c];
			}
		}
		if (first)
			step(&s, first, at);
		else if (next < n)
			wake(&s, (uint32_t)next++, at);
		else
			break;
	}
	free(s.e);
}

void sched_run(struct job *job, size_t n, unsigned cpus, sched_ran_fn *ran, void *arg)
{
	run(job, n, cpus, false, ran, arg);
}

void sched_run_shared(struct job *job, size_t n, unsigned cpus)
{
	run(job, n, cpus, true, NULL, NULL);
}

double sched_late(const struct job *job, size_t n)
{
	size_t late = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t wait = job[i].end_ns - job[i].at_ns - job[i].took_ns;

		late += wait > LATE_NS && wait > job[i].took_ns;
	}
	return n ? (double)late / (double)n : 0;
}
