/* SPDX-License-Identifier: Apache-2.0 */
/* Arrival processes and job sizes; see plan.h. */
#include "plan.h"

#include <math.h>
#include <stdlib.h>

#define MMPP_ON_RATE  3.4 /* 0.2 * 3.4 + 0.8 * 0.4 = 1 */
#define MMPP_OFF_RATE 0.4
#define MMPP_ON_S     0.2
#define MMPP_OFF_S    0.8
#define BATCH_MEAN    4.0
#define TICK_SHARE    0.15
#define TICK_S        0.005

struct list {
	struct job *job;
	size_t n, cap;
	bool failed;
};

/* splitmix64: one word of state, good enough for arrival times, the same everywhere. */
static uint64_t next_u64(uint64_t *s)
{
	uint64_t z = *s += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static double uniform(uint64_t *s) /* in (0, 1) */
{
	return ((double)(next_u64(s) >> 11) + 0.5) / 9007199254740992.0;
}

static double draw_exp(uint64_t *s, double mean)
{
	return -mean * log(uniform(s));
}

static double draw_size(uint64_t *s, enum size kind, double mean)
{
	double a = mean / 1.95, sigma2 = log(1 + 4.0), u, v;

	switch (kind) {
	case SIZE_LOGNORMAL:
		u = uniform(s);
		v = uniform(s);
		return mean *
		       exp(sqrt(sigma2) * sqrt(-2 * log(u)) * cos(2 * M_PI * v) - sigma2 / 2);
	case SIZE_BIMODAL:
		return draw_exp(s, uniform(s) < 0.05 ? 20 * a : a);
	case SIZE_FIXED:
		return mean;
	case SIZE_EXP:
	default:
		return draw_exp(s, mean);
	}
}

static void push(struct list *l, double at_s)
{
	struct job *j;
	size_t cap;

	if (l->n == l->cap) {
		cap = l->cap ? 2 * l->cap : 4096;
		j = realloc(l->job, cap * sizeof(*j));
		if (!j) {
			l->failed = true;
			return;
		}
		l->job = j;
		l->cap = cap;
	}
	l->job[l->n++] = (struct job){.at_ns = (uint64_t)(at_s * 1e9)};
}

/* Poisson arrivals of @rate in [from, to). */
static void poisson(struct list *l, uint64_t *s, double rate, double from, double to)
{
	if (!(rate > 0))
		return;
	for (;;) {
		from += draw_exp(s, 1 / rate);
		if (from >= to)
			return;
		push(l, from);
	}
}

static void mmpp(struct list *l, uint64_t *s, const struct plan_opts *o, double rate)
{
	uint64_t stays = *s ^ 0x5eed; /* the on-off schedule does not change with the rate */
	bool on = uniform(&stays) < MMPP_ON_S / (MMPP_ON_S + MMPP_OFF_S);
	double t = 0;

	while (t < o->for_s) {
		double stay = draw_exp(&stays, on ? MMPP_ON_S : MMPP_OFF_S);
		double end = fmin(t + stay, o->for_s);

		poisson(l, s, rate * (on ? MMPP_ON_RATE : MMPP_OFF_RATE), t, end);
		t += stay;
		on = !on;
	}
}

/* Batches at rate / 4, each geometric with mean @size, at least 1. */
static void batch(struct list *l, uint64_t *s, const struct plan_opts *o, double rate, double size)
{
	double each = BATCH_MEAN / rate, t = draw_exp(s, each);

	while (t < o->for_s) {
		push(l, t);
		while (uniform(s) > 1 / size)
			push(l, t);
		t += draw_exp(s, each);
	}
}

static void tick(struct list *l, uint64_t *s, const struct plan_opts *o, double rate)
{
	double phase = uniform(s);

	poisson(l, s, rate * (1 - TICK_SHARE), 0, o->for_s);
	for (unsigned i = 0; phase + i + TICK_S < o->for_s; i++)
		poisson(l, s, rate * TICK_SHARE / TICK_S, phase + i, phase + i + TICK_S);
}

/*
 * One stream; @k > 0 inside its bursts, @share of its users when it is thinned.  Its numbers begin
 * where the mixed seed says: a seed times the step of next_u64() would be the stream of the seed
 * before it, one number further on.
 */
static void stream(struct list *l, const struct plan_opts *o, uint64_t seed, double k, double share)
{
	uint64_t s = next_u64(&seed);
	double rate = o->rate_per_s * share;

	switch (o->arrive) {
	case ARRIVE_MMPP:
		mmpp(l, &s, o, rate * k);
		break;
	case ARRIVE_BATCH:
		batch(l, &s, o, rate, BATCH_MEAN * k);
		break;
	case ARRIVE_TICK:
		tick(l, &s, o, rate * k);
		break;
	case ARRIVE_POISSON:
	default:
		poisson(l, &s, rate * k, 0, o->for_s);
	}
}

static int by_time(const void *a, const void *b)
{
	const struct job *x = a, *y = b;

	return x->at_ns < y->at_ns ? -1 : x->at_ns > y->at_ns;
}

struct job *plan_make(const struct plan_opts *o, size_t *ret_n)
{
	uint64_t sizes = o->seed ^ 0x517e5;
	double other = o->other > 0 ? o->other : 1;
	double copies = o->grow == GROW_COPIES ? o->k : other;
	double inside = o->grow == GROW_COPIES ? other : o->k;
	struct list l = {0};

	for (unsigned z = 0; z < copies - 1e-9; z++)
		stream(&l, o, o->seed + 1000 * (uint64_t)z, inside, fmin(copies - z, 1));
	if (l.failed) {
		free(l.job);
		return NULL;
	}
	if (l.n)
		qsort(l.job, l.n, sizeof(*l.job), by_time);
	for (size_t i = 0; i < l.n; i++)
		l.job[i].cpu_ns = (uint64_t)(draw_size(&sizes, o->size, o->mean_s) * 1e9) + 1000;
	*ret_n = l.n;
	return l.job ? l.job : calloc(1, sizeof(*l.job));
}

#define HOUR_S 3600

struct job *plan_busy_hour(const struct plan_opts *o, double busy_s, size_t *ret_n)
{
	uint64_t from = (uint64_t)(busy_s * 1e9), until = from + HOUR_S * 1000000000ULL;
	struct plan_opts quiet = *o, busy = *o;
	struct job *a, *b, *all;
	size_t n, more, at = 0;

	quiet.rate_per_s /= 4;
	busy.for_s = HOUR_S;
	busy.seed += 500009;
	a = plan_make(&quiet, &n);
	b = plan_make(&busy, &more);
	all = malloc((n + more + 1) * sizeof(*all));
	for (size_t i = 0; a && b && all && i < n; i++)
		if (a[i].at_ns < from)
			all[at++] = a[i];
	for (size_t i = 0; a && b && all && i < more; i++) {
		all[at] = b[i];
		all[at++].at_ns += from;
	}
	for (size_t i = 0; a && b && all && i < n; i++)
		if (a[i].at_ns >= until)
			all[at++] = a[i];
	if (!a || !b) {
		free(all);
		all = NULL;
	}
	free(a);
	free(b);
	*ret_n = at;
	return all;
}
