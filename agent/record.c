/* SPDX-License-Identifier: Apache-2.0 */
/* When to record, and what of it to replay; see record.h. */
#include "agent/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/core/replay.h"
#include "proto/units.h"

#define PERIOD_NS  (60 * HR_NS_PER_S)
#define FIRST_NS   (3 * HR_NS_PER_S)
#define LOST_SHARE 1000 /* more than one of this many: the slice is no evidence */

struct scratch {
	struct hr_stints stints[2]; /* one is recorded while the other is replayed */
	struct hr_replay_work work;
};

struct hr_record {
	bool dense;
	bool armed;     /* stints[at] is being recorded */
	bool replaying; /* the other one is being replayed, @row is next */
	unsigned at, row;
	uint32_t self; /* this thread */
	uint64_t seed;
	uint64_t start_ns, slices; /* slices begun */
	uint64_t next_ns;
	uint64_t lost;
	struct scratch *mem; /* touched only while a slice is worked on */
	struct hr_sampler_slice out;
};

int hr_record_open(struct hr_record **ret_record, uint64_t seed, bool dense, uint64_t now_ns)
{
	struct hr_record *r = calloc(1, sizeof *r);

	if (!r)
		return -ENOMEM;
	r->mem = mmap(NULL, sizeof *r->mem, PROT_READ | PROT_WRITE,
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
	(void)munmap(r->mem, sizeof *r->mem);
	free(r);
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
	hr_stints_begin(&r->mem->stints[r->at], now_ns, now_ns + HR_SLICE_NS);
	r->mem->stints[r->at].self = r->self;
	r->lost = 0;
	(void)hr_bpf_stints(b, drop, NULL); /* late ones of the slice before */
	hr_bpf_record(b, now_ns + HR_SLICE_NS);
	r->armed = true;
}

static void add(const struct hr_stint_rec *rec, void *arg)
{
	hr_stints_add(arg, rec);
}

/* The slice being recorded, as far as it is; when it is over, its replay is begun. */
static void collect(struct hr_record *r, struct hr_bpf *b, uint64_t now_ns, bool last,
	struct hr_sampler *sampler)
{
	struct hr_stints *s = &r->mem->stints[r->at];

	r->lost += hr_bpf_stints(b, add, s);
	if (now_ns < s->from + HR_SLICE_NS && !last)
		return;
	if (now_ns < s->until)
		s->until = now_ns;
	hr_bpf_record(b, 0);
	r->armed = false;
	s->hogs = hr_bpf_running_since(b, s->from);
	hr_stints_end(s);
	memset(&r->out, 0, sizeof r->out);
	if (r->lost > (s->n + s->cut) / LOST_SHARE) {
		r->out.lost = true;
		hr_sampler_replay(sampler, &r->out);
		return;
	}
	r->out.bursts = s->n - s->fixed;
	r->out.late = s->late;
	r->out.ms = (uint32_t)((s->until - s->from) / HR_NS_PER_MS);
	r->row = 0;
	r->replaying = true;
	r->at ^= 1;
}

/* One row of the slice recorded last. */
static void replay(struct hr_record *r, uint32_t cpus, struct hr_sampler *sampler)
{
	const struct hr_stints *s = &r->mem->stints[r->at ^ 1];
	const struct hr_replay_in in = {.burst = s->burst,
		.n = s->n,
		.length_ns = s->until - s->from,
		.hogs = s->hogs,
		.seed = r->seed};

	if (s->n > 0)
		hr_replay_row(&in, cpus, r->row, &r->mem->work, &r->out.sum);
	if (++r->row < HR_VQ_ROWS)
		return;
	hr_sampler_replay(sampler, &r->out);
	r->replaying = false;
	if (!r->armed)
		(void)madvise(r->mem, sizeof *r->mem, MADV_DONTNEED);
}

void hr_record_tick(struct hr_record *r, struct hr_bpf *b, uint64_t now_ns, uint32_t cpus,
	bool last, struct hr_sampler *sampler)
{
	/* Four rows take four ticks, a slice five: the one before is done when the next is full. */
	if (r->replaying)
		replay(r, cpus, sampler);
	while (last && r->replaying)
		replay(r, cpus, sampler);
	if (r->armed && !r->replaying)
		collect(r, b, now_ns, last, sampler);
	else if (r->armed)
		r->lost += hr_bpf_stints(b, add, &r->mem->stints[r->at]);
	if (!r->armed && !last && now_ns >= r->next_ns)
		arm(r, b, now_ns);
	while (last && r->replaying)
		replay(r, cpus, sampler);
}
