/* SPDX-License-Identifier: Apache-2.0 */
/* A listening socket on one configured address, or a sentence why not. */
#pragma once

#include <stdint.h>

#include "collector/core/config.h"

/*
 * The descriptor, with the port it got in *@ret_port.  -EAFNOSUPPORT: @l is optional and this
 * machine has no IPv6.  Other -errno: @error (512 bytes) has what, why and what to do.
 */
int hr_listen_open(const struct hr_listen *l, uint16_t *ret_port, char *error);

/*
 * The admin's socket: @path in the file system, mode 0600, so that only the collector's user
 * and root can open it.  One left by a collector that died is replaced: the caller holds the
 * database's lock.  The descriptor, or -errno with @error as above.
 */
int hr_listen_admin(const char *path, char *error);
