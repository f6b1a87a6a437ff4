/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which mounted file systems count, from the text of /proc/self/mountinfo.  Counted are those
 * that a program of this VM can fill and that answer at once: writable, with a block device of
 * this VM behind them.  A network or FUSE file system may hang for ever when its server is gone,
 * and its space is not the VM's; it is counted as skipped and never asked.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/summary.h"

#define HR_MOUNTS_MAX     64  /* looked at; what is beyond is counted */
#define HR_MOUNT_PATH_MAX 256 /* bytes with NUL; a longer path is not asked, but counted */

struct hr_mount {
	uint64_t dev; /* major << 32 | minor: one entry each, bind mounts left out */
	char path[HR_MOUNT_PATH_MAX]; /* the first one of a device that mountinfo names */
};

struct hr_mounts {
	uint32_t n;
	uint32_t remote;  /* network and FUSE file systems: not asked */
	uint32_t refused; /* beyond HR_MOUNTS_MAX, or with too long a path */
	struct hr_mount m[HR_MOUNTS_MAX];
};

/* Reads @text; lines that are not mountinfo's are passed over. */
void hr_mounts_parse(const char *text, size_t len, struct hr_mounts *ret);

/* What statvfs said, in its own terms. */
struct hr_fs_raw {
	uint64_t block_bytes, blocks, blocks_free, blocks_avail; /* avail: to unprivileged users */
	uint64_t inodes, inodes_free;                            /* inodes 0: no limit */
};
/* False: nothing that can be filled (no blocks). */
bool hr_fs_of(const char *path, const struct hr_fs_raw *raw, struct hr_fs *ret);

/* Adds @f to the @*n fullest of at most HR_FS_MAX, fullest first; false: it, or another, is left
 * out. */
bool hr_fs_keep(struct hr_fs fs[HR_FS_MAX], uint8_t *n, const struct hr_fs *f);
