/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's fold and replay and the collector's model on simulated jobs; see product.h. */
#include "product.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/fold.h"
#include "agent/core/reach.h"
#include "agent/core/replay.h"
#include "collector/core/vm.h"
#include "envelope.h"
#include "feed.h"

#define WINDOW_S   PRODUCT_WINDOW_S
#define LONGEST_NS (60 * NS) /* no job of these loads takes longer */

/* What a run keeps from window to window. */
struct run {
	const struct product_opts *p;
	const struct feed *f;
	struct hr_fold fold;
	struct hr_reach_seen seen;
	struct hr_replay_work work;
	struct envelope envelope;
	struct hr_vm *vm;
};

static void base(struct hr_summary *s, unsigned cpus, uint64_t seq)
{
	memset(s, 0, sizeof(*s));
	s->seq_first = s->seq_last = seq;
	s->dur_ms = WINDOW_S * 1000;
	s->t_end_ms = 1790000000000ULL + (seq + 1) * s->dur_ms;
	s->epoch = 1;
	s->cpus = cpus;
	s->have = (1ULL << HR_SIG_N) - 1;
	s->ctr[HR_CTR_MEM_AVAILABLE_BYTES] = s->ctr[HR_CTR_MEM_FREE_BYTES] = 3ULL << 30;
	s->ctr[HR_CTR_MEM_ANON_BYTES] = 256ULL << 20;
	for (unsigned i = 0; i < WINDOW_S; i++) {
		(void)hr_hist_add(&s->dist[HR_DIST_SOFTIRQ_CPU], 2, 1);
		(void)hr_hist_add(&s->dist[HR_DIST_STEAL_1S], 0, 1);
	}
}

/* Slices from @from on: back to back, as `measure` records them; the service one a minute. */
static unsigned slices_in(const struct product_opts *p, unsigned window)
{
	if (!p->service)
		return WINDOW_S / FEED_SLICE_S;
	return window % 6 == window / 6 * 5 % 6;
}

static struct hr_burst burst[HR_BURSTS_MAX];

static void replay_window(struct run *r, struct hr_summary *s, uint64_t from, unsigned window)
{
	for (unsigned i = 0; i < slices_in(r->p, window); i++) {
		struct hr_replay_in in;
		uint64_t late =
			feed_slice(r->f, from + i * FEED_SLICE_S * NS, burst, &r->seen, &in);

		if (r->p->service)
			hr_reach_learn(&in, &r->work, &r->seen);
		s->ctr[HR_CTR_REPLAY_SLICE_N]++;
		s->ctr[HR_CTR_REPLAY_SLICE_MS] += in.length_ns / 1000000;
		s->ctr[HR_CTR_REPLAY_BURST_N] += in.n;
		s->ctr[HR_CTR_REPLAY_LATE_N] += late;
		s->ctr[HR_CTR_REPLAY_QUEUED_N] += in.n;
		for (unsigned row = 0; in.n && row < HR_VQ_ROWS; row++)
			hr_replay_row(&in, s->cpus, row, &r->work, &s->replay);
		s->ctr[HR_CTR_REPLAY_EVEN_MS] += in.n ? r->work.even_ns / 1000000 : 0;
		s->ctr[HR_CTR_REPLAY_MIXED_N] += in.n && r->work.mixed;
	}
}

/* `measure` has recorded all slices of a look before it replays one. */
static void learn(struct run *r, unsigned first, unsigned windows)
{
	struct hr_replay_in in;

	for (unsigned i = first * WINDOW_S / FEED_SLICE_S; i < windows * WINDOW_S / FEED_SLICE_S;
		i++) {
		(void)feed_slice(r->f, FEED_LEAD_NS + i * FEED_SLICE_S * NS, burst, &r->seen, &in);
		hr_reach_learn(&in, &r->work, &r->seen);
	}
}

static void counters(struct hr_summary *s, const struct feed *f, uint64_t from)
{
	uint64_t until = from + WINDOW_S * NS, back = from > LONGEST_NS ? from - LONGEST_NS : 0;
	const struct job *job = f->job;

	for (size_t i = feed_first(f, back); i < f->n && job[i].at_ns < until; i++) {
		uint64_t wait = job[i].end_ns - job[i].at_ns - job[i].took_ns;

		if (job[i].end_ns < from || job[i].end_ns >= until)
			continue;
		s->ctr[HR_CTR_BURST_N]++;
		s->ctr[HR_CTR_BURST_LATE_N] += wait > HR_STINTS_LATE_NS && wait > job[i].took_ns;
	}
	s->ctr[HR_CTR_STAT_USER_MS] = s->ctr[HR_CTR_ONCPU_NS] / 1000000;
	s->ctr[HR_CTR_STAT_IDLE_MS] = (uint64_t)s->cpus * s->dur_ms - s->ctr[HR_CTR_STAT_USER_MS];
}

static struct hr_vm *vm_of(const struct product_opts *p)
{
	struct hr_facts facts = {.epoch = 1, .name = "bench", .cpus_online = p->cpus};
	struct hr_model_conf conf;
	struct hr_vm *vm;

	hr_model_conf_default(&conf);
	conf.min_history_h = 0;
	if (!p->service)
		conf.minute_ms = 300000;
	conf.until_ms = p->go_on * WINDOW_S * 1000ULL;
	facts.cpus_possible = p->cpus;
	facts.threads_per_core = 1;
	facts.mem_total_bytes = 4ULL << 30;
	vm = hr_vm_new(&conf);
	if (!vm)
		abort();
	hr_vm_facts(vm, &facts, 1790000000000ULL);
	return vm;
}

/* Slots [@from, @until) of a window through an envelope, whose counts take the queue's place. */
static void through_envelope(struct run *r, uint64_t from, uint64_t until, struct hr_summary *s)
{
	for (uint64_t i = from; i < until; i++)
		envelope_slot(&r->envelope, (double)r->f->slot[i].charge_ns, r->f->slot[i].wakes);
	envelope_take(&r->envelope, r->p->envelope, s->vq_bad);
}

static void feed_window(struct run *r, unsigned w)
{
	static struct hr_take take;
	static struct hr_summary s;
	uint64_t lead = FEED_LEAD_NS / HR_SLOT_NS, per = WINDOW_S * NS / HR_SLOT_NS;
	uint64_t from = lead + w * per, until = lead + (w + 1) * per;

	until = until < r->f->n_slots ? until : r->f->n_slots;
	base(&s, r->p->cpus, w);
	for (uint64_t i = from; i < until;) {
		memset(&take, 0, sizeof(take));
		take.have = HR_SIG_BIT(HR_SIG_CPU_SLOTS) | HR_SIG_BIT(HR_SIG_RUNQ_WAIT) |
			    HR_SIG_BIT(HR_SIG_BURSTS);
		take.first_slot = i;
		while (take.n_slots < 119 && i < until)
			take.cpu_slot[take.n_slots++] = r->f->slot[i++];
		(void)hr_fold_take(&r->fold, &take, NULL, &s);
	}
	if (r->p->envelope)
		through_envelope(r, from, until, &s);
	counters(&s, r->f, FEED_LEAD_NS + w * WINDOW_S * NS);
	if (!r->p->stage1)
		replay_window(r, &s, FEED_LEAD_NS + w * WINDOW_S * NS, w);
	hr_vm_add(r->vm, &s);
}

/*
 * Feeds @windows windows of the jobs into a new VM and asks it; while the answer is unknown again
 * at each doubling, up to @go_on.  Returns the windows it took.
 */
static unsigned ask(struct run *r, unsigned windows, struct hr_answer *ret)
{
	unsigned w = 0, go_on = r->p->go_on;
	uint64_t at_ms;

	r->vm = vm_of(r->p);
	hr_fold_init(&r->fold, r->p->cpus, NULL, 0, 0);
	envelope_init(&r->envelope, r->p->cpus, (double)HR_SLOT_NS, HR_VQUEUE_X_NS);
	for (;;) {
		if (!r->p->service)
			learn(r, w, windows);
		for (; w < windows; w++)
			feed_window(r, w);
		at_ms = 1790000000000ULL + windows * WINDOW_S * 1000ULL;
		hr_vm_answer(r->vm, "bench", at_ms, ret);
		if (ret->kind != HR_ANSWER_UNKNOWN || windows >= go_on)
			break;
		windows = 2 * windows < go_on ? 2 * windows : go_on;
	}
	if (r->p->explain) {
		static char text[65536];

		(void)hr_vm_explain(r->vm, at_ms, text, sizeof(text));
		puts(text);
	}
	hr_vm_free(r->vm);
	return windows;
}

unsigned product_measure(const struct product_opts *p, const struct plan_opts *o, unsigned seconds,
	struct hr_answer *ret)
{
	unsigned most = p->go_on * WINDOW_S > seconds ? p->go_on * WINDOW_S : seconds;
	struct plan_opts mine = *o;
	struct run *r = calloc(1, sizeof(*r));
	struct feed f;
	size_t n;
	struct job *job;

	if (!r)
		abort();
	mine.for_s = most + 3;
	job = p->busy_hour ? plan_busy_hour(&mine, seconds / 2, &n) : plan_make(&mine, &n);
	f = feed_of(job, n, p->cpus, mine.for_s);
	*r = (struct run){.p = p, .f = &f};
	seconds = ask(r, seconds / WINDOW_S, ret) * WINDOW_S;
	feed_free(&f);
	free(r);
	return seconds;
}
