/* SPDX-License-Identifier: Apache-2.0 */
/* Distances below are worked out by hand from the rules of reach.h. */
#include "tests/unit/hr_cmocka.h"

#include <stdlib.h>

#include "agent/core/reach.h"

#define US 1000ULL
#define MS 1000000ULL

static struct hr_replay_work work;
static struct hr_burst burst[HR_BURSTS_MAX];
static struct hr_replay_in in;

static void start(unsigned length_ms)
{
	in = (struct hr_replay_in){.burst = burst, .length_ns = length_ms * MS, .seed = 1};
}

/* In the order of time. */
static void wake(uint64_t at_us, uint64_t cpu_us)
{
	burst[in.n++] = (struct hr_burst){.wake_ns = at_us * US, .cpu_ns = cpu_us * US};
}

static uint64_t reach_us(uint32_t i)
{
	hr_reach(&in, &work);
	return work.reach[i] / US;
}

static void it_is_the_distance_of_the_third_nearest(void **state)
{
	static const unsigned at[] = {0, 2000, 5000, 9000};

	(void)state;
	start(5000);
	for (unsigned i = 0; i < 4; i++)
		wake(at[i], 5000);
	assert_int_equal(reach_us(0), 9000); /* 2, 5, 9 */
	assert_int_equal(reach_us(1), 7000); /* 2, 3, 7 */
	assert_int_equal(reach_us(2), 5000); /* 3, 4, 5 */
	assert_int_equal(reach_us(3), 9000); /* 4, 7, 9 */
	wake(40000, 5000);
	assert_int_equal(reach_us(4), 10000); /* 31 and more: the most there is */
	in.n = 1;                             /* alone */
	assert_int_equal(reach_us(0), 10000);
	in.n = 0;
	hr_reach(&in, &work);
}

static void what_came_together_stays_together(void **state)
{
	(void)state;
	start(5000);
	wake(0, 5000);
	wake(100, 5000);
	wake(5000, 5000);
	wake(9000, 5000);
	assert_int_equal(reach_us(0), 100);  /* 0.1 of 9: a clump */
	assert_int_equal(reach_us(1), 100);  /* of 8.9 */
	assert_int_equal(reach_us(2), 5000); /* 4, 4.9, 5 */
	burst[1].wake_ns = 600 * US;         /* 0.6 of 9, more than a sixteenth (0.5625) */
	assert_int_equal(reach_us(0), 9000);
	burst[1].wake_ns = 550 * US;
	assert_int_equal(reach_us(0), 550);
}

/* A thread that takes each request and wakes one that works is no second request. */
static void those_that_hold_next_to_no_work_are_no_neighbours(void **state)
{
	static const unsigned at[] = {0, 2000, 5000, 9000};

	(void)state;
	start(5000);
	for (unsigned i = 0; i < 4; i++) {
		wake(at[i], 20); /* 80 us of 20 ms */
		wake(at[i] + 50, 5000);
	}
	assert_int_equal(reach_us(1), 9000);
	assert_int_equal(reach_us(3), 7000);
	assert_int_equal(reach_us(5), 5000);
	assert_int_equal(reach_us(4), 5000); /* as what it wakes */
	assert_int_equal(reach_us(0), 9000);
	/* the agent's own neither, whatever it costs */
	for (unsigned i = 0; i < 8; i += 2) {
		burst[i].cpu_ns = 20 * MS;
		burst[i].fixed = true;
	}
	assert_int_equal(reach_us(3), 7000);
}

static uint64_t seed;

static uint64_t draw_us(double mean_us) /* uniform in [0, 2 mean) */
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint64_t)(2 * mean_us * (double)(seed >> 11) * 0x1p-53);
}

static int by_wake(const void *a, const void *b)
{
	const struct hr_burst *x = a, *y = b;

	return x->wake_ns < y->wake_ns ? -1 : x->wake_ns > y->wake_ns;
}

/* @n times @each at one instant, the instants anywhere in 5 s. */
static void scatter(unsigned n, unsigned each)
{
	start(5000);
	for (unsigned i = 0; i < n; i++) {
		uint64_t at = draw_us(2500e3);

		for (unsigned j = 0; j < each; j++)
			wake(at, 2000);
	}
	qsort(burst, in.n, sizeof(*burst), by_wake);
}

/* Four lengths, each beyond two deviations once in forty: nine of ten and more pass them all. */
static void arrivals_by_chance_have_no_bursts_to_grow_in(void **state)
{
	unsigned even = 0, light = 0;

	(void)state;
	seed = 7;
	for (unsigned i = 0; i < 100; i++) {
		scatter(500, 1);
		even += reach_us(i) == 100000;
		in.n = 49; /* too few to tell, whatever they look like */
		light += reach_us(i % 49) > 10000;
	}
	assert_true(even >= 85);
	assert_int_equal(light, 0);
}

/* Within a phase they come by chance: growth lies in the phase, not in its least gaps. */
static void growth_in_a_phase_is_as_wide_as_what_is_even_in_it(void **state)
{
	unsigned within = 0, wide = 0;

	(void)state;
	seed = 3;
	for (unsigned i = 0; i < 40; i++) {
		scatter(1000, 1); /* all in the first 200 ms of every second */
		for (unsigned j = 0; j < in.n; j++)
			burst[j].wake_ns -= burst[j].wake_ns % (1000 * MS) / 5 * 4;
		qsort(burst, in.n, sizeof(*burst), by_wake);
		(void)reach_us(0);
		within += work.even_ns >> 23 == 1 || work.even_ns >> 25 == 1;
		wide += work.even_ns >> 27 > 1;
		assert_true(work.reach[0] >= work.even_ns / 2);
	}
	assert_true(within >= 30);
	assert_int_equal(wide, 0);
}

static void batches_and_timers_are_not_even(void **state)
{
	(void)state;
	seed = 11;
	for (unsigned i = 0; i < 20; i++) {
		scatter(250, 2); /* pairs */
		assert_int_equal(reach_us(i), 0);
		assert_int_equal(work.even_ns, 0);
	}
	start(5000); /* a timer's, every 10 ms */
	for (unsigned i = 0; i < 500; i++)
		wake(i * 10000, 2000);
	assert_int_equal(reach_us(100), 10000);
}

static void sizes_are_mixed_unless_they_come_in_phases(void **state)
{
	unsigned mixed = 0, phases = 0, rows = 0, few;

	(void)state;
	seed = 5;
	for (unsigned i = 0; i < 40; i++) {
		scatter(400, 1);
		for (unsigned j = 0; j < in.n; j++)
			burst[j].cpu_ns = (1000 + draw_us(4000)) * US;
		(void)reach_us(0);
		mixed += work.mixed;
		for (unsigned j = 0; j < in.n; j++) /* twice as long in every second second */
			burst[j].cpu_ns <<= burst[j].wake_ns / (1000 * MS) & 1;
		(void)reach_us(0);
		phases += work.mixed;
		for (unsigned j = 0; j < in.n; j++) /* four of a kind */
			burst[j].cpu_ns = (j / 4 * 7 % 5 + 1) * MS;
		(void)reach_us(0);
		rows += work.mixed;
	}
	assert_true(mixed >= 36);
	assert_true(phases <= 4);
	assert_int_equal(rows, 0);
	/* 32 that hold work are enough to tell, fewer are not; the light ones do not count */
	for (few = 31; few <= 32; few++) {
		start(5000);
		for (unsigned j = 0; j < few; j++) {
			wake(j * 10000, 20);
			wake(j * 10000 + 50, 5000 + j % 2 * 1000);
		}
		(void)reach_us(0);
		assert_int_equal(work.mixed, few == 32);
		assert_int_equal(work.place[0], HR_REPLAY_LIGHT);
		assert_int_equal(work.place[7], 3);
	}
}

/* @slices of 25 jobs, @each at one instant, of 1 to 9 ms; @phase: twice as long in every second. */
static struct hr_reach_seen learn(unsigned slices, unsigned each, bool phase)
{
	struct hr_reach_seen seen = {0};

	for (unsigned i = 0; i < slices; i++) {
		scatter(25 / each, each);
		for (unsigned j = 0; j < in.n; j++)
			burst[j].cpu_ns = (1000 + draw_us(4000)) * US << (phase && i % 2);
		hr_reach_learn(&in, &work, &seen);
	}
	return seen;
}

/* A slice of 25 tells neither; slices together do, from 200 on. */
static void what_a_slice_is_too_short_for_others_told(void **state)
{
	unsigned even = 0, mixed = 0, pairs = 0, phases = 0;
	struct hr_reach_seen seen;

	(void)state;
	seed = 17;
	seen = learn(7, 1, false);
	in.seen = &seen;
	assert_true(reach_us(12) <= 10000);
	assert_int_equal(work.even_ns, 0);
	assert_false(work.mixed);
	for (unsigned i = 0; i < 40; i++) {
		seen = learn(12, 1, false);
		in.seen = &seen;
		even += reach_us(12) == 100000;
		mixed += work.mixed;
		seen = learn(12, 5, false); /* five at once */
		in.seen = &seen;
		pairs += reach_us(12) > 10000;
		seen = learn(30, 1, true);
		in.seen = &seen;
		(void)reach_us(12);
		phases += work.mixed;
	}
	assert_true(even >= 34);
	assert_true(mixed >= 38);
	assert_int_equal(pairs, 0);
	assert_true(phases <= 4);
}

/* Of windows longer than a slice of 60 ms nothing is known, and no copy could lie so far off. */
static void windows_longer_than_the_slice_are_not_even(void **state)
{
	struct hr_reach_seen seen;

	(void)state;
	seed = 17;
	seen = learn(20, 1, false);
	in.seen = &seen;
	assert_int_equal(reach_us(12), 100000);
	in.length_ns = 60000 * US;
	for (unsigned j = 0; j < in.n; j++)
		burst[j].wake_ns = burst[j].wake_ns * 60000 * US / HR_SLICE_NS;
	(void)reach_us(12);
	assert_int_equal(work.even_ns >> 25, 1); /* 34 ms */
	in.length_ns = 5000 * US;
	(void)reach_us(12);
	assert_int_equal(work.even_ns, 0);
}

/* What came long ago fades: an hour of slices keeps 1/e. */
static void what_was_seen_fades(void **state)
{
	struct hr_reach_seen seen;
	double before;

	(void)state;
	seed = 19;
	seen = learn(1, 1, false);
	before = seen.bursts;
	assert_true(before > 10 && before <= 25); /* the light ones are left out */
	in.n = 0;
	for (unsigned i = 0; i < 60; i++)
		hr_reach_learn(&in, &work, &seen);
	assert_true(seen.bursts > before / 2.8 && seen.bursts < before / 2.7);
}

/* Four of 8192 us, and beside each one of 700, 7.9 % of the work; or of 1150, 12 %. */
static void up_to_a_tenth_of_the_work_is_next_to_none(void **state)
{
	static const unsigned at[] = {0, 2000, 5000, 9000};

	(void)state;
	for (unsigned small = 700; small <= 1150; small += 450) {
		start(5000);
		for (unsigned i = 0; i < 4; i++) {
			wake(at[i], small);
			wake(at[i] + 50, 8192);
		}
		assert_int_equal(reach_us(1), small == 700 ? 9000 : 50); /* 50 of 2000: a clump */
	}
}

/* Of slices together: 800 / 3 pairs, which by chance are off by sqrt(3/8 x 800 / 3) = 10. */
static bool even_by(double off)
{
	struct hr_reach_seen seen = {.bursts = 200};

	for (unsigned i = 0; i < HR_REACH_WINDOWS; i++)
		seen.pairs[i] = 800.0 / 3;
	seen.off[0] = off;
	start(5000);
	for (unsigned i = 0; i < 25; i++)
		wake(i * 10000, 5000);
	in.seen = &seen;
	return reach_us(12) == 100000;
}

static void wake_ups_are_even_within_two_deviations_above_chance_and_three_below(void **state)
{
	(void)state;
	assert_true(even_by(19));
	assert_false(even_by(21));
	assert_true(even_by(-29));
	assert_false(even_by(-31));
}

/* 50 wake-ups that lie as by chance tell it, and none of 49 do. */
static void fifty_wake_ups_of_a_slice_tell_whether_they_are_even(void **state)
{
	unsigned even[2] = {0};

	(void)state;
	seed = 23;
	for (unsigned i = 0; i < 100; i++) {
		scatter(49 + i % 2, 1);
		even[i % 2] += reach_us(12) == 100000;
	}
	assert_int_equal(even[0], 0);
	assert_true(even[1] >= 40);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_the_distance_of_the_third_nearest),
		cmocka_unit_test(what_came_together_stays_together),
		cmocka_unit_test(those_that_hold_next_to_no_work_are_no_neighbours),
		cmocka_unit_test(arrivals_by_chance_have_no_bursts_to_grow_in),
		cmocka_unit_test(growth_in_a_phase_is_as_wide_as_what_is_even_in_it),
		cmocka_unit_test(batches_and_timers_are_not_even),
		cmocka_unit_test(sizes_are_mixed_unless_they_come_in_phases),
		cmocka_unit_test(what_a_slice_is_too_short_for_others_told),
		cmocka_unit_test(windows_longer_than_the_slice_are_not_even),
		cmocka_unit_test(what_was_seen_fades),
		cmocka_unit_test(up_to_a_tenth_of_the_work_is_next_to_none),
		cmocka_unit_test(
			wake_ups_are_even_within_two_deviations_above_chance_and_three_below),
		cmocka_unit_test(fifty_wake_ups_of_a_slice_tell_whether_they_are_even),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
