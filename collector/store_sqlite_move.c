// SPDX-License-Identifier: Apache-2.0
/*
 * The log moves into the file beside the writer.  16 MiB of pages and their fsync take 70 to 120
 * ms, in which the writer's thread would acknowledge nothing; a PASSIVE checkpoint may run on
 * another connection while it commits.  This thread owns that connection and nothing else.  It
 * moves what was in the log when it began, and makes the file's pages durable, again and again
 * until little is left.  So what is left for the writer, between two groups, are the pages of the
 * last one, which make a short fsync: then all of the log is in the file, and SQLite begins it anew
 * with the next commit.  It does so by itself when none came while the last pages were moved.
 *
 * Nothing depends on it: a page is read from the log until a checkpoint that saw all of the log has
 * synced the file (that of the writer), whatever was copied before.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store_sqlite.h"

#define WAL_PAGES_DUE  4000                  /* 16 MiB: checkpoint outside the commits */
#define WAL_REST       100                   /* of it for the writer, and their fsync; else ... */
#define WAL_MOVES      16                    /* ... moved again, up to so many times */
#define WAL_BYTES_HIGH (64ULL * 1024 * 1024) /* then wait for readers and cut the file */

enum step {
	IDLE,
	ASKED,
	DONE,
};

struct hr_sqlite_mover {
	sqlite3 *db;
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t wake;
	enum step step;
	bool stop;
	struct hr_sqlite_moved moved;
};

/* A checkpoint that did not reach the end of the log has not synced the file. */
static int sync_file(sqlite3 *db)
{
	sqlite3_file *f = NULL;
	int rc = sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &f);

	if (rc != SQLITE_OK || !f || !f->pMethods)
		return rc != SQLITE_OK ? rc : SQLITE_INTERNAL;
	return f->pMethods->xSync(f, SQLITE_SYNC_NORMAL);
}

static struct hr_sqlite_moved move(sqlite3 *db)
{
	struct hr_sqlite_moved m = {.pages = 0};

	m.rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, &m.pages);
	if (m.rc == SQLITE_OK)
		m.rc = sync_file(db);
	if ((m.rc & 0xff) == SQLITE_BUSY) { /* somebody else's checkpoint is at it */
		m.rc = SQLITE_OK;
		m.pages = 0;
	}
	/* of the code: the connection has no words for a failed xSync */
	(void)snprintf(m.words, sizeof(m.words), "%s", sqlite3_errstr(m.rc));
	return m;
}

static void *run(void *arg)
{
	struct hr_sqlite_mover *v = arg;

	(void)pthread_setname_np(pthread_self(), "log");
	pthread_mutex_lock(&v->lock);
	while (!v->stop) {
		struct hr_sqlite_moved m;

		if (v->step != ASKED) {
			pthread_cond_wait(&v->wake, &v->lock);
			continue;
		}
		pthread_mutex_unlock(&v->lock);
		m = move(v->db);
		pthread_mutex_lock(&v->lock);
		v->moved = m;
		v->step = DONE;
	}
	pthread_mutex_unlock(&v->lock);
	return NULL;
}

struct hr_sqlite_mover *hr_sqlite_mover_start(const char *path)
{
	struct hr_sqlite_mover *v = calloc(1, sizeof(*v));
	int rc;

	if (!v)
		return NULL;
	rc = sqlite3_open_v2(path, &v->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_extended_result_codes(v->db, 1);
	/* it reads pages of the log, and none through its cache */
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(v->db,
			"PRAGMA synchronous=FULL; PRAGMA mmap_size=0; PRAGMA cache_size=-64;"
			" PRAGMA busy_timeout=0",
			NULL, NULL, NULL);
	pthread_mutex_init(&v->lock, NULL);
	pthread_cond_init(&v->wake, NULL);
	if (rc == SQLITE_OK && pthread_create(&v->thread, NULL, run, v) == 0)
		return v;
	pthread_cond_destroy(&v->wake);
	pthread_mutex_destroy(&v->lock);
	sqlite3_close(v->db);
	free(v);
	return NULL;
}

void hr_sqlite_mover_stop(struct hr_sqlite_mover *v)
{
	if (!v)
		return;
	pthread_mutex_lock(&v->lock);
	v->stop = true;
	pthread_cond_signal(&v->wake);
	pthread_mutex_unlock(&v->lock);
	pthread_join(v->thread, NULL);
	pthread_cond_destroy(&v->wake);
	pthread_mutex_destroy(&v->lock);
	sqlite3_close(v->db);
	free(v);
}

void hr_sqlite_mover_ask(struct hr_sqlite_mover *v)
{
	pthread_mutex_lock(&v->lock);
	v->step = ASKED;
	pthread_cond_signal(&v->wake);
	pthread_mutex_unlock(&v->lock);
}

bool hr_sqlite_mover_take(struct hr_sqlite_mover *v, struct hr_sqlite_moved *ret_moved)
{
	bool done, idle;

	pthread_mutex_lock(&v->lock);
	done = v->step == DONE;
	idle = v->step == IDLE;
	if (done) {
		*ret_moved = v->moved;
		v->step = IDLE;
	}
	pthread_mutex_unlock(&v->lock);
	if (idle)
		hr_sqlite_mover_ask(v);
	return done;
}

/* Whether nearly all of the log is in the file: the rest is the writer's. */
static bool is_moved(struct hr_store_sqlite *q, int *ret_result)
{
	struct hr_sqlite_moved m;

	*ret_result = 0;
	if (!q->mover)
		return true;
	if (!hr_sqlite_mover_take(q->mover, &m))
		return false;
	*ret_result = hr_sqlite_result_of(q, m.rc, "moving the log", m.words);
	if (*ret_result != 0)
		return false;
	if (q->anew) { /* what was moved is of the log before this one */
		q->anew = false;
		q->moves = 0;
		hr_sqlite_mover_ask(q->mover);
		return false;
	}
	if (q->wal_pages - m.pages > WAL_REST && ++q->moves < WAL_MOVES) {
		hr_sqlite_mover_ask(q->mover);
		return false;
	}
	q->moves = 0;
	return true;
}

int hr_sqlite_maintain(struct hr_store *s)
{
	struct hr_store_sqlite *q = hr_sqlite_of(s);
	int mode, rc;

	if (q->wal_pages < WAL_PAGES_DUE)
		return 0;
	if (!is_moved(q, &rc))
		return rc;
	rc = hr_sqlite_set_lazy(q, false);
	if (rc != 0)
		return rc;
	/* a reader that stays keeps PASSIVE from ending; TRUNCATE then reports BUSY and is tried
	 * again */
	mode = hr_sqlite_size_of(q->path, "-wal") > WAL_BYTES_HIGH ? SQLITE_CHECKPOINT_TRUNCATE
								   : SQLITE_CHECKPOINT_PASSIVE;
	rc = sqlite3_wal_checkpoint_v2(q->db, NULL, mode, NULL, NULL);
	if ((rc & 0xff) == SQLITE_BUSY)
		return 0;
	q->wal_pages = 0; /* counted anew by the hook after the next commit */
	return hr_sqlite_result(q, rc, "checkpoint");
}
