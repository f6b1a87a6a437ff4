// SPDX-License-Identifier: Apache-2.0
/*
 * Runs of zero words are left out: pairs of 16-bit counts (zero words, then words
 * that follow), in words of 4 bytes.  A single zero word inside is cheaper kept.
 */
#include "collector/core/answer_pack.h"

#include <stdint.h>
#include <string.h>

#define WORD  4
#define WORDS (sizeof(struct hr_answer) / WORD)

_Static_assert(sizeof(struct hr_answer) % WORD == 0 && WORDS < UINT16_MAX, "counts of 16 bits");

static uint32_t word(const unsigned char *p, size_t i)
{
	uint32_t v;

	memcpy(&v, p + i * WORD, WORD);
	return v;
}

size_t hr_answer_pack(const struct hr_answer *a, void *buf)
{
	const unsigned char *p = (const unsigned char *)a;
	unsigned char *out = buf;
	size_t len = 0, i = 0;

	while (i < WORDS) {
		size_t from = i, begin;
		uint16_t count[2];

		while (i < WORDS && word(p, i) == 0)
			i++;
		begin = i;
		while (i < WORDS && (word(p, i) != 0 || (i + 1 < WORDS && word(p, i + 1) != 0)))
			i++;
		count[0] = (uint16_t)(begin - from);
		count[1] = (uint16_t)(i - begin);
		memcpy(out + len, count, sizeof(count));
		len += sizeof(count);
		memcpy(out + len, p + begin * WORD, (i - begin) * WORD);
		len += (i - begin) * WORD;
	}
	return len;
}

bool hr_answer_unpack(const void *buf, size_t len, bool is_zero, struct hr_answer *ret_a)
{
	const unsigned char *in = buf;
	unsigned char *p = (unsigned char *)ret_a;
	size_t at = 0, i = 0;

	while (at < len) {
		uint16_t count[2];

		if (len - at < sizeof(count))
			return false;
		memcpy(count, in + at, sizeof(count));
		at += sizeof(count);
		if ((size_t)count[0] + count[1] > WORDS - i || (len - at) / WORD < count[1])
			return false;
		if (!is_zero)
			memset(p + i * WORD, 0, (size_t)count[0] * WORD);
		i += count[0];
		memcpy(p + i * WORD, in + at, (size_t)count[1] * WORD);
		i += count[1];
		at += (size_t)count[1] * WORD;
	}
	return i == WORDS;
}
