/* SPDX-License-Identifier: Apache-2.0 */
/* Reason codes: the contract's spellings, each with a line and a paragraph. */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "collector/core/answer.h"

static void the_spellings_are_those_of_the_contract(void **state)
{
	static const char *const name[HR_REASON_N] = {"missing-evidence", "headroom-left",
		"bigger-size-helps", "serial-thread", "steal", "local-limit", "external-limit",
		"at-ceiling"};

	(void)state;
	for (unsigned r = 0; r < HR_REASON_N; r++) {
		enum hr_reason back = HR_REASON_N;

		assert_string_equal(hr_reason_name(r), name[r]);
		assert_true(hr_reason_parse(name[r], &back));
		assert_int_equal(back, r);
		assert_true(strlen(hr_reason_line(r)) > 20);
		assert_non_null(strstr(hr_reason_paragraph(r), "Evidence needed"));
	}
}

static void an_unknown_word_is_refused(void **state)
{
	enum hr_reason r = HR_REASON_STEAL;

	(void)state;
	assert_false(hr_reason_parse("headroom", &r));
	assert_false(hr_reason_parse("", &r));
	assert_int_equal(r, HR_REASON_STEAL);
	assert_string_equal(hr_reason_name(HR_REASON_N), "?");
	assert_string_equal(hr_reason_line(HR_REASON_N), "?");
	assert_string_equal(hr_reason_paragraph(HR_REASON_N), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_spellings_are_those_of_the_contract),
		cmocka_unit_test(an_unknown_word_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
