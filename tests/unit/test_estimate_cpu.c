/* SPDX-License-Identifier: Apache-2.0 */
/* What one minute says of the CPU beyond its virtual queue: steal, gates, shared cores. */
#include "tests/unit/estimate_fixture.h"

#include "collector/core/model_cpu.h"

static void steal_of_one_in_thirteen_is_bad(void **state)
{
	struct bench *b = *state;

	/* example 8: run 1.2 CPU-s and steal 0.1 in 1 s */
	b->m.covered_ms = 1000;
	b->m.ctr[HR_CTR_ONCPU_NS] = 1200000000;
	b->m.ctr[HR_CTR_STAT_USER_MS] = 1200;
	b->m.ctr[HR_CTR_STAT_SYSTEM_MS] = 0;
	b->m.ctr[HR_CTR_STEAL_MS] = 100;
	hr_model_cpu(&b->x, &b->e, &b->steal);
	assert_true(b->steal.r.saturated);
	fx_near(b->steal.r.demand.mean.v, 0.0769231, 1e-6);
	assert_true(b->steal.r.headroom.at_most.v <= 1);
	assert_false(b->e.r.saturated); /* charged to steal, not to the number of vCPUs */
}

static void steal_on_an_idle_vm_is_not_judged(void **state)
{
	struct bench *b = *state;

	b->m.ctr[HR_CTR_STEAL_MS] =
		120; /* 38 % of next to nothing: 0.2 run, 0.12 stolen in 20 CPU-s */
	hr_model_cpu(&b->x, &b->e, &b->steal);
	assert_false(b->steal.r.saturated);
	assert_false(b->steal.r.headroom.has);
}

static void unaccounted_time_is_forgiven_where_cpus_stood_idle(void **state)
{
	struct bench *b = *state;

	/* 60 ms of 20 CPU-s = 0.3 %; the busiest second used 1 % */
	b->m.ctr[HR_CTR_UNKNOWN_NS] = 60000000;
	hr_model_cpu(&b->x, &b->e, &b->steal);
	assert_true(b->e.r.confidence > HR_CONFIDENCE_LOW);
	assert_int_equal(b->e.r.n_missing, 0);
	b->m.ctr[HR_CTR_UNKNOWN_NS] = 400000000; /* 2 % */
	hr_model_cpu(&b->x, &b->e, &b->steal);
	assert_int_equal(b->e.r.confidence, HR_CONFIDENCE_LOW);
	assert_int_equal(b->e.r.n_missing, 1);
	b->m.ctr[HR_CTR_UNKNOWN_NS] = 60000000;
	b->m.dist[HR_DIST_BUSY_1S].max = 1500; /* 1.5 of 2 CPUs */
	hr_model_cpu(&b->x, &b->e, &b->steal);
	assert_int_equal(b->e.r.confidence, HR_CONFIDENCE_LOW);
}

/* 1 % of 500 are 5, and 2 sqrt(5) = 4.47 more may be chance: 9 are none, 10 are. */
static void as_many_late_bursts_as_chance_gives_are_no_shortage(void **state)
{
	(void)state;
	assert_false(hr_cpu_is_late(0.01, 500, 9));
	assert_true(hr_cpu_is_late(0.01, 500, 10));
	/* of 10000: 100 + 20 */
	assert_false(hr_cpu_is_late(0.01, 10000, 120));
	assert_true(hr_cpu_is_late(0.01, 10000, 121));
	/* 0.1 + 0.63: still, one alone proves nothing */
	assert_false(hr_cpu_is_late(0.01, 10, 1));
	assert_true(hr_cpu_is_late(0.01, 10, 2));
}

/* The queue is late at twice the load (grid 2^((g - 2) / 3)): 2 / 1.25 fits where a vCPU is a core.
 */
static void hidden_siblings_are_named_where_they_alone_withhold_the_yes(void **state)
{
	struct bench *b = *state;

	b->m.ctr[HR_CTR_BURST_N] = b->m.ctr[HR_CTR_VQ_TOT_N] = 10000;
	for (unsigned g = 5; g < HR_VQ_GRID; g++)
		b->m.vq_bad[0][g] = 101;
	b->m.dist[HR_DIST_BUSY_1S].p99_hi = 1000;
	hr_model_cpu(&b->x, &b->e, &b->steal);
	fx_near(b->e.r.headroom.at_least.v, 1.6, 0.005);
	assert_false(b->e.hidden_cores);
	assert_int_equal(b->e.r.n_missing, 0);

	/* One busy of two that may be siblings: the second may bring nothing; today's load fits. */
	b->facts.threads_per_core = 0;
	hr_model_cpu(&b->x, &b->e, &b->steal);
	fx_near(b->e.r.headroom.at_least.v, 1, 1e-9);
	assert_true(b->e.hidden_cores);
	assert_int_equal(b->e.r.n_missing, 1);
	assert_non_null(strstr(b->e.r.missing[0].evidence, "threads_per_core"));

	/* Told that they are siblings: nothing is missing, the bound is what it is. */
	b->facts.threads_per_core = 2;
	hr_model_cpu(&b->x, &b->e, &b->steal);
	fx_near(b->e.r.headroom.at_least.v, 1, 1e-9);
	assert_int_equal(b->e.r.n_missing, 0);

	/* Late at 1.26 times: below the target on whole cores, too. */
	b->facts.threads_per_core = 0;
	b->m.vq_bad[0][3] = b->m.vq_bad[0][4] = 101;
	hr_model_cpu(&b->x, &b->e, &b->steal);
	assert_false(b->e.hidden_cores);
	assert_int_equal(b->e.r.n_missing, 0);
}

static void the_frozen_bound_is_the_ratio_of_cut_sums(void **state)
{
	struct bench *b = *state;

	b->m.ctr[HR_CTR_FROZEN_C_NS] = 7000;
	b->m.ctr[HR_CTR_FROZEN_2C_NS] = 10500;
	fx_near(hr_frozen_gain(&b->m).v, 1.5, 1e-12);
	b->m.ctr[HR_CTR_FROZEN_C_NS] = 115;
	b->m.ctr[HR_CTR_FROZEN_2C_NS] = 150;
	fx_near(hr_frozen_gain(&b->m).v, 1.304348, 1e-6);
	b->m.have = 0;
	assert_false(hr_frozen_gain(&b->m).has);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(steal_of_one_in_thirteen_is_bad),
		T(steal_on_an_idle_vm_is_not_judged),
		T(unaccounted_time_is_forgiven_where_cpus_stood_idle),
		T(as_many_late_bursts_as_chance_gives_are_no_shortage),
		T(hidden_siblings_are_named_where_they_alone_withhold_the_yes),
		T(the_frozen_bound_is_the_ratio_of_cut_sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
