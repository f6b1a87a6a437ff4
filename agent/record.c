/* SPDX-License-Identifier: Apache-2.0 */
/* When to record, and what of it to replay; see record.h. */
#include "agent/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/core/reach.h"
#include "agent/core/replay.h"
#include "proto/base/clock.h"
#include "proto/units.h"

#define PERIOD_NS  (60 * HR_NS_PER_S)
#define FIRST_NS   (3 * HR_NS_PER_S)
#define LOST_SHARE 1000 /* more than one of this many: the slice is no evidence */
/* Nor is a shorter one: 10 ms late must be a small part of it.  55 000 stints a second fill it. */
#define SHORTEST_NS (150 * HR_NS_PER_MS)

/*
 * So long one thread must have done most: one that ends sooner may be one of many, of which more
 * would come beside each other (as SINCE_MS of collector/core/model_serial.c).  Dense is all there
 * is.
 */
#define ALONE_NS (600 * HR_NS_PER_S)

/*
 * One is recorded while the others wait for their replay.  Dense, a minute of them: replayed at
 * once they keep a slow CPU busy for some 20 ms of each second, which the bursts of the next slice
 * would wait for (tests/truth/RESULTS.md).
 */
#define KEEP       2
#define KEEP_DENSE 13

struct scratch {
	struct hr_replay_work work;
	struct hr_stints stints[]; /* @keep of them, in a ring */
};

struct hr_record {
	bool dense;
	bool armed;         /* stints[at] is being recorded */
	unsigned keep, at;  /* slices there is room for */
	unsigned full, row; /* those before @at, to be replayed; @row of the oldest is next */
	uint32_t self;      /* this thread */
	uint64_t seed;
	uint64_t start_ns, slices; /* slices begun */
	uint64_t next_ns, end_ns;  /* of the slice after this one; when this one is over */
	uint64_t lost;
	size_t mem_size;
	struct scratch *mem; /* touched only while a slice is worked on */
	struct hr_sampler_slice out;
	struct hr_reach_seen seen; /* of all slices so far */
	uint32_t alone;            /* thread that did most in the newest slice, and since when */
	uint64_t alone_since_ns;
};

int hr_record_open(struct hr_record **ret_record, uint64_t seed, bool dense, uint64_t now_ns)
{
	struct hr_record *r = calloc(1, sizeof *r);

	if (!r)
		return -ENOMEM;
	r->keep = dense ? KEEP_DENSE : KEEP;
	r->mem_size = sizeof *r->mem + r->keep * sizeof r->mem->stints[0];
	r->mem = mmap(NULL, r->mem_size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (r->mem == MAP_FAILED) {
		free(r);
		return -ENOMEM;
	}
	r->seed = seed;
	r->self = (uint32_t)gettid();
	r->dense = dense;
	r->start_ns = now_ns;
	r->next_ns = dense ? now_ns : now_ns + FIRST_NS;
	*ret_record = r;
	return 0;
}

void hr_record_close(struct hr_record *r)
{
	if (!r)
		return;
	(void)munmap(r->mem, r->mem_size);
	free(r);
}

/* On one CPU a thread that does most waits for the CPU when it waits for itself. */
static struct hr_replay_in input(
	const struct hr_record *r, const struct hr_stints *s, uint32_t cpus)
{
	return (struct hr_replay_in){.burst = s->burst,
		.n = s->n,
		.length_ns = s->until - s->from,
		.hogs = s->hogs,
		.in_turn = cpus > 1 && s->alone != 0,
		.seed = r->seed ^ s->from,
		.seen = &r->seen};
}

static void drop(const struct hr_stint_rec *rec, void *arg)
{
	(void)rec;
	(void)arg;
}

static void arm(struct hr_record *r, struct hr_bpf *b, uint64_t now_ns)
{
	uint64_t minute = ++r->slices;

	/* a random second, so that nothing that comes every minute is always met or never */
	r->next_ns = r->start_ns + minute * PERIOD_NS +
		     (r->seed ^ minute * 0x9e3779b97f4a7c15ULL) % 50 * HR_NS_PER_S;
	if (r->next_ns < now_ns + 2 * HR_SLICE_NS) /* ticks were missing: not twice at once */
		r->next_ns = now_ns + PERIOD_NS;
	if (r->dense)
		r->next_ns = now_ns;
	r->end_ns = now_ns + HR_SLICE_NS;
	r->lost = 0;
	(void)hr_bpf_stints(b, drop, NULL); /* late ones of the slice before */
	hr_bpf_record(b, r->end_ns);
	/* The tick began some ms ago, which of a slice that fills the ring would be a part. */
	hr_stints_begin(&r->mem->stints[r->at], hr_clock_mono_ns(), r->end_ns);
	r->mem->stints[r->at].self = r->self;
	r->armed = true;
}

struct adding {
	struct hr_stints *to;
	uint32_t left;   /* records that may be added */
	uint64_t end_ns; /* of the last one that was */
};

static void add(const struct hr_stint_rec *rec, void *arg)
{
	struct adding *a = arg;

	if (a->left == 0)
		return;
	a->left--;
	a->end_ns = rec->since + rec->ran_ns;
	hr_stints_add(a->to, rec);
}

/*
 * What came since the last tick.  True: the ring was full, so the slice ends with what it held, for
 * between those nothing is missing.  Of 30 000 bursts a second it holds a quarter of one.
 */
static bool read_ring(struct hr_record *r, struct hr_bpf *b, struct hr_stints *s)
{
	bool full = hr_bpf_stints_lost(b);
	struct adding a = {.to = s, .left = full ? HR_STINT_READ : UINT32_MAX};
	uint64_t lost = hr_bpf_stints(b, add, &a);

	if (!full || a.end_ns <= s->from)
		r->lost += lost + full;
	else if (a.end_ns < s->until)
		s->until = a.end_ns;
	return full;
}

static void judge_alone(struct hr_record *r, struct hr_stints *s)
{
	if (s->alone != r->alone)
		r->alone_since_ns = s->from;
	r->alone = s->alone;
	if (!r->dense && s->from - r->alone_since_ns < ALONE_NS)
		s->alone = 0;
}

/* The slice being recorded, as far as it is; when it is over, it waits for its replay. */
static void collect(struct hr_record *r, struct hr_bpf *b, uint64_t now_ns, bool last,
	struct hr_sampler *sampler)
{
	struct hr_stints *s = &r->mem->stints[r->at];
	bool full = read_ring(r, b, s);
	struct hr_replay_in in;

	if (!full && now_ns < r->end_ns && !last)
		return;
	if (now_ns < s->until)
		s->until = now_ns;
	hr_bpf_record(b, 0);
	r->armed = false;
	s->hogs = hr_bpf_running_since(b, s->from);
	hr_stints_end(s);
	if (r->lost > (s->n + s->cut) / LOST_SHARE ||
		(full && (s->until - s->from < SHORTEST_NS || !hr_stints_hold_most(s)))) {
		const struct hr_sampler_slice none = {.lost = true}; /* @out may be half done */

		hr_sampler_replay(sampler, &none);
		return;
	}
	judge_alone(r, s);
	in = input(r, s, 1);
	hr_reach_learn(&in, &r->mem->work, &r->seen);
	r->at = (r->at + 1) % r->keep;
	r->full++;
}

/* One row of the oldest slice that waits. */
static void replay(struct hr_record *r, uint32_t cpus, struct hr_sampler *sampler)
{
	const struct hr_stints *s = &r->mem->stints[(r->at + r->keep - r->full) % r->keep];
	const struct hr_replay_in in = input(r, s, cpus);

	if (r->row == 0) {
		memset(&r->out, 0, sizeof r->out);
		r->out.bursts = s->n - s->fixed;
		r->out.late = s->late;
		r->out.ms = (uint32_t)((s->until - s->from) / HR_NS_PER_MS);
	}
	if (s->n > 0)
		hr_replay_row(&in, cpus, r->row, &r->mem->work, &r->out.sum);
	if (++r->row < HR_VQ_ROWS)
		return;
	if (s->n > 0) {
		r->out.even_ms = r->mem->work.even_ns / HR_NS_PER_MS;
		r->out.mixed = r->mem->work.mixed;
	}
	hr_sampler_replay(sampler, &r->out);
	r->row = 0;
	r->full--;
	if (!r->armed && r->full == 0)
		(void)madvise(r->mem, r->mem_size, MADV_DONTNEED);
}

void hr_record_tick(struct hr_record *r, struct hr_bpf *b, uint64_t now_ns, uint32_t cpus,
	bool last, struct hr_sampler *sampler)
{
	bool room = r->full + 1 < r->keep; /* for the slice after the one being recorded */

	/* Four rows take four ticks, a slice five: there is room again when the next is full. */
	if (r->full > 0 && !(r->dense && room))
		replay(r, cpus, sampler);
	if (r->armed)
		collect(r, b, now_ns, last, sampler);
	if (!r->armed && !last && r->full < r->keep && now_ns >= r->next_ns)
		arm(r, b, now_ns);
	while (last && r->full > 0)
		replay(r, cpus, sampler);
}
