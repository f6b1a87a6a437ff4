/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files: read under a limit, replaced so that a crash leaves the old or the new one. */
#include "proto/base/fsio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/cleanup.h"

/*
 * The kernel makes up the text of a /proc or /sys file in a buffer of a page (4096 bytes
 * or more) and stops early only at a record that does not fit.  No record is half a page
 * long, so a read this short was the last: it saves half the system calls of a tick.
 */
#define LAST_READ 2048

ssize_t hr_fs_pread(int fd, char *buf, size_t cap)
{
	size_t len = 0;

	if (cap == 0)
		return -EFBIG;
	/* files of /proc have no size: read to the end, and know it by a short read, or one of 0 */
	for (;;) {
		ssize_t r;

		if (len == cap)
			return -EFBIG;
		r = pread(fd, buf + len, cap - len, (off_t)len);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		len += (size_t)r;
		if (r <= LAST_READ && len < cap)
			break;
	}
	buf[len] = '\0'; /* len < cap: one byte was left to see the end */
	return (ssize_t)len;
}

ssize_t hr_fs_read(const char *path, char *buf, size_t cap)
{
	HR_CLEANUP(hr_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : hr_fs_pread(fd, buf, cap);
}

static int write_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t r = write(fd, p, len);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		p += r;
		len -= (size_t)r;
	}
	return 0;
}

/* The directory holds the name: without this a rename can be gone after a power cut. */
static int sync_dir_of(const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	HR_CLEANUP(hr_closep) int fd = -1;

	if (!slash)
		snprintf(dir, sizeof(dir), ".");
	else if (snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path + 1), path) >=
		 (int)sizeof(dir))
		return -ENAMETOOLONG;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

int hr_fs_replace(const char *path, const void *data, size_t len, mode_t mode)
{
	char tmp[PATH_MAX];
	HR_CLEANUP(hr_closep) int fd = -1;
	int r;

	if (snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = write_all(fd, data, len);
	if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(tmp, path) < 0))
		r = -errno;
	if (r < 0) {
		(void)unlink(tmp);
		return r;
	}
	return sync_dir_of(path);
}

int hr_fs_mkdirs(const char *path, mode_t mode)
{
	char buf[PATH_MAX];
	struct stat st;

	if (*path == '\0')
		return -EINVAL;
	if (snprintf(buf, sizeof(buf), "%s", path) >= (int)sizeof(buf))
		return -ENAMETOOLONG;
	for (char *p = buf + 1;; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(buf, mode) < 0 && errno != EEXIST)
			return -errno;
		if (c == '\0')
			break;
		*p = c;
	}
	/* EEXIST also covers a file of that name */
	if (stat(path, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}
