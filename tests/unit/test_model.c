/* SPDX-License-Identifier: Apache-2.0 */
/* What the estimators share: worked examples of answer-model 13 and properties of the solver. */
#include "tests/unit/hr_cmocka.h"
#include "tests/unit/model_fixture.h"

#include <math.h>

#include "collector/core/model.h"

/* Grid points: 0.63 0.79 1 1.26 1.59 2 2.52 3.17 4 5.04 6.35 8. */

static const struct hr_allow one_percent = {.eps = 0.01};

static void the_grid_is_interpolated_in_ln_f(void **state)
{
	/* example 3: f(1.259921) = 0.004, f(1.587401) = 0.03, eps 0.01 -> w = 0.454005 */
	const uint64_t bad[HR_VQ_GRID] = {0, 0, 0, 4, 30, 50, 90, 200, 400, 600, 800, 1000};
	struct hr_vq_k v;

	(void)state;
	assert_true(hr_vq_solve(bad, 1000, &one_percent, &v));
	fx_near(v.k, 1.399264, 1e-6);
	assert_false(v.below);
	assert_false(v.capped);
	fx_near(v.f_1, 0, 0);
}

static void late_nowhere_is_capped_and_late_everywhere_is_below(void **state)
{
	const uint64_t none[HR_VQ_GRID] = {0};
	uint64_t all[HR_VQ_GRID];
	struct hr_vq_k v;

	(void)state;
	assert_true(hr_vq_solve(none, 1000, &one_percent, &v));
	fx_near(v.k, 8, 0);
	assert_true(v.capped);
	for (unsigned g = 0; g < HR_VQ_GRID; g++)
		all[g] = 1000;
	assert_true(hr_vq_solve(all, 1000, &one_percent, &v));
	fx_near(v.k, 0.125, 0);
	assert_true(v.below);
	assert_false(hr_vq_solve(none, 0, &one_percent, &v));
}

static void one_late_burst_alone_is_not_bad(void **state)
{
	const uint64_t bad[HR_VQ_GRID] = {0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
	struct hr_vq_k v;

	(void)state;
	assert_true(hr_vq_solve(bad, 20, &one_percent, &v)); /* 1 of 20 is 5 %, but one only */
	assert_true(v.capped);
}

static void todays_load_is_found_on_the_queues_scale(void **state)
{
	/* 4 % late expected at k = 1, 1 % measured, ln f linear between 0.794 (0.01) and 1 (0.04)
	 */
	const uint64_t bad[HR_VQ_GRID] = {
		1, 100, 400, 900, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000};

	(void)state;
	fx_near(hr_vq_today(bad, 10000, 0.01), 0.793701, 1e-4);
	fx_near(hr_vq_today(bad, 10000, 0.04), 1, 1e-6);
	/* more late than the queue expects: 50 % is where the grid stands at 3.17, told as 2 at
	 * most */
	fx_near(hr_vq_today(bad, 10000, 0.2), 1.587401, 1e-6);
	fx_near(hr_vq_today(bad, 10000, 0.09), 1.259921, 1e-4);
	fx_near(hr_vq_today(bad, 10000, 0.5), 2, 0);
	/* ln(41/11) / ln(1001/11) = 0.291673 of the way from 0.63 to 0.794 */
	fx_near(hr_vq_today(bad, 10000, 0.0004), 0.673877, 1e-5);
	fx_near(hr_vq_today(bad, 10000, 0), 0.629961, 1e-4);
}

static void too_few_late_bursts_say_nothing_against_the_queue(void **state)
{
	const uint64_t bad[HR_VQ_GRID] = {0, 0, 0, 0, 0, 10, 50, 90, 99, 100, 100, 100};

	(void)state;
	/* of 100 wakes 4 late where none is expected: could be chance; 5 are taken for real, and
	 * the queue has 5 % where? between 1.59 (0) and 2 (10 %): ln(5001) / ln(10001) of the way
	 */
	fx_near(hr_vq_today(bad, 100, 0.04), 1, 0);
	fx_near(hr_vq_today(bad, 100, 0.05), 1.587401 * pow(1.259921, log(5001) / log(10001)),
		1e-5);
}

static void below_the_grid_its_first_slope_goes_on(void **state)
{
	/* 4 % at 0.63 and 8 % at 0.794: a slope of ln(8001/4001)/ln(1.259921) = 2.99946, so 1 %
	 * lies ln(4001/1001)/2.99946 = 0.461932 further down in ln k: 0.63 e^-0.4619 */
	const uint64_t bad[HR_VQ_GRID] = {
		40, 80, 160, 320, 640, 900, 1000, 1000, 1000, 1000, 1000, 1000};
	const uint64_t flat[HR_VQ_GRID] = {40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40};

	(void)state;
	fx_near(hr_vq_reach(bad, 1000, &one_percent), 0.629961 * exp(-0.461932), 1e-5);
	/* Never less steep than in proportion to the load: ln(4001/1001) = 1.385545 in ln k. */
	fx_near(hr_vq_reach(flat, 1000, &one_percent), 0.629961 * exp(-1.385545), 1e-5);
}

static void the_self_check_allows_a_factor_of_two(void **state)
{
	(void)state;
	/* example 7: ln ratios -0.0997, +0.6381, -0.7302 against ln 2 = 0.6931 */
	assert_true(hr_self_check(0.0104, 0.0117));
	assert_true(hr_self_check(0.0033, 0.0008));
	assert_false(hr_self_check(0.0033, 0.0090));
}

static void siblings_add_g_of_a_core(void **state)
{
	(void)state;
	/* example 10 */
	fx_near(hr_smt_rate(1, 4, 0.2), 1, 1e-12);
	fx_near(hr_smt_rate(2, 4, 0.2), 2, 1e-12);
	fx_near(hr_smt_rate(3, 4, 0.2), 2.2, 1e-12);
	fx_near(hr_smt_rate(4, 4, 0.2), 2.4, 1e-12);
	fx_near(hr_smt_rate(4, 4, 0.6), 3.2, 1e-12);
}

static void work_cannot_exceed_the_cpus(void **state)
{
	(void)state;
	/* example 8: c_eff = 2, 40 CPU-s in 60 s, X = 10 ms: 2 x 60.01 / 40 */
	fx_near(hr_work_bound(2, 60, 0.010, 40), 3.0005, 1e-12);
}

static void idle_time_adds_to_short_bursts_only_and_only_while_there_is_some(void **state)
{
	(void)state;
	/* 13.1 of 28 CPU-s: 53.2 % idle; 222,000 x 50 us = 11.1 s, by 80 us all of the work at most
	 */
	fx_near(hr_work_idle(13.1, 222000, 28, 50e-6), 11.1 * (14.9 / 28), 1e-9);
	fx_near(hr_work_idle(13.1, 222000, 28, 80e-6), 13.1 * (14.9 / 28), 1e-9);
	/* jobs of 2 ms: 6550 x 50 us */
	fx_near(hr_work_idle(13.1, 6550, 28, 50e-6), 0.3275 * (14.9 / 28), 1e-9);
	fx_near(hr_work_idle(28, 222000, 28, 50e-6), 0, 0);
	fx_near(hr_work_idle(29, 222000, 28, 50e-6), 0, 0);
	fx_near(hr_work_idle(13.1, 222000, 28, 0), 0, 0);
	fx_near(hr_work_idle(0, 0, 0, 50e-6), 0, 0);
}

static void a_load_grows_further_where_its_work_becomes_less(void **state)
{
	(void)state;
	/* half busy, 0.75 of the work is there for the idle half: at 1.8 times, 0.9 busy, 0.3 is
	 * gone */
	fx_near(hr_work_less(1.8, 0.5, 1, 0.75), 1.8 / 0.7, 1e-12);
	fx_near(hr_work_less(4, 0.5, 1, 0.75), 4 / 0.625, 1e-12); /* no more than busy */
	/* on twice the CPUs it is there again: at 1.2 times they are 0.3 busy */
	fx_near(hr_work_less(1.2, 0.5, 2, 0.75), 1.2 / 1.15, 1e-12);
	fx_near(hr_work_less(1.8, 0.5, 1, 0), 1.8, 0);
}

static void bounds_are_ordered_and_clamped(void **state)
{
	struct hr_bounds b = {.at_least = {true, 9}, .likely = {true, 20}, .at_most = {true, 0.01}};

	(void)state;
	hr_bounds_tidy(&b);
	fx_near(b.at_most.v, 0.125, 0);
	fx_near(b.likely.v, 0.125, 0);
	fx_near(b.at_least.v, 0.125, 0);
	assert_true(b.has);
	b = (struct hr_bounds){.at_least = {true, 3}};
	hr_bounds_bad(&b);
	fx_near(b.at_least.v, 1, 0);
	fx_near(b.likely.v, 1, 0);
	fx_near(b.at_most.v, 1, 0);
	b = (struct hr_bounds){.at_least = {true, NAN}};
	hr_bounds_tidy(&b);
	fx_near(b.at_least.v, 0.125, 0);
}

/* Non-falling late counts at random, as a virtual queue makes them. */
static uint64_t random_grid(struct hr_rand *r, uint64_t bad[HR_VQ_GRID])
{
	uint64_t total = 1 + hr_rand_below(r, 100000), at = 0;

	for (unsigned g = 0; g < HR_VQ_GRID; g++) {
		if (hr_rand_below(r, 2))
			at += hr_rand_below(r, total - at + 1) >> hr_rand_below(r, 12);
		bad[g] = at;
	}
	return total;
}

static void every_k_is_in_range(void **state)
{
	struct hr_rand r = hr_rand_seeded("every_k_is_in_range");

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		uint64_t bad[HR_VQ_GRID], total = random_grid(&r, bad);
		struct hr_vq_k v;

		assert_true(hr_vq_solve(bad, total, &one_percent, &v));
		assert_true(v.k >= HR_K_MIN && v.k <= HR_K_MAX);
	}
}

static void fewer_late_wakes_never_lower_k(void **state)
{
	struct hr_rand r = hr_rand_seeded("fewer_late_wakes");

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		uint64_t bad[HR_VQ_GRID], total = random_grid(&r, bad);
		uint64_t less[HR_VQ_GRID];
		struct hr_vq_k a, b;

		for (unsigned g = 0; g < HR_VQ_GRID; g++)
			less[g] = bad[g] - bad[g] / 3;
		assert_true(hr_vq_solve(bad, total, &one_percent, &a));
		assert_true(hr_vq_solve(less, total, &one_percent, &b));
		assert_true(b.k >= a.k - 1e-12);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_grid_is_interpolated_in_ln_f),
		cmocka_unit_test(late_nowhere_is_capped_and_late_everywhere_is_below),
		cmocka_unit_test(one_late_burst_alone_is_not_bad),
		cmocka_unit_test(todays_load_is_found_on_the_queues_scale),
		cmocka_unit_test(too_few_late_bursts_say_nothing_against_the_queue),
		cmocka_unit_test(below_the_grid_its_first_slope_goes_on),
		cmocka_unit_test(the_self_check_allows_a_factor_of_two),
		cmocka_unit_test(siblings_add_g_of_a_core),
		cmocka_unit_test(work_cannot_exceed_the_cpus),
		cmocka_unit_test(idle_time_adds_to_short_bursts_only_and_only_while_there_is_some),
		cmocka_unit_test(a_load_grows_further_where_its_work_becomes_less),
		cmocka_unit_test(bounds_are_ordered_and_clamped),
		cmocka_unit_test(every_k_is_in_range),
		cmocka_unit_test(fewer_late_wakes_never_lower_k),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
