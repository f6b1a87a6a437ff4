/* SPDX-License-Identifier: Apache-2.0 */
/* mountinfo and statvfs; see host_fs.h. */
#include "agent/host_fs.h"

#include <stdio.h>
#include <sys/statvfs.h>

#include "proto/base/fsio.h"

static bool ask(const char *root, const char *path, struct hr_fs *ret)
{
	char full[HR_MOUNT_PATH_MAX + 256];
	struct hr_fs_raw raw;
	struct statvfs v;

	if ((size_t)snprintf(full, sizeof full, "%s%s", root, path) >= sizeof full ||
		statvfs(full, &v) != 0)
		return false;
	raw = (struct hr_fs_raw){.block_bytes = v.f_frsize,
		.blocks = v.f_blocks,
		.blocks_free = v.f_bfree,
		.blocks_avail = v.f_bavail,
		.inodes = v.f_files,
		.inodes_free = v.f_ffree};
	return hr_fs_of(path, &raw, ret);
}

int hr_host_fs_read(struct hr_host_fs *f, const char *root)
{
	char path[300];
	ssize_t n;

	(void)snprintf(path, sizeof path, "%s/proc/self/mountinfo", root);
	n = hr_fs_read(path, f->text, sizeof f->text);
	f->n = 0;
	f->remote = f->dropped = 0;
	if (n < 0)
		return (int)n;
	hr_mounts_parse(f->text, (size_t)n, &f->mounts);
	f->remote = f->mounts.remote;
	f->dropped = f->mounts.refused;
	for (uint32_t i = 0; i < f->mounts.n; i++) {
		struct hr_fs one;

		if (!ask(root, f->mounts.m[i].path, &one) || !hr_fs_keep(f->fs, &f->n, &one))
			f->dropped++;
	}
	return 0;
}
