/* SPDX-License-Identifier: Apache-2.0 */
/* Attribution gates (answer-model 3): limits on the VM, before the VM's size is blamed. */
#include "collector/core/gates.h"

#include <math.h>

#define RECLAIM_BAD  0.005 /* direct reclaim share of time */
#define SWAP_IN_BAD  100.0 /* pages per second */
#define READ_S       1e-3  /* of a page, where no disk tells: a volume over a network */
#define AGAIN_BAD    (SWAP_IN_BAD * READ_S) /* share of time to read again what was in memory */
#define PAGE         4096.0
#define AHEAD        32   /* pages of a whole read-ahead: 128 KiB, the kernel's own */
#define AVAIL_PLENTY 0.20 /* with this much of RAM available the VM itself is not short */

/* Nothing else: an OOM kill, and pages that are swapped in all the time. */
static bool mem_proved(const struct hr_ctx *x, const struct hr_mem_gate *g)
{
	uint64_t ooms = hr_minute_has(x->m, HR_SIG_OOM) ? x->m->ctr[HR_CTR_OOM_N] : 0;
	uint64_t cg_ooms = g->has_memcg ? x->m->ctr[HR_CTR_MEMCG_OOM_N] : 0;

	return g->swap_in_per_s > SWAP_IN_BAD || ooms > 0 || cg_ooms > 0;
}

/*
 * Pages a second that came back and were waited for.  Who reads a file from begin to end has most
 * of it fetched ahead: of n requests for p pages (32 n - p) / 31 are of one page, if the others are
 * of a whole read-ahead; and a page of a mapping is a fault, whatever is fetched around it.  What
 * the disks did not read came from elsewhere; their reads of the second at the window's edge may be
 * counted in the next one.  The best second of all has writes in it, too: it can only hide what
 * came from elsewhere, and no more of it than the disks read in the window.
 */
static double waited_for(const struct hr_minute *m, double came_back_per_s, double *ret_share)
{
	double n = 0, ns = 0, reads = 0, pages = 0, edge = 0, t = hr_minute_s(m), single, elsewhere;

	for (uint8_t i = 0; i < m->n_dev; i++) {
		const struct hr_minute_dev *d = &m->dev[i];

		if (!d->seen || !(d->have & HR_SIG_BIT(HR_SIG_DISK_IO)))
			continue;
		reads += (double)d->ctr[HR_DCTR_IO_RD_N];
		n += (double)(d->ctr[HR_DCTR_IO_RD_N] + d->ctr[HR_DCTR_IO_WR_N]);
		ns += (double)d->ctr[HR_DCTR_IO_INFLIGHT_NS];
		pages += (double)d->ctr[HR_DCTR_IO_RD_BYTES] / PAGE;
		edge += fmin((double)d->ctr[HR_DCTR_SEC_KIB_MAX] * 1024,
				(double)d->ctr[HR_DCTR_IO_RD_BYTES]) /
			PAGE;
	}
	elsewhere = fmax(came_back_per_s - (pages + edge) / t, 0);
	single = fmax(AHEAD * reads - pages, 0) / (AHEAD - 1) + (double)m->ctr[HR_CTR_MAJFAULT_N];
	single = fmin(came_back_per_s - elsewhere, single / t);
	*ret_share = elsewhere * READ_S + (n > 0 ? single * ns / n / 1e9 : 0);
	return elsewhere + single;
}

/* Nobody knows what would have come back where the caches were dropped. */
static bool again_is_bad(const struct hr_ctx *x, const struct hr_mem_gate *g)
{
	return x->m->ctr[HR_CTR_DROP_CACHES_N] == 0 && g->read_again >= AGAIN_BAD;
}

/*
 * With multi-generational LRU who waits for a file's page that was taken waits for the disk, and
 * only the reclaim is memory pressure: on a quick CPU less than 1 % where four threads read
 * again all the time.  Where the VM itself reclaims nothing a cgroup does, or the page was dropped.
 */
static bool mem_pressed(const struct hr_ctx *x, const struct hr_mem_gate *g)
{
	return g->psi >= x->conf->stall_bad || g->reclaim_share > RECLAIM_BAD || mem_proved(x, g) ||
	       (g->pgscan_per_s > 0 && again_is_bad(x, g));
}

/*
 * Reclaim counts as pressure whatever it takes, kswapd's too, and who reads a file larger than what
 * is free reclaims for itself.  A machine that reads more than its RAM does so all the time, and
 * would with twice the RAM.  Only what comes back is missed: its part of the reclaim, and the time
 * to read it again, are what more memory would save.
 */
static bool is_missed(const struct hr_ctx *x, const struct hr_mem_gate *g)
{
	double share = 1;

	/* Where it is not known what comes back, all may. */
	if (g->has_vmstat && g->pgscan_per_s > 0 && x->m->ctr[HR_CTR_DROP_CACHES_N] == 0)
		share = fmin(g->waited_per_s / g->pgscan_per_s, 1);
	return mem_proved(x, g) || share * g->reclaim_share > RECLAIM_BAD ||
	       share * g->psi >= x->conf->stall_bad || g->read_again >= AGAIN_BAD;
}

static void mem_rates(const struct hr_ctx *x, struct hr_mem_gate *g)
{
	const struct hr_minute *m = x->m;
	double t = hr_minute_s(m);

	g->has_psi = hr_minute_has(m, HR_SIG_PSI_MEMORY);
	g->has_vmstat = hr_minute_has(m, HR_SIG_VMSTAT);
	g->has_reclaim = hr_minute_has(m, HR_SIG_RECLAIM);
	g->has_memcg = hr_minute_has(m, HR_SIG_MEMCG);
	g->has_meminfo = hr_minute_has(m, HR_SIG_MEMINFO);
	if (!(t > 0))
		return;
	if (g->has_psi)
		g->psi = (double)m->ctr[HR_CTR_PSI_MEM_SOME_US] / 1e6 / t;
	if (g->has_vmstat) {
		g->swap_in_per_s = (double)m->ctr[HR_CTR_SWAP_IN_N] / t;
		g->came_back_per_s =
			(double)(m->ctr[HR_CTR_REFAULT_FILE_N] + m->ctr[HR_CTR_SWAP_IN_N]) / t;
		g->pgscan_per_s =
			(double)(m->ctr[HR_CTR_PGSCAN_DIRECT_N] + m->ctr[HR_CTR_PGSCAN_KSWAPD_N]) /
			t;
		g->waited_per_s = waited_for(m, g->came_back_per_s, &g->read_again);
		/* Someone dropped the caches: refaults of this minute mean nothing. */
		if (m->ctr[HR_CTR_DROP_CACHES_N] == 0)
			g->refault_per_s = (double)(m->ctr[HR_CTR_REFAULT_ANON_N] +
						    m->ctr[HR_CTR_REFAULT_FILE_N]) /
					   t;
	}
	if (g->has_reclaim)
		g->reclaim_share = (double)m->ctr[HR_CTR_RECLAIM_NS] / 1e9 / t;
	if (g->has_memcg) {
		g->memcg_hits = (double)m->ctr[HR_CTR_MEMCG_MAX_N];
		g->memcg_full = (double)m->ctr[HR_CTR_MEMCG_FULL_RATIO_PM] / 1e3;
	}
}

/*
 * Little is available, and what was taken is read again all the time: where nothing is reclaimed at
 * the moment, because what was taken comes back slowly, memory may be short as soon as it is there.
 */
static bool comes_back(const struct hr_ctx *x, const struct hr_mem_gate *g)
{
	return g->has_meminfo && x->facts && x->facts->mem_total_bytes > 0 && !g->plenty &&
	       g->has_memcg && g->memcg_hits <= 0 && again_is_bad(x, g);
}

void hr_gate_memory(const struct hr_ctx *x, struct hr_mem_gate *ret_g)
{
	struct hr_mem_gate g = {.why = ""};
	double total = x->facts ? (double)x->facts->mem_total_bytes : 0;

	mem_rates(x, &g);
	hr_trace_say(x->t,
		"  pressure some = %.2f %% (limit %.3g %%), swap-in = %.0f, refaults = %.0f, "
		"reclaim scan = "
		"%.0f pages/s, cgroup limit hits = %.0f",
		100 * g.psi, 100 * x->conf->stall_bad, g.swap_in_per_s, g.refault_per_s,
		g.pgscan_per_s, g.memcg_hits);
	g.plenty = g.has_meminfo && total > 0 &&
		   (double)x->m->ctr[HR_CTR_MEM_AVAILABLE_BYTES] >= AVAIL_PLENTY * total;
	if (!mem_pressed(x, &g)) {
		g.verdict = comes_back(x, &g) ? HR_MEM_UNEXPLAINED : HR_MEM_OK;
		g.why = "what was taken from memory is read again, with little of it available";
	} else if (g.memcg_hits > 0 && (g.pgscan_per_s <= 0 || g.plenty)) {
		g.verdict = HR_MEM_LOCAL;
		g.why = "a cgroup memory limit is hit while the VM itself has memory left";
	} else if (g.pgscan_per_s > 0 && !is_missed(x, &g)) {
		/* With next to nothing available it stays open what the reclaim leads to. */
		g.verdict = g.plenty ? HR_MEM_OK : HR_MEM_UNEXPLAINED;
		g.why = "memory is reclaimed that is not read again, as where files are read once";
		hr_trace_say(x->t,
			"  of %.0f pages/s looked at %.0f came back and were waited for: "
			"not what is missed",
			g.pgscan_per_s, g.waited_per_s);
	} else if (g.plenty && g.pgscan_per_s <= 0) {
		g.verdict = HR_MEM_UNEXPLAINED;
		g.why = "memory pressure without reclaim by the VM and without a cgroup limit hit";
	} else {
		g.verdict = HR_MEM_SHORT;
		g.why = "the VM is short of memory: tasks wait for reclaim, refaults or swap";
	}
	*ret_g = g;
}

bool hr_gate_shaper(const struct hr_minute_dev *d)
{
	if (!(d->have & HR_SIG_BIT(HR_SIG_QDISC)) || d->ctr[HR_DCTR_QDISC_SHAPER] == 0)
		return false;
	return d->ctr[HR_DCTR_QDISC_BACKLOG_BYTES] > 0 || d->ctr[HR_DCTR_QDISC_DROP_N] > 0;
}
