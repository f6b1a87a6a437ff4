/* SPDX-License-Identifier: Apache-2.0 */
/* Waits below are worked out by hand from the rules of replay.h: slices of 3 ms, one queue. */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "agent/core/replay.h"

#define MS 1000000ULL

static struct hr_replay_work work;
static struct hr_burst burst[HR_BURSTS_MAX];
static struct hr_replay_in in;

/* @n bursts that wake @every ms apart and want @cpu ms each, in a slice of @length ms. */
static void bursts(uint32_t n, unsigned every, unsigned cpu, unsigned length)
{
	for (uint32_t i = 0; i < n; i++)
		burst[i] = (struct hr_burst){.wake_ns = i * every * MS, .cpu_ns = cpu * MS};
	in = (struct hr_replay_in){.burst = burst, .n = n, .length_ns = length * MS, .seed = 1};
}

static uint32_t late(double k, enum hr_replay_mode mode, uint32_t servers)
{
	uint32_t r[2];

	hr_replay_at(&in, k, mode, servers, &work, r);
	return r[0];
}

static uint32_t total(double k)
{
	uint32_t r[2];

	hr_replay_at(&in, k, HR_REPLAY_A, 64, &work, r);
	return r[1];
}

static void waits_are_those_of_round_robin(void **state)
{
	(void)state;
	/* A 0-3 9-12 18-21: waited 12; B ends at 24: 15; C at 27: 18; own CPU time 9, X 10 */
	bursts(3, 0, 9, 1000);
	assert_int_equal(late(1, HR_REPLAY_A, 1), 3);
	/* A 0-3 6-9 12-15: 6; B 3-6 9-12 15-18: 9 */
	bursts(2, 0, 9, 1000);
	assert_int_equal(late(1, HR_REPLAY_A, 1), 0);
	/* two servers: A, B 0-3; C, A 3-6; B, C 6-9; A, B 9-12: 3 each; C 12-15: 6 */
	bursts(3, 0, 9, 1000);
	assert_int_equal(late(1, HR_REPLAY_A, 2), 0);
	/* A 0-3, then B's 3-6 and so on: A ends at 38, waited 18; B at 40: 20, not MORE than 20 */
	bursts(2, 0, 20, 1000);
	assert_int_equal(late(1, HR_REPLAY_A, 1), 0);
	/* three of 20: the first ends at 56, waited 36 */
	bursts(3, 0, 20, 1000);
	assert_int_equal(late(1, HR_REPLAY_A, 1), 3);
}

static void a_slice_that_ends_goes_before_an_arrival_at_that_time(void **state)
{
	(void)state;
	/*
	 * A (14) 0-3; B (10) wakes at 3: A is back in the queue before it, and its head: A 3-6;
	 * then B and A in turn: B 6-9 12-15 18-21 23-24, waited 24 - 3 - 10 = 11 > 10: late.
	 * A ends at 23, waited 9.  The other way round: B 3-6 9-12 15-18 21-22, waited 9.
	 */
	bursts(2, 3, 14, 1000);
	burst[1].cpu_ns = 10 * MS;
	assert_int_equal(late(1, HR_REPLAY_A, 1), 1);
}

static void a_hog_takes_every_other_slice_and_is_not_counted(void **state)
{
	(void)state;
	/* hog 0-3, burst 3-6, hog 6-9, ...: four slices, 12 of wait */
	bursts(1, 0, 12, 1000);
	in.hogs = 1;
	assert_int_equal(late(1, HR_REPLAY_A, 1), 0);
	bursts(1, 0, 11, 1000);
	in.hogs = 1;
	assert_int_equal(late(1, HR_REPLAY_A, 1), 1);
	assert_int_equal(late(1, HR_REPLAY_A, 2), 0);
	assert_int_equal(total(1), 1);
}

static void copies_inside_a_burst_collide_independent_ones_do_not(void **state)
{
	(void)state;
	/* one of 15 in the middle of 1 s; three copies within 10 ms on one server: 45 of work,
	 * the last ends 45 after the first came, so it waited >= 45 - 10 - 15 = 20 > 15 */
	bursts(1, 0, 15, 1000);
	burst[0].wake_ns = 500 * MS;
	assert_true(late(3, HR_REPLAY_A, 1) >= 1);
	/* at 500, 870 and 240 (1240 - 1000) */
	assert_int_equal(late(3, HR_REPLAY_S, 1), 0);
}

/* Every 3 ms one of 0.05, but one of 15 among them. */
static uint32_t late_around_a_long_one(uint32_t n)
{
	bursts(n, 3, 0, 1000);
	for (uint32_t i = 0; i < n; i++)
		burst[i].cpu_ns = MS / 20;
	burst[n / 2].cpu_ns = 15 * MS;
	return late(4, HR_REPLAY_A, 1);
}

static void a_long_one_comes_again_elsewhere_where_sizes_are_mixed(void **state)
{
	(void)state;
	/* 31 are too few to tell: the three before it take its 15, 60 at once, two wait 15 */
	assert_true(late_around_a_long_one(31) >= 2);
	/* of 64 those 23, 46 and 5 (69 - 64) before it: 15 at a time */
	assert_int_equal(late_around_a_long_one(64), 0);
	assert_int_equal(total(4), 256);
}

/* What the agent does itself comes once at every load, waits like all, and is not counted. */
static void a_fixed_burst_has_no_copies_and_is_not_counted(void **state)
{
	(void)state;
	/* the agent's 20 and two bursts of 2 at 0: in turn, the agent's first: 0-3, 3-5, 5-7 */
	bursts(3, 0, 20, 1000);
	burst[0].fixed = true;
	burst[1].cpu_ns = burst[2].cpu_ns = 2 * MS;
	assert_int_equal(total(1), 2);
	assert_int_equal(total(4), 8);
	assert_int_equal(late(1, HR_REPLAY_A, 1), 0);
	/* four bursts of 2, never one of 20: 0-3 agent, 3-5 5-7 7-9 9-11: the last waited 9 */
	assert_int_equal(late(2, HR_REPLAY_A, 1), 0);
	/* six: the last two 11-13 13-15, waited 11 and 13 */
	assert_int_equal(late(3, HR_REPLAY_A, 1), 2);
	/* three of 20 were late before (above); as the agent's own they count nowhere */
	bursts(3, 0, 20, 1000);
	burst[0].fixed = burst[1].fixed = burst[2].fixed = true;
	assert_int_equal(late(1, HR_REPLAY_A, 1), 0);
	assert_int_equal(late(8, HR_REPLAY_S, 1), 0);
	assert_int_equal(total(8), 0);
	/* below 1, too, it is there: a burst of 2 behind five agents' 3 waits 15 */
	bursts(6, 0, 3, 1000);
	for (unsigned i = 0; i < 5; i++)
		burst[i].fixed = true;
	burst[5].cpu_ns = 2 * MS;
	assert_int_equal(late(0.999, HR_REPLAY_A, 1), 1);
}

static void a_copy_goes_around_the_end_of_the_slice(void **state)
{
	(void)state;
	/* bursts of 12 at 0 and 630, their copies at 370 and 1000 - 1000 = 0: two at 0 on one
	 * server: A ends at 21, waited 9; B at 24, waited 12, not MORE than 12 */
	bursts(2, 630, 12, 1000);
	assert_int_equal(late(2, HR_REPLAY_S, 1), 0);
	burst[2] = (struct hr_burst){.cpu_ns = 12 * MS};
	in.n = 3;
	assert_int_equal(late(1, HR_REPLAY_S, 1), 0);
	/* two and a copy at 0: they end at 30, 33, 36, waited 18 and more; two copies at 370 */
	assert_int_equal(late(2, HR_REPLAY_S, 1), 3);
}

static void the_load_factor_is_the_number_of_copies(void **state)
{
	(void)state;
	bursts(1000, 1, 0, 1000);
	assert_int_equal(total(1), 1000);
	assert_int_equal(total(2), 2000);
	assert_int_equal(total(8), 8000);
	/* a part of a copy is one of that many bursts, and no other number by chance */
	for (in.seed = 1; in.seed < 100; in.seed++) {
		assert_int_equal(total(0.63), 630);
		assert_int_equal(total(1.26), 1260);
	}
	burst[0].fixed = true;
	assert_int_equal(total(1.5), 999 + 499); /* of 499.5 */
}

/* The first 50 of 100 get as many as the last, and each seed gives another order. */
static void the_part_of_a_copy_is_drawn_anew_from_all_of_the_slice(void **state)
{
	uint32_t half = 0, at[2] = {0}, before[100];

	(void)state;
	for (uint64_t seed = 0; seed < 40; seed++) {
		bursts(100, 10, 1, 1000);
		in.seed = seed << 40;
		hr_replay_at(&in, 0.5, HR_REPLAY_A, 1, &work, at);
		for (uint32_t i = 0; i < 50; i++)
			half += work.turn[i] < 50;
		assert_int_equal(at[1], 50);
		if (seed > 0)
			assert_memory_not_equal(work.turn, before, sizeof(before));
		memcpy(before, work.turn, sizeof(before));
	}
	assert_in_range(half, 1000 - 100, 1000 + 100); /* 40 of 25 +- 2.5: 1000 +- 16 */
}

static void what_never_ends_is_late(void **state)
{
	(void)state;
	/* 21 s of work before one server, stopped 20 s after the last came */
	bursts(7, 0, 3000, 5000);
	assert_int_equal(late(1, HR_REPLAY_A, 1), 7);
	bursts(0, 0, 0, 5000);
	assert_int_equal(late(1, HR_REPLAY_A, 1), 0);
}

static void a_row_stops_when_a_fifth_is_late(void **state)
{
	struct hr_replay_sum sum;
	unsigned last = 2;

	(void)state;
	/* every 10 ms one of 5: half of a server.  From k = 2.52 (g = 6) on its queue grows
	 * without end, below 2 (g = 5) it does not; two servers carry 3.17 (g = 7) */
	bursts(400, 10, 5, 4000);
	memset(&sum, 0, sizeof(sum));
	hr_replay_row(&in, 1, 0, &work, &sum);
	assert_int_equal(sum.tot[0][2], 400);
	assert_int_equal(sum.late[0][2], 0);
	while (sum.late[0][last] * 5 <= sum.tot[0][last])
		assert_true(++last < HR_VQ_GRID);
	assert_true(last == 5 || last == 6);
	assert_int_equal(sum.tot[0][last + 1], 0);
	hr_replay_row(&in, 1, 1, &work, &sum); /* two servers */
	assert_true(sum.tot[1][7] > 0);
	hr_replay_row(&in, 1, 0, &work, &sum); /* another slice adds */
	assert_int_equal(sum.tot[0][2], 800);
	hr_replay_row(&in, 4000, 2, &work, &sum); /* too many servers: no claim */
	assert_int_equal(sum.tot[2][2], 0);
}

/*
 * Beside the replay, what the queue makes of the same bursts: 20 of 5 ms, one in every slot of 8.4
 * ms, leave it nothing at 1.59; at 2 they leave 1.6 ms each, and from the seventh on it is late.
 * What runs longer than a slot counts in those it would run in.
 */
static void the_queue_is_told_of_the_same_bursts(void **state)
{
	struct hr_replay_sum sum;

	(void)state;
	bursts(20, 0, 5, 168);
	for (unsigned i = 0; i < 20; i++)
		burst[i].wake_ns = i * HR_SLOT_NS;
	in.length_ns = 20 * HR_SLOT_NS;
	memset(&sum, 0, sizeof(sum));
	hr_replay_row(&in, 1, 0, &work, &sum);
	assert_int_equal(sum.queued[0][4], 0);
	assert_int_equal(sum.queued[0][5], 20 - 6); /* 7 x 1.611 ms */
	assert_int_equal(sum.queued[0][HR_VQ_GRID - 1], 20);
	hr_replay_row(&in, 1, 1, &work, &sum);
	assert_int_equal(sum.queued[1][6], 0);
	burst[0].fixed = true; /* it works there, but is nobody's who waits */
	memset(&sum, 0, sizeof(sum));
	hr_replay_row(&in, 1, 0, &work, &sum);
	assert_int_equal(sum.queued[0][5], 20 - 6);
	assert_int_equal(sum.queued[0][HR_VQ_GRID - 1], 19);
	burst[0].fixed = false;
	/* one of 40 ms, as if it had never waited: no backlog of its own at 1, and one at 1.26 */
	bursts(1, 0, 40, 168);
	in.length_ns = 20 * HR_SLOT_NS;
	memset(&sum, 0, sizeof(sum));
	hr_replay_row(&in, 1, 0, &work, &sum);
	assert_int_equal(sum.queued[0][2], 0);
	/* a hog after a second: of 1.6 s, 0.8 of them waited, 0.2 are charged */
	bursts(1, 0, 800, 1600);
	burst[0].wait_ns = 800000000;
	memset(&sum, 0, sizeof(sum));
	hr_replay_row(&in, 1, 0, &work, &sum);
	assert_true(work.slot[23].charge_ns > 0 && !(work.slot[24].charge_ns > 0));
	/* independent growth has no such counts; too many servers make no claim */
	hr_replay_row(&in, 1, 2, &work, &sum);
	assert_true(sum.tot[2][2] > 0);
	memset(&sum, 0, sizeof(sum));
	hr_replay_row(&in, 4000, 0, &work, &sum);
	assert_int_equal(sum.queued[0][HR_VQ_GRID - 1], 0);
}

/*
 * Five bursts of 20 ms at once, on two servers: 50 ms.  Of one thread they run in turn, and none
 * waits for a CPU.
 */
static void what_one_thread_does_in_turn_waits_for_no_cpu(void **state)
{
	(void)state;
	bursts(5, 0, 20, 1000);
	assert_true(late(1, HR_REPLAY_A, 2) >= 2);
	in.in_turn = true; /* nobody is marked */
	assert_true(late(1, HR_REPLAY_A, 2) >= 2);
	for (unsigned i = 0; i < 5; i++)
		burst[i].alone = true;
	assert_int_equal(late(1, HR_REPLAY_A, 2), 0);
	assert_int_equal(late(8, HR_REPLAY_A, 2), 0);
	assert_int_equal(late(8, HR_REPLAY_S, 2), 0);
	/* four that never sleep leave it two fifths of a server: 20 ms take 50 */
	in.hogs = 4;
	assert_int_equal(late(1, HR_REPLAY_A, 2), 5);
	in.hogs = 0;
	in.in_turn = false;
	assert_true(late(1, HR_REPLAY_A, 2) >= 2);
	/* others run beside it, as many as there are servers */
	in.in_turn = true;
	for (unsigned i = 1; i < 5; i++) {
		burst[i].alone = false;
		burst[i].cpu_ns = 100 * MS;
	}
	assert_int_equal(late(1, HR_REPLAY_A, 8), 0);
	assert_int_equal(late(1, HR_REPLAY_A, 1), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_queue_is_told_of_the_same_bursts),
		cmocka_unit_test(what_one_thread_does_in_turn_waits_for_no_cpu),
		cmocka_unit_test(waits_are_those_of_round_robin),
		cmocka_unit_test(a_slice_that_ends_goes_before_an_arrival_at_that_time),
		cmocka_unit_test(a_hog_takes_every_other_slice_and_is_not_counted),
		cmocka_unit_test(copies_inside_a_burst_collide_independent_ones_do_not),
		cmocka_unit_test(a_long_one_comes_again_elsewhere_where_sizes_are_mixed),
		cmocka_unit_test(a_fixed_burst_has_no_copies_and_is_not_counted),
		cmocka_unit_test(a_copy_goes_around_the_end_of_the_slice),
		cmocka_unit_test(the_load_factor_is_the_number_of_copies),
		cmocka_unit_test(the_part_of_a_copy_is_drawn_anew_from_all_of_the_slice),
		cmocka_unit_test(what_never_ends_is_late),
		cmocka_unit_test(a_row_stops_when_a_fifth_is_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
