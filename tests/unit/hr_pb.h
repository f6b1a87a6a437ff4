/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A protobuf writer that writes anything, also what no agent would: hostile
 * bodies are put together by field number and wire type.
 */
#pragma once

#include <assert.h>
#include <stdint.h>
#include <string.h>

struct hr_pb {
	unsigned char b[70000];
	size_t len;
};

static inline void hr_pb_varint(struct hr_pb *p, uint64_t v)
{
	assert(p->len + 10 <= sizeof(p->b));
	for (; v > 0x7f; v >>= 7)
		p->b[p->len++] = (unsigned char)(v | 0x80);
	p->b[p->len++] = (unsigned char)v;
}

static inline void hr_pb_tag(struct hr_pb *p, uint32_t field, unsigned type)
{
	hr_pb_varint(p, (uint64_t)field << 3 | type);
}

static inline void hr_pb_num(struct hr_pb *p, uint32_t field, uint64_t v)
{
	hr_pb_tag(p, field, 0);
	hr_pb_varint(p, v);
}

static inline void hr_pb_bytes(struct hr_pb *p, uint32_t field, const void *data, size_t len)
{
	hr_pb_tag(p, field, 2);
	hr_pb_varint(p, len);
	assert(p->len + len <= sizeof(p->b));
	memcpy(p->b + p->len, data, len);
	p->len += len;
}

static inline void hr_pb_text(struct hr_pb *p, uint32_t field, const char *s)
{
	hr_pb_bytes(p, field, s, strlen(s));
}

static inline void hr_pb_msg(struct hr_pb *p, uint32_t field, const struct hr_pb *sub)
{
	hr_pb_bytes(p, field, sub->b, sub->len);
}

/* A packed column of @n numbers. */
static inline void hr_pb_column(struct hr_pb *p, uint32_t field, const uint64_t *v, size_t n)
{
	struct hr_pb packed;

	packed.len = 0;
	for (size_t i = 0; i < n; i++)
		hr_pb_varint(&packed, v[i]);
	hr_pb_msg(p, field, &packed);
}

static inline void hr_pb_fixed64(struct hr_pb *p, uint32_t field, uint64_t v)
{
	hr_pb_tag(p, field, 1);
	for (int i = 0; i < 8; i++)
		p->b[p->len++] = (unsigned char)(v >> (8 * i));
}
