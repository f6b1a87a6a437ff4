/* SPDX-License-Identifier: Apache-2.0 */
/* Expected values: the closed form for one CPU (Engset / machine repair), and answer-model 13.10.
 */
#include "tests/unit/hr_cmocka.h"

#include <math.h>

#include "collector/core/closed.h"
#include "collector/core/sizes.h"

static void near(double got, double want, double tolerance)
{
	if (fabs(got - want) > tolerance)
		fail_msg("%.6f, wanted %.6f", got, want);
}

/*
 * Machine repair, N tasks, sleep / work = z: weight of n runnable ones is N!/(N-n)! / z^n on one
 * CPU; on two it is halved for every n above one.  Two tasks, z = 2: on one CPU 1, 1, 1/2: busy
 * 3/5, runnable (1 + 1) / 2.5 = 4/5.  On two CPUs 1, 1, 1/4: busy (1 + 1/2) / 2.25 = 2/3.
 */
static void two_tasks_on_one_cpu(void **state)
{
	(void)state;
	near(hr_closed_gain(1, 0.6, 0.8, 2), (2.0 / 3) / 0.6, 1e-9);
}

static void worked_examples(void **state)
{
	(void)state;
	/* 16 tasks of 5 ms, sleep 40: 0.323140 a ms on 2 CPUs, 0.354343 on 4; 0.323140 x 5 busy,
	 * 16 - 0.323140 x 40 runnable */
	near(hr_closed_gain(2, 1.615700, 3.074400, 16), 1.096560, 1e-5);
	/* 10 tasks of 5 ms, sleep 5, on 4: z = 1, so busy = 10 - runnable, whatever both are */
	near(hr_closed_gain(4, 3.9, 6.1, 10), 1.288208, 1e-5);
}

static void tasks_that_never_sleep_use_as_many_cpus_as_they_are(void **state)
{
	(void)state;
	near(hr_closed_gain(2, 2, 3, 3), 1.5, 1e-4);
	near(hr_closed_gain(1, 1, 2, 2), 2, 1e-4);
	near(hr_closed_gain(1, 1, 8, 8), 2, 1e-4);
	near(hr_closed_gain(4, 4, 5, 5), 1.25, 1e-4);
	near(hr_closed_gain(2, 2, 3, 0), 1.5, 1e-4); /* there are as many as one has seen */
}

static void where_nobody_waits_nothing_is_gained(void **state)
{
	(void)state;
	near(hr_closed_gain(1, 1, 1, 1), 1, 0);
	near(hr_closed_gain(2, 0.7, 0.7, 9), 1, 0);
	near(hr_closed_gain(0, 0.7, 0.9, 9), 1, 0);
	near(hr_closed_gain(2, 0, 3, 9), 1, 0);
	near(hr_closed_gain(2, NAN, NAN, NAN), 1, 0);
}

/* An open load does what comes.  One CPU, half busy: one task runs or waits on average (M/M/1). */
static void of_very_many_tasks_each_asks_little_more(void **state)
{
	(void)state;
	near(hr_closed_gain(1, 0.5, 1, 1e6), 1, 0.01);
}

/* Measured not late, and nothing more is known: 1 at least either way, and what lies above is not
 * told by two bounds that say as little (nginx on one vCPU gained 1.7 where "at most 1.0" stood).
 */
static void two_lower_bounds_tell_no_gain(void **state)
{
	const struct hr_opt none = {0};
	struct hr_gain_in in = {.k = {true, {true, 1}, none, {true, 1.41}, false}, .vcpus = 1};
	struct hr_model_conf conf = {0};
	struct hr_gain g[HR_SIZE_N];

	(void)state;
	in.at[HR_SIZE_VCPUS] = (struct hr_bounds){true, {true, 1.5}, none, {true, 2.96}, false};
	in.at[HR_SIZE_BOTH] = in.at[HR_SIZE_VCPUS];
	in.at[HR_SIZE_MEMORY] = in.k;
	hr_sizes_gain(&in, &conf, g);
	near(g[HR_SIZE_VCPUS].gain.at_least.v, 1, 0);
	assert_false(g[HR_SIZE_VCPUS].gain.likely.has || g[HR_SIZE_VCPUS].gain.at_most.has);
	/* this one changes nothing */
	near(g[HR_SIZE_MEMORY].gain.at_most.v, 1, 0);
	/* where memory is short of, its at_least is the one that grows least with more of it */
	in.at[HR_SIZE_MEMORY] = (struct hr_bounds){true, {true, 2.5}, none, none, false};
	hr_sizes_gain(&in, &conf, g);
	near(g[HR_SIZE_MEMORY].gain.at_least.v, 2.5, 1e-12);
	assert_false(g[HR_SIZE_MEMORY].gain.likely.has || g[HR_SIZE_MEMORY].gain.at_most.has);
	/* the likely of one size alone is no more */
	in.k.likely = (struct hr_opt){true, 1.2};
	hr_sizes_gain(&in, &conf, g);
	near(g[HR_SIZE_VCPUS].gain.at_least.v, 1, 0);
	assert_false(g[HR_SIZE_VCPUS].gain.likely.has || g[HR_SIZE_VCPUS].gain.at_most.has);
}

/* 1.6 likely, 1.9 proven: 1.6 / 1.4 at least, 1 + 1.2 x 0.9 at most; what never sleeps does
 * the 1.9. */
static void a_load_that_waits_for_itself_gains_what_its_tasks_do(void **state)
{
	const struct hr_bounds k = {true, {true, 0.5}, {true, 0.8}, {true, 1}, false};
	struct hr_gain_in in = {
		.k = k, .at = {k, k, k}, .frozen = {true, 1.9}, .closed = {true, 1.6}, .vcpus = 1};
	struct hr_gain g[HR_SIZE_N];
	struct hr_model_conf conf = {0};

	(void)state;
	hr_sizes_gain(&in, &conf, g);
	near(g[HR_SIZE_VCPUS].gain.at_least.v, 1.142857, 1e-6);
	near(g[HR_SIZE_VCPUS].gain.likely.v, 1.6, 1e-9);
	near(g[HR_SIZE_VCPUS].gain.at_most.v, 2.08, 1e-9);
	near(g[HR_SIZE_MEMORY].gain.likely.v, 1, 1e-9);
	in.hog_share = 0.6;
	hr_sizes_gain(&in, &conf, g);
	near(g[HR_SIZE_VCPUS].gain.likely.v, 1.9, 1e-9);
	/* a load with idle time left: k there over k here, promised no more than twice */
	in.closed.has = false;
	in.hog_share = 0;
	in.at[HR_SIZE_VCPUS] = (struct hr_bounds){true, {true, 1.25}, {true, 2}, {true, 3}, false};
	hr_sizes_gain(&in, &conf, g);
	near(g[HR_SIZE_VCPUS].gain.at_least.v, 2, 1e-9);
	near(g[HR_SIZE_VCPUS].gain.likely.v, 2.5, 1e-9);
	assert_false(g[HR_SIZE_VCPUS].gain.capped);
	/* both likelies may err: where twice is gained by 1.37, 2.74 */
	near(g[HR_SIZE_VCPUS].gain.at_most.v, 1 + 1.5 * 1.74, 1e-9);
	/* nothing fits for sure today: any factor of it says nothing, likely's error does */
	in.k.at_least.v = 0.125;
	in.at[HR_SIZE_VCPUS].likely.v = 1.6;
	hr_sizes_gain(&in, &conf, g);
	near(g[HR_SIZE_VCPUS].gain.likely.v, 2, 1e-9);
	near(g[HR_SIZE_VCPUS].gain.at_least.v, 1 + 1 / 1.37, 1e-9);
	/* 16 threads had 4.6 where 3.61 was told: 4.58 are more than are claimed, so how many is
	 * open */
	in.k.likely = (struct hr_opt){true, 0.528};
	in.at[HR_SIZE_VCPUS].likely = (struct hr_opt){true, 1.907};
	hr_sizes_gain(&in, &conf, g);
	near(g[HR_SIZE_VCPUS].gain.likely.v, 1.907 / 0.528, 1e-9);
	assert_false(g[HR_SIZE_VCPUS].gain.at_most.has);
	assert_false(g[HR_SIZE_VCPUS].gain.capped);
	/* 5.45 is more than is claimed: 4, and that it is more */
	in.k.likely.v = 0.35;
	hr_sizes_gain(&in, &conf, g);
	near(g[HR_SIZE_VCPUS].gain.likely.v, 4, 1e-9);
	assert_true(g[HR_SIZE_VCPUS].gain.capped);
	/* nothing gained is nothing at most: what a serial thread's proof rests on */
	in.k = in.at[HR_SIZE_VCPUS];
	hr_sizes_gain(&in, &conf, g);
	near(g[HR_SIZE_VCPUS].gain.at_most.v, 1, 0);
	/* 8 at both sizes, as of an idle VM, is 8 or more at both: no proof that nothing is gained
	 */
	in.k.likely = in.at[HR_SIZE_VCPUS].likely = (struct hr_opt){true, 8};
	hr_sizes_gain(&in, &conf, g);
	near(g[HR_SIZE_VCPUS].gain.at_least.v, 1, 0);
	assert_false(g[HR_SIZE_VCPUS].gain.likely.has || g[HR_SIZE_VCPUS].gain.at_most.has);
	/* 8 there is 8 or more, so how much more nobody knows: 16 threads had 4.6 where 3.7 was
	 * told */
	in.k.likely = (struct hr_opt){true, 2.14};
	in.at[HR_SIZE_VCPUS].likely = (struct hr_opt){true, 8};
	hr_sizes_gain(&in, &conf, g);
	near(g[HR_SIZE_VCPUS].gain.likely.v, 8 / 2.14, 1e-9);
	assert_false(g[HR_SIZE_VCPUS].gain.at_most.has);
	assert_true(g[HR_SIZE_VCPUS].gain.capped);
	/* what is proven of tasks that never sleep stays so */
	in.hog_share = 0.6;
	hr_sizes_gain(&in, &conf, g);
	near(g[HR_SIZE_VCPUS].gain.at_most.v, 1.9, 1e-9);
	assert_false(g[HR_SIZE_VCPUS].gain.capped);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_tasks_on_one_cpu),
		cmocka_unit_test(worked_examples),
		cmocka_unit_test(tasks_that_never_sleep_use_as_many_cpus_as_they_are),
		cmocka_unit_test(where_nobody_waits_nothing_is_gained),
		cmocka_unit_test(two_lower_bounds_tell_no_gain),
		cmocka_unit_test(a_load_that_waits_for_itself_gains_what_its_tasks_do),
		cmocka_unit_test(of_very_many_tasks_each_asks_little_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
