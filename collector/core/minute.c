/* SPDX-License-Identifier: Apache-2.0 */
/* Windows -> the evidence of a minute. */
#include "collector/core/minute.h"
#include "collector/core/limit.h"

#include <string.h>

#define WAIT_TRUST 4 /* times its own CPU time: four threads to a CPU, where the CPU binds */

void hr_minute_reset(struct hr_minute *m)
{
	struct hr_minute_dev *dev = m->dev;
	uint8_t cap = m->dev_cap;

	memset(m, 0, sizeof(*m));
	m->dev = dev;
	m->dev_cap = cap;
	if (dev)
		memset(dev, 0, cap * sizeof(*dev));
}

bool hr_minute_fits(const struct hr_minute *m, const struct hr_summary *s)
{
	return m->windows == 0 || (m->epoch == s->epoch && m->cpus == s->cpus);
}

static uint64_t add_sat(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static inline uint64_t merge_ctr(enum hr_ctr_kind kind, uint64_t old, uint64_t next, bool later)
{
	switch (kind) {
	case HR_KIND_M:
		return next > old ? next : old;
	case HR_KIND_L:
		return next < old ? next : old;
	case HR_KIND_G:
		return later ? next : old;
	case HR_KIND_S:
	default:
		return add_sat(old, next);
	}
}

/* One by one, so that a compiler knows the rule of each. */
#define MERGE(id, sig, kind, unit)                                                                 \
	to[CTR_ID(id)] = merge_ctr(HR_KIND_##kind, to[CTR_ID(id)], next[CTR_ID(id)], later);
#define CTR_ID(id) HR_CTR_##id
static void merge_ctrs(uint64_t to[HR_CTR_N], const uint64_t next[HR_CTR_N], bool later)
{
	HR_CTRS(MERGE)
}
#undef CTR_ID
#define CTR_ID(id) HR_DCTR_##id
static void merge_dctrs(uint64_t to[HR_DCTR_N], const uint64_t next[HR_DCTR_N], bool later)
{
	HR_DCTRS(MERGE)
}

static void add_spread(struct hr_spread *sp, const struct hr_hist *h, bool rest)
{
	struct hr_quantile q;

	if (!hr_hist_quantile(h, 0.99, &q))
		return;
	if (q.hi > sp->p99_hi && !(rest && sp->total > 0)) {
		sp->p99_hi = q.hi;
		sp->p99_lo = q.lo;
	}
	if (h->max > sp->max)
		sp->max = h->max;
	sp->total = add_sat(sp->total, h->total);
	sp->sum = add_sat(sp->sum, h->sum);
}

static uint16_t share_pm(uint64_t ms, uint32_t dur_ms)
{
	uint64_t pm = dur_ms ? ms * 1000 / dur_ms : 0;

	return pm > 2000 ? 2000 : (uint16_t)pm;
}

static uint64_t use_ms(const struct hr_use *u)
{
	return (uint64_t)u->oncpu_ms + u->wait_ms;
}

/* The entry of this thread, or a free one, or the coolest if that is cooler than the newcomer. */
static struct hr_use *use_slot(struct hr_minute *m, const struct hr_top *t)
{
	struct hr_use *coolest = NULL;

	for (uint8_t i = 0; i < m->n_use; i++) {
		struct hr_use *u = &m->use[i];

		if (u->tid == t->tid && u->pid == t->pid)
			return u;
		if (!coolest || use_ms(u) < use_ms(coolest))
			coolest = u;
	}
	if (m->n_use < HR_USES_MAX)
		coolest = &m->use[m->n_use++];
	else if (use_ms(coolest) >= (uint64_t)t->oncpu_ms + t->wait_ms)
		return NULL;
	*coolest = (struct hr_use){.pid = t->pid, .tid = t->tid};
	return coolest;
}

static uint32_t add_sat32(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static void add_top(struct hr_minute *m, const struct hr_top *t, uint32_t dur_ms)
{
	/*
	 * A wait that dwarfs the thread's own work is no sign that the thread is the limit: where
	 * CPUs are that short the CPU binds, and some kernels take part of a sleep for a wait.
	 */
	uint32_t wait_ms =
		t->wait_ms / WAIT_TRUST > t->oncpu_ms ? WAIT_TRUST * t->oncpu_ms : t->wait_ms;
	struct hr_use *u = use_slot(m, t);
	uint16_t pm;

	if (!u)
		return;
	memcpy(u->comm, t->comm, sizeof(u->comm));
	memcpy(u->process, t->process, sizeof(u->process));
	u->comm[HR_COMM_LEN - 1] = u->process[HR_COMM_LEN - 1] = '\0';
	u->oncpu_ms += t->oncpu_ms;
	u->wait_ms += wait_ms;
	u->process_oncpu_ms += t->process_oncpu_ms;
	u->seen_ms += dur_ms;
	u->reads = add_sat32(u->reads, t->reads);
	u->reads_late = add_sat32(u->reads_late, t->reads_late);
	u->reads_busy += (uint64_t)t->reads * share_pm((uint64_t)t->oncpu_ms + wait_ms, dur_ms);
	u->reads_oncpu += (uint64_t)t->reads * share_pm(t->oncpu_ms, dur_ms);
	if (t->peers > u->peers)
		u->peers = t->peers;
	if (dur_ms < HR_REST_MS)
		return;
	pm = share_pm((uint64_t)t->oncpu_ms + wait_ms, dur_ms);
	if (pm > u->u_max_pm)
		u->u_max_pm = pm;
	pm = share_pm(t->oncpu_ms, dur_ms);
	if (pm > u->o_max_pm)
		u->o_max_pm = pm;
}

static uint64_t group_ms(const struct hr_top_group *g)
{
	return (uint64_t)g->oncpu_ms + g->wait_ms;
}

/* By name, and as use_slot() where there are more than places. */
static void add_group(struct hr_minute *m, const struct hr_top_group *g)
{
	struct hr_top_group *at = NULL;

	for (uint8_t i = 0; i < m->n_group; i++) {
		struct hr_top_group *x = &m->group[i];

		if (strcmp(x->name, g->name) == 0) {
			x->oncpu_ms = add_sat32(x->oncpu_ms, g->oncpu_ms);
			x->wait_ms = add_sat32(x->wait_ms, g->wait_ms);
			return;
		}
		if (!at || group_ms(x) < group_ms(at))
			at = x;
	}
	if (m->n_group < HR_GROUP_MAX)
		at = &m->group[m->n_group++];
	else if (group_ms(at) >= group_ms(g))
		return;
	*at = *g;
}

/* Tolerated latency (answer-model 2): max(5 l0, l0 + 10 ms). */
static uint64_t lat_limit_us(uint64_t l0_us)
{
	return 5 * l0_us > l0_us + 10000 ? 5 * l0_us : l0_us + 10000;
}

static void add_late(struct hr_minute_dev *md, const struct hr_dev_summary *d)
{
	for (unsigned w = 0; w < 2; w++) {
		const struct hr_hist *h = &d->dist[HR_DDIST_RD_LAT + w];
		uint64_t l0 = d->ctr[HR_DCTR_L0_RD_US + w];

		md->very_late += hr_hist_above(h, HR_DISK_SLOW_US);
		if (l0 == 0 || l0 > UINT32_MAX / 8)
			continue;
		md->late[w] += hr_hist_above(h, (uint32_t)lat_limit_us(l0));
		md->judged[w] += h->total;
	}
}

/* The median lies within a tenth (and one bucket) of the P99: the device gave the same all the
 * time. */
static void add_rates(
	struct hr_minute_dev *md, const struct hr_dev_summary *d, bool shaped, uint32_t dur_ms)
{
	const struct hr_hist *rx = &d->dist[HR_DDIST_RX_KIB_100MS];
	const struct hr_hist *tx = &d->dist[HR_DDIST_TX_KIB_100MS];
	double t = (double)dur_ms / 1e3, ops, kib;

	if (dur_ms < HR_REST_MS)
		return;
	ops = (double)d->dist[HR_DDIST_OPS_100MS].sum / t;
	kib = (double)d->dist[HR_DDIST_KIB_100MS].sum / t;
	kib = (double)rx->sum / t > kib ? (double)rx->sum / t : kib;
	kib = (double)tx->sum / t > kib ? (double)tx->sum / t : kib;
	md->rate_ops = ops > md->rate_ops ? ops : md->rate_ops;
	md->rate_kib = kib > md->rate_kib ? kib : md->rate_kib;
	if (hr_rate_flat(&d->dist[HR_DDIST_OPS_100MS]) ||
		hr_rate_flat(&d->dist[HR_DDIST_KIB_100MS]) || (shaped && hr_rate_flat(tx)))
		md->flat_ms += dur_ms;
}

static void add_dev(struct hr_minute *m, const struct hr_dev_summary *d, bool later, bool shaped,
	uint32_t dur_ms)
{
	struct hr_minute_dev *md;

	if (d->dev >= m->dev_cap)
		return;
	md = &m->dev[d->dev];
	if (d->dev >= m->n_dev)
		m->n_dev = (uint8_t)(d->dev + 1);
	md->have = md->seen ? md->have & d->have : d->have;
	if (md->seen)
		merge_dctrs(md->ctr, d->ctr, later);
	else
		memcpy(md->ctr, d->ctr, sizeof(md->ctr));
	for (unsigned i = 0; i < HR_DDIST_N; i++)
		add_spread(&md->dist[i], &d->dist[i], dur_ms < HR_REST_MS);
	add_late(md, d);
	add_rates(md, d, shaped, dur_ms);
	md->seen = true;
}

static void add_replay(struct hr_replay_sum *to, const struct hr_replay_sum *s)
{
	for (unsigned i = 0; i < HR_VQ_ROWS; i++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++) {
			to->late[i][g] = add_sat32(to->late[i][g], s->late[i][g]);
			to->tot[i][g] = add_sat32(to->tot[i][g], s->tot[i][g]);
		}
	for (unsigned z = 0; z < HR_VQ_SIZES; z++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++)
			to->queued[z][g] = add_sat32(to->queued[z][g], s->queued[z][g]);
}

void hr_minute_add(struct hr_minute *m, const struct hr_summary *s)
{
	uint64_t from = s->t_end_ms > s->dur_ms ? s->t_end_ms - s->dur_ms : 0;
	bool first = m->windows == 0, later = s->t_end_ms >= m->to_ms;

	m->windows++;
	m->epoch = s->epoch;
	m->cpus = s->cpus;
	m->have = first ? s->have : m->have & s->have;
	m->from_ms = first || from < m->from_ms ? from : m->from_ms;
	m->to_ms = later ? s->t_end_ms : m->to_ms;
	m->covered_ms += s->dur_ms;
	m->lost += s->lost;
	if (first)
		memcpy(m->ctr, s->ctr, sizeof(m->ctr));
	else
		merge_ctrs(m->ctr, s->ctr, later);
	for (unsigned z = 0; z < HR_VQ_ROWS; z++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++)
			m->vq_bad[z][g] += s->vq_bad[z][g];
	add_replay(&m->replay, &s->replay);
	for (unsigned i = 0; i < HR_DIST_N; i++)
		add_spread(&m->dist[i], &s->dist[i], s->dur_ms < HR_REST_MS);
	for (uint8_t i = 0; i < s->n_top && i < HR_TOP_MAX; i++)
		add_top(m, &s->top[i], s->dur_ms);
	for (uint8_t i = 0; i < s->n_group && i < HR_GROUP_MAX; i++)
		add_group(m, &s->group[i]);
	for (uint8_t i = 0; i < s->n_dev && i < HR_DEVS_MAX; i++)
		add_dev(m, &s->dev[i], later, hr_rtt_inflated(s), s->dur_ms);
}
