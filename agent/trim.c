/* SPDX-License-Identifier: Apache-2.0 */
/* malloc_trim and MADV_DONTNEED of clean file pages; see trim.h. */
#include "agent/trim.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

struct mapping {
	uint64_t start, end;
	bool droppable; /* read-only or code, of a file, nothing written by us in it */
};

static void drop(const struct mapping *m)
{
	if (m->droppable && m->end > m->start)
		(void)madvise((void *)(uintptr_t)m->start, m->end - m->start, MADV_DONTNEED);
}

void hr_trim_memory(void)
{
	struct mapping m = {0};
	char line[512];
	FILE *f;

	(void)malloc_trim(0);
	f = fopen("/proc/self/smaps", "re");
	if (!f)
		return;
	while (fgets(line, sizeof line, f)) {
		unsigned long start, end, inode, kib;
		char perm[5];

		if (sscanf(line, "%lx-%lx %4s %*s %*s %lu", &start, &end, perm, &inode) == 4) {
			drop(&m);
			m = (struct mapping){
				start, end, inode != 0 && perm[1] == '-' && perm[3] == 'p'};
		} else if ((sscanf(line, "Private_Dirty: %lu", &kib) == 1 ||
				   sscanf(line, "Anonymous: %lu", &kib) == 1) &&
			   kib > 0) {
			m.droppable = false; /* relocated or written: a copy that no file holds */
		}
	}
	drop(&m);
	(void)fclose(f);
}
