/* SPDX-License-Identifier: Apache-2.0 */
/* See strain.h. */
#include "collector/core/strain.h"

#include "collector/core/model.h"

/* Four steps per doubling, from 0 for 0 to 251. */
static uint8_t level(uint64_t v)
{
	unsigned log;

	if (v < 4)
		return (uint8_t)v;
	log = 63 - (unsigned)__builtin_clzll(v);
	return (uint8_t)(4 * log - 4 + (v >> (log - 2) & 3));
}

/* Of what a window has @v of. */
static uint8_t level_per_s(uint64_t v, uint32_t dur_ms)
{
	return level(v > UINT64_MAX / 1000 ? UINT64_MAX : v * 1000 / (dur_ms ? dur_ms : 1));
}

/* Of what there is left: less is worse. */
static uint8_t level_left(uint64_t v)
{
	return (uint8_t)(255 - level(v));
}

static void raise_to(struct hr_strain *s, enum hr_strain_kind k, uint8_t to)
{
	if (to > s->level[k])
		s->level[k] = to;
}

static uint64_t sum(const uint64_t *v, const uint8_t *id, unsigned n)
{
	uint64_t all = 0;

	for (unsigned i = 0; i < n; i++)
		if (__builtin_add_overflow(all, v[id[i]], &all))
			return UINT64_MAX;
	return all;
}
#define SUM(v, list) sum(v, list, sizeof(list))

static const uint8_t ops[] = {HR_DCTR_RD_N, HR_DCTR_WR_N, HR_DCTR_DISCARD_N, HR_DCTR_FLUSH_N,
	HR_DCTR_RX_PACKETS, HR_DCTR_TX_PACKETS};
static const uint8_t bytes[] = {
	HR_DCTR_RD_BYTES, HR_DCTR_WR_BYTES, HR_DCTR_RX_BYTES, HR_DCTR_TX_BYTES};
static const uint8_t dev_events[] = {HR_DCTR_RX_DROP_N, HR_DCTR_TX_DROP_N, HR_DCTR_RX_ERROR_N,
	HR_DCTR_TX_ERROR_N, HR_DCTR_QDISC_DROP_N, HR_DCTR_ALLOWANCE_EXCEEDED_N, HR_DCTR_IO_ERROR_N,
	HR_DCTR_WIN_QUEUED_N};
static const uint8_t events[] = {HR_CTR_SOFTNET_DROP_N, HR_CTR_SOFTNET_SQUEEZE_N,
	HR_CTR_QUOTA_THROTTLED_N, HR_CTR_MEMCG_MAX_N, HR_CTR_MEMCG_OOM_N, HR_CTR_RECLAIM_N,
	HR_CTR_OOM_N, HR_CTR_REFAULT_ANON_N, HR_CTR_SWAP_IN_N, HR_CTR_SWAP_OUT_N,
	HR_CTR_PGSCAN_DIRECT_N, HR_CTR_TCP_RETRANS_N, HR_CTR_LISTEN_DROP_N, HR_CTR_ZERO_WINDOW_N,
	HR_CTR_PRUNED_N};

void hr_strain_add(struct hr_strain *into, const struct hr_wire_load *l)
{
	const uint64_t *c = l->ctr;
	uint64_t stall, n, dev_n;

	raise_to(into, HR_STRAIN_BUSY, level_per_s(c[HR_CTR_ONCPU_NS] / 1000000, l->dur_ms));
	raise_to(into, HR_STRAIN_WAIT, level_per_s(c[HR_CTR_WAIT_NS] / 1000000, l->dur_ms));
	if (c[HR_CTR_BURST_N] && c[HR_CTR_BURST_LATE_N] <= UINT64_MAX / 1000)
		raise_to(into, HR_STRAIN_LATE,
			level(c[HR_CTR_BURST_LATE_N] * 1000 / c[HR_CTR_BURST_N]));
	raise_to(into, HR_STRAIN_STEAL, level_per_s(c[HR_CTR_STEAL_MS], l->dur_ms));
	raise_to(into, HR_STRAIN_THREAD, level_per_s(l->top_ms, l->dur_ms));
	stall = c[HR_CTR_PSI_MEM_SOME_US] > c[HR_CTR_PSI_IO_SOME_US] ? c[HR_CTR_PSI_MEM_SOME_US]
								     : c[HR_CTR_PSI_IO_SOME_US];
	raise_to(into, HR_STRAIN_STALL, level_per_s(stall / 1000, l->dur_ms));
	if (l->have & HR_SIG_BIT(HR_SIG_MEMINFO))
		raise_to(into, HR_STRAIN_MEMORY, level_left((uint64_t)hr_memory_left(c)));
	raise_to(into, HR_STRAIN_OPS, level_per_s(SUM(l->dctr, ops), l->dur_ms));
	raise_to(into, HR_STRAIN_BYTES, level_per_s(SUM(l->dctr, bytes), l->dur_ms));
	n = SUM(c, events);
	dev_n = SUM(l->dctr, dev_events);
	raise_to(into, HR_STRAIN_EVENTS,
		level_per_s(n > UINT64_MAX - dev_n ? UINT64_MAX : n + dev_n, l->dur_ms));
	if (l->has_fs)
		raise_to(into, HR_STRAIN_FS, level_left(l->fs_left_bytes));
	if (l->has_fs)
		raise_to(into, HR_STRAIN_INODES, level_left(l->fs_left_inodes));
}

void hr_strain_join(struct hr_strain *into, const struct hr_strain *from)
{
	for (unsigned k = 0; k < HR_STRAIN_N; k++)
		raise_to(into, (enum hr_strain_kind)k, from->level[k]);
}

bool hr_strain_beyond(const struct hr_strain *s, const struct hr_strain *known)
{
	for (unsigned k = 0; k < HR_STRAIN_N; k++)
		if (s->level[k] > known->level[k])
			return true;
	return false;
}
