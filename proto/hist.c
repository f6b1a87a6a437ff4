/* SPDX-License-Identifier: Apache-2.0 */
/* The mergeable histogram; bucket edges in bucket.h, meaning in hist.h. */
#include "proto/hist.h"

#include <assert.h>
#include <string.h>

bool hr_hist_add(struct hr_hist *h, uint64_t value, uint32_t count)
{
	uint32_t v = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
	uint32_t b = hr_hist_group(h, hr_bucket(v)), n;
	uint64_t sum;

	if (count == 0)
		return true;
	/* v * count < 2^64: both are below 2^32 */
	if (__builtin_add_overflow(h->n[b], count, &n) ||
		__builtin_add_overflow(h->sum, (uint64_t)v * count, &sum))
		return false;
	h->n[b] = n;
	h->sum = sum;
	h->total += count; /* < 240 * 2^32 as long as no n[] overflows */
	if (v > h->max)
		h->max = v;
	return true;
}

/* Counts of @h in groups of 2^@shift buckets, at the first of each.  False: more than 32 bits. */
static bool grouped(const struct hr_hist *h, unsigned shift, uint32_t ret_n[HR_BUCKETS])
{
	uint32_t step = 1u << h->shift;

	memset(ret_n, 0, HR_BUCKETS * sizeof(ret_n[0]));
	for (uint32_t i = 0; i < HR_BUCKETS; i += step) {
		uint32_t *to = &ret_n[i >> shift << shift];

		if (__builtin_add_overflow(*to, h->n[i], to))
			return false;
	}
	return true;
}

bool hr_hist_coarsen(struct hr_hist *h, unsigned shift)
{
	uint32_t n[HR_BUCKETS];

	assert(shift <= HR_HIST_SHIFT_MAX);
	if (shift <= h->shift)
		return true;
	if (!grouped(h, shift, n))
		return false;
	memcpy(h->n, n, sizeof(n));
	h->shift = shift;
	return true;
}

/* The usual case: both have the same resolution. */
static bool fits_plain(const struct hr_hist *into, const struct hr_hist *from)
{
	uint32_t n;

	for (uint32_t i = 0; i < HR_BUCKETS; i++)
		if (__builtin_add_overflow(into->n[i], from->n[i], &n))
			return false;
	return true;
}

static bool fits_grouped(const struct hr_hist *into, const struct hr_hist *from)
{
	unsigned shift = into->shift > from->shift ? into->shift : from->shift;
	uint32_t a[HR_BUCKETS], b[HR_BUCKETS], n;

	if (!grouped(into, shift, a) || !grouped(from, shift, b))
		return false;
	for (uint32_t i = 0; i < HR_BUCKETS; i++)
		if (__builtin_add_overflow(a[i], b[i], &n))
			return false;
	return true;
}

bool hr_hist_mergeable(const struct hr_hist *into, const struct hr_hist *from)
{
	uint64_t sum;

	if (from->total == 0)
		return true;
	if (__builtin_add_overflow(into->sum, from->sum, &sum))
		return false;
	/* no bucket has more than there are samples: the usual case by far, and 240 counts less */
	if (into->total <= UINT32_MAX && from->total <= UINT32_MAX - into->total)
		return true;
	return into->shift == from->shift ? fits_plain(into, from) : fits_grouped(into, from);
}

#define BLOCK 16 /* counts: whole vectors of them */
_Static_assert(HR_BUCKETS % BLOCK == 0, "whole blocks");

static void add_plain(uint32_t *restrict into, const uint32_t *restrict from, uint32_t end)
{
	for (uint32_t b = 0; b < end; b += BLOCK)
		for (uint32_t i = 0; i < BLOCK; i++)
			into[b + i] += from[b + i];
}

/* @into is not finer.  Above the largest value there is nothing to add. */
static void add_counts(struct hr_hist *into, const struct hr_hist *from)
{
	uint32_t end = hr_bucket(from->max) + 1;

	if (from->shift == into->shift)
		add_plain(into->n, from->n, end);
	else if (into->shift == 1)
		for (uint32_t i = 0; i < end; i += 2)
			into->n[i] += from->n[i] + from->n[i + 1];
	else
		for (uint32_t i = 0, step = 1u << from->shift; i < end; i += step)
			into->n[hr_hist_group(into, i)] += from->n[i];
}

bool hr_hist_merge(struct hr_hist *into, const struct hr_hist *from)
{
	if (!hr_hist_mergeable(into, from))
		return false;
	if (from->total == 0)
		return true;
	if (from->shift > into->shift)
		(void)hr_hist_coarsen(into, from->shift); /* mergeable: it fits */
	add_counts(into, from);
	into->total += from->total;
	into->sum += from->sum;
	if (from->max > into->max)
		into->max = from->max;
	return true;
}

/*
 * Nearest rank: ceil(p * total).  The product of two doubles may land one ulp
 * above an integer (0.07 * 100 = 7.000000000000001), which would count one
 * sample too many; 1e-12 relative is 4500 ulp, far below 1 / total.
 */
static uint64_t rank_of(double p, uint64_t total)
{
	double r = p * (double)total;
	uint64_t k = (uint64_t)r;

	if (r - (double)k > r * 1e-12)
		k++;
	if (k < 1)
		k = 1;
	return k > total ? total : k;
}

/* The bucket of the @k-th sample; HR_BUCKETS: there are not as many. */
static uint32_t rank_from_bottom(const struct hr_hist *h, uint64_t k)
{
	uint64_t seen = 0;
	uint32_t i = 0;

	while (i < HR_BUCKETS && (seen += h->n[i]) < k)
		i++;
	return i;
}

/* The same for a rank near the largest sample, some steps away. */
static uint32_t rank_from_top(const struct hr_hist *h, uint64_t k)
{
	uint64_t above = 0;

	for (uint32_t i = hr_hist_group(h, hr_bucket(h->max)) + 1; i > 0; i--) {
		above += h->n[i - 1];
		if (above > h->total - k)
			return i - 1;
	}
	return HR_BUCKETS;
}

bool hr_hist_quantile(const struct hr_hist *h, double p, struct hr_quantile *ret_q)
{
	uint32_t i, hi;
	uint64_t k;

	assert(p > 0 && p <= 1);
	if (h->total == 0)
		return false;
	k = rank_of(p, h->total);
	if (k == h->total) { /* the largest sample is known exactly */
		*ret_q = (struct hr_quantile){h->max, h->max};
		return true;
	}
	i = p > 0.5 ? rank_from_top(h, k) : rank_from_bottom(h, k);
	if (i == HR_BUCKETS)
		return false; /* total disagrees with the buckets: hr_hist_valid says so too */
	hi = hr_hist_hi(h, i);
	*ret_q = (struct hr_quantile){hr_bucket_lo(i), hi < h->max ? hi : h->max};
	return true;
}

uint64_t hr_hist_above(const struct hr_hist *h, uint32_t value)
{
	uint32_t last = hr_hist_group(h, hr_bucket(h->max));
	uint64_t n = 0;

	/* the group that holds @value may have samples on both sides: left out */
	for (uint32_t i = hr_hist_group(h, hr_bucket(value)) + 1; i <= last; i++)
		n += h->n[i];
	return n;
}

bool hr_hist_sum_range(const struct hr_hist *h, uint64_t *ret_lo, uint64_t *ret_hi)
{
	unsigned __int128 lo = 0, hi = 0; /* 240 * 2^32 * 2^32 does not fit 64 bits */
	uint32_t last = HR_BUCKETS, top = hr_hist_group(h, hr_bucket(h->max));

	for (uint32_t i = 0; i <= top; i++) {
		if (h->n[i] == 0)
			continue;
		lo += (uint64_t)h->n[i] * hr_bucket_lo(i); /* 2^32 * 2^32 fits, their sum may not */
		hi += (uint64_t)h->n[i] * hr_hist_hi(h, i);
		last = i;
	}
	for (uint32_t i = top + 1; i < HR_BUCKETS; i++)
		last = h->n[i] ? i : last;
	if (top != last)
		return false;
	/* one sample of the last bucket is max, none of them is above it */
	lo += h->max - hr_bucket_lo(last);
	hi -= (unsigned __int128)h->n[last] * (hr_hist_hi(h, last) - h->max);
	if (lo > UINT64_MAX)
		return false;
	*ret_lo = (uint64_t)lo;
	*ret_hi = hi > UINT64_MAX ? UINT64_MAX : (uint64_t)hi;
	return true;
}

bool hr_hist_valid(const struct hr_hist *h)
{
	uint64_t total = 0, lo, hi;

	if (h->shift > HR_HIST_SHIFT_MAX)
		return false;
	for (uint32_t i = 0; i < HR_BUCKETS; i++) {
		if (h->n[i] && i != hr_hist_group(h, i))
			return false;
		total += h->n[i];
	}
	if (total != h->total)
		return false;
	if (total == 0)
		return h->sum == 0 && h->max == 0;
	return hr_hist_sum_range(h, &lo, &hi) && h->sum >= lo && h->sum <= hi;
}
