// SPDX-License-Identifier: Apache-2.0
/*
 * The stored form: one byte of version and detail, then bits.
 * Numbers are their length (6 bits) and their bits without the first; what may
 * be absent has a bit that says so.  Distributions of a full digest are coded as on the wire, with
 * groups of buckets (2 bits say how many count as one) and the sum within the range that
 * they allow; those of the others are rounded (rounded.h), and so are their counters.
 */
#include "collector/core/digest.h"

#include <stdlib.h>
#include <string.h>

#include "collector/core/rounded.h"

#define VERSION_PLAIN   1 /* every distribution has the groups of its detail */
#define VERSION_EXACT   2
#define VERSION_ROUNDED 3

/* What a brief digest keeps: demand and limits of the resources, losses, and who waited. */
static const enum hr_ctr brief_ctr[] = {HR_CTR_ONCPU_NS, HR_CTR_WAIT_NS, HR_CTR_BURST_N,
	HR_CTR_BURST_LATE_N, HR_CTR_STAT_USER_MS, HR_CTR_STAT_SYSTEM_MS, HR_CTR_STAT_IDLE_MS,
	HR_CTR_STAT_IRQ_MS, HR_CTR_RUNNING_MAX, HR_CTR_STEAL_MS, HR_CTR_STEAL_MAX_MS,
	HR_CTR_SOFTNET_DROP_N, HR_CTR_PSI_CPU_SOME_US, HR_CTR_PSI_MEM_SOME_US,
	HR_CTR_PSI_MEM_FULL_US, HR_CTR_PSI_IO_SOME_US, HR_CTR_PSI_IO_FULL_US,
	HR_CTR_QUOTA_THROTTLED_US, HR_CTR_MEMCG_MAX_N, HR_CTR_MEMCG_OOM_N, HR_CTR_RECLAIM_NS,
	HR_CTR_OOM_N, HR_CTR_REFAULT_ANON_N, HR_CTR_REFAULT_FILE_N, HR_CTR_SWAP_IN_N,
	HR_CTR_MEM_AVAILABLE_BYTES, HR_CTR_MEM_ANON_BYTES, HR_CTR_TCP_OUT_SEGS,
	HR_CTR_TCP_RETRANS_N, HR_CTR_LISTEN_DROP_N};
static const enum hr_dctr brief_dctr[] = {HR_DCTR_RD_N, HR_DCTR_WR_N, HR_DCTR_RD_BYTES,
	HR_DCTR_WR_BYTES, HR_DCTR_IO_ERROR_N, HR_DCTR_IO_INFLIGHT_NS, HR_DCTR_RX_BYTES,
	HR_DCTR_TX_BYTES, HR_DCTR_RX_DROP_N, HR_DCTR_TX_DROP_N, HR_DCTR_QDISC_DROP_N,
	HR_DCTR_ALLOWANCE_EXCEEDED_N};
static const enum hr_dist brief_dist[] = {
	HR_DIST_RUNQ_WAIT, HR_DIST_BUSY_1S, HR_DIST_STEAL_1S, HR_DIST_SOFTIRQ_CPU, HR_DIST_RECLAIM};
static const enum hr_ddist brief_ddist[] = {HR_DDIST_RD_LAT, HR_DDIST_WR_LAT, HR_DDIST_OPS_100MS,
	HR_DDIST_RX_KIB_100MS, HR_DDIST_TX_KIB_100MS};

/* A lean one: demand, and what says that it was not met. */
static const enum hr_ctr lean_ctr[] = {HR_CTR_ONCPU_NS, HR_CTR_WAIT_NS, HR_CTR_STAT_USER_MS,
	HR_CTR_STAT_SYSTEM_MS, HR_CTR_STAT_IRQ_MS, HR_CTR_STEAL_MS, HR_CTR_SOFTNET_DROP_N,
	HR_CTR_PSI_CPU_SOME_US, HR_CTR_PSI_MEM_SOME_US, HR_CTR_PSI_IO_SOME_US,
	HR_CTR_QUOTA_THROTTLED_US, HR_CTR_OOM_N, HR_CTR_SWAP_IN_N, HR_CTR_MEM_AVAILABLE_BYTES,
	HR_CTR_TCP_RETRANS_N, HR_CTR_LISTEN_DROP_N};
static const enum hr_dctr lean_dctr[] = {HR_DCTR_RD_N, HR_DCTR_WR_N, HR_DCTR_IO_ERROR_N,
	HR_DCTR_RX_BYTES, HR_DCTR_TX_BYTES, HR_DCTR_RX_DROP_N, HR_DCTR_TX_DROP_N,
	HR_DCTR_QDISC_DROP_N, HR_DCTR_ALLOWANCE_EXCEEDED_N};

#define COUNT_MAX (1ULL << 56) /* of windows, samples: 64 such in a row can still be written */

#define LEN(a) ((uint32_t)(sizeof(a) / sizeof((a)[0])))

/* Bits to or from a row; the first failure ends all. */
struct coder {
	struct hr_bits b;
	bool ok;
	unsigned version;
	enum hr_digest_detail detail;
	uint32_t n[4]; /* how many counters, distributions, of devices: known when it was written */
	uint64_t total; /* samples of the distribution before, when they are rounded */
};

static void put(struct coder *c, uint64_t v, unsigned n)
{
	c->ok = c->ok && hr_bits_put(&c->b, v, n);
}

static uint64_t get(struct coder *c, unsigned n)
{
	uint64_t v = 0;

	c->ok = c->ok && hr_bits_get(&c->b, n, &v);
	return c->ok ? v : 0;
}

static unsigned bit_length(uint64_t v)
{
	return v == 0 ? 0 : 64 - (unsigned)__builtin_clzll(v);
}

static void put_num(struct coder *c, uint64_t v)
{
	c->ok = c->ok && hr_num_put(&c->b, v);
}

static uint64_t get_num(struct coder *c)
{
	uint64_t v = 0;

	c->ok = c->ok && hr_num_get(&c->b, &v);
	return c->ok ? v : 0;
}

static void put_ctr(struct coder *c, uint64_t v)
{
	if (c->version == VERSION_ROUNDED)
		c->ok = c->ok && hr_rounded_num_put(&c->b, v);
	else
		put_num(c, v);
}

static uint64_t get_ctr(struct coder *c)
{
	uint64_t v = 0;

	if (c->version != VERSION_ROUNDED)
		return get_num(c);
	c->ok = c->ok && hr_rounded_num_get(&c->b, &v);
	return c->ok ? v : 0;
}

uint64_t hr_digest_samples(const struct hr_summary *s)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < LEN(brief_dist); i++)
		sum += s->dist[brief_dist[i]].total;
	for (uint8_t k = 0; k < s->n_dev; k++)
		for (uint32_t i = 0; i < LEN(brief_ddist); i++)
			sum += s->dev[k].dist[brief_ddist[i]].total;
	return sum;
}

/* --- counters --- */

/* The @i-th number of kind @which that this detail keeps. */
static uint32_t id_of(enum hr_digest_detail detail, unsigned which, uint32_t i)
{
	if (detail == HR_DIGEST_FULL || detail == HR_DIGEST_FINE)
		return i;
	switch (which) {
	case 0:
		return detail == HR_DIGEST_LEAN ? lean_ctr[i] : brief_ctr[i];
	case 1:
		return detail == HR_DIGEST_LEAN ? lean_dctr[i] : brief_dctr[i];
	case 2:
		return brief_dist[i];
	default:
		return brief_ddist[i];
	}
}

static uint32_t known(enum hr_digest_detail detail, unsigned which)
{
	static const uint32_t n[][4] = {
		[HR_DIGEST_FULL] = {HR_CTR_N, HR_DCTR_N, HR_DIST_N, HR_DDIST_N},
		[HR_DIGEST_BRIEF] = {LEN(brief_ctr), LEN(brief_dctr), LEN(brief_dist),
			LEN(brief_ddist)},
		[HR_DIGEST_LEAN] = {LEN(lean_ctr), LEN(lean_dctr), LEN(brief_dist),
			LEN(brief_ddist)},
		[HR_DIGEST_FINE] = {HR_CTR_N, HR_DCTR_N, HR_DIST_N, HR_DDIST_N},
		[HR_DIGEST_SHARP] = {LEN(brief_ctr), LEN(brief_dctr), LEN(brief_dist),
			LEN(brief_ddist)},
	};

	return n[detail][which];
}

/* log2 of the buckets in a group; a lean digest has waits and latencies by the octave. */
static unsigned shift_of(enum hr_digest_detail detail, unsigned which, uint32_t id)
{
	if (detail == HR_DIGEST_FULL || detail == HR_DIGEST_FINE || detail == HR_DIGEST_SHARP)
		return 1;
	if (detail == HR_DIGEST_BRIEF)
		return 2;
	if (which == 2)
		return id == HR_DIST_BUSY_1S ? 2 : 3;
	return id == HR_DDIST_RD_LAT || id == HR_DDIST_WR_LAT ? 3 : 2;
}

static bool has(unsigned which, uint32_t id, uint64_t have)
{
	enum hr_signal s = which == 0   ? hr_ctr_signal((enum hr_ctr)id)
			   : which == 1 ? hr_dctr_signal((enum hr_dctr)id)
			   : which == 2 ? hr_dist_signal((enum hr_dist)id)
					: hr_ddist_signal((enum hr_ddist)id);

	return have & HR_SIG_BIT(s);
}

static void put_ctrs(struct coder *c, unsigned which, const uint64_t *v, uint64_t have)
{
	for (uint32_t i = 0; i < c->n[which]; i++) {
		uint32_t id = id_of(c->detail, which, i);

		if (!has(which, id, have))
			continue;
		put(c, v[id] != 0, 1);
		if (v[id] != 0)
			put_ctr(c, v[id]);
	}
}

static void get_ctrs(struct coder *c, unsigned which, uint64_t *v, uint64_t have)
{
	for (uint32_t i = 0; i < c->n[which]; i++) {
		uint32_t id = id_of(c->detail, which, i);

		if (has(which, id, have))
			v[id] = get(c, 1) ? get_ctr(c) : 0;
	}
}

/* --- distributions --- */

struct groups {
	uint32_t first, last;
	uint32_t n[HR_BUCKETS];
};

static uint32_t lo_of(uint32_t group, unsigned shift)
{
	return hr_bucket_lo(group << shift);
}

static uint32_t hi_of(uint32_t group, unsigned shift)
{
	uint32_t last = (group << shift) + (1u << shift) - 1;

	return hr_bucket_hi(last < HR_BUCKETS ? last : HR_BUCKETS - 1);
}

/* Bits of the place of the largest value within its group, and of the sum within its range. */
static unsigned max_bits(const struct groups *g, unsigned shift)
{
	return bit_length(hi_of(g->last, shift) - lo_of(g->last, shift));
}

/* The smallest sum that the groups allow, and the bits of the range.  False: more than 64 bits. */
static bool sum_range(const struct groups *g, unsigned shift, uint64_t *ret_lo, unsigned *ret_bits)
{
	uint64_t lo = 0, hi = 0, part;

	for (uint32_t i = g->first; i <= g->last; i++) {
		lo += (uint64_t)g->n[i] * lo_of(i, shift);
		if (__builtin_mul_overflow((uint64_t)g->n[i], hi_of(i, shift), &part) ||
			__builtin_add_overflow(hi, part, &hi))
			return false;
	}
	*ret_lo = lo;
	*ret_bits = bit_length(hi - lo);
	return true;
}

/* Counts added over a VM's life in one row fit: 64 bits take 2^32 samples of the largest value. */
static void put_hist(struct coder *c, unsigned shift, const struct hr_hist *h)
{
	unsigned bits;
	struct groups g = {0};
	uint32_t before = 0;
	uint64_t lo;

	shift = h->shift > shift ? h->shift : shift;
	put(c, h->total != 0, 1);
	if (h->total == 0)
		return;
	put(c, shift, 2);
	g.first = HR_BUCKETS;
	for (uint32_t i = 0; i < HR_BUCKETS; i++) {
		if (h->n[i] == 0)
			continue;
		g.last = i >> shift;
		g.first = g.first < g.last ? g.first : g.last;
		c->ok = c->ok && !__builtin_add_overflow(g.n[g.last], h->n[i], &g.n[g.last]);
	}
	put(c, g.first, 7);
	put(c, g.last - g.first, 7);
	for (uint32_t i = g.first; i <= g.last; i++) {
		c->ok = c->ok && hr_bits_put_count(&c->b, before, g.n[i]);
		before = g.n[i];
	}
	c->ok = c->ok && sum_range(&g, shift, &lo, &bits);
	if (!c->ok)
		return;
	put(c, h->max - lo_of(g.last, shift), max_bits(&g, shift));
	put(c, h->sum - lo, bits);
}

static void get_hist(struct coder *c, unsigned shift, struct hr_hist *h)
{
	unsigned bits = 0;
	struct groups g = {0};
	uint32_t before = 0;
	uint64_t lo = 0;

	memset(h, 0, sizeof(*h));
	if (!get(c, 1))
		return;
	if (c->version != VERSION_PLAIN)
		shift = (unsigned)get(c, 2);
	g.first = (uint32_t)get(c, 7);
	g.last = g.first + (uint32_t)get(c, 7);
	c->ok = c->ok && g.last << shift < HR_BUCKETS;
	for (uint32_t i = g.first; c->ok && i <= g.last; i++) {
		c->ok = hr_bits_get_count(&c->b, before, &g.n[i]);
		before = g.n[i];
		h->total += g.n[i];
	}
	c->ok = c->ok && g.n[g.first] != 0 && g.n[g.last] != 0 && sum_range(&g, shift, &lo, &bits);
	if (!c->ok)
		return;
	h->max = lo_of(g.last, shift) + (uint32_t)get(c, max_bits(&g, shift));
	c->ok = c->ok && h->max <= hi_of(g.last, shift);
	if (!c->ok)
		return;
	h->sum = lo + get(c, bits);
	h->shift = shift;
	for (uint32_t i = g.first; i <= g.last; i++)
		h->n[i << shift] = g.n[i];
}

static void put_hists(struct coder *c, unsigned which, const struct hr_hist *h, uint64_t have)
{
	for (uint32_t i = 0; i < c->n[which]; i++) {
		uint32_t id = id_of(c->detail, which, i);

		if (!has(which, id, have))
			continue;
		if (c->version == VERSION_ROUNDED)
			c->ok = c->ok && hr_rounded_put(&c->b, &h[id],
						 shift_of(c->detail, which, id), &c->total);
		else
			put_hist(c, shift_of(c->detail, which, id), &h[id]);
	}
}

static void get_hists(struct coder *c, unsigned which, struct hr_hist *h, uint64_t have)
{
	for (uint32_t i = 0; i < c->n[which]; i++) {
		uint32_t id = id_of(c->detail, which, i);

		if (!has(which, id, have))
			continue;
		if (c->version == VERSION_ROUNDED)
			c->ok = c->ok && hr_rounded_get(&c->b, &h[id], &c->total);
		else
			get_hist(c, shift_of(c->detail, which, id), &h[id]);
	}
}

/* --- pieces --- */

/*
 * Which signals there are.  Those of a device are few, those of a VM nearly all: so how many are
 * not there, how many then are, and so on, a bit before each pair and a 0 at the end.
 */
static void put_have(struct coder *c, uint64_t have)
{
	if (c->version != VERSION_ROUNDED) {
		put_num(c, have);
		return;
	}
	while (have != 0) {
		unsigned off = (unsigned)__builtin_ctzll(have), on;

		have >>= off;
		on = ~have == 0 ? 64 : (unsigned)__builtin_ctzll(~have);
		put(c, 1, 1);
		c->ok = c->ok && hr_bits_put_golomb(&c->b, off, 0) &&
			hr_bits_put_golomb(&c->b, on - 1, 0);
		have = on < 64 ? have >> on : 0;
	}
	put(c, 0, 1);
}

static uint64_t get_have(struct coder *c)
{
	uint64_t have = 0, off = 0, on = 0;
	unsigned at = 0;

	if (c->version != VERSION_ROUNDED)
		return get_num(c);
	while (get(c, 1)) {
		c->ok = hr_bits_get_golomb(&c->b, 0, &off) && hr_bits_get_golomb(&c->b, 0, &on) &&
			off < 64 && on < 64 && at + off + on < 64;
		if (!c->ok)
			return 0;
		at += (unsigned)off;
		have |= (~0ULL >> (63 - on)) << at;
		at += (unsigned)on + 1;
	}
	return have;
}

/* Nearly always 10 s for each window, and a little more. */
static uint32_t usual_dur(uint64_t windows)
{
	return windows < UINT32_MAX / 10000 ? (uint32_t)windows * 10000 : 0;
}

static void put_dur(struct coder *c, uint64_t windows, uint32_t ms)
{
	if (c->version == VERSION_ROUNDED)
		put_num(c, hr_bits_fold(usual_dur(windows), ms));
	else
		put_num(c, ms);
}

static uint32_t get_dur(struct coder *c, uint64_t windows)
{
	uint64_t v = get_num(c);
	uint32_t ms = (uint32_t)v;

	if (c->version == VERSION_ROUNDED)
		c->ok = c->ok && hr_bits_unfold(usual_dur(windows), v, &ms);
	return ms;
}

static void put_piece(struct coder *c, const struct hr_digest_piece *p)
{
	const struct hr_summary *s = p->s;
	uint64_t have = s->have & ~HR_FOLD_APART;

	put_num(c, p->boot_ord);
	put_num(c, p->windows);
	put_num(c, s->epoch);
	put_num(c, s->cpus);
	put_dur(c, p->windows, s->dur_ms);
	put_num(c, s->lost);
	put_have(c, have);
	put_ctrs(c, 0, s->ctr, have);
	put_hists(c, 2, s->dist, have);
	put(c, s->n_dev, 5);
	for (uint8_t i = 0; i < s->n_dev; i++) {
		put(c, s->dev[i].dev, 4);
		put_have(c, s->dev[i].have);
		put_ctrs(c, 1, s->dev[i].ctr, s->dev[i].have);
		put_hists(c, 3, s->dev[i].dist, s->dev[i].have);
	}
}

static void get_piece(
	struct coder *c, struct hr_summary *s, uint32_t *ret_ord, uint64_t *ret_windows)
{
	memset(s, 0, offsetof(struct hr_summary, dev));
	*ret_ord = (uint32_t)get_num(c);
	*ret_windows = get_num(c);
	c->ok = c->ok && *ret_windows < COUNT_MAX;
	s->epoch = (uint32_t)get_num(c);
	s->cpus = (uint32_t)get_num(c);
	s->dur_ms = get_dur(c, *ret_windows);
	s->lost = (uint32_t)get_num(c);
	s->have = get_have(c);
	s->n_top = 0;
	s->n_group = 0;
	s->n_fs = 0;
	get_ctrs(c, 0, s->ctr, s->have);
	get_hists(c, 2, s->dist, s->have);
	s->n_dev = (uint8_t)get(c, 5);
	c->ok = c->ok && s->n_dev <= HR_DEVS_MAX;
	for (uint8_t i = 0; c->ok && i < s->n_dev; i++) {
		memset(&s->dev[i], 0, sizeof(s->dev[i]));
		s->dev[i].dev = (uint8_t)get(c, 4);
		s->dev[i].have = get_have(c);
		get_ctrs(c, 1, s->dev[i].ctr, s->dev[i].have);
		get_hists(c, 3, s->dev[i].dist, s->dev[i].have);
	}
}

/* How many pieces: a bit when it is one, where room counts. */
static void put_n(struct coder *c, uint32_t n)
{
	if (c->version == VERSION_ROUNDED)
		put(c, n == 1, 1);
	if (c->version != VERSION_ROUNDED || n != 1)
		put(c, n, 6);
}

static uint32_t get_n(struct coder *c)
{
	return c->version == VERSION_ROUNDED && get(c, 1) ? 1 : (uint32_t)get(c, 6);
}

/* Counts of numbers known at the time of writing: later ones are appended. */
static const unsigned width[] = {8, 7, 5, 5};
_Static_assert(HR_CTR_N < 256 && HR_DCTR_N < 128 && HR_DIST_N < 32 && HR_DDIST_N < 32, "widths");
_Static_assert(HR_DEVS_MAX <= 16 && HR_BUCKETS <= 256, "bits of a device, and of a group");

/* Rounded digests began with so many; a bit says that it is still so. */
static const uint32_t began[][4] = {[HR_DIGEST_BRIEF] = {30, 12, 5, 5},
	[HR_DIGEST_LEAN] = {16, 9, 5, 5},
	[HR_DIGEST_FINE] = {76, 41, 10, 8},
	[HR_DIGEST_SHARP] = {30, 12, 5, 5}};

static void put_known(struct coder *c)
{
	bool same = c->version == VERSION_ROUNDED;

	for (unsigned w = 0; w < 4; w++) {
		c->n[w] = known(c->detail, w);
		same = same && c->n[w] == began[c->detail][w];
	}
	if (c->version == VERSION_ROUNDED)
		put(c, same, 1);
	for (unsigned w = 0; w < 4 && !same; w++)
		put(c, c->n[w], width[w]);
}

static void get_known(struct coder *c)
{
	bool same = c->version == VERSION_ROUNDED && get(c, 1);

	for (unsigned w = 0; w < 4 && c->ok; w++) {
		c->n[w] = same ? began[c->detail][w] : (uint32_t)get(c, width[w]);
		c->ok = c->ok && c->n[w] <= known(c->detail, w);
	}
}

static size_t encode(const struct hr_digest *d, enum hr_digest_detail detail, void *buf, size_t cap)
{
	struct coder c = {.b = {.buf = buf, .cap = cap}, .ok = true, .detail = detail};

	c.version = detail == HR_DIGEST_FULL ? VERSION_EXACT : VERSION_ROUNDED;
	put(&c, c.version << 4 | (unsigned)detail, 8);
	put_known(&c);
	put(&c, d->bare_windows != 0, 1);
	if (d->bare_windows != 0) {
		put_num(&c, d->bare_windows);
		put_num(&c, d->bare_samples);
	}
	put_n(&c, d->n);
	for (uint32_t i = 0; i < d->n; i++)
		put_piece(&c, &d->piece[i]);
	return c.ok ? hr_bits_bytes(&c.b) : 0;
}

size_t hr_digest_encode(struct hr_digest *d, enum hr_digest_detail detail, void *buf, size_t cap)
{
	size_t len;

	/* only what a hostile sender makes up is too long: it keeps its counts, no more */
	while ((len = encode(d, detail, buf, cap)) == 0 && d->n > 0) {
		const struct hr_digest_piece *p = &d->piece[--d->n];

		d->bare_windows += p->windows;
		d->bare_samples += hr_digest_samples(p->s);
	}
	return len;
}

static void get_head(struct coder *c, struct hr_digest *d)
{
	unsigned tag = (unsigned)get(c, 8);

	c->detail = (enum hr_digest_detail)(tag & 15);
	c->version = tag >> 4;
	c->ok = c->ok && c->version >= VERSION_PLAIN && c->version <= VERSION_ROUNDED &&
		c->detail >= HR_DIGEST_FULL && c->detail <= HR_DIGEST_SHARP &&
		(c->version != VERSION_ROUNDED || c->detail != HR_DIGEST_FULL);
	if (c->ok)
		get_known(c);
	if (get(c, 1)) {
		uint64_t windows = get_num(c), samples = get_num(c);

		c->ok = c->ok && windows > 0 && windows < COUNT_MAX && samples < COUNT_MAX;
		if (!c->ok)
			return;
		d->windows += windows;
		d->bare_windows += windows;
		d->samples += samples;
		d->bare_samples += samples;
	}
}

enum hr_digest_result hr_digest_decode(struct hr_digest *d, const void *bytes, size_t len)
{
	/* hr_bits_get only reads */
	struct coder c = {.b = {.buf = (unsigned char *)(uintptr_t)bytes, .cap = len}, .ok = true};
	uint32_t n;

	if (!d->scratch && !(d->scratch = malloc(sizeof(*d->scratch))))
		return HR_DIGEST_MEMORY;
	get_head(&c, d);
	n = get_n(&c);
	for (uint32_t i = 0; i < n && c.ok; i++) {
		uint64_t windows;
		uint32_t ord;

		get_piece(&c, d->scratch, &ord, &windows);
		if (c.ok && !hr_digest_add(d, ord, windows, d->scratch))
			return HR_DIGEST_MEMORY;
	}
	return c.ok && hr_bits_done(&c.b) ? HR_DIGEST_OK : HR_DIGEST_DAMAGED;
}
