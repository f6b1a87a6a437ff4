/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who this VM is: host id = first 16 bytes of HMAC-SHA256(key = "headroom host id 1",
 * machine-id), so the machine-id itself never leaves the VM (as systemd's
 * application-specific ids); boot = first 8 bytes of the kernel's boot_id.
 */
#pragma once

#include <stdint.h>

#include "proto/limits.h"

struct hr_identity {
	uint8_t host[HR_HOST_ID_LEN];
	uint64_t boot;
	char name[HR_NAME_LEN]; /* host name, cut to fit */
};

/*
 * @root is prefixed to /etc/machine-id and /proc (tests); normally "".  Without a machine-id
 * the id comes from the DMI product uuid; with neither, -ENOENT.  0 or -errno.
 */
int hr_identity_read(const char *root, struct hr_identity *ret);

/* 32 hex digits and NUL. */
void hr_host_id_print(const uint8_t id[HR_HOST_ID_LEN], char out[2 * HR_HOST_ID_LEN + 1]);
