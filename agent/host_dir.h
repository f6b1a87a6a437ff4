/* SPDX-License-Identifier: Apache-2.0 */
/* Names in a directory without opendir's 32 KiB allocation per call: the sampling path allocates
 * nothing. */
#pragma once

#include <dirent.h>
#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

#define HR_HOST_DIR_ROOM 4096

struct hr_host_dir {
	int fd; /* owned; -1 closed */
	ssize_t len, at;
	_Alignas(struct dirent64) char buf[HR_HOST_DIR_ROOM];
};

/* Takes over @fd, a directory just opened (or -1: an empty directory). */
static inline void hr_host_dir_init(struct hr_host_dir *d, int fd)
{
	d->fd = fd;
	d->len = d->at = 0;
}

static inline void hr_host_dir_done(struct hr_host_dir *d)
{
	if (d->fd >= 0)
		(void)close(d->fd);
	d->fd = -1;
}

/* The next entry that does not start with '.', NULL at the end; valid until the next call. */
static inline const struct dirent64 *hr_host_dir_next(struct hr_host_dir *d)
{
	for (;;) {
		const struct dirent64 *e;

		if (d->at >= d->len) {
			d->at = 0;
			d->len = d->fd < 0 ? 0 : getdents64(d->fd, d->buf, sizeof d->buf);
			if (d->len <= 0)
				return NULL;
		}
		e = (const struct dirent64 *)(const void *)(d->buf + d->at);
		d->at += e->d_reclen;
		if (e->d_name[0] != '.')
			return e;
	}
}
