// SPDX-License-Identifier: Apache-2.0
/*
 * Realistic windows, cheaply: a pool is encoded once by the real encoder, and only
 * what differs from POST to POST (the first three fields: numbers and time) is
 * written anew.  The generator must not be what limits the measurement.
 */
#include "tests/load/gen.h"

#include <stdio.h>
#include <string.h>

#include "proto/wire.h"
#include "tests/unit/hr_sample.h"

struct body {
	size_t len;
	unsigned char bytes[8192]; /* a Summary without seq_first, seq_last, t_end_ms */
};

static struct body pool[GEN_POOL];
static unsigned char facts_bytes[4096];
static size_t facts_len;

static size_t varint(unsigned char *p, uint64_t v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		p[n++] = (unsigned char)(v | 0x80);
	p[n++] = (unsigned char)v;
	return n;
}

/* Bytes of the first three fields, whatever they say. */
static size_t head_len(const unsigned char *p)
{
	size_t n = 0;

	for (int field = 0; field < 3; field++) {
		n++; /* tag */
		while (p[n] & 0x80)
			n++;
		n++;
	}
	return n;
}

bool gen_body_init(double busy_share)
{
	static struct hr_summary s;
	struct hr_facts f;
	struct hr_rand r = {.s = 1};

	for (unsigned i = 0; i < GEN_POOL; i++) {
		unsigned char raw[8192];
		size_t n, skip;

		if (i < busy_share * GEN_POOL)
			hr_sample_busy(&r, &s, 1000);
		else
			hr_sample_idle(&r, &s, 1000);
		n = hr_wire_encode_summary(&s, raw, sizeof(raw));
		if (n == 0 || raw[0] != 0x08)
			return false;
		skip = head_len(raw);
		pool[i].len = n - skip;
		memcpy(pool[i].bytes, raw + skip, n - skip);
	}
	hr_sample_facts(&f);
	facts_len = hr_wire_encode_facts(&f, facts_bytes, sizeof(facts_bytes));
	return facts_len > 0;
}

void gen_host_id(uint32_t i, uint8_t id[HR_HOST_ID_LEN])
{
	uint64_t h = (i + 1) * 0x9e3779b97f4a7c15ULL;

	memcpy(id, &i, 4);
	memcpy(id + 4, &h, 8);
	memset(id + 12, 0x5a, 4);
}

size_t gen_body(uint32_t i, uint64_t seq, uint32_t n, uint64_t t_end_ms, bool facts, void *buf)
{
	uint8_t id[HR_HOST_ID_LEN];
	struct hr_wire_builder w;

	gen_host_id(i, id);
	if (!hr_wire_batch_begin(&w, buf, HR_BODY_MAX, id, 0x1000 + i))
		return 0;
	if (facts && !hr_wire_batch_facts(&w, facts_bytes, facts_len))
		return 0;
	for (uint32_t k = 0; k < n; k++) {
		const struct body *b = &pool[(i * 7 + seq + k) % GEN_POOL];
		unsigned char one[8192 + 64];
		size_t len = 0;

		one[len++] = 0x08;
		len += varint(one + len, seq + k);
		one[len++] = 0x10;
		len += varint(one + len, seq + k);
		one[len++] = 0x18;
		len += varint(one + len, t_end_ms - (n - 1 - k) * 10000ULL);
		memcpy(one + len, b->bytes, b->len);
		if (!hr_wire_batch_add(&w, one, len + b->len))
			return 0;
	}
	return w.len;
}
