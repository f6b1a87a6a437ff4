/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of collector.md 6: a day without a collector becomes 361 windows. */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "agent/core/coalesce.h"

#define S UINT64_C(1000000000)

static struct hr_coalesce_item it[9000];
static size_t n;

/* Windows first..last, one each; now is the end of window @now. */
static void fill(uint64_t first, uint64_t last, uint64_t now)
{
	n = 0;
	for (uint64_t q = first; q <= last; q++)
		it[n++] = (struct hr_coalesce_item){.boot = 1,
			.seq_first = q,
			.seq_last = q,
			.epoch = 1,
			.age_ns = (now - q) * 10 * S};
}

/* What the spool does with a plan. */
static void merge(size_t at, size_t count)
{
	it[at].seq_last = it[at + count - 1].seq_last;
	it[at].age_ns = it[at + count - 1].age_ns;
	memmove(&it[at + 1], &it[at + count], (n - at - count) * sizeof(it[0]));
	n -= count - 1;
}

static void run(bool pressure)
{
	size_t at, count, before = n;

	while (hr_coalesce_next(it, n, pressure, &at, &count)) {
		assert_true(count >= 2 && at + count <= n);
		merge(at, count);
		assert_true(n < before); /* it ends */
		before = n;
	}
}

static uint64_t windows(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		sum += it[i].seq_last - it[i].seq_first + 1;
		if (i > 0)
			assert_true(it[i].seq_first == it[i - 1].seq_last + 1);
	}
	return sum;
}

static void young_windows_stay_apart(void **state)
{
	(void)state;
	fill(0, 29, 29);
	run(false);
	assert_int_equal(n, 30);
}

static void after_five_minutes_six_become_one(void **state)
{
	size_t at, count;

	(void)state;
	/* windows 0..35 at the end of 35: 0..5 are 300 s old and more */
	fill(0, 35, 35);
	assert_true(hr_coalesce_next(it, n, false, &at, &count));
	assert_int_equal(at, 0);
	assert_int_equal(count, 6);
	merge(at, count);
	assert_false(hr_coalesce_next(it, n, false, &at, &count)); /* 11 is 240 s old */
	assert_int_equal(n, 31);
}

/* 24 h: 30 windows of 10 s, 55 of 1 min, 276 of 5 min = 361 (collector.md 6). */
static void a_day_becomes_361_windows(void **state)
{
	size_t ten = 0, minute = 0, five = 0;

	(void)state;
	fill(0, 8639, 8639);
	run(false);
	for (size_t i = 0; i < n; i++) {
		uint64_t w = it[i].seq_last - it[i].seq_first + 1;

		ten += w == 1;
		minute += w == 6;
		five += w == 30;
	}
	assert_int_equal(ten + minute + five, n);
	assert_int_equal(ten, 30);
	assert_int_equal(minute, 55);
	assert_int_equal(five, 276);
	assert_int_equal(n, 361);
	assert_int_equal(windows(), 8640); /* none is lost */
}

/* Merging as time goes by gives the same as merging at the end. */
static void merging_step_by_step_meets_the_same_borders(void **state)
{
	static struct hr_coalesce_item end[9000];
	size_t n_end;

	(void)state;
	fill(0, 1999, 1999);
	run(false);
	n_end = n;
	memcpy(end, it, n * sizeof(it[0]));
	n = 0;
	for (uint64_t q = 0; q <= 1999; q++) {
		for (size_t i = 0; i < n; i++)
			it[i].age_ns += 10 * S;
		it[n++] = (struct hr_coalesce_item){
			.boot = 1, .seq_first = q, .seq_last = q, .epoch = 1};
		run(false);
	}
	assert_int_equal(n, n_end);
	for (size_t i = 0; i < n; i++)
		assert_true(
			it[i].seq_first == end[i].seq_first && it[i].seq_last == end[i].seq_last);
}

static void a_frozen_window_is_left_as_it_is(void **state)
{
	size_t at, count;

	(void)state;
	fill(0, 5, 100);
	it[2].frozen = true;
	assert_true(hr_coalesce_next(it, n, false, &at, &count));
	assert_int_equal(at, 0);
	assert_int_equal(count, 2);
	merge(at, count);
	assert_true(hr_coalesce_next(it, n, false, &at, &count));
	assert_int_equal(at, 2); /* 3..5 */
	assert_int_equal(count, 3);
	merge(at, count);
	assert_false(hr_coalesce_next(it, n, false, &at, &count));
}

static void boots_epochs_and_gaps_are_borders(void **state)
{
	size_t at, count;

	(void)state;
	fill(0, 5, 100);
	it[1].boot = 2;
	it[3].epoch = 2;
	it[5].seq_first = it[5].seq_last = 7; /* 5 and 6 are missing; 7 is in the next minute */
	/* 0 | 1 | 2 | 3 | 4 5': boot, boot, epoch 2 alone, then 4 and 7 do not touch */
	assert_false(hr_coalesce_next(it, n, false, &at, &count));
	it[2].boot = 2;
	assert_true(hr_coalesce_next(it, n, false, &at, &count));
	assert_int_equal(at, 1);
	assert_int_equal(count, 2);
}

static void groups_are_aligned_to_the_minute(void **state)
{
	size_t at, count;

	(void)state;
	fill(4, 9, 100); /* 4 5 | 6 7 8 9 */
	assert_true(hr_coalesce_next(it, n, false, &at, &count));
	assert_int_equal(at, 0);
	assert_int_equal(count, 2);
	merge(at, count);
	assert_true(hr_coalesce_next(it, n, false, &at, &count));
	assert_int_equal(at, 1);
	assert_int_equal(count, 4);
	/* a window that already straddles a border is not drawn into either side */
	fill(0, 5, 100);
	it[5].seq_last = 6;
	assert_true(hr_coalesce_next(it, n, false, &at, &count));
	assert_int_equal(count, 5);
}

static void a_full_spool_merges_young_windows_in_growing_steps(void **state)
{
	size_t at, count;

	(void)state;
	fill(0, 719, 719);
	assert_true(hr_coalesce_next(it, n, true, &at, &count));
	run(true);
	assert_int_equal(n, 2); /* two hours */
	assert_int_equal(windows(), 720);
	/* nothing is left to do: the spool must drop, and count it */
	assert_false(hr_coalesce_next(it, n, true, &at, &count));
	fill(0, 11, 11);
	assert_true(hr_coalesce_next(it, n, true, &at, &count));
	assert_int_equal(at, 0);
	assert_int_equal(count, 6);
}

static void nothing_and_one_window_have_no_plan(void **state)
{
	size_t at, count;

	(void)state;
	fill(0, 0, 100);
	assert_false(hr_coalesce_next(it, 0, true, &at, &count));
	assert_false(hr_coalesce_next(it, 1, true, &at, &count));
	/* numbers at the end of the range do not wrap around */
	it[0].seq_first = it[0].seq_last = UINT64_MAX;
	it[1] = it[0];
	it[1].seq_first = it[1].seq_last = 0;
	assert_false(hr_coalesce_next(it, 2, true, &at, &count));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(young_windows_stay_apart),
		cmocka_unit_test(after_five_minutes_six_become_one),
		cmocka_unit_test(a_day_becomes_361_windows),
		cmocka_unit_test(merging_step_by_step_meets_the_same_borders),
		cmocka_unit_test(a_frozen_window_is_left_as_it_is),
		cmocka_unit_test(boots_epochs_and_gaps_are_borders),
		cmocka_unit_test(groups_are_aligned_to_the_minute),
		cmocka_unit_test(a_full_spool_merges_young_windows_in_growing_steps),
		cmocka_unit_test(nothing_and_one_window_have_no_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
