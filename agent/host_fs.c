/* SPDX-License-Identifier: Apache-2.0 */
/* mountinfo and statvfs; see host_fs.h. */
#include "agent/host_fs.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "agent/host_facts.h"
#include "proto/base/fsio.h"
#include "proto/units.h"

/* File systems fill over hours; 300 s is one value in 30 windows (20 bytes each on the wire). */
#define EVERY_NS (300 * HR_NS_PER_S)

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

static void sample(struct hr_host_fs *f, const char *root, struct hr_facts *facts)
{
	char why[HR_REASON_LEN] = "";
	int r = hr_host_fs_read(f, root);

	if (r < 0) {
		hr_host_facts_signal(facts, HR_SIG_FS, HR_RUNG_MISSING, strerror(-r));
		return;
	}
	if (f->remote || f->dropped)
		(void)snprintf(why, sizeof why, "not sampled: %u network or FUSE, %u others",
			f->remote, f->dropped);
	hr_host_facts_signal(facts, HR_SIG_FS, HR_RUNG_FILE, why);
}

uint8_t hr_host_fs_window(struct hr_host_fs *f, const char *root, uint64_t now_ns,
	struct hr_facts *facts, const struct hr_fs **ret_fs)
{
	bool first = !f->begun;
	uint8_t n;

	if (now_ns >= f->next_ns) {
		f->begun = true;
		f->next_ns = now_ns + EVERY_NS;
		f->sent = 0;
		sample(f, root, facts);
	}
	if (f->sent >= f->n)
		return 0;
	*ret_fs = &f->fs[f->sent];
	n = first ? f->n : 1;
	f->sent = (uint8_t)(f->sent + n);
	return n;
}
