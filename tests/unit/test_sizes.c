/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the next sizes there are, and where frozen tasks bound what vCPUs gain. */
#include "tests/unit/hr_cmocka.h"
#include "tests/unit/model_fixture.h"

#include "collector/core/sizes.h"

/* Twice as much fits on twice the vCPUs, of 4 vCPUs and 4096 MiB. */
static struct hr_gain_in twice(void)
{
	const struct hr_bounds now = {true, {true, 0.8}, {true, 1}, {true, 1.2}, false};
	const struct hr_bounds big = {true, {true, 1.6}, {true, 2}, {true, 2.4}, false};

	return (struct hr_gain_in){
		.k = now, .at = {big, now, big}, .vcpus = 4, .mem_bytes = 4096 * FX_MIB};
}

static void a_size_exists_up_to_the_largest_one_told(void **state)
{
	struct hr_gain_in in = twice();
	struct hr_model_conf conf = {.max_vcpus = 8, .max_mem_bytes = 8192 * FX_MIB};
	struct hr_gain g[HR_SIZE_N];

	(void)state;
	hr_sizes_gain(&in, &conf, g);
	assert_true(g[HR_SIZE_VCPUS].exists && g[HR_SIZE_MEMORY].exists && g[HR_SIZE_BOTH].exists);
	conf.max_vcpus = 7;
	hr_sizes_gain(&in, &conf, g);
	assert_true(
		!g[HR_SIZE_VCPUS].exists && g[HR_SIZE_MEMORY].exists && !g[HR_SIZE_BOTH].exists);
	conf.max_vcpus = 8;
	conf.max_mem_bytes -= FX_MIB;
	hr_sizes_gain(&in, &conf, g);
	assert_true(
		g[HR_SIZE_VCPUS].exists && !g[HR_SIZE_MEMORY].exists && !g[HR_SIZE_BOTH].exists);
	conf = (struct hr_model_conf){0}; /* nobody told one */
	hr_sizes_gain(&in, &conf, g);
	assert_true(g[HR_SIZE_VCPUS].exists && g[HR_SIZE_MEMORY].exists && g[HR_SIZE_BOTH].exists);
}

/* 1.05 proves it beside a hot thread; above, the headroom's ratio stands, at most 1 + 1.74. */
static void frozen_tasks_bound_the_gain_where_little_waits_beside_a_hot_thread(void **state)
{
	struct hr_gain_in in = twice();
	struct hr_model_conf conf = {0};
	struct hr_gain g[HR_SIZE_N];

	(void)state;
	in.hot_thread = true;
	in.frozen = hr_opt_of(1.04);
	hr_sizes_gain(&in, &conf, g);
	fx_near(g[HR_SIZE_VCPUS].gain.at_most.v, 1.04, 1e-9);
	in.frozen = hr_opt_of(1.06);
	hr_sizes_gain(&in, &conf, g);
	fx_near(g[HR_SIZE_VCPUS].gain.at_most.v, 2.74, 1e-9);
	in.frozen = hr_opt_of(1.04);
	in.hot_thread = false;
	hr_sizes_gain(&in, &conf, g);
	fx_near(g[HR_SIZE_VCPUS].gain.at_most.v, 2.74, 1e-9);
}

static void frozen_tasks_bound_the_gain_where_half_of_the_work_never_sleeps(void **state)
{
	struct hr_gain_in in = twice();
	struct hr_model_conf conf = {0};
	struct hr_gain g[HR_SIZE_N];

	(void)state;
	in.frozen = hr_opt_of(1.5);
	in.hog_share = 0.49;
	hr_sizes_gain(&in, &conf, g);
	fx_near(g[HR_SIZE_VCPUS].gain.at_most.v, 2.74, 1e-9);
	in.hog_share = 0.5;
	hr_sizes_gain(&in, &conf, g);
	fx_near(g[HR_SIZE_VCPUS].gain.at_most.v, 1.5, 1e-9);
	fx_near(g[HR_SIZE_VCPUS].gain.likely.v, 1.5, 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_size_exists_up_to_the_largest_one_told),
		cmocka_unit_test(
			frozen_tasks_bound_the_gain_where_little_waits_beside_a_hot_thread),
		cmocka_unit_test(frozen_tasks_bound_the_gain_where_half_of_the_work_never_sleeps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
