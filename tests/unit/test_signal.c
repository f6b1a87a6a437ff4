/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "proto/signal.h"

static void every_signal_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (unsigned i = 0; i < HR_SIG_N; i++) {
		assert_true(strlen(hr_signal_name(i)) > 2);
		assert_true(strlen(hr_signal_what(i)) > 3);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(hr_signal_name(i), hr_signal_name(j));
	}
}

static void a_number_out_of_range_has_a_placeholder(void **state)
{
	(void)state;
	assert_string_equal(hr_signal_name(HR_SIG_N), "?");
	assert_string_equal(hr_rung_name(HR_RUNG_MISSING + 1), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_signal_has_a_name_of_its_own),
		cmocka_unit_test(a_number_out_of_range_has_a_placeholder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
