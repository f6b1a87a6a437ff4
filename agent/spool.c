/* SPDX-License-Identifier: Apache-2.0 */
/* The spool's file; see spool.h.  Format: core/journal.h, index: core/outbox.h. */
#include "agent/spool_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proto/cleanup.h"
#include "proto/summary.h"
#include "proto/wire.h"

/* Bytes that a minute's merges and marks write, and more: some 3 KB. */
#define MARGIN 8192

/* What merging needs: some 1.3 MiB, held only while it runs. */
struct merge_room {
	struct hr_summary into, next;
	struct hr_wire_arena arena;
	unsigned char body[HR_SPOOL_RECORD_MAX];
};

void hr_spool_say(struct hr_spool *s, const char *what, int err)
{
	(void)snprintf(s->trouble, sizeof s->trouble,
		"%s: %s; windows wait in memory (%u KiB) and a restart loses them", what,
		strerror(-err), HR_SPOOL_MEMORY_MAX / 1024);
}

static uint64_t room_limit(const struct hr_spool *s)
{
	return s->in_memory && s->limit > HR_SPOOL_MEMORY_MAX ? HR_SPOOL_MEMORY_MAX : s->limit;
}

int hr_spool_append(int fd, uint64_t end, const void *p, size_t len)
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
	r = hr_spool_append(fd, *end, s->rec, len);
	if (r == 0)
		*end += len;
	return r;
}

static int flush_marks(struct hr_spool *s, int fd, uint64_t *end, struct hr_journal_record *m)
{
	size_t n = m->n > 0 ? hr_journal_put(m, s->rec, sizeof s->rec) : 0;
	int r = n > 0 ? hr_spool_append(fd, *end, s->rec, n) : 0;

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

/*
 * In the order of place().  First which boot and epoch are the current ones, and windows before
 * facts: a reader that is short of room for facts forgets those that nothing it has read needs.
 */
int hr_spool_copy_live(struct hr_spool *s, int fd, uint64_t *end)
{
	const struct hr_outbox *box = &s->box;
	struct hr_journal_record head = {.type = HR_JOURNAL_HEAD,
		.boot = box->boot,
		.epoch = box->epoch,
		.span = {.seq_last = box->seq_last},
		.dropped = box->dropped,
		.merged = box->merged};
	size_t n = hr_journal_put(&head, s->rec, sizeof s->rec);
	int r = hr_spool_append(fd, *end, s->rec, n);

	*end += r == 0 ? n : 0;
	for (uint32_t i = 0; r == 0 && i < box->n; i++)
		r = copy_record(s, fd, end, box->item[i].len, box->item[i].off);
	for (uint32_t i = 0; r == 0 && i < HR_OUTBOX_FACTS; i++)
		if (box->facts[i].len > 0)
			r = copy_record(s, fd, end, box->facts[i].len, box->facts[i].off);
	/* held first: a frozen window may be held as well, and the later record adds to it */
	if (r == 0)
		r = copy_marks(s, fd, end, box, HR_JOURNAL_HELD);
	return r < 0 ? r : copy_marks(s, fd, end, box, HR_JOURNAL_FROZEN);
}

/* Where hr_spool_copy_live() put the records: one behind the other.  Nothing is allocated for it.
 */
static void place(struct hr_outbox *box)
{
	uint32_t off = HR_JOURNAL_HEAD_SIZE;

	for (uint32_t i = 0; i < box->n; i++) {
		box->item[i].off = off;
		off += box->item[i].len;
	}
	for (uint32_t i = 0; i < HR_OUTBOX_FACTS; i++) {
		box->facts[i].off = off;
		off += box->facts[i].len;
	}
}

int hr_spool_memory_file(void)
{
	int fd = memfd_create("headroom-spool", MFD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int hr_spool_install(struct hr_spool *s, int fd)
{
	int r = fdatasync(fd) < 0 ? -errno : 0;

	if (r == 0 && renameat(s->dir_fd, HR_SPOOL_TMP, s->dir_fd, "spool") < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(s->dir_fd, HR_SPOOL_TMP, 0);
		return r;
	}
	/*
	 * From here on the name is the new file's, durable or not: records written to the old one
	 * would be nobody's.
	 */
	s->renamed = fsync(s->dir_fd) < 0;
	s->trouble[0] = '\0'; /* whatever it was, all of it is in the directory now */
	if (s->renamed)
		(void)snprintf(s->trouble, sizeof s->trouble,
			"cannot make the spool's directory durable: %s; a power cut may lose what "
			"waits",
			strerror(errno));
	return 0;
}

/* Into the directory by way of a temporary file, fsync, rename; or into memory. */
int hr_spool_rewrite(struct hr_spool *s, bool to_memory)
{
	uint64_t end = 0;
	int fd, r;

	fd = to_memory ? hr_spool_memory_file()
		       : openat(s->dir_fd, HR_SPOOL_TMP, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
				 0600);
	if (fd < 0)
		return to_memory ? fd : -errno;
	r = hr_spool_copy_live(s, fd, &end);
	if (r < 0 && !to_memory)
		(void)unlinkat(s->dir_fd, HR_SPOOL_TMP, 0);
	if (r == 0 && !to_memory)
		r = hr_spool_install(s, fd);
	if (r < 0) {
		(void)close(fd);
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
	hr_spool_say(s, "cannot write the spool", err);
	return hr_spool_rewrite(s, true);
}

int hr_spool_put(struct hr_spool *s, const struct hr_journal_record *r)
{
	struct hr_journal_record seen = *r;
	size_t n = hr_journal_put(r, s->rec, sizeof s->rec);
	int e;

	if (n == 0)
		return -EMSGSIZE;
	e = hr_spool_append(s->fd, s->end, s->rec, n);
	if (e < 0) {
		e = fall_back(s, e);
		if (e < 0)
			return e;
		n = hr_journal_put(r, s->rec, sizeof s->rec); /* the copy used the buffer */
		e = hr_spool_append(s->fd, s->end, s->rec, n);
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
	return hr_spool_put(s, &rec) == 0;
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

int hr_spool_shrink(struct hr_spool *s, bool drop)
{
	int r = drop ? drop_oldest(s) : merge_old(s, 0, true) ? 0 : -ENOSPC;

	if (r == 0 && s->end > 2 * s->box.live_bytes + HR_SPOOL_GARBAGE_MIN)
		(void)hr_spool_rewrite(s, s->in_memory); /* else it is longer for now */
	return r;
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
			r = hr_spool_rewrite(s, s->in_memory);
	}
	if (r == 0 && s->end + need > limit) {
		r = hr_spool_rewrite(s, s->in_memory);
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
		e = hr_spool_put(s, &r);
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
	return e < 0 ? e : hr_spool_put(s, &r);
}

/* Much of the file is garbage, or what comes next would pass the limit. */
static bool worth_rewriting(const struct hr_spool *s)
{
	uint64_t limit = room_limit(s);

	return s->end - s->box.live_bytes > HR_SPOOL_GARBAGE_MIN &&
	       ((s->end > limit / 4 && s->end > 2 * s->box.live_bytes) || s->end + MARGIN > limit);
}

int hr_spool_mark(
	struct hr_spool *s, enum hr_journal_type what, const struct hr_outbox_batch *batch)
{
	struct hr_journal_record r = {.type = what, .boot = batch->boot, .n = batch->n};
	int e;

	for (uint32_t i = 0; i < batch->n; i++)
		r.list[i] = batch->span[i];
	e = hr_spool_put(s, &r);
	if (e == 0 && worth_rewriting(s))
		(void)hr_spool_rewrite(s, s->in_memory);
	return e;
}

void hr_spool_aside(struct hr_spool *s, const struct hr_outbox_batch *batch)
{
	hr_outbox_aside(&s->box, batch);
}

void hr_spool_back(struct hr_spool *s)
{
	hr_outbox_back(&s->box);
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
	if (s->renamed && !s->in_memory && fsync(s->dir_fd) == 0) {
		s->renamed = false;
		s->trouble[0] = '\0';
	}
}

void hr_spool_tend(struct hr_spool *s, uint64_t now_ms)
{
	if (worth_rewriting(s))
		(void)hr_spool_rewrite(s, s->in_memory);
	(void)merge_old(s, now_ms, false);
	if (s->in_memory && hr_spool_take_dir(s) == 0)
		(void)hr_spool_rewrite(s, false);
	if (!s->in_memory)
		hr_spool_adopt(s);
	if (s->box.n > 0 || s->renamed)
		hr_spool_sync(s);
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

bool hr_spool_unread(const struct hr_spool *s)
{
	return s->aside || s->unread;
}
