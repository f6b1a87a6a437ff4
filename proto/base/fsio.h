/* SPDX-License-Identifier: Apache-2.0 */
/* Files, whole: read under a limit, replace atomically and durably. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Reads all of @path into @buf and adds a NUL.  Bytes read, or -errno; -EFBIG when it does not fit.
 */
ssize_t hr_fs_read(const char *path, char *buf, size_t cap);
/* The same from a kept descriptor with pread at 0 (files of /proc and /sys). */
ssize_t hr_fs_pread(int fd, char *buf, size_t cap);
/* Writes a temporary beside @path, fsync, rename, fsync of the directory.  0 or -errno. */
int hr_fs_replace(const char *path, const void *data, size_t len, mode_t mode);
/* mkdir -p.  0 or -errno. */
int hr_fs_mkdirs(const char *path, mode_t mode);
