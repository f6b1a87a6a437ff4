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
	if (n > b->cap * 8 - b->at)
		return false;
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

/* The next 57 bits or more, first one highest; the caller has 8 bytes from here on. */
static uint64_t peek(const struct hr_bits *b)
{
	uint64_t v;

	memcpy(&v, b->buf + b->at / 8, 8);
	if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
		v = __builtin_bswap64(v);
	return v << b->at % 8;
}

bool hr_bits_get(struct hr_bits *b, unsigned n, uint64_t *ret)
{
	uint64_t v = 0;

	if (n > b->cap * 8 - b->at)
		return false;
	if (n <= 56 && b->at / 8 + 8 <= b->cap) { /* nearly always: one load instead of a loop */
		*ret = n == 0 ? 0 : peek(b) >> (64 - n);
		b->at += n;
		return true;
	}
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
		uint64_t v = peek(b);
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

/* Without a branch on the counts: which way one goes from the next nobody can foretell. */
static inline uint64_t unfold(uint32_t before, uint64_t z)
{
	uint64_t half = (z + 1) / 2, down = 0 - (z & 1), n = before + ((half ^ down) - down);

	return z > 2 * (uint64_t)before ? z : n;
}

bool hr_bits_unfold(uint32_t before, uint64_t z, uint32_t *ret)
{
	uint64_t n = unfold(before, z);

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

/*
 * Counts from bucket @i to @last, as long as a load of 8 bytes stays inside: the same as
 * hr_bits_get_count() one after the other, with the place and the count before in registers (a
 * window has 500 of them, and this is where its decoding spends its time).  The next bucket to
 * read; > @last: all are there.  Leaves a malformed or a very long code to the caller.
 */
static uint32_t get_counts(struct hr_bits *b, uint32_t i, uint32_t last, struct hr_hist *h)
{
	uint32_t before = 0, step = 1u << h->shift;
	const unsigned char *buf = b->buf;
	uint64_t total = 0;
	size_t at = b->at, end = b->cap >= 8 ? (b->cap - 8) * 8 + 7 : 0;

	for (; i <= last && at <= end && b->cap >= 8; i += step) {
		unsigned k = order(before), zeros, n;
		uint64_t v;

		memcpy(&v, buf + at / 8, 8);
		if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
			v = __builtin_bswap64(v);
		v <<= at % 8;
		if (v == 0)
			break;
		zeros = (unsigned)__builtin_clzll(v);
		n = 2 * zeros + 1 + k;
		if (n > 57)
			break;
		v = unfold(before, (v << zeros >> (63 - zeros - k)) - (1ULL << k));
		if (v > UINT32_MAX)
			break;
		at += n;
		before = h->n[i] = (uint32_t)v;
		total += v;
	}
	b->at = at;
	h->total += total;
	return i;
}

/*
 * hr_hist_sum_range() of a histogram whose used buckets are known to lie in @first .. @last,
 * @last among them.  False: the smallest sum does not fit.
 */
static bool sum_range(
	const struct hr_hist *h, uint32_t first, uint32_t last, uint64_t *ret_lo, uint64_t *ret_hi)
{
	unsigned __int128 lo = 0, hi = 0;
	uint32_t step = 1u << h->shift, edge = hr_bucket_lo(first);

	for (uint32_t i = first; i < last; i += step) {
		uint32_t next = hr_bucket_lo(i + step);

		lo += (uint64_t)h->n[i] * edge;
		hi += (uint64_t)h->n[i] * (next - 1);
		edge = next;
	}
	/* one sample of the last bucket is max, none of them is above it */
	lo += (uint64_t)(h->n[last] - 1) * hr_bucket_lo(last);
	lo += h->max;
	hi += (uint64_t)h->n[last] * h->max;
	if (lo > UINT64_MAX)
		return false;
	*ret_lo = (uint64_t)lo;
	*ret_hi = hi > UINT64_MAX ? UINT64_MAX : (uint64_t)hi;
	return true;
}

static bool get(struct hr_bits *b, unsigned shift, struct hr_hist *ret_h)
{
	uint32_t step = 1u << shift, from, last, i;
	uint64_t first, len, place, lo, hi, rest;

	memset(ret_h, 0, sizeof(*ret_h));
	ret_h->shift = shift;
	if (!hr_bits_get(b, 8, &first) || !hr_bits_get(b, 8, &len) ||
		(first + len) << shift >= HR_BUCKETS)
		return false;
	from = (uint32_t)first << shift;
	last = (uint32_t)(first + len) << shift;
	for (i = get_counts(b, from, last, ret_h); i <= last; i += step) {
		if (!hr_bits_get_count(b, i > from ? ret_h->n[i - step] : 0, &ret_h->n[i]))
			return false;
		ret_h->total += ret_h->n[i];
	}
	if (ret_h->n[from] == 0 || ret_h->n[last] == 0) /* one way only to write it */
		return false;
	if (!hr_bits_get(b, width_bits(last, shift), &place))
		return false;
	ret_h->max = hr_bucket_lo(last) + (uint32_t)place;
	if (!sum_range(ret_h, from, last, &lo, &hi) ||
		!hr_bits_get(b, bit_length(hi - lo), &rest) || rest > hi - lo)
		return false;
	ret_h->sum = lo + rest;
	return true;
}

bool hr_hist_get(struct hr_bits *b, struct hr_hist *ret_h)
{
	uint64_t shift;

	return hr_bits_get(b, 2, &shift) && get(b, (unsigned)shift, ret_h);
}

bool hr_hist_get_plain(struct hr_bits *b, struct hr_hist *ret_h)
{
	return get(b, 0, ret_h);
}

bool hr_bits_done(const struct hr_bits *b)
{
	struct hr_bits rest = *b;
	uint64_t v;

	return b->cap * 8 - b->at < 8 && hr_bits_get(&rest, (unsigned)(b->cap * 8 - b->at), &v) &&
	       v == 0;
}
