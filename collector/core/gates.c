/* SPDX-License-Identifier: Apache-2.0 */
/* Attribution gates (answer-model 3): limits on the VM, before the VM's size is blamed. */
#include "collector/core/gates.h"

#define PSI_BAD      0.01  /* PSI memory some: reads were 9x slower at 1.1 % (answer-model 2) */
#define RECLAIM_BAD  0.005 /* direct reclaim share of time */
#define SWAP_IN_BAD  100.0 /* pages per second */
#define CAME_BACK    0.01  /* of the pages that reclaim looked at; fewer were taken from nobody */
#define AVAIL_PLENTY 0.20  /* with this much of RAM available the VM itself is not short */

static bool mem_pressed(const struct hr_ctx *x, const struct hr_mem_gate *g)
{
	uint64_t ooms = hr_minute_has(x->m, HR_SIG_OOM) ? x->m->ctr[HR_CTR_OOM_N] : 0;
	uint64_t cg_ooms = g->has_memcg ? x->m->ctr[HR_CTR_MEMCG_OOM_N] : 0;

	return g->psi >= PSI_BAD || g->reclaim_share > RECLAIM_BAD ||
	       g->swap_in_per_s > SWAP_IN_BAD || ooms > 0 || cg_ooms > 0;
}

/*
 * Pressure is counted while kswapd makes room, too.  Where a file is read once, that is all there
 * is: no page that was taken comes back, and nobody reclaims by itself.
 */
static bool read_once(const struct hr_ctx *x, const struct hr_mem_gate *g)
{
	double few = CAME_BACK * g->pgscan_per_s;
	struct hr_mem_gate by_others = *g;

	by_others.psi = 0;
	return g->has_vmstat && g->has_reclaim && x->m->ctr[HR_CTR_DROP_CACHES_N] == 0 &&
	       g->pgscan_per_s > 0 && g->refault_per_s < few && g->swap_in_per_s < few &&
	       !mem_pressed(x, &by_others);
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
		g->pgscan_per_s =
			(double)(m->ctr[HR_CTR_PGSCAN_DIRECT_N] + m->ctr[HR_CTR_PGSCAN_KSWAPD_N]) /
			t;
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

void hr_gate_memory(const struct hr_ctx *x, struct hr_mem_gate *ret_g)
{
	struct hr_mem_gate g = {.why = ""};
	double total = x->facts ? (double)x->facts->mem_total_bytes : 0;
	bool plenty;

	mem_rates(x, &g);
	hr_trace_say(x->t,
		"  pressure some = %.2f %% (limit %.0f %%), swap-in = %.0f, refaults = %.0f, "
		"reclaim scan = "
		"%.0f pages/s, cgroup limit hits = %.0f",
		100 * g.psi, 100 * PSI_BAD, g.swap_in_per_s, g.refault_per_s, g.pgscan_per_s,
		g.memcg_hits);
	plenty = g.has_meminfo && total > 0 &&
		 (double)x->m->ctr[HR_CTR_MEM_AVAILABLE_BYTES] >= AVAIL_PLENTY * total;
	if (!mem_pressed(x, &g)) {
		g.verdict = HR_MEM_OK;
	} else if (g.memcg_hits > 0 && (g.pgscan_per_s <= 0 || plenty)) {
		g.verdict = HR_MEM_LOCAL;
		g.why = "a cgroup memory limit is hit while the VM itself has memory left";
	} else if (plenty && read_once(x, &g)) {
		g.verdict = HR_MEM_OK;
		hr_trace_say(x->t, "  no page that reclaim took came back, and there is memory "
				   "available: files that are read once");
	} else if (plenty && g.pgscan_per_s <= 0) {
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
