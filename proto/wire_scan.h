/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over the tags of a message before it is unpacked, without
 * allocation: what it lets through is bounded in memory and in depth.  Used by
 * wire.c only.  An empty sub-message is 2 bytes on the wire and 200 in memory,
 * so the length of a body alone bounds nothing.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "proto/wire.h"

enum hr_wire_msg {
	HR_WIRE_MSG_BATCH,
	HR_WIRE_MSG_FACTS,
	HR_WIRE_MSG_DEVICE,
	HR_WIRE_MSG_SUMMARY,
	HR_WIRE_MSG_N,
};

/*
 * Checks @len bytes as message @msg with all it contains: well-formed, known
 * fields of their own wire type and at most as often as the schema says, texts
 * valid, unknown fields at most HR_UNKNOWN_FIELDS_MAX.
 */
enum hr_wire_error hr_wire_scan(enum hr_wire_msg msg, const void *bytes, size_t len);

/* One field of a message: @ret_body and @ret_len are its content when the wire type is 2. */
struct hr_wire_field {
	uint32_t number;
	unsigned type;
	const unsigned char *body;
	size_t len;
};
/* Reads the field at *@p and moves *@p behind it; false when it is malformed or cut. */
bool hr_wire_next(const unsigned char **p, const unsigned char *end, struct hr_wire_field *ret);
