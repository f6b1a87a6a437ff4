/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store for a test, in memory, in a file or in PostgreSQL, and what its walks gave.  With
 * HR_TEST_PG (tests/lib/with_postgres) only PostgreSQL is tried, each test in a schema of its own.
 */
#pragma once

#include "tests/unit/hr_cmocka.h"

#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#include "collector/store.h"
#include "tests/io/pg_world.h"
#include "tests/io/sql_number.h"

enum world_kind {
	WORLD_MEM,
	WORLD_SQLITE,
	WORLD_PG,
};

struct world {
	enum world_kind kind;
	char dir[64], path[256]; /* of PostgreSQL the connection string */
	struct hr_store *s;
	char note[HR_STORE_ERROR_LEN], error[HR_STORE_ERROR_LEN];
};

static inline void open_store(struct world *w)
{
	const struct hr_store_sqlite_conf conf = {.path = w->path};

#ifdef HR_HAVE_PG
	if (w->kind == WORLD_PG)
		w->s = hr_store_pg_open(w->path, w->error);
	else
#endif
		w->s = w->kind == WORLD_SQLITE ? hr_store_sqlite_open(&conf, w->note, w->error)
					       : hr_store_mem_open();
	if (!w->s)
		fail_msg("open: %s", w->error);
}

static inline void reopen(struct world *w)
{
	if (w->kind == WORLD_MEM)
		return; /* memory does not survive; the rest of the test still holds */
	w->s->ops->close(w->s);
	open_store(w);
}

static inline int make(void **state, enum world_kind kind)
{
	struct world *w = calloc(1, sizeof(*w));

	w->kind = kind;
	snprintf(w->dir, sizeof(w->dir), "/tmp/hr-store-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/t.db", w->dir);
	*state = w;
	return 0;
}

static inline int setup_mem(void **state)
{
	make(state, WORLD_MEM);
	open_store(*state);
	return 0;
}

static inline int setup_sqlite(void **state)
{
	make(state, WORLD_SQLITE);
	open_store(*state);
	return 0;
}

#ifdef HR_HAVE_PG
static inline int setup_pg(void **state)
{
	make(state, WORLD_PG);
	pg_schema(((struct world *)*state)->path);
	open_store(*state);
	return 0;
}
#endif

static inline int teardown(void **state)
{
	struct world *w = *state;
	char cmd[128];

	if (w->s)
		w->s->ops->close(w->s);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", w->dir);
	assert_int_equal(system(cmd), 0);
	free(w);
	return 0;
}

static inline int64_t count_of(const struct world *w, const char *sql)
{
	return sql_number(w->path, sql);
}

static inline void change_file(const struct world *w, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* What the walks below collect. */
struct seen {
	int n;
	struct hr_store_row row[16];
	char body[16][32];
	struct hr_store_boot boot;
	struct hr_store_host host;
	char text[64];
	uint64_t upto;
};

static inline int see_row(void *arg, const struct hr_store_row *r)
{
	struct seen *v = arg;

	assert_true(v->n < 16);
	v->row[v->n] = *r;
	if (!r->damaged) {
		assert_true(r->len < 32);
		memcpy(v->body[v->n], r->body, r->len);
	}
	v->n++;
	return 0;
}

static inline int see_event(void *arg, const struct hr_store_event *e)
{
	struct seen *v = arg;

	if (e->facts) {
		memcpy(v->text, e->facts, e->facts_len);
		v->row[v->n++] = e->row;
		return 0;
	}
	return see_row(arg, &e->row);
}

static inline int see_boot(void *arg, const struct hr_store_boot *b)
{
	struct seen *v = arg;

	v->boot = *b;
	v->n++;
	return 0;
}

static inline int see_host(void *arg, const struct hr_store_host *h)
{
	struct seen *v = arg;

	v->host = *h;
	v->n++;
	return 0;
}

static inline int see_state(void *arg, const struct hr_store_state *s)
{
	struct seen *v = arg;

	v->upto = s->upto;
	memcpy(v->text, s->bytes, s->len);
	v->n++;
	return 0;
}

static inline struct hr_store_row row(
	uint64_t n, uint64_t slot, uint32_t ord, uint64_t seq, const char *b)
{
	return (struct hr_store_row){.n = n,
		.host_no = 7,
		.slot = slot,
		.boot_ord = ord,
		.seq_first = seq,
		.seq_last = seq,
		.body = b,
		.len = strlen(b)};
}

static inline void put(struct world *w, struct hr_store_row r)
{
	assert_int_equal(w->s->ops->put_row(w->s, &r), 0);
}

static inline void begin(struct world *w)
{
	assert_int_equal(w->s->ops->begin(w->s), 0);
}

static inline void commit(struct world *w)
{
	assert_int_equal(w->s->ops->commit(w->s), 0);
}

static inline struct seen all_rows(struct world *w)
{
	struct seen v = {0};

	assert_int_equal(w->s->ops->range(w->s, 0, 0, HR_STORE_SLOT_MAX, see_row, &v), 0);
	return v;
}

static inline struct seen all_events(struct world *w)
{
	struct seen v = {0};

	assert_int_equal(w->s->ops->journal(w->s, see_event, &v), 0);
	return v;
}

#ifdef HR_HAVE_PG
#define PG(f)      cmocka_unit_test_setup_teardown(f, setup_pg, teardown)
#define EACH_PG(f) PG(f),
#else
#define EACH_PG(f)
#endif
#define SQLITE(f) cmocka_unit_test_setup_teardown(f, setup_sqlite, teardown)
/* Every store; those that last. */
#define EACH(f) EACH_PG(f) cmocka_unit_test_setup_teardown(f, setup_mem, teardown), SQLITE(f)
#define KEPT(f) EACH_PG(f) SQLITE(f)

/* Those of PostgreSQL with HR_TEST_PG, the others without. */
static inline int run_world(const char *name, const struct CMUnitTest *all, size_t n)
{
	struct CMUnitTest *some = calloc(n, sizeof(*some));
	size_t k = 0;
	int r;

	for (size_t i = 0; i < n; i++) {
		bool pg = false;

#ifdef HR_HAVE_PG
		pg = all[i].setup_func == setup_pg;
#endif
		if (pg == (getenv("HR_TEST_PG") != NULL))
			some[k++] = all[i];
	}
	assert_true(k > 0);
	r = _cmocka_run_group_tests(name, some, k, NULL, NULL);
	free(some);
	return r;
}
