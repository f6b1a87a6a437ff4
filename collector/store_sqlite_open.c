// SPDX-License-Identifier: Apache-2.0
/*
 * Opening the database: lock, pragmas with their replies checked, schema, and
 * what to do with a file that is not right.  A damaged file is renamed, never
 * removed; one that belongs to another program or a newer version is refused.
 */
#include "collector/store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/num.h"

#define PAGE_BYTES  4096
#define PATH_LEN    4096
#define CACHE_BYTES (64ULL * 1024 * 1024)
#define PROBE_ALL   1000             /* hosts: their states take a second to read */
#define INDEX_PART  (32 * 1024)      /* the log's index grows by this much ... */
#define INDEX_PAGES 4062             /* ... for as many pages, 34 more behind the first */
#define INDEX_HELD  (8 * INDEX_PART) /* 128 MiB of log, twice what it is cut at */

/* How far opening came. */
enum outcome {
	OPENED,
	DAMAGED, /* rename it and begin anew */
	REFUSED, /* say why and stop */
};

int hr_store_lock(const char *db_path, char error[HR_STORE_ERROR_LEN])
{
	char name[PATH_LEN];
	int fd;

	if (snprintf(name, sizeof(name), "%s.lock", db_path) >= (int)sizeof(name)) {
		snprintf(error, HR_STORE_ERROR_LEN, "the database's path is too long");
		return -1;
	}
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0) {
		snprintf(error, HR_STORE_ERROR_LEN,
			"cannot create %.200s: %s; create the directory and make it writable for "
			"this user, or set state= in [collector]",
			name, strerror(errno));
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		snprintf(error, HR_STORE_ERROR_LEN,
			"%.200s is held: another headroom-collector uses this database; stop it, "
			"or give this one another state=",
			name);
		close(fd);
		return -1;
	}
	return fd;
}

/* First column of the first row as text; "" when there is none. */
static int query_text(sqlite3 *db, const char *sql, char out[64])
{
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

	out[0] = '\0';
	if (rc != SQLITE_OK)
		return rc;
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW && sqlite3_column_text(st, 0))
		snprintf(out, 64, "%s", (const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static enum outcome fail(sqlite3 *db, int rc, const char *what, char error[HR_STORE_ERROR_LEN])
{
	int prim = rc & 0xff;

	if (prim == SQLITE_CORRUPT || prim == SQLITE_NOTADB) {
		snprintf(error, HR_STORE_ERROR_LEN, "%s: %s", what, sqlite3_errmsg(db));
		return DAMAGED;
	}
	snprintf(error, HR_STORE_ERROR_LEN, "%s: %s (SQLite %d)%s", what, sqlite3_errmsg(db), rc,
		prim == SQLITE_BUSY || prim == SQLITE_LOCKED
			? "; another program writes to this file: stop it (only "
			  "headroom-collector may write; readers use mode=ro)"
		: prim == SQLITE_FULL || rc == SQLITE_IOERR_SHMSIZE ? "; free space on this disk"
		: prim == SQLITE_READONLY || prim == SQLITE_CANTOPEN
			? "; make the file and its directory writable for this user"
			: "");
	return REFUSED;
}

/* Sets a pragma and insists on the reply: SQLite ignores what it does not know or cannot do. */
static enum outcome pragma(sqlite3 *db, const char *set, const char *ask, const char *want,
	char error[HR_STORE_ERROR_LEN])
{
	char sql[128], got[64];
	int rc;

	snprintf(sql, sizeof(sql), "PRAGMA %s", set);
	rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return fail(db, rc, sql, error);
	snprintf(sql, sizeof(sql), "PRAGMA %s", ask);
	rc = query_text(db, sql, got);
	if (rc != SQLITE_OK)
		return fail(db, rc, sql, error);
	if (strcmp(got, want) != 0) {
		snprintf(error, HR_STORE_ERROR_LEN,
			"PRAGMA %s is '%s', needed is '%s': this SQLite or file system cannot keep "
			"the promise of an acknowledgement",
			ask, got, want);
		return REFUSED;
	}
	return OPENED;
}

static enum outcome set_pragmas(
	sqlite3 *db, const struct hr_store_sqlite_conf *conf, char error[HR_STORE_ERROR_LEN])
{
	static const char *const list[][3] = {
		/* journal_mode first: it is the first thing that reads the file */
		{"journal_mode=WAL", "journal_mode", "wal"},
		{"synchronous=FULL", "synchronous",
			"2"}, /* NORMAL lost acked rows in 36 of 40 cuts */
		{"wal_autocheckpoint=0", "wal_autocheckpoint", "0"}, /* ours: after the acks */
		{"journal_size_limit=67108864", "journal_size_limit", "67108864"},
		{"secure_delete=FAST", "secure_delete", "2"}, /* ON doubles the writes of expiry */
		{"mmap_size=0", "mmap_size", "0"}, /* an I/O error must be a code, not SIGBUS */
		{"temp_store=MEMORY", "temp_store", "2"},
		{"cell_size_check=ON", "cell_size_check", "1"}, /* the file is input too */
		{"trusted_schema=OFF", "trusted_schema", "0"},
		{"busy_timeout=0", "busy_timeout", "0"}, /* nobody else may hold the write lock */
	};
	char set[64], want[32];

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		enum outcome o = pragma(db, list[i][0], list[i][1], list[i][2], error);

		if (o != OPENED)
			return o;
	}
	snprintf(want, sizeof(want), "-%llu",
		(unsigned long long)((conf->cache_bytes ? conf->cache_bytes : CACHE_BYTES) / 1024));
	snprintf(set, sizeof(set), "cache_size=%s", want);
	if (pragma(db, set, "cache_size", want, error) != OPENED)
		return REFUSED;
	if (conf->max_bytes == 0)
		return OPENED;
	snprintf(want, sizeof(want), "%llu", (unsigned long long)(conf->max_bytes / PAGE_BYTES));
	snprintf(set, sizeof(set), "max_page_count=%s", want);
	return pragma(db, set, "max_page_count", want, error);
}

/* Ours, empty, or somebody else's? */
static enum outcome check_schema(sqlite3 *db, char error[HR_STORE_ERROR_LEN])
{
	char app[64], version[64], tables[64];
	uint64_t n;
	int rc = query_text(db, "PRAGMA application_id", app);

	if (rc == SQLITE_OK)
		rc = query_text(db, "PRAGMA user_version", version);
	if (rc == SQLITE_OK)
		rc = query_text(db, "SELECT count(*) FROM sqlite_schema", tables);
	if (rc != SQLITE_OK)
		return fail(db, rc, "reading the schema", error);
	if (hr_num_u64(app, HR_SQL_APPLICATION_ID, HR_SQL_APPLICATION_ID, &n)) {
		if (!hr_num_u64(version, 1, HR_SQL_USER_VERSION, &n)) {
			snprintf(error, HR_STORE_ERROR_LEN,
				"the database has schema version %s, this program knows %d: run "
				"the headroom-collector that wrote it, or move the file away",
				version, HR_SQL_USER_VERSION);
			return REFUSED;
		}
		rc = hr_sql_migrate(db, n);
		return rc == SQLITE_OK ? OPENED : fail(db, rc, "migrating the tables", error);
	}
	if (strcmp(app, "0") != 0 || strcmp(tables, "0") != 0) {
		snprintf(error, HR_STORE_ERROR_LEN,
			"the file is a database of another program (application_id %s): set "
			"state= to another directory",
			app);
		return REFUSED;
	}
	rc = hr_sql_create(db);
	return rc == SQLITE_OK ? OPENED : fail(db, rc, "creating the tables", error);
}

/* What the last commit left in the log; replaces SQLite's own checkpoint trigger. */
static int on_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct hr_store_sqlite *q = arg;

	(void)db;
	(void)name;
	q->anew |= pages < q->wal_pages;
	q->wal_pages = pages;
	return SQLITE_OK;
}

static int ignore_host(void *arg, const struct hr_store_host *h)
{
	(void)arg;
	(void)h;
	return 0;
}

static int ignore_boot(void *arg, const struct hr_store_boot *b)
{
	(void)arg;
	(void)b;
	return 0;
}

static int ignore_state(void *arg, const struct hr_store_state *v)
{
	(void)arg;
	(void)v;
	return 0;
}

static int ignore_event(void *arg, const struct hr_store_event *e)
{
	(void)arg;
	(void)e;
	return 0;
}

static bool suspect_path(const char *db_path, char to[PATH_LEN])
{
	return snprintf(to, PATH_LEN, "%s.suspect", db_path) < PATH_LEN;
}

static bool is_suspect(const struct hr_store_sqlite *q)
{
	char name[PATH_LEN];

	return suspect_path(q->path, name) && access(name, F_OK) == 0;
}

static int read_all(struct hr_store *s)
{
	int r = s->ops->hosts(s, ignore_host, NULL);

	r = r ? r : s->ops->boots(s, ignore_boot, NULL);
	r = r ? r : s->ops->states(s, ignore_state, NULL);
	return r ? r : s->ops->journal(s, ignore_event, NULL);
}

/*
 * Reads once all that a start needs: damage there shows now, not at the first acknowledgement.  Of
 * a large fleet that is gigabytes, and even hosts and boots twice are half a second: it is read
 * once, by who needs it, and damage met then is found by the next start, which reads all.
 */
static enum outcome probe(struct hr_store_sqlite *q, char error[HR_STORE_ERROR_LEN])
{
	struct hr_store *s = &q->base;
	char sql[80], text[64];
	uint64_t hosts = 0, first;
	int r = hr_sqlite_span(q, &first, &q->last_n);

	(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM (SELECT 1 FROM host LIMIT %d)",
		PROBE_ALL + 1);
	if (r == 0) {
		int rc = query_text(q->db, sql, text);

		if (rc != SQLITE_OK || !hr_num_u64(text, 0, PROBE_ALL + 1, &hosts))
			return fail(q->db, rc, "hosts", error);
	}
	if (r == 0 && (hosts <= PROBE_ALL || is_suspect(q)))
		r = read_all(s);
	if (r == 0) {
		int rc = query_text(q->db, "SELECT count(*) FROM quarantine", text);

		if (rc != SQLITE_OK || !hr_num_u64(text, 0, UINT64_MAX, &q->quarantined))
			return fail(q->db, rc, "quarantine", error);
		r = hr_sqlite_look_older(q);
		if (r == 0)
			return OPENED;
	}
	snprintf(error, HR_STORE_ERROR_LEN, "%s", s->error);
	/* an entry of ours that contradicts itself has no SQLite code: damage as well */
	return sqlite3_errcode(q->db) == SQLITE_CORRUPT || strstr(s->error, "damaged") ||
			       (sqlite3_errcode(q->db) & 0xff) == SQLITE_CORRUPT
		       ? DAMAGED
		       : REFUSED;
}

void hr_sqlite_suspect(const struct hr_store_sqlite *q)
{
	char name[PATH_LEN];
	int fd;

	if (!suspect_path(q->path, name))
		return;
	fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	if (fd >= 0)
		close(fd);
}

/* Every page and entry, when the last run met damage; it takes seconds per gigabyte. */
static enum outcome check_suspect(struct hr_store_sqlite *q, char error[HR_STORE_ERROR_LEN])
{
	char name[PATH_LEN], text[64];
	int rc;

	if (!suspect_path(q->path, name) || access(name, F_OK) < 0)
		return OPENED;
	rc = query_text(q->db, "PRAGMA quick_check(1)", text);
	if (rc != SQLITE_OK)
		return fail(q->db, rc, "quick_check", error);
	if (strcmp(text, "ok") != 0) {
		snprintf(error, HR_STORE_ERROR_LEN, "quick_check: %s", text);
		return DAMAGED;
	}
	(void)unlink(name);
	return OPENED;
}

static enum outcome prepare(struct hr_store_sqlite *q, char error[HR_STORE_ERROR_LEN])
{
	for (size_t i = 0; i < HR_SQL_N; i++) {
		int rc = sqlite3_prepare_v3(
			q->db, hr_sql_text[i], -1, SQLITE_PREPARE_PERSISTENT, &q->st[i], NULL);

		if (rc != SQLITE_OK)
			return fail(q->db, rc, hr_sql_text[i], error);
	}
	return OPENED;
}

/*
 * The index of the log is a mapped file that a start makes anew.  SQLite makes sure of its room by
 * a byte in each 4 KiB, which leaves the rest of them without a block where blocks are smaller
 * (ext4 below 512 MB has 1 KiB): to touch that on a full disk is SIGBUS.
 */
static bool small_blocks(const struct hr_store_sqlite *q, struct statvfs *ret_v)
{
	const char *slash = strrchr(q->path, '/');
	char dir[PATH_LEN];

	return snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - q->path) + 1 : 1,
		       slash ? q->path : ".") < (int)sizeof(dir) &&
	       statvfs(dir, ret_v) == 0 && ret_v->f_frsize < PAGE_BYTES;
}

static bool index_path(const struct hr_store_sqlite *q, char ret_name[PATH_LEN])
{
	return snprintf(ret_name, PATH_LEN, "%s-shm", q->path) < PATH_LEN;
}

static uint64_t index_bytes(const struct hr_store_sqlite *q)
{
	return hr_sqlite_size_of(q->path, "-wal") / PAGE_BYTES / INDEX_PAGES * INDEX_PART +
	       INDEX_PART;
}

static enum outcome room_for_index(const struct hr_store_sqlite *q, char error[HR_STORE_ERROR_LEN])
{
	uint64_t need = index_bytes(q), room;
	struct stat old = {0}; /* it is truncated first */
	char name[PATH_LEN];
	struct statvfs v;

	if (!small_blocks(q, &v) || !index_path(q, name))
		return OPENED; /* what it is, opening will tell */
	(void)stat(name, &old);
	room = (uint64_t)old.st_blocks * 512 + (uint64_t)v.f_bavail * v.f_frsize;
	if (room >= need)
		return OPENED;
	snprintf(error, HR_STORE_ERROR_LEN,
		"%.200s: %llu KiB free, the index of the log needs %llu; free space on this disk",
		name, (unsigned long long)room / 1024, (unsigned long long)need / 1024);
	return REFUSED;
}

/*
 * Blocks for the index of a log of any length, once SQLite has begun it anew, or a disk that fills
 * up later ends the process.  The descriptor stays open until the database is closed: closing it
 * before would give up SQLite's locks on that file, which are the process's.
 */
static void hold_index(struct hr_store_sqlite *q)
{
	char name[PATH_LEN];
	struct statvfs v;

	if (!small_blocks(q, &v) || !index_path(q, name))
		return;
	q->index_fd = open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (q->index_fd >= 0 && fallocate(q->index_fd, 0, 0, INDEX_HELD) < 0)
		(void)fallocate(q->index_fd, 0, 0, (off_t)index_bytes(q));
}

void hr_sqlite_close(struct hr_store_sqlite *q)
{
	sqlite3_close(q->db);
	if (q->index_fd >= 0)
		close(q->index_fd);
}

static enum outcome open_once(const struct hr_store_sqlite_conf *conf, struct hr_store_sqlite *q,
	char error[HR_STORE_ERROR_LEN])
{
	enum outcome o = room_for_index(q, error);
	int r, rc;

	if (o != OPENED)
		return o;
	rc = sqlite3_open_v2(conf->path, &q->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK)
		return fail(q->db, rc, conf->path, error);
	sqlite3_extended_result_codes(q->db, 1);
	sqlite3_db_config(q->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	o = set_pragmas(q->db, conf, error);
	if (o == OPENED)
		o = check_schema(q->db, error);
	if (o == OPENED)
		hold_index(q);
	if (o == OPENED)
		o = prepare(q, error);
	if (o == OPENED)
		o = probe(q, error);
	if (o == OPENED)
		o = check_suspect(q, error);
	if (o != OPENED)
		return o;
	/* with a full disk the answers still go out; begin() tries again before any write */
	r = hr_sqlite_first_checkpoint(q);
	q->first_due = r == HR_STORE_FULL;
	if (r != 0 && r != HR_STORE_FULL)
		return fail(q->db, sqlite3_extended_errcode(q->db), "first checkpoint", error);
	sqlite3_wal_hook(q->db, on_wal, q);
	if (conf->mover) /* without memory or threads for it the writer does its work */
		q->mover = hr_sqlite_mover_start(conf->path);
	return OPENED;
}

/* Moves the file and its log aside under one stamp. */
static bool rename_aside(
	const char *path, char note[HR_STORE_ERROR_LEN], char error[HR_STORE_ERROR_LEN])
{
	static const char *const suffix[] = {"", "-wal", "-shm"};
	unsigned long long stamp = hr_clock_wall_ms();
	char from[PATH_LEN], to[PATH_LEN];

	for (size_t i = 0; i < 3; i++) {
		if (snprintf(from, sizeof(from), "%s%s", path, suffix[i]) >= (int)sizeof(from) ||
			snprintf(to, sizeof(to), "%s.damaged-%llu%s", path, stamp, suffix[i]) >=
				(int)sizeof(to))
			return false;
		if (rename(from, to) < 0 && errno != ENOENT) {
			snprintf(error, HR_STORE_ERROR_LEN,
				"damaged, and cannot be renamed: %s; move %.200s away by hand",
				strerror(errno), path);
			return false;
		}
	}
	if (suspect_path(path, from))
		(void)unlink(from);
	snprintf(note, HR_STORE_ERROR_LEN,
		"%.180s is damaged (%.120s); it was renamed to %.20s....damaged-%llu and a new "
		"database begun; agents resend what was not acknowledged",
		path, error, strrchr(path, '/') ? strrchr(path, '/') + 1 : path, stamp);
	return true;
}

static bool get_memory(struct hr_store_sqlite *q, const char *path)
{
	q->path = strdup(path);
	q->packer = hr_packer_new();
	q->pack_raw = malloc(HR_PACK_MAX + 4);
	q->pack_room = malloc(HR_PACK_MAX + 4);
	q->coming.raw = malloc(HR_PACK_RAW);
	return q->path && q->packer && q->pack_raw && q->pack_room && q->coming.raw;
}

struct hr_store *hr_store_sqlite_open(const struct hr_store_sqlite_conf *conf,
	char note[HR_STORE_ERROR_LEN], char error[HR_STORE_ERROR_LEN])
{
	note[0] = error[0] = '\0';
	for (int attempt = 0; attempt < 2; attempt++) {
		struct hr_store_sqlite *q = calloc(1, sizeof(*q));
		enum outcome o;

		if (!q) {
			snprintf(error, HR_STORE_ERROR_LEN, "out of memory");
			return NULL;
		}
		q->base.ops = &hr_store_sqlite_ops;
		q->index_fd = -1;
		if (!get_memory(q, conf->path)) {
			snprintf(error, HR_STORE_ERROR_LEN, "out of memory");
			q->base.ops->close(&q->base);
			return NULL;
		}
		o = open_once(conf, q, error);
		if (o == OPENED)
			return &q->base;
		q->corrupt = false; /* judged here */
		q->base.ops->close(&q->base);
		if (o == REFUSED || !rename_aside(conf->path, note, error))
			break;
	}
	return NULL;
}
