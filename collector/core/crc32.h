/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32 (ISO-HDLC, as in zlib and Ethernet) of a stored body: SQLite does not
 * checksum its main file, so a flipped bit would otherwise be read as a number.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint32_t hr_crc32(const void *data, size_t len);
