/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Space and inodes of the VM's own file systems: statvfs on what mounts.h picks.  A few
 * microseconds each, every five minutes; nothing is opened on them, and nothing that could
 * hang is asked.
 */
#pragma once

#include "agent/core/mounts.h"

#define HR_HOST_FS_TEXT 262144 /* mountinfo of some 1500 mounts; pages cost what is read */

/* Some 280 KiB, the owner's, zeroed: nothing is allocated while sampling. */
struct hr_host_fs {
	uint8_t n;
	struct hr_fs fs[HR_FS_MAX];
	uint32_t remote;  /* not asked: network, FUSE */
	uint32_t dropped; /* more than HR_FS_MAX, or of no access to us */
	/* scratch of the reader */
	struct hr_mounts mounts;
	char text[HR_HOST_FS_TEXT];
};

/* 0, or -errno when mountinfo cannot be read.  @root: "" or another root, also of the paths. */
int hr_host_fs_read(struct hr_host_fs *f, const char *root);
