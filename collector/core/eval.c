/* SPDX-License-Identifier: Apache-2.0 */
/* All resources of a minute and their minimum. */
#include "collector/core/eval.h"

#include "collector/core/closed.h"
#include "collector/core/model_workers.h"

#include <stddef.h>
#include <string.h>

#define CLOSED_BUSY 0.9 /* share of slots with every vCPU busy: less than 10 % left to fill */
#define HOT_U_PM    900 /* "a thread on CPU + waiting > 90 %" (answer-model 3, hogs) */

static const struct hr_bounds *bounds_at(const struct hr_estimate *e, int z)
{
	return z < 0 ? &e->r.headroom : &e->at[z];
}

static void min_opt(struct hr_opt *into, const struct hr_opt *o)
{
	if (o->has && (!into->has || o->v < into->v))
		*into = *o;
}

/* Steal below its limit makes no claim by definition; the others owe one. */
static bool owes_claim(const struct hr_estimate *e)
{
	return !e->quiet && e->r.resource != HR_RES_STEAL && e->r.resource != HR_RES_SOFTIRQ;
}

struct hr_bounds hr_eval_min(const struct hr_eval *v, int z)
{
	struct hr_bounds k = {0};
	bool complete = true;

	for (uint8_t i = 0; i < v->n; i++) {
		const struct hr_bounds *b = bounds_at(&v->e[i], z);

		if (v->e[i].quiet)
			continue;
		min_opt(&k.at_least, &b->at_least);
		min_opt(&k.likely, &b->likely);
		min_opt(&k.at_most, &b->at_most);
		if (!b->at_least.has && owes_claim(&v->e[i]))
			complete = false;
	}
	if (!complete)
		k.at_least.has = false;
	/*
	 * Every VM has load on its CPUs: without a likely k of them there is none of the VM, unless
	 * something else is at its end by measurement (1 or less): no CPU makes up for that.
	 */
	if (v->n && !bounds_at(&v->e[0], z)->likely.has && k.likely.has && k.likely.v > 1)
		k.likely.has = false;
	k.capped = k.likely.has && k.likely.v >= HR_K_MAX;
	hr_bounds_tidy(&k);
	return k;
}

static bool better_bind(const struct hr_estimate *a, const struct hr_estimate *b, bool by_likely)
{
	const struct hr_opt *x = by_likely ? &a->r.headroom.likely : &a->r.headroom.at_least;
	const struct hr_opt *y = by_likely ? &b->r.headroom.likely : &b->r.headroom.at_least;

	if (!x->has || !y->has)
		return x->has;
	return x->v < y->v;
}

/*
 * What binds: a limit somebody set on the VM first (what it causes elsewhere is
 * not the VM's), then the smallest known k if that is below the target, else
 * the smallest lower bound: a known shortage outranks an unknown limit.
 */
static int8_t find_bind(const struct hr_eval *v, double target)
{
	bool known = v->k.likely.has && v->k.likely.v < target;
	int8_t best = -1;

	for (int8_t i = 0; i < v->n; i++) {
		const struct hr_estimate *e = &v->e[i];

		if (e->quiet || !e->r.headroom.has)
			continue;
		if (e->local)
			return i;
		if (best < 0 || better_bind(e, &v->e[best], known))
			best = i;
	}
	return best;
}

/* What a size does to that which binds is not known: then the others' k there is not the VM's. */
static void open_gains(struct hr_eval *v)
{
	const struct hr_estimate *b = v->bind >= 0 ? &v->e[v->bind] : NULL;

	for (int z = 0; b && z < HR_SIZE_N; z++)
		if (b->r.headroom.likely.has && !b->at[z].likely.has)
			v->at[z].likely.has = v->at[z].capped = false;
}

static void add_devices(const struct hr_ctx *x, struct hr_eval *v)
{
	for (uint8_t d = 0; d < x->m->n_dev && v->n < HR_ANS_RES_MAX; d++) {
		const struct hr_minute_dev *md = &x->m->dev[d];
		uint8_t kind =
			x->facts && d < x->facts->n_dev ? x->facts->dev[d].kind : HR_DEV_NONE;

		if (!md->seen)
			continue;
		if (kind == HR_DEV_NONE)
			kind = md->have & (HR_SIG_BIT(HR_SIG_NET_STAT) | HR_SIG_BIT(HR_SIG_NET_IO))
				       ? HR_DEV_NIC
				       : HR_DEV_DISK;
		if (kind == HR_DEV_DISK)
			hr_model_disk(x, d, &v->e[v->n++]);
		else
			hr_model_network(x, d, &v->e[v->n++]);
	}
}

static double busy_of(const struct hr_minute *m)
{
	return (double)m->ctr[HR_CTR_ONCPU_NS] / 1e9 / hr_minute_s(m);
}

static double runnable_of(const struct hr_minute *m)
{
	return busy_of(m) + (double)m->ctr[HR_CTR_WAIT_NS] / 1e9 / hr_minute_s(m);
}

/* The most that were there at once, but for one slot of a hundred. */
static double tasks_of(const struct hr_minute *m)
{
	return (double)m->dist[HR_DIST_RUNNABLE].p99_hi / 1e3;
}

/*
 * Where a vCPU stands idle now and then, load is what came, and more of it would fit on more vCPUs.
 * Where none ever does, nobody knows what would come.
 */
static struct hr_opt closed_of(const struct hr_minute *m)
{
	if (!hr_minute_has(m, HR_SIG_RUNQ_WAIT) || !hr_minute_has(m, HR_SIG_CPU_SLOTS) ||
		!(hr_minute_s(m) > 0) ||
		(double)m->ctr[HR_CTR_BUSY_ALL_N] < CLOSED_BUSY * (double)m->ctr[HR_CTR_SLOT_N])
		return (struct hr_opt){0};
	return hr_opt_of(hr_closed_gain(m->cpus, busy_of(m), runnable_of(m), tasks_of(m)));
}

void hr_eval_minute(const struct hr_ctx *x, struct hr_eval *ret)
{
	struct hr_eval *v = ret;
	const struct hr_minute *m = x->m;

	memset(v, 0, offsetof(struct hr_eval, e));
	hr_model_cpu(x, &v->e[0], &v->e[1]);
	hr_model_serial(x, &v->e[2]);
	hr_model_workers(x, &v->e[0], &v->e[2]);
	hr_model_memory(x, &v->e[3]);
	hr_model_softirq(x, &v->e[4]);
	v->n = 5;
	add_devices(x, v);
	v->k = hr_eval_min(v, -1);
	for (int z = 0; z < HR_SIZE_N; z++)
		v->at[z] = hr_eval_min(v, z);
	v->bind = find_bind(v, x->conf->k_target);
	open_gains(v);
	v->lacking = -1;
	for (int i = 0; i < v->n; i++) {
		if (!owes_claim(&v->e[i]) || v->e[i].r.headroom.at_least.has)
			continue;
		v->lacking = v->lacking < 0 ? (int8_t)i : v->lacking;
		v->memory_lacks |= v->e[i].r.resource == HR_RES_MEMORY;
	}
	v->frozen = hr_frozen_gain(m);
	v->closed = closed_of(m);
	if (hr_minute_has(m, HR_SIG_BURSTS) && m->ctr[HR_CTR_ONCPU_NS])
		v->hog_share = (double)m->ctr[HR_CTR_HOG_NS] / (double)m->ctr[HR_CTR_ONCPU_NS];
	for (uint8_t i = 0; i < m->n_use; i++)
		v->hot_thread |= m->use[i].u_max_pm > HOT_U_PM;
	if (v->frozen.has)
		hr_trace_say(x->t,
			"more vCPUs, closed load: gain at most %.3f  (running + waiting, cut at 2c "
			"over cut at c)",
			v->frozen.v);
	if (v->closed.has)
		hr_trace_say(x->t,
			"  every vCPU is busy: what is asked for waits for what is done; %.3f "
			"busy, "
			"%.3f runnable on average, %.1f at once: twice the vCPUs give these %.3f",
			busy_of(m), runnable_of(m), tasks_of(m), v->closed.v);
}
