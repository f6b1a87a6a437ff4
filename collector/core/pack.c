// SPDX-License-Identifier: Apache-2.0
/* See pack.h. */
#include "collector/core/pack.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { /* a pack's first byte: no protobuf message begins with less than 8, field 1 */
	COMPRESSED = 1,
	PLAIN = 2
};
#define LEVEL (-4)
#define HEAD  45 /* of a row at most: 1 byte, and varints of 32 and 64 bits */

struct hr_packer {
	ZSTD_CCtx *to;
	ZSTD_DCtx *from;
	unsigned char raw[HR_PACK_RAW];
};

_Static_assert(HR_PACK_MAX >= 2 + HR_PACK_ROWS * HEAD + ZSTD_COMPRESSBOUND(HR_PACK_RAW), "room");

void hr_packer_free(struct hr_packer *k)
{
	if (!k)
		return;
	(void)ZSTD_freeCCtx(k->to);
	(void)ZSTD_freeDCtx(k->from);
	free(k);
}

struct hr_packer *hr_packer_new(void)
{
	struct hr_packer *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->to = ZSTD_createCCtx();
	k->from = ZSTD_createDCtx();
	if (k->to && k->from &&
		!ZSTD_isError(ZSTD_CCtx_setParameter(k->to, ZSTD_c_compressionLevel, LEVEL)))
		return k;
	hr_packer_free(k);
	return NULL;
}

uint64_t hr_pack_windows(const struct hr_pack *p)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < p->n; i++)
		n += p->row[i].seq_last - p->row[i].seq_first + 1;
	return n;
}

static bool is_before(const struct hr_pack_row *a, const struct hr_pack_row *b)
{
	return a->at != b->at ? a->at < b->at : a->n < b->n;
}

/* By insertion: they come by slot. */
void hr_pack_sort(struct hr_pack *p)
{
	for (uint32_t i = 1; i < p->n; i++) {
		struct hr_pack_row row = p->row[i];
		uint32_t k = i;

		for (; k > 0 && is_before(&row, &p->row[k - 1]); k--)
			p->row[k] = p->row[k - 1];
		p->row[k] = row;
	}
}

/* A difference in either direction: small ones are short. */
static uint64_t fold(uint64_t v)
{
	return v << 1 ^ (v >> 63 ? ~0ULL : 0);
}

static uint64_t unfold(uint64_t v)
{
	return v >> 1 ^ (v & 1 ? ~0ULL : 0);
}

static unsigned char *put(unsigned char *to, uint64_t v)
{
	for (; v >= 128; v >>= 7)
		*to++ = (unsigned char)(v | 128);
	*to++ = (unsigned char)v;
	return to;
}

/* The first failure ends all: *at becomes NULL. */
static uint64_t get(const unsigned char **at, const unsigned char *end)
{
	uint64_t v = 0;

	for (unsigned shift = 0; *at && *at < end && shift < 64; shift += 7) {
		unsigned char c = *(*at)++;

		v |= (uint64_t)(c & 127) << shift;
		if (c < 128)
			return v;
	}
	*at = NULL;
	return 0;
}

static unsigned char *put_rows(unsigned char *at, unsigned char how, const struct hr_pack *p)
{
	uint64_t seq = 0, n = 0;

	*at++ = how;
	*at++ = (unsigned char)p->n;
	for (uint32_t i = 0; i < p->n; i++) {
		const struct hr_pack_row *r = &p->row[i];

		*at++ = r->at;
		at = put(at, r->boot_ord);
		at = put(at, fold(r->seq_first - seq));
		at = put(at, r->seq_last - r->seq_first);
		at = put(at, fold(r->n - n));
		at = put(at, r->len);
		seq = r->seq_last + 1;
		n = r->n;
	}
	return at;
}

/* The bodies may be what decode left in @to. */
static size_t put_bodies(const struct hr_pack *p, unsigned char *to)
{
	size_t len = 0;

	for (uint32_t i = 0; i < p->n; i++) {
		if (p->row[i].len > 0)
			memmove(to + len, p->row[i].body, p->row[i].len);
		len += p->row[i].len;
	}
	return len;
}

size_t hr_pack_encode(struct hr_packer *k, const struct hr_pack *p, void *buf)
{
	unsigned char *at = put_rows(buf, COMPRESSED, p);
	size_t is = (size_t)(at - (unsigned char *)buf), raw = put_bodies(p, k->raw);

	raw = ZSTD_compress2(k->to, at, HR_PACK_MAX - is, k->raw, raw);
	return ZSTD_isError(raw) ? 0 : is + raw;
}

size_t hr_pack_encode_plain(const struct hr_pack *p, void *buf)
{
	unsigned char *at = put_rows(buf, PLAIN, p);

	return (size_t)(at - (unsigned char *)buf) + put_bodies(p, at);
}

bool hr_pack_is(const void *body, size_t len)
{
	return len > 0 && *(const unsigned char *)body <= PLAIN;
}

/* The rows without their bodies.  NULL: damaged; else where the frame begins. */
static const unsigned char *get_rows(
	const unsigned char *at, const unsigned char *end, struct hr_pack *p, size_t *ret_raw)
{
	uint64_t seq = 0, n = 0, raw = 0;

	if (end - at < 2 || at[1] == 0 || at[1] > HR_PACK_ROWS)
		return NULL;
	p->n = at[1];
	at += 2;
	for (uint32_t i = 0; i < p->n; i++) {
		struct hr_pack_row *r = &p->row[i];
		uint64_t ord, width, len;

		if (at == end || *at >= HR_PACK_SLOTS)
			return NULL;
		r->at = *at++;
		ord = get(&at, end);
		r->seq_first = seq + unfold(get(&at, end));
		width = get(&at, end);
		r->n = n + unfold(get(&at, end));
		len = get(&at, end);
		if (!at || ord > UINT32_MAX || len > HR_PACK_RAW || raw + len > HR_PACK_RAW ||
			width >= UINT32_MAX || r->seq_first > UINT64_MAX - width)
			return NULL;
		if (i > 0 && is_before(r, r - 1))
			return NULL;
		r->boot_ord = (uint32_t)ord;
		r->seq_last = r->seq_first + width;
		r->len = (size_t)len;
		r->body = NULL;
		seq = r->seq_last + 1;
		n = r->n;
		raw += len;
	}
	*ret_raw = (size_t)raw;
	return at;
}

static void find_bodies(struct hr_pack *p, const unsigned char *at)
{
	for (uint32_t i = 0; i < p->n; i++) {
		p->row[i].body = at;
		at += p->row[i].len;
	}
}

bool hr_pack_decode(struct hr_packer *k, const void *bytes, size_t len, struct hr_pack *ret_p)
{
	const unsigned char *end = (const unsigned char *)bytes + len, *at;
	size_t raw;

	at = get_rows(bytes, end, ret_p, &raw);
	if (!at)
		return false;
	if (*(const unsigned char *)bytes == PLAIN) {
		find_bodies(ret_p, at);
		return (size_t)(end - at) == raw;
	}
	if (!k || *(const unsigned char *)bytes != COMPRESSED ||
		ZSTD_getFrameContentSize(at, (size_t)(end - at)) != raw)
		return false;
	/* bytes behind the frame would be taken for another one */
	if (ZSTD_findFrameCompressedSize(at, (size_t)(end - at)) != (size_t)(end - at) ||
		ZSTD_decompressDCtx(k->from, k->raw, raw, at, (size_t)(end - at)) != raw)
		return false;
	find_bodies(ret_p, k->raw);
	return true;
}
