/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by spool.c (at work) and spool_open.c (what is found at a start, and later). */
#pragma once

#include <limits.h>

#include "agent/spool.h"

/* A file read at the start is never larger than this, whatever an operator configures. */
#define HR_SPOOL_FILE_MAX (64 * 1024 * 1024)
/* While room is made the file has up to twice its limit: it must still be read then. */
#define HR_SPOOL_LIMIT_MAX (HR_SPOOL_FILE_MAX / 8 * 3)
/* Below this much garbage a rewrite is not worth its fsync. */
#define HR_SPOOL_GARBAGE_MIN 65536
#define HR_SPOOL_TMP         "spool.new"
#define HR_SPOOL_UNREAD      "spool.unread"

struct hr_spool {
	char dir[PATH_MAX - 32]; /* "" memory only */
	int dir_fd, lock_fd;
	int fd; /* the file, or the memory file */
	bool in_memory;
	bool damaged;
	bool dirty;   /* written since the last fdatasync */
	bool renamed; /* the directory does not hold the file's new name durably yet */
	bool unread;  /* "spool" may hold windows that are not in the index: it must not be replaced
		       */
	bool aside;   /* as may "spool.unread" */
	uint64_t limit;
	uint64_t end; /* length of the file that holds whole records */
	char trouble[160];
	struct hr_outbox box;
	struct hr_coalesce_item plan[HR_OUTBOX_MAX];
	unsigned char rec[HR_SPOOL_RECORD_MAX + HR_JOURNAL_HEADER];
};

void hr_spool_say(struct hr_spool *s, const char *what, int err);
int hr_spool_memory_file(void);
/* All of @len at the end of @fd, or nothing: a short write is cut off again. */
int hr_spool_append(int fd, uint64_t end, const void *p, size_t len);
/* The live part of the queue into @fd from *end on; moves *end.  The spool is not touched. */
int hr_spool_copy_live(struct hr_spool *s, int fd, uint64_t *end);
/*
 * "spool.new", which is @fd and whole, takes the place of "spool".  -errno: it did not, and is
 * gone.  A directory that cannot be made durable is tried again by hr_spool_sync().
 */
int hr_spool_install(struct hr_spool *s, int fd);
/* The live part, alone, into the directory or into memory; the old file stays until then. */
int hr_spool_rewrite(struct hr_spool *s, bool to_memory);
/* Oldest first: one merge, or with @drop one window dropped and counted.  -ENOSPC: there is none.
 */
int hr_spool_shrink(struct hr_spool *s, bool drop);
int hr_spool_put(struct hr_spool *s, const struct hr_journal_record *r);

/*
 * spool_open.c: the directory and its lock, if they are not had yet, and what stands in it that was
 * never read.  0: the queue may go to the directory.
 */
int hr_spool_take_dir(struct hr_spool *s);
/* Takes "spool.unread" into the queue, if it can be read by now. */
void hr_spool_adopt(struct hr_spool *s);
