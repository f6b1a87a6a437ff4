/* SPDX-License-Identifier: Apache-2.0 */
/* One suite over every store, then what only the SQLite file can meet. */
#include "tests/io/store_world.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/store.h"

static void committed_rows_are_there_after_reopening_with_their_bytes(void **state)
{
	struct world *w = *state;
	struct seen v;

	begin(w);
	put(w, row(1, 100, 1, 50, "first"));
	put(w, row(2, 101, 1, 51, "second"));
	commit(w);
	reopen(w);
	v = all_rows(w);
	assert_int_equal(v.n, 2);
	assert_string_equal(v.body[0], "first");
	assert_string_equal(v.body[1], "second");
	assert_int_equal(v.row[1].slot, 101);
	assert_int_equal(v.row[1].host_no, 7);
	assert_int_equal(v.row[1].seq_last, 51);
	uint64_t n;
	assert_int_equal(w->s->ops->last_n(w->s, &n), 0);
	assert_int_equal(n, 2);
}

static void a_taken_slot_keeps_both_windows(void **state)
{
	struct world *w = *state;
	struct hr_store_stats st;
	struct seen v;

	begin(w);
	put(w, row(1, 100, 1, 50, "before reboot"));
	put(w, row(2, 100, 2, 0, "after reboot"));
	put(w, row(3, 100, 2, 1, "third"));
	commit(w);
	assert_int_equal(w->s->ops->stats(w->s, &st), 0);
	if (w->kind != WORLD_SQLITE) /* there every window has a row of its own anyway */
		assert_true(st.collisions >= 2);
	reopen(w);
	v = all_rows(w);
	assert_int_equal(v.n, 3);
	assert_string_equal(v.body[0], "before reboot");
	assert_string_equal(v.body[1], "after reboot");
	assert_string_equal(v.body[2], "third");
	v = all_events(w); /* the journal finds them in either place */
	assert_int_equal(v.n, 3);
	assert_string_equal(v.body[1], "after reboot");
	memset(&v, 0, sizeof(v));
	assert_int_equal(w->s->ops->range(w->s, 7, 99, 101, see_row, &v), 0);
	assert_int_equal(v.n, 3);
	memset(&v, 0, sizeof(v));
	assert_int_equal(w->s->ops->range(w->s, 8, 99, 101, see_row, &v), 0);
	assert_int_equal(v.n, 0);
}

static void a_rolled_back_group_leaves_nothing(void **state)
{
	struct world *w = *state;

	begin(w);
	put(w, row(1, 100, 1, 50, "kept"));
	commit(w);
	begin(w);
	put(w, row(2, 101, 1, 51, "gone"));
	w->s->ops->rollback(w->s);
	w->s->ops->rollback(w->s); /* nothing open: nothing happens */
	assert_int_equal(all_rows(w).n, 1);
	assert_int_equal(all_events(w).n, 1);
	begin(w);
	put(w, row(3, 102, 1, 52, "next"));
	commit(w);
	assert_int_equal(all_rows(w).n, 2);
}

static void hosts_and_dedupe_state_come_back_as_written(void **state)
{
	struct world *w = *state;
	struct hr_store_host h = {.no = 7, .id = {1, 2, 0, 255}, .name = "vm-17"};
	struct hr_store_boot b = {.host_no = 7,
		.boot = 0xfedcba9876543210,
		.ord = 3,
		.offset_ms = -700000,
		.first_ms = 5,
		.heard_ms = 6};
	struct seen v = {0};
	uint64_t f;

	assert_int_equal(hr_hostseq_add(&b.seq, 1000, 1000, &f), HR_HOSTSEQ_NEW);
	begin(w);
	assert_int_equal(w->s->ops->put_host(w->s, &h), 0);
	assert_int_equal(w->s->ops->put_boot(w->s, &b), 0);
	commit(w);
	assert_int_equal(hr_hostseq_add(&b.seq, 500, 500, &f), HR_HOSTSEQ_NEW);
	(void)snprintf(h.name, sizeof(h.name), "renamed");
	begin(w);
	assert_int_equal(w->s->ops->put_host(w->s, &h), 0);
	assert_int_equal(w->s->ops->put_boot(w->s, &b), 0);
	commit(w);
	reopen(w);
	assert_int_equal(w->s->ops->hosts(w->s, see_host, &v), 0);
	assert_int_equal(v.n, 1);
	assert_string_equal(v.host.name, "renamed");
	assert_memory_equal(v.host.id, h.id, sizeof(h.id));
	v.n = 0;
	assert_int_equal(w->s->ops->boots(w->s, see_boot, &v), 0);
	assert_int_equal(v.n, 1);
	assert_true(v.boot.boot == b.boot);
	assert_int_equal(v.boot.offset_ms, -700000);
	assert_int_equal(v.boot.seq.n_gaps, 2);
	assert_int_equal(hr_hostseq_check(&v.boot.seq, 500, 500), HR_HOSTSEQ_DUPLICATE);
	assert_int_equal(hr_hostseq_check(&v.boot.seq, 501, 501), HR_HOSTSEQ_NEW);
	begin(w);
	assert_int_equal(w->s->ops->drop_boot(w->s, 7, b.boot), 0);
	commit(w);
	v.n = 0;
	assert_int_equal(w->s->ops->boots(w->s, see_boot, &v), 0);
	assert_int_equal(v.n, 0);
}

/* Recovery goes by these orders; the one in memory gave what came first.  Found by simulation. */
static void trim(struct world *w, uint64_t below_n)
{
	bool more = true;

	assert_int_equal(w->s->ops->trim_journal(w->s, below_n, 1000, &more), 0);
	assert_false(more);
}

static void walks_go_by_number_whatever_came_first(void **state)
{
	struct world *w = *state;
	struct hr_store_host a = {.no = 7, .id = {1}, .name = "a"}, b = {.no = 3, .id = {2}};
	struct seen v = {0};

	begin(w);
	assert_int_equal(w->s->ops->put_host(w->s, &a), 0);
	assert_int_equal(w->s->ops->put_host(w->s, &b), 0);
	put(w, row(2, 100, 1, 51, "n 2, first in key order"));
	put(w, row(1, 101, 1, 50, "n 1"));
	commit(w);
	assert_int_equal(w->s->ops->hosts(w->s, see_host, &v), 0);
	assert_int_equal(v.host.no, 7); /* came last */
	v = all_events(w);
	assert_int_equal(v.n, 2);
	assert_int_equal(v.row[0].n, 1);
	begin(w);
	trim(w, 2);
	commit(w);
	v = all_events(w);
	assert_int_equal(v.n, 1);
	assert_int_equal(v.row[0].n, 2);
}

static void saved_state_and_journal_hand_over_without_a_hole(void **state)
{
	struct world *w = *state;
	struct hr_store_host h = {.no = 7, .id = {9}, .name = "x"};
	struct hr_store_event facts = {
		.row = {.n = 1, .host_no = 7}, .facts = "facts", .facts_len = 5, .at_ms = 77};
	struct hr_store_state st = {
		.host_no = 7, .upto = 2, .bytes = "model", .len = 5, .answer = "{}"};
	struct seen v = {0};
	uint64_t n;

	begin(w);
	assert_int_equal(w->s->ops->put_host(w->s, &h), 0);
	assert_int_equal(w->s->ops->put_facts(w->s, &facts), 0);
	put(w, row(2, 100, 1, 50, "in state"));
	commit(w);
	begin(w);
	assert_int_equal(w->s->ops->put_state(w->s, &st), 0);
	put(w, row(3, 101, 1, 51, "later"));
	trim(w, 3);
	commit(w);
	reopen(w);
	assert_int_equal(w->s->ops->states(w->s, see_state, &v), 0);
	assert_int_equal(v.n, 1);
	assert_int_equal(v.upto, 2);
	assert_string_equal(v.text, "model");
	v = all_events(w);
	assert_int_equal(v.n, 1);
	assert_int_equal(v.row[0].n, 3);
	assert_string_equal(v.body[0], "later");
	memset(&v, 0, sizeof(v));
	assert_int_equal(w->s->ops->facts(w->s, 7, see_event, &v), 0);
	assert_string_equal(v.text, "facts");
	/* with the journal trimmed away, numbers still go on from the states */
	begin(w);
	st.upto = 3;
	assert_int_equal(w->s->ops->put_state(w->s, &st), 0);
	trim(w, 4);
	commit(w);
	reopen(w);
	assert_int_equal(all_events(w).n, 0);
	assert_int_equal(w->s->ops->last_n(w->s, &n), 0);
	assert_int_equal(n, 3);
}

static void a_long_journal_is_trimmed_in_pieces(void **state)
{
	/* below 9, at most 3 at a time: 10 entries, then 7, 4, and 9 and 10 stay */
	static const unsigned left[] = {7, 4, 2};
	struct world *w = *state;

	begin(w);
	for (uint64_t n = 1; n <= 10; n++) /* one missing between any two: no two are one row */
		put(w, row(n, 100 + n, 1, 50 + 2 * n, "row"));
	commit(w);
	for (unsigned i = 0; i < 3; i++) {
		bool more = i == 2;

		begin(w);
		assert_int_equal(w->s->ops->trim_journal(w->s, 9, 3, &more), 0);
		commit(w);
		assert_int_equal(more, i < 2);
		assert_int_equal(all_events(w).n, left[i]);
	}
	assert_int_equal(all_events(w).row[0].n, 9);
}

static uint64_t last_n(struct world *w)
{
	uint64_t n = 0;

	assert_int_equal(w->s->ops->last_n(w->s, &n), 0);
	return n;
}

/* A number in a saved state, or of a window that is gone, is never given to another window. */
static void no_number_is_given_twice(void **state)
{
	struct hr_store_host h[] = {
		{.no = 7, .id = {1}, .name = "a"}, {.no = 8, .id = {2}, .name = "b"}};
	struct hr_store_state st = {.host_no = 7, .upto = 4, .bytes = "model", .len = 5};
	struct hr_store_row of_b = row(2, 100, 1, 50, "b's");
	struct world *w = *state;

	of_b.host_no = 8;
	begin(w);
	assert_int_equal(w->s->ops->put_host(w->s, &h[0]), 0);
	assert_int_equal(w->s->ops->put_host(w->s, &h[1]), 0);
	put(w, row(1, 100, 1, 50, "a's"));
	put(w, of_b);
	commit(w);
	begin(w);
	assert_int_equal(w->s->ops->forget(w->s, 8), 0);
	commit(w);
	reopen(w);
	assert_int_equal(last_n(w), 2); /* its entry is gone */
	begin(w);
	put(w, row(3, 101, 1, 51, "a's"));
	put(w, row(4, 102, 1, 52, "taken back"));
	w->s->ops->rollback(w->s);
	begin(w); /* the model was given no window of that number, and says that it knows up to it
		   */
	assert_int_equal(w->s->ops->put_state(w->s, &st), 0);
	commit(w);
	reopen(w);
	assert_int_equal(last_n(w), 4);
}

static void expiry_takes_old_slots_in_chunks_but_nothing_the_model_still_needs(void **state)
{
	struct world *w = *state;
	uint64_t windows;
	uint32_t rows;
	struct seen v;

	begin(w);
	for (uint64_t i = 0; i < 6; i++) /* one a day: a store may keep days apart */
		put(w, row(i + 1, 8640 * i + 5, 1, 50 + i, "r"));
	commit(w);
	begin(w);
	assert_int_equal(w->s->ops->expire(w->s, 8640 * 4, 4, 2, &rows, &windows), 0);
	assert_int_equal(rows, 2); /* n 1, 2, 3 may go */
	assert_int_equal(windows, 2);
	assert_int_equal(w->s->ops->expire(w->s, 8640 * 4, 4, 2, &rows, &windows), 0);
	assert_int_equal(rows, 1);
	assert_int_equal(w->s->ops->expire(w->s, 8640 * 4, 4, 2, &rows, &windows), 0);
	assert_int_equal(rows, 0);
	commit(w);
	v = all_rows(w);
	assert_int_equal(v.n, 3);
	assert_int_equal(v.row[0].n, 4);
}

static void quarantine_moves_a_row_out_of_the_way(void **state)
{
	struct world *w = *state;
	struct hr_store_row bad = row(2, 100, 2, 0, "bad");
	struct hr_store_stats st;
	struct seen v;
	uint64_t n;

	begin(w);
	/* of its host the last number given is kept */
	assert_int_equal(
		w->s->ops->put_host(w->s, &(struct hr_store_host){.no = bad.host_no, .name = "vm"}),
		0);
	put(w, row(1, 100, 1, 50, "good"));
	put(w, bad); /* beside the good one */
	commit(w);
	begin(w);
	assert_int_equal(w->s->ops->quarantine(w->s, &bad), 0);
	commit(w);
	v = all_rows(w);
	assert_int_equal(v.n, 1);
	assert_string_equal(v.body[0], "good");
	if (w->kind != WORLD_MEM) /* nothing there is read at a start */
		assert_int_equal(all_events(w).n, 1);
	reopen(w);
	assert_int_equal(w->s->ops->stats(w->s, &st), 0);
	assert_int_equal(st.quarantined, 1);
	assert_int_equal(w->s->ops->last_n(w->s, &n), 0);
	assert_int_equal(n, 2); /* it is not given again */
}

static void raw_sql(struct world *w, const char *sql)
{
	sqlite3 *db;

	w->s->ops->close(w->s);
	w->s = NULL;
#ifdef HR_HAVE_PG
	if (w->kind == WORLD_PG) {
		pg_sql(w->path, sql);
		return;
	}
#endif
	assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void a_body_that_does_not_fit_its_checksum_is_seen(void **state)
{
	struct world *w = *state;
	struct seen v;

	begin(w);
	put(w, row(1, 100, 1, 50, "good"));
	put(w, row(2, 101, 1, 61, "flip"));
	commit(w);
	raw_sql(w, w->kind == WORLD_PG ? "UPDATE w10 SET body='\\x0000000000000000' WHERE seq=61"
				       : "UPDATE w10 SET body=zeroblob(8) WHERE seq=61");
	open_store(w);
	v = all_rows(w);
	assert_int_equal(v.n, 2);
	assert_false(v.row[0].damaged);
	assert_true(v.row[1].damaged);
}

static void a_foreign_writer_is_named_not_waited_for(void **state)
{
	struct world *w = *state;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(w->s->ops->begin(w->s), HR_STORE_BUSY);
	assert_non_null(strstr(hr_store_error(w->s), "locked"));
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_close(db);
	begin(w);
	commit(w);
}

static void a_full_quota_rolls_back_and_what_was_acknowledged_stays(void **state)
{
	struct world *w = *state;
	static char big[40000];
	struct hr_store_row r = row(1, 100, 1, 50, "small");
	int e = 0;

	begin(w);
	put(w, r);
	commit(w);
	w->s->ops->close(w->s);
	const struct hr_store_sqlite_conf conf = {.path = w->path, .max_bytes = 256 * 1024};
	w->s = hr_store_sqlite_open(&conf, w->note, w->error);
	assert_non_null(w->s);
	memset(big, 'x', sizeof(big) - 1);
	begin(w);
	for (uint64_t i = 0; i < 20 && !e; i++) {
		r = row(2 + i, 200 + i, 1, 60 + i, big);
		e = w->s->ops->put_row(w->s, &r);
	}
	if (!e)
		e = w->s->ops->commit(w->s);
	assert_int_equal(e, HR_STORE_FULL);
	w->s->ops->rollback(w->s);
	assert_int_equal(all_rows(w).n, 1);
	begin(w);
	put(w, row(50, 101, 1, 51, "fits"));
	commit(w);
	assert_int_equal(all_rows(w).n, 2);
}

static void scribble(const char *path, off_t at, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, text, strlen(text), at), (ssize_t)strlen(text));
	close(fd);
}

static void tables_without_the_largest_number_get_it_from_states_and_journal(void **state)
{
	struct world *w = *state;

	begin(w);
	put(w, row(40, 100, 1, 50, "row"));
	commit(w);
	raw_sql(w, "INSERT INTO state VALUES(1, 42, x'00', NULL); DROP TABLE mark;"
		   "DROP TABLE w300;"
		   "PRAGMA user_version=3");
	open_store(w);
	assert_int_equal(last_n(w), 42);
}

static int count_aside(const char *dir)
{
	char cmd[160];
	FILE *p;
	int n = -1;

	snprintf(cmd, sizeof(cmd), "ls %s | grep -c 'damaged-[0-9]*$'", dir);
	p = popen(cmd, "r");
	assert_non_null(p);
	assert_int_equal(fscanf(p, "%d", &n), 1);
	pclose(p);
	return n;
}

static void a_damaged_file_is_renamed_and_a_new_one_begun(void **state)
{
	struct world *w = *state;

	begin(w);
	put(w, row(1, 100, 1, 50, "row"));
	commit(w);
	w->s->ops->close(w->s);
	scribble(w->path, 0, "this is not a database any more, its header is gone");
	open_store(w);
	assert_non_null(strstr(w->note, "renamed"));
	assert_int_equal(count_aside(w->dir), 1);
	assert_int_equal(all_rows(w).n, 0);
	begin(w);
	put(w, row(1, 100, 1, 50, "row"));
	commit(w);
}

static void dedupe_state_that_contradicts_itself_is_damage(void **state)
{
	struct world *w = *state;

	raw_sql(w, "INSERT INTO seen VALUES(1,1,1,10,2,0,x'',0,0,0,0)"); /* highest not stored */
	open_store(w);
	assert_non_null(strstr(w->note, "renamed"));
}

static int count_boot(void *arg, const struct hr_store_boot *b)
{
	(void)b;
	++*(unsigned *)arg;
	return 0;
}

/* A start of a large fleet does not read everything twice: who loads meets it, the next start ends
 * it. */
static void damage_of_a_large_fleet_is_set_aside_by_the_next_start(void **state)
{
	struct world *w = *state;
	unsigned n = 0;

	raw_sql(w, "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<1001)"
		   " INSERT INTO host SELECT i, randomblob(16), 'vm', NULL, NULL FROM c;"
		   "INSERT INTO seen VALUES(1,1,1,10,2,0,x'',0,0,0,0)"); /* highest not stored */
	open_store(w);
	assert_string_equal(w->note, "");
	assert_int_equal(w->s->ops->boots(w->s, count_boot, &n), HR_STORE_FAILED);
	assert_int_equal(n, 0);
	w->s->ops->close(w->s);
	open_store(w);
	assert_non_null(strstr(w->note, "renamed"));
	assert_int_equal(count_aside(w->dir), 1);
	reopen(w);
	assert_string_equal(w->note, ""); /* the mark went with the damaged file */
}

static void another_programs_or_a_newer_database_is_refused_untouched(void **state)
{
	struct world *w = *state;
	const struct hr_store_sqlite_conf conf = {.path = w->path};

	raw_sql(w, "PRAGMA user_version=99");
	assert_null(hr_store_sqlite_open(&conf, w->note, w->error));
	assert_non_null(strstr(w->error, "schema version 99"));
	sqlite3 *db;
	assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
	sqlite3_exec(db, "PRAGMA application_id=77", NULL, NULL, NULL);
	sqlite3_close(db);
	assert_null(hr_store_sqlite_open(&conf, w->note, w->error));
	assert_non_null(strstr(w->error, "another program"));
	assert_string_equal(w->note, "");
	assert_int_equal(count_aside(w->dir), 0);
}

static void a_second_instance_is_refused_by_the_lock(void **state)
{
	struct world *w = *state;
	int fd = hr_store_lock(w->path, w->error), second;

	assert_true(fd >= 0);
	second = hr_store_lock(w->path, w->error);
	assert_int_equal(second, -1);
	assert_non_null(strstr(w->error, "another headroom-collector"));
	close(fd);
	fd = hr_store_lock(w->path, w->error);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(hr_store_lock("/nonexistent/dir/x.db", w->error), -1);
	assert_non_null(strstr(w->error, "create the directory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(committed_rows_are_there_after_reopening_with_their_bytes),
		EACH(a_taken_slot_keeps_both_windows),
		EACH(a_rolled_back_group_leaves_nothing),
		EACH(hosts_and_dedupe_state_come_back_as_written),
		EACH(walks_go_by_number_whatever_came_first),
		EACH(saved_state_and_journal_hand_over_without_a_hole),
		cmocka_unit_test_setup_teardown(
			a_long_journal_is_trimmed_in_pieces, setup_mem, teardown),
		SQLITE(a_long_journal_is_trimmed_in_pieces),
		SQLITE(no_number_is_given_twice),
		SQLITE(tables_without_the_largest_number_get_it_from_states_and_journal),
		EACH(expiry_takes_old_slots_in_chunks_but_nothing_the_model_still_needs),
		EACH(quarantine_moves_a_row_out_of_the_way),
		KEPT(a_body_that_does_not_fit_its_checksum_is_seen),
		SQLITE(a_foreign_writer_is_named_not_waited_for),
		SQLITE(a_full_quota_rolls_back_and_what_was_acknowledged_stays),
		SQLITE(a_damaged_file_is_renamed_and_a_new_one_begun),
		SQLITE(dedupe_state_that_contradicts_itself_is_damage),
		SQLITE(damage_of_a_large_fleet_is_set_aside_by_the_next_start),
		SQLITE(another_programs_or_a_newer_database_is_refused_untouched),
		SQLITE(a_second_instance_is_refused_by_the_lock),
	};

	return run_world("store", tests, sizeof(tests) / sizeof(tests[0]));
}
