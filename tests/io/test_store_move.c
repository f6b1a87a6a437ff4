/* SPDX-License-Identifier: Apache-2.0 */
/* The log that a thread of its own moves into the file, against real files. */
#include "tests/io/store_world.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sqlite3.h>
#include <time.h>

#include "collector/store_sqlite.h"

#define ROWS     400
#define BODY_LEN 2000
#define MIB      (1024ULL * 1024)

static uint64_t body[BODY_LEN / 8]; /* which nothing makes shorter */

/* Pages that this thread moved itself, at most at a time. */
static struct {
	pthread_t thread;
	const char *path;
	uint32_t most;
	unsigned n;
} own;

/* A number of the log's index: 16, frames in the log; 96, those that are in the file. */
static uint32_t of_index(const char *path, long at)
{
	char name[300];
	uint32_t v = 0;
	FILE *f;

	(void)snprintf(name, sizeof(name), "%s-shm", path);
	f = fopen(name, "r");
	assert_non_null(f);
	assert_int_equal(fseek(f, at, SEEK_SET), 0);
	assert_int_equal(fread(&v, sizeof(v), 1, f), 1);
	(void)fclose(f);
	return v;
}

/* Before the library's, which it calls. */
int sqlite3_wal_checkpoint_v2(sqlite3 *db, const char *name, int mode, int *frames, int *moved)
{
	int (*real)(sqlite3 *, const char *, int, int *, int *);
	bool is_own = own.path && pthread_equal(pthread_self(), own.thread);
	uint32_t before = is_own ? of_index(own.path, 96) : 0, now;
	int rc;

	*(void **)&real = dlsym(RTLD_NEXT, "sqlite3_wal_checkpoint_v2");
	rc = real(db, name, mode, frames, moved);
	if (is_own) {
		now = of_index(own.path, 96);
		own.most = now > before && now - before > own.most ? now - before : own.most;
		own.n++;
	}
	return rc;
}

/* One group of ROWS rows, the @i-th; about 1 MiB of the log. */
static void group(struct world *w, uint64_t i)
{
	struct hr_rand r = {.s = i + 1};

	assert_int_equal(w->s->ops->begin(w->s), 0);
	for (uint64_t k = i * ROWS + 1; k <= (i + 1) * ROWS; k++) {
		const struct hr_store_row one = {.n = k,
			.host_no = 1,
			.slot = 1000 + k,
			.boot_ord = 1,
			.seq_first = k,
			.seq_last = k,
			.body = body,
			.len = sizeof(body)};

		for (size_t b = 0; b < BODY_LEN / 8; b++)
			body[b] = hr_rand_u64(&r);

		assert_int_equal(w->s->ops->put_row(w->s, &one), 0);
	}
	assert_int_equal(w->s->ops->commit(w->s), 0);
}

static void pause_ms(long ms)
{
	const struct timespec t = {.tv_nsec = ms * 1000000};

	nanosleep(&t, NULL);
}

/* Windows that another program finds in @path. */
static uint64_t count(const char *path)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;
	uint64_t n;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db, "SELECT ifnull(sum(last-seq+1),0) FROM w10", -1, &st, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

static struct hr_sqlite_moved moved(struct hr_sqlite_mover *v)
{
	struct hr_sqlite_moved m;

	hr_sqlite_mover_ask(v);
	while (!hr_sqlite_mover_take(v, &m))
		pause_ms(1);
	return m;
}

/* The file without its log has every row that was committed before the move began. */
static void what_was_moved_is_in_the_file(void **state)
{
	struct world *w = *state;
	struct hr_sqlite_mover *v = hr_sqlite_mover_start(w->path);
	char cmd[600], alone[280];
	struct hr_sqlite_moved m;

	assert_non_null(v);
	for (uint64_t i = 0; i < 3; i++)
		group(w, i);
	(void)snprintf(alone, sizeof(alone), "%s/alone.db", w->dir);
	(void)snprintf(cmd, sizeof(cmd), "cp '%s' '%s'", w->path, alone);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(count(alone), 0);
	m = moved(v);
	assert_int_equal(m.rc, SQLITE_OK);
	assert_string_equal(m.words, sqlite3_errstr(SQLITE_OK));
	assert_true(m.pages > 500);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(count(alone), 3 * ROWS);
	hr_sqlite_mover_stop(v);
}

/* Who reads holds the log: what came after it stays there, and nothing is lost or refused. */
static void a_reader_keeps_the_rest_in_the_log(void **state)
{
	struct world *w = *state;
	struct hr_sqlite_mover *v = hr_sqlite_mover_start(w->path);
	struct hr_sqlite_moved before, m;
	sqlite3 *db = NULL;

	assert_non_null(v);
	group(w, 0);
	assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "BEGIN; SELECT count(*) FROM w10", NULL, NULL, NULL), SQLITE_OK);
	before = moved(v);
	group(w, 1);
	m = moved(v);
	assert_int_equal(m.rc, SQLITE_OK);
	assert_int_equal(m.pages, before.pages);
	sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	sqlite3_close(db);
	m = moved(v);
	assert_true(m.pages > before.pages);
	assert_int_equal(count(w->path), 2 * ROWS);
	hr_sqlite_mover_stop(v);
}

/* As the collector does it: groups without an end, and the log begins anew again and again. */
static void the_log_begins_anew_under_constant_writing(void **state)
{
	struct world *w = *state;
	const struct hr_store_sqlite_conf conf = {.path = w->path, .mover = true};
	uint64_t groups = 160, longest = 0;
	struct hr_store_stats st;

	w->s->ops->close(w->s);
	w->s = hr_store_sqlite_open(&conf, w->note, w->error);
	assert_non_null(w->s);
	assert_non_null(hr_sqlite_of(w->s)->mover);
	for (uint64_t i = 0; i < groups; i++) {
		group(w, i);
		assert_int_equal(w->s->ops->maintain(w->s), 0);
		pause_ms(2);
		assert_int_equal(w->s->ops->stats(w->s, &st), 0);
		longest = st.wal_bytes > longest ? st.wal_bytes : longest;
	}
	assert_true(longest > 16 * MIB); /* the log was long enough for a move */
	assert_true(longest < 80 * MIB); /* of some 160 */
	assert_true(st.file_bytes > 100 * MIB);
	assert_int_equal(count(w->path), groups * ROWS);
	reopen(w);
	assert_int_equal(count(w->path), groups * ROWS);
}

/*
 * All of the log is moved and nobody commits: the next commit begins it anew.  What the thread did
 * before says nothing about the new log, which would be the writer's to move, all 16 MiB of it.
 */
static void a_log_that_began_anew_meanwhile_is_moved_by_the_thread_too(void **state)
{
	struct world *w = *state;
	const struct hr_store_sqlite_conf conf = {.path = w->path, .mover = true};
	uint32_t before = 0, frames;
	unsigned began = 0;

	w->s->ops->close(w->s);
	w->s = hr_store_sqlite_open(&conf, w->note, w->error);
	assert_non_null(w->s);
	own.thread = pthread_self();
	own.path = w->path;
	own.most = own.n = 0;
	for (uint64_t i = 0; i < 120; i++) {
		group(w, i);
		frames = of_index(w->path, 16);
		began += frames < before;
		before = frames;
		assert_int_equal(w->s->ops->maintain(w->s), 0);
		/* due: until the thread has moved it all, or the writer has */
		for (int k = 0; frames >= 4000 && k < 20000 && of_index(w->path, 96) < frames; k++)
			pause_ms(1);
	}
	own.path = NULL;
	assert_true(began >= 4);
	assert_true(own.most < 1000);
	assert_int_equal(count(w->path), 120 * ROWS);
}

/* A move that ends while nobody asks, and a close in the middle of one. */
static void a_close_waits_for_a_move(void **state)
{
	struct world *w = *state;
	struct hr_sqlite_mover *v = hr_sqlite_mover_start(w->path);

	assert_non_null(v);
	for (uint64_t i = 0; i < 8; i++)
		group(w, i);
	hr_sqlite_mover_ask(v);
	hr_sqlite_mover_stop(v);
	hr_sqlite_mover_stop(NULL);
	assert_null(hr_sqlite_mover_start("/nonexistent/dir/x.db"));
	reopen(w);
	assert_int_equal(count(w->path), 8 * ROWS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SQLITE(what_was_moved_is_in_the_file),
		SQLITE(a_reader_keeps_the_rest_in_the_log),
		SQLITE(the_log_begins_anew_under_constant_writing),
		SQLITE(a_log_that_began_anew_meanwhile_is_moved_by_the_thread_too),
		SQLITE(a_close_waits_for_a_move),
	};

	return run_world("store_move", tests, sizeof(tests) / sizeof(tests[0]));
}
