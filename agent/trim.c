/* SPDX-License-Identifier: Apache-2.0 */
/* malloc_trim, MADV_DONTNEED of clean file pages, mlockall; see trim.h. */
#include "agent/trim.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct mapping {
	uint64_t start, end;
	bool droppable; /* read-only or code, of a file, nothing written by us in it */
};

static void drop(const struct mapping *m)
{
	if (m->droppable && m->end > m->start)
		(void)madvise((void *)(uintptr_t)m->start, m->end - m->start, MADV_DONTNEED);
}

static void take_line(struct mapping *m, const char *line)
{
	unsigned long start, end, inode, kib;
	char perm[5];

	if (sscanf(line, "%lx-%lx %4s %*s %*s %lu", &start, &end, perm, &inode) == 4) {
		drop(m);
		*m = (struct mapping){start, end, inode != 0 && perm[1] == '-' && perm[3] == 'p'};
	} else if ((sscanf(line, "Private_Dirty: %lu", &kib) == 1 ||
			   sscanf(line, "Anonymous: %lu", &kib) == 1) &&
		   kib > 0) {
		m->droppable = false; /* relocated or written: a copy that no file holds */
	}
}

void hr_trim_memory(void)
{
	struct mapping m = {0};
	char buf[8192], *line, *nl; /* no stdio: it would allocate a buffer */
	size_t have = 0;
	ssize_t n;
	int fd;

	(void)malloc_trim(0);
	fd = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	while ((n = read(fd, buf + have, sizeof buf - 1 - have)) > 0) {
		have += (size_t)n;
		buf[have] = '\0';
		for (line = buf; (nl = strchr(line, '\n')); line = nl + 1) {
			*nl = '\0';
			take_line(&m, line);
		}
		have -= (size_t)(line - buf);
		memmove(buf, line, have);
		if (have == sizeof buf - 1) /* no line is that long: a path has 4096 at most */
			break;
	}
	drop(&m);
	(void)close(fd);
}

/* Not MCL_FUTURE: above RLIMIT_MEMLOCK every later mapping would be refused. */
bool hr_stay_in_memory(void)
{
	return mlockall(MCL_CURRENT | MCL_ONFAULT) == 0;
}
