// SPDX-License-Identifier: Apache-2.0
/* Windows -> steps.  A window counts in the step in which it ended. */
#include "collector/core/history.h"

#include <string.h>

static const struct {
	enum hr_resource resource;
	enum hr_unit unit;
	const char *what, *over;
	double scale; /* of the distribution's values */
} about[HR_HISTORY_N] = {
	[HR_HISTORY_CPU] = {HR_RES_CPU, HR_UNIT_CORES, "demand", "1 s", 1e-3},
	[HR_HISTORY_MEMORY] = {HR_RES_MEMORY, HR_UNIT_BYTES, "available", NULL, 0},
	[HR_HISTORY_DISK] = {HR_RES_DISK, HR_UNIT_IOPS, "demand", "100 ms, busiest device", 10},
	[HR_HISTORY_NETWORK] = {HR_RES_NETWORK, HR_UNIT_BYTES_PER_S, "demand",
		"100 ms, busiest device", 10 * 1024.0},
};

enum hr_resource hr_history_resource(enum hr_history_series s)
{
	return about[s].resource;
}

enum hr_unit hr_history_unit(enum hr_history_series s)
{
	return about[s].unit;
}

const char *hr_history_what(enum hr_history_series s)
{
	return about[s].what;
}

const char *hr_history_over(enum hr_history_series s)
{
	return about[s].over;
}

static void amount(struct hr_history_cell *c, double v, uint32_t ms)
{
	c->sum += v;
	c->ms += ms;
}

static void add_cpu(struct hr_history_cell *c, const struct hr_summary *s)
{
	if (hr_has(s, HR_SIG_CPU_SLOTS))
		amount(c, (double)s->ctr[HR_CTR_ONCPU_NS] / 1e6, s->dur_ms);
	else if (hr_has(s, HR_SIG_CPU_STAT)) /* the file knows it too, coarser */
		amount(c,
			(double)(s->ctr[HR_CTR_STAT_USER_MS] + s->ctr[HR_CTR_STAT_SYSTEM_MS] +
				 s->ctr[HR_CTR_STAT_IRQ_MS]),
			s->dur_ms);
}

static void add_memory(struct hr_history_cell *c, const struct hr_summary *s)
{
	double v = (double)s->ctr[HR_CTR_MEM_AVAILABLE_BYTES];

	if (!hr_has(s, HR_SIG_MEMINFO))
		return;
	c->sum = c->ms == 0 || v < c->sum ? v : c->sum;
	c->ms += s->dur_ms;
}

/* Devices of the other kind lack the signal: they are no part of the sum. */
static void add_devices(struct hr_history_cell *c, const struct hr_summary *s, enum hr_signal sig,
	enum hr_dctr a, enum hr_dctr b)
{
	double sum = 0;

	if (!hr_has(s, sig))
		return;
	for (unsigned i = 0; i < s->n_dev; i++) {
		if (s->dev[i].have & HR_SIG_BIT(sig))
			sum += (double)s->dev[i].ctr[a] + (double)s->dev[i].ctr[b];
	}
	amount(c, sum * 1000, s->dur_ms); /* per ms -> per s at the end */
}

static void more(struct hr_opt *into, double v)
{
	if (!into->has || v > into->v)
		*into = (struct hr_opt){.has = true, .v = v};
}

/* p99 and max of @hist, when they are the largest so far. */
static void lift(struct hr_history_cell *c, enum hr_history_series s, const struct hr_hist *hist)
{
	struct hr_quantile q;

	if (!hr_hist_quantile(hist, 0.99, &q))
		return;
	more(&c->p99, q.hi * about[s].scale);
	more(&c->max, hist->max * about[s].scale);
}

/* Into the distributions of the step in work. */
static void pool(struct hr_history *h, const struct hr_summary *s)
{
	(void)hr_hist_merge(&h->cpu, &s->dist[HR_DIST_BUSY_1S]);
	for (unsigned i = 0; i < s->n_dev; i++) {
		const struct hr_dev_summary *d = &s->dev[i];
		const struct hr_hist *rx = &d->dist[HR_DDIST_RX_KIB_100MS];
		const struct hr_hist *tx = &d->dist[HR_DDIST_TX_KIB_100MS];

		if (d->dev >= HR_DEVS_MAX)
			continue;
		(void)hr_hist_merge(&h->disk[d->dev], &d->dist[HR_DDIST_OPS_100MS]);
		(void)hr_hist_merge(&h->net[d->dev], tx->sum > rx->sum ? tx : rx);
	}
}

void hr_history_end(struct hr_history *h)
{
	if (h->at >= h->n)
		return;
	lift(&h->cell[h->at][HR_HISTORY_CPU], HR_HISTORY_CPU, &h->cpu);
	for (unsigned d = 0; d < HR_DEVS_MAX; d++) {
		lift(&h->cell[h->at][HR_HISTORY_DISK], HR_HISTORY_DISK, &h->disk[d]);
		lift(&h->cell[h->at][HR_HISTORY_NETWORK], HR_HISTORY_NETWORK, &h->net[d]);
	}
	memset(&h->cpu, 0, sizeof(h->cpu));
	memset(h->disk, 0, sizeof(h->disk));
	memset(h->net, 0, sizeof(h->net));
}

void hr_history_add(struct hr_history *h, const struct hr_summary *s, uint64_t end_ms)
{
	struct hr_history_cell *c;
	uint64_t i;

	/* (from, to]: a window that ends on a step's edge belongs to the step before it */
	if (end_ms <= h->from_ms)
		return;
	i = (end_ms - h->from_ms - 1) / h->step_ms;
	if (i >= h->n)
		return;
	c = h->cell[i];
	add_cpu(&c[HR_HISTORY_CPU], s);
	add_memory(&c[HR_HISTORY_MEMORY], s);
	add_devices(&c[HR_HISTORY_DISK], s, HR_SIG_DISK_STAT, HR_DCTR_RD_N, HR_DCTR_WR_N);
	add_devices(&c[HR_HISTORY_NETWORK], s, HR_SIG_NET_STAT, HR_DCTR_RX_BYTES, HR_DCTR_TX_BYTES);
	if (i != h->at) {
		hr_history_end(h);
		h->at = i;
	}
	pool(h, s);
}

struct hr_opt hr_history_value(const struct hr_history *h, size_t i, enum hr_history_series s)
{
	const struct hr_history_cell *c = &h->cell[i][s];

	if (c->ms == 0)
		return (struct hr_opt){0};
	return (struct hr_opt){
		.has = true, .v = s == HR_HISTORY_MEMORY ? c->sum : c->sum / (double)c->ms};
}
