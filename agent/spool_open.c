/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the spool's directory holds at a start, and when it can be used later.  Invariant: a file
 * is replaced only when all it holds is in the index, and removed only when that is on the disk.
 */
#include "agent/spool_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/fsio.h"
#include "proto/cleanup.h"

#define UNREAD_MAX 9 /* files set aside: nobody looks after them any more, so not without end */

/* All bytes of a file; its records, and perhaps the torn end of one. */
struct records {
	unsigned char *p;
	size_t len;
};

/* All of @fd; -EFBIG: not a file we wrote. */
static int read_all(int fd, struct records *ret)
{
	unsigned char *p;
	struct stat st;
	size_t at = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > HR_SPOOL_FILE_MAX)
		return -EFBIG;
	p = malloc((size_t)st.st_size + 1);
	if (!p)
		return -ENOMEM;
	while (at < (size_t)st.st_size) {
		ssize_t n = pread(fd, p + at, (size_t)st.st_size - at, (off_t)at);

		if (n <= 0) { /* a file that ends before its size is not what a crash leaves */
			int r = n < 0 ? -errno : -EIO;

			free(p);
			return r;
		}
		at += (size_t)n;
	}
	*ret = (struct records){p, at};
	return 0;
}

/*
 * Applies the records of a file.  *ret_end: bytes that are whole records.  False: they end in
 * something that is no record.  *gone: windows whose numbers wait already under other spans, or
 * for which the index has no room.
 */
static bool load(
	struct hr_outbox *box, const struct records *from, uint64_t *ret_end, uint64_t *gone)
{
	size_t at = 0;

	*gone = 0;
	for (;;) {
		struct hr_journal_record r;
		struct hr_outbox_batch same;
		int e = hr_journal_get(from->p + at, from->len - at, &r);

		*ret_end = at;
		if (e == 0 || e == -EAGAIN) /* the end, or torn by a crash */
			return true;
		if (e < 0 || r.size > HR_SPOOL_RECORD_MAX + HR_JOURNAL_HEADER)
			return false;
		e = hr_outbox_apply(box, &r, (uint32_t)at);
		if (e < 0 && r.type == HR_JOURNAL_WINDOW &&
			!hr_outbox_find(box, r.boot, r.span, &same))
			*gone += r.span.seq_last - r.span.seq_first + 1;
		at += r.size;
	}
}

static int open_file(struct hr_spool *s)
{
	struct records all = {0};
	uint64_t gone;
	bool whole;
	int r;

	s->fd = openat(s->dir_fd, "spool", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->fd < 0)
		return -errno;
	r = read_all(s->fd, &all);
	if (r == -EFBIG)
		whole = false;
	else if (r < 0)
		return r;
	else
		whole = load(&s->box, &all, &s->end, &gone);
	free(all.p);
	if (whole)
		return s->end < all.len && ftruncate(s->fd, (off_t)s->end) < 0 ? -errno : 0;
	if (renameat(s->dir_fd, "spool", s->dir_fd, "spool.damaged") < 0)
		return -errno;
	s->damaged = true;
	/* from the file set aside, which is still open */
	r = hr_spool_rewrite(s, false);
	if (r < 0) {
		hr_spool_say(s, "cannot write the spool", r);
		r = hr_spool_rewrite(s, true);
	}
	return r;
}

static void forget_file(struct hr_spool *s)
{
	hr_closep(&s->fd);
	s->fd = -1;
	s->box = (struct hr_outbox){0};
	s->end = 0;
}

/* The file that nobody read gets a name under which nothing replaces it. */
static int set_aside(struct hr_spool *s)
{
	char name[32] = HR_SPOOL_UNREAD;

	for (int i = 1;; i++) {
		if (faccessat(s->dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
			break;
		if (i > UNREAD_MAX)
			return -EEXIST;
		(void)snprintf(name, sizeof name, HR_SPOOL_UNREAD ".%d", i);
	}
	if (renameat(s->dir_fd, "spool", s->dir_fd, name) < 0) {
		if (errno != ENOENT)
			return -errno;
	} else {
		s->aside = true;
	}
	s->unread = false;
	return 0;
}

int hr_spool_take_dir(struct hr_spool *s)
{
	if (!s->dir[0])
		return -ENOENT;
	if (s->dir_fd < 0) {
		int r = hr_fs_mkdirs(s->dir, 0700);

		if (r < 0)
			return r;
		s->dir_fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (s->dir_fd < 0)
			return -errno;
	}
	if (s->lock_fd < 0) {
		s->lock_fd = openat(s->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (s->lock_fd < 0)
			return -errno;
		if (flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0) {
			int r = errno == EWOULDBLOCK ? -EBUSY : -errno;

			hr_closep(&s->lock_fd);
			s->lock_fd = -1;
			return r;
		}
	}
	if (faccessat(s->dir_fd, HR_SPOOL_UNREAD, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		s->aside = true;
	return s->unread ? set_aside(s) : 0;
}

static int use_dir(struct hr_spool *s)
{
	int r = hr_spool_take_dir(s);

	if (r == 0)
		r = open_file(s);
	if (r == 0 || r == -EBUSY)
		return r;
	s->unread = true;
	forget_file(s);
	if (s->lock_fd >= 0 && set_aside(s) == 0) { /* the rest of the directory may be well */
		r = open_file(s);
		if (r < 0)
			forget_file(s);
	}
	return r;
}

/*
 * What waits in both: the queue's own is the later word.  A window of @old that lies in one of the
 * queue is there; one that overlaps it otherwise has its number twice, and is lost.
 */
static int forget_doubles(struct hr_spool *old, const struct hr_outbox *box)
{
	int r = 0;

	for (uint32_t i = old->box.n; r == 0 && i-- > 0;) {
		const struct hr_outbox_item *o = &old->box.item[i];
		struct hr_outbox_batch b = {.boot = o->boot, .n = 1, .span = {o->span}};

		for (uint32_t k = 0; k < box->n; k++) {
			const struct hr_outbox_item *q = &box->item[k];

			if (q->boot != o->boot || q->span.seq_last < o->span.seq_first ||
				o->span.seq_last < q->span.seq_first)
				continue;
			r = hr_spool_mark(old,
				q->span.seq_first <= o->span.seq_first &&
						o->span.seq_last <= q->span.seq_last
					? HR_JOURNAL_ACKED
					: HR_JOURNAL_LOST,
				&b);
			break;
		}
	}
	return r;
}

/* Both fit the index and the limit together: merged first, oldest first; then the oldest go. */
static int make_fit(struct hr_spool *s, struct hr_spool *old)
{
	uint64_t limit = s->limit - s->limit / 4;
	bool merges[2] = {true, true};
	int r = forget_doubles(old, &s->box);

	while (r == 0 && (old->box.n + s->box.n >= HR_OUTBOX_MAX ||
				 old->box.live_bytes + s->box.live_bytes > limit)) {
		merges[0] = merges[0] && hr_spool_shrink(old, false) == 0;
		if (merges[0])
			continue;
		merges[1] = merges[1] && hr_spool_shrink(s, false) == 0;
		if (!merges[1] && hr_spool_shrink(old, true) < 0)
			r = hr_spool_shrink(s, true);
	}
	return r;
}

/* "spool.new" with what waits in @old and, behind it, what waits in the queue. */
static int join(struct hr_spool *s, int fd, struct hr_spool *old)
{
	struct hr_outbox *box = &s->box;
	const struct hr_outbox *was = &old->box;
	uint64_t end = 0, dropped, merged, seq_last;
	uint32_t epoch;
	int r = make_fit(s, old);

	if (r == 0)
		r = hr_spool_copy_live(old, fd, &end);
	if (r < 0)
		return r;
	dropped = box->dropped;
	merged = box->merged;
	seq_last = box->seq_last;
	epoch = box->epoch;
	box->dropped += was->dropped;
	box->merged += was->merged;
	if (was->boot == box->boot) {
		box->seq_last = was->seq_last > seq_last ? was->seq_last : seq_last;
		box->epoch = was->epoch > epoch ? was->epoch : epoch;
	}
	r = hr_spool_copy_live(s, fd, &end);
	box->dropped = dropped;
	box->merged = merged;
	box->seq_last = seq_last;
	box->epoch = epoch;
	return r;
}

/* What no file holds: which windows step aside. */
static void carry_aside(struct hr_outbox *to, const struct hr_outbox *from)
{
	for (uint32_t i = 0; i < from->n; i++) {
		const struct hr_outbox_item *it = &from->item[i];
		struct hr_outbox_batch b = {.boot = it->boot, .n = 1, .span = {it->span}};

		if (it->aside)
			hr_outbox_aside(to, &b);
	}
}

/* The file at @fd is the queue from now on.  -errno: it is not, and "spool.new" is gone. */
static int switch_to(struct hr_spool *s, int fd)
{
	HR_CLEANUP(hr_freep) struct hr_outbox *box = calloc(1, sizeof *box);
	struct records all = {0};
	uint64_t end = 0, gone = 0;
	int r = box ? read_all(fd, &all) : -ENOMEM;

	if (r == 0 && !load(box, &all, &end, &gone))
		r = -EBADMSG;
	free(all.p);
	if (r < 0)
		(void)unlinkat(s->dir_fd, HR_SPOOL_TMP, 0);
	else
		r = hr_spool_install(s, fd);
	if (r < 0)
		return r;
	(void)close(s->fd);
	s->fd = fd;
	s->end = end;
	carry_aside(box, &s->box);
	s->box = *box;
	s->box.dropped += gone;
	s->in_memory = false; /* making room may have found the disk full */
	s->dirty = false;
	return 0;
}

/* What was set aside after the one that is read by now. */
static void next_aside(struct hr_spool *s)
{
	char name[32];

	s->aside = false;
	for (int i = 1; i <= UNREAD_MAX && !s->aside; i++) {
		(void)snprintf(name, sizeof name, HR_SPOOL_UNREAD ".%d", i);
		s->aside = renameat(s->dir_fd, name, s->dir_fd, HR_SPOOL_UNREAD) == 0;
	}
}

/* The file set aside as a queue of its own, in memory.  *ret_whole: nothing in it was damaged. */
static int load_aside(struct hr_spool *old, bool *ret_whole)
{
	struct records all = {0};
	uint64_t gone;
	int r = read_all(old->fd, &all);

	*ret_whole = false;
	if (r == -EFBIG) /* of no use to wait: no agent of ours wrote it */
		return 0;
	if (r < 0)
		return r;
	*ret_whole = load(&old->box, &all, &old->end, &gone);
	free(all.p);
	old->box.dropped += gone;
	return hr_spool_rewrite(old, true);
}

static int take_in(struct hr_spool *s, struct hr_spool *old)
{
	int fd = openat(s->dir_fd, HR_SPOOL_TMP, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : join(s, fd, old);

	if (r < 0)
		(void)unlinkat(s->dir_fd, HR_SPOOL_TMP, 0);
	else
		r = switch_to(s, fd);
	if (r < 0 && fd >= 0)
		(void)close(fd);
	return r;
}

static bool adopt_one(struct hr_spool *s)
{
	struct hr_spool *old = calloc(1, sizeof *old);
	bool whole = false;
	int r;

	if (!old)
		return false;
	old->dir_fd = old->lock_fd = -1;
	old->in_memory = true;
	old->limit = s->limit;
	old->fd = openat(s->dir_fd, HR_SPOOL_UNREAD, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	r = old->fd < 0 ? -errno : load_aside(old, &whole);
	if (r == 0)
		r = take_in(s, old);
	hr_spool_close(old);
	if (r == -ENOENT)
		next_aside(s);
	if (r < 0)
		return false; /* again in a minute */
	s->damaged |= !whole;
	/* should this fail, what is in it comes twice, and the collector stores it once */
	(void)(whole ? unlinkat(s->dir_fd, HR_SPOOL_UNREAD, 0)
		     : renameat(s->dir_fd, HR_SPOOL_UNREAD, s->dir_fd, "spool.damaged"));
	next_aside(s);
	return true;
}

void hr_spool_adopt(struct hr_spool *s)
{
	while (s->aside && adopt_one(s))
		;
}

int hr_spool_open(struct hr_spool **ret_spool, const char *dir, uint64_t limit, uint64_t boot)
{
	struct hr_spool *s = calloc(1, sizeof *s);
	int r = 0;

	if (!s)
		return -ENOMEM;
	s->dir_fd = s->lock_fd = s->fd = -1;
	s->limit = limit < HR_SPOOL_GARBAGE_MIN ? HR_SPOOL_GARBAGE_MIN
		   : limit > HR_SPOOL_LIMIT_MAX ? HR_SPOOL_LIMIT_MAX
						: limit;
	if ((size_t)snprintf(s->dir, sizeof s->dir, "%s", dir) >= sizeof s->dir) {
		s->dir[0] = '\0';
		r = -ENAMETOOLONG;
	} else if (dir[0]) {
		r = use_dir(s);
	}
	if (r == -EBUSY) {
		hr_spool_close(s);
		return r;
	}
	if (r < 0)
		hr_spool_say(s, "cannot use the spool directory", r);
	if (r < 0 || !dir[0]) {
		s->fd = hr_spool_memory_file();
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

		r = hr_spool_put(s, &head);
		if (r < 0) {
			hr_spool_close(s);
			return r;
		}
	}
	if (!s->in_memory)
		hr_spool_adopt(s);
	*ret_spool = s;
	return 0;
}
