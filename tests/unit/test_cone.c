/* SPDX-License-Identifier: Apache-2.0 */
/* Hours kept, and the next week hour by hour. */
#include "tests/unit/hr_cmocka.h"
#include "tests/unit/model_fixture.h"

#include "collector/core/cone.h"
#include "collector/core/days.h"

#define WEEK HR_HOURS_WEEK
#define H0   500000 /* some hour of 2027 */

static const double none[HR_CONE_N];

static void an_hour_keeps_its_largest_value_and_28_days_are_kept(void **state)
{
	struct hr_hours h = {0};

	(void)state;
	hr_hours_add(&h, 5, HR_BOUND_CPU, 50); /* a clock that was never set */
	assert_null(h.code);
	hr_hours_add(&h, H0, HR_BOUND_CPU, 50);
	hr_hours_add(&h, H0, HR_BOUND_CPU, 20);
	assert_int_equal(hr_hours_get(&h, HR_BOUND_CPU, H0), hr_days_load_code(50));
	assert_int_equal(hr_hours_get(&h, HR_BOUND_MEMORY, H0), HR_HOURS_NONE);
	hr_hours_add(&h, H0 + 3, HR_BOUND_MEMORY, 10);
	assert_int_equal(hr_hours_get(&h, HR_BOUND_CPU, H0 + 2), HR_HOURS_NONE); /* a gap */
	assert_int_equal(hr_hours_get(&h, HR_BOUND_CPU, H0), hr_days_load_code(50));
	hr_hours_add(&h, H0 - 1, HR_BOUND_CPU, 70); /* late, or a clock set back */
	assert_int_equal(hr_hours_get(&h, HR_BOUND_CPU, H0 - 1), hr_days_load_code(70));
	hr_hours_add(&h, H0 + HR_HOURS, HR_BOUND_CPU, 1);
	assert_int_equal(hr_hours_get(&h, HR_BOUND_CPU, H0), HR_HOURS_NONE);
	assert_int_equal(hr_hours_get(&h, HR_BOUND_MEMORY, H0 + 3), hr_days_load_code(10));
	hr_hours_add(&h, H0, HR_BOUND_CPU, 99); /* 28 days old: too late */
	assert_int_equal(hr_hours_get(&h, HR_BOUND_CPU, H0), HR_HOURS_NONE);
	hr_hours_done(&h);
}

static void a_resize_keeps_the_load_and_not_the_percent(void **state)
{
	struct hr_hours h = {0};

	(void)state;
	hr_hours_add(&h, H0, HR_BOUND_CPU, 60);
	hr_hours_add(&h, H0, HR_BOUND_MEMORY, 40);
	hr_hours_resize(&h, 2, 0.5); /* twice the vCPUs, half the memory */
	fx_near(hr_days_load(hr_hours_get(&h, HR_BOUND_CPU, H0)), 30, 1.5);
	fx_near(hr_days_load(hr_hours_get(&h, HR_BOUND_MEMORY, H0)), 80, 4);
	hr_hours_done(&h);
}

static double day_shape(uint32_t hour)
{
	return hour % 24 >= 9 && hour % 24 < 17 ? 60 : 5;
}

static void a_shape_that_repeats_is_used(void **state)
{
	double v[HR_HOURS];
	struct hr_cone c;

	(void)state;
	for (uint32_t i = 0; i < HR_HOURS; i++)
		v[i] = day_shape(i);
	hr_cone_make(v, none, &c);
	assert_int_equal(c.shape, HR_CONE_DAY);
	for (uint32_t i = 0; i < WEEK; i++)
		fx_near(c.at_most[i], day_shape(i), 1e-9);
	assert_int_equal(c.held, WEEK);
	assert_int_equal(c.of, WEEK);
	/* quiet weekends: the days alone say 60 there, too */
	for (uint32_t i = 0; i < HR_HOURS; i++)
		v[i] = i % WEEK >= 5 * 24 ? 5 : day_shape(i);
	hr_cone_make(v, none, &c);
	assert_int_equal(c.shape, HR_CONE_WEEK);
	/* Saturday noon: sqrt((1 + 60)(1 + 5)) - 1 */
	fx_near(c.at_most[5 * 24 + 12], sqrt(61.0 * 6) - 1, 1e-9);
	fx_near(c.at_most[2 * 24 + 12], 60, 1e-9);
	hr_cone_make(v, (const double[HR_CONE_N]){0, 0.1, 0.1, 0.1}, &c);
	fx_near(c.at_most[2 * 24 + 12], 61 * exp(0.1) - 1, 1e-9);
}

static void what_repeats_nothing_is_flat(void **state)
{
	struct hr_rand r = hr_rand_seeded("cone");
	double v[HR_HOURS];
	struct hr_cone c;

	(void)state;
	for (uint32_t i = 0; i < HR_HOURS; i++)
		v[i] = (double)hr_rand_below(&r, 100);
	hr_cone_make(v, none, &c);
	assert_int_equal(c.shape, HR_CONE_FLAT);
	fx_near(c.at_most[0], 90, 8); /* 7 standard errors */
	fx_near(c.at_most[100], c.at_most[0], 0);
	/* a shape that moves by five hours a day is none */
	for (uint32_t i = 0; i < HR_HOURS; i++)
		v[i] = day_shape(i + 5 * (i / 24));
	hr_cone_make(v, none, &c);
	assert_int_equal(c.shape, HR_CONE_FLAT);
}

static void after_the_clocks_change_the_shape_has_to_prove_itself_again(void **state)
{
	double v[HR_HOURS];
	struct hr_cone c;

	(void)state;
	/* local time moves by an hour before the last week: 2 of 24 hours are wrong, 22 are not */
	for (uint32_t i = 0; i < HR_HOURS; i++)
		v[i] = day_shape(i + (i >= HR_HOURS - WEEK));
	hr_cone_make(v, none, &c);
	assert_int_not_equal(c.shape, HR_CONE_FLAT);
	assert_int_equal(c.of - c.held, 7); /* the hour that is busy now and was not: each day */
	/* of 28 values of that hour seven are busy: the 90 % quantile is busy */
	fx_near(c.at_most[8], 60, 1e-9);
	fx_near(c.at_most[9], 60, 1e-9);
}

static void less_than_70_percent_of_the_hours_is_no_shape(void **state)
{
	double v[HR_HOURS];
	struct hr_cone c;

	(void)state;
	for (uint32_t i = 0; i < HR_HOURS; i++)
		v[i] = i % 3 < 1 ? NAN : 10;
	hr_cone_make(v, none, &c);
	assert_int_equal(c.shape, HR_CONE_NONE);
	for (uint32_t i = 0; i < HR_HOURS; i++)
		v[i] = i % 7 < 2 ? NAN : 10;
	hr_cone_make(v, none, &c);
	assert_int_equal(c.shape, HR_CONE_FLAT);
	fx_near(c.at_most[0], 10, 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_hour_keeps_its_largest_value_and_28_days_are_kept),
		cmocka_unit_test(a_resize_keeps_the_load_and_not_the_percent),
		cmocka_unit_test(a_shape_that_repeats_is_used),
		cmocka_unit_test(what_repeats_nothing_is_flat),
		cmocka_unit_test(after_the_clocks_change_the_shape_has_to_prove_itself_again),
		cmocka_unit_test(less_than_70_percent_of_the_hours_is_no_shape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
