/* SPDX-License-Identifier: Apache-2.0 */
/* The file of a running agent's cost; see status.h. */
#include "agent/status.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/fsio.h"
#include "proto/num.h"

#define FILE_BYTES 512

static const struct {
	const char *key;
	size_t at;
} numbers[] = {
	{"pid=", offsetof(struct hr_status, pid)},
	{"wall_ms=", offsetof(struct hr_status, wall_ms)},
	{"cost_ppm=", offsetof(struct hr_status, cost_ppm)},
	{"hook_ppm=", offsetof(struct hr_status, hook_ppm)},
	{"budget_ppm=", offsetof(struct hr_status, budget_ppm)},
	{"event_ns=", offsetof(struct hr_status, event_ns)},
	{"rss_bytes=", offsetof(struct hr_status, rss_bytes)},
	{"map_bytes=", offsetof(struct hr_status, map_bytes)},
	{"shed=", offsetof(struct hr_status, shed)},
};
#define NUMBERS (sizeof numbers / sizeof *numbers)

static int path_of(const char *dir, char path[PATH_MAX])
{
	return (size_t)snprintf(path, PATH_MAX, "%s/status", dir) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int hr_status_open(const char *dir)
{
	char path[PATH_MAX];
	int r = path_of(dir, path), fd;

	if (r == 0)
		r = hr_fs_mkdirs(dir, 0700);
	if (r < 0)
		return r;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

int hr_status_write(int fd, const struct hr_status *s)
{
	char text[FILE_BYTES];
	size_t len = 0;

	for (size_t i = 0; i < NUMBERS; i++) {
		uint64_t v;

		memcpy(&v, (const char *)s + numbers[i].at, sizeof v);
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%llu\n", numbers[i].key,
			(unsigned long long)v);
	}
	len += (size_t)snprintf(text + len, sizeof text - len, "why=%s\n", s->why);
	if (len > sizeof text)
		return -EMSGSIZE;
	memset(text + len, '\n', sizeof text - len); /* a shorter text leaves nothing behind */
	return pwrite(fd, text, sizeof text, 0) == (ssize_t)sizeof text ? 0 : -EIO;
}

void hr_status_close(int fd)
{
	if (fd < 0)
		return;
	(void)ftruncate(fd, 0);
	(void)close(fd);
}

int hr_status_read(const char *dir, struct hr_status *ret)
{
	char path[PATH_MAX], text[FILE_BYTES + 1], *line, *save = NULL;
	struct hr_status s = {0};
	unsigned seen = 0;
	ssize_t n;
	int r = path_of(dir, path);

	if (r < 0)
		return r;
	n = hr_fs_read(path, text, sizeof text);
	if (n <= 0)
		return n < 0 ? (int)n : -ENOENT; /* stopped, or no window has ended yet */
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, "why=", 4) == 0)
			(void)snprintf(s.why, sizeof s.why, "%s", line + 4);
		for (size_t i = 0; i < NUMBERS; i++) {
			size_t k = strlen(numbers[i].key);
			uint64_t v;

			if (strncmp(line, numbers[i].key, k) != 0 ||
				!hr_num_u64(line + k, 0, UINT64_MAX, &v))
				continue;
			memcpy((char *)&s + numbers[i].at, &v, sizeof v);
			seen |= 1u << i;
		}
	}
	if (seen != (1u << NUMBERS) - 1 || s.pid == 0 || s.pid > INT_MAX)
		return -EBADMSG;
	if (kill((pid_t)s.pid, 0) < 0 && errno == ESRCH)
		return -ENOENT; /* killed: nobody emptied it */
	*ret = s;
	return 0;
}
