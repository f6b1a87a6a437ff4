/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include "agent/core/stints.h"

#define MS    1000000ULL
#define FROM  (1000 * MS)
#define SLEEP HR_STINT_SLEEPS
#define CONT  HR_STINT_CONTINUES

static struct hr_stints s;

/* Task @pid on a CPU from @at for @ran after waiting @wait, all in ms since the begin of the slice.
 */
static void stint(uint32_t pid, int at, unsigned ran, unsigned wait, uint32_t flags)
{
	struct hr_stint_rec r = {(uint64_t)((int64_t)FROM + at * (int64_t)MS), (uint32_t)(ran * MS),
		(uint32_t)(wait * MS), pid, flags};

	hr_stints_add(&s, &r);
}

static void begin(void)
{
	hr_stints_begin(&s, FROM, FROM + HR_SLICE_NS);
}

static void a_burst_of_one_stint_woke_before_its_wait(void **state)
{
	(void)state;
	begin();
	stint(7, 20, 3, 5, SLEEP);
	assert_int_equal(s.n, 1);
	assert_true(s.burst[0].wake_ns == 15 * MS);
	assert_true(s.burst[0].cpu_ns == 3 * MS && s.burst[0].wait_ns == 5 * MS);
	assert_int_equal(s.late + s.cut, 0);
}

static void bursts_of_the_agent_are_marked_and_never_late(void **state)
{
	(void)state;
	begin();
	s.self = 7;
	stint(7, 20, 3, 15, SLEEP);
	stint(8, 40, 3, 15, SLEEP);
	stint(7, 50, 3, 0, 0);
	stint(7, 60, 3, 7, CONT | SLEEP);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.fixed, 2);
	assert_int_equal(s.late, 1);
	assert_true(s.burst[0].fixed && !s.burst[1].fixed && s.burst[2].fixed);
	begin(); /* nobody again */
	stint(0, 20, 3, 15, SLEEP);
	assert_int_equal(s.fixed, 0);
}

static void stints_of_a_burst_add_up_over_those_of_others(void **state)
{
	(void)state;
	begin();
	stint(7, 10, 3, 2, 0);
	stint(1031, 13, 3, 4, 0); /* 1031 = 7 + 1024: the same place of the table */
	stint(7, 16, 3, 3, CONT);
	stint(1031, 19, 1, 3, CONT | SLEEP);
	stint(7, 20, 2, 9, CONT | SLEEP); /* 14 of wait, 8 of CPU: late */
	assert_int_equal(s.n, 2);
	assert_true(s.burst[0].wake_ns == 9 * MS);
	assert_true(s.burst[0].cpu_ns == 4 * MS && s.burst[0].wait_ns == 7 * MS);
	assert_true(s.burst[1].wake_ns == 8 * MS);
	assert_true(s.burst[1].cpu_ns == 8 * MS && s.burst[1].wait_ns == 14 * MS);
	assert_int_equal(s.late, 1);
	assert_int_equal(s.nr_open, 0);
}

static void what_began_before_the_slice_is_left_out(void **state)
{
	(void)state;
	begin();
	stint(7, 1, 3, 2, SLEEP); /* woke at -1 */
	stint(8, 4, 1, 0, CONT | SLEEP);
	stint(9, 5, 1, 6, 0);
	stint(9, 7, 1, 1, CONT | SLEEP);
	assert_int_equal(s.n, 0);
	assert_int_equal(s.cut, 3);
}

static void an_end_that_was_missed_does_not_join_two_bursts(void **state)
{
	(void)state;
	begin();
	stint(7, 10, 3, 0, 0);
	stint(7, 50, 1, 0, SLEEP);
	assert_int_equal(s.n, 1);
	assert_true(s.burst[0].wake_ns == 50 * MS && s.burst[0].cpu_ns == MS);
	assert_int_equal(s.cut, 1);
	assert_int_equal(s.nr_open, 0);
}

static void what_is_open_for_a_second_at_the_end_is_a_hog(void **state)
{
	(void)state;
	begin();
	stint(7, 10, 2000, 0, 0);
	stint(7, 2510, 1000, 500, CONT); /* 3.5 of 4.99 s */
	stint(8, 4100, 3, 0, 0);         /* 0.9 s before the end */
	hr_stints_end(&s);
	assert_int_equal(s.n, 0);
	assert_int_equal(s.hogs, 1);
	assert_int_equal(s.cut, 1);
}

/* The record of its end found no room in the ring: 3 ms of 5 s are no hog. */
static void a_burst_whose_end_was_lost_is_no_hog(void **state)
{
	(void)state;
	begin();
	stint(7, 10, 3, 0, 0);
	hr_stints_end(&s);
	assert_int_equal(s.hogs, 0);
	assert_int_equal(s.cut, 1);
	assert_int_equal(s.n, 0);
}

/* Chains of places that collide: whatever order tasks leave in, the others are still found. */
static void any_order_of_leaving_finds_the_others(void **state)
{
	static const int order[3][4] = {{0, 1, 2, 3}, {3, 1, 0, 2}, {1, 3, 2, 0}};

	(void)state;
	for (int o = 0; o < 3; o++) {
		begin();
		for (int i = 0; i < 4; i++) /* 1023, 2047: last place; then around the end */
			stint((uint32_t)(1023 + 1024 * (i % 2) + i / 2), 10 + i, 1, 0, 0);
		for (int i = 0; i < 4; i++) {
			int k = order[o][i];

			stint((uint32_t)(1023 + 1024 * (k % 2) + k / 2), 20 + i, 1, 9,
				CONT | SLEEP);
		}
		assert_int_equal(s.n, 4);
		for (int i = 0; i < 4; i++)
			assert_true(s.burst[i].wake_ns == (unsigned)(10 + order[o][i]) * MS &&
				    s.burst[i].cpu_ns == 2 * MS);
		assert_int_equal(s.nr_open, 0);
	}
}

static void a_full_slice_ends_where_the_first_burst_has_no_place(void **state)
{
	(void)state;
	begin();
	for (int i = 0; i < HR_BURSTS_MAX; i++)
		stint(7, 1 + i / 10, 0, 0, SLEEP);
	stint(7, 600, 1, 0, SLEEP);
	assert_int_equal(s.n, HR_BURSTS_MAX);
	assert_true(s.until == FROM + 600 * MS);
}

static void whose_bursts_are_two_thirds_of_all_is_alone(void **state)
{
	(void)state;
	begin();
	s.self = 9;
	stint(9, 5, 40, 0, SLEEP); /* the agent's do not count */
	stint(7, 50, 3, 0, SLEEP);
	stint(8, 60, 2, 0, SLEEP);
	stint(6, 70, 1, 0, SLEEP);
	stint(7, 80, 4, 0, SLEEP);
	hr_stints_end(&s); /* 7 of 10 */
	assert_int_equal(s.alone, 7);
	assert_true(!s.burst[0].alone && s.burst[1].alone && !s.burst[2].alone &&
		    !s.burst[3].alone && s.burst[4].alone);
	begin();
	stint(7, 50, 4, 0, SLEEP);
	stint(8, 60, 2, 0, SLEEP);
	hr_stints_end(&s); /* two thirds are not more than two thirds */
	assert_int_equal(s.alone, 0);
	assert_false(s.burst[0].alone || s.burst[1].alone);
	begin();
	hr_stints_end(&s);
	assert_int_equal(s.alone, 0);
}

/* 0.4 s of the slice: what is longer is not among its bursts, and must be little of the work. */
static void bursts_that_hold_little_of_the_work_are_told(void **state)
{
	(void)state;
	begin();
	for (int i = 0; i < 90; i++)
		stint(7, 10 * i + 5, 1, 0, SLEEP);
	assert_true(hr_stints_hold_most(&s));
	stint(8, -50, 60, 0, CONT | SLEEP); /* 10 ms of it since the begin: 90 of 100 */
	assert_true(hr_stints_hold_most(&s));
	stint(9, -50, 52, 0, 0); /* and 2: 90 of 102 */
	assert_false(hr_stints_hold_most(&s));
	stint(9, 2, 20, 0, CONT | SLEEP);
	stint(9, 30, 200, 0, SLEEP); /* 290 of 322 */
	assert_true(hr_stints_hold_most(&s));
	stint(10, 300, 5, 0, 0); /* not over at the end: 290 of 327 */
	assert_false(hr_stints_hold_most(&s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whose_bursts_are_two_thirds_of_all_is_alone),
		cmocka_unit_test(a_burst_of_one_stint_woke_before_its_wait),
		cmocka_unit_test(bursts_of_the_agent_are_marked_and_never_late),
		cmocka_unit_test(stints_of_a_burst_add_up_over_those_of_others),
		cmocka_unit_test(what_began_before_the_slice_is_left_out),
		cmocka_unit_test(an_end_that_was_missed_does_not_join_two_bursts),
		cmocka_unit_test(what_is_open_for_a_second_at_the_end_is_a_hog),
		cmocka_unit_test(a_burst_whose_end_was_lost_is_no_hog),
		cmocka_unit_test(any_order_of_leaving_finds_the_others),
		cmocka_unit_test(bursts_that_hold_little_of_the_work_are_told),
		cmocka_unit_test(a_full_slice_ends_where_the_first_burst_has_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
