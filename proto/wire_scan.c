/* SPDX-License-Identifier: Apache-2.0 */
/* The pass before unpacking; limits from limits.h, field numbers from headroom.proto. */
#include "proto/wire_scan.h"

#include "proto/text.h"

enum {
	WT_VARINT = 0,
	WT_64 = 1,
	WT_LEN = 2,
	WT_32 = 5,
};

enum kind {
	K_UNKNOWN = 0,
	K_PLAIN,
	K_TEXT,
	K_MSG,
};

struct rule {
	uint8_t kind;   /* enum kind */
	uint8_t type;   /* wire type */
	uint8_t max;    /* how often */
	uint8_t detail; /* K_TEXT: bytes with NUL; K_MSG: enum hr_wire_msg */
};

#define FIELDS_MAX 27
#define NUM                                                                                        \
	{                                                                                          \
		K_PLAIN, WT_VARINT, 1, 0                                                           \
	}
#define COLUMN                                                                                     \
	{                                                                                          \
		K_PLAIN, WT_LEN, 1, 0                                                              \
	} /* packed; split or unpacked columns: no agent sends them */
#define TEXT(n, l)                                                                                 \
	{                                                                                          \
		K_TEXT, WT_LEN, n, l                                                               \
	}
#define MSG(n, m)                                                                                  \
	{                                                                                          \
		K_MSG, WT_LEN, n, m                                                                \
	}

_Static_assert(2 * HR_TOP_MAX < 256 && HR_SIG_N < 256 && HR_REASON_LEN < 256, "they fit a rule");

static const struct rule rules[HR_WIRE_MSG_N][FIELDS_MAX] = {
	[HR_WIRE_MSG_BATCH] =
		{
			[1] = {K_PLAIN, WT_LEN, 1, 0},
			[2] = {K_PLAIN, WT_64, 1, 0},
			[3] = NUM,
			[4] = MSG(1, HR_WIRE_MSG_FACTS),
			[5] = MSG(HR_BATCH_MAX, HR_WIRE_MSG_SUMMARY),
		},
	[HR_WIRE_MSG_FACTS] =
		{
			[1] = NUM,
			[2] = TEXT(1, HR_NAME_LEN),
			[3] = TEXT(1, HR_NAME_LEN),
			[4] = TEXT(1, HR_NAME_LEN),
			[5] = TEXT(1, HR_NAME_LEN),
			[6] = TEXT(1, HR_NAME_LEN),
			[7] = TEXT(1, HR_NAME_LEN),
			[8] = NUM,
			[9] = NUM,
			[10] = NUM,
			[11] = NUM,
			[12] = NUM,
			[13] = MSG(HR_DEVS_MAX, HR_WIRE_MSG_DEVICE),
			[14] = COLUMN,
			[15] = TEXT(64, HR_REASON_LEN), /* 64: signals of newer agents too */
			[16] = COLUMN,
			[17] = NUM,
			[18] = TEXT(1, HR_NAME_LEN),
			[19] = NUM,
			[20] = NUM,
		},
	[HR_WIRE_MSG_DEVICE] =
		{
			[1] = NUM,
			[2] = TEXT(1, HR_NAME_LEN),
			[3] = NUM,
			[4] = NUM,
			[5] = NUM,
			[6] = NUM,
			[7] = NUM,
		},
	[HR_WIRE_MSG_SUMMARY] =
		{
			[1] = NUM,
			[2] = NUM,
			[3] = NUM,
			[4] = NUM,
			[5] = NUM,
			[6] = NUM,
			[7] = NUM,
			[8] = NUM,
			[9] = COLUMN,
			[10] = COLUMN,
			[11] = COLUMN,
			[12] = COLUMN,
			[13] = {K_PLAIN, WT_LEN, 1, 0},
			[14] = COLUMN,
			[15] = COLUMN,
			[16] = COLUMN,
			[17] = COLUMN,
			[18] = COLUMN,
			[19] = TEXT(2 * HR_TOP_MAX, HR_COMM_LEN),
			[20] = COLUMN,
			[21] = TEXT(HR_FS_MAX, HR_NAME_LEN),
			[22] = COLUMN,
			[23] = {K_PLAIN, WT_LEN, 1, 0},
			[24] = TEXT(HR_GROUP_MAX, HR_GROUP_LEN),
			[25] = COLUMN,
			[26] = COLUMN,
		},
};

static bool varint(
	const unsigned char **p, const unsigned char *end, unsigned max_bytes, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < max_bytes; i++) {
		unsigned char c;

		if (*p == end)
			return false;
		c = *(*p)++;
		v |= (uint64_t)(c & 0x7f) << (7 * i);
		if (!(c & 0x80)) {
			*ret = v;
			return true;
		}
	}
	return false;
}

bool hr_wire_next(const unsigned char **p, const unsigned char *end, struct hr_wire_field *ret)
{
	uint64_t tag, v;
	size_t fixed = 0;

	if (!varint(p, end, 5, &tag) || tag > UINT32_MAX || tag >> 3 == 0)
		return false;
	*ret = (struct hr_wire_field){.number = (uint32_t)tag >> 3, .type = tag & 7};
	switch (ret->type) {
	case WT_VARINT:
		return varint(p, end, 10, &v);
	case WT_64:
		fixed = 8;
		break;
	case WT_32:
		fixed = 4;
		break;
	case WT_LEN:
		if (!varint(p, end, 5, &v) || v > (size_t)(end - *p))
			return false;
		ret->body = *p;
		ret->len = (size_t)v;
		*p += v;
		return true;
	default: /* groups (3, 4) and what was never defined (6, 7) */
		return false;
	}
	if (fixed > (size_t)(end - *p))
		return false;
	*p += fixed;
	return true;
}

struct frame {
	enum hr_wire_msg msg;
	const unsigned char *p, *end;
	uint8_t count[FIELDS_MAX];
};

/* What is wrong with @f inside @in; a sub-message is only announced by @ret_sub. */
static enum hr_wire_error check(struct frame *in, const struct hr_wire_field *f, unsigned *unknown,
	const struct rule **ret_sub)
{
	const struct rule *r = f->number < FIELDS_MAX ? &rules[in->msg][f->number] : NULL;

	if (!r || r->kind == K_UNKNOWN)
		return ++*unknown > HR_UNKNOWN_FIELDS_MAX ? HR_WIRE_TOO_COMPLEX : HR_WIRE_OK;
	if (f->type != r->type)
		return HR_WIRE_MALFORMED;
	if (in->count[f->number] == r->max)
		return HR_WIRE_TOO_COMPLEX;
	in->count[f->number]++;
	if (r->kind == K_TEXT &&
		(f->len >= r->detail || !hr_text_ok((const char *)f->body, f->len)))
		return HR_WIRE_TEXT;
	if (r->kind == K_MSG)
		*ret_sub = r;
	return HR_WIRE_OK;
}

enum hr_wire_error hr_wire_scan(enum hr_wire_msg msg, const void *bytes, size_t len)
{
	struct frame stack[3]; /* batch, facts or summary, device: no message contains itself */
	unsigned depth = 0, unknown = 0;

	stack[0] =
		(struct frame){.msg = msg, .p = bytes, .end = (const unsigned char *)bytes + len};
	for (;;) {
		struct frame *in = &stack[depth];
		const struct rule *sub = NULL;
		struct hr_wire_field f;
		enum hr_wire_error e;

		if (in->p == in->end) {
			if (depth == 0)
				return HR_WIRE_OK;
			depth--;
			continue;
		}
		if (!hr_wire_next(&in->p, in->end, &f))
			return HR_WIRE_MALFORMED;
		e = check(in, &f, &unknown, &sub);
		if (e != HR_WIRE_OK)
			return e;
		if (sub)
			stack[++depth] = (struct frame){.msg = (enum hr_wire_msg)sub->detail,
				.p = f.body,
				.end = f.body + f.len};
	}
}
