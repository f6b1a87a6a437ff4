/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory: how far what is available reaches if everything anonymous grew with load,
 * and whether the VM (not a cgroup in it) is short now (answer-model 3, 9).
 */
#include "collector/core/model.h"
#include "collector/core/gates.h"

#include <math.h>

/* of RAM, what reclaim keeps free: available leaves it out once too often */
#define WATERMARK 0.05
/* most over least up to which the mean of the two is off by less than 1.2 */
#define NEAR 1.44
/* at_most is multiplied by this: growth is no straight line (our choice, not measured) */
#define CURVED 1.25
/* at_least where memory is short, or may be: 1.00 was told where 0.91 fitted (tests/truth) */
#define SHORT_BY 1.1
#define DAY_MS   86400000ULL

/* What is in use of the memory there is, in bytes. */
struct need {
	double least, likely, most; /* likely 0: not known; most INFINITY: nobody knows */
};

/*
 * Everything that was ever read is in memory until reclaim takes it, so what is not free is the
 * most that can be needed, as long as nobody waits for memory.  The least is what cannot be
 * dropped: neither page cache nor, where there is swap, anonymous memory that would fit there.
 * Active(file) does not tell which of the cache is read again: on kernel 6.12 it had next to
 * nothing of 160 MB that were, as nothing had been reclaimed yet (tests/truth).
 */
static struct need need_of(const struct hr_minute *m, double total, bool is_short)
{
	double taken = fmax(total - (double)m->ctr[HR_CTR_MEM_FREE_BYTES], 0);
	double swap =
		fmin((double)m->ctr[HR_CTR_SWAP_FREE_BYTES], (double)m->ctr[HR_CTR_MEM_ANON_BYTES]);
	double kept = fmax(total - (double)m->ctr[HR_CTR_MEM_AVAILABLE_BYTES] - swap, 0);
	struct need n = {
		.least = fmax(kept - WATERMARK * total, 0), .most = is_short ? INFINITY : taken};

	if (n.most <= NEAR * kept)
		n.likely = fmin(sqrt(kept * n.most), n.most);
	return n;
}

static void say_need(const struct hr_ctx *x, bool is_short, struct hr_estimate *e)
{
	double total = x->facts ? (double)x->facts->mem_total_bytes : 0;
	struct need n;

	if (!(total > 0) || !hr_minute_has(x->m, HR_SIG_MEMINFO))
		return;
	n = need_of(x->m, total, is_short);
	hr_estimate_evidence(e, "need_at_least", n.least, HR_UNIT_BYTES, "/proc/meminfo");
	if (n.likely > 0)
		hr_estimate_evidence(e, "need_likely", n.likely, HR_UNIT_BYTES, "/proc/meminfo");
	if (n.most < INFINITY)
		hr_estimate_evidence(e, "need_at_most", n.most, HR_UNIT_BYTES, "/proc/meminfo");
	if (n.most < INFINITY)
		hr_trace_say(x->t,
			"  needed now: at least %.0f MiB (what cannot be taken), at most %.0f MiB "
			"(all that is not free)%s",
			n.least / 1048576, n.most / 1048576,
			n.likely > 0 ? "" : "; what is read again of the cache is not known");
	else
		hr_trace_say(x->t, "  needed now: at least %.0f MiB; more than there is",
			n.least / 1048576);
}

/*
 * MemAvailable takes page cache for free memory.  Active(file) are file pages that were used again
 * since they were read; whoever uses them reads them from the disk where anonymous memory takes
 * their place.  Not all of them are in use still, so what is left without them is a lower bound.
 */
double hr_memory_left(const uint64_t *ctr)
{
	double avail = (double)ctr[HR_CTR_MEM_AVAILABLE_BYTES];

	return fmax(avail - (double)ctr[HR_CTR_MEM_ACTIVE_FILE_BYTES], 0);
}

/*
 * At more vCPUs memory holds back by what is available: that cache may be needed keeps a size from
 * being called enough, and nothing from being of use.
 */
static void more_vcpus(const struct hr_minute *m, double anon, struct hr_estimate *e)
{
	double avail = (double)m->ctr[HR_CTR_MEM_AVAILABLE_BYTES];

	e->at[HR_SIZE_VCPUS].at_least = hr_opt_of(anon > 0 ? 1 + avail / anon : HR_K_MAX);
	e->at[HR_SIZE_VCPUS].capped = anon * (HR_K_MAX - 1) < avail;
	hr_bounds_tidy(&e->at[HR_SIZE_VCPUS]);
}

/* What of the memory goes with today's load, in bytes, when @part percent of all do; at most @anon.
 */
static double grows_by(const struct hr_ctx *x, double part, double anon)
{
	return fmin(part / 100 * (double)x->facts->mem_total_bytes, anon);
}

/*
 * likely and at_most where memory is known to follow work: @left for likely and @most for at_most
 * last until k times today's load.  at_least stays: what a program keeps when its load goes looks
 * like memory that it needs at any load, and would be called fixed.
 */
static void bounds_grown(
	const struct hr_ctx *x, double left, double most, double anon, struct hr_bounds *b)
{
	double likely = grows_by(x, x->growth->part, anon);
	double least = grows_by(x, x->growth->part_lo, anon);

	b->likely = hr_opt_of(likely > 0 ? 1 + left / likely : HR_K_MAX);
	if (least > 0)
		b->at_most = hr_opt_of(CURVED * (1 + most / least));
	hr_bounds_tidy(b);
	b->capped = b->likely.v >= HR_K_MAX;
}

static void mem_unknown(const struct hr_ctx *x, struct hr_estimate *e)
{
	static const char what[] = "how memory grows with load";
	const struct hr_growth *g = x->growth;
	unsigned more = HR_GROWTH_DAYS_MIN;

	if (!g) {
		hr_estimate_missing(e, 0,
			"%s (the service learns it from %u days that differ in work)", what, more);
		return;
	}
	more -= g->days < more ? g->days : more;
	if (g->state == HR_GROWTH_DAYS)
		hr_estimate_missing(e, x->m->to_ms + more * DAY_MS,
			"%s (%u more day%s of daily peaks)", what, more, more == 1 ? "" : "s");
	else if (g->state == HR_GROWTH_EVEN)
		hr_estimate_missing(e, 0,
			"%s (daily peaks of work that differ by %.0f %%: those of the last %u days "
			"do not)",
			what, 100 * (HR_GROWTH_SPREAD - 1), g->days);
	else if (g->state == HR_GROWTH_FLAT)
		hr_estimate_missing(e, 0,
			"%s (on days of less work it is not less: no load needs it, or it is kept "
			"when load goes)",
			what);
	else
		hr_estimate_missing(e, 0,
			"%s (in the last %u days its daily peaks did not follow those of work "
			"closely enough)",
			what, g->days);
}

static void mem_growth(const struct hr_ctx *x, double left, double anon, struct hr_estimate *e)
{
	double avail = (double)x->m->ctr[HR_CTR_MEM_AVAILABLE_BYTES], total;

	if (!x->growth || x->growth->state != HR_GROWTH_KNOWN || !x->facts) {
		mem_unknown(x, e);
		return;
	}
	total = (double)x->facts->mem_total_bytes;
	bounds_grown(x, left, avail, anon, &e->r.headroom);
	bounds_grown(x, avail, avail, anon, &e->at[HR_SIZE_VCPUS]);
	bounds_grown(x, left + total, avail + total, anon, &e->at[HR_SIZE_MEMORY]);
	hr_trace_say(x->t,
		"  goes with today's load by the peaks of %u days: %.0f MiB; likely = 1 + what is "
		"left / that = %.3f",
		x->growth->days, grows_by(x, x->growth->part, anon) / 1048576,
		e->r.headroom.likely.v);
}

static void mem_need(const struct hr_ctx *x, struct hr_estimate *e)
{
	const struct hr_minute *m = x->m;
	double avail = (double)m->ctr[HR_CTR_MEM_AVAILABLE_BYTES], left = hr_memory_left(m->ctr);
	double anon = (double)m->ctr[HR_CTR_MEM_ANON_BYTES];
	double total = x->facts ? (double)x->facts->mem_total_bytes : 0;

	if ((double)x->peak_anon_bytes > anon)
		anon = (double)x->peak_anon_bytes;
	e->r.headroom.at_least = hr_opt_of(anon > 0 ? 1 + left / anon : HR_K_MAX);
	e->r.headroom.capped = anon * (HR_K_MAX - 1) < left;
	hr_bounds_tidy(&e->r.headroom);
	more_vcpus(m, anon, e);
	e->at[HR_SIZE_MEMORY] = e->r.headroom;
	if (total > 0 && anon > 0) {
		e->at[HR_SIZE_MEMORY].at_least = hr_opt_of(1 + (left + total) / anon);
		hr_bounds_tidy(&e->at[HR_SIZE_MEMORY]);
		e->r.demand.mean = e->r.demand.max = hr_opt_of(total > left ? total - left : 0);
		e->r.capacity.value = hr_opt_of(total);
		e->r.capacity.source = HR_CAP_KNOWN;
	}
	e->reason = "memory that would be needed if all anonymous memory grew with load";
	hr_estimate_evidence(e, "mem_available", avail, HR_UNIT_BYTES, "/proc/meminfo");
	hr_estimate_evidence(e, "mem_cache_used_again", avail - left, HR_UNIT_BYTES,
		"/proc/meminfo, page frames");
	hr_estimate_evidence(e, "mem_anon_peak", anon, HR_UNIT_BYTES, "/proc/meminfo");
	hr_trace_say(x->t,
		"  available = %.0f MiB, %.0f of them page cache that was used again, anonymous "
		"(peak) = %.0f MiB",
		avail / 1048576, (avail - left) / 1048576, anon / 1048576);
	hr_trace_say(x->t,
		"  at_least = 1 + what is left of it / anonymous = %.3f  (all of it grows with "
		"load)",
		anon > 0 ? 1 + left / anon : HR_K_MAX);
	mem_growth(x, left, anon, e);
	e->at[HR_SIZE_BOTH] = e->at[HR_SIZE_MEMORY];
}

static void mem_evidence(const struct hr_ctx *x, const struct hr_mem_gate *g, struct hr_estimate *e)
{
	if (g->has_psi)
		hr_estimate_evidence(
			e, "psi_memory_some", g->psi, HR_UNIT_RATIO, "/proc/pressure/memory");
	if (g->has_vmstat) {
		hr_estimate_evidence(
			e, "refaults", g->refault_per_s, HR_UNIT_PER_S, "/proc/vmstat");
		hr_estimate_evidence(e, "swap_in", g->swap_in_per_s, HR_UNIT_PER_S, "/proc/vmstat");
		hr_estimate_evidence(
			e, "reclaim_scan", g->pgscan_per_s, HR_UNIT_PER_S, "/proc/vmstat");
	}
	if (g->has_reclaim)
		hr_estimate_evidence(e, "direct_reclaim_stall", g->reclaim_share, HR_UNIT_RATIO,
			hr_signal_source(x->facts, HR_SIG_RECLAIM));
	if (g->has_memcg) {
		hr_estimate_evidence(
			e, "memcg_limit_hits", g->memcg_hits, HR_UNIT_COUNT, "cgroup memory");
		hr_estimate_evidence(
			e, "memcg_fullest", g->memcg_full, HR_UNIT_RATIO, "cgroup memory");
	}
}

static void below(struct hr_opt *o, double most)
{
	o->v = fmin(o->v, most);
}

void hr_model_memory(const struct hr_ctx *x, struct hr_estimate *ret)
{
	struct hr_mem_gate g;

	hr_estimate_init(ret, HR_RES_MEMORY, -1, x);
	ret->r.demand.unit = ret->r.capacity.unit = HR_UNIT_BYTES;
	hr_trace_say(x->t, "memory:");
	hr_gate_memory(x, &g);
	if (hr_minute_has(x->m, HR_SIG_MEMINFO))
		mem_need(x, ret);
	else
		hr_estimate_no_signal(ret, x, HR_SIG_MEMINFO);
	say_need(x, g.verdict == HR_MEM_SHORT, ret);
	mem_evidence(x, &g, ret);
	ret->r.confidence = !ret->r.headroom.has ? HR_CONFIDENCE_NONE
			    : g.has_psi          ? HR_CONFIDENCE_HIGH
						 : HR_CONFIDENCE_MEDIUM;
	if (!g.has_psi)
		hr_estimate_no_signal(ret, x, HR_SIG_PSI_MEMORY);
	if (g.verdict == HR_MEM_OK)
		return;
	hr_trace_say(x->t, "  %s", g.why);
	ret->reason = g.why;
	if (g.verdict == HR_MEM_UNEXPLAINED) {
		ret->r.confidence = HR_CONFIDENCE_LOW;
		hr_estimate_missing(ret, 0, "%s", g.why);
		if (!g.plenty && ret->r.headroom.at_least.has) {
			below(&ret->r.headroom.at_least, 1 / SHORT_BY);
			ret->r.headroom.capped = false;
			ret->at[HR_SIZE_VCPUS] = ret->r.headroom;
		}
		return;
	}
	hr_bounds_bad(&ret->r.headroom);
	below(&ret->r.headroom.at_least, 1 / SHORT_BY);
	if (g.verdict == HR_MEM_LOCAL) {
		ret->local = true;
		for (unsigned z = 0; z < HR_SIZE_N; z++)
			ret->at[z] = ret->r.headroom;
		return;
	}
	ret->r.saturated = true;
	ret->at[HR_SIZE_VCPUS] = ret->r.headroom;
	/* More RAM helps by an amount that nothing here measures: from 1 up (answer-model 9). */
	for (unsigned z = HR_SIZE_MEMORY; z < HR_SIZE_N; z++) {
		hr_bounds_open(&ret->at[z], &ret->r.headroom);
		ret->grows[z] = true;
	}
}
