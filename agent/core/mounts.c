/* SPDX-License-Identifier: Apache-2.0 */
/* mountinfo: "id parent major:minor root mount options tags... - type source super-options". */
#include "agent/core/mounts.h"

#include <string.h>

#include "proto/num.h"

struct field {
	const char *p;
	size_t len;
};

static bool next(const char **p, const char *end, struct field *ret)
{
	const char *s = *p;

	while (s < end && *s == ' ')
		s++;
	ret->p = s;
	while (s < end && *s != ' ')
		s++;
	ret->len = (size_t)(s - ret->p);
	*p = s;
	return ret->len > 0;
}

static bool is(const struct field *f, const char *word)
{
	return f->len == strlen(word) && memcmp(f->p, word, f->len) == 0;
}

static bool starts(const struct field *f, const char *word)
{
	return f->len >= strlen(word) && memcmp(f->p, word, strlen(word)) == 0;
}

/* Types whose server is somewhere else, or a process that may have stopped. */
static bool is_remote(const struct field *type)
{
	static const char *const remote[] = {"nfs", "cifs", "smb", "fuse", "ceph", "9p", "afs",
		"glusterfs", "lustre", "ocfs2", "gfs2", "gpfs", "beegfs", "virtiofs", "vboxsf",
		"prl_fs", "vmhgfs", "coda", "ncp", "orangefs", "autofs"};

	/* a FUSE file system on a block device (ntfs-3g) is still a process */
	for (size_t i = 0; i < sizeof(remote) / sizeof(remote[0]); i++)
		if (starts(type, remote[i]))
			return true;
	return false;
}

/* Images that are full by nature. */
static bool is_image(const struct field *type)
{
	return is(type, "squashfs") || is(type, "iso9660") || is(type, "udf") ||
	       is(type, "erofs") || is(type, "cramfs");
}

/* Read-only as a whole; "ro" of the mount alone may be this process's own view (ProtectSystem). */
static bool read_only(const struct field *super)
{
	return is(super, "ro") || starts(super, "ro,");
}

static bool device(const struct field *f, uint64_t *ret)
{
	const char *colon = memchr(f->p, ':', f->len);
	char text[16];
	uint64_t v[2];

	if (!colon)
		return false;
	for (unsigned i = 0; i < 2; i++) {
		const char *from = i ? colon + 1 : f->p;
		size_t n = (size_t)((i ? f->p + f->len : colon) - from);

		if (n == 0 || n >= sizeof(text))
			return false;
		memcpy(text, from, n);
		text[n] = '\0';
		if (!hr_num_u64(text, 0, UINT32_MAX, &v[i]))
			return false;
	}
	*ret = v[0] << 32 | v[1];
	return true;
}

static bool octal(unsigned char c)
{
	return c >= '0' && c <= '7';
}

/* Space, tab, newline and backslash stand there as three octal digits. */
static bool path_of(const struct field *f, char to[HR_MOUNT_PATH_MAX])
{
	const unsigned char *s = (const unsigned char *)f->p;
	size_t n = 0;

	for (size_t i = 0; i < f->len; i++) {
		unsigned char c = s[i];

		if (c == '\\' && i + 3 < f->len && octal(s[i + 1]) && s[i + 1] <= '3' &&
			octal(s[i + 2]) && octal(s[i + 3])) {
			c = (unsigned char)((s[i + 1] - '0') << 6 | (s[i + 2] - '0') << 3 |
					    (s[i + 3] - '0'));
			i += 3;
		}
		if (n + 1 >= HR_MOUNT_PATH_MAX || c == '\0')
			return false;
		to[n++] = (char)c;
	}
	to[n] = '\0';
	return to[0] == '/';
}

static bool seen(const struct hr_mounts *m, uint64_t dev)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (m->m[i].dev == dev)
			return true;
	return false;
}

static void line(const char *p, const char *end, struct hr_mounts *ret)
{
	struct field f, dev, mount, type, source, super;
	struct hr_mount *m = &ret->m[ret->n];
	uint64_t no;

	struct field *const head[] = {&f, &f, &dev, &f, &mount}; /* two ids, device, root, where */

	for (unsigned i = 0; i < sizeof(head) / sizeof(head[0]); i++)
		if (!next(&p, end, head[i]))
			return;
	do
		if (!next(&p, end, &f))
			return;
	while (!is(&f, "-"));
	if (!next(&p, end, &type) || !next(&p, end, &source) || !next(&p, end, &super) ||
		!device(&dev, &no))
		return;
	if (is_remote(&type)) {
		ret->remote++;
		return;
	}
	/* major 0: no block device, but btrfs and zfs, which name theirs or their pool */
	if (no >> 32 == 0 && !is(&type, "btrfs") && !is(&type, "zfs") && !is(&type, "bcachefs"))
		return;
	if (is_image(&type) || read_only(&super) || seen(ret, no))
		return;
	if (!path_of(&mount, m->path)) {
		ret->refused++;
		return;
	}
	m->dev = no;
	for (uint32_t i = 0; i < ret->n; i++)
		if (strcmp(ret->m[i].path, m->path) ==
			0) { /* mounted over: the later one is seen */
			ret->m[i].dev = no;
			return;
		}
	ret->n++;
}

void hr_mounts_parse(const char *text, size_t len, struct hr_mounts *ret)
{
	ret->n = ret->remote = ret->refused = 0;
	for (size_t at = 0; at < len;) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t part = end ? (size_t)(end - (text + at)) : len - at;

		/* the room of the entry after the last one is never written */
		if (ret->n < HR_MOUNTS_MAX)
			line(text + at, text + at + part, ret);
		else
			ret->refused++;
		at += part + 1;
	}
}

bool hr_fs_of(const char *path, const struct hr_fs_raw *raw, struct hr_fs *ret)
{
	size_t n = strlen(path);
	/* the end of a long path tells more than its start */
	const char *tail = n < HR_NAME_LEN ? path : path + n - (HR_NAME_LEN - 1);
	uint64_t used = raw->blocks - raw->blocks_free;

	if (raw->block_bytes == 0 || raw->blocks == 0 || raw->blocks_free > raw->blocks ||
		raw->blocks_avail > raw->blocks_free ||
		raw->blocks > HR_VALUE_MAX / raw->block_bytes)
		return false;
	*ret = (struct hr_fs){.used_bytes = used * raw->block_bytes,
		/* what is kept for root is no space of the programs that fill the disk */
		.usable_bytes = (used + raw->blocks_avail) * raw->block_bytes};
	if (ret->usable_bytes > HR_VALUE_MAX || ret->usable_bytes == 0)
		return false;
	if (raw->inodes > 0 && raw->inodes_free <= raw->inodes && raw->inodes <= HR_VALUE_MAX) {
		ret->used_inodes = raw->inodes - raw->inodes_free;
		ret->usable_inodes = raw->inodes;
	}
	memcpy(ret->mount, tail, strlen(tail) + 1);
	return true;
}

static double fullness(const struct hr_fs *f)
{
	double bytes = (double)f->used_bytes / (double)f->usable_bytes;
	double inodes = f->usable_inodes ? (double)f->used_inodes / (double)f->usable_inodes : 0;

	return bytes > inodes ? bytes : inodes;
}

bool hr_fs_keep(struct hr_fs fs[HR_FS_MAX], uint8_t *n, const struct hr_fs *f)
{
	uint8_t at = *n;
	bool room = *n < HR_FS_MAX;

	while (at > 0 && fullness(&fs[at - 1]) < fullness(f))
		at--;
	if (at == HR_FS_MAX)
		return false;
	if (room)
		++*n;
	for (uint8_t i = (uint8_t)(*n - 1); i > at; i--)
		fs[i] = fs[i - 1];
	fs[at] = *f;
	return room;
}
