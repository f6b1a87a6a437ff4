// SPDX-License-Identifier: Apache-2.0
/*
 * Four bytes a step by four tables of 256 remainders.  They are constants that the compiler
 * works out: a remainder is linear, so each entry is the sum (exclusive or) of the remainders
 * of its bits.  Two nibbles per byte took a twentieth of the collector's time.
 */
#include "collector/core/crc32.h"

/* Remainders of one bit, followed by 0, 1, 2 and 3 bytes of zeros (polynomial 0xedb88320). */
#define E0(i)                                                                                      \
	(((i)&1 ? 0x77073096U : 0) ^ ((i)&2 ? 0xee0e612cU : 0) ^ ((i)&4 ? 0x076dc419U : 0) ^       \
		((i)&8 ? 0x0edb8832U : 0) ^ ((i)&16 ? 0x1db71064U : 0) ^                           \
		((i)&32 ? 0x3b6e20c8U : 0) ^ ((i)&64 ? 0x76dc4190U : 0) ^                          \
		((i)&128 ? 0xedb88320U : 0))
#define E1(i)                                                                                      \
	(((i)&1 ? 0x191b3141U : 0) ^ ((i)&2 ? 0x32366282U : 0) ^ ((i)&4 ? 0x646cc504U : 0) ^       \
		((i)&8 ? 0xc8d98a08U : 0) ^ ((i)&16 ? 0x4ac21251U : 0) ^                           \
		((i)&32 ? 0x958424a2U : 0) ^ ((i)&64 ? 0xf0794f05U : 0) ^                          \
		((i)&128 ? 0x3b83984bU : 0))
#define E2(i)                                                                                      \
	(((i)&1 ? 0x01c26a37U : 0) ^ ((i)&2 ? 0x0384d46eU : 0) ^ ((i)&4 ? 0x0709a8dcU : 0) ^       \
		((i)&8 ? 0x0e1351b8U : 0) ^ ((i)&16 ? 0x1c26a370U : 0) ^                           \
		((i)&32 ? 0x384d46e0U : 0) ^ ((i)&64 ? 0x709a8dc0U : 0) ^                          \
		((i)&128 ? 0xe1351b80U : 0))
#define E3(i)                                                                                      \
	(((i)&1 ? 0xb8bc6765U : 0) ^ ((i)&2 ? 0xaa09c88bU : 0) ^ ((i)&4 ? 0x8f629757U : 0) ^       \
		((i)&8 ? 0xc5b428efU : 0) ^ ((i)&16 ? 0x5019579fU : 0) ^                           \
		((i)&32 ? 0xa032af3eU : 0) ^ ((i)&64 ? 0x9b14583dU : 0) ^                          \
		((i)&128 ? 0xed59b63bU : 0))
#define ROW4(E, i)  E(i), E((i) + 1), E((i) + 2), E((i) + 3)
#define ROW16(E, i) ROW4(E, i), ROW4(E, (i) + 4), ROW4(E, (i) + 8), ROW4(E, (i) + 12)
#define ROW64(E, i) ROW16(E, i), ROW16(E, (i) + 16), ROW16(E, (i) + 32), ROW16(E, (i) + 48)
#define TABLE(E)                                                                                   \
	{                                                                                          \
		ROW64(E, 0), ROW64(E, 64), ROW64(E, 128), ROW64(E, 192)                            \
	}

static const uint32_t table[4][256] = {TABLE(E0), TABLE(E1), TABLE(E2), TABLE(E3)};

uint32_t hr_crc32(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t c = 0xffffffff;

	for (; len >= 4; p += 4, len -= 4) {
		c ^= p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
		c = table[3][c & 255] ^ table[2][c >> 8 & 255] ^ table[1][c >> 16 & 255] ^
		    table[0][c >> 24];
	}
	for (; len > 0; p++, len--)
		c = table[0][(c ^ *p) & 255] ^ (c >> 8);
	return ~c;
}
