/* SPDX-License-Identifier: Apache-2.0 */
/* What dumps of netlink have in common: messages of a reply, attributes of a message. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* One message of a dump; @p has @len bytes, any alignment. */
typedef void (*hr_netlink_fn)(void *arg, const unsigned char *p, size_t len);

/*
 * Hands every message of @type in the reply @buf to @fn; messages of another dump than @seq are
 * passed over.  1: the dump ended, 0: more follows, -errno: the kernel's, or -EBADMSG.
 */
int hr_netlink_take(const unsigned char *buf, size_t len, uint32_t seq, uint16_t type,
	hr_netlink_fn fn, void *arg);

/* Payload of the first attribute of @type among those at @at; NULL: none, or they are malformed. */
const void *hr_netlink_attr(const void *at, size_t len, unsigned type, size_t *ret_len);
