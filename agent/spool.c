/* SPDX-License-Identifier: Apache-2.0 */
/* The spool's file; see spool.h.  Format: core/journal.h, index: core/outbox.h. */
#include "agent/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/fsio.h"
#include "proto/cleanup.h"
#include "proto/summary.h"
#include "proto/wire.h"

/* A file read at the start is never larger than this, whatever an operator configures. */
#define FILE_MAX_BYTES (64 * 1024 * 1024)
/* While room is made the file has up to twice its limit: it must still be read then. */
#define LIMIT_MAX (FILE_MAX_BYTES / 8 * 3)
/* Below this much garbage a rewrite is not worth its fsync. */
#define GARBAGE_MIN 65536

struct hr_spool {
	char dir[PATH_MAX - 32]; /* "" memory only */
	int dir_fd, lock_fd;
	int fd; /* the file, or the memory file */
	bool in_memory;
	bool damaged;
	bool dirty; /* written since the last fdatasync */
	uint64_t limit;
	uint64_t end; /* length of the file that holds whole records */
	char trouble[160];
	struct hr_outbox box;
	struct hr_coalesce_item plan[HR_OUTBOX_MAX];
	unsigned char rec[HR_SPOOL_RECORD_MAX + HR_JOURNAL_HEADER];
};

/* What merging needs: some 1.3 MiB, held only while it runs. */
struct merge_room {
	struct hr_summary into, next;
	struct hr_wire_arena arena;
	unsigned char body[HR_SPOOL_RECORD_MAX];
};

static void trouble(struct hr_spool *s, const char *what, int err)
{
	(void)snprintf(s->trouble, sizeof s->trouble,
		"%s: %s; windows wait in memory (%u KiB) and a restart loses them", what,
		strerror(-err), HR_SPOOL_MEMORY_MAX / 1024);
}

static uint64_t room_limit(const struct hr_spool *s)
{
	return s->in_memory && s->limit > HR_SPOOL_MEMORY_MAX ? HR_SPOOL_MEMORY_MAX : s->limit;
}

/* All of @len at the end of @fd, or nothing: a short write is cut off again. */
static int append(int fd, uint64_t end, const void *p, size_t len)
{
	ssize_t n = pwrite(fd, p, len, (off_t)end);

	if (n == (ssize_t)len)
		return 0;
	int err = n < 0 ? -errno : -ENOSPC;

	(void)ftruncate(fd, (off_t)end);
	return err;
}

static int read_record(
	struct hr_spool *s, uint32_t off, uint32_t len, struct hr_journal_record *ret)
{
	if (len > sizeof s->rec)
		return -EBADMSG;
	if (pread(s->fd, s->rec, len, off) != (ssize_t)len)
		return -EBADMSG;
	return hr_journal_get(s->rec, len, ret) == 1 ? 0 : -EBADMSG;
}

/* Copies one live record to @fd; its new place goes to @off. */
static int copy_record(struct hr_spool *s, int fd, uint64_t *end, uint32_t len, uint32_t off)
{
	int r;

	if (len > sizeof s->rec || pread(s->fd, s->rec, len, off) != (ssize_t)len)
		return -EBADMSG;
	r = append(fd, *end, s->rec, len);
	if (r == 0)
		*end += len;
	return r;
}

static int flush_marks(struct hr_spool *s, int fd, uint64_t *end, struct hr_journal_record *m)
{
	size_t n = m->n > 0 ? hr_journal_put(m, s->rec, sizeof s->rec) : 0;
	int r = n > 0 ? append(fd, *end, s->rec, n) : 0;

	if (r == 0)
		*end += n;
	m->n = 0;
	return r;
}

/* Which windows are frozen, or held, as records of one boot each. */
static int copy_marks(struct hr_spool *s, int fd, uint64_t *end, const struct hr_outbox *box,
	enum hr_journal_type type)
{
	struct hr_journal_record m = {.type = type};

	for (uint32_t i = 0; i < box->n; i++) {
		const struct hr_outbox_item *it = &box->item[i];

		if (type == HR_JOURNAL_FROZEN ? !it->frozen : !it->held)
			continue;
		if (m.n == HR_JOURNAL_LIST_MAX || (m.n > 0 && m.boot != it->boot)) {
			int r = flush_marks(s, fd, end, &m);

			if (r < 0)
				return r;
		}
		m.boot = it->boot;
		m.list[m.n++] = it->span;
	}
	return flush_marks(s, fd, end, &m);
}

/* The live part of the queue into @fd, in the order of place(); the spool is not touched. */
static int copy_live(struct hr_spool *s, int fd, uint64_t *ret_end)
{
	const struct hr_outbox *box = &s->box;
	struct hr_journal_record head = {.type = HR_JOURNAL_HEAD,
		.boot = box->boot,
		.epoch = box->epoch,
		.span = {.seq_last = box->seq_last},
		.dropped = box->dropped,
		.merged = box->merged};
	uint64_t end = 0;
	size_t n;
	int r;

	for (uint32_t i = 0; i < HR_OUTBOX_FACTS; i++) {
		const struct hr_outbox_facts *f = &box->facts[i];

		if (f->len == 0)
			continue;
		r = copy_record(s, fd, &end, f->len, f->off);
		if (r < 0)
			return r;
	}
	for (uint32_t i = 0; i < box->n; i++) {
		const struct hr_outbox_item *it = &box->item[i];

		r = copy_record(s, fd, &end, it->len, it->off);
		if (r < 0)
			return r;
	}
	/* held first: a frozen window may be held as well, and the later record adds to it */
	r = copy_marks(s, fd, &end, box, HR_JOURNAL_HELD);
	if (r == 0)
		r = copy_marks(s, fd, &end, box, HR_JOURNAL_FROZEN);
	if (r < 0)
		return r;
	/* last: it says which boot is the current one, whatever stands before */
	n = hr_journal_put(&head, s->rec, sizeof s->rec);
	r = append(fd, end, s->rec, n);
	*ret_end = end + n;
	return r;
}

/* Where copy_live() put the records: one behind the other.  Nothing is allocated for it. */
static void place(struct hr_outbox *box)
{
	uint32_t off = 0;

	for (uint32_t i = 0; i < HR_OUTBOX_FACTS; i++) {
		box->facts[i].off = off;
		off += box->facts[i].len;
	}
	for (uint32_t i = 0; i < box->n; i++) {
		box->item[i].off = off;
		off += box->item[i].len;
	}
}

static int new_memory_file(void)
{
	int fd = memfd_create("headroom-spool", MFD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/*
 * Rewrites the live part: into the directory (temporary file, fsync, rename), or
 * into memory.  The old file stays until the new one is whole.
 */
static int rewrite(struct hr_spool *s, bool to_memory)
{
	static const char tmp[] = "spool.new";
	uint64_t end = 0;
	int fd, r;

	fd = to_memory ? new_memory_file()
		       : openat(s->dir_fd, tmp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return to_memory ? fd : -errno;
	r = copy_live(s, fd, &end);
	if (r == 0 && !to_memory &&
		(fdatasync(fd) < 0 || renameat(s->dir_fd, tmp, s->dir_fd, "spool") < 0 ||
			fsync(s->dir_fd) < 0))
		r = -errno;
	if (r < 0) {
		(void)close(fd);
		if (!to_memory)
			(void)unlinkat(s->dir_fd, tmp, 0);
		return r;
	}
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = fd;
	s->end = end;
	place(&s->box);
	s->in_memory = to_memory;
	s->dirty = false;
	return 0;
}

/* The disk does not take it: on with memory, as far as what waits fits. */
static int fall_back(struct hr_spool *s, int err)
{
	if (s->in_memory)
		return err;
	trouble(s, "cannot write the spool", err);
	return rewrite(s, true);
}

static int put_record(struct hr_spool *s, const struct hr_journal_record *r)
{
	struct hr_journal_record seen = *r;
	size_t n = hr_journal_put(r, s->rec, sizeof s->rec);
	int e;

	if (n == 0)
		return -EMSGSIZE;
	e = append(s->fd, s->end, s->rec, n);
	if (e < 0) {
		e = fall_back(s, e);
		if (e < 0)
			return e;
		n = hr_journal_put(r, s->rec, sizeof s->rec); /* the copy used the buffer */
		e = append(s->fd, s->end, s->rec, n);
		if (e < 0)
			return e;
	}
	seen.size = n;
	e = hr_outbox_apply(&s->box, &seen, (uint32_t)s->end);
	if (e < 0) { /* a window twice: take it back, the file says what the index says */
		(void)ftruncate(s->fd, (off_t)s->end);
		return e;
	}
	s->end += n;
	s->dirty = true;
	return 0;
}

/* Merges items [at, at + n); false when their summaries refuse (kept apart then). */
static bool merge_run(struct hr_spool *s, struct merge_room *m, size_t at, size_t n)
{
	const struct hr_outbox_item *it = &s->box.item[at];
	struct hr_journal_record rec = {0};
	size_t len;

	for (size_t i = 0; i < n; i++) {
		long got = hr_spool_read(s, (uint32_t)(at + i), m->body, sizeof m->body);

		if (got <= 0 || hr_wire_decode_summary(&m->arena, m->body, (size_t)got,
					i == 0 ? &m->into : &m->next) != HR_WIRE_OK)
			return false;
		if (i > 0 && !hr_summary_merge(&m->into, &m->next))
			return false;
	}
	len = hr_wire_encode_window(&m->into, m->body, sizeof m->body);
	if (len == 0)
		return false;
	rec = (struct hr_journal_record){.type = HR_JOURNAL_WINDOW,
		.boot = it->boot,
		.epoch = it->epoch,
		.span = {m->into.seq_first, m->into.seq_last},
		.t_end_ms = m->into.t_end_ms,
		.body = m->body,
		.body_len = len};
	return put_record(s, &rec) == 0;
}

/*
 * Merges every run the planner names.  A run that refuses ends the pass: the
 * planner would name it again.  @pressure: whatever the age.  True when something was merged.
 */
static bool merge_old(struct hr_spool *s, uint64_t now_ms, bool pressure)
{
	HR_CLEANUP(hr_freep) struct merge_room *m = NULL;
	size_t at, n, from = 0;
	bool any = false;

	for (;;) {
		hr_outbox_plan(&s->box, now_ms, s->plan);
		if (!hr_coalesce_next(s->plan + from, s->box.n - from, pressure, &at, &n))
			return any;
		if (!m)
			m = malloc(sizeof *m);
		if (!m)
			return any;
		at += from;
		if (merge_run(s, m, at, n))
			any = true;
		else
			from = at + n; /* look behind it */
		if (pressure && any)   /* oldest first, and no more than is needed */
			return true;
	}
}

static int drop_oldest(struct hr_spool *s)
{
	struct hr_outbox_batch b = {0};

	for (uint32_t i = 0; i < s->box.n && b.n == 0; i++)
		if (!s->box.item[i].frozen)
			b = (struct hr_outbox_batch){
				.boot = s->box.item[i].boot, .n = 1, .span = {s->box.item[i].span}};
	return b.n == 0 ? -ENOSPC : hr_spool_mark(s, HR_JOURNAL_LOST, &b);
}

/* Room for @need more bytes: rewrite, merge, drop, in this order. */
static int make_room(struct hr_spool *s, size_t need)
{
	uint64_t limit = room_limit(s);
	int r = 0;

	while (r == 0 &&
		(s->box.live_bytes + need > limit - limit / 4 || s->box.n + 1 > HR_OUTBOX_MAX)) {
		if (!merge_old(s, 0, true))
			r = drop_oldest(s);
		if (s->end > 2 * limit) /* each merge and drop writes, too */
			r = rewrite(s, s->in_memory);
	}
	if (r == 0 && s->end + need > limit) {
		r = rewrite(s, s->in_memory);
		if (r < 0)
			r = fall_back(s, r);
	}
	return r;
}

int hr_spool_add(struct hr_spool *s, uint32_t epoch, struct hr_journal_span span, uint64_t t_end_ms,
	const void *body, size_t len)
{
	const struct hr_journal_record r = {.type = HR_JOURNAL_WINDOW,
		.boot = s->box.boot,
		.epoch = epoch,
		.span = span,
		.t_end_ms = t_end_ms,
		.body = body,
		.body_len = len};
	int e;

	if (len == 0 || len > HR_SPOOL_RECORD_MAX - 64)
		return -EMSGSIZE;
	e = make_room(s, len + 64);
	if (e == 0)
		e = put_record(s, &r);
	if (e < 0 && e != -EEXIST)
		s->box.dropped += span.seq_last - span.seq_first + 1;
	return e;
}

int hr_spool_add_facts(struct hr_spool *s, uint32_t epoch, const void *body, size_t len)
{
	const struct hr_journal_record r = {.type = HR_JOURNAL_FACTS,
		.boot = s->box.boot,
		.epoch = epoch,
		.body = body,
		.body_len = len};
	int e;

	if (len == 0 || len > HR_SPOOL_RECORD_MAX - 64)
		return -EMSGSIZE;
	e = make_room(s, len + 64);
	return e < 0 ? e : put_record(s, &r);
}

int hr_spool_mark(
	struct hr_spool *s, enum hr_journal_type what, const struct hr_outbox_batch *batch)
{
	struct hr_journal_record r = {.type = what, .boot = batch->boot, .n = batch->n};
	int e;

	for (uint32_t i = 0; i < batch->n; i++)
		r.list[i] = batch->span[i];
	e = put_record(s, &r);
	if (e == 0 && s->end - s->box.live_bytes > GARBAGE_MIN && s->end > s->limit / 4 &&
		s->end > 2 * s->box.live_bytes)
		(void)rewrite(s, s->in_memory);
	return e;
}

long hr_spool_read(struct hr_spool *s, uint32_t i, void *buf, size_t cap)
{
	struct hr_journal_record r;
	int e = read_record(s, s->box.item[i].off, s->box.item[i].len, &r);

	if (e < 0)
		return e;
	if (r.type != HR_JOURNAL_WINDOW || r.body_len > cap)
		return -EBADMSG;
	memcpy(buf, r.body, r.body_len);
	return (long)r.body_len;
}

long hr_spool_read_facts(struct hr_spool *s, const struct hr_outbox_facts *f, void *buf, size_t cap)
{
	struct hr_journal_record r;
	int e = read_record(s, f->off, f->len, &r);

	if (e < 0)
		return e;
	if (r.type != HR_JOURNAL_FACTS || r.body_len > cap)
		return -EBADMSG;
	memcpy(buf, r.body, r.body_len);
	return (long)r.body_len;
}

void hr_spool_sync(struct hr_spool *s)
{
	if (s->dirty && !s->in_memory && fdatasync(s->fd) < 0)
		/* the kernel may have dropped the pages: write them all again */
		(void)fall_back(s, -errno);
	s->dirty = false;
}

void hr_spool_tend(struct hr_spool *s, uint64_t now_ms)
{
	(void)merge_old(s, now_ms, false);
	if (s->in_memory && s->dir_fd >= 0 && rewrite(s, false) == 0)
		s->trouble[0] = '\0';
	if (s->box.n > 0)
		hr_spool_sync(s);
}

/* Reads the records of a file as it was found.  False: it ends in something that is no record. */
static bool load(struct hr_spool *s, const unsigned char *p, size_t len)
{
	size_t at = 0;

	for (;;) {
		struct hr_journal_record r;
		int e = hr_journal_get(p + at, len - at, &r);

		s->end = at;
		if (e == 0 || e == -EAGAIN) /* the end, or torn by a crash */
			return true;
		if (e < 0 || r.size > sizeof s->rec)
			return false;
		(void)hr_outbox_apply(&s->box, &r, (uint32_t)at);
		at += r.size;
	}
}

static int open_file(struct hr_spool *s)
{
	struct stat st;
	bool whole = true;

	s->fd = openat(s->dir_fd, "spool", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->fd < 0 || fstat(s->fd, &st) < 0)
		return -errno;
	if (st.st_size > FILE_MAX_BYTES || !S_ISREG(st.st_mode)) {
		whole = false;
	} else if (st.st_size > 0) {
		HR_CLEANUP(hr_freep) unsigned char *p = malloc((size_t)st.st_size);
		ssize_t n = p ? pread(s->fd, p, (size_t)st.st_size, 0) : -1;

		if (n < 0)
			return p ? -errno : -ENOMEM;
		whole = load(s, p, (size_t)n);
	}
	if (whole) {
		if (s->end < (uint64_t)st.st_size && ftruncate(s->fd, (off_t)s->end) < 0)
			return -errno;
		return 0;
	}
	s->damaged = true;
	if (renameat(s->dir_fd, "spool", s->dir_fd, "spool.damaged") < 0)
		return -errno;
	return rewrite(s, false); /* from the file set aside, which is still open */
}

static int open_dir(struct hr_spool *s)
{
	int r = hr_fs_mkdirs(s->dir, 0700);

	if (r < 0)
		return r;
	s->dir_fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0)
		return -errno;
	s->lock_fd = openat(s->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock_fd < 0)
		return -errno;
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return open_file(s);
}

int hr_spool_open(struct hr_spool **ret_spool, const char *dir, uint64_t limit, uint64_t boot)
{
	struct hr_spool *s = calloc(1, sizeof *s);
	int r = 0;

	if (!s)
		return -ENOMEM;
	s->dir_fd = s->lock_fd = s->fd = -1;
	s->limit = limit < GARBAGE_MIN ? GARBAGE_MIN : limit > LIMIT_MAX ? LIMIT_MAX : limit;
	if ((size_t)snprintf(s->dir, sizeof s->dir, "%s", dir) >= sizeof s->dir)
		r = -ENAMETOOLONG;
	else if (dir[0])
		r = open_dir(s);
	if (r == -EBUSY) {
		hr_spool_close(s);
		return r;
	}
	if (r < 0)
		trouble(s, "cannot use the spool directory", r);
	if (r < 0 || !dir[0]) {
		s->box = (struct hr_outbox){0};
		s->end = 0;
		if (s->fd >= 0)
			(void)close(s->fd);
		s->fd = new_memory_file();
		s->in_memory = true;
	}
	if (s->fd < 0) {
		r = s->fd;
		hr_spool_close(s);
		return r;
	}
	if (s->box.boot != boot) {
		const struct hr_journal_record head = {.type = HR_JOURNAL_HEAD,
			.boot = boot,
			.dropped = s->box.dropped,
			.merged = s->box.merged};

		r = put_record(s, &head);
		if (r < 0) {
			hr_spool_close(s);
			return r;
		}
	}
	*ret_spool = s;
	return 0;
}

void hr_spool_close(struct hr_spool *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		hr_spool_sync(s);
	hr_closep(&s->fd);
	hr_closep(&s->lock_fd);
	hr_closep(&s->dir_fd);
	free(s);
}

const struct hr_outbox *hr_spool_outbox(const struct hr_spool *s)
{
	return &s->box;
}

const char *hr_spool_trouble(const struct hr_spool *s)
{
	return s->trouble;
}

bool hr_spool_damaged(const struct hr_spool *s)
{
	return s->damaged;
}
