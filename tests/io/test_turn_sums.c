/* SPDX-License-Identifier: Apache-2.0 */
/* Roll-ups from the sums that turns leave behind, against those that read every window. */
#include <sqlite3.h>

#include "collector/check_store.h"
#include "tests/io/sql_number.h"
#include "tests/io/turns_world.h"

static struct {
	const struct hr_store_ops *real;
	unsigned read;
} watched;

static int count_row(void *arg, const struct hr_store_row *row)
{
	(void)arg;
	(void)row;
	watched.read++;
	return 0;
}

static int watch_range(struct hr_store *s, uint32_t host_no, uint64_t from, uint64_t to,
	hr_store_row_fn fn, void *arg)
{
	(void)watched.real->range(s, host_no, from, to, count_row, NULL);
	return watched.real->range(s, host_no, from, to, fn, arg);
}

static void roll(struct side *s)
{
	for (int i = 0; i < 10000 && hr_rollup_step(s->w); i++)
		;
	assert_int_equal(atomic_load(&s->count.v[HR_COUNT_NOT_CONSERVED]), 0);
	assert_int_equal(hr_writer_state(s->w), HR_WRITER_OK);
}

static void take_turns(struct side *s)
{
	for (uint32_t i = 0; i < s->w->hosts.n; i++)
		s->w->hosts.by_no[i]->cold.turned_ns = 0;
	for (int i = 0; i < HOSTS; i++)
		hr_writer_turns(s->w);
}

/* Of all rows of a tier, so that each place has its share in it. */
struct tier_sum {
	uint64_t rows, windows, samples, cpu, waits, places;
};

static int add_tier_row(void *arg, const struct hr_tier_row *row)
{
	static struct hr_digest d;
	struct tier_sum *sum = arg;

	assert_false(row->damaged);
	hr_digest_clear(&d);
	assert_int_equal(hr_digest_decode(&d, row->body, row->len), HR_DIGEST_OK);
	assert_int_equal(d.windows, row->windows);
	sum->rows++;
	sum->windows += row->windows;
	sum->samples += row->samples;
	for (uint32_t i = 0; i < d.n; i++) {
		sum->cpu += d.piece[i].s->ctr[HR_CTR_ONCPU_NS];
		sum->waits += d.piece[i].s->dist[HR_DIST_RUNQ_WAIT].sum;
	}
	sum->places += row->samples * (row->bin * HOSTS + row->host_no);
	hr_digest_done(&d);
	return 0;
}

static struct tier_sum sum_of_tier(struct world *t, struct side *s, enum hr_tier tier)
{
	uint64_t bin_ms = tier == HR_TIER_HOUR ? HR_HOUR_MS : HR_5MIN_MS;
	struct tier_sum sum = {0};

	for (uint32_t i = 0; i < s->w->hosts.n; i++)
		assert_int_equal(s->w->store->ops->tier(s->w->store,
					 &(struct hr_tier_span){tier, s->w->hosts.by_no[i]->no,
						 t->base_ms / bin_ms - 1, t->base_ms / bin_ms + 40},
					 add_tier_row, &sum),
			0);
	return sum;
}

/* By no more than a @part-th of them. */
static void assert_near(uint64_t a, uint64_t b, uint64_t part)
{
	assert_in_range(a, b - b / part, b + b / part);
}

static void assert_same_tiers(struct world *t, uint64_t windows)
{
	for (enum hr_tier tier = HR_TIER_5MIN; tier < HR_TIER_N; tier++) {
		struct tier_sum k = sum_of_tier(t, &t->kept, tier);
		struct tier_sum c = sum_of_tier(t, &t->cold, tier);

		assert_int_equal(k.windows, windows);
		/* rounded each time something late is added */
		assert_near(k.cpu, c.cpu, 500);
		assert_near(k.waits, c.waits, 20);
		c.cpu = k.cpu;
		c.waits = k.waits;
		assert_memory_equal(&k, &c, sizeof(k));
	}
}

static void assert_sound(const struct side *s)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	if (!hr_check_store(s->path, f)) {
		(void)fclose(f);
		fail_msg("%s", text);
	}
	(void)fclose(f);
	free(text);
}

static void what_a_turn_has_decoded_is_rolled_up_without_reading_it_again(void **state)
{
	struct world *t = *state;
	struct hr_store *store = t->cold.w->store;
	struct hr_store_ops ops = *store->ops;
	uint64_t k = 0;

	watched.real = store->ops;
	ops.range = watch_range;
	for (; k < 75; k++) { /* two bins, the second turn in the middle of one */
		send(t, 1, k, k * 10000, k == 0);
		send(t, 2, k, k * 10000, k == 0);
		if (k % 40 == 39 || k == 74)
			take_turns(&t->cold);
	}
	for (; k < 78; k++)
		send(t, 1, k, k * 10000, false); /* the other host's do not wait */
	watched.read = 0;
	store->ops = &ops;
	roll(&t->cold);
	store->ops = watched.real;
	roll(&t->kept);
	assert_int_equal(watched.read, 3);
	assert_same_tiers(t, 75 + 78);
	assert_same(t);
	assert_sound(&t->cold);
}

/* Turns, roll-ups, crashes and hosts that come to memory and leave it, in any order. */
static void roll_ups_of_models_in_turn_are_those_of_models_in_memory(void **state)
{
	struct world *t = *state;
	uint64_t seq[HOSTS] = {0}, windows = 0;

	for (uint64_t k = 0; k < 250; k++) {
		for (uint8_t h = 0; h < HOSTS; h++) {
			uint64_t at = hr_rand_below(&t->r, 30) ? k * 10000
							       : hr_rand_below(&t->r, k + 1) * 9973;

			send(t, (uint8_t)(h + 1), seq[h]++, at + h * 700, k == 0);
			windows++;
		}
		switch (hr_rand_below(&t->r, 40)) {
		case 0:
		case 1:
			take_turns(&t->cold);
			break;
		case 2:
			roll(&t->cold);
			break;
		case 3:
			roll(&t->kept);
			break;
		case 4:
			(void)hr_rollup_step(t->cold.w);
			break;
		case 5:
			restart(&t->cold);
			break;
		case 6:
		case 7: /* room for all, for a while; the next save sends them away again */
			t->cold.w->conf.model_bytes = t->cold.w->conf.model_bytes == 1 ? 0 : 1;
			atomic_store(&t->cold.w->keeper, false); /* and no roll-up behind it */
			hr_writer_upkeep(t->cold.w);
			atomic_store(&t->cold.w->keeper, true);
			break;
		}
	}
	roll(&t->kept);
	roll(&t->cold);
	assert_same_tiers(t, windows);
	assert_sound(&t->kept);
	assert_sound(&t->cold);
}

/* Set aside in a turn, before its bin is rolled up: the tiers go without it, and say so. */
static void a_damaged_window_is_counted_once(void **state)
{
	struct world *t = *state;
	sqlite3 *db;

	for (uint64_t k = 0; k < 60; k++)
		send(t, 1, k, k * 10000, k == 0);
	hr_writer_close(t->cold.w);
	assert_int_equal(sqlite3_open(t->cold.path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "UPDATE w10 SET body=x'0011223344' WHERE seq IN (3,40)",
				 NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	open_side(&t->cold);
	while (t->cold.w->scan_n)
		hr_writer_turns(t->cold.w);
	take_turns(&t->cold);
	assert_int_equal(atomic_load(&t->cold.count.v[HR_COUNT_DAMAGED]), 2);
	roll(&t->cold);
	assert_int_equal(sum_of_tier(t, &t->cold, HR_TIER_5MIN).windows, 58);
	assert_sound(&t->cold);
}

/* Two ranges of one bin wait, and either tells a row that is damaged. */
static void a_damaged_row_of_a_bin_that_waits_in_two_ranges_is_counted_once(void **state)
{
	struct world *t = *state;
	sqlite3 *db;

	send(t, 1, 0, 0, true);
	send(t, 1, 1, 100000, false);
	assert_int_equal(sqlite3_open(t->cold.path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "UPDATE w10 SET body=x'0011223344' WHERE seq=0", NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	take_turns(&t->cold);
	assert_int_equal(atomic_load(&t->cold.count.v[HR_COUNT_DAMAGED]), 1);
	roll(&t->cold);
	assert_int_equal(sum_of_tier(t, &t->cold, HR_TIER_5MIN).windows, 1);
	assert_sound(&t->cold);
}

/* Windows wait in ranges of a bin that are apart: the roll-up reads them once, or counts a damaged
 * row, which is told with any slot, for each of them. */
static void a_bin_whose_ranges_are_apart_is_read_once(void **state)
{
	struct world *t = *state;
	sqlite3 *db;

	for (uint64_t k = 0; k < 30; k++)
		send(t, 1, k, k * 10000, k == 0);
	take_turns(&t->cold);
	send(t, 1, 30, 35000, false);
	send(t, 1, 31, 205000, false);
	assert_int_equal(t->cold.w->hosts.by_no[0]->cold.n_slots, 2);
	assert_int_equal(sqlite3_open(t->cold.path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "UPDATE w10 SET body=x'0011223344' WHERE seq=30", NULL,
				 NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	roll(&t->cold);
	assert_int_equal(sum_of_tier(t, &t->cold, HR_TIER_5MIN).windows, 31);
	assert_int_equal(sql_number(t->cold.path, "SELECT bad_windows FROM tally WHERE tier=1"), 1);
}

/* A window comes for a bin whose sum is done, before it is rolled up: the sum has it too. */
static void a_window_that_comes_behind_the_turn_is_in_the_sum(void **state)
{
	struct world *t = *state;

	for (unsigned again = 0; again < 2; again++) {
		uint64_t from = again * HR_5MIN_MS, seq = again * 31;

		for (uint64_t k = 0; k < 30; k++)
			send(t, 1, seq + k, from + k * 10000, k == 0);
		take_turns(&t->cold);
		send(t, 1, seq + 30, from + 155000, false);
		if (again == 0)
			take_turns(&t->cold); /* the turn opens the sum; else the roll-up does */
	}
	roll(&t->kept);
	roll(&t->cold);
	assert_same_tiers(t, 62);
	assert_same(t);
	assert_sound(&t->cold);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_damaged_row_of_a_bin_that_waits_in_two_ranges_is_counted_once, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			what_a_turn_has_decoded_is_rolled_up_without_reading_it_again, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			roll_ups_of_models_in_turn_are_those_of_models_in_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(a_damaged_window_is_counted_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_bin_whose_ranges_are_apart_is_read_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_window_that_comes_behind_the_turn_is_in_the_sum, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
