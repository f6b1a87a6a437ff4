/* SPDX-License-Identifier: Apache-2.0 */
/* Only a whole, sane Headroom-Ack is an acknowledgement. */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "agent/core/ack.h"

static bool parse(const char *s, struct hr_ack *ret)
{
	return hr_ack_parse(s, strlen(s), ret);
}

static void the_contracts_example_is_understood(void **state)
{
	struct hr_ack a;

	(void)state;
	assert_true(parse(" seq=8640; phase=41250; period=60000; backlog=30\r\n", &a));
	assert_int_equal(a.seq, 8640);
	assert_int_equal(a.phase_ms, 41250);
	assert_int_equal(a.period_ms, 60000);
	assert_int_equal(a.backlog, 30);
	assert_true(a.has_backlog);
}

static void only_seq_is_needed_and_unknown_keys_are_skipped(void **state)
{
	struct hr_ack a;

	(void)state;
	assert_true(parse("later=x; seq=1", &a));
	assert_int_equal(a.seq, 1);
	assert_int_equal(a.period_ms, 0);
	assert_false(a.has_backlog);
	assert_true(parse("seq=18446744073709551615;", &a));
	assert_true(a.seq == UINT64_MAX);
}

static void a_backlog_beyond_a_post_is_cut_to_a_post(void **state)
{
	struct hr_ack a;

	(void)state;
	assert_true(parse("seq=1; backlog=4000000000", &a));
	assert_int_equal(a.backlog, 64);
	assert_true(parse("seq=1; backlog=0", &a));
	assert_int_equal(a.backlog, 0);
	assert_true(a.has_backlog);
}

static void what_is_no_acknowledgement_changes_nothing(void **state)
{
	static const char *const bad[] = {"", " ", ";", "seq", "seq=", "seq=x", "seq=-1", "seq= 1",
		"seq=1; seq=1", "phase=1; period=2", "seq=18446744073709551616",
		"seq=1; phase=10; period=10", "seq=1; period=3600001", "seq=1;; phase=0",
		"seq=1; phase=1.5", "seq=1x"};
	struct hr_ack a = {.seq = 77};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (parse(bad[i], &a))
			fail_msg("taken: '%s'", bad[i]);
		assert_int_equal(a.seq, 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_contracts_example_is_understood),
		cmocka_unit_test(only_seq_is_needed_and_unknown_keys_are_skipped),
		cmocka_unit_test(a_backlog_beyond_a_post_is_cut_to_a_post),
		cmocka_unit_test(what_is_no_acknowledgement_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
