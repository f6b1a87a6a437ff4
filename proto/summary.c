/* SPDX-License-Identifier: Apache-2.0 */
/* The tables behind the X-macros of summary.h, and the merge that time scales rest on. */
#include "proto/summary.h"

#include <string.h>

/*
 * "oncpu_ns" from ONCPU_NS at compile time, so that a name cannot be forgotten
 * or misspelt when a counter is appended.  Beyond the end the terminating NUL
 * is read again; 23 characters are enough: test_summary.c looks.
 */
#define AT(s, i)     ((s)[(i) < __builtin_strlen(s) ? (i) : __builtin_strlen(s)])
#define LOWER(s, i)  ((char)(AT(s, i) >= 'A' && AT(s, i) <= 'Z' ? AT(s, i) + 32 : AT(s, i)))
#define LOWER4(s, i) LOWER(s, i), LOWER(s, i + 1u), LOWER(s, i + 2u), LOWER(s, i + 3u)
#define NAME(s)                                                                                    \
	{                                                                                          \
		LOWER4(s, 0u), LOWER4(s, 4u), LOWER4(s, 8u), LOWER4(s, 12u), LOWER4(s, 16u),       \
			LOWER4(s, 20u)                                                             \
	}

#define NAME_LEN 24 /* with NUL */

struct field {
	uint8_t signal, kind;
	char name[NAME_LEN];
};

#define CTR(id, sig, kind, unit) {HR_SIG_##sig, HR_KIND_##kind, NAME(#id)},
#define DIST(id, sig, unit)      {HR_SIG_##sig, HR_KIND_S, NAME(#id)},
static const struct field ctrs[HR_CTR_N] = {HR_CTRS(CTR)};
static const struct field dists[HR_DIST_N] = {HR_DISTS(DIST)};
static const struct field dctrs[HR_DCTR_N] = {HR_DCTRS(CTR)};
static const struct field ddists[HR_DDIST_N] = {HR_DDISTS(DIST)};

enum hr_signal hr_ctr_signal(enum hr_ctr c)
{
	return (enum hr_signal)ctrs[c].signal;
}

enum hr_ctr_kind hr_ctr_kind(enum hr_ctr c)
{
	return (enum hr_ctr_kind)ctrs[c].kind;
}

const char *hr_ctr_name(enum hr_ctr c)
{
	return (unsigned)c < HR_CTR_N ? ctrs[c].name : "?";
}

enum hr_signal hr_dctr_signal(enum hr_dctr c)
{
	return (enum hr_signal)dctrs[c].signal;
}

enum hr_ctr_kind hr_dctr_kind(enum hr_dctr c)
{
	return (enum hr_ctr_kind)dctrs[c].kind;
}

const char *hr_dctr_name(enum hr_dctr c)
{
	return (unsigned)c < HR_DCTR_N ? dctrs[c].name : "?";
}

enum hr_signal hr_dist_signal(enum hr_dist d)
{
	return (enum hr_signal)dists[d].signal;
}

const char *hr_dist_name(enum hr_dist d)
{
	return (unsigned)d < HR_DIST_N ? dists[d].name : "?";
}

enum hr_signal hr_ddist_signal(enum hr_ddist d)
{
	return (enum hr_signal)ddists[d].signal;
}

const char *hr_ddist_name(enum hr_ddist d)
{
	return (unsigned)d < HR_DDIST_N ? ddists[d].name : "?";
}

/* --- merge: first everything is asked, then everything is done --- */

static bool ctrs_mergeable(
	const struct field *f, uint32_t n, const uint64_t *a, const uint64_t *b, uint64_t have)
{
	uint64_t sum, any = 0;

	for (uint32_t i = 0; i < n; i++)
		any |= a[i] | b[i];
	if (any >> 63 == 0) /* the usual case by far: no two of them overflow */
		return true;
	for (uint32_t i = 0; i < n; i++)
		if (f[i].kind == HR_KIND_S && (have & HR_SIG_BIT(f[i].signal)) &&
			__builtin_add_overflow(a[i], b[i], &sum))
			return false;
	return true;
}

/* Missing: no half sum is left behind. */
static inline void merge_ctr(uint64_t *into, uint64_t next, enum hr_ctr_kind kind, bool has)
{
	uint64_t v = next; /* G */

	if (kind == HR_KIND_S)
		v = *into + next;
	else if (kind == HR_KIND_M)
		v = next > *into ? next : *into;
	else if (kind == HR_KIND_L)
		v = next < *into ? next : *into;
	*into = has ? v : 0;
}

/* One by one, so that a compiler knows the rule of each: by the table they took five times as long.
 */
#define MERGE(id, sig, kind, unit)                                                                 \
	merge_ctr(&into[CTR_ID(id)], next[CTR_ID(id)], HR_KIND_##kind,                             \
		have &HR_SIG_BIT(HR_SIG_##sig));
#define CTR_ID(id) HR_CTR_##id
static void merge_ctrs(uint64_t *into, const uint64_t *next, uint64_t have)
{
	HR_CTRS(MERGE)
}
#undef CTR_ID
#define CTR_ID(id) HR_DCTR_##id
static void merge_dctrs(uint64_t *into, const uint64_t *next, uint64_t have)
{
	HR_DCTRS(MERGE)
}

static bool hists_mergeable(const struct field *f, uint32_t n, const struct hr_hist *a,
	const struct hr_hist *b, uint64_t have)
{
	for (uint32_t i = 0; i < n; i++)
		if ((have & HR_SIG_BIT(f[i].signal)) && !hr_hist_mergeable(&a[i], &b[i]))
			return false;
	return true;
}

static void merge_hists(const struct field *f, uint32_t n, struct hr_hist *into,
	const struct hr_hist *next, uint64_t have)
{
	for (uint32_t i = 0; i < n; i++) {
		if (have & HR_SIG_BIT(f[i].signal))
			(void)hr_hist_merge(&into[i], &next[i]); /* asked before */
		else if (into[i].total != 0)
			memset(&into[i], 0, sizeof(into[i]));
	}
}

static const struct hr_dev_summary *find_dev(const struct hr_summary *s, uint8_t dev)
{
	for (uint8_t i = 0; i < s->n_dev; i++)
		if (s->dev[i].dev == dev)
			return &s->dev[i];
	return NULL;
}

static bool devs_mergeable(const struct hr_summary *into, const struct hr_summary *next)
{
	for (uint8_t i = 0; i < into->n_dev; i++) {
		const struct hr_dev_summary *a = &into->dev[i], *b = find_dev(next, a->dev);

		if (b && (!ctrs_mergeable(dctrs, HR_DCTR_N, a->ctr, b->ctr, a->have & b->have) ||
				 !hists_mergeable(
					 ddists, HR_DDIST_N, a->dist, b->dist, a->have & b->have)))
			return false;
	}
	return true;
}

/* Devices that only one of the two windows has are dropped: half a sum is no sum. */
static void merge_devs(struct hr_summary *into, const struct hr_summary *next)
{
	uint8_t n = 0;

	for (uint8_t i = 0; i < into->n_dev; i++) {
		struct hr_dev_summary *a = &into->dev[n];
		const struct hr_dev_summary *b = find_dev(next, into->dev[i].dev);

		if (!b)
			continue;
		if (n != i)
			*a = into->dev[i];
		a->have &= b->have;
		merge_dctrs(a->ctr, b->ctr, a->have);
		merge_hists(ddists, HR_DDIST_N, a->dist, b->dist, a->have);
		n++;
	}
	into->n_dev = n;
}

static bool vq_mergeable(const struct hr_summary *a, const struct hr_summary *b)
{
	uint32_t sum;

	for (unsigned i = 0; i < HR_VQ_ROWS; i++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++)
			if (__builtin_add_overflow(a->vq_bad[i][g], b->vq_bad[i][g], &sum))
				return false;
	return true;
}

static void merge_vq(struct hr_summary *into, const struct hr_summary *next)
{
	for (unsigned i = 0; i < HR_VQ_ROWS; i++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++)
			into->vq_bad[i][g] += next->vq_bad[i][g];
}

static bool replay_mergeable(const struct hr_replay_sum *a, const struct hr_replay_sum *b)
{
	uint32_t sum;

	for (unsigned i = 0; i < HR_VQ_ROWS; i++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++) /* late <= tot */
			if (__builtin_add_overflow(a->tot[i][g], b->tot[i][g], &sum))
				return false;
	for (unsigned z = 0; z < HR_VQ_SIZES; z++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++)
			if (__builtin_add_overflow(a->queued[z][g], b->queued[z][g], &sum))
				return false;
	return true;
}

static void merge_replay(struct hr_replay_sum *into, const struct hr_replay_sum *next)
{
	for (unsigned i = 0; i < HR_VQ_ROWS; i++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++) {
			into->late[i][g] += next->late[i][g];
			into->tot[i][g] += next->tot[i][g];
		}
	for (unsigned z = 0; z < HR_VQ_SIZES; z++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++)
			into->queued[z][g] += next->queued[z][g];
}

static uint32_t add_sat(uint32_t a, uint32_t b)
{
	uint32_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT32_MAX : sum;
}

static uint64_t weight(const struct hr_top *t)
{
	return (uint64_t)t->oncpu_ms + t->wait_ms;
}

/*
 * The same thread in both windows adds up.  A process' time was given with each
 * of its listed threads, so it adds once per thread pair; a thread listed in
 * one window only keeps what was seen (a lower bound: it was not hot in the other).
 */
static void merge_top(struct hr_summary *into, const struct hr_summary *next)
{
	struct hr_top all[2 * HR_TOP_MAX];
	uint8_t n = into->n_top;

	memcpy(all, into->top, n * sizeof(all[0]));
	for (uint8_t i = 0; i < next->n_top; i++) {
		const struct hr_top *b = &next->top[i];
		uint8_t j = 0;

		while (j < into->n_top && (all[j].pid != b->pid || all[j].tid != b->tid))
			j++;
		if (j == into->n_top) {
			all[n++] = *b;
			continue;
		}
		all[j].oncpu_ms = add_sat(all[j].oncpu_ms, b->oncpu_ms);
		all[j].wait_ms = add_sat(all[j].wait_ms, b->wait_ms);
		all[j].process_oncpu_ms = add_sat(all[j].process_oncpu_ms, b->process_oncpu_ms);
		all[j].peers = b->peers > all[j].peers ? b->peers : all[j].peers;
		all[j].reads = add_sat(all[j].reads, b->reads);
		all[j].reads_late = add_sat(all[j].reads_late, b->reads_late);
		memcpy(all[j].comm, b->comm, sizeof(b->comm)); /* names: the later one */
		memcpy(all[j].process, b->process, sizeof(b->process));
	}
	for (uint8_t i = 1; i < n; i++) { /* insertion sort: at most 12, nearly sorted, stable */
		struct hr_top t = all[i];
		uint8_t j = i;

		for (; j > 0 && weight(&all[j - 1]) < weight(&t); j--)
			all[j] = all[j - 1];
		all[j] = t;
	}
	into->n_top = n < HR_TOP_MAX ? n : HR_TOP_MAX;
	memcpy(into->top, all, into->n_top * sizeof(all[0]));
}

/* Cgroups likewise, by the one name that is known of them. */
static void merge_groups(struct hr_summary *into, const struct hr_summary *next)
{
	struct hr_top_group all[2 * HR_GROUP_MAX];
	uint8_t n = into->n_group;

	memcpy(all, into->group, n * sizeof(all[0]));
	for (uint8_t i = 0; i < next->n_group; i++) {
		const struct hr_top_group *b = &next->group[i];
		uint8_t j = 0;

		while (j < n && strcmp(all[j].name, b->name) != 0)
			j++;
		if (j == n)
			all[n++] = (struct hr_top_group){0};
		memcpy(all[j].name, b->name, sizeof(b->name));
		all[j].oncpu_ms = add_sat(all[j].oncpu_ms, b->oncpu_ms);
		all[j].wait_ms = add_sat(all[j].wait_ms, b->wait_ms);
	}
	into->n_group = 0;
	for (uint8_t i = 0; i < n; i++) {
		const struct hr_top_group g = all[i];
		uint8_t j = into->n_group;

		for (; j > 0 && (uint64_t)into->group[j - 1].oncpu_ms + into->group[j - 1].wait_ms <
					(uint64_t)g.oncpu_ms + g.wait_ms;
			j--)
			if (j < HR_GROUP_MAX)
				into->group[j] = into->group[j - 1];
		if (j < HR_GROUP_MAX)
			into->group[j] = g;
		if (into->n_group < HR_GROUP_MAX)
			into->n_group++;
	}
}

/* Counters and distributions can. */
static bool addable(const struct hr_summary *a, const struct hr_summary *b)
{
	uint64_t have = a->have & b->have;
	uint32_t dur_ms, lost;

	if (a->epoch != b->epoch || a->cpus != b->cpus)
		return false;
	if (__builtin_add_overflow(a->dur_ms, b->dur_ms, &dur_ms) ||
		__builtin_add_overflow(a->lost, b->lost, &lost))
		return false;
	return ctrs_mergeable(ctrs, HR_CTR_N, a->ctr, b->ctr, have) &&
	       hists_mergeable(dists, HR_DIST_N, a->dist, b->dist, have) && devs_mergeable(a, b);
}

static bool grids_addable(const struct hr_summary *a, const struct hr_summary *b)
{
	uint64_t have = a->have & b->have;

	return (!(have & HR_SIG_BIT(HR_SIG_BURSTS)) || vq_mergeable(a, b)) &&
	       (!(have & HR_SIG_BIT(HR_SIG_REPLAY)) || replay_mergeable(&a->replay, &b->replay));
}

/* Levels, not amounts: of each file system the later one counts (most windows carry one of them or
 * none). */
static void merge_fs(struct hr_summary *into, const struct hr_summary *next)
{
	for (uint8_t i = 0; i < next->n_fs; i++) {
		uint8_t at = 0;

		while (at < into->n_fs && strcmp(into->fs[at].mount, next->fs[i].mount) != 0)
			at++;
		if (at == HR_FS_MAX)
			continue;
		into->fs[at] = next->fs[i];
		if (at == into->n_fs)
			into->n_fs++;
	}
}

static void add_up(struct hr_summary *into, const struct hr_summary *next)
{
	into->dur_ms += next->dur_ms;
	into->lost += next->lost;
	into->have &= next->have;
	merge_ctrs(into->ctr, next->ctr, into->have);
	merge_hists(dists, HR_DIST_N, into->dist, next->dist, into->have);
	merge_devs(into, next);
}

static void add_rest(struct hr_summary *into, const struct hr_summary *next)
{
	if (into->have & HR_SIG_BIT(HR_SIG_BURSTS))
		merge_vq(into, next);
	else
		memset(into->vq_bad, 0, sizeof(into->vq_bad));
	if (into->have & HR_SIG_BIT(HR_SIG_REPLAY))
		merge_replay(&into->replay, &next->replay);
	else
		memset(&into->replay, 0, sizeof(into->replay));
	if (into->have & HR_SIG_BIT(HR_SIG_THREADS)) {
		merge_top(into, next);
		merge_groups(into, next);
	} else {
		into->n_top = 0;
		into->n_group = 0;
	}
	merge_fs(into, next);
	if (into->n_fs > 0)
		into->have |= HR_SIG_BIT(HR_SIG_FS);
}

bool hr_summary_merge(struct hr_summary *into, const struct hr_summary *next)
{
	if (next->seq_first != into->seq_last + 1 || !addable(into, next) ||
		!grids_addable(into, next) || into->dur_ms + next->dur_ms > HR_DUR_MAX_MS)
		return false;
	into->seq_last = next->seq_last;
	into->t_end_ms = next->t_end_ms;
	add_up(into, next);
	add_rest(into, next);
	return true;
}

static bool same_devs(const struct hr_summary *a, const struct hr_summary *b)
{
	if (a->n_dev != b->n_dev)
		return false;
	for (uint8_t i = 0; i < a->n_dev; i++)
		if (a->dev[i].dev != b->dev[i].dev || a->dev[i].have != b->dev[i].have)
			return false;
	return true;
}

bool hr_summary_fold(struct hr_summary *into, const struct hr_summary *next)
{
	if (((into->have ^ next->have) & ~HR_FOLD_APART) != 0 || !same_devs(into, next) ||
		!addable(into, next))
		return false;
	into->seq_first = next->seq_first < into->seq_first ? next->seq_first : into->seq_first;
	into->seq_last = next->seq_last > into->seq_last ? next->seq_last : into->seq_last;
	into->t_end_ms = next->t_end_ms > into->t_end_ms ? next->t_end_ms : into->t_end_ms;
	add_up(into, next);
	return true;
}
