/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <math.h>
#include <string.h>

#include "agent/core/budget.h"

#define ALL ((1u << HR_SHED_N) - 1)

static char reason[HR_REASON_LEN];
static enum hr_shed what;

/* 10 s with @n switches. */
static struct hr_budget_sample sample(uint64_t n)
{
	return (struct hr_budget_sample){
		.dur_ms = 10000, .cpus = 2, .cpu_us = 10000, .switches = n};
}

static void cost_is_user_time_plus_events_by_the_table(void **state)
{
	struct hr_budget b;
	struct hr_budget_sample s = sample(100000);

	(void)state;
	s.packets = 20000;
	s.ios = 1000;
	hr_budget_init(&b, 0.005, 0.002, ALL);
	/* 10 ms + 100 000 x 180 ns + 20 000 x 100 ns + 1 000 x 110 ns = 30.11 ms in 10 s */
	assert_true(fabs(hr_budget_cost(&b, &s) - 0.003011) < 1e-9);
	/* hooks that are not there cost nothing */
	hr_budget_init(&b, 0.005, 0.002, 1u << HR_SHED_SCHED);
	assert_true(fabs(hr_budget_cost(&b, &s) - 0.0028) < 1e-9);
	/* reads are counted by their hook alone: 50 000 x 100 ns */
	s.reads = 50000;
	assert_true(fabs(hr_budget_cost(&b, &s) - 0.0033) < 1e-9);
	s.dur_ms = 0;
	assert_true(hr_budget_cost(&b, &s) == 0);
}

static void a_measured_event_replaces_the_table(void **state)
{
	struct hr_budget b;
	struct hr_budget_sample s = sample(100000);

	(void)state;
	hr_budget_init(&b, 0.5, 0, ALL);
	s.has_bpf = true;
	s.bpf_ns = 37000; /* 1 000 runs of 37 ns, + 63 ns of dispatch = 100 ns an event */
	s.bpf_n = 1000;
	assert_false(hr_budget_window(&b, &s, &what, reason));
	s.has_bpf = false;
	assert_true(fabs(hr_budget_cost(&b, &s) - 0.002) < 1e-9);
	s.reads = 20000; /* and 2 ms of 10 s */
	assert_true(fabs(hr_budget_cost(&b, &s) - 0.0022) < 1e-9);
}

/* 1 000 000 switches in 10 s = 0.018 + 0.001 of a CPU, budget 0.005. */
static void hooks_go_one_by_one_in_their_order_after_a_minute_over_budget(void **state)
{
	static const enum hr_shed order[] = {
		HR_SHED_BURST, HR_SHED_NET, HR_SHED_DISK, HR_SHED_SCHED};
	struct hr_budget_sample s = sample(1000000);
	struct hr_budget b;

	(void)state;
	hr_budget_init(&b, 0.005, 0.002, ALL);
	for (int k = 0; k < 4; k++) {
		for (int i = 0; i < HR_BUDGET_OVER_WINDOWS - 1; i++)
			assert_false(hr_budget_window(&b, &s, &what, reason));
		assert_true(hr_budget_window(&b, &s, &what, reason));
		assert_int_equal(what, order[k]);
		assert_string_equal(reason, "shed: agent cost 1.90 % of a CPU, budget 0.50 %");
	}
	assert_int_equal(b.shed, ALL);
	for (int i = 0; i < 20; i++)
		assert_false(hr_budget_window(&b, &s, &what, reason));
}

static void four_times_over_budget_twenty_seconds_are_enough(void **state)
{
	struct hr_budget_sample s = sample(1200000); /* 0.0226 of a CPU */
	struct hr_budget b;

	(void)state;
	hr_budget_init(&b, 0.005, 0, ALL);
	assert_false(hr_budget_window(&b, &s, &what, reason));
	assert_true(hr_budget_window(&b, &s, &what, reason));
	/* hooks alone: 1 200 000 x 180 ns */
	assert_int_equal(hr_budget_hook_us(&b, &s), 216000);
}

static void only_loaded_hooks_are_shed(void **state)
{
	struct hr_budget_sample s = sample(1000000);
	struct hr_budget b;
	int shed = 0;

	(void)state;
	hr_budget_init(&b, 0.005, 0, 1u << HR_SHED_SCHED);
	for (int i = 0; i < 20; i++)
		shed += hr_budget_window(&b, &s, &what, reason);
	assert_int_equal(shed, 1);
	assert_int_equal(what, HR_SHED_SCHED);
}

static void a_calm_window_starts_the_count_again_a_borderline_one_does_not(void **state)
{
	struct hr_budget_sample hot = sample(1000000), calm = sample(1000), edge = sample(200000);
	struct hr_budget b;

	(void)state;
	hr_budget_init(&b, 0.005, 0, ALL);
	for (int i = 0; i < 5; i++)
		assert_false(hr_budget_window(&b, &hot, &what, reason));
	assert_false(hr_budget_window(&b, &calm, &what, reason));
	for (int i = 0; i < 5; i++)
		assert_false(hr_budget_window(&b, &hot, &what, reason));
	/* 0.0046 is under 0.005 but over four fifths of it: it neither counts nor clears */
	assert_false(hr_budget_window(&b, &edge, &what, reason));
	assert_true(hr_budget_window(&b, &hot, &what, reason));
}

static void a_large_vm_has_a_larger_budget(void **state)
{
	struct hr_budget_sample s = sample(1000000); /* 0.019 of a CPU */
	struct hr_budget b;

	(void)state;
	s.cpus = 16; /* 0.2 % of 16 CPUs = 0.032 */
	hr_budget_init(&b, 0.005, 0.002, ALL);
	for (int i = 0; i < 20; i++)
		assert_false(hr_budget_window(&b, &s, &what, reason));
}

static void a_cost_in_user_space_does_not_shed_evidence_in_vain(void **state)
{
	struct hr_budget_sample s = sample(1000);
	struct hr_budget b;

	(void)state;
	s.cpu_us = 500000; /* 5 % of a CPU, of which hooks are 0.0018 % */
	hr_budget_init(&b, 0.005, 0.002, ALL);
	for (int i = 0; i < 20; i++)
		assert_false(hr_budget_window(&b, &s, &what, reason));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cost_is_user_time_plus_events_by_the_table),
		cmocka_unit_test(a_measured_event_replaces_the_table),
		cmocka_unit_test(hooks_go_one_by_one_in_their_order_after_a_minute_over_budget),
		cmocka_unit_test(four_times_over_budget_twenty_seconds_are_enough),
		cmocka_unit_test(only_loaded_hooks_are_shed),
		cmocka_unit_test(a_calm_window_starts_the_count_again_a_borderline_one_does_not),
		cmocka_unit_test(a_large_vm_has_a_larger_budget),
		cmocka_unit_test(a_cost_in_user_space_does_not_shed_evidence_in_vain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
