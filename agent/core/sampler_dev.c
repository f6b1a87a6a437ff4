/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Per-device totals of a tick, and what is read once a window: cgroups, qdiscs,
 * threads.  A device is matched by name within its kind; its number is its place in
 * hr_facts.dev.
 */
#include <string.h>

#include "agent/core/sampler.h"
#include "proto/units.h"

static int dev_of(const struct hr_sampler *s, uint8_t kind, const char *name)
{
	for (uint8_t i = 0; i < s->conf.n_dev; i++)
		if (s->conf.dev_kind[i] == kind && strcmp(s->conf.dev_name[i], name) == 0)
			return i;
	return -1;
}

/* @n totals of a device in the order of @ctr; all must have grown for @sig to be measured. */
static void dev_totals(struct hr_sampler *s, int dev, enum hr_signal sig, const uint64_t *v,
	const uint16_t *ctr, unsigned n)
{
	uint64_t d[HR_SAMPLER_DEV_TOTALS];
	bool ok = true;

	for (unsigned i = 0; i < n; i++)
		d[i] = hr_counter_grow(&s->dev_total[dev][i], true, v[i], &ok);
	if (!ok)
		return;
	for (unsigned i = 0; i < n; i++)
		s->sum[s->open].dev[dev].ctr[ctr[i]] += d[i];
	s->tick_dev[dev] |= HR_SIG_BIT(sig);
}

/* Rows not seen this tick lose their base; true when the text was whole. */
static bool disk_rows(struct hr_sampler *s, const struct hr_raw *raw, uint32_t *seen)
{
	static const uint16_t ctr[] = {HR_DCTR_RD_N, HR_DCTR_WR_N, HR_DCTR_RD_BYTES,
		HR_DCTR_WR_BYTES, HR_DCTR_DISCARD_N, HR_DCTR_FLUSH_N};
	const struct hr_text *t = &raw->file[HR_FILE_DISKSTATS];
	struct hr_procfs_rows rows;
	struct hr_procfs_disk d;
	int r;

	if (!t->p || t->len < 0)
		return false;
	rows = hr_procfs_rows(t->p, (size_t)t->len);
	while ((r = hr_procfs_diskstats_next(&rows, &d)) > 0) {
		const uint64_t v[] = {d.rd_n, d.wr_n, d.rd_sectors * 512, d.wr_sectors * 512,
			d.discard_n, d.flush_n};
		int i = dev_of(s, HR_DEV_DISK, d.name);

		if (i < 0)
			continue;
		if (*seen & 1u << i)
			return false;
		*seen |= 1u << i;
		dev_totals(s, i, HR_SIG_DISK_STAT, v, ctr, sizeof(ctr) / sizeof(ctr[0]));
	}
	return r == 0;
}

#define NIC_TX_BYTES 1 /* place among the totals of a NIC */

static bool net_rows(struct hr_sampler *s, const struct hr_raw *raw, uint32_t *seen, bool *ret_lo)
{
	static const uint16_t ctr[] = {HR_DCTR_RX_BYTES, HR_DCTR_TX_BYTES, HR_DCTR_RX_PACKETS,
		HR_DCTR_TX_PACKETS, HR_DCTR_RX_DROP_N, HR_DCTR_TX_DROP_N, HR_DCTR_RX_ERROR_N,
		HR_DCTR_TX_ERROR_N};
	const struct hr_text *t = &raw->file[HR_FILE_NET_DEV];
	struct hr_procfs_rows rows;
	struct hr_procfs_netdev d;
	int r;

	if (!t->p || t->len < 0)
		return false;
	rows = hr_procfs_rows(t->p, (size_t)t->len);
	while ((r = hr_procfs_netdev_next(&rows, &d)) > 0) {
		const uint64_t v[] = {d.rx_bytes, d.tx_bytes, d.rx_packets, d.tx_packets,
			d.rx_drops, d.tx_drops, d.rx_errors, d.tx_errors};
		int i = dev_of(s, HR_DEV_NIC, d.name);

		if (strcmp(d.name, "lo") == 0) {
			bool ok = true;
			uint64_t n = hr_counter_grow(
				&s->total[HR_TOTAL_LOCAL_BYTES], true, d.rx_bytes, &ok);

			s->sum[s->open].ctr[HR_CTR_LOCAL_BYTES] += ok ? n : 0;
			*ret_lo = ok;
		}
		if (i < 0)
			continue;
		if (*seen & 1u << i)
			return false;
		*seen |= 1u << i;
		dev_totals(s, i, HR_SIG_NET_STAT, v, ctr, sizeof(ctr) / sizeof(ctr[0]));
	}
	return r == 0;
}

/*
 * A plateau is a median of the 100 ms rates that lies near their P99, and a rate below 1 KiB counts
 * as 0: at least half of them are 1 KiB, which is 5 KiB/s.
 */
#define QUIET_BYTES_PER_S 4096

bool hr_sampler_quiet(const struct hr_sampler *s, const struct hr_raw *raw)
{
	const struct hr_text *t = &raw->file[HR_FILE_NET_DEV];
	struct hr_procfs_rows rows;
	struct hr_procfs_netdev d;
	uint64_t sent = 0;
	int r;

	if (raw->brief || !t->p || t->len < 0)
		return false;
	rows = hr_procfs_rows(t->p, (size_t)t->len);
	while ((r = hr_procfs_netdev_next(&rows, &d)) > 0) {
		int i = dev_of(s, HR_DEV_NIC, d.name);
		const struct hr_counter *c = i < 0 ? NULL : &s->dev_total[i][NIC_TX_BYTES];

		if (c && (!c->seen || d.tx_bytes < c->last))
			return false;
		sent += c ? d.tx_bytes - c->last : 0;
	}
	return r == 0 &&
	       sent < hr_ns_to_ms(raw->mono_ns - s->start_mono_ns) * QUIET_BYTES_PER_S / 1000;
}

/* A text that broke off in the middle proves nothing about the devices before the break. */
static void withdraw(struct hr_sampler *s, enum hr_signal sig)
{
	for (uint8_t i = 0; i < s->conf.n_dev; i++)
		s->tick_dev[i] &= ~HR_SIG_BIT(sig);
}

uint64_t hr_sampler_devices(struct hr_sampler *s, const struct hr_raw *raw)
{
	uint32_t seen = 0;
	bool lo = false, disks = disk_rows(s, raw, &seen);
	bool nics = net_rows(s, raw, &seen, &lo);

	if (!disks)
		withdraw(s, HR_SIG_DISK_STAT);
	if (!nics)
		withdraw(s, HR_SIG_NET_STAT);
	for (uint8_t i = 0; i < s->conf.n_dev; i++)
		if (!(seen & 1u << i))
			for (unsigned k = 0; k < HR_SAMPLER_DEV_TOTALS; k++)
				s->dev_total[i][k].seen = false;
	if (!lo && !nics)
		s->total[HR_TOTAL_LOCAL_BYTES].seen = false;
	return (disks ? HR_SIG_BIT(HR_SIG_DISK_STAT) : 0) |
	       (nics ? HR_SIG_BIT(HR_SIG_NET_STAT) : 0) | (lo ? HR_SIG_BIT(HR_SIG_NET_LOCAL) : 0);
}

/* ---- once a window ---- */

static void cgroup(struct hr_sampler *s, const struct hr_cgroup_raw *g)
{
	bool quota = g->have & HR_SIG_BIT(HR_SIG_CPU_QUOTA),
	     mem = g->have & HR_SIG_BIT(HR_SIG_MEMCG);
	struct hr_summary *sum = &s->sum[s->open];
	bool quota_ok = true, mem_ok = true;
	uint64_t n =
		hr_counter_grow(&s->total[HR_TOTAL_THROTTLED_N], quota, g->throttled_n, &quota_ok);
	uint64_t us = hr_counter_grow(
		&s->total[HR_TOTAL_THROTTLED_US], quota, g->throttled_us, &quota_ok);
	uint64_t max = hr_counter_grow(&s->total[HR_TOTAL_MEMCG_MAX], mem, g->mem_max_n, &mem_ok);
	uint64_t oom = hr_counter_grow(&s->total[HR_TOTAL_MEMCG_OOM], mem, g->mem_oom_n, &mem_ok);

	if (quota_ok) {
		sum->ctr[HR_CTR_QUOTA_THROTTLED_N] += n;
		sum->ctr[HR_CTR_QUOTA_THROTTLED_US] += us;
		sum->ctr[HR_CTR_QUOTA_GROUPS] = g->quota_groups;
		s->slow_have |= HR_SIG_BIT(HR_SIG_CPU_QUOTA);
	}
	if (mem_ok) {
		sum->ctr[HR_CTR_MEMCG_MAX_N] += max;
		sum->ctr[HR_CTR_MEMCG_OOM_N] += oom;
		sum->ctr[HR_CTR_MEMCG_GROUPS] = g->memcg_groups;
		if (g->mem_full_pm > sum->ctr[HR_CTR_MEMCG_FULL_RATIO_PM])
			sum->ctr[HR_CTR_MEMCG_FULL_RATIO_PM] = g->mem_full_pm;
		s->slow_have |= HR_SIG_BIT(HR_SIG_MEMCG);
	}
}

static const enum hr_dctr of_allowance[HR_ALLOWANCE_N] = {
	HR_DCTR_ALLOWANCE_EXCEEDED_N, HR_DCTR_ALLOWANCE_CONNTRACK_N, HR_DCTR_ALLOWANCE_LINKLOCAL_N};

/* Totals 9..11 of a NIC.  All of them are in the first counter, which older agents sent alone. */
static void allowances(struct hr_sampler *s, uint8_t i, const struct hr_nic_raw *n)
{
	struct hr_dev_summary *d = &s->sum[s->open].dev[i];
	uint64_t more[HR_ALLOWANCE_N];
	bool ok = true;

	for (unsigned a = 0; a < HR_ALLOWANCE_N; a++)
		more[a] = hr_counter_grow(
			&s->dev_total[i][9 + a], n->has_allowance, n->allowance[a], &ok);
	if (!ok)
		return;
	for (unsigned a = 0; a < HR_ALLOWANCE_N; a++) {
		d->ctr[HR_DCTR_ALLOWANCE_EXCEEDED_N] += more[a];
		if (of_allowance[a] != HR_DCTR_ALLOWANCE_EXCEEDED_N)
			d->ctr[of_allowance[a]] += more[a];
	}
}

/* Total 8 of a NIC; 0..7 are those of /proc/net/dev. */
static void nic(struct hr_sampler *s, uint8_t i, const struct hr_nic_raw *n)
{
	struct hr_dev_summary *d = &s->sum[s->open].dev[i];
	bool ok = true;
	uint64_t drops = hr_counter_grow(&s->dev_total[i][8], n->has_qdisc, n->qdisc_drops, &ok);

	allowances(s, i, n);
	if (!ok)
		return;
	d->ctr[HR_DCTR_QDISC_DROP_N] += drops;
	d->ctr[HR_DCTR_QDISC_SHAPER] = n->shaper;
	if (n->qdisc_backlog_bytes > d->ctr[HR_DCTR_QDISC_BACKLOG_BYTES])
		d->ctr[HR_DCTR_QDISC_BACKLOG_BYTES] = n->qdisc_backlog_bytes;
	s->dev_slow_have[i] |= HR_SIG_BIT(HR_SIG_QDISC);
	s->slow_have |= HR_SIG_BIT(HR_SIG_QDISC);
}

static void threads(struct hr_sampler *s, const struct hr_raw *raw)
{
	struct hr_summary *sum = &s->sum[s->open];
	uint64_t span_us = hr_ns_to_us(raw->boot_ns - s->start_boot_ns);
	struct hr_topk_result top;
	bool sure;

	s->topk.span_us = span_us < UINT32_MAX ? (uint32_t)span_us : 0;
	sure = hr_topk_fold(&s->topk, raw->task, raw->n_task, raw->tasks_cut, &top);
	s->top_unheld = top.unheld;
	s->top_unknown = top.unknown;
	if (!sure)
		return;
	sum->n_top = top.n;
	memcpy(sum->top, top.top, sizeof(top.top));
	sum->n_group = top.n_group;
	memcpy(sum->group, top.group, sizeof(top.group));
	s->slow_have |= HR_SIG_BIT(HR_SIG_THREADS);
	sum->ctr[HR_CTR_READER_MS] += top.reader_us / 1000;
	if (raw->take)
		s->slow_have |= raw->take->have & HR_SIG_BIT(HR_SIG_READS);
}

void hr_sampler_slow(struct hr_sampler *s, const struct hr_raw *raw)
{
	if (raw->cgroup)
		cgroup(s, raw->cgroup);
	for (uint8_t i = 0; raw->nic && i < s->conf.n_dev; i++)
		if (s->conf.dev_kind[i] == HR_DEV_NIC)
			nic(s, i, &raw->nic[i]);
	if (raw->rtt) {
		if (raw->rtt->n > 0)
			(void)hr_hist_add(&s->sum[s->open].dist[HR_DIST_RTT_INFLATION],
				raw->rtt->median_us, 1);
		s->slow_have |= HR_SIG_BIT(HR_SIG_TCP_RTT);
	}
	if (raw->task)
		threads(s, raw);
	if (raw->fs) {
		struct hr_summary *sum = &s->sum[s->open];

		sum->n_fs = raw->n_fs;
		memcpy(sum->fs, raw->fs, raw->n_fs * sizeof(sum->fs[0]));
		s->slow_have |= HR_SIG_BIT(HR_SIG_FS);
	}
}
