/* SPDX-License-Identifier: Apache-2.0 */
/* Expected values: answer-model.md 13.3, worked by hand there. */
#include "tests/unit/hr_cmocka.h"

#include <math.h>
#include <string.h>

#include "agent/core/vqueue.h"

#define MS 1e6

static const double work_ms[8] = {4, 0, 16, 12, 0, 0, 2, 0};
static const uint32_t wakes[8] = {2, 0, 4, 3, 0, 0, 1, 0};

/* Runs the example at @k on @c CPUs; fills v[] in ms, returns the wakes that found > 10 ms per CPU.
 */
static uint32_t example(double k, double c, double lost_in_slot_2, double v[8])
{
	uint32_t late = 0;
	double b = 0;

	for (int i = 0; i < 8; i++) {
		struct hr_vqueue_slot s = {work_ms[i] * MS, work_ms[i] * MS, 0,
			i == 2 ? lost_in_slot_2 : 0, 10 * MS, wakes[i]};

		b = hr_vqueue_step(b, k, c, &s);
		v[i] = b / MS;
		if (b / c > 10 * MS)
			late += wakes[i];
	}
	return late;
}

static void the_worked_example_gives_its_backlogs(void **state)
{
	static const double at_1[8] = {0, 0, 6, 8, 0, 0, 0, 0};
	static const double at_1_5[8] = {0, 0, 14, 22, 12, 2, 0, 0};
	static const double at_2[8] = {0, 0, 22, 36, 26, 16, 10, 0};
	double v[8];

	(void)state;
	assert_int_equal(example(1, 1, 0, v), 0);
	for (int i = 0; i < 8; i++)
		assert_true(fabs(v[i] - at_1[i]) < 1e-9);
	assert_int_equal(example(1.5, 1, 0, v), 7);
	for (int i = 0; i < 8; i++)
		assert_true(fabs(v[i] - at_1_5[i]) < 1e-9);
	assert_int_equal(example(2, 1, 0, v), 7); /* 10 is not > 10 */
	for (int i = 0; i < 8; i++)
		assert_true(fabs(v[i] - at_2[i]) < 1e-9);
}

static void the_limits_of_the_example_are_where_the_first_wake_turns_late(void **state)
{
	double v[8];

	(void)state;
	/* k* = 30/28 on one CPU, twice that on two, 25/28 when half of slot 2 is stolen */
	assert_int_equal(example(30.0 / 28 - 1e-6, 1, 0, v), 0);
	assert_true(example(30.0 / 28 + 1e-6, 1, 0, v) > 0);
	assert_int_equal(example(60.0 / 28 - 1e-6, 2, 0, v), 0);
	assert_true(example(60.0 / 28 + 1e-6, 2, 0, v) > 0);
	assert_int_equal(example(25.0 / 28 - 1e-6, 1, 0.5, v), 0);
	assert_true(example(25.0 / 28 + 1e-6, 1, 0.5, v) > 0);
}

static void the_grid_is_two_to_the_thirds(void **state)
{
	(void)state;
	for (unsigned g = 0; g < HR_VQ_GRID; g++) {
		double k = hr_vqueue_k(g); /* its cube is 2^(g-2) */

		assert_true(fabs(k * k * k * 4 / (double)(1u << g) - 1) < 1e-14);
	}
}

/* The whole grid on the example: k = 0.63 .79 1 are clean, from 1.26 on 3 or 7 of 10 are late. */
static void one_pass_fills_the_grid_for_both_sizes(void **state)
{
	uint32_t bad[HR_VQ_ROWS][HR_VQ_GRID] = {{0}};
	struct hr_vqueue q;
	double v[8];

	(void)state;
	hr_vqueue_reset(&q);
	for (int i = 0; i < 8; i++) {
		struct hr_vqueue_slot s = {
			work_ms[i] * MS, work_ms[i] * MS, 0, 0, 10 * MS, wakes[i]};

		hr_vqueue_add(&q, 1, &s, bad);
	}
	assert_int_equal(bad[0][0], 0);
	assert_int_equal(bad[0][1], 0);
	assert_int_equal(bad[0][2], 0);
	/* k = 1.26 on 1: slot 2 has 20.16 - 10 = 10.16 > 10 (4 wakes), slot 3 15.3 (3 wakes) */
	assert_int_equal(bad[0][3], 7);
	assert_int_equal(bad[0][5], 7);
	/* k = 2 on 2: 32 - 20 = 12 <= 20, then 16 <= 20 */
	assert_int_equal(bad[1][5], 0);
	/* k = 2.52 on 2: 40.3 - 20 = 20.3 > 20 */
	assert_int_equal(bad[1][6], 7);
	for (unsigned g = 0; g < HR_VQ_GRID; g++) {
		assert_int_equal(bad[0][g], example(hr_vqueue_k(g), 1, 0, v));
		assert_int_equal(bad[1][g], example(hr_vqueue_k(g), 2, 0, v));
	}
}

/* Idle stretches, which take one step, and busy ones in any order: as if each step were taken. */
static void every_queue_is_what_its_own_steps_leave(void **state)
{
	struct hr_rand r = hr_rand_seeded("vqueue_steps");
	static uint32_t bad[HR_VQ_ROWS][HR_VQ_GRID], want_bad[2][HR_VQ_GRID];
	static double want[2][HR_VQ_GRID];
	struct hr_vqueue q;
	unsigned emptied = 0;

	(void)state;
	hr_vqueue_reset(&q);
	for (int i = 0; i < 20000; i++) {
		bool busy = i / 50 % 3 == 0;
		struct hr_vqueue_slot s = {
			.charge_ns = (double)hr_rand_below(&r, busy ? 9000000 : 400000),
			.grow_ns = (double)hr_rand_below(&r, busy ? 6000000 : 300000),
			.lost_cpus = hr_rand_below(&r, 20) ? 0 : 1.5,
			.slot_ns = 8388608,
			.wakes = (uint32_t)hr_rand_below(&r, 9)};
		bool was = q.v[0][HR_VQ_GRID - 1] > 0;

		hr_vqueue_add(&q, 2, &s, bad);
		emptied += was && !(q.v[0][HR_VQ_GRID - 1] > 0);
		for (unsigned row = 0; row < 2; row++)
			for (unsigned g = 0; g < HR_VQ_GRID; g++) {
				double c = 2.0 * (row + 1), *v = &want[row][g];

				*v = hr_vqueue_step(*v, hr_vqueue_k(g), c, &s);
				want_bad[row][g] += *v > HR_VQUEUE_X_NS * c ? s.wakes : 0;
				assert_true(fabs(q.v[row][g] - *v) < 1);
			}
	}
	assert_true(emptied > 10);
	assert_memory_equal(bad, want_bad, sizeof(want_bad));
}

static void hogs_take_capacity_but_do_not_grow_with_load(void **state)
{
	struct hr_vqueue_slot s = {0, 0, 10 * MS, 0, 10 * MS, 1};
	double v = 0;

	(void)state;
	/* one hog on two CPUs leaves one: at any k no backlog without other work */
	for (int i = 0; i < 100; i++)
		v = hr_vqueue_step(v, 8, 2, &s);
	assert_true(v == 0);
	/* 4 ms of other work per slot fits the CPU left up to k = 2.5 */
	s.charge_ns = s.grow_ns = 4 * MS;
	assert_true(hr_vqueue_step(0, 2.5, 2, &s) == 0);
	assert_true(fabs(hr_vqueue_step(0, 3, 2, &s) - 2 * MS) < 1e-3);
}

/* 8 ms of work, of which as much load again brings 3: 10 ms hold k = 5/3; half of it is 4 ms. */
static void where_messages_tell_the_load_only_what_they_cost_grows(void **state)
{
	struct hr_vqueue_slot s = {8 * MS, 3 * MS, 0, 0, 10 * MS, 1};

	(void)state;
	assert_true(fabs(hr_vqueue_step(0, 5.0 / 3, 1, &s)) < 1e-3);
	assert_true(fabs(hr_vqueue_step(0, 2, 1, &s) - 1 * MS) < 1e-3);
	assert_true(fabs(hr_vqueue_step(7 * MS, 0.5, 1, &s) - 1 * MS) < 1e-3);
}

/* The worked example by itself, begun empty, as one pass over it has it; counts add. */
static void a_stretch_is_a_queue_of_its_own(void **state)
{
	struct hr_vqueue_slot s[8];
	uint32_t late[HR_VQ_GRID] = {0};
	double v[8];

	(void)state;
	for (int i = 0; i < 8; i++)
		s[i] = (struct hr_vqueue_slot){
			work_ms[i] * MS, work_ms[i] * MS, 0, 0, 10 * MS, wakes[i]};
	for (unsigned again = 1; again <= 2; again++) {
		hr_vqueue_stretch(s, 8, 1, late);
		for (unsigned g = 0; g < HR_VQ_GRID; g++)
			assert_int_equal(late[g], again * example(hr_vqueue_k(g), 1, 0, v));
	}
	assert_true(late[HR_VQ_GRID - 1] > 0);
	hr_vqueue_stretch(s, 0, 1, late);
}

static void more_steal_than_cpus_is_no_capacity_not_negative_capacity(void **state)
{
	struct hr_vqueue_slot s = {3 * MS, 3 * MS, 0, 5, 10 * MS, 1};

	(void)state;
	assert_true(hr_vqueue_step(1 * MS, 1, 2, &s) == 4 * MS);
}

static void the_late_share_never_falls_with_load_nor_rises_with_size(void **state)
{
	struct hr_rand r = hr_rand_seeded("vqueue");

	(void)state;
	for (int run = 0; run < 50; run++) {
		uint32_t bad[HR_VQ_ROWS][HR_VQ_GRID] = {{0}};
		uint32_t cpus = 1 + (uint32_t)hr_rand_below(&r, 4);
		struct hr_vqueue q;

		hr_vqueue_reset(&q);
		for (int i = 0; i < 500; i++) {
			struct hr_vqueue_slot s = {(double)hr_rand_below(&r, 20000000),
				(double)hr_rand_below(&r, 20000000),
				(double)hr_rand_below(&r, 2000000),
				(double)hr_rand_below(&r, 100) / 100, 8388608,
				(uint32_t)hr_rand_below(&r, 9)};

			hr_vqueue_add(&q, cpus, &s, bad);
		}
		for (unsigned g = 0; g < HR_VQ_GRID; g++)
			for (unsigned i = 0; i < HR_VQ_ROWS; i++) {
				assert_true(i % 2 == 0 || bad[i][g] <= bad[i - 1][g]);
				assert_true(g == 0 || bad[i][g] >= bad[i][g - 1]);
			}
	}
}

/* @n slots of 10 ms on one CPU, the work of each from @work_of, one wake in each that has work. */
static void run_slots(int n, double (*work_of)(int), uint32_t bad[HR_VQ_ROWS][HR_VQ_GRID])
{
	struct hr_vqueue q;

	memset(bad, 0, sizeof(uint32_t[HR_VQ_ROWS][HR_VQ_GRID]));
	hr_vqueue_reset(&q);
	for (int i = 0; i < n; i++) {
		double w = work_of(i);
		struct hr_vqueue_slot s = {w * MS, w * MS, 0, 0, 10 * MS, w > 0};

		hr_vqueue_add(&q, 1, &s, bad);
	}
}

static double burst_of_18_ms_every_300_slots(int i)
{
	return i % 300 == 299 ? 18 : 0;
}

/*
 * At 1.26 x a burst of 18 ms leaves 22.7 - 10 = 12.7 ms behind: late.  Copies of it arrive
 * 87 z slots later, modulo 300: 87 174 261 48 135 222 9: never within the two slots it lasts.
 */
static void growth_elsewhere_does_not_meet_a_rare_burst(void **state)
{
	uint32_t bad[HR_VQ_ROWS][HR_VQ_GRID];

	(void)state;
	run_slots(3000, burst_of_18_ms_every_300_slots, bad);
	assert_int_equal(bad[0][2], 0);
	assert_int_equal(bad[0][3], 10);
	for (unsigned g = 0; g < HR_VQ_GRID; g++)
		assert_int_equal(bad[HR_VQ_SPREAD][g], 0);
}

static double burst_of_18_ms_every_87_slots(int i)
{
	return i % HR_VQUEUE_APART == HR_VQUEUE_APART - 1 ? 18 : 0;
}

/* In step with the copies, further streams land on it: the same as growth inside it. */
static void growth_in_step_with_a_burst_is_growth_inside_it(void **state)
{
	uint32_t bad[HR_VQ_ROWS][HR_VQ_GRID];
	int before = 7 * HR_VQUEUE_APART; /* bursts before all copies have a past to come from */

	(void)state;
	run_slots(20 * HR_VQUEUE_APART, burst_of_18_ms_every_87_slots, bad);
	assert_int_equal(bad[0][11], 20);
	assert_true(bad[HR_VQ_SPREAD][11] >= 20 - (uint32_t)before / HR_VQUEUE_APART);
	assert_int_equal(bad[HR_VQ_SPREAD][2], 0);
}

static double three_ms_in_every_slot(int i)
{
	(void)i;
	return 3;
}

/* Without bursts there is nothing to hit or miss.  3.17 x 3 ms fits 10 ms, 4 x does not. */
static void steady_work_grows_alike_both_ways(void **state)
{
	uint32_t bad[HR_VQ_ROWS][HR_VQ_GRID];

	(void)state;
	run_slots(1500, three_ms_in_every_slot, bad);
	assert_int_equal(bad[0][7], 0);
	assert_true(bad[0][8] > 1400);
	for (unsigned z = 0; z < HR_VQ_SIZES; z++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++)
			assert_int_equal(bad[HR_VQ_SPREAD + z][g], bad[z][g]);
}

static void counts_saturate_instead_of_wrapping(void **state)
{
	uint32_t bad[HR_VQ_ROWS][HR_VQ_GRID];
	struct hr_vqueue_slot s = {1e9, 1e9, 0, 0, 10 * MS, 10};
	struct hr_vqueue q;

	(void)state;
	for (unsigned g = 0; g < HR_VQ_GRID; g++)
		for (unsigned i = 0; i < HR_VQ_ROWS; i++)
			bad[i][g] = UINT32_MAX - 3;
	hr_vqueue_reset(&q);
	hr_vqueue_add(&q, 1, &s, bad);
	for (unsigned i = 0; i < HR_VQ_ROWS; i++)
		assert_int_equal(bad[i][HR_VQ_GRID - 1], UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_worked_example_gives_its_backlogs),
		cmocka_unit_test(the_limits_of_the_example_are_where_the_first_wake_turns_late),
		cmocka_unit_test(the_grid_is_two_to_the_thirds),
		cmocka_unit_test(one_pass_fills_the_grid_for_both_sizes),
		cmocka_unit_test(every_queue_is_what_its_own_steps_leave),
		cmocka_unit_test(hogs_take_capacity_but_do_not_grow_with_load),
		cmocka_unit_test(where_messages_tell_the_load_only_what_they_cost_grows),
		cmocka_unit_test(a_stretch_is_a_queue_of_its_own),
		cmocka_unit_test(more_steal_than_cpus_is_no_capacity_not_negative_capacity),
		cmocka_unit_test(the_late_share_never_falls_with_load_nor_rises_with_size),
		cmocka_unit_test(growth_elsewhere_does_not_meet_a_rare_burst),
		cmocka_unit_test(growth_in_step_with_a_burst_is_growth_inside_it),
		cmocka_unit_test(steady_work_grows_alike_both_ways),
		cmocka_unit_test(counts_saturate_instead_of_wrapping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
