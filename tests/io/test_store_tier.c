/* SPDX-License-Identifier: Apache-2.0 */
/* Tiers in the file, and files of an older version. */
#include "tests/io/store_world.h"

#include <sqlite3.h>

static int see_tier(void *arg, const struct hr_tier_row *r)
{
	struct seen *v = arg;

	assert_false(r->damaged);
	memcpy(v->body[v->n], r->body, r->len);
	v->row[v->n].slot = r->bin;
	v->row[v->n++].n = r->windows;
	return 0;
}

static struct hr_tier_row tier_row(uint64_t bin, uint32_t host_no, const char *body)
{
	return (struct hr_tier_row){.bin = bin,
		.host_no = host_no,
		.windows = 30,
		.samples = 1000,
		.body = body,
		.len = strlen(body)};
}

static void tier_rows_are_replaced_read_by_host_and_expire_with_their_sums(void **state)
{
	struct world *w = *state;
	struct hr_store *s = w->s;
	struct hr_tally t[HR_TIER_N], out;
	struct hr_tier_row r;
	struct seen v = {0};
	uint64_t slot;
	uint32_t rows;

	begin(w);
	for (uint64_t bin = 10; bin < 14; bin++) {
		r = tier_row(bin, 7, "one");
		assert_int_equal(s->ops->put_tier(s, HR_TIER_5MIN, &r), 0);
		r = tier_row(bin, 8, "other host");
		assert_int_equal(s->ops->put_tier(s, HR_TIER_5MIN, &r), 0);
	}
	r = tier_row(11, 7, "replaced");
	assert_int_equal(s->ops->put_tier(s, HR_TIER_5MIN, &r), 0);
	r = tier_row(1, 7, "hour");
	assert_int_equal(s->ops->put_tier(s, HR_TIER_HOUR, &r), 0);
	t[0] = (struct hr_tally){.bin = 11, .host_no = 8, .in_windows = 5, .out_samples = 9};
	assert_int_equal(s->ops->put_tally(s, HR_TIER_5MIN, &t[0]), 0);
	commit(w);
	reopen(w);
	s = w->s;
	assert_int_equal(
		s->ops->tier(s, &(struct hr_tier_span){HR_TIER_5MIN, 7, 10, 12}, see_tier, &v), 0);
	assert_int_equal(v.n, 3);
	assert_string_equal(v.body[1], "replaced");
	assert_int_equal(v.row[2].slot, 12);
	memset(&v, 0, sizeof(v));
	assert_int_equal(
		s->ops->tier(s, &(struct hr_tier_span){HR_TIER_HOUR, 7, 0, 5}, see_tier, &v), 0);
	assert_int_equal(v.n, 1);
	assert_int_equal(s->ops->tally(s, t), 0);
	assert_int_equal(t[HR_TIER_5MIN].bin, 11);
	assert_int_equal(t[HR_TIER_5MIN].host_no, 8);
	assert_int_equal(t[HR_TIER_5MIN].in_windows, 5);
	assert_int_equal(t[HR_TIER_5MIN].out_samples, 9);
	assert_int_equal(s->ops->next_slot(s, HR_TIER_5MIN, 0, &slot), 0);
	assert_int_equal(slot, 10);
	begin(w); /* bins 10 and 11 of two hosts: four rows, three at a time */
	assert_int_equal(s->ops->expire_tier(s, HR_TIER_5MIN, 12, 3, &rows, &out), 0);
	assert_int_equal(rows, 3);
	assert_int_equal(out.out_windows, 90);
	assert_int_equal(out.out_samples, 3000);
	assert_int_equal(s->ops->expire_tier(s, HR_TIER_5MIN, 12, 3, &rows, &out), 0);
	assert_int_equal(rows, 1);
	commit(w);
	assert_int_equal(s->ops->next_slot(s, HR_TIER_5MIN, 0, &slot), 0);
	assert_int_equal(slot, 12);
	assert_int_equal(s->ops->next_slot(s, HR_TIER_5MIN, 14, &slot), 0);
	assert_true(slot == UINT64_MAX);
}

static void late_windows_are_listed_in_order_until_they_are_taken_off(void **state)
{
	struct world *w = *state;
	struct hr_store_row a = row(1, 100, 1, 50, "in place"), b = row(2, 100, 2, 0, "beside");
	struct hr_store *s = w->s;
	struct seen v = {0};

	begin(w);
	put(w, a);
	put(w, b);
	assert_int_equal(s->ops->put_late(s, &b), 0);
	assert_int_equal(s->ops->put_late(s, &a), 0);
	commit(w);
	assert_int_equal(s->ops->late(s, 10, see_row, &v), 0);
	assert_int_equal(v.n, 2);
	assert_string_equal(v.body[0], "in place");
	assert_string_equal(v.body[1], "beside");
	assert_int_equal(v.row[1].boot_ord, 2);
	assert_int_equal(v.row[1].slot, 100);
	begin(w);
	assert_int_equal(s->ops->drop_late(s, 1), 0);
	commit(w);
	memset(&v, 0, sizeof(v));
	assert_int_equal(s->ops->late(s, 10, see_row, &v), 0);
	assert_int_equal(v.n, 1);
	assert_int_equal(v.row[0].n, 2);
}

/* The tables as version 1 made them, with a row of a boot that is gone and one set aside. */
static const char version_1[] =
	"CREATE TABLE host (no INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, name TEXT NOT NULL,"
	" facts BLOB, facts_ms INTEGER) STRICT;"
	"CREATE TABLE seen (host INTEGER NOT NULL, boot INTEGER NOT NULL, ord INTEGER NOT NULL,"
	" high INTEGER NOT NULL, bits INTEGER NOT NULL, floor INTEGER NOT NULL, gaps BLOB NOT NULL,"
	" offset_ms INTEGER NOT NULL, first_ms INTEGER NOT NULL, heard_ms INTEGER NOT NULL,"
	" PRIMARY KEY (host, boot)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE w10 (id INTEGER PRIMARY KEY, boot INTEGER NOT NULL, seq INTEGER NOT NULL,"
	" last INTEGER NOT NULL, n INTEGER NOT NULL, body BLOB NOT NULL) STRICT;"
	"CREATE TABLE w10x (id INTEGER NOT NULL, boot INTEGER NOT NULL, seq INTEGER NOT NULL,"
	" last INTEGER NOT NULL, n INTEGER NOT NULL, body BLOB NOT NULL,"
	" PRIMARY KEY (id, boot, seq)) STRICT;"
	"CREATE TABLE quarantine (id INTEGER NOT NULL, boot INTEGER NOT NULL, seq INTEGER NOT NULL,"
	" last INTEGER NOT NULL, n INTEGER NOT NULL, body BLOB NOT NULL) STRICT;"
	"CREATE TABLE journal (n INTEGER PRIMARY KEY, host INTEGER NOT NULL, id INTEGER,"
	" boot INTEGER, seq INTEGER, at_ms INTEGER, facts BLOB) STRICT;"
	"CREATE TABLE state (host INTEGER PRIMARY KEY, upto INTEGER NOT NULL, body BLOB NOT NULL,"
	" answer TEXT) STRICT;"
	"PRAGMA application_id=1751413297; PRAGMA user_version=1;"
	"INSERT INTO host VALUES(7, zeroblob(16), 'old', NULL, NULL);"
	"INSERT INTO seen VALUES(7, 11, 3, 60, 1, 0, x'', 0, 5, 6);"
	"INSERT INTO w10 VALUES((100<<24)|7, 3, 50, 53, 1, x'00000000');" /* four sequences */
	"INSERT INTO w10x VALUES((100<<24)|7, 3, 60, 60, 2, x'00000000');"
	"INSERT INTO quarantine VALUES((99<<24)|7, 3, 49, 49, 3, x'00');"
	"INSERT INTO w10 VALUES((98<<24)|7, 2, 8, 9, 4, x'00000000');"; /* boot 2 is gone */

static void a_file_of_an_older_version_is_brought_up_to_this_one_once(void **state)
{
	struct world *w = *state;
	struct hr_tally t[HR_TIER_N];
	struct seen v = {0};
	char cmd[300];

	w->s->ops->close(w->s);
	w->s = NULL;
	snprintf(cmd, sizeof(cmd), "rm -f '%s'*", w->path);
	assert_int_equal(system(cmd), 0);
	sqlite3 *db;
	assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, version_1, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	for (int i = 0; i < 2; i++) {
		open_store(w);
		assert_string_equal(w->note, "");
		v.n = 0;
		assert_int_equal(w->s->ops->boots(w->s, see_boot, &v), 0);
		assert_int_equal(v.n, 1);
		assert_int_equal(v.boot.windows, 4 + 1 + 1);
		assert_int_equal(w->s->ops->tally(w->s, t), 0);
		assert_int_equal(t[HR_TIER_RAW].in_windows, 2);
		assert_int_equal(t[HR_TIER_RAW].bad_windows, 1);
		assert_int_equal(t[HR_TIER_5MIN].bad_windows, 1);
		memset(&v, 0, sizeof(v));
		assert_int_equal(
			w->s->ops->range(w->s, 7, 90, 110, see_row, &v), 0); /* all still there */
		assert_int_equal(v.n, 3);
		begin(w);
		put(w, row(10 + (uint64_t)i, 200 + (uint64_t)i, 3, 70 + (uint64_t)i, "new"));
		commit(w);
		if (i == 0)
			w->s->ops->close(w->s);
	}
	/* what lies by place goes beside what came since, in pieces, and nothing that is young */
	uint32_t rows = 0, all = 0;
	uint64_t windows, sum = 0;
	begin(w);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(w->s->ops->expire(w->s, 120, 100, 1, &rows, &windows), 0);
		assert_true(rows <= 1);
		all += rows;
		sum += windows;
	}
	assert_int_equal(rows, 0);
	assert_int_equal(all, 3);
	assert_int_equal(sum, 4 + 1 + 2);
	commit(w);
	memset(&v, 0, sizeof(v));
	assert_int_equal(w->s->ops->range(w->s, 7, 90, 210, see_row, &v), 0);
	assert_int_equal(v.n, 2);
	/* nothing lies by place any more: it is not looked for there */
	reopen(w);
	memset(&v, 0, sizeof(v));
	assert_int_equal(w->s->ops->range(w->s, 7, 90, 210, see_row, &v), 0);
	assert_int_equal(v.n, 2);
	memset(&v, 0, sizeof(v));
	assert_int_equal(w->s->ops->range(w->s, 7, 201, 201, see_row, &v), 0);
	assert_int_equal(v.n, 1);
	assert_int_equal(w->s->ops->range(w->s, 7, 202, 201, see_row, &v), 0);
	assert_int_equal(v.n, 1);
}

static void windows_of_a_clock_that_was_ahead_keep_no_others_from_expiring(void **state)
{
	struct world *w = *state;
	uint32_t rows;
	uint64_t windows;
	struct seen v = {0};

	begin(w);
	for (uint64_t i = 0; i < 4; i++)
		put(w, row(i + 1, 9000000 + i, 1, 50 + 2 * i, "ahead"));
	put(w, row(5, 2000, 1, 60, "old"));
	put(w, row(6, 2001, 1, 62, "old"));
	put(w, row(7, 2990, 1, 64, "old"));
	commit(w);
	begin(w);
	assert_int_equal(w->s->ops->expire(w->s, 3000, 7, 3, &rows, &windows), 0);
	assert_int_equal(rows, 2); /* the journal has the third */
	assert_int_equal(w->s->ops->expire(w->s, 3000, 100, 1, &rows, &windows), 0);
	assert_int_equal(rows, 1);
	assert_int_equal(w->s->ops->expire(w->s, 3000, 100, 1, &rows, &windows), 0);
	assert_int_equal(rows, 0);
	commit(w);
	assert_int_equal(w->s->ops->range(w->s, 7, 0, 3400, see_row, &v), 0);
	assert_int_equal(v.n, 0);
}

/* Bin 4 of host 7: slots 120 to 149, each window in a row of its own. */
static void fill_bin(struct world *w)
{
	for (uint64_t i = 0; i < 8; i++) {
		begin(w);
		if (i < 5)
			put(w, row(10 + i, 122 + i, 1, 50 + i, "of boot 1"));
		else if (i == 5)
			put(w, row(15, 123, 2, 1, "of boot 2"));
		else if (i == 6)
			put(w, row(16, 149, 1, 77, "the last"));
		else
			put(w, row(17, 150, 1, 78, "of the next bin"));
		commit(w);
	}
}

static bool pack(struct world *w, uint64_t below_n)
{
	bool waits;

	begin(w);
	assert_int_equal(w->s->ops->pack(w->s, 7, 4, below_n, &waits), 0);
	commit(w);
	return !waits;
}

static void see_range(struct world *w, uint64_t from, uint64_t to, struct seen *v)
{
	memset(v, 0, sizeof(*v));
	assert_int_equal(w->s->ops->range(w->s, 7, from, to, see_row, v), 0);
}

static void windows_of_a_bin_become_one_row_and_read_as_before(void **state)
{
	struct world *w = *state;
	struct seen was, is;

	fill_bin(w);
	see_range(w, 0, 400, &was);
	assert_int_equal(was.n, 8);
	assert_false(pack(w, 16)); /* one is in the journal still */
	assert_int_equal(count_of(w, "SELECT sum(last-seq+1) FROM w10"), 8);
	assert_true(pack(w, 17));
	assert_int_equal(count_of(w, "SELECT count(*) FROM w10"), 1);
	assert_int_equal(count_of(w, "SELECT sum(windows) FROM w300"), 7);
	reopen(w);
	see_range(w, 0, 400, &is);
	assert_int_equal(is.n, 8);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(is.row[i].slot, was.row[i].slot);
		assert_int_equal(is.row[i].n, was.row[i].n);
		assert_int_equal(is.row[i].boot_ord, was.row[i].boot_ord);
		assert_int_equal(is.row[i].seq_first, was.row[i].seq_first);
		assert_int_equal(is.row[i].seq_last, was.row[i].seq_last);
		assert_string_equal(is.body[i], was.body[i]);
	}
	see_range(w, 123, 124, &is);
	assert_int_equal(is.n, 3);
	assert_string_equal(is.body[1], "of boot 2");
	memset(&is, 0, sizeof(is));
	assert_int_equal(w->s->ops->range(w->s, 0, 123, 150, see_row, &is), 0);
	assert_int_equal(is.n, 7); /* of all hosts */
}

static void what_comes_after_the_packing_stays_beside_it_and_all_expires(void **state)
{
	struct world *w = *state;
	uint64_t windows, all = 0;
	uint32_t rows;
	struct seen v;

	fill_bin(w);
	assert_true(pack(w, UINT64_MAX));
	begin(w);
	put(w, row(20, 124, 3, 9, "late"));
	put(w, row(21, 124, 4, 9, "late too"));
	commit(w);
	assert_true(pack(w, UINT64_MAX)); /* there is a pack: they stay */
	see_range(w, 120, 149, &v);
	assert_int_equal(v.n, 9);
	assert_string_equal(v.body[4], "late"); /* behind those that came before, in its slot */
	assert_int_equal(v.row[4].slot, 124);
	assert_int_equal(v.row[3].slot, 124);
	assert_int_equal(v.row[6].slot, 125);
	begin(w);
	assert_int_equal(w->s->ops->expire(w->s, 149, 100, 10, &rows, &windows), 0);
	assert_int_equal(windows, 0); /* the pack holds one of slot 149, rows may */
	assert_int_equal(w->s->ops->expire(w->s, 150, 100, 10, &rows, &windows), 0);
	assert_int_equal(windows, 7 + 2);
	assert_int_equal(rows, 9);
	for (int i = 0; i < 3; i++, all += windows)
		assert_int_equal(w->s->ops->expire(w->s, 800, 100, 10, &rows, &windows), 0);
	assert_int_equal(all, 1);
	commit(w);
	see_range(w, 0, 400, &v);
	assert_int_equal(v.n, 0);
}

static void a_window_is_set_aside_out_of_its_pack(void **state)
{
	struct world *w = *state;
	struct seen v;

	fill_bin(w);
	assert_true(pack(w, UINT64_MAX));
	see_range(w, 123, 123, &v);
	assert_int_equal(v.n, 2);
	begin(w);
	assert_int_equal(w->s->ops->quarantine(w->s, &v.row[1]), 0);
	commit(w);
	see_range(w, 120, 149, &v);
	assert_int_equal(v.n, 6);
	for (int i = 0; i < v.n; i++)
		assert_string_not_equal(v.body[i], "of boot 2");
	assert_int_equal(count_of(w, "SELECT sum(windows) FROM w300"), 6);
	assert_int_equal(count_of(w, "SELECT count(*) FROM quarantine WHERE boot=2 AND seq=1"), 1);
}

static void a_damaged_pack_is_seen_counted_and_set_aside_as_it_is(void **state)
{
	struct world *w = *state;
	struct seen v;
	sqlite3 *db;

	fill_bin(w);
	assert_true(pack(w, UINT64_MAX));
	w->s->ops->close(w->s);
	assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
				 "UPDATE w300 SET body=CAST(substr(body,1,20)||x'ff'||"
				 "substr(body,22) AS BLOB)",
				 NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	open_store(w);
	see_range(w, 0, 400, &v);
	assert_int_equal(v.n, 2);
	assert_true(v.row[0].damaged);
	assert_int_equal(v.row[0].boot_ord, 0);
	assert_int_equal(v.row[0].seq_last - v.row[0].seq_first + 1, 7);
	assert_string_equal(v.body[1], "of the next bin");
	begin(w);
	assert_int_equal(w->s->ops->quarantine(w->s, &v.row[0]), 0);
	commit(w);
	see_range(w, 0, 400, &v);
	assert_int_equal(v.n, 1);
	assert_int_equal(count_of(w, "SELECT sum(last-seq+1) FROM quarantine"), 7);
	assert_int_equal(count_of(w, "SELECT count(*) FROM w300"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SQLITE(a_file_of_an_older_version_is_brought_up_to_this_one_once),
		SQLITE(windows_of_a_clock_that_was_ahead_keep_no_others_from_expiring),
		SQLITE(windows_of_a_bin_become_one_row_and_read_as_before),
		SQLITE(what_comes_after_the_packing_stays_beside_it_and_all_expires),
		SQLITE(a_window_is_set_aside_out_of_its_pack),
		SQLITE(a_damaged_pack_is_seen_counted_and_set_aside_as_it_is),
		KEPT(tier_rows_are_replaced_read_by_host_and_expire_with_their_sums),
		KEPT(late_windows_are_listed_in_order_until_they_are_taken_off),
	};

	return run_world("store_tier", tests, sizeof(tests) / sizeof(tests[0]));
}
