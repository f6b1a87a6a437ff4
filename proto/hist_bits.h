/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histograms as a string of bits, one after the other, highest bit first.  One is:
 *   2 bits   log2 of the buckets that count as one (0 and no bits in hr_hist_get_plain)
 *   8 bits   first bucket used, or group of them
 *   8 bits   last bucket used, less the first
 *   ...      count of each bucket or group between them, both included: difference to the
 *            count before it, folded onto 0, 1, 2, ... and Exp-Golomb coded with
 *            an order that follows the count before it
 *   w bits   maximum, less the lower edge of the last bucket (w: log2 of its width)
 *   v bits   sum, less the smallest one possible (v: bits of the range possible)
 * Neighbouring counts differ by about their square root (Poisson), which is what
 * the order is made for.  Measured on the windows of tests/unit/hr_sample.h: 6.5
 * bits a bucket with all that belongs to it, where a varint per count and
 * columns for the rest took 12.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/hist.h"

struct hr_bits {
	unsigned char *buf; /* only read by hr_hist_get() */
	size_t cap;         /* bytes */
	size_t at;          /* bits written or read */
};

/*
 * Appends @h, which must be valid and not empty, in groups of 2^@shift buckets or more.
 * False when @b is full or a group has no 32 bits (its content is void then).
 */
bool hr_hist_put(struct hr_bits *b, const struct hr_hist *h, unsigned shift);

/*
 * Reads the next histogram: valid and not empty.  False, with *ret_h void, when
 * the bits end or no histogram has them.
 */
bool hr_hist_get(struct hr_bits *b, struct hr_hist *ret_h);
/* The same of what was written before there were groups. */
bool hr_hist_get_plain(struct hr_bits *b, struct hr_hist *ret_h);
/* Whether the next one can be read, and past it; @plain: by hr_hist_get_plain. */
bool hr_hist_pass(struct hr_bits *b, bool plain);

/*
 * The pieces of it, for other formats.  @n <= 64 bits of @v, highest first; false: full, or at the
 * end.
 */
bool hr_bits_put(struct hr_bits *b, uint64_t v, unsigned n);
bool hr_bits_get_bytewise(struct hr_bits *b, unsigned n, uint64_t *ret);

/* Eight bytes from @p on, the first one highest. */
static inline uint64_t hr_bits_load(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap64(v) : v;
}

static inline bool hr_bits_get(struct hr_bits *b, unsigned n, uint64_t *ret)
{
	if (n > 56 || b->at / 8 + 8 > b->cap)
		return hr_bits_get_bytewise(b, n, ret);
	/* nearly always: one load, of which 57 bits or more are next */
	*ret = n == 0 ? 0 : hr_bits_load(b->buf + b->at / 8) << b->at % 8 >> (64 - n);
	b->at += n;
	return true;
}

/* Exp-Golomb of order @k, of v < 2^56. */
bool hr_bits_put_golomb(struct hr_bits *b, uint64_t v, unsigned k);
bool hr_bits_get_golomb(struct hr_bits *b, unsigned k, uint64_t *ret);
/* A bucket's count after a neighbour's, @before. */
bool hr_bits_put_count(struct hr_bits *b, uint32_t before, uint32_t n);
bool hr_bits_get_count(struct hr_bits *b, uint32_t before, uint32_t *ret);

/*
 * The difference of @n to @before as 0, 1, 2, ...: 0, -1, 1, -2, 2, ...  A count is never negative,
 * so differences beyond -before need no code: from there on only up.
 */
uint64_t hr_bits_fold(uint32_t before, uint32_t n);
/* False: no 32-bit count has that code. */
bool hr_bits_unfold(uint32_t before, uint64_t z, uint32_t *ret);

/* Bytes that @b takes. */
static inline size_t hr_bits_bytes(const struct hr_bits *b)
{
	return (b->at + 7) / 8;
}

/* All of @b is read: what is left is less than a byte and 0. */
bool hr_bits_done(const struct hr_bits *b);
