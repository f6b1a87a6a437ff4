/* SPDX-License-Identifier: Apache-2.0 */
/* A store for a test, in memory or in a file, and what its walks gave. */
#pragma once

#include "tests/unit/hr_cmocka.h"

#include <string.h>
#include <unistd.h>

#include "collector/store.h"

struct world {
	bool sqlite;
	char dir[64], path[96];
	struct hr_store *s;
	char note[HR_STORE_ERROR_LEN], error[HR_STORE_ERROR_LEN];
};

static inline void open_store(struct world *w)
{
	const struct hr_store_sqlite_conf conf = {.path = w->path};

	w->s = w->sqlite ? hr_store_sqlite_open(&conf, w->note, w->error) : hr_store_mem_open();
	if (!w->s)
		fail_msg("open: %s", w->error);
}

static inline void reopen(struct world *w)
{
	if (!w->sqlite)
		return; /* memory does not survive; the rest of the test still holds */
	w->s->ops->close(w->s);
	open_store(w);
}

static inline int make(void **state, bool sqlite)
{
	struct world *w = calloc(1, sizeof(*w));

	w->sqlite = sqlite;
	snprintf(w->dir, sizeof(w->dir), "/tmp/hr-store-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/t.db", w->dir);
	open_store(w);
	*state = w;
	return 0;
}

static inline int setup_mem(void **state)
{
	return make(state, false);
}

static inline int setup_sqlite(void **state)
{
	return make(state, true);
}

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

#define BOTH(f)                                                                                    \
	cmocka_unit_test_setup_teardown(f, setup_mem, teardown),                                   \
		cmocka_unit_test_setup_teardown(f, setup_sqlite, teardown)
#define SQLITE(f) cmocka_unit_test_setup_teardown(f, setup_sqlite, teardown)
