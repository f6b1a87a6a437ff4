/* SPDX-License-Identifier: Apache-2.0 */
/* Format in hist_bits.h; Exp-Golomb codes as in S. Golomb 1966, J. Teuhola 1978. */
#include "proto/hist_bits.h"

#include <string.h>

#define PREFIX_MAX 36 /* a folded difference is below 2^34 */

static unsigned bit_length(uint64_t v)
{
	return v == 0 ? 0 : 64 - (unsigned)__builtin_clzll(v);
}

bool hr_bits_put(struct hr_bits *b, uint64_t v, unsigned n)
{
	unsigned off = (unsigned)(b->at % 8);

	if (n > b->cap * 8 - b->at)
		return false;
	if (n > 0 && n <= 64 - off && b->at / 8 + 8 <= b->cap) {
		unsigned char *p = b->buf + b->at / 8;
		uint64_t all = v << (64 - n) >> off;

		if (off > 0)
			all |= (uint64_t)*p << 56;
		for (unsigned i = 0; i < 8; i++) /* one store; so the padding at the end is 0 */
			p[i] = (unsigned char)(all >> (56 - 8 * i));
		b->at += n;
		return true;
	}
	while (n > 0) {
		unsigned left = 8 - (unsigned)(b->at % 8), take = n < left ? n : left;
		unsigned piece = (unsigned)(v >> (n - take)) & ((1u << take) - 1);

		if (left == 8)
			b->buf[b->at / 8] = 0; /* so the padding at the end is 0 */
		b->buf[b->at / 8] |= (unsigned char)(piece << (left - take));
		b->at += take;
		n -= take;
	}
	return true;
}

bool hr_bits_get_bytewise(struct hr_bits *b, unsigned n, uint64_t *ret)
{
	uint64_t v = 0;

	if (n > b->cap * 8 - b->at)
		return false;
	while (n > 0) {
		unsigned left = 8 - (unsigned)(b->at % 8), take = n < left ? n : left;

		v = v << take | ((unsigned)b->buf[b->at / 8] >> (left - take) & ((1u << take) - 1));
		b->at += take;
		n -= take;
	}
	*ret = v;
	return true;
}

/* Exp-Golomb of order @k: as many zeros as v + 2^k has bits beyond k + 1, then those bits. */
bool hr_bits_put_golomb(struct hr_bits *b, uint64_t v, unsigned k)
{
	unsigned n = bit_length(v += 1ULL << k);

	return hr_bits_put(b, 0, n - 1 - k) && hr_bits_put(b, v, n);
}

bool hr_bits_get_golomb(struct hr_bits *b, unsigned k, uint64_t *ret)
{
	unsigned zeros = 0;
	uint64_t bit, rest;

	if (b->at / 8 + 8 <= b->cap) {
		uint64_t v = hr_bits_load(b->buf + b->at / 8) << b->at % 8;
		unsigned n;

		zeros = v ? (unsigned)__builtin_clzll(v) : 64;
		n = 2 * zeros + 1 + k;
		if (v && n <= 57) {
			b->at += n;
			*ret = (v << zeros >> (63 - zeros - k)) - (1ULL << k);
			return true;
		}
		zeros = 0;
	}
	for (;; zeros++) {
		if (zeros > PREFIX_MAX || !hr_bits_get(b, 1, &bit))
			return false;
		if (bit)
			break;
	}
	if (!hr_bits_get(b, zeros + k, &rest))
		return false;
	*ret = (1ULL << (zeros + k) | rest) - (1ULL << k);
	return true;
}

/* About log2 of twice the standard deviation of a count like @before. */
static unsigned order(uint32_t before)
{
	return (bit_length(before) + 1) / 2;
}

uint64_t hr_bits_fold(uint32_t before, uint32_t n)
{
	if (n < before)
		return 2 * (uint64_t)(before - n) - 1;
	if (n - before <= before)
		return 2 * (uint64_t)(n - before);
	return n;
}

bool hr_bits_unfold(uint32_t before, uint64_t z, uint32_t *ret)
{
	uint64_t n = z > 2 * (uint64_t)before ? z : z % 2 ? before - (z + 1) / 2 : before + z / 2;

	if (n > UINT32_MAX)
		return false;
	*ret = (uint32_t)n;
	return true;
}

/* Bits of the place within the group of 2^@shift buckets from @i on: log2 of its width. */
static unsigned width_bits(uint32_t i, unsigned shift)
{
	uint32_t g = i >> HR_BUCKET_BITS;

	return (g == 0 ? 0 : g - 1) + shift;
}

bool hr_bits_put_count(struct hr_bits *b, uint32_t before, uint32_t n)
{
	return hr_bits_put_golomb(b, hr_bits_fold(before, n), order(before));
}

bool hr_bits_get_count(struct hr_bits *b, uint32_t before, uint32_t *ret)
{
	uint64_t z;

	return hr_bits_get_golomb(b, order(before), &z) && hr_bits_unfold(before, z, ret);
}

static bool put(struct hr_bits *b, const struct hr_hist *h)
{
	uint32_t step = 1u << h->shift, first = 0, last = HR_BUCKETS - step, before = 0;
	uint64_t lo, hi;

	while (first < last && h->n[first] == 0)
		first += step;
	while (last > first && h->n[last] == 0)
		last -= step;
	if (!hr_hist_sum_range(h, &lo, &hi) || !hr_bits_put(b, h->shift, 2) ||
		!hr_bits_put(b, first >> h->shift, 8) ||
		!hr_bits_put(b, (last - first) >> h->shift, 8))
		return false;
	for (uint32_t i = first; i <= last; i += step) {
		if (!hr_bits_put_count(b, before, h->n[i]))
			return false;
		before = h->n[i];
	}
	return hr_bits_put(b, h->max - hr_bucket_lo(last), width_bits(last, h->shift)) &&
	       hr_bits_put(b, h->sum - lo, bit_length(hi - lo));
}

bool hr_hist_put(struct hr_bits *b, const struct hr_hist *h, unsigned shift)
{
	struct hr_hist coarse;

	if (shift <= h->shift)
		return put(b, h);
	coarse = *h;
	return hr_hist_coarsen(&coarse, shift) && put(b, &coarse);
}

/* hr_bucket_lo() of every bucket, and of the one behind the last, modulo 2^32. */
#define ROW(g)                                                                                     \
	8U << (g), 9U << (g), 10U << (g), 11U << (g), 12U << (g), 13U << (g), 14U << (g), 15U << (g)
static const uint32_t edges[HR_BUCKETS + 1] = {0, 1, 2, 3, 4, 5, 6, 7, ROW(0), ROW(1), ROW(2),
	ROW(3), ROW(4), ROW(5), ROW(6), ROW(7), ROW(8), ROW(9), ROW(10), ROW(11), ROW(12), ROW(13),
	ROW(14), ROW(15), ROW(16), ROW(17), ROW(18), ROW(19), ROW(20), ROW(21), ROW(22), ROW(23),
	ROW(24), ROW(25), ROW(26), ROW(27), ROW(28), 0};

/* order() of the counts that nearly all are. */
#define ORDERS 1024
static const uint8_t orders[ORDERS] = {
	[1 ... 3] = 1, [4 ... 15] = 2, [16 ... 63] = 3, [64 ... 255] = 4, [256 ... 1023] = 5};

/* A histogram while it is read: buckets @first, @first + @step ... @last have a count. */
struct run {
	uint32_t first, last, step;
	uint32_t *n;
	uint64_t total;
	uint64_t lo, hi; /* sum of the values, were all at an edge; void once total has 33 bits */
	bool wide;       /* a count had more than 32 bits */
};

static void run_add(struct run *r, uint32_t i, uint64_t count)
{
	r->n[i] = (uint32_t)count;
	r->total += count;
	r->lo += count * edges[i];
	r->hi += count * (edges[i + r->step] - 1);
}

/*
 * Counts, as long as a load of 8 bytes stays inside: the same as hr_bits_get_count() one after the
 * other.  A window has 500 of them, and this is where its decoding spends its time, waiting: where
 * a code ends follows from the count before it.  So what stands between one count and the next is
 * kept short and has no branch on their values (nobody can foretell them), and the sums are made
 * beside it.  The next bucket to read; > last: all are there.  Leaves a malformed or a very long
 * code to the caller.
 */
static uint32_t get_counts(struct hr_bits *b, struct run *run)
{
	const unsigned char *p = b->buf + b->at / 8, *end = b->buf + b->cap;
	unsigned k = 0, has = 8 - (unsigned)(b->at % 8); /* bits of @v that are next */
	uint64_t v, before = 0, wide = 0;
	struct run r = *run; /* in registers */
	uint32_t i = r.first;

	if (end - p <= 8)
		return i;
	end -= 8;
	v = (uint64_t)*p++ << (64 - has);
	for (; i <= r.last && p <= end; i += r.step) {
		uint64_t x, z, one = 1ULL << k;
		unsigned top, len;

		/* 56 bits or more; of those that are there already some come again */
		v |= hr_bits_load(p) >> has;
		p += (63 - has) / 8;
		has |= 56;
		top = 63 ^ (unsigned)__builtin_clzll(v | 1);
		len = 127 - 2 * top + k; /* zeros, one, and as many as the zeros and k */
		if (len > 56)
			break;
		x = v >> ((2 * top - 63 - k) & 63); /* the code as a number */
		v <<= len;
		has -= len;
		/* hr_bits_unfold() */
		z = x - one;
		x = before + ((x / 2 - one / 2) ^ (0 - (x & 1)));
		x ^= (x ^ z) & (0 - (uint64_t)(z >= 2 * before));
		run_add(&r, i, x);
		wide |= x;
		before = x;
		k = x < ORDERS ? orders[x] : order((uint32_t)x);
	}
	b->at = (size_t)(p - b->buf) * 8 - has;
	r.wide = wide > UINT32_MAX;
	*run = r;
	return i;
}

/* Those, and what they left. */
static bool get_all(struct hr_bits *b, struct run *r)
{
	for (uint32_t i = get_counts(b, r); i <= r->last; i += r->step) {
		uint32_t n;

		if (!hr_bits_get_count(b, i > r->first ? r->n[i - r->step] : 0, &n))
			return false;
		run_add(r, i, n);
	}
	/* one way only to write it */
	return !r->wide && r->n[r->first] > 0 && r->n[r->last] > 0;
}

/* Smallest and largest sum, with one sample at @max and none above it.  False: beyond 64 bits. */
static bool sum_range(const struct run *r, uint32_t max, uint64_t *ret_lo, uint64_t *ret_hi)
{
	unsigned __int128 lo = 0, hi = 0;

	if (r->total <= UINT32_MAX) {
		*ret_lo = r->lo + (max - edges[r->last]);
		*ret_hi = r->hi - (uint64_t)r->n[r->last] * (edges[r->last + r->step] - 1 - max);
		return true;
	}
	for (uint32_t i = r->first; i < r->last; i += r->step) {
		lo += (uint64_t)r->n[i] * edges[i];
		hi += (uint64_t)r->n[i] * (edges[i + r->step] - 1);
	}
	lo += (uint64_t)(r->n[r->last] - 1) * edges[r->last];
	lo += max;
	hi += (uint64_t)r->n[r->last] * max;
	if (lo > UINT64_MAX)
		return false;
	*ret_lo = (uint64_t)lo;
	*ret_hi = hi > UINT64_MAX ? UINT64_MAX : (uint64_t)hi;
	return true;
}

/* All of @h but the buckets that @ret_run says nothing about. */
static bool get(struct hr_bits *b, unsigned shift, struct hr_hist *h, struct run *ret_run)
{
	uint64_t span, place, lo, hi, rest;
	struct run r = {.n = h->n, .step = 1u << shift};

	if (!hr_bits_get(b, 16, &span) || ((span >> 8) + (span & 255)) << shift >= HR_BUCKETS)
		return false;
	r.first = (uint32_t)(span >> 8) << shift;
	r.last = r.first + ((uint32_t)(span & 255) << shift);
	if (!get_all(b, &r) || !hr_bits_get(b, width_bits(r.last, shift), &place))
		return false;
	h->shift = shift;
	h->total = r.total;
	h->max = edges[r.last] + (uint32_t)place;
	if (!sum_range(&r, h->max, &lo, &hi) || !hr_bits_get(b, bit_length(hi - lo), &rest) ||
		rest > hi - lo)
		return false;
	h->sum = lo + rest;
	*ret_run = r;
	return true;
}

static bool get_whole(struct hr_bits *b, unsigned shift, struct hr_hist *ret_h)
{
	struct run r;

	if (shift > 0) /* there are others between them */
		memset(ret_h->n, 0, sizeof(ret_h->n));
	if (!get(b, shift, ret_h, &r))
		return false;
	memset(ret_h->n, 0, r.first * sizeof(ret_h->n[0]));
	memset(ret_h->n + r.last + 1, 0, (HR_BUCKETS - 1 - r.last) * sizeof(ret_h->n[0]));
	return true;
}

bool hr_hist_get(struct hr_bits *b, struct hr_hist *ret_h)
{
	uint64_t shift;

	return hr_bits_get(b, 2, &shift) && get_whole(b, (unsigned)shift, ret_h);
}

bool hr_hist_get_plain(struct hr_bits *b, struct hr_hist *ret_h)
{
	return get_whole(b, 0, ret_h);
}

bool hr_hist_pass(struct hr_bits *b, bool plain)
{
	uint64_t shift = 0;
	struct hr_hist h;
	struct run r;

	return (plain || hr_bits_get(b, 2, &shift)) && get(b, (unsigned)shift, &h, &r);
}

bool hr_bits_done(const struct hr_bits *b)
{
	struct hr_bits rest = *b;
	uint64_t v;

	return b->cap * 8 - b->at < 8 && hr_bits_get(&rest, (unsigned)(b->cap * 8 - b->at), &v) &&
	       v == 0;
}
