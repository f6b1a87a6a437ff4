/* SPDX-License-Identifier: Apache-2.0 */
/* Windows -> minutes -> the model's judgement of each; see past.h. */
#include "collector/core/past.h"

#include <string.h>

#include "collector/core/vm_state.h"

#define MINUTE_MS     60000
#define SERIAL_GAP_MS 120000 /* a hot thread not seen for two minutes starts anew */

void hr_serial_follow(struct hr_serial_watch *w, const struct hr_minute *m)
{
	int i = hr_serial_candidate(m);

	if (i < 0)
		return;
	if (w->tid != m->use[i].tid || w->pid != m->use[i].pid ||
		m->from_ms > w->last_ms + SERIAL_GAP_MS) {
		w->pid = m->use[i].pid;
		w->tid = m->use[i].tid;
		w->since_ms = m->from_ms;
	}
	if (m->to_ms > w->last_ms)
		w->last_ms = m->to_ms;
}

void hr_past_init(struct hr_past *p)
{
	p->minute.dev = p->dev;
	p->minute.dev_cap = HR_DEVS_MAX;
	p->has_growth = hr_vm_growth_of(p->vm, &p->growth);
}

static void least(struct hr_opt *into, const struct hr_opt *o)
{
	if (o->has && (!into->has || o->v < into->v))
		*into = *o;
}

/* What is tighter: a smaller lower bound; without one on both sides, a smaller likely k. */
static bool tighter(const struct hr_bounds *a, const struct hr_bounds *b)
{
	if (a->at_least.has && b->at_least.has)
		return a->at_least.v < b->at_least.v;
	if (a->at_least.has != b->at_least.has)
		return a->at_least.has;
	return a->likely.has && (!b->likely.has || a->likely.v < b->likely.v);
}

static void judge(struct hr_past *p, struct hr_eval *ret)
{
	const struct hr_vm *vm = p->vm;
	struct hr_ctx x = {.m = &p->minute,
		.conf = &vm->conf,
		.peak_anon_bytes = vm->peak_anon_bytes,
		.growth = p->has_growth ? &p->growth : NULL,
		.bare = true};

	/* Device numbers of another epoch are other devices: then neither names nor limits fit. */
	if (vm->has_facts && vm->facts.epoch == p->minute.epoch) {
		x.facts = &vm->facts;
		x.limit = vm->limit;
	}
	hr_serial_follow(&p->serial, &p->minute);
	x.serial_since_ms = p->serial.since_ms;
	hr_eval_minute(&x, ret);
}

void hr_past_end(struct hr_past *p)
{
	uint64_t i = (p->minute.to_ms - p->from_ms - 1) / p->step_ms;
	struct hr_eval v;

	if (p->minute.windows == 0 || p->minute.to_ms <= p->from_ms || i >= p->n)
		return;
	judge(p, &v);
	least(&p->step[i].at_least, &v.k.at_least);
	least(&p->step[i].likely, &v.k.likely);
	if (!v.k.has || (p->tight.to_ms && !tighter(&v.k, &p->tight.headroom)))
		return;
	p->tight = p->open;
	p->tight.from_ms = p->minute.from_ms;
	p->tight.to_ms = p->minute.to_ms;
	p->tight.have = p->minute.have;
	p->tight.cpus = p->minute.cpus;
	p->tight.headroom = v.k;
	if (v.bind >= 0) {
		p->tight.binding = v.e[v.bind].r.resource;
		memcpy(p->tight.device, v.e[v.bind].r.device, sizeof(p->tight.device));
	}
}

static void add_bursts(struct hr_past_bursts *b, const struct hr_summary *s)
{
	b->slot_n += s->ctr[HR_CTR_SLOT_N];
	b->busy_n += s->ctr[HR_CTR_BUSY_ALL_N];
	(void)hr_hist_merge(&b->busy, &s->dist[HR_DIST_BUSY]);
	(void)hr_hist_merge(&b->busy_1s, &s->dist[HR_DIST_BUSY_1S]);
	(void)hr_hist_merge(&b->runnable, &s->dist[HR_DIST_RUNNABLE]);
	(void)hr_hist_merge(&b->burst_cpu, &s->dist[HR_DIST_BURST_CPU]);
	(void)hr_hist_merge(&b->burst_wait, &s->dist[HR_DIST_BURST_WAIT]);
}

void hr_past_add(struct hr_past *p, const struct hr_summary *s)
{
	/* minutes begin where the model's did */
	uint64_t shift = MINUTE_MS - p->vm->origin_ms % MINUTE_MS;
	uint64_t no = (s->t_end_ms - s->dur_ms / 2 + shift) / MINUTE_MS;

	if (s->dur_ms == 0 || s->t_end_ms < s->dur_ms)
		return;
	if (p->minute.windows && (no != p->minute_no || !hr_minute_fits(&p->minute, s))) {
		hr_past_end(p);
		hr_minute_reset(&p->minute);
		memset(&p->open, 0, sizeof(p->open));
	}
	p->minute_no = no;
	hr_minute_add(&p->minute, s);
	add_bursts(&p->open, s);
}
