// SPDX-License-Identifier: Apache-2.0
/*
 * See part.h.  Stored as "HRPS", bytes and CRC of what follows, from_bin, the number of sums, and
 * of each its bin, its bytes and the digest; numbers in little endian.  The bin of one that is done
 * has its highest bit set, and its digest stands behind its windows and samples.
 */
#include "collector/core/part.h"

#include <stdlib.h>
#include <string.h>

#include "collector/core/crc32.h"

#define HEAD  12 /* magic, length, checksum */
#define BEGIN 9  /* from_bin, number of sums */
#define EACH  12 /* bin, length */
#define MORE  16 /* of one that is done: windows, samples */

#define IS_DONE (1ULL << 63)

static const unsigned char magic[4] = {'H', 'R', 'P', 'S'};

void hr_part_done(struct hr_part *p)
{
	for (uint32_t i = 0; i < HR_PART_SUMS; i++) {
		hr_digest_done(&p->sum[i].sum);
		free(p->sum[i].done);
	}
	*p = (struct hr_part){0};
}

void hr_part_clear(struct hr_part *p, uint64_t from_bin)
{
	p->n = 0;
	p->from_bin = from_bin;
}

void hr_part_leave(struct hr_part *p, uint64_t bin)
{
	uint32_t gone = 0;

	if (bin > p->from_bin)
		p->from_bin = bin;
	while (gone < p->n && p->sum[gone].bin < p->from_bin)
		gone++;
	for (uint32_t i = 0; gone > 0 && i + gone < p->n; i++) {
		struct hr_part_sum was = p->sum[i]; /* its memory is used again */

		p->sum[i] = p->sum[i + gone];
		p->sum[i + gone] = was;
	}
	p->n -= gone;
}

/* The sum of @bin, made when there is none; there is room. */
static struct hr_part_sum *sum_of(struct hr_part *p, uint64_t bin)
{
	uint32_t i = p->n;
	struct hr_part_sum fresh;

	while (i > 0 && p->sum[i - 1].bin >= bin)
		i--;
	if (i < p->n && p->sum[i].bin == bin)
		return &p->sum[i];
	fresh = p->sum[p->n];
	memmove(&p->sum[i + 1], &p->sum[i], (p->n - i) * sizeof(p->sum[0]));
	p->sum[i] = fresh;
	p->sum[i].bin = bin;
	p->sum[i].done_len = p->sum[i].windows = p->sum[i].samples = 0;
	hr_digest_clear(&p->sum[i].sum);
	p->n++;
	return &p->sum[i];
}

static bool has(const struct hr_part *p, uint64_t bin)
{
	for (uint32_t i = 0; i < p->n; i++)
		if (p->sum[i].bin == bin)
			return true;
	return false;
}

/* A window comes for a bin that was done.  False: no memory. */
static bool open_again(struct hr_part_sum *one)
{
	bool ok = one->done_len == 0 ||
		  hr_digest_decode(&one->sum, one->done, one->done_len) == HR_DIGEST_OK;

	one->done_len = 0;
	return ok;
}

void hr_part_add(struct hr_part *p, uint64_t bin, uint32_t boot_ord, uint64_t windows,
	const struct hr_summary *s)
{
	struct hr_part_sum *one;

	if (p->n == HR_PART_SUMS && !has(p, bin))
		hr_part_leave(p, (bin < p->sum[0].bin ? bin : p->sum[0].bin) + 1);
	if (bin < p->from_bin)
		return;
	one = sum_of(p, bin);
	if (!open_again(one) || !hr_digest_add(&one->sum, boot_ord, windows, s))
		hr_part_leave(p, bin + 1);
}

static bool has_room(struct hr_part_sum *one, size_t len)
{
	uint8_t *room = len <= one->done_cap ? one->done : realloc(one->done, len);

	if (!room)
		return false;
	one->done = room;
	one->done_cap = len > one->done_cap ? len : one->done_cap;
	return true;
}

static void finish(struct hr_part_sum *one, enum hr_digest_detail detail, struct hr_digest *check)
{
	struct hr_digest *d = &one->sum;
	size_t len;

	if (!has_room(one, HR_DIGEST_MAX))
		return;
	len = hr_digest_encode(d, detail, one->done, HR_DIGEST_MAX);
	hr_digest_clear(check);
	if (hr_digest_decode(check, one->done, len) != HR_DIGEST_OK ||
		check->windows != d->windows || check->samples != d->samples)
		return; /* the roll-up meets it, and says so */
	one->done_len = len;
	one->windows = d->windows;
	one->samples = d->samples;
	hr_digest_clear(d);
}

void hr_part_finish(
	struct hr_part *p, uint64_t bin, enum hr_digest_detail detail, struct hr_digest *check)
{
	for (uint32_t i = 0; i < p->n && p->sum[i].bin < bin; i++)
		if (p->sum[i].done_len == 0)
			finish(&p->sum[i], detail, check);
}

static void put(unsigned char *to, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		to[i] = (unsigned char)(v >> (8 * i));
}

static uint64_t get(const unsigned char *from, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)from[i] << (8 * i);
	return v;
}

/* One sum behind its head; 0: it does not fit. */
static size_t put_sum(struct hr_part_sum *one, unsigned char *to, size_t cap)
{
	if (one->done_len == 0)
		return hr_digest_encode(&one->sum, HR_DIGEST_FULL, to, cap);
	if (cap < MORE + one->done_len)
		return 0;
	put(to, one->windows, 8);
	put(to + 8, one->samples, 8);
	memcpy(to + MORE, one->done, one->done_len);
	return MORE + one->done_len;
}

size_t hr_part_encode(struct hr_part *p, void *buf, size_t cap)
{
	unsigned char *b = buf;
	size_t at = HEAD + BEGIN;

	if (cap < at)
		return 0;
	for (uint32_t i = 0; i < p->n; i++) {
		struct hr_part_sum *one = &p->sum[i];
		size_t len = cap - at > EACH ? put_sum(one, b + at + EACH, cap - at - EACH) : 0;

		if (len == 0)
			return 0;
		put(b + at, one->bin | (one->done_len ? IS_DONE : 0), 8);
		put(b + at + 8, len, 4);
		at += EACH + len;
	}
	memcpy(b, magic, sizeof(magic));
	put(b + HEAD, p->from_bin, 8);
	b[HEAD + 8] = (unsigned char)p->n;
	put(b + 4, at - HEAD, 4);
	put(b + 8, hr_crc32(b + HEAD, at - HEAD), 4);
	return at;
}

size_t hr_part_len(const void *state, size_t len)
{
	const unsigned char *b = state;
	size_t is;

	if (len < HEAD || memcmp(b, magic, sizeof(magic)) != 0)
		return 0;
	is = (size_t)get(b + 4, 4);
	return is <= len - HEAD ? HEAD + is : len;
}

struct reading {
	enum hr_part_result (*each)(
		struct reading *r, uint64_t bin, const struct hr_part_found *is);
	uint64_t from_bin; /* as read */
	struct hr_part *part;
	uint64_t bin; /* one, or the first */
	struct hr_part_found *found;
};

/* What stands at @at with @len bytes.  False: it cannot be one. */
static bool get_sum(const unsigned char *at, size_t len, bool is_done, struct hr_part_found *ret)
{
	*ret = (struct hr_part_found){.bytes = at, .len = len, .is_done = is_done};
	if (!is_done)
		return true;
	if (len <= MORE || len > MORE + HR_DIGEST_MAX)
		return false;
	ret->windows = get(at, 8);
	ret->samples = get(at + 8, 8);
	ret->bytes = at + MORE;
	ret->len = len - MORE;
	return true;
}

/* Not OK: the bytes are no part, or what a sum returned. */
static enum hr_part_result walk(struct reading *to, const void *state, size_t len)
{
	const unsigned char *b = state;
	size_t at = HEAD + BEGIN, end = hr_part_len(state, len);
	enum hr_part_result r = HR_PART_OK;

	if (end < at || get(b + 8, 4) != hr_crc32(b + HEAD, end - HEAD))
		return HR_PART_NONE;
	to->from_bin = get(b + HEAD, 8);
	for (unsigned n = b[HEAD + 8]; n > 0 && r == HR_PART_OK; n--) {
		uint64_t bytes = end - at >= EACH ? get(b + at + 8, 4) : 0, bin;
		struct hr_part_found is;

		if (end - at < EACH || bytes > end - at - EACH)
			return HR_PART_NONE;
		bin = get(b + at, 8);
		if (!get_sum(b + at + EACH, (size_t)bytes, bin & IS_DONE, &is))
			return HR_PART_NONE;
		r = to->each(to, bin & ~IS_DONE, &is);
		at += EACH + (size_t)bytes;
	}
	return r == HR_PART_OK && at != end ? HR_PART_NONE : r;
}

static enum hr_part_result result_of(enum hr_digest_result r)
{
	return r == HR_DIGEST_OK       ? HR_PART_OK
	       : r == HR_DIGEST_MEMORY ? HR_PART_MEMORY
				       : HR_PART_NONE;
}

static enum hr_part_result take(struct reading *r, uint64_t bin, const struct hr_part_found *is)
{
	struct hr_part *p = r->part;
	struct hr_part_sum *one;

	if (bin < r->bin)
		return HR_PART_OK;
	if (p->n == HR_PART_SUMS || (p->n > 0 && p->sum[p->n - 1].bin >= bin))
		return HR_PART_NONE;
	one = sum_of(p, bin);
	if (!is->is_done)
		return result_of(hr_digest_decode(&one->sum, is->bytes, is->len));
	if (!has_room(one, is->len))
		return HR_PART_MEMORY;
	memcpy(one->done, is->bytes, is->len);
	one->done_len = is->len;
	one->windows = is->windows;
	one->samples = is->samples;
	return HR_PART_OK;
}

enum hr_part_result hr_part_decode(struct hr_part *p, uint64_t bin, const void *state, size_t len)
{
	struct reading to = {.each = take, .part = p, .bin = bin};
	enum hr_part_result r;

	hr_part_clear(p, 0);
	r = walk(&to, state, len);
	if (r != HR_PART_OK)
		hr_part_clear(p, UINT64_MAX);
	else
		hr_part_leave(p, to.from_bin > bin ? to.from_bin : bin);
	return r;
}

static enum hr_part_result take_one(struct reading *r, uint64_t bin, const struct hr_part_found *is)
{
	if (bin == r->bin)
		*r->found = *is;
	return HR_PART_OK;
}

enum hr_part_result hr_part_find(
	const void *state, size_t len, uint64_t bin, struct hr_part_found *ret)
{
	struct reading to = {.each = take_one, .bin = bin, .found = ret};
	enum hr_part_result r;

	*ret = (struct hr_part_found){0};
	r = walk(&to, state, len);
	return r == HR_PART_OK && bin < to.from_bin ? HR_PART_NONE : r;
}
