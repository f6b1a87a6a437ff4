/* SPDX-License-Identifier: Apache-2.0 */
/* One side and the other of the CPU's gates, and each factor of its bounds by itself. */
#include "tests/unit/estimate_fixture.h"

#include <math.h>

#include "collector/core/model_cpu.h"

static void judge(struct bench *b)
{
	memset(&b->e, 0, sizeof(b->e));
	hr_model_cpu(&b->x, &b->e, &b->steal);
}

/* @n of 10 s: late bursts of @bursts. */
static void bursts(struct bench *b, uint64_t n, uint64_t late)
{
	b->m.ctr[HR_CTR_BURST_N] = b->m.ctr[HR_CTR_VQ_TOT_N] = n;
	b->m.ctr[HR_CTR_BURST_LATE_N] = late;
}

/* Late from grid point @g on, in the rows of @z; a little more than the tolerated 1 % of 10000. */
static void late_from(struct bench *b, unsigned z, unsigned g)
{
	for (unsigned i = 0; i < HR_VQ_GRID; i++)
		b->m.vq_bad[z][i] = b->m.vq_bad[HR_VQ_SPREAD + z][i] = i < g ? 0 : 101;
}

/* As `measure`, and no work that idle CPUs add. */
static void plain(struct bench *b)
{
	b->conf.minute_ms = 300000;
	b->conf.wakeup_us = 0;
}

static bool throttled(struct bench *b, uint64_t us, uint64_t busy_slots)
{
	b->m.ctr[HR_CTR_SLOT_N] = 1000;
	b->m.ctr[HR_CTR_BUSY_ALL_N] = busy_slots;
	b->m.ctr[HR_CTR_QUOTA_THROTTLED_US] = us;
	judge(b);
	assert_true(!b->e.local || b->e.r.headroom.at_most.v <= 1);
	return b->e.local;
}

/* 5 % of 10 s are 0.5 CPU-s. */
static void a_quota_decides_from_5_percent_on_while_vcpus_are_free(void **state)
{
	struct bench *b = *state;

	assert_false(throttled(b, 490000, 0));
	assert_true(throttled(b, 510000, 0));
	assert_true(throttled(b, 510000, 490));
	assert_false(throttled(b, 510000, 510)); /* half of the time none is free */
	bursts(b, 400, 50);                      /* late, and nothing else that would make it so */
	assert_true(throttled(b, 10000, 0));
	assert_false(throttled(b, 0, 0));
	b->m.have &= ~HR_SIG_BIT(HR_SIG_CPU_QUOTA);
	assert_false(throttled(b, 510000, 0));
}

/*
 * One of two CPUs has a hog, and a fair scheduler leaves 3/4 of both to others; of four, 7/8.  The
 * queue is never late, so 8 by the model's error, and by chance of 400 x 8 bursts.
 */
static void a_hog_takes_half_of_its_cpu_from_what_is_promised(void **state)
{
	struct bench *b = *state;
	double sure = 8 / 1.25 / exp(0.5 / sqrt(0.01 * 400 * 8));

	b->m.ctr[HR_CTR_HOG_NS] = 10000000000;
	judge(b);
	fx_near(b->e.r.headroom.at_least.v, 0.75 * sure, 1e-9);
	fx_near(b->e.at[HR_SIZE_VCPUS].at_least.v, 0.875 * sure, 1e-9);
}

/*
 * Two threads to a core, one CPU busy of two: with all of them busy each does 1.16 / 2 of what it
 * does now, or half of it at least; on twice the CPUs, too.  The queue is late at 2 times the load,
 * on twice the CPUs at 6.35 times.
 */
static void siblings_that_fill_slow_each_other(void **state)
{
	struct bench *b = *state;
	const double now = 2, big = 6.35; /* 2^((g - 2) / 3), within a thousandth */

	plain(b);
	bursts(b, 10000, 0);
	late_from(b, 0, 5);
	late_from(b, 1, 10);
	b->facts.threads_per_core = 2;
	b->m.dist[HR_DIST_BUSY_1S].p99_hi = 1000;
	judge(b);
	fx_near(b->e.r.headroom.likely.v, 0.58 * now, 0.005);
	fx_near(b->e.at[HR_SIZE_VCPUS].likely.v, 0.58 * big, 0.005);
	fx_near(b->e.at[HR_SIZE_VCPUS].at_least.v,
		0.5 * big / 1.25 / exp(0.5 / sqrt(0.01 * 10000 * big)), 0.005);
	b->m.dist[HR_DIST_BUSY_1S].p99_hi = 2000; /* both are busy already */
	judge(b);
	fx_near(b->e.r.headroom.likely.v, now, 0.005);
	b->m.dist[HR_DIST_BUSY_1S].p99_hi = 1000;
	b->facts.threads_per_core = 1;
	judge(b);
	fx_near(b->e.r.headroom.likely.v, now, 0.005);
}

/* 0.5 % late where the queue expects none: ln(0.7 / 0.2) is more than ln 2; 0.15 % is less. */
static void where_more_is_late_than_the_queue_expects_nothing_beyond_today_is_promised(void **state)
{
	struct bench *b = *state;

	plain(b);
	bursts(b, 10000, 50);
	judge(b);
	fx_near(b->e.r.headroom.at_least.v, 1, 1e-9);
	assert_true(b->e.r.headroom.likely.v > 2);
	assert_int_equal(b->e.r.confidence, HR_CONFIDENCE_LOW);
	assert_non_null(strstr(b->e.r.missing[0].evidence, "a replay of recorded bursts"));
	bursts(b, 10000, 15);
	judge(b);
	assert_true(b->e.r.headroom.at_least.v > 2);
}

/*
 * The queue's share grows with the square of the load, 1.27 % at today's, where 0.8 % was measured:
 * today lies at 0.79 of its scale, and 1 % at sqrt(1 / 0.8) times that.
 */
static void likely_is_told_from_where_today_lies_on_the_queues_scale(void **state)
{
	struct bench *b = *state;

	plain(b);
	bursts(b, 10000, 80);
	for (unsigned i = 0; i < HR_VQ_ROWS; i++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++)
			b->m.vq_bad[i][g] = (uint64_t)lround(80 * exp2((g - 1.0) * 2 / 3));
	judge(b);
	fx_near(b->e.r.headroom.likely.v, sqrt(1.25), 0.005);
}

/* Late at 0.63 of today's load by a queue that sees no more than was measured. */
static void what_is_late_below_the_grid_fits_no_more_than_its_first_point(void **state)
{
	struct bench *b = *state;

	plain(b);
	bursts(b, 10000, 2000);
	for (unsigned g = 0; g < HR_VQ_GRID; g++)
		for (unsigned i = 0; i < HR_VQ_ROWS; i++)
			b->m.vq_bad[i][g] = g < 3 ? 2000 : 3000;
	judge(b);
	fx_near(b->e.r.headroom.at_least.v, 0.125, 0);
	assert_true(b->e.r.headroom.at_most.v <= 0.63);
}

static void ran(struct bench *b, uint64_t run_ms, uint64_t steal_ms)
{
	b->m.ctr[HR_CTR_ONCPU_NS] = run_ms * 1000000;
	b->m.ctr[HR_CTR_STAT_USER_MS] = run_ms;
	b->m.ctr[HR_CTR_STAT_SYSTEM_MS] = 0;
	b->m.ctr[HR_CTR_STEAL_MS] = steal_ms;
	judge(b);
}

/* 300 / 6300 is 4.8 %, 330 / 6330 is 5.2 %. */
static void a_twentieth_of_what_was_wanted_may_be_stolen(void **state)
{
	struct bench *b = *state;

	ran(b, 6000, 300);
	assert_false(b->steal.r.saturated);
	ran(b, 6000, 330);
	assert_true(b->steal.r.saturated);
	/* 6 % of 1.6 CPU-s; less than ten ticks of 10 ms say nothing */
	ran(b, 1500, 105);
	assert_true(b->steal.r.saturated);
	ran(b, 1500, 95);
	assert_false(b->steal.r.saturated);
}

/*
 * 6 CPU-s done and 0.6 stolen of 10 s on two CPUs: had all been delivered, the work would fit 20.02
 * / 6 times.  At most: a tenth of it does not grow, and a request costs 1 / (1 + 0.25 x 0.7); the
 * part that does not grow needs its time of what was delivered.
 */
static void a_cpu_that_was_stolen_from_is_judged_as_if_all_was_delivered(void **state)
{
	struct bench *b = *state;
	double delivered = 6 / 6.6, k = 20.02 / 6;

	plain(b);
	ran(b, 6000, 600);
	assert_true(b->steal.r.saturated && !b->e.r.saturated);
	fx_near(b->e.r.headroom.likely.v, k, 1e-9);
	fx_near(b->e.r.headroom.at_least.v, k / 1.25 / exp(0.5 / sqrt(0.01 * 400 * 8)), 1e-9);
	fx_near(b->e.r.headroom.at_most.v, 1.175 * (20.02 * delivered - 0.6) / 5.4 / delivered,
		1e-9);
	bursts(b, 400, 100); /* what is late meanwhile is the host's */
	ran(b, 6000, 600);
	assert_true(b->steal.r.saturated && !b->e.r.saturated);
}

/* A pool of 100 minutes of 10000 bursts; its replay has 3 % late from 1.26 times the load on. */
static void pooled(struct bench *b, struct hr_pool *pool, unsigned late_at)
{
	*pool = (struct hr_pool){.slices = 100, .bursts = 10000, .vq_tot = 1e6F};
	for (unsigned i = 0; i < HR_VQ_ROWS; i++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++) {
			pool->tot[i][g] = (float)(10000 * exp2((g - 2.0) / 3));
			pool->late[i][g] = g < late_at ? 0 : 0.03F * pool->tot[i][g];
		}
	b->conf.wakeup_us = 0;
	b->x.pool = pool;
	bursts(b, 10000, 0);
}

/*
 * The replay passes 1 % between 2 and 2.52 times the load; at most is 1.7 times that, and chance.
 * Of a busiest second of less than 5 % of the CPUs nothing is known at most.
 */
static void at_most_of_a_replay_is_its_error_above_likely(void **state)
{
	struct bench *b = *state;
	struct hr_pool pool;
	double lo = log(1e-5 / 0.01001), hi = log(0.03001 / 0.01001);
	double k = exp2((3 - lo / (hi - lo)) / 3);

	pooled(b, &pool, 6);
	b->conf.minute_ms = 300000;
	b->m.dist[HR_DIST_BUSY_1S].max = 110;
	judge(b);
	fx_near(b->e.r.headroom.likely.v, k, 1e-5);
	fx_near(b->e.r.headroom.at_most.v, 1.7 * k * exp(0.3 / sqrt(0.01 * 10000 * k)), 1e-4);
	b->m.dist[HR_DIST_BUSY_1S].max = 90;
	judge(b);
	fx_near(b->e.r.headroom.at_most.v, 8, 0);
	b->x.pool = NULL;
}

/* Counts of the minute's queue in @row, of which as many are late as may be at @k times the load,
 * and in proportion to its square elsewhere. */
static void queue_passes_at(struct bench *b, unsigned row, double k)
{
	double share = (0.01 + 0.005 / sqrt(k)) / (k * k); /* 100 k + 5 sqrt(100 k) of 10000 k */

	b->m.ctr[HR_CTR_VQ_TOT_N] = 1000000;
	for (unsigned g = 0; g < HR_VQ_GRID; g++)
		b->m.vq_bad[row][g] = (uint64_t)lround(1e6 * share * exp2((g - 2.0) * 2 / 3));
}

/*
 * The service: the hour's queue passes at today's load, 0.1 (ln) is a deviation of a minute
 * (test_stage2.c), and the replay makes 1.234 of it.  Of independent growth two are chance, ln 1.2
 * = 0.18 and not ln 1.3 = 0.26; of growth inside one is, ln 1.08 = 0.077 and not ln 1.2.
 */
static void a_minute_off_its_hour_by_no_more_than_chance_is_as_its_hour(void **state)
{
	struct bench *b = *state;
	struct hr_pool pool;
	double likely, sure;

	pooled(b, &pool, 3);
	for (unsigned i = 0; i < HR_VQ_ROWS; i++) {
		queue_passes_at(b, i, 1);
		for (unsigned g = 0; g < HR_VQ_GRID; g++)
			pool.vq_bad[i][g] = (float)b->m.vq_bad[i][g];
	}
	judge(b);
	likely = b->e.r.headroom.likely.v;
	sure = b->e.r.headroom.at_least.v;
	fx_near(likely, 1.234, 0.005);
	fx_near(sure, likely / 1.1, 0.005);
	queue_passes_at(b, HR_VQ_SPREAD, 1.2);
	judge(b);
	fx_near(b->e.r.headroom.likely.v, likely, 0.005);
	queue_passes_at(b, HR_VQ_SPREAD, 1.3);
	judge(b);
	fx_near(b->e.r.headroom.likely.v, likely * 1.3 * exp(-0.2), 0.005);
	queue_passes_at(b, HR_VQ_SPREAD, 1);
	queue_passes_at(b, 0, 1.08);
	judge(b);
	fx_near(b->e.r.headroom.at_least.v, sure, 0.005);
	queue_passes_at(b, 0, 1.2);
	judge(b);
	fx_near(b->e.r.headroom.at_least.v, sure * 1.2 * exp(-0.1), 0.005);
	b->x.pool = NULL;
}

/* 0.4 of two CPUs are 20 %: less shows too little of the load. */
static void little_load_is_of_medium_confidence(void **state)
{
	struct bench *b = *state;

	b->m.dist[HR_DIST_BUSY_1S].max = 390;
	judge(b);
	assert_int_equal(b->e.r.confidence, HR_CONFIDENCE_MEDIUM);
	b->m.dist[HR_DIST_BUSY_1S].max = 410;
	judge(b);
	assert_int_equal(b->e.r.confidence, HR_CONFIDENCE_HIGH);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_quota_decides_from_5_percent_on_while_vcpus_are_free),
		T(a_hog_takes_half_of_its_cpu_from_what_is_promised),
		T(siblings_that_fill_slow_each_other),
		T(where_more_is_late_than_the_queue_expects_nothing_beyond_today_is_promised),
		T(likely_is_told_from_where_today_lies_on_the_queues_scale),
		T(what_is_late_below_the_grid_fits_no_more_than_its_first_point),
		T(a_twentieth_of_what_was_wanted_may_be_stolen),
		T(a_cpu_that_was_stolen_from_is_judged_as_if_all_was_delivered),
		T(at_most_of_a_replay_is_its_error_above_likely),
		T(a_minute_off_its_hour_by_no_more_than_chance_is_as_its_hour),
		T(little_load_is_of_medium_confidence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
