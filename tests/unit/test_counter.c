/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "agent/core/counter.h"

static void growth_is_the_difference_of_two_sights(void **state)
{
	struct hr_counter c = {0};
	uint64_t d = 77;

	(void)state;
	assert_int_equal(hr_counter_delta(&c, true, 1000, 64, &d), HR_COUNTER_FIRST);
	assert_int_equal(d, 77); /* untouched: a first sight is no growth, not growth of 0 */
	assert_int_equal(hr_counter_delta(&c, true, 1000, 64, &d), HR_COUNTER_OK);
	assert_int_equal(d, 0);
	assert_int_equal(hr_counter_delta(&c, true, 1005, 64, &d), HR_COUNTER_OK);
	assert_int_equal(d, 5);
}

static void a_gap_starts_afresh(void **state)
{
	struct hr_counter c = {0};
	uint64_t d = 77;

	(void)state;
	assert_int_equal(hr_counter_delta(&c, true, 10, 64, &d), HR_COUNTER_FIRST);
	assert_int_equal(hr_counter_delta(&c, false, 0, 64, &d), HR_COUNTER_MISSING);
	assert_int_equal(hr_counter_delta(&c, true, 30, 64, &d), HR_COUNTER_FIRST);
	assert_int_equal(d, 77);
	assert_int_equal(hr_counter_delta(&c, true, 31, 64, &d), HR_COUNTER_OK);
	assert_int_equal(d, 1);
}

static void a_64_bit_counter_that_goes_back_was_reset(void **state)
{
	struct hr_counter c = {0};
	uint64_t d = 77;

	(void)state;
	assert_int_equal(hr_counter_delta(&c, true, 1ULL << 40, 64, &d), HR_COUNTER_FIRST);
	assert_int_equal(hr_counter_delta(&c, true, 5, 64, &d), HR_COUNTER_BACK);
	assert_int_equal(d, 77);
	assert_int_equal(hr_counter_delta(&c, true, 8, 64, &d), HR_COUNTER_OK);
	assert_int_equal(d, 3);
}

static void a_32_bit_counter_wraps_only_from_top_to_bottom(void **state)
{
	struct hr_counter c = {0};
	uint64_t d = 77;

	(void)state;
	assert_int_equal(hr_counter_delta(&c, true, 0xfffffff0u, 32, &d), HR_COUNTER_FIRST);
	assert_int_equal(hr_counter_delta(&c, true, 0x10, 32, &d), HR_COUNTER_OK);
	assert_int_equal(d, 0x20);
	/* 2^31 is in the middle: the driver was reloaded */
	assert_int_equal(hr_counter_delta(&c, true, 0x80000000u, 32, &d), HR_COUNTER_OK);
	assert_int_equal(hr_counter_delta(&c, true, 3, 32, &d), HR_COUNTER_BACK);
	assert_int_equal(hr_counter_delta(&c, true, 0xffffffffu, 32, &d), HR_COUNTER_OK);
	assert_int_equal(hr_counter_delta(&c, true, 0, 32, &d), HR_COUNTER_OK);
	assert_int_equal(d, 1);
	/* a counter declared 32 bits wide that was in fact wider did not wrap */
	assert_int_equal(hr_counter_delta(&c, true, 1ULL << 33, 32, &d), HR_COUNTER_OK);
	assert_int_equal(hr_counter_delta(&c, true, 3, 32, &d), HR_COUNTER_BACK);
}

static void every_reason_has_a_name(void **state)
{
	(void)state;
	for (unsigned i = 0; i < HR_COUNTER_WHY_N; i++)
		assert_true(strlen(hr_counter_why_name(i)) > 1);
	assert_string_equal(hr_counter_why_name(HR_COUNTER_WHY_N), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(growth_is_the_difference_of_two_sights),
		cmocka_unit_test(a_gap_starts_afresh),
		cmocka_unit_test(a_64_bit_counter_that_goes_back_was_reset),
		cmocka_unit_test(a_32_bit_counter_wraps_only_from_top_to_bottom),
		cmocka_unit_test(every_reason_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
