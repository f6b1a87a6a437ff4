/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the SQLite store that hold what came together. */
#include "tests/io/store_world.h"

#include "collector/core/crc32.h"

static struct seen in_range(struct world *w, uint64_t from, uint64_t to)
{
	struct seen v = {0};

	assert_int_equal(w->s->ops->range(w->s, 7, from, to, see_row, &v), 0);
	return v;
}

/* Five windows of one boot in bin 4, whose slots are 120 to 149; n 10 to 14. */
static void put_five(struct world *w)
{
	static const char *const body[] = {"first", "second", "third", "fourth", "fifth"};

	begin(w);
	for (uint64_t i = 0; i < 5; i++)
		put(w, row(10 + i, 122 + i, 1, 50 + i, body[i]));
	commit(w);
}

static void what_comes_together_is_one_row_and_reads_as_it_came(void **state)
{
	struct world *w = *state;
	struct seen v;

	put_five(w);
	assert_int_equal(count_of(w, "SELECT count(*) FROM w10"), 1);
	assert_int_equal(count_of(w, "SELECT last-seq+1 FROM w10"), 5);
	assert_int_equal(count_of(w, "SELECT count(*) FROM journal WHERE n=14"), 1);
	reopen(w);
	v = in_range(w, 0, 1000);
	assert_int_equal(v.n, 5);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(v.row[i].n, 10 + i);
		assert_int_equal(v.row[i].slot, 122 + i);
		assert_int_equal(v.row[i].seq_first, 50 + i);
		assert_int_equal(v.row[i].seq_last, 50 + i);
		assert_int_equal(v.row[i].boot_ord, 1);
		assert_int_equal(v.row[i].host_no, 7);
	}
	assert_string_equal(v.body[4], "fifth");
	v = in_range(w, 124, 125); /* a part of it */
	assert_int_equal(v.n, 2);
	assert_string_equal(v.body[0], "third");
	v = all_events(w); /* each window by itself */
	assert_int_equal(v.n, 5);
	assert_int_equal(v.row[2].n, 12);
	assert_string_equal(v.body[2], "third");
	uint64_t n;
	assert_int_equal(w->s->ops->last_n(w->s, &n), 0);
	assert_int_equal(n, 14);
}

/* Windows with much in common; of POSTs of @n, from slot 120 on. */
static void put_posts(struct world *w, uint64_t posts, uint64_t n)
{
	static const char body[] = "names, fields, and counters";

	for (uint64_t i = 0; i < posts * n; i++) {
		if (i % n == 0)
			begin(w);
		put(w, row(10 + i, 120 + i, 1, 50 + i, body));
		if (i % n == n - 1)
			commit(w);
	}
}

static void many_windows_are_compressed_and_few_are_not(void **state)
{
	struct world *w = *state;

	put_posts(w, 1, 3);
	assert_int_equal(count_of(w, "SELECT hex(substr(body,1,1)) FROM w10"), 2);
	assert_true(count_of(w, "SELECT length(body) FROM w10") > 3 * 28);
	change_file(w, "DELETE FROM w10; DELETE FROM journal");
	put_posts(w, 1, 10);
	assert_int_equal(count_of(w, "SELECT hex(substr(body,1,1)) FROM w10"), 1);
	assert_true(count_of(w, "SELECT length(body) FROM w10") < 10 * 28 / 2);
	reopen(w);
	assert_int_equal(in_range(w, 0, 1000).n, 10);
	assert_int_equal(all_events(w).n, 10);
}

/* What came in few rows stays where it is; what came in many becomes one. */
static void only_many_rows_are_packed(void **state)
{
	struct world *w = *state;
	bool waits = true;

	put_posts(w, 3, 5);
	begin(w);
	assert_int_equal(w->s->ops->pack(w->s, 7, 4, 12, &waits), 0);
	assert_false(waits);
	commit(w);
	assert_int_equal(count_of(w, "SELECT count(*) FROM w10"), 3);
	change_file(w, "DELETE FROM w10; DELETE FROM journal");
	put_posts(w, 7, 2);
	begin(w);
	assert_int_equal(w->s->ops->pack(w->s, 7, 4, UINT64_MAX, &waits), 0);
	commit(w);
	assert_int_equal(count_of(w, "SELECT count(*) FROM w10"), 0);
	assert_int_equal(count_of(w, "SELECT windows FROM w300"), 14);
	assert_int_equal(in_range(w, 0, 1000).n, 14);
}

/* Another bin, boot, or host, a gap in the sequences or in n, a slot that goes back. */
static void only_what_goes_on_is_in_one_row(void **state)
{
	struct world *w = *state;
	struct hr_store_row other = row(3, 122, 1, 52, "host");
	struct seen v;

	other.host_no = 8;
	begin(w);
	put(w, row(1, 149, 1, 50, "bin 4"));
	put(w, row(2, 150, 1, 51, "bin 5"));
	put(w, other);
	put(w, row(4, 151, 2, 53, "boot"));
	put(w, row(5, 152, 2, 55, "gap"));
	put(w, row(7, 153, 2, 56, "n"));
	put(w, row(8, 152, 2, 57, "back"));
	commit(w);
	assert_int_equal(count_of(w, "SELECT count(*) FROM w10"), 7);
	v = in_range(w, 150, 160); /* by slot, then by n */
	assert_int_equal(v.n, 5);
	assert_string_equal(v.body[2], "gap");
	assert_string_equal(v.body[3], "back");
	assert_string_equal(v.body[4], "n");
}

static void a_group_taken_back_leaves_nothing_behind(void **state)
{
	struct world *w = *state;

	begin(w);
	put(w, row(1, 120, 1, 50, "gone"));
	w->s->ops->rollback(w->s);
	begin(w);
	put(w, row(2, 121, 1, 51, "kept"));
	assert_int_equal(in_range(w, 0, 1000).n, 1); /* it is there before the commit */
	commit(w);
	assert_int_equal(in_range(w, 0, 1000).n, 1);
	assert_int_equal(all_events(w).n, 1);
}

/* The others of its row stay, also for who reads the journal after a crash. */
static void one_is_set_aside_out_of_its_row(void **state)
{
	struct world *w = *state;
	static const int order[] = {2, 0, 4, 1, 3}; /* the middle, either end, what is left */
	struct seen v, is;

	put_five(w);
	v = in_range(w, 0, 1000);
	for (int i = 0; i < 5; i++) {
		begin(w);
		assert_int_equal(w->s->ops->quarantine(w->s, &v.row[order[i]]), 0);
		commit(w);
		is = in_range(w, 0, 1000);
		assert_int_equal(is.n, 4 - i);
		for (int k = 0; k < is.n; k++)
			for (int h = 0; h <= i; h++)
				assert_int_not_equal(is.row[k].n, 10 + order[h]);
		assert_int_equal(count_of(w, "SELECT ifnull(sum(last-seq+1),0) FROM w10"), 4 - i);
		assert_int_equal(count_of(w, "SELECT count(*) FROM quarantine"), i + 1);
		is = all_events(w);
		assert_int_equal(is.n, 4 - i);
		for (int k = 0; k < is.n; k++)
			assert_false(is.row[k].damaged);
	}
	assert_int_equal(count_of(w, "SELECT count(DISTINCT seq) FROM quarantine"), 5);
	assert_int_equal(count_of(w, "SELECT id>>24 FROM quarantine WHERE seq=52"), 124);
}

static void a_damaged_row_is_told_once_as_all_its_windows_and_set_aside(void **state)
{
	struct world *w = *state;
	struct seen v;

	put_five(w);
	begin(w);
	put(w, row(20, 130, 1, 60, "sound"));
	commit(w);
	w->s->ops->close(w->s);
	change_file(w, "UPDATE w10 SET body=CAST(substr(body,1,9)||x'ff'||substr(body,11) AS BLOB)"
		       " WHERE seq=50");
	open_store(w);
	v = in_range(w, 126, 140); /* any of its slots, for it may hold any */
	assert_int_equal(v.n, 2);
	assert_true(v.row[0].damaged);
	assert_int_equal(v.row[0].seq_last - v.row[0].seq_first + 1, 5);
	assert_string_equal(v.body[1], "sound");
	assert_int_equal(all_events(w).n, 2);
	begin(w);
	assert_int_equal(w->s->ops->quarantine(w->s, &v.row[0]), 0);
	commit(w);
	assert_int_equal(in_range(w, 0, 1000).n, 1);
	assert_int_equal(count_of(w, "SELECT last-seq+1 FROM quarantine"), 5);
	v = all_events(w); /* it is read no more, and its numbers are not given again */
	assert_int_equal(v.n, 1);
	assert_int_equal(w->s->ops->quarantine(w->s, &v.row[0]), 0);
	reopen(w);
	uint64_t n;
	assert_int_equal(w->s->ops->last_n(w->s, &n), 0);
	assert_int_equal(n, 20);
}

/* Its checksum fits, but not what it says of itself: nothing of it is believed. */
static void columns_that_are_not_those_of_the_windows_are_damage(void **state)
{
	static const char *const change[] = {
		"last=last+1", "seq=seq-1", "boot=2", "n=n+1", "id=id+(1<<24)"};
	struct world *w = *state;
	char sql[80];

	for (size_t i = 0; i < sizeof(change) / sizeof(change[0]); i++) {
		struct seen v;

		put_five(w);
		w->s->ops->close(w->s);
		(void)snprintf(sql, sizeof(sql), "UPDATE w10 SET %s", change[i]);
		change_file(w, sql);
		open_store(w);
		v = in_range(w, 0, 1000);
		assert_int_equal(v.n, i == 4 ? 0 : 1); /* in no place that is looked at */
		assert_true(i == 4 || v.row[0].damaged);
		w->s->ops->close(w->s);
		change_file(w, "DELETE FROM w10; DELETE FROM journal");
		open_store(w);
	}
}

static void a_late_one_has_a_row_of_its_own(void **state)
{
	struct world *w = *state;
	struct hr_store_row late = row(12, 124, 1, 52, "late");
	struct seen v = {0};

	begin(w);
	put(w, row(10, 122, 1, 50, "in time"));
	put(w, row(11, 123, 1, 51, "in time"));
	put(w, late);
	assert_int_equal(w->s->ops->put_late(w->s, &late), 0);
	put(w, row(13, 125, 1, 53, "in time"));
	commit(w);
	assert_int_equal(count_of(w, "SELECT count(*) FROM w10"), 3);
	assert_int_equal(count_of(w, "SELECT sum(w.last-w.seq+1) FROM late l JOIN w10 w"
				     " ON w.id=l.id AND w.n=l.n"),
		1);
	assert_int_equal(w->s->ops->late(w->s, 10, see_row, &v), 0);
	assert_int_equal(v.n, 1);
	assert_int_equal(v.row[0].n, 12);
	assert_int_equal(v.row[0].slot, 124);
	assert_string_equal(v.body[0], "late");
	assert_int_equal(in_range(w, 122, 125).n, 4);
}

/* A window as an older version wrote it: in the place of its own slot, its Summary alone. */
static void insert_older(const struct world *w, uint64_t n, uint64_t slot, uint64_t seq)
{
	static const char body[] = "\nolder";
	uint32_t crc = hr_crc32(body, 6);
	char sql[200];

	(void)snprintf(sql, sizeof(sql),
		"INSERT INTO w10 VALUES(%llu,1,%llu,%llu,%llu,x'0a6f6c646572%02x%02x%02x%02x')",
		(unsigned long long)hr_store_id(7, slot), (unsigned long long)seq,
		(unsigned long long)seq, (unsigned long long)n, crc & 255, crc >> 8 & 255,
		crc >> 16 & 255, crc >> 24);
	change_file(w, sql);
}

static void rows_of_an_older_version_read_pack_and_expire_beside_those_of_this_one(void **state)
{
	struct world *w = *state;
	uint64_t windows;
	uint32_t rows;
	struct seen v;
	bool waits;

	w->s->ops->close(w->s);
	for (uint64_t i = 0; i < 3; i++)
		insert_older(w, 1 + i, 120 + i, 40 + i);
	insert_older(w, 4, 151, 43);
	open_store(w);
	put_five(w);
	v = in_range(w, 121, 123);
	assert_int_equal(v.n, 4);
	assert_int_equal(v.row[0].slot, 121);
	assert_int_equal(v.row[1].n, 3); /* slot 122: the older one, then ours */
	assert_int_equal(v.row[2].n, 10);
	assert_string_equal(v.body[1], "\nolder");
	begin(w);
	assert_int_equal(w->s->ops->pack(w->s, 7, 4, UINT64_MAX, &waits), 0);
	commit(w);
	assert_int_equal(count_of(w, "SELECT sum(windows) FROM w300"), 3 + 5);
	v = in_range(w, 120, 200);
	assert_int_equal(v.n, 3 + 5 + 1);
	begin(w);
	assert_int_equal(w->s->ops->expire(w->s, 180, 100, 100, &rows, &windows), 0);
	commit(w);
	assert_int_equal(windows, 9);
	change_file(w, "DELETE FROM journal");
	put_five(w); /* now there are none of an older version, and ours are found still */
	assert_int_equal(in_range(w, 120, 200).n, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SQLITE(what_comes_together_is_one_row_and_reads_as_it_came),
		SQLITE(many_windows_are_compressed_and_few_are_not),
		SQLITE(only_many_rows_are_packed),
		SQLITE(only_what_goes_on_is_in_one_row),
		SQLITE(a_group_taken_back_leaves_nothing_behind),
		SQLITE(one_is_set_aside_out_of_its_row),
		SQLITE(a_damaged_row_is_told_once_as_all_its_windows_and_set_aside),
		SQLITE(columns_that_are_not_those_of_the_windows_are_damage),
		SQLITE(a_late_one_has_a_row_of_its_own),
		SQLITE(rows_of_an_older_version_read_pack_and_expire_beside_those_of_this_one),
	};

	return run_world("store_rows", tests, sizeof(tests) / sizeof(tests[0]));
}
