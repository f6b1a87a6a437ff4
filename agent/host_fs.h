/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Space and inodes of the VM's own file systems: statvfs on what mounts.h picks.  A few
 * microseconds each, every five minutes; nothing is opened on them, and nothing that could
 * hang is asked.
 */
#pragma once

#include "agent/core/mounts.h"
#include "proto/facts.h"

#define HR_HOST_FS_TEXT 262144 /* mountinfo of some 1500 mounts; pages cost what is read */

/* Some 280 KiB, the owner's, zeroed: nothing is allocated while sampling. */
struct hr_host_fs {
	uint8_t n;
	struct hr_fs fs[HR_FS_MAX];
	uint32_t remote;  /* not asked: network, FUSE */
	uint32_t dropped; /* more than HR_FS_MAX, or of no access to us */
	bool begun;       /* asked at least once */
	uint64_t next_ns; /* when they are asked again */
	uint8_t sent;     /* of those in fs */
	/* scratch of the reader */
	struct hr_mounts mounts;
	char text[HR_HOST_FS_TEXT];
};

/* 0, or -errno when mountinfo cannot be read.  @root: "" or another root, also of the paths. */
int hr_host_fs_read(struct hr_host_fs *f, const char *root);

/*
 * At a window's end: asks every fifth minute, and says so in @facts.  Returns how many of them
 * this window sends, from *ret_fs on: all after the first time, then one a window, for three of
 * them made a busy window 902 bytes.  The last is HR_FS_MAX windows old then, 80 s of five minutes.
 */
uint8_t hr_host_fs_window(struct hr_host_fs *f, const char *root, uint64_t now_ns,
	struct hr_facts *facts, const struct hr_fs **ret_fs);
