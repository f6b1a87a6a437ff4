// SPDX-License-Identifier: Apache-2.0
/* See crc32.h. */
#include "collector/core/crc32.h"

#include <zlib.h>

uint32_t hr_crc32(const void *data, size_t len)
{
	return (uint32_t)crc32_z(0, data, len);
}
