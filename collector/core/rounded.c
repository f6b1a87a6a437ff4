/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bits of a distribution:
 *   1        it has samples; else no more
 *   2        log2 of the buckets that count as one: s
 *   8 - s    first group used
 *   ...      last group used, less the first (Exp-Golomb, order 3)
 *   1, ...   as many samples as the one before it (hr_rounded_put); else their number
 * with more than one group:
 *   ...      which of them is the middle one: its count is what is left of the number
 *   3        order of the codes of the others
 *   ...      the others: steps (step_of), as difference to the one before, folded
 * and
 *   ...      maximum, less the lower edge of the last group
 *   ...      sum, in 2^-8 of the range that all this allows
 */
#include "collector/core/rounded.h"

#include <string.h>

#define NUM_BITS   10
#define SUM_BITS   8
#define SPAN_ORDER 3
#define ORDER_BITS 3
#define ORDERS     (1u << ORDER_BITS)

static unsigned bit_length(uint64_t v)
{
	return v == 0 ? 0 : 64 - (unsigned)__builtin_clzll(v);
}

/* --- numbers --- */

bool hr_num_put(struct hr_bits *b, uint64_t v)
{
	unsigned n = bit_length(v);

	return n < 64 && hr_bits_put(b, n, 6) &&
	       (n < 2 || hr_bits_put(b, v & ((1ULL << (n - 1)) - 1), n - 1));
}

static bool get_length(struct hr_bits *b, unsigned *ret)
{
	uint64_t n;
	bool ok = hr_bits_get(b, 6, &n);

	*ret = ok ? (unsigned)n : 0;
	return ok;
}

bool hr_num_get(struct hr_bits *b, uint64_t *ret_v)
{
	uint64_t rest = 0;
	unsigned n;

	if (!get_length(b, &n) || (n > 1 && !hr_bits_get(b, n - 1, &rest)))
		return false;
	*ret_v = n < 2 ? n : 1ULL << (n - 1) | rest;
	return true;
}

uint64_t hr_num_rounded(uint64_t v)
{
	unsigned n = bit_length(v), off;

	if (n <= NUM_BITS)
		return v;
	off = n - NUM_BITS;
	/* nearest, but not to one of more bits than can be written */
	return ((v >> off) + (v >> (off - 1) & (v + (1ULL << (off - 1)) < 1ULL << 63))) << off;
}

bool hr_rounded_num_put(struct hr_bits *b, uint64_t v)
{
	unsigned n;

	v = hr_num_rounded(v);
	n = bit_length(v);
	if (n <= NUM_BITS)
		return hr_num_put(b, v);
	return n < 64 && hr_bits_put(b, n, 6) &&
	       hr_bits_put(b, v >> (n - NUM_BITS) & ((1u << (NUM_BITS - 1)) - 1), NUM_BITS - 1);
}

bool hr_rounded_num_get(struct hr_bits *b, uint64_t *ret_v)
{
	struct hr_bits at = *b;
	uint64_t rest;
	unsigned n;

	if (!get_length(b, &n))
		return false;
	if (n <= NUM_BITS) {
		*b = at;
		return hr_num_get(b, ret_v);
	}
	if (!hr_bits_get(b, NUM_BITS - 1, &rest))
		return false;
	*ret_v = (1ULL << (NUM_BITS - 1) | rest) << (n - NUM_BITS);
	return true;
}

/* --- rounding --- */

/* log2 of the steps from a power of two to the next: where values are coarser, so are counts. */
static unsigned fine_of(const struct hr_hist *h)
{
	return h->shift < HR_HIST_SHIFT_MAX ? 4 : 3;
}

/* Steps of a count: all to the second power of two, then as many to each. */
static uint32_t step_of(uint32_t n, unsigned fine)
{
	unsigned e = bit_length(n);

	return e <= fine + 1 ? n : ((e - fine - 1) << fine) + (n >> (e - fine - 1));
}

static uint64_t count_of(uint32_t step, unsigned fine)
{
	unsigned e = step >> fine;

	if (e < 2)
		return step;
	return (uint64_t)((1u << fine) + (step & ((1u << fine) - 1))) << (e - 1);
}

/* Even in 64 bits (S. Vigna's splitmix64). */
static uint64_t hash(uint64_t v)
{
	v += 0x9e3779b97f4a7c15;
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9;
	v = (v ^ v >> 27) * 0x94d049bb133111eb;
	return v ^ v >> 31;
}

static uint32_t by_chance(uint32_t n, unsigned fine, uint64_t seed)
{
	uint64_t lo = count_of(step_of(n, fine), fine), hi = count_of(step_of(n, fine) + 1, fine);

	if (n == lo || hi > UINT32_MAX)
		return (uint32_t)lo;
	return (uint32_t)(hash(seed ^ n) % (hi - lo) < n - lo ? hi : lo);
}

/* Buckets: first, last and middle group with samples; the median is in the middle one. */
struct span {
	uint32_t first, last, mid, step;
};

static struct span span_of(const struct hr_hist *h)
{
	struct span s = {.first = HR_BUCKETS, .step = 1u << h->shift};
	uint64_t seen = 0;

	for (uint32_t i = 0; i < HR_BUCKETS; i += s.step) {
		if (h->n[i] == 0)
			continue;
		s.first = s.first < i ? s.first : i;
		s.last = i;
		s.mid = 2 * seen < h->total ? i : s.mid;
		seen += h->n[i];
	}
	return s;
}

/* A distribution as it is read, and what of it is coded. */
struct rounded {
	struct hr_hist h;
	struct span at;
	uint64_t sum_code;
	unsigned sum_bits;
};

/* All but the middle, which gets the rest.  False: they leave it none. */
static bool round_counts(const struct hr_hist *h, bool down, struct rounded *r)
{
	uint64_t rest = h->total, seed = hash(h->total) ^ h->sum;
	unsigned fine = fine_of(h);

	for (uint32_t i = r->at.first; i <= r->at.last; i += r->at.step) {
		if (i == r->at.mid)
			continue;
		r->h.n[i] = down ? (uint32_t)count_of(step_of(h->n[i], fine), fine)
				 : by_chance(h->n[i], fine, hash(seed + i));
		if (r->h.n[i] >= rest)
			return false;
		rest -= r->h.n[i];
	}
	r->h.n[r->at.mid] = (uint32_t)rest;
	return rest <= UINT32_MAX;
}

/* How the sum is coded that is nearest to it, of those that counts and maximum allow. */
static bool round_sum(struct rounded *r)
{
	uint64_t lo, hi, off, most;
	unsigned bits;

	if (!hr_hist_sum_range(&r->h, &lo, &hi))
		return false;
	off = r->h.sum < lo ? 0 : (r->h.sum > hi ? hi : r->h.sum) - lo;
	bits = bit_length(hi - lo);
	r->sum_bits = bits < SUM_BITS ? bits : SUM_BITS;
	bits -= r->sum_bits;
	most = (hi - lo) >> bits;
	r->sum_code = (off >> bits) + (bits > 0 ? off >> (bits - 1) & 1 : 0);
	r->sum_code = r->sum_code < most ? r->sum_code : most;
	r->h.sum = lo + (r->sum_code << bits);
	return true;
}

/* Not of an empty one. */
static bool round_all(const struct hr_hist *h, unsigned shift, struct rounded *ret_r)
{
	struct hr_hist exact = *h;

	if (!hr_hist_coarsen(&exact, shift))
		return false;
	ret_r->h = exact;
	ret_r->at = span_of(&exact);
	return (round_counts(&exact, false, ret_r) || round_counts(&exact, true, ret_r)) &&
	       round_sum(ret_r);
}

bool hr_rounded(const struct hr_hist *h, unsigned shift, struct hr_hist *ret_h)
{
	struct rounded r;

	if (h->total != 0 && !round_all(h, shift, &r))
		return false;
	*ret_h = h->total != 0 ? r.h : (struct hr_hist){0};
	return true;
}

/* --- bits --- */

/* What is coded of the counts but for the middle one: how their steps differ. */
struct steps {
	uint32_t n;
	uint64_t folded[HR_BUCKETS];
};

static void steps_of(const struct rounded *r, struct steps *ret)
{
	unsigned fine = fine_of(&r->h);
	uint32_t before = 0;

	ret->n = 0;
	for (uint32_t i = r->at.first; i <= r->at.last; i += r->at.step) {
		uint32_t step = step_of(r->h.n[i], fine);

		if (i == r->at.mid)
			continue;
		ret->folded[ret->n++] = hr_bits_fold(before, step);
		before = step;
	}
}

/* By the bits that the counts take; an upper bound is good enough to choose by. */
static unsigned best_order(const struct steps *s)
{
	size_t least = SIZE_MAX;
	unsigned best = 0;

	for (unsigned k = 0; k < ORDERS; k++) {
		size_t bits = 0;

		for (uint32_t i = 0; i < s->n; i++)
			bits += 2 * bit_length((s->folded[i] >> k) + 1) - 1 + k;
		best = bits < least ? k : best;
		least = bits < least ? bits : least;
	}
	return best;
}

/* Bits of which group is the middle one, and of the maximum's place in the last. */
static unsigned mid_bits(const struct span *s)
{
	return bit_length((s->last - s->first) / s->step);
}

static unsigned max_bits(const struct hr_hist *h, uint32_t last)
{
	return bit_length(hr_hist_hi(h, last) - hr_bucket_lo(last));
}

static bool put_counts(struct hr_bits *b, const struct rounded *r)
{
	struct steps s;
	unsigned order;
	bool ok;

	steps_of(r, &s);
	order = best_order(&s);
	ok = hr_bits_put(b, (r->at.mid - r->at.first) / r->at.step, mid_bits(&r->at)) &&
	     hr_bits_put(b, order, ORDER_BITS);
	for (uint32_t i = 0; ok && i < s.n; i++)
		ok = hr_bits_put_golomb(b, s.folded[i], order);
	return ok;
}

bool hr_rounded_put(struct hr_bits *b, const struct hr_hist *h, unsigned shift, uint64_t *total)
{
	bool same = h->total == *total;
	struct rounded r;

	if (h->total == 0)
		return hr_bits_put(b, 0, 1);
	*total = h->total;
	return round_all(h, shift, &r) && hr_bits_put(b, 1, 1) && hr_bits_put(b, r.h.shift, 2) &&
	       hr_bits_put(b, r.at.first >> r.h.shift, 8 - r.h.shift) &&
	       hr_bits_put_golomb(b, (r.at.last - r.at.first) >> r.h.shift, SPAN_ORDER) &&
	       hr_bits_put(b, same, 1) && (same || hr_num_put(b, h->total)) &&
	       (r.at.last == r.at.first || put_counts(b, &r)) &&
	       hr_bits_put(b, r.h.max - hr_bucket_lo(r.at.last), max_bits(&r.h, r.at.last)) &&
	       hr_bits_put(b, r.sum_code, r.sum_bits);
}

/* All but the middle; its count is what they leave of the number of samples. */
static bool get_counts(struct hr_bits *b, struct hr_hist *h, struct span *s)
{
	uint64_t mid = 0, order = 0, code, rest = h->total;
	unsigned fine = fine_of(h);
	uint32_t before = 0;

	if (s->last > s->first &&
		(!hr_bits_get(b, mid_bits(s), &mid) || !hr_bits_get(b, ORDER_BITS, &order)))
		return false;
	s->mid = s->first + (uint32_t)mid * s->step;
	if (s->mid > s->last)
		return false;
	for (uint32_t i = s->first; i <= s->last; i += s->step) {
		if (i == s->mid)
			continue;
		if (!hr_bits_get_golomb(b, (unsigned)order, &code) ||
			!hr_bits_unfold(before, code, &before) ||
			before > step_of(UINT32_MAX, fine) || count_of(before, fine) >= rest)
			return false;
		h->n[i] = (uint32_t)count_of(before, fine);
		rest -= h->n[i];
	}
	h->n[s->mid] = (uint32_t)rest;
	return rest > 0 && rest <= UINT32_MAX && h->n[s->first] > 0 && h->n[s->last] > 0;
}

/* Which groups have samples, and how many those are in all. */
static bool get_span(struct hr_bits *b, struct hr_hist *h, struct span *s, uint64_t *total)
{
	uint64_t shift, first, more, same;

	if (!hr_bits_get(b, 2, &shift) || !hr_bits_get(b, 8 - (unsigned)shift, &first) ||
		!hr_bits_get_golomb(b, SPAN_ORDER, &more) || !hr_bits_get(b, 1, &same) ||
		(!same && !hr_num_get(b, total)) || more >= HR_BUCKETS ||
		(first + more) << shift >= HR_BUCKETS)
		return false;
	h->shift = (uint32_t)shift;
	h->total = *total;
	s->step = 1u << shift;
	s->first = (uint32_t)first << shift;
	s->last = s->first + ((uint32_t)more << shift);
	return true;
}

static bool get_sum(struct hr_bits *b, struct hr_hist *h)
{
	uint64_t lo, hi, code;
	unsigned bits;

	if (!hr_hist_sum_range(h, &lo, &hi))
		return false;
	bits = bit_length(hi - lo);
	if (!hr_bits_get(b, bits < SUM_BITS ? bits : SUM_BITS, &code))
		return false;
	bits -= bits < SUM_BITS ? bits : SUM_BITS;
	h->sum = lo + (code << bits);
	return code << bits <= hi - lo;
}

bool hr_rounded_get(struct hr_bits *b, struct hr_hist *ret_h, uint64_t *total)
{
	struct span s = {0};
	uint64_t some, place;

	*ret_h = (struct hr_hist){0};
	if (!hr_bits_get(b, 1, &some))
		return false;
	if (!some)
		return true;
	if (!get_span(b, ret_h, &s, total) || !get_counts(b, ret_h, &s) ||
		!hr_bits_get(b, max_bits(ret_h, s.last), &place))
		return false;
	ret_h->max = hr_bucket_lo(s.last) + (uint32_t)place;
	return ret_h->max <= hr_hist_hi(ret_h, s.last) && get_sum(b, ret_h);
}
