/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Framing: a batch around summaries that are bytes already, and names of the
 * refusals.  Tags are of SummaryBatch in headroom.proto.
 */
#include "proto/wire.h"

#include <string.h>

#include "proto/wire_scan.h"

enum {
	FIELD_S = 5,
	TAG_HOST = 1 << 3 | 2,
	TAG_BOOT = 2 << 3 | 1,
	TAG_SCHEMA = 3 << 3 | 0,
	TAG_FACTS = 4 << 3 | 2,
	TAG_S = FIELD_S << 3 | 2,
};

static bool put(struct hr_wire_builder *b, const void *p, size_t len)
{
	if (len > b->cap - b->len)
		return false;
	memcpy(b->buf + b->len, p, len);
	b->len += len;
	return true;
}

static bool put_msg(struct hr_wire_builder *b, unsigned char tag, const void *p, size_t len)
{
	unsigned char head[1 + 10];
	size_t n = 0, old = b->len, v = len;

	head[n++] = tag;
	for (; v > 0x7f; v >>= 7)
		head[n++] = (unsigned char)(v | 0x80);
	head[n++] = (unsigned char)v;
	if (put(b, head, n) && put(b, p, len))
		return true;
	b->len = old;
	return false;
}

bool hr_wire_batch_begin(struct hr_wire_builder *b, void *buf, size_t cap,
	const uint8_t host[HR_HOST_ID_LEN], uint64_t boot)
{
	unsigned char head[2 + HR_HOST_ID_LEN + 1 + 8 + 2], *p = head;

	*b = (struct hr_wire_builder){.buf = buf, .cap = cap < HR_BODY_MAX ? cap : HR_BODY_MAX};
	*p++ = TAG_HOST;
	*p++ = HR_HOST_ID_LEN;
	memcpy(p, host, HR_HOST_ID_LEN);
	p += HR_HOST_ID_LEN;
	*p++ = TAG_BOOT;
	for (int i = 0; i < 8; i++) /* fixed64 is little endian */
		*p++ = (unsigned char)(boot >> (8 * i));
	*p++ = TAG_SCHEMA;
	*p++ = HR_SCHEMA;
	return put(b, head, sizeof(head));
}

bool hr_wire_batch_facts(struct hr_wire_builder *b, const void *facts, size_t len)
{
	return put_msg(b, TAG_FACTS, facts, len);
}

bool hr_wire_batch_add(struct hr_wire_builder *b, const void *summary, size_t len)
{
	if (b->n >= HR_BATCH_MAX || !put_msg(b, TAG_S, summary, len))
		return false;
	b->n++;
	return true;
}

enum hr_wire_error hr_wire_summary_bytes(
	const void *body, size_t len, uint32_t i, const void **ret_bytes, size_t *ret_len)
{
	const unsigned char *p = body, *end = p + len;
	struct hr_wire_field f;

	while (p < end) {
		if (!hr_wire_next(&p, end, &f))
			return HR_WIRE_MALFORMED;
		if (f.number != FIELD_S || f.type != 2)
			continue;
		if (i-- == 0) {
			*ret_bytes = f.body;
			*ret_len = f.len;
			return HR_WIRE_OK;
		}
	}
	return HR_WIRE_EMPTY;
}

struct text {
	const char *name, *text;
};

static const struct text errors[HR_WIRE_ERROR_N] = {
	[HR_WIRE_OK] = {"ok", "The body is fine."},
	[HR_WIRE_TOO_LONG] = {"too_long", "The body is longer than 65536 bytes."},
	[HR_WIRE_MALFORMED] = {"malformed",
		"The body is not the protobuf message it should be, or is cut off."},
	[HR_WIRE_TOO_COMPLEX] = {"too_complex",
		"The body holds more fields, summaries or entries than the limits allow."},
	[HR_WIRE_SCHEMA] = {"schema",
		"The schema version is not 1: agent and collector do not match."},
	[HR_WIRE_HOST] = {"host",
		"The host id is not 16 bytes other than zero, or the boot id is missing."},
	[HR_WIRE_EMPTY] = {"empty", "The body holds neither facts nor summaries."},
	[HR_WIRE_SEQUENCE] = {"sequence", "The windows are not in ascending order, or a duration "
					  "is not between 1 ms and 1 h."},
	[HR_WIRE_COLUMNS] = {"columns", "Columns that belong together differ in length, or their "
					"ids are out of order or range."},
	[HR_WIRE_HIST] = {"hist", "A distribution contradicts itself: its counts, sum and maximum "
				  "do not fit together."},
	[HR_WIRE_TEXT] = {"text", "A text is too long, not UTF-8, or holds control characters."},
	[HR_WIRE_VALUE] = {"value", "A number is outside its range."},
};

const char *hr_wire_error_name(enum hr_wire_error e)
{
	return (unsigned)e < HR_WIRE_ERROR_N ? errors[e].name : "?";
}

const char *hr_wire_error_text(enum hr_wire_error e)
{
	return (unsigned)e < HR_WIRE_ERROR_N ? errors[e].text : "?";
}
