// SPDX-License-Identifier: Apache-2.0
/*
 * Eight bytes a step by eight tables of 256 remainders.  They are constants that the compiler
 * works out: a remainder is linear, so each entry is the sum (exclusive or) of the remainders
 * of its bits.  Two nibbles per byte took a twentieth of the collector's time, four bytes a step a
 * thirtieth.
 */
#include "collector/core/crc32.h"

/* Remainders of one bit, followed by 0 to 7 bytes of zeros (polynomial 0xedb88320). */
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
#define E4(i)                                                                                      \
	(((i)&1 ? 0x3d6029b0U : 0) ^ ((i)&2 ? 0x7ac05360U : 0) ^ ((i)&4 ? 0xf580a6c0U : 0) ^       \
		((i)&8 ? 0x30704bc1U : 0) ^ ((i)&16 ? 0x60e09782U : 0) ^                           \
		((i)&32 ? 0xc1c12f04U : 0) ^ ((i)&64 ? 0x58f35849U : 0) ^                          \
		((i)&128 ? 0xb1e6b092U : 0))
#define E5(i)                                                                                      \
	(((i)&1 ? 0xcb5cd3a5U : 0) ^ ((i)&2 ? 0x4dc8a10bU : 0) ^ ((i)&4 ? 0x9b914216U : 0) ^       \
		((i)&8 ? 0xec53826dU : 0) ^ ((i)&16 ? 0x03d6029bU : 0) ^                           \
		((i)&32 ? 0x07ac0536U : 0) ^ ((i)&64 ? 0x0f580a6cU : 0) ^                          \
		((i)&128 ? 0x1eb014d8U : 0))
#define E6(i)                                                                                      \
	(((i)&1 ? 0xa6770bb4U : 0) ^ ((i)&2 ? 0x979f1129U : 0) ^ ((i)&4 ? 0xf44f2413U : 0) ^       \
		((i)&8 ? 0x33ef4e67U : 0) ^ ((i)&16 ? 0x67de9cceU : 0) ^                           \
		((i)&32 ? 0xcfbd399cU : 0) ^ ((i)&64 ? 0x440b7579U : 0) ^                          \
		((i)&128 ? 0x8816eaf2U : 0))
#define E7(i)                                                                                      \
	(((i)&1 ? 0xccaa009eU : 0) ^ ((i)&2 ? 0x4225077dU : 0) ^ ((i)&4 ? 0x844a0efaU : 0) ^       \
		((i)&8 ? 0xd3e51bb5U : 0) ^ ((i)&16 ? 0x7cbb312bU : 0) ^                           \
		((i)&32 ? 0xf9766256U : 0) ^ ((i)&64 ? 0x299dc2edU : 0) ^                          \
		((i)&128 ? 0x533b85daU : 0))
#define ROW4(E, i)  E(i), E((i) + 1), E((i) + 2), E((i) + 3)
#define ROW16(E, i) ROW4(E, i), ROW4(E, (i) + 4), ROW4(E, (i) + 8), ROW4(E, (i) + 12)
#define ROW64(E, i) ROW16(E, i), ROW16(E, (i) + 16), ROW16(E, (i) + 32), ROW16(E, (i) + 48)
#define TABLE(E)                                                                                   \
	{                                                                                          \
		ROW64(E, 0), ROW64(E, 64), ROW64(E, 128), ROW64(E, 192)                            \
	}

static const uint32_t table[8][256] = {
	TABLE(E0), TABLE(E1), TABLE(E2), TABLE(E3), TABLE(E4), TABLE(E5), TABLE(E6), TABLE(E7)};

static uint32_t word(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint32_t hr_crc32(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t c = 0xffffffff;

	for (; len >= 8; p += 8, len -= 8) {
		uint32_t d = word(p + 4);

		c ^= word(p);
		c = table[7][c & 255] ^ table[6][c >> 8 & 255] ^ table[5][c >> 16 & 255] ^
		    table[4][c >> 24] ^ table[3][d & 255] ^ table[2][d >> 8 & 255] ^
		    table[1][d >> 16 & 255] ^ table[0][d >> 24];
	}
	for (; len > 0; p++, len--)
		c = table[0][(c ^ *p) & 255] ^ (c >> 8);
	return ~c;
}
