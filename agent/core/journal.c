/* SPDX-License-Identifier: Apache-2.0 */
/* Spool records; see journal.h.  Little endian on every machine. */
#include "agent/core/journal.h"

#include <errno.h>
#include <string.h>

/* "hrS1": a later format takes another number, and an old file is then set aside whole. */
#define MAGIC 0x31537268u

/* Fixed part of the payload before a body or list, by type. */
#define HEAD_LEN                                                                                   \
	(HR_JOURNAL_HEAD_SIZE - HR_JOURNAL_HEADER) /* boot, epoch, seq_last, dropped, merged */
#define WINDOW_LEN 36                              /* boot, epoch, seq_first, seq_last, t_end_ms */
#define FACTS_LEN  12                              /* boot, epoch */
#define LIST_LEN   12                              /* boot, count */
#define SPAN_LEN   16

struct cursor {
	unsigned char *p;
};

static void put(struct cursor *c, uint64_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		*c->p++ = (unsigned char)(v >> (8 * i));
}

static uint64_t get(const unsigned char **p, int bytes)
{
	uint64_t v = 0;

	for (int i = 0; i < bytes; i++)
		v |= (uint64_t) * (*p)++ << (8 * i);
	return v;
}

uint32_t hr_journal_crc(const void *p, size_t len)
{
	const unsigned char *b = p;
	uint32_t crc = 0xffffffffu;

	for (size_t i = 0; i < len; i++) {
		crc ^= b[i];
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

static bool is_list(enum hr_journal_type t)
{
	return t == HR_JOURNAL_ACKED || t == HR_JOURNAL_FROZEN || t == HR_JOURNAL_THAWED ||
	       t == HR_JOURNAL_LOST || t == HR_JOURNAL_HELD;
}

/* Payload bytes of @r; 0: there is no such record. */
static size_t payload_len(const struct hr_journal_record *r)
{
	switch (r->type) {
	case HR_JOURNAL_HEAD:
		return HEAD_LEN;
	case HR_JOURNAL_WINDOW:
		return WINDOW_LEN + r->body_len;
	case HR_JOURNAL_FACTS:
		return FACTS_LEN + r->body_len;
	default:
		return is_list(r->type) ? LIST_LEN + (size_t)r->n * SPAN_LEN : 0;
	}
}

static void put_payload(struct cursor *c, const struct hr_journal_record *r)
{
	put(c, r->boot, 8);
	if (is_list(r->type)) {
		put(c, r->n, 4);
		for (uint32_t i = 0; i < r->n; i++) {
			put(c, r->list[i].seq_first, 8);
			put(c, r->list[i].seq_last, 8);
		}
		return;
	}
	put(c, r->epoch, 4);
	if (r->type == HR_JOURNAL_HEAD) {
		put(c, r->span.seq_last, 8);
		put(c, r->dropped, 8);
		put(c, r->merged, 8);
		return;
	}
	if (r->type == HR_JOURNAL_WINDOW) {
		put(c, r->span.seq_first, 8);
		put(c, r->span.seq_last, 8);
		put(c, r->t_end_ms, 8);
	}
	memcpy(c->p, r->body, r->body_len);
}

size_t hr_journal_put(const struct hr_journal_record *r, void *buf, size_t cap)
{
	size_t len = payload_len(r);
	unsigned char *at = buf;
	struct cursor c = {at};

	if (len == 0 || len > HR_JOURNAL_PAYLOAD_MAX || r->n > HR_JOURNAL_LIST_MAX ||
		cap < HR_JOURNAL_HEADER + len)
		return 0;
	put(&c, MAGIC, 4);
	put(&c, r->type, 4);
	put(&c, len, 4);
	c.p += 4;
	put_payload(&c, r);
	/* over type, length and payload: a header that lies about its length fails too */
	uint32_t crc = hr_journal_crc(at + HR_JOURNAL_HEADER, len) ^ hr_journal_crc(at + 4, 8);

	c.p = at + 12;
	put(&c, crc, 4);
	return HR_JOURNAL_HEADER + len;
}

/* @p: the payload, its checksum right. */
static int get_payload(const unsigned char *p, size_t len, struct hr_journal_record *r)
{
	const unsigned char *end = p + len;

	r->boot = get(&p, 8);
	if (is_list(r->type)) {
		r->n = (uint32_t)get(&p, 4);
		if (r->n == 0 || r->n > HR_JOURNAL_LIST_MAX ||
			(size_t)(end - p) != (size_t)r->n * SPAN_LEN)
			return -EBADMSG;
		for (uint32_t i = 0; i < r->n; i++) {
			r->list[i].seq_first = get(&p, 8);
			r->list[i].seq_last = get(&p, 8);
			if (r->list[i].seq_first > r->list[i].seq_last)
				return -EBADMSG;
		}
		return 1;
	}
	r->epoch = (uint32_t)get(&p, 4);
	if (r->type == HR_JOURNAL_HEAD) {
		r->span.seq_last = get(&p, 8);
		r->dropped = get(&p, 8);
		r->merged = get(&p, 8);
		return p == end ? 1 : -EBADMSG;
	}
	if (r->type == HR_JOURNAL_WINDOW) {
		r->span.seq_first = get(&p, 8);
		r->span.seq_last = get(&p, 8);
		r->t_end_ms = get(&p, 8);
		if (r->span.seq_first > r->span.seq_last)
			return -EBADMSG;
	}
	r->body = p;
	r->body_len = (size_t)(end - p);
	return r->body_len > 0 ? 1 : -EBADMSG;
}

int hr_journal_get(const void *buf, size_t len, struct hr_journal_record *ret)
{
	static const unsigned char least[HR_JOURNAL_N] = {
		[HR_JOURNAL_HEAD] = HEAD_LEN,
		[HR_JOURNAL_WINDOW] = WINDOW_LEN,
		[HR_JOURNAL_FACTS] = FACTS_LEN,
		[HR_JOURNAL_ACKED] = LIST_LEN,
		[HR_JOURNAL_FROZEN] = LIST_LEN,
		[HR_JOURNAL_THAWED] = LIST_LEN,
		[HR_JOURNAL_LOST] = LIST_LEN,
		[HR_JOURNAL_HELD] = LIST_LEN,
	};
	const unsigned char *p = buf, *at = buf;
	struct hr_journal_record r = {0};
	uint64_t type, n;
	uint32_t crc;
	int e;

	if (len == 0)
		return 0;
	if (len < HR_JOURNAL_HEADER)
		return -EAGAIN;
	if (get(&p, 4) != MAGIC)
		return -EBADMSG;
	type = get(&p, 4);
	n = get(&p, 4);
	if (type == 0 || type >= HR_JOURNAL_N || n < least[type] || n > HR_JOURNAL_PAYLOAD_MAX)
		return -EBADMSG;
	if (len < HR_JOURNAL_HEADER + n)
		return -EAGAIN;
	crc = (uint32_t)get(&p, 4);
	if (crc != (hr_journal_crc(p, n) ^ hr_journal_crc(at + 4, 8)))
		return -EBADMSG;
	r.type = (enum hr_journal_type)type;
	r.size = HR_JOURNAL_HEADER + n;
	e = get_payload(p, n, &r);
	if (e == 1)
		*ret = r;
	return e;
}
