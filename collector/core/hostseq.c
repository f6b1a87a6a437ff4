// SPDX-License-Identifier: Apache-2.0
/*
 * Ranges of sequence numbers already stored.  Invariant: a sequence <= high is
 * stored unless its bit is clear (within the last 64), it lies in a gap, or it
 * is below the floor, where nothing is known.
 */
#include "collector/core/hostseq.h"

#include <assert.h>
#include <string.h>

#define WINDOW 64 /* bits */

/* Lowest sequence the bitmap speaks of. */
static uint64_t window_low(const struct hr_hostseq *h)
{
	return h->high >= WINDOW - 1 ? h->high - (WINDOW - 1) : 0;
}

/* Bits of first..last, both inside the window. */
static uint64_t range_mask(const struct hr_hostseq *h, uint64_t first, uint64_t last)
{
	uint64_t from = h->high - last, n = last - first + 1;

	return (n >= WINDOW ? ~0ULL : (1ULL << n) - 1) << from;
}

/* How many of first..last (<= high, >= floor) are stored. */
static uint64_t count_stored(const struct hr_hostseq *h, uint64_t first, uint64_t last)
{
	uint64_t low = window_low(h), n = 0;

	if (last >= low) {
		uint64_t from = first > low ? first : low;

		n += (uint64_t)__builtin_popcountll(h->bits & range_mask(h, from, last));
		if (first >= low)
			return n;
		last = low - 1;
	}
	n += last - first + 1;
	for (size_t i = 0; i < h->n_gaps; i++) {
		const struct hr_hostseq_gap *g = &h->gap[i];
		uint64_t a = g->first > first ? g->first : first;
		uint64_t b = g->last < last ? g->last : last;

		if (a <= b)
			n -= b - a + 1;
	}
	return n;
}

/* The gap that holds all of first..last, which is known to be unstored and below the window. */
static size_t find_gap(const struct hr_hostseq *h, uint64_t first, uint64_t last)
{
	size_t i = 0;

	while (i < h->n_gaps && !(h->gap[i].first <= first && last <= h->gap[i].last))
		i++;
	assert(i < h->n_gaps);
	return i;
}

enum hr_hostseq_result hr_hostseq_check(const struct hr_hostseq *h, uint64_t first, uint64_t last)
{
	uint64_t stored;

	if (first > last || last > HR_HOSTSEQ_SEQ_MAX)
		return HR_HOSTSEQ_INVALID;
	if (!h->any || first > h->high)
		return HR_HOSTSEQ_NEW;
	if (first < h->floor)
		return HR_HOSTSEQ_FORGOTTEN;
	if (last > h->high)
		return HR_HOSTSEQ_OVERLAP; /* high itself is stored */
	stored = count_stored(h, first, last);
	if (stored == last - first + 1)
		return HR_HOSTSEQ_DUPLICATE;
	return stored > 0 ? HR_HOSTSEQ_OVERLAP : HR_HOSTSEQ_NEW;
}

/* Nothing more is known of the oldest gap.  Its sequences. */
static uint64_t give_up_oldest(struct hr_hostseq *h)
{
	uint64_t n = h->gap[0].last - h->gap[0].first + 1;

	h->floor = h->gap[0].last + 1;
	h->n_gaps--;
	memmove(&h->gap[0], &h->gap[1], h->n_gaps * sizeof(h->gap[0]));
	return n;
}

/* Appends a gap above all others, or widens the last one.  Sequences given up to make room. */
static uint64_t push_gap(struct hr_hostseq *h, uint64_t first, uint64_t last)
{
	uint64_t forgotten;

	if (h->n_gaps > 0 && h->gap[h->n_gaps - 1].last + 1 == first) {
		h->gap[h->n_gaps - 1].last = last;
		return 0;
	}
	forgotten = h->n_gaps == HR_HOSTSEQ_GAPS ? give_up_oldest(h) : 0;
	h->gap[h->n_gaps++] = (struct hr_hostseq_gap){first, last};
	return forgotten;
}

/* first..last lies above high: the bitmap moves up, clear bits that leave it become gaps. */
static uint64_t extend(struct hr_hostseq *h, uint64_t first, uint64_t last)
{
	uint64_t old_low = h->any ? window_low(h) : 0, old_high = h->high, forgotten = 0;
	uint64_t low = last >= WINDOW - 1 ? last - (WINDOW - 1) : 0;

	/* the clear bits below the new window, in runs */
	for (uint64_t s = old_low; h->any && s < low && s <= old_high; s++) {
		if (!(h->bits >> (old_high - s) & 1))
			forgotten += push_gap(h, s, s);
	}
	/* what lies between the old highest and the new range, below the new window */
	uint64_t from = h->any ? old_high + 1 : 0;
	uint64_t to = first < low ? first : low;
	if (from < to)
		forgotten += push_gap(h, from, to - 1);

	uint64_t shift = last - old_high;
	h->bits = h->any && shift < WINDOW ? h->bits << shift : 0;
	h->high = last;
	h->any = true;
	h->bits |= range_mask(h, first > low ? first : low, last);
	return forgotten;
}

/* Takes first..last out of the middle of gap @i.  Sequences given up to make room. */
static uint64_t split(struct hr_hostseq *h, size_t i, uint64_t first, uint64_t last)
{
	uint64_t forgotten = 0;
	struct hr_hostseq_gap *g;

	if (h->n_gaps == HR_HOSTSEQ_GAPS && i == 0) {
		/* it is the oldest itself: what lies below the range goes */
		forgotten = first - h->gap[0].first;
		h->floor = first;
		h->gap[0].first = last + 1;
		return forgotten;
	}
	if (h->n_gaps == HR_HOSTSEQ_GAPS) {
		forgotten = give_up_oldest(h);
		i--;
	}
	g = &h->gap[i];
	memmove(g + 1, g, (h->n_gaps - i) * sizeof(*g));
	h->n_gaps++;
	g[0].last = first - 1;
	g[1].first = last + 1;
	return forgotten;
}

/* first..last lies in unstored places at or below high.  Sequences given up to make room. */
static uint64_t fill(struct hr_hostseq *h, uint64_t first, uint64_t last)
{
	uint64_t low = window_low(h);

	if (last >= low) {
		h->bits |= range_mask(h, first > low ? first : low, last);
		if (first >= low)
			return 0;
		last = low - 1;
	}
	size_t i = find_gap(h, first, last);
	struct hr_hostseq_gap *g = &h->gap[i];

	if (g->first == first && g->last == last) {
		memmove(g, g + 1, (h->n_gaps - i - 1) * sizeof(*g));
		h->n_gaps--;
	} else if (g->first == first) {
		g->first = last + 1;
	} else if (g->last == last) {
		g->last = first - 1;
	} else {
		return split(h, i, first, last);
	}
	return 0;
}

enum hr_hostseq_result hr_hostseq_add(
	struct hr_hostseq *h, uint64_t first, uint64_t last, uint64_t *ret_forgotten)
{
	enum hr_hostseq_result r = hr_hostseq_check(h, first, last);

	*ret_forgotten = 0;
	if (r != HR_HOSTSEQ_NEW)
		return r;
	if (!h->any || first > h->high)
		*ret_forgotten = extend(h, first, last);
	else
		*ret_forgotten = fill(h, first, last);
	return r;
}

uint64_t hr_hostseq_missing(const struct hr_hostseq *h)
{
	uint64_t low = window_low(h), n = 0;

	if (!h->any)
		return 0;
	for (size_t i = 0; i < h->n_gaps; i++)
		n += h->gap[i].last - h->gap[i].first + 1;
	return n + (h->high - low + 1) -
	       (uint64_t)__builtin_popcountll(h->bits & range_mask(h, low, h->high));
}

static void put_u64(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get_u64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

size_t hr_hostseq_gaps_encode(const struct hr_hostseq *h, uint8_t out[HR_HOSTSEQ_BLOB_MAX])
{
	for (size_t i = 0; i < h->n_gaps; i++) {
		put_u64(out + 16 * i, h->gap[i].first);
		put_u64(out + 16 * i + 8, h->gap[i].last);
	}
	return 16 * (size_t)h->n_gaps;
}

bool hr_hostseq_decode(struct hr_hostseq *ret_h, uint64_t high, uint64_t bits, uint64_t floor,
	const void *gaps, size_t len)
{
	struct hr_hostseq h = {.any = true, .high = high, .bits = bits, .floor = floor};
	uint64_t low, above = 0;

	if (high > HR_HOSTSEQ_SEQ_MAX || !(bits & 1) || floor > high || len % 16 != 0 ||
		len > HR_HOSTSEQ_BLOB_MAX)
		return false;
	low = window_low(&h);
	if (floor > low)
		return false; /* what was given up lies below the bitmap */
	if (high < WINDOW - 1 && bits >> (high + 1) != 0)
		return false; /* bits of sequences below 0 */
	h.n_gaps = (uint16_t)(len / 16);
	for (size_t i = 0; i < h.n_gaps; i++) {
		struct hr_hostseq_gap g = {get_u64((const uint8_t *)gaps + 16 * i),
			get_u64((const uint8_t *)gaps + 16 * i + 8)};

		if (g.first > g.last || g.last >= low || g.first < floor ||
			(i > 0 && g.first <= above + 1))
			return false;
		above = g.last;
		h.gap[i] = g;
	}
	*ret_h = h;
	return true;
}

bool hr_hostseq_clone(uint64_t boot, uint64_t boot_first_ms, uint64_t t_end_ms,
	const struct hr_boot_life *other, uint64_t now_ms)
{
	return other->boot != boot && other->first_ms > boot_first_ms &&
	       now_ms < other->heard_ms + HR_CLONE_ALIVE_MS &&
	       now_ms < t_end_ms + HR_CLONE_ALIVE_MS &&
	       t_end_ms > other->first_ms + HR_CLONE_OVERLAP_MS;
}

int64_t hr_hostseq_offset(uint64_t received_ms, uint64_t sent_ms)
{
	int64_t d = (int64_t)(received_ms - sent_ms);

	return d >= -HR_CLOCK_TOLERANCE_MS && d <= HR_CLOCK_TOLERANCE_MS ? 0 : d;
}
