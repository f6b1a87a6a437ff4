/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file half of a tick: text -> totals -> growth -> counters of the open
 * summary.  Each function returns the bits of what it measured for this tick; a
 * total without a base, or one that went back, measures nothing.
 */
#include <string.h>

#include "agent/core/pages.h"
#include "agent/core/sampler.h"
#include "proto/units.h"

static struct hr_summary *open_sum(struct hr_sampler *s)
{
	return &s->sum[s->open];
}

static bool text(const struct hr_raw *raw, enum hr_file f)
{
	return raw->file[f].p && raw->file[f].len >= 0;
}

static void add(struct hr_summary *s, enum hr_ctr c, uint64_t v)
{
	s->ctr[c] += v;
}

static void max_to(uint64_t *to, uint64_t v)
{
	if (v > *to)
		*to = v;
}

/* ---- /proc/stat ---- */

static void forget(struct hr_sampler *s, unsigned first, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		s->total[first + i].seen = false;
}

/*
 * How many seconds a tick stands for in a distribution of seconds.  None below half of one: in the
 * few ms that a measurement's last tick has, one tick of the kernel's clock is all of the time.
 */
static uint32_t seconds(uint64_t dt_ns)
{
	uint64_t n = (dt_ns + HR_NS_PER_S / 2) / HR_NS_PER_S;

	return n > 60 ? 60 : (uint32_t)n;
}

static uint64_t permille(uint64_t ms, uint64_t dt_ns)
{
	return (ms * HR_NS_PER_MS * 1000 + dt_ns / 2) / dt_ns;
}

/* irq + softirq share of the busiest CPU; a CPU without a base takes no part. */
static uint64_t softirq(struct hr_sampler *s, uint64_t dt_ns)
{
	const struct hr_procfs_stat *st = &s->stat;
	uint64_t busiest = 0, pm;
	bool any = false;

	for (uint32_t i = 0; i < st->irq_n; i++) {
		uint64_t now = st->irq[i], last = i < s->irq_n ? s->irq_last[i] : UINT64_MAX;

		if (now != UINT64_MAX && last != UINT64_MAX) {
			any = true;
			if (now > last)
				max_to(&busiest, now - last);
		}
		s->irq_last[i] = now;
	}
	s->irq_n = st->irq_n;
	if (!any)
		return 0;
	pm = permille(busiest * HR_PROCFS_TICK_MS, dt_ns);
	if (pm > 1000)
		pm = 1000; /* ticks of 10 ms against a tick a little short of a second */
	(void)hr_hist_add(&open_sum(s)->dist[HR_DIST_SOFTIRQ_CPU], pm, seconds(dt_ns));
	return HR_SIG_BIT(HR_SIG_SOFTIRQ);
}

/* @ret_busy_ms: of all kinds, irq too. */
static uint64_t cpu_stat(struct hr_sampler *s, uint64_t *ret_irq_ms, uint64_t *ret_busy_ms)
{
	const struct hr_procfs_cpu *c = &s->stat.total;
	struct hr_summary *sum = open_sum(s);
	bool ok = true, idle_ok = true;
	uint64_t user = hr_counter_grow(&s->total[HR_TOTAL_USER], true, c->user + c->nice, &ok);
	uint64_t system = hr_counter_grow(&s->total[HR_TOTAL_SYSTEM], true, c->system, &ok);
	uint64_t irq = hr_counter_grow(&s->total[HR_TOTAL_IRQ], true, c->irq + c->softirq, &ok);
	uint64_t ctxt = hr_counter_grow(&s->total[HR_TOTAL_CTXT], true, s->stat.ctxt, &ok);
	bool idle_seen = s->total[HR_TOTAL_IDLE].seen;
	/* iowait is known to go back a little (proc(5)); that is no reset: no growth this second */
	uint64_t idle =
		hr_counter_grow(&s->total[HR_TOTAL_IDLE], true, c->idle + c->iowait, &idle_ok);

	*ret_irq_ms = irq * HR_PROCFS_TICK_MS;
	*ret_busy_ms = (user + system + irq) * HR_PROCFS_TICK_MS;
	if (!ok || !idle_seen)
		return 0;
	add(sum, HR_CTR_STAT_USER_MS, user * HR_PROCFS_TICK_MS);
	add(sum, HR_CTR_STAT_SYSTEM_MS, system * HR_PROCFS_TICK_MS);
	add(sum, HR_CTR_STAT_IDLE_MS, idle * HR_PROCFS_TICK_MS);
	add(sum, HR_CTR_STAT_IRQ_MS, irq * HR_PROCFS_TICK_MS);
	add(sum, HR_CTR_CTXT_N, ctxt);
	/* the reader of the file is running itself: not counted */
	max_to(&sum->ctr[HR_CTR_RUNNING_MAX],
		s->stat.procs_running > 0 ? s->stat.procs_running - 1 : 0);
	return HR_SIG_BIT(HR_SIG_CPU_STAT);
}

static uint64_t steal(struct hr_sampler *s, uint64_t dt_ns, uint64_t *ret_ms)
{
	struct hr_summary *sum = open_sum(s);
	bool ok = true;
	uint64_t ms = HR_PROCFS_TICK_MS *
		      hr_counter_grow(&s->total[HR_TOTAL_STEAL], true, s->stat.total.steal, &ok);

	*ret_ms = ms;
	if (!ok)
		return 0;
	add(sum, HR_CTR_STEAL_MS, ms);
	if (seconds(dt_ns) > 0)
		max_to(&sum->ctr[HR_CTR_STEAL_MAX_MS], permille(ms, dt_ns)); /* of all CPUs */
	(void)hr_hist_add(&sum->dist[HR_DIST_STEAL_1S], permille(ms, dt_ns), seconds(dt_ns));
	return HR_SIG_BIT(HR_SIG_STEAL);
}

static uint64_t stat_file(
	struct hr_sampler *s, const struct hr_raw *raw, uint64_t dt_ns, struct hr_lost *ret_lost)
{
	const uint32_t need = HR_PROCFS_STAT_CPU | HR_PROCFS_STAT_CTXT | HR_PROCFS_STAT_RUNNING;
	const struct hr_text *t = &raw->file[HR_FILE_STAT];
	uint64_t irq_ms = 0, busy_ms = 0, steal_ms = 0, have = 0;
	double to_cpus;

	if (!text(raw, HR_FILE_STAT) || hr_procfs_stat(t->p, (size_t)t->len, &s->stat) < 0 ||
		(s->stat.have & need) != need) {
		forget(s, HR_TOTAL_USER, HR_TOTAL_STEAL - HR_TOTAL_USER + 1);
		s->irq_n = 0;
		return 0;
	}
	have |= cpu_stat(s, &irq_ms, &busy_ms);
	have |= steal(s, dt_ns, &steal_ms);
	have |= softirq(s, dt_ns);
	to_cpus = (double)HR_NS_PER_MS / (double)dt_ns;
	*ret_lost = (struct hr_lost){(double)steal_ms * to_cpus, (double)irq_ms * to_cpus,
		(double)(busy_ms + steal_ms) * to_cpus};
	return have;
}

/* ---- memory ---- */

static bool has_all(uint64_t have, uint64_t need)
{
	return (have & need) == need;
}

#define VM(f) (1ULL << HR_VMSTAT_##f)

static uint64_t vmstat_file(struct hr_sampler *s, const struct hr_raw *raw)
{
	static const uint16_t to[HR_VMSTAT_N] = {
		[HR_VMSTAT_REFAULT_ANON] = HR_CTR_REFAULT_ANON_N,
		[HR_VMSTAT_REFAULT_FILE] = HR_CTR_REFAULT_FILE_N,
		[HR_VMSTAT_SWAP_IN] = HR_CTR_SWAP_IN_N,
		[HR_VMSTAT_SWAP_OUT] = HR_CTR_SWAP_OUT_N,
		[HR_VMSTAT_MAJFAULT] = HR_CTR_MAJFAULT_N,
		[HR_VMSTAT_SCAN_DIRECT] = HR_CTR_PGSCAN_DIRECT_N,
		[HR_VMSTAT_SCAN_KSWAPD] = HR_CTR_PGSCAN_KSWAPD_N,
		[HR_VMSTAT_ALLOCSTALL] = HR_CTR_N, /* kept for none: RECLAIM comes from the hook */
		[HR_VMSTAT_OOM_KILL] = HR_CTR_N,
		[HR_VMSTAT_DROP_CACHES] = HR_CTR_DROP_CACHES_N,
	};
	/* before 5.9 anon refaults had no counter of their own; drop counters depend on SYSCTL */
	const uint64_t need = VM(REFAULT_FILE) | VM(SWAP_IN) | VM(SWAP_OUT) | VM(MAJFAULT) |
			      VM(SCAN_DIRECT) | VM(SCAN_KSWAPD);
	const struct hr_text *t = &raw->file[HR_FILE_VMSTAT];
	bool hook = raw->take && raw->take->have & HR_SIG_BIT(HR_SIG_OOM);
	struct hr_procfs_vmstat v;
	uint64_t d[HR_VMSTAT_N], grown = 0, have = 0;

	if (!text(raw, HR_FILE_VMSTAT) || hr_procfs_vmstat(t->p, (size_t)t->len, &v) < 0)
		v = (struct hr_procfs_vmstat){0};
	for (unsigned i = 0; i < HR_VMSTAT_N; i++) {
		bool ok = true;

		d[i] = hr_counter_grow(
			&s->total[HR_TOTAL_VMSTAT + i], v.have & 1ULL << i, v.v[i], &ok);
		if (ok)
			grown |= 1ULL << i;
	}
	if (has_all(grown, need)) {
		have |= HR_SIG_BIT(HR_SIG_VMSTAT);
		for (unsigned i = 0; i < HR_VMSTAT_N; i++)
			if (to[i] != HR_CTR_N)
				add(open_sum(s), to[i], d[i]);
	}
	if (!hook && has_all(grown, VM(OOM_KILL))) { /* the file rung of OOM */
		have |= HR_SIG_BIT(HR_SIG_OOM);
		add(open_sum(s), HR_CTR_OOM_N, d[HR_VMSTAT_OOM_KILL]);
	}
	return have;
}

/*
 * Page cache that was used again: the kernel's list of it, or with multi-generational LRU, which
 * has only what is mapped there, as much as a sample says if that is more.
 */
static uint64_t used_again(const struct hr_raw *raw, const struct hr_procfs_meminfo *m)
{
	uint64_t active = m->v[HR_MEMINFO_ACTIVE_FILE], again = 0;

	if (raw->pages && m->have & 1ULL << HR_MEMINFO_INACTIVE_FILE)
		again = hr_pages_again(raw->pages, active + m->v[HR_MEMINFO_INACTIVE_FILE]);
	return again > active ? again : active;
}

static uint64_t meminfo_file(struct hr_sampler *s, const struct hr_raw *raw)
{
	const uint64_t need = 1ULL << HR_MEMINFO_FREE | 1ULL << HR_MEMINFO_AVAILABLE |
			      1ULL << HR_MEMINFO_ANON | 1ULL << HR_MEMINFO_ACTIVE_FILE |
			      1ULL << HR_MEMINFO_SWAP_TOTAL | 1ULL << HR_MEMINFO_SWAP_FREE;
	const struct hr_text *t = &raw->file[HR_FILE_MEMINFO];
	struct hr_summary *sum = open_sum(s);
	struct hr_procfs_meminfo m;

	if (!text(raw, HR_FILE_MEMINFO) || hr_procfs_meminfo(t->p, (size_t)t->len, &m) < 0 ||
		!has_all(m.have, need))
		return 0;
	if (s->ticks == 0 || m.v[HR_MEMINFO_AVAILABLE] < sum->ctr[HR_CTR_MEM_AVAILABLE_BYTES])
		sum->ctr[HR_CTR_MEM_AVAILABLE_BYTES] = m.v[HR_MEMINFO_AVAILABLE];
	sum->ctr[HR_CTR_MEM_FREE_BYTES] = m.v[HR_MEMINFO_FREE];
	sum->ctr[HR_CTR_MEM_ANON_BYTES] = m.v[HR_MEMINFO_ANON];
	sum->ctr[HR_CTR_MEM_ACTIVE_FILE_BYTES] = used_again(raw, &m);
	sum->ctr[HR_CTR_SWAP_FREE_BYTES] = m.v[HR_MEMINFO_SWAP_FREE];
	sum->ctr[HR_CTR_SWAP_TOTAL_BYTES] = m.v[HR_MEMINFO_SWAP_TOTAL];
	return HR_SIG_BIT(HR_SIG_MEMINFO);
}

/* ---- pressure ---- */

static uint64_t psi_file(struct hr_sampler *s, const struct hr_raw *raw, enum hr_file f,
	enum hr_sampler_total first, enum hr_ctr ctr, bool want_full)
{
	const struct hr_text *t = &raw->file[f];
	struct hr_procfs_psi p = {0};
	uint64_t some, full = 0;
	bool ok = true;

	if (!text(raw, f) || hr_procfs_psi(t->p, (size_t)t->len, &p) < 0)
		p = (struct hr_procfs_psi){0};
	some = hr_counter_grow(&s->total[first], p.has_some, p.some_us, &ok);
	if (want_full)
		full = hr_counter_grow(&s->total[first + 1], p.has_full, p.full_us, &ok);
	if (!ok)
		return 0;
	add(open_sum(s), ctr, some);
	if (want_full)
		add(open_sum(s), ctr + 1, full);
	return ~0ULL;
}

static uint64_t psi_files(struct hr_sampler *s, const struct hr_raw *raw)
{
	return (psi_file(s, raw, HR_FILE_PSI_CPU, HR_TOTAL_PSI_CPU, HR_CTR_PSI_CPU_SOME_US, false) &
		       HR_SIG_BIT(HR_SIG_PSI_CPU)) |
	       (psi_file(s, raw, HR_FILE_PSI_MEMORY, HR_TOTAL_PSI_MEM_SOME, HR_CTR_PSI_MEM_SOME_US,
			true) &
		       HR_SIG_BIT(HR_SIG_PSI_MEMORY)) |
	       (psi_file(
			s, raw, HR_FILE_PSI_IO, HR_TOTAL_PSI_IO_SOME, HR_CTR_PSI_IO_SOME_US, true) &
		       HR_SIG_BIT(HR_SIG_PSI_IO));
}

/* ---- network, VM-wide ---- */

#define NS(f) (1ULL << HR_NETSTAT_##f)

static uint64_t netstat_files(struct hr_sampler *s, const struct hr_raw *raw)
{
	const struct hr_text *t = &raw->file[HR_FILE_NETSTAT], *u = &raw->file[HR_FILE_SNMP];
	const uint64_t need = NS(LISTEN_DROPS) | NS(ZERO_WINDOW_ADV) | NS(RCV_PRUNED);
	bool hook = raw->take && raw->take->have & HR_SIG_BIT(HR_SIG_TCP_RETRANS);
	struct hr_summary *sum = open_sum(s);
	struct hr_procfs_netstat n;
	struct hr_procfs_snmp m;
	uint64_t d[HR_NETSTAT_N], e[HR_SNMP_N], grown = 0, mgrown = 0, have = 0;

	if (!text(raw, HR_FILE_NETSTAT) || hr_procfs_netstat(t->p, (size_t)t->len, &n) < 0)
		n = (struct hr_procfs_netstat){0};
	if (!text(raw, HR_FILE_SNMP) || hr_procfs_snmp(u->p, (size_t)u->len, &m) < 0)
		m = (struct hr_procfs_snmp){0};
	for (unsigned i = 0; i < HR_NETSTAT_N; i++) {
		bool ok = true;

		d[i] = hr_counter_grow(
			&s->total[HR_TOTAL_NETSTAT + i], n.have & 1ULL << i, n.v[i], &ok);
		grown |= (uint64_t)ok << i;
	}
	for (unsigned i = 0; i < HR_SNMP_N; i++) {
		bool ok = true;

		e[i] = hr_counter_grow(
			&s->total[HR_TOTAL_SNMP + i], m.have & 1ULL << i, m.v[i], &ok);
		mgrown |= (uint64_t)ok << i;
	}
	if (has_all(grown, need) && has_all(mgrown, 1ULL << HR_SNMP_OUT_SEGS)) {
		have |= HR_SIG_BIT(HR_SIG_NETSTAT);
		add(sum, HR_CTR_TCP_OUT_SEGS, e[HR_SNMP_OUT_SEGS]);
		add(sum, HR_CTR_LISTEN_DROP_N, d[HR_NETSTAT_LISTEN_DROPS]);
		add(sum, HR_CTR_ZERO_WINDOW_N,
			d[HR_NETSTAT_ZERO_WINDOW_ADV] + d[HR_NETSTAT_ZERO_WINDOW_DROP]);
		add(sum, HR_CTR_PRUNED_N, d[HR_NETSTAT_RCV_PRUNED] + d[HR_NETSTAT_BACKLOG_DROP]);
	}
	if (!hook && has_all(mgrown, 1ULL << HR_SNMP_RETRANS_SEGS)) { /* the file rung */
		have |= HR_SIG_BIT(HR_SIG_TCP_RETRANS);
		add(sum, HR_CTR_TCP_RETRANS_N, e[HR_SNMP_RETRANS_SEGS]);
	}
	return have;
}

static uint64_t softnet_file(struct hr_sampler *s, const struct hr_raw *raw)
{
	const struct hr_text *t = &raw->file[HR_FILE_SOFTNET];
	struct hr_procfs_softnet n = {0};
	bool have = text(raw, HR_FILE_SOFTNET) && hr_procfs_softnet(t->p, (size_t)t->len, &n) == 0;
	uint64_t drop = 0, squeeze = 0;
	int a = hr_counter_delta(&s->total[HR_TOTAL_SOFTNET_DROP], have, n.dropped, 32, &drop);
	int b = hr_counter_delta(
		&s->total[HR_TOTAL_SOFTNET_SQUEEZE], have, n.squeezed, 32, &squeeze);

	if (a != HR_COUNTER_OK || b != HR_COUNTER_OK)
		return 0;
	add(open_sum(s), HR_CTR_SOFTNET_DROP_N, drop);
	add(open_sum(s), HR_CTR_SOFTNET_SQUEEZE_N, squeeze);
	return HR_SIG_BIT(HR_SIG_SOFTNET);
}

uint64_t hr_sampler_files(
	struct hr_sampler *s, const struct hr_raw *raw, uint64_t dt_ns, struct hr_lost *ret_lost)
{
	uint64_t have;

	*ret_lost = (struct hr_lost){0};
	have = stat_file(s, raw, dt_ns, ret_lost);
	have |= meminfo_file(s, raw);
	if (raw->brief)
		return have;
	have |= vmstat_file(s, raw);
	have |= psi_files(s, raw);
	have |= netstat_files(s, raw);
	have |= softnet_file(s, raw);
	return have;
}
