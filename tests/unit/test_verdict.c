/* SPDX-License-Identifier: Apache-2.0 */
/* The decision table: worked example 15, row by row. */
#include "tests/unit/hr_cmocka.h"

#include "collector/core/verdict.h"

static struct hr_verdict_in in_of(double at_least, double likely, enum hr_resource bind)
{
	struct hr_verdict_in in = {.target = 1.3, .bind = bind};

	in.k.has = true;
	in.k.at_least = hr_opt_of(at_least);
	in.k.likely = hr_opt_of(likely);
	in.k.at_most = hr_opt_of(likely * 1.15); /* 1.1 x 1.15 = 1.265: less than 1.3 for sure */
	for (unsigned z = 0; z < HR_SIZE_N; z++)
		in.gain[z] = (struct hr_gain){
			.exists = true, .gain = {true, {true, 1}, {true, 1}, {true, 1}, false}};
	return in;
}

static void with_gain(struct hr_verdict_in *in, double lo, double hi)
{
	in->gain[HR_SIZE_VCPUS].gain.at_least = hr_opt_of(lo);
	in->gain[HR_SIZE_VCPUS].gain.at_most = hr_opt_of(hi);
}

static void expect(const struct hr_verdict_in *in, enum hr_answer_kind kind, enum hr_reason reason)
{
	struct hr_verdict v = hr_verdict_of(in);

	assert_int_equal(v.kind, kind);
	assert_int_equal(v.reason, reason);
}

static void enough_left_is_yes(void **state)
{
	struct hr_verdict_in in = in_of(1.5, 1.8, HR_RES_CPU);

	(void)state;
	expect(&in, HR_ANSWER_YES, HR_REASON_HEADROOM_LEFT);
}

static void bounds_on_both_sides_of_the_target_are_unknown(void **state)
{
	struct hr_verdict_in in = in_of(1.1, 1.8, HR_RES_CPU);

	(void)state;
	expect(&in, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE);
	in.k.likely.has = false;
	expect(&in, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE);
}

/* likely is off by x1.2: 1.05 x 1.25 = 1.3125 >= 1.3 says nothing against 1.3, 1.03 x 1.25 = 1.2875
 * does. */
static void what_misses_the_target_by_less_than_the_models_error_is_unknown(void **state)
{
	struct hr_verdict_in in = in_of(1.0, 1.05, HR_RES_CPU);

	(void)state;
	with_gain(&in, 1.5, 1.9);
	in.k.at_most = hr_opt_of(1.6);
	expect(&in, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE);
	in.k.at_most = hr_opt_of(1.25); /* for sure */
	expect(&in, HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS);
	in = in_of(1.0, 1.03, HR_RES_MEMORY);
	in.k.at_most = hr_opt_of(1.6);
	with_gain(&in, 1.5, 1.9);
	expect(&in, HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS);
	in.bind = HR_RES_CPU; /* as long as more than the target might fit */
	expect(&in, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE);
}

static void a_short_cpu_that_grows_is_resize(void **state)
{
	struct hr_verdict_in in = in_of(1.0, 1.1, HR_RES_CPU);

	(void)state;
	with_gain(&in, 1.5, 1.9);
	expect(&in, HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS);
	assert_int_equal(hr_verdict_of(&in).size, HR_SIZE_VCPUS);
}

static void a_serial_thread_is_no(void **state)
{
	struct hr_verdict_in in = in_of(1.0, 1.1, HR_RES_SERIAL);

	(void)state;
	with_gain(&in, 1.0, 1.02);
	expect(&in, HR_ANSWER_NO, HR_REASON_SERIAL_THREAD);
}

static void steal_is_no(void **state)
{
	struct hr_verdict_in in = in_of(0.9, 1.0, HR_RES_STEAL);

	(void)state;
	with_gain(&in, 1.5, 1.9);
	expect(&in, HR_ANSWER_NO, HR_REASON_STEAL);
}

static void a_volume_cap_is_external(void **state)
{
	struct hr_verdict_in in = in_of(1.0, 1.02, HR_RES_DISK);

	(void)state;
	in.external = true;
	expect(&in, HR_ANSWER_NO, HR_REASON_EXTERNAL_LIMIT);
}

static void the_largest_size_is_the_ceiling(void **state)
{
	struct hr_verdict_in in = in_of(1.0, 1.1, HR_RES_CPU);

	(void)state;
	with_gain(&in, 1.4, 1.8);
	for (unsigned z = 0; z < HR_SIZE_N; z++)
		in.gain[z].exists = false;
	expect(&in, HR_ANSWER_NO, HR_REASON_AT_CEILING);
}

static void a_throttled_quota_is_local(void **state)
{
	struct hr_verdict_in in = in_of(0.9, 1.0, HR_RES_CPU);

	(void)state;
	in.local = true;
	with_gain(&in, 1.5, 1.9);
	expect(&in, HR_ANSWER_NO, HR_REASON_LOCAL_LIMIT);
}

static void a_gain_that_straddles_is_unknown(void **state)
{
	struct hr_verdict_in in = in_of(1.0, 1.1, HR_RES_CPU);

	(void)state;
	with_gain(&in, 1.05, 1.3);
	expect(&in, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE);
	assert_int_equal(hr_verdict_of(&in).row, 7);
}

static void a_trend_that_ends_soon_is_resize(void **state)
{
	struct hr_verdict_in in = in_of(1.5, 1.8, HR_RES_CPU);

	(void)state;
	in.trend_soon = true;
	with_gain(&in, 1.5, 1.9);
	expect(&in, HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS);
}

static void failed_evidence_is_unknown_whatever_the_numbers(void **state)
{
	struct hr_verdict_in in = in_of(1.6, 2.0, HR_RES_CPU);

	(void)state;
	in.evidence_fails = true;
	expect(&in, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE);
}

static void nothing_waiting_proves_that_vcpus_do_not_help(void **state)
{
	struct hr_verdict_in in = in_of(0.8, 1.0, HR_RES_CPU);

	(void)state;
	with_gain(&in, 1.0, 1.0);
	in.hot_thread = true;
	in.frozen = hr_opt_of(1.007143); /* example 9 */
	expect(&in, HR_ANSWER_NO, HR_REASON_SERIAL_THREAD);
	in.bind = HR_RES_MEMORY; /* short memory is not a thread's fault */
	in.grows[HR_SIZE_MEMORY] = true;
	expect(&in, HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS);
}

static void an_unknown_lower_bound_is_never_yes(void **state)
{
	struct hr_verdict_in in = in_of(5, 8, HR_RES_CPU);

	(void)state;
	in.k.at_least.has = false;
	expect(&in, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE);
}

/* Of a thread that cannot be spread: a gain of 1.09 at most is none, of 1.11 may be one. */
static void up_to_a_tenth_at_most_is_no_gain(void **state)
{
	struct hr_verdict_in in = in_of(1.0, 1.1, HR_RES_SERIAL);

	(void)state;
	with_gain(&in, 1.0, 1.09);
	expect(&in, HR_ANSWER_NO, HR_REASON_SERIAL_THREAD);
	with_gain(&in, 1.0, 1.11);
	expect(&in, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE);
	in.gain[HR_SIZE_VCPUS].gain.at_most.has = false; /* nobody knows how much */
	expect(&in, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE);
}

static void a_quarter_at_least_is_a_gain(void **state)
{
	struct hr_verdict_in in = in_of(1.0, 1.1, HR_RES_CPU);

	(void)state;
	with_gain(&in, 1.24, 1.9);
	expect(&in, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE);
	with_gain(&in, 1.26, 1.9);
	expect(&in, HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS);
}

/* Beside a hot thread: what waits gains 4 % at most, or 6 %. */
static void a_twentieth_that_waits_proves_that_vcpus_do_not_help(void **state)
{
	struct hr_verdict_in in = in_of(0.8, 1.0, HR_RES_CPU);

	(void)state;
	with_gain(&in, 1.3, 1.9);
	in.hot_thread = true;
	in.frozen = hr_opt_of(1.04);
	expect(&in, HR_ANSWER_NO, HR_REASON_SERIAL_THREAD);
	in.frozen = hr_opt_of(1.06);
	expect(&in, HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS);
	in.frozen = hr_opt_of(1.04);
	in.hot_thread = false;
	expect(&in, HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS);
}

/* 1.05 x 1.25 = 1.3125 and 1.03 x 1.25 = 1.2875, where as much as 1.6 may fit. */
static void likely_is_short_only_where_a_quarter_more_is_short_too(void **state)
{
	struct hr_verdict_in in = in_of(1.0, 1.05, HR_RES_MEMORY);

	(void)state;
	with_gain(&in, 1.5, 1.9);
	in.k.at_most = hr_opt_of(1.6);
	expect(&in, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE);
	in.k.likely = hr_opt_of(1.03);
	expect(&in, HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS);
}

static void of_what_helps_the_smallest_change_is_named(void **state)
{
	struct hr_verdict_in in = in_of(1.0, 1.1, HR_RES_CPU);

	(void)state;
	for (int z = HR_SIZE_N - 1; z >= 0; z--) {
		in.gain[z].gain.at_least = hr_opt_of(1.5);
		expect(&in, HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS);
		assert_int_equal(hr_verdict_of(&in).size, z);
	}
	in.gain[HR_SIZE_VCPUS].exists = false; /* the next one that there is */
	assert_int_equal(hr_verdict_of(&in).size, HR_SIZE_MEMORY);
	in.gain[HR_SIZE_MEMORY].exists = in.gain[HR_SIZE_BOTH].exists = false;
	expect(&in, HR_ANSWER_NO, HR_REASON_AT_CEILING);
	assert_int_equal(hr_verdict_of(&in).size, HR_SIZE_VCPUS);
}

/* Of no resource that would decide is the signal missing, and yet of one. */
static void what_is_short_for_sure_needs_no_other_signal(void **state)
{
	static const struct {
		enum hr_resource bind;
		enum hr_reason reason;
		bool local, external;
	} proven[] = {{HR_RES_MEMORY, HR_REASON_BIGGER_SIZE_HELPS, false, false},
		{HR_RES_MEMORY, HR_REASON_LOCAL_LIMIT, true, false},
		{HR_RES_NETWORK, HR_REASON_LOCAL_LIMIT, true, false},
		{HR_RES_NETWORK, HR_REASON_EXTERNAL_LIMIT, false, true},
		{HR_RES_DISK, HR_REASON_EXTERNAL_LIMIT, false, true},
		{HR_RES_STEAL, HR_REASON_STEAL, false, false}};

	(void)state;
	for (unsigned i = 0; i < sizeof(proven) / sizeof(proven[0]); i++) {
		struct hr_verdict_in in = in_of(0.9, 1.0, proven[i].bind);

		in.k.at_least.has = false; /* of the VM nobody knows */
		in.lacks = in.bind_sure = true;
		in.local = proven[i].local;
		in.external = proven[i].external;
		in.grows[HR_SIZE_MEMORY] = in.bind == HR_RES_MEMORY;
		assert_int_equal(hr_verdict_of(&in).reason, proven[i].reason);
		in.bind_sure = false;
		expect(&in, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE);
		in.bind_sure = in.evidence_fails = true; /* too little history */
		expect(&in, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE);
	}
}

static void what_hangs_on_the_missing_signal_is_unknown(void **state)
{
	static const enum hr_resource hangs[] = {
		HR_RES_CPU, HR_RES_SERIAL, HR_RES_SOFTIRQ, HR_RES_NONE};

	(void)state;
	for (unsigned i = 0; i < sizeof(hangs) / sizeof(hangs[0]); i++) {
		struct hr_verdict_in in = in_of(0.9, 1.0, hangs[i]);

		with_gain(&in, 1.5, 1.9);
		in.lacks = in.bind_sure = true;
		expect(&in, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE);
		in.local = true;
		expect(&in, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE);
	}
}

/* A disk is read again and again where memory is short, and nobody knows whether it is. */
static void a_disk_proves_nothing_where_memory_has_no_signal(void **state)
{
	struct hr_verdict_in in = in_of(0.9, 1.0, HR_RES_DISK);

	(void)state;
	in.lacks = in.memory_lacks = in.bind_sure = in.external = true;
	expect(&in, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE);
}

static void an_allowance_that_grows_with_the_size_is_resize(void **state)
{
	struct hr_verdict_in in = in_of(0.9, 1.0, HR_RES_NETWORK);

	(void)state;
	expect(&in, HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE);
	in.grows[HR_SIZE_VCPUS] = in.grows[HR_SIZE_BOTH] = true;
	expect(&in, HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS);
	assert_int_equal(hr_verdict_of(&in).size, HR_SIZE_VCPUS);
	in.gain[HR_SIZE_VCPUS].exists = in.gain[HR_SIZE_BOTH].exists = false;
	expect(&in, HR_ANSWER_NO, HR_REASON_AT_CEILING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enough_left_is_yes),
		cmocka_unit_test(bounds_on_both_sides_of_the_target_are_unknown),
		cmocka_unit_test(what_misses_the_target_by_less_than_the_models_error_is_unknown),
		cmocka_unit_test(a_short_cpu_that_grows_is_resize),
		cmocka_unit_test(a_serial_thread_is_no),
		cmocka_unit_test(steal_is_no),
		cmocka_unit_test(a_volume_cap_is_external),
		cmocka_unit_test(the_largest_size_is_the_ceiling),
		cmocka_unit_test(a_throttled_quota_is_local),
		cmocka_unit_test(a_gain_that_straddles_is_unknown),
		cmocka_unit_test(a_trend_that_ends_soon_is_resize),
		cmocka_unit_test(failed_evidence_is_unknown_whatever_the_numbers),
		cmocka_unit_test(nothing_waiting_proves_that_vcpus_do_not_help),
		cmocka_unit_test(up_to_a_tenth_at_most_is_no_gain),
		cmocka_unit_test(a_quarter_at_least_is_a_gain),
		cmocka_unit_test(a_twentieth_that_waits_proves_that_vcpus_do_not_help),
		cmocka_unit_test(likely_is_short_only_where_a_quarter_more_is_short_too),
		cmocka_unit_test(of_what_helps_the_smallest_change_is_named),
		cmocka_unit_test(an_unknown_lower_bound_is_never_yes),
		cmocka_unit_test(what_is_short_for_sure_needs_no_other_signal),
		cmocka_unit_test(what_hangs_on_the_missing_signal_is_unknown),
		cmocka_unit_test(a_disk_proves_nothing_where_memory_has_no_signal),
		cmocka_unit_test(an_allowance_that_grows_with_the_size_is_resize),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
