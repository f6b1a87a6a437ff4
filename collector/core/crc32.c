// SPDX-License-Identifier: Apache-2.0
/* Two table look-ups per byte: a 64-byte table instead of 1 KB, ~1 us for a body of 500 bytes. */
#include "collector/core/crc32.h"

/* Remainders of the 16 nibbles for the reflected polynomial 0xedb88320. */
static const uint32_t nibble[16] = {
	0x00000000,
	0x1db71064,
	0x3b6e20c8,
	0x26d930ac,
	0x76dc4190,
	0x6b6b51f4,
	0x4db26158,
	0x5005713c,
	0xedb88320,
	0xf00f9344,
	0xd6d6a3e8,
	0xcb61b38c,
	0x9b64c2b0,
	0x86d3d2d4,
	0xa00ae278,
	0xbdbdf21c,
};

uint32_t hr_crc32(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t c = 0xffffffff;

	for (size_t i = 0; i < len; i++) {
		c ^= p[i];
		c = nibble[c & 15] ^ (c >> 4);
		c = nibble[c & 15] ^ (c >> 4);
	}
	return ~c;
}
