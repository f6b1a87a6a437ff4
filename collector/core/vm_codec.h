/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Part of vm_codec.c: one walk for both directions, so that they cannot differ.  Numbers are
 * varints; on the way in each has a limit, and what passes it, or ends too soon, sets @bad.
 */
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "collector/core/vm_state.h"

struct codec {
	bool encode, bad;
	bool no_memory; /* and bad */
	unsigned char *out;
	const unsigned char *in;
	unsigned version;
	size_t cap, at; /* encode: bytes needed so far, may exceed cap */
};

static inline void put(struct codec *c, unsigned char b)
{
	if (c->at < c->cap)
		c->out[c->at] = b;
	c->at++;
}

static inline void u64_long(struct codec *c, uint64_t *v)
{
	uint64_t x = *v;
	unsigned shift = 0;

	if (c->encode) {
		for (; x > 0x7f; x >>= 7)
			put(c, (unsigned char)(x | 0x80));
		put(c, (unsigned char)x);
		return;
	}
	for (x = 0; !c->bad; shift += 7) {
		unsigned char b;

		if (c->at >= c->cap || shift > 63) {
			c->bad = true;
			break;
		}
		b = c->in[c->at++];
		x |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			break;
	}
	*v = c->bad ? 0 : x;
}

/* Most numbers are small, and a state has thousands. */
static inline void u64(struct codec *c, uint64_t *v)
{
	if (c->encode && *v <= 0x7f)
		put(c, (unsigned char)*v);
	else if (!c->encode && !c->bad && c->at < c->cap && c->in[c->at] <= 0x7f)
		*v = c->in[c->at++];
	else
		u64_long(c, v);
}

static inline void bounded(struct codec *c, uint64_t *v, uint64_t max)
{
	u64(c, v);
	if (*v > max) {
		c->bad = true;
		*v = 0;
	}
}

#define FIELD(c, f, max)                                                                           \
	do {                                                                                       \
		uint64_t _v = (uint64_t)(f);                                                       \
		bounded(c, &_v, max);                                                              \
		if (!(c)->encode)                                                                  \
			(f) = (__typeof__(f))_v;                                                   \
	} while (0)

static inline void f64(struct codec *c, double *v)
{
	uint64_t bits;

	memcpy(&bits, v, sizeof(bits));
	u64(c, &bits);
	memcpy(v, &bits, sizeof(bits));
	if (!c->encode && !(isfinite(*v) && *v >= 0)) {
		c->bad = true;
		*v = 0;
	}
}

static inline void text(struct codec *c, char *s, size_t size)
{
	uint64_t n = c->encode ? strnlen(s, size - 1) : 0;

	bounded(c, &n, size - 1);
	if (c->encode) {
		for (uint64_t i = 0; i < n; i++)
			put(c, (unsigned char)s[i]);
		return;
	}
	memset(s, 0, size);
	if (c->bad || n > c->cap - c->at) {
		c->bad = true;
		return;
	}
	memcpy(s, c->in + c->at, n);
	c->at += n;
}

static inline void f32(struct codec *c, float *v)
{
	uint32_t bits;

	memcpy(&bits, v, sizeof(bits));
	FIELD(c, bits, UINT32_MAX);
	memcpy(v, &bits, sizeof(bits));
	if (!c->encode && !isfinite(*v)) {
		c->bad = true;
		*v = 0;
	}
}

/* In vm_codec_minute.c: */
void hr_vm_codec_facts(struct codec *c, struct hr_facts *f);
/* The open minute; its devices take memory. */
void hr_vm_codec_minute(struct codec *c, struct hr_vm *vm);
void hr_vm_codec_groups(struct codec *c, struct hr_minute *m);
void hr_vm_codec_replay(struct codec *c, struct hr_replay_sum *r);
