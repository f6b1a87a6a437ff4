/* SPDX-License-Identifier: Apache-2.0 */
/* What only PostgreSQL can meet: a server that hangs, tables of an older or a newer version. */
#include <signal.h>
#include <time.h>

#include "collector/store_side.h"
#include "proto/base/clock.h"
#include "proto/units.h"
#include "tests/io/store_world.h"

#define PATIENCE_MS 300

static int64_t number(const char *conninfo, const char *sql)
{
	PGconn *c = PQconnectdb(conninfo);
	PGresult *r = PQexec(c, sql);
	int64_t n;

	if (PQresultStatus(r) != PGRES_TUPLES_OK || PQntuples(r) != 1)
		fail_msg("%s: %s", sql, PQerrorMessage(c));
	n = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
	PQclear(r);
	PQfinish(c);
	return n;
}

static void put_host(struct world *w)
{
	const struct hr_store_host h = {.no = 7, .id = {9}, .name = "seven"};

	assert_int_equal(w->s->ops->put_host(w->s, &h), 0);
}

/* The server's process of this connection; stopped, it is as a server that hangs. */
static pid_t stop_server(struct world *w)
{
	pid_t pid = PQbackendPID(((struct hr_pg *)w->s)->conn);

	assert_true(pid > 1);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	return pid;
}

static void a_server_that_hangs_is_given_up_and_what_it_had_is_not_stored(void **state)
{
	struct world *w = *state;
	struct hr_pg *q = (struct hr_pg *)w->s;
	uint64_t began;
	pid_t pid;

	q->patience_ms = PATIENCE_MS;
	begin(w);
	put_host(w);
	put(w, row(1, 100, 1, 50, "kept"));
	commit(w);
	begin(w);
	put(w, row(2, 101, 1, 51, "lost"));
	pid = stop_server(w);
	began = hr_clock_mono_ns();
	assert_int_equal(w->s->ops->commit(w->s), HR_STORE_AWAY);
	assert_true(hr_clock_mono_ns() - began >= PATIENCE_MS * HR_NS_PER_MS);
	assert_non_null(strstr(hr_store_error(w->s), "does not answer"));
	began = hr_clock_mono_ns();
	w->s->ops->rollback(w->s);
	assert_true(hr_clock_mono_ns() - began < PATIENCE_MS * HR_NS_PER_MS); /* not asked again */
	assert_int_equal(kill(pid, SIGCONT), 0); /* reads what was sent, and the end */
	q->patience_ms = 0;
	w->s->ops->close(w->s);
	open_store(w);
	assert_int_equal(all_rows(w).n, 1);
	assert_string_equal(all_rows(w).body[0], "kept");
	begin(w);
	put(w, row(2, 101, 1, 51, "again"));
	commit(w);
	assert_int_equal(all_rows(w).n, 2);
}

/* More than a socket holds: sending stands still, too. */
static void a_server_that_reads_no_more_is_given_up(void **state)
{
	struct world *w = *state;
	char body[8192];
	pid_t pid;
	int r = 0;

	((struct hr_pg *)w->s)->patience_ms = PATIENCE_MS;
	memset(body, 'x', sizeof(body));
	begin(w);
	put_host(w);
	pid = stop_server(w);
	for (uint64_t n = 1; n <= 2000 && r == 0; n++) {
		struct hr_store_row big = row(n, 100 + n, 1, n, "");

		big.body = body;
		big.len = sizeof(body);
		r = w->s->ops->put_row(w->s, &big);
	}
	r = r ? r : w->s->ops->commit(w->s);
	assert_int_equal(kill(pid, SIGCONT), 0);
	assert_int_equal(r, HR_STORE_AWAY);
	w->s->ops->rollback(w->s);
}

static void the_next_transaction_finds_a_server_that_answers(void **state)
{
	struct world *w = *state;
	pid_t pid;

	((struct hr_pg *)w->s)->patience_ms = PATIENCE_MS;
	pid = stop_server(w);
	begin(w); /* gives the one that hangs up, and connects anew */
	put_host(w);
	put(w, row(1, 100, 1, 50, "stored"));
	commit(w);
	assert_int_equal(kill(pid, SIGCONT), 0);
	assert_int_equal(all_rows(w).n, 1);
}

static void tables_of_version_1_are_brought_up_with_what_is_in_them(void **state)
{
	struct world *w = *state;
	char error[HR_STORE_ERROR_LEN];
	struct hr_side *side;
	size_t len = 1;
	char *text;

	begin(w);
	put_host(w);
	put(w, row(1, 100, 1, 50, "old"));
	commit(w);
	w->s->ops->close(w->s);
	/* what step 2 brought */
	pg_sql(w->path, "DROP TABLE credential, credential_n, alerts;"
			"UPDATE headroom_schema SET version=1");
	open_store(w);
	assert_int_equal(number(w->path, "SELECT version FROM headroom_schema"), HR_PG_VERSION);
	assert_string_equal(all_rows(w).body[0], "old");
	begin(w);
	put(w, row(2, 101, 1, 51, "new"));
	commit(w);
	assert_int_equal(all_rows(w).n, 2);
	side = hr_side_pg_open(w->path, error);
	if (!side)
		fail_msg("%s", error);
	assert_true(side->ops->elected(side));
	text = side->ops->alerts(side, &len);
	assert_non_null(text);
	assert_int_equal(len, 0);
	free(text);
	assert_true(side->ops->put_alerts(side, "told", 4));
	side->ops->close(side);
	assert_int_equal(number(w->path, "SELECT count(*) FROM alerts WHERE text='told'"), 1);
}

static void a_step_that_fails_leaves_the_tables_as_they_were(void **state)
{
	struct world *w = *state;

	w->s->ops->close(w->s);
	w->s = NULL;
	/* the second table of step 2 is there already */
	pg_sql(w->path, "DROP TABLE credential, alerts; UPDATE headroom_schema SET version=1");
	assert_null(hr_store_pg_open(w->path, w->error));
	assert_non_null(strstr(w->error, "credential_n"));
	assert_int_equal(number(w->path, "SELECT version FROM headroom_schema"), 1);
	assert_int_equal(number(w->path, "SELECT count(*) FROM pg_tables WHERE tablename="
					 "'credential' AND schemaname=current_schema()"),
		0);
	pg_sql(w->path, "DROP TABLE credential_n");
	open_store(w);
}

static void newer_tables_are_refused_untouched(void **state)
{
	struct world *w = *state;

	w->s->ops->close(w->s);
	w->s = NULL;
	pg_sql(w->path, "UPDATE headroom_schema SET version=99");
	assert_null(hr_store_pg_open(w->path, w->error));
	assert_non_null(strstr(w->error, "version 99"));
	assert_int_equal(number(w->path, "SELECT version FROM headroom_schema"), 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PG(a_server_that_hangs_is_given_up_and_what_it_had_is_not_stored),
		PG(a_server_that_reads_no_more_is_given_up),
		PG(the_next_transaction_finds_a_server_that_answers),
		PG(tables_of_version_1_are_brought_up_with_what_is_in_them),
		PG(a_step_that_fails_leaves_the_tables_as_they_were),
		PG(newer_tables_are_refused_untouched),
	};

	if (!getenv("HR_TEST_PG")) {
		(void)fprintf(stderr, "SKIPPED: run by tests/lib/with_postgres\n");
		return 77;
	}
	return run_world("store_pg", tests, sizeof(tests) / sizeof(tests[0]));
}
