/* SPDX-License-Identifier: Apache-2.0 */
/* The gate of memory: whose shortage it is, and what it leaves open. */
#include "tests/unit/estimate_fixture.h"

#include "collector/core/gates.h"

/* 4096 MiB of which @mib are available; tasks waited 3 % of the time and what was taken comes back.
 */
static void pressed(struct bench *b, uint64_t mib)
{
	b->m.ctr[HR_CTR_MEM_AVAILABLE_BYTES] = mib * FX_MIB;
	b->m.ctr[HR_CTR_PSI_MEM_SOME_US] = 300000;
	b->m.ctr[HR_CTR_PGSCAN_DIRECT_N] = 20000;
	b->m.ctr[HR_CTR_REFAULT_FILE_N] = 20000;
}

/* A fifth of 4096 is 819.2: with that the VM has plenty, and a cgroup's limit is what is hit. */
static void with_a_fifth_available_a_limit_that_is_hit_is_what_is_short(void **state)
{
	struct bench *b = *state;
	struct hr_mem_gate g;

	b->m.ctr[HR_CTR_MEMCG_MAX_N] = 100;
	pressed(b, 820);
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_LOCAL);
	pressed(b, 819);
	hr_gate_memory(&b->x, &g);
	assert_int_equal(g.verdict, HR_MEM_SHORT);
}

/* How much more RAM helps is not measured: from today's load up. */
static void of_what_is_short_more_memory_may_carry_any_load(void **state)
{
	struct bench *b = *state;

	pressed(b, 100);
	hr_model_memory(&b->x, &b->e);
	assert_true(b->e.r.saturated);
	fx_near(b->e.r.headroom.at_least.v, 1 / 1.1, 1e-9); /* how far below today's is not told */
	fx_near(b->e.r.headroom.at_most.v, 1, 0);
	fx_near(b->e.at[HR_SIZE_VCPUS].at_most.v, 1, 0);
	for (unsigned z = HR_SIZE_MEMORY; z < HR_SIZE_N; z++) {
		fx_near(b->e.at[z].at_least.v, 1 / 1.1, 1e-9);
		assert_false(b->e.at[z].likely.has);
		fx_near(b->e.at[z].at_most.v, 8, 0);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(with_a_fifth_available_a_limit_that_is_hit_is_what_is_short),
		T(of_what_is_short_more_memory_may_carry_any_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
