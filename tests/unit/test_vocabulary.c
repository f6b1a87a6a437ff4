/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "collector/core/answer.h"

static void words_are_the_contracts(void **state)
{
	(void)state;
	assert_string_equal(hr_answer_kind_name(HR_ANSWER_RESIZE), "resize");
	assert_string_equal(hr_resource_name(HR_RES_SOFTIRQ), "softirq");
	assert_string_equal(hr_confidence_name(HR_CONFIDENCE_MEDIUM), "medium");
	assert_string_equal(hr_cap_source_name(HR_CAP_LOWER_BOUND), "lower-bound");
	assert_string_equal(hr_unit_name(HR_UNIT_BYTES_PER_S), "bytes_per_second");
	assert_string_equal(hr_unit_name(HR_UNIT_N), "?");
}

static void every_word_reads_back_as_itself(void **state)
{
	(void)state;
#define BACK(name, type, n)                                                                        \
	for (unsigned i = 0; i < (n); i++) {                                                       \
		type v = (type)((i + 1) % (n));                                                    \
                                                                                                   \
		assert_string_not_equal(hr_##name##_name((type)i), "?");                           \
		assert_true(hr_##name##_parse(hr_##name##_name((type)i), &v));                     \
		assert_int_equal(v, i);                                                            \
		assert_false(hr_##name##_parse("no such word", &v));                               \
		assert_int_equal(v, i);                                                            \
	}
	BACK(answer_kind, enum hr_answer_kind, HR_ANSWER_N)
	BACK(resource, enum hr_resource, HR_RES_N)
	BACK(confidence, enum hr_confidence, HR_CONFIDENCE_HIGH + 1)
	BACK(cap_source, enum hr_cap_source, HR_CAP_LOWER_BOUND + 1)
	BACK(unit, enum hr_unit, HR_UNIT_N)
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_the_contracts),
		cmocka_unit_test(every_word_reads_back_as_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
