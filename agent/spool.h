/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded queue of encoded summaries on disk.  A window is in it from the
 * moment it closes until the collector holds it durably, so an agent that is killed and
 * started again sends what the dead one had no answer for.
 *
 * Durability, stated: records are written at once, so they survive a kill of the
 * process; fdatasync runs once a minute while windows wait, and before exit, so a
 * power cut loses at most the last minute.  Room is made oldest first: windows are merged
 * (counts kept, time resolution not), then dropped and counted.
 *
 * A file that does not read as written is renamed to spool.damaged and counted; what
 * stands before the damage is kept.  One that cannot be read (a read-only mount, an I/O error,
 * another user's) is never replaced: it is renamed to spool.unread as soon as that is possible, and
 * comes before the queue as soon as it can be read.  Where the directory cannot be written, or the
 * disk is full, the queue lives in memory (smaller) until it can again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/outbox.h"
#include "proto/limits.h"

struct hr_spool;

#define HR_SPOOL_MEMORY_MAX (256 * 1024) /* of a queue in memory */
#define HR_SPOOL_RECORD_MAX 32768        /* one record; the largest summary has some 20 KB */

/*
 * @dir: "" keeps the queue in memory.  @limit: bytes of the file (a rewrite takes
 * as much again for a moment); more than 24 MiB are taken as 24 MiB.  @boot: the running one.  0;
 * -EBUSY when another agent holds the directory; -ENOMEM.  Anything else wrong with the directory
 * falls back to memory and says so in hr_spool_trouble().
 */
int hr_spool_open(struct hr_spool **ret_spool, const char *dir, uint64_t limit, uint64_t boot);
void hr_spool_close(struct hr_spool *s);

/* The index: read it, pick from it; valid until the next call that changes the spool. */
const struct hr_outbox *hr_spool_outbox(const struct hr_spool *s);

/*
 * Takes over one encoded Summary.  Makes room when there is none.  0; -EEXIST: this
 * window number was used before; -EMSGSIZE; -errno when not even memory takes it (counted as
 * dropped).
 */
int hr_spool_add(struct hr_spool *s, uint32_t epoch, struct hr_journal_span span, uint64_t t_end_ms,
	const void *body, size_t len);
/* Encoded facts of the current boot and @epoch; replaces earlier ones of that epoch. */
int hr_spool_add_facts(struct hr_spool *s, uint32_t epoch, const void *body, size_t len);

/* Marks the windows of a batch (by boot and span): HR_JOURNAL_ACKED and _LOST remove them. */
int hr_spool_mark(
	struct hr_spool *s, enum hr_journal_type what, const struct hr_outbox_batch *batch);

/* See outbox.h: windows that step aside, and all of them back in the queue. */
void hr_spool_aside(struct hr_spool *s, const struct hr_outbox_batch *batch);
void hr_spool_back(struct hr_spool *s);

/*
 * Bytes of item @i, or of facts, in the caller's buffer.  Length, or -errno; -EBADMSG: the
 * record is damaged by now.
 */
long hr_spool_read(struct hr_spool *s, uint32_t i, void *buf, size_t cap);
long hr_spool_read_facts(
	struct hr_spool *s, const struct hr_outbox_facts *f, void *buf, size_t cap);

/* Once a minute: merges what is old enough, fdatasync, tries the disk again.  Wall time in ms. */
void hr_spool_tend(struct hr_spool *s, uint64_t now_ms);
/* fdatasync now; at exit. */
void hr_spool_sync(struct hr_spool *s);

/* "" when all is well, else what is wrong and what it means; changes are worth a log line. */
const char *hr_spool_trouble(const struct hr_spool *s);
/* True when the file found at open was set aside as damaged. */
bool hr_spool_damaged(const struct hr_spool *s);
/* True while a file waits beside the queue that could not be read; see the top. */
bool hr_spool_unread(const struct hr_spool *s);
