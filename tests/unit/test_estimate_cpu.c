/* SPDX-License-Identifier: Apache-2.0 */
/* What one minute says of the CPU beyond its virtual queue: steal, gates, shared cores. */
#include "tests/unit/estimate_fixture.h"

#include <math.h>

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

/* 10 s on 2 CPUs: @run_ms of work, @steal_ms stolen, of which @max_ms in one second. */
static void ran(struct bench *b, uint64_t run_ms, uint64_t steal_ms, uint64_t max_ms)
{
	b->m.ctr[HR_CTR_ONCPU_NS] = run_ms * 1000000;
	b->m.ctr[HR_CTR_STAT_USER_MS] = run_ms;
	b->m.ctr[HR_CTR_STAT_SYSTEM_MS] = 0;
	b->m.ctr[HR_CTR_STEAL_MS] = steal_ms;
	b->m.ctr[HR_CTR_STEAL_MAX_MS] = max_ms;
	memset(&b->e, 0, sizeof(b->e));
	hr_model_cpu(&b->x, &b->e, &b->steal);
}

static void is_held_open(const struct bench *b)
{
	assert_false(b->steal.r.saturated || b->steal.r.headroom.has || b->e.r.saturated);
	assert_true(b->e.r.headroom.at_least.v <= 1); /* no yes */
	assert_false(b->e.r.headroom.likely.has);
	assert_true(b->e.r.headroom.at_most.v >= b->conf.k_target); /* and no shortage */
	assert_int_equal(b->e.r.n_missing, 1);
	assert_non_null(strstr(b->e.r.missing[0].evidence, "hypervisor"));
}

/* 6.25 % of 6.4 CPU-s in one second is one event; what lasts is what is left without two seconds.
 */
static void one_clump_of_stolen_time_is_neither_the_hosts_nor_the_sizes(void **state)
{
	struct bench *b = *state;

	ran(b, 6000, 400, 300);
	is_held_open(b);
	/* 500 - 2 x 50 of 6500: 6.2 % */
	ran(b, 6000, 500, 50);
	assert_true(b->steal.r.saturated);
	/* 500 - 2 x 100: 4.6 % */
	ran(b, 6000, 500, 100);
	is_held_open(b);
	/* the most that fits by work: nothing stolen but the clump, 2 x 10.01 / (6 - 0.032 x 0.7)
	 */
	fx_near(b->e.r.headroom.at_most.v, 2 * (6000.0 / 6300) * 10.01 / (6 - 0.0224), 1e-6);
}

static void what_a_clump_may_have_made_late_is_no_shortage(void **state)
{
	struct bench *b = *state;

	b->conf.minute_ms = 300000; /* as `measure` */
	struct hr_cpu_facts f = {.c = 2, .t_s = 10, .work_s = 6, .bursts = 10000};

	fx_near(hr_steal_clump_s(0.4, 0.3), 0.4, 1e-12);
	fx_near(hr_steal_clump_s(0.4, 0.1), 0.2, 1e-12);
	/* 60 ms of 10 s, and 1 / 0.7 as long to catch up */
	fx_near(hr_late_of_clump(&f, 0.06), 10000 * 0.006 / 0.7, 1e-9);
	f.work_s = 20;
	fx_near(hr_late_of_clump(&f, 0.06), 10000 * 0.006 / 0.1, 1e-9);

	b->m.ctr[HR_CTR_BURST_N] = b->m.ctr[HR_CTR_VQ_TOT_N] = 10000;
	b->m.ctr[HR_CTR_BURST_LATE_N] = 130; /* more than 100 + 20; without 86 it is not */
	ran(b, 6000, 60, 60);
	is_held_open(b);
	b->m.ctr[HR_CTR_BURST_LATE_N] = 207; /* 207 - 86 = 121 */
	ran(b, 6000, 60, 60);
	assert_true(b->e.r.saturated && b->e.r.headroom.at_most.v <= 1);
	/* stolen in less than the tolerated wait: nothing is late by that */
	b->m.ctr[HR_CTR_BURST_LATE_N] = 130;
	ran(b, 6000, 60, 9);
	assert_true(b->e.r.saturated);
	/* 2 x 10.01 / 17 = 1.18: short by its work, whatever waited */
	ran(b, 17000, 60, 60);
	assert_true(b->e.r.saturated && b->e.r.headroom.at_most.v <= 1);
	/* late in 60 s of a longer minute, too: not by one clump */
	b->x.part_late = true;
	ran(b, 6000, 60, 60);
	assert_true(b->e.r.saturated);
}

/*
 * Half of 2 CPUs busy with bursts of 60 us: 5 of 10 CPU-s may go as the CPUs fill, 2 likely.  At
 * most a tenth does not grow, and a request costs 1 / (1 + 0.25 x 0.5).
 */
static void work_that_idle_cpus_add_does_not_grow_with_the_load(void **state)
{
	struct bench *b = *state;

	b->m.ctr[HR_CTR_BURST_N] = b->m.ctr[HR_CTR_VQ_TOT_N] = 160000;
	ran(b, 10000, 0, 0);
	fx_near(b->e.r.headroom.at_most.v, 1.125 * (20.02 - 1) / (10 - 1 - 10 * 0.5), 1e-9);
	fx_near(b->e.r.headroom.likely.v, 20.02 / (10 - 0.4 * 10 * 0.5), 1e-9);
	/* as if all of it grew; chance: 12800 late would be too many at 8 times the load */
	fx_near(b->e.r.headroom.at_least.v, 2.002 / 1.25 / exp(0.5 / sqrt(12800)), 1e-9);
	b->conf.wakeup_us = 0;
	ran(b, 10000, 0, 0);
	fx_near(b->e.r.headroom.at_most.v, 1.125 * (20.02 - 1) / (10 - 1), 1e-9);
	fx_near(b->e.r.headroom.likely.v, 2.002, 1e-9);
	fx_near(b->e.r.headroom.at_least.v, 2.002 / 1.25 / exp(0.5 / sqrt(12800)), 1e-9);
}

/*
 * A pool of few that never sleeps waits little, however long its clients do (pgbench at 125 % of
 * what breaks it: CPUs 93 % busy, 0.01 % late, 8 % by the queue): no more is proven than the queue
 * says.
 */
static void nothing_late_on_full_cpus_does_not_prove_that_today_fits(void **state)
{
	struct bench *b = *state;

	b->m.ctr[HR_CTR_BURST_N] = b->m.ctr[HR_CTR_VQ_TOT_N] = 400000;
	for (unsigned g = 0; g < HR_VQ_GRID; g++)
		b->m.vq_bad[0][g] = b->m.vq_bad[HR_VQ_SPREAD][g] = g < 2 ? 0 : 32000;
	ran(b, 17900, 0, 0); /* 89.5 % of 20 CPU-s */
	fx_near(b->e.r.headroom.at_least.v, 1, 1e-9);
	ran(b, 18700, 0, 0);
	assert_true(b->e.r.headroom.at_least.v < 0.8);
	assert_true(b->e.r.headroom.likely.v >= 1);
	/* nor more than 1 / 1.25 of today's where the queue has room: 20.02 / 18.7 / 1.25 is 0.86
	 */
	memset(b->m.vq_bad, 0, sizeof(b->m.vq_bad));
	ran(b, 18700, 0, 0);
	fx_near(b->e.r.headroom.at_least.v, 0.8, 1e-9);
}

/*
 * nginx with a small page at 125 % of its break: 0.09 % late where the queue has 25 %, all CPUs
 * busy 98.5 % of the time.  What fits is between today's load and what the work leaves room for.
 */
static void what_full_cpus_can_carry_is_bounded_by_their_work(void **state)
{
	struct bench *b = *state;
	double work = (1 + 0.25 * 0.015) * (20.02 - 1.97) / (19.7 - 1.97 - 19.7 * 0.015);

	b->m.ctr[HR_CTR_BURST_N] = b->m.ctr[HR_CTR_VQ_TOT_N] = 400000;
	b->m.ctr[HR_CTR_BURST_LATE_N] = 360;
	for (unsigned r = 0; r < HR_VQ_ROWS; r++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++)
			b->m.vq_bad[r][g] = 100000;
	ran(b, 19700, 0, 0);
	fx_near(b->e.r.headroom.at_most.v, work, 1e-9);
	fx_near(b->e.r.headroom.likely.v, sqrt(20.02 / 19.7), 1e-9);
	assert_true(b->e.r.headroom.at_least.v < 0.8);
	/* half idle, nothing is known of what more fits: cbrt(4000 / 3900) is less than 1.3 */
	b->m.ctr[HR_CTR_BURST_LATE_N] = 3900;
	ran(b, 10000, 0, 0);
	assert_false(b->e.r.headroom.likely.has);
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
	assert_false(hr_cpu_is_late(0.01, HR_LATE_MEASURE, 500, 9));
	assert_true(hr_cpu_is_late(0.01, HR_LATE_MEASURE, 500, 10));
	/* of 10000: 100 + 20 */
	assert_false(hr_cpu_is_late(0.01, HR_LATE_MEASURE, 10000, 120));
	assert_true(hr_cpu_is_late(0.01, HR_LATE_MEASURE, 10000, 121));
	/* 0.1 + 0.63: still, one alone proves nothing */
	assert_false(hr_cpu_is_late(0.01, HR_LATE_MEASURE, 10, 1));
	assert_true(hr_cpu_is_late(0.01, HR_LATE_MEASURE, 10, 2));
	/* the service: 100 + 5 x 10; 0.1 + 1.58 */
	assert_false(hr_cpu_is_late(0.01, HR_LATE_SERVICE, 10000, 150));
	assert_true(hr_cpu_is_late(0.01, HR_LATE_SERVICE, 10000, 151));
	assert_false(hr_cpu_is_late(0.01, HR_LATE_SERVICE, 10, 1));
	assert_true(hr_cpu_is_late(0.01, HR_LATE_SERVICE, 10, 2));
}

/*
 * 1600 bursts, and as late as a minute may be at 4 times the load: 64 + 5 x 8 of 6400, 1.625 %.
 * `measure` asks for 1 %, which was passed at twice the load.
 */
static void a_larger_load_is_judged_as_a_minute_of_it_would_be(void **state)
{
	const struct hr_allow minute = {.eps = 0.01, .dev = HR_LATE_SERVICE, .bursts = 1600};
	const struct hr_allow share = {.eps = 0.01, .bursts = 1600};
	uint64_t bad[HR_VQ_GRID] = {0};
	struct hr_vq_k v;

	(void)state;
	fx_near(hr_allowed(&minute, 1), 36.0 / 1600, 1e-12);
	fx_near(hr_allowed(&minute, 4), 104.0 / 6400, 1e-12);
	fx_near(hr_allowed(&share, 4), 0.01, 0);
	for (unsigned g = 5; g < HR_VQ_GRID; g++) /* of 1600 counted in the grid's own units */
		bad[g] = g < 9 ? 26 : 160;
	/* 26 of 1600 is 1.625 %: tolerated up to 4, and at 5.04 10 % are not */
	fx_near(hr_vq_reach(bad, 1600, &minute), 4, 1e-9);
	assert_true(hr_vq_solve(bad, 1600, &minute, &v));
	fx_near(v.k, 4, 0.01);
	assert_true(hr_vq_reach(bad, 1600, &share) < 2);
}

/* 13 of 1000 are no more than 10 + 6.3; 1.3 % are proof once 0.3 % n > 2 sqrt(1 % n), n > 4444. */
static void a_measurement_says_how_much_longer_it_should_be(void **state)
{
	struct bench *b = *state;

	fx_near(hr_bursts_wanted(0.01, 2, 1000, 13), 40000.0 / 9 - 1000, 1e-6);
	fx_near(hr_bursts_wanted(0.01, 2, 1000, 17), 0, 0);                       /* proven */
	fx_near(hr_bursts_wanted(0.01, 5, 1000, 17), 250000.0 / 49 - 1000, 1e-6); /* not so */
	fx_near(hr_bursts_wanted(0.01, 2, 1000, 9), 0, 0); /* below the limit */
	fx_near(hr_bursts_wanted(0.01, 2, 60, 1), 90, 0);  /* 150 in all */

	b->m.ctr[HR_CTR_BURST_N] = b->m.ctr[HR_CTR_VQ_TOT_N] = 1000;
	b->m.ctr[HR_CTR_BURST_LATE_N] = 13;
	for (unsigned g = 2; g < HR_VQ_GRID; g++) /* as the queue expects it */
		b->m.vq_bad[0][g] = 13;
	hr_model_cpu(&b->x, &b->e, &b->steal);
	assert_int_equal(b->e.r.n_missing, 0); /* a minute of the service is as long as it is */
	b->conf.minute_ms = 300000;
	hr_model_cpu(&b->x, &b->e, &b->steal);
	assert_int_equal(b->e.r.n_missing, 1);
	assert_non_null(strstr(b->e.r.missing[0].evidence, "some 35 s more"));
	b->m.ctr[HR_CTR_BURST_LATE_N] = 9;
	hr_model_cpu(&b->x, &b->e, &b->steal);
	assert_int_equal(b->e.r.n_missing, 0);
}

/*
 * Late today and not by more than chance: what today's grow to, in proportion, is at most: of 1000,
 * 13 - 2.5 x 3.606 = 3.99 for sure, 10 at 2.51 times the load; of 10000, 110 - 26 = 84, 1.19.
 */
static void late_bursts_of_today_bound_what_fits(void **state)
{
	struct bench *b = *state;

	b->conf.minute_ms = 300000; /* as `measure` */
	b->m.ctr[HR_CTR_BURST_N] = b->m.ctr[HR_CTR_VQ_TOT_N] = 1000;
	b->m.ctr[HR_CTR_BURST_LATE_N] = 13;
	hr_model_cpu(&b->x, &b->e, &b->steal);
	fx_near(b->e.r.headroom.at_most.v, 10 / (13 - 2.5 * sqrt(13)), 1e-9);
	assert_true(b->e.r.headroom.likely.v <= b->e.r.headroom.at_most.v);
	b->m.ctr[HR_CTR_BURST_N] = b->m.ctr[HR_CTR_VQ_TOT_N] = 10000;
	b->m.ctr[HR_CTR_BURST_LATE_N] = 110;
	hr_model_cpu(&b->x, &b->e, &b->steal);
	fx_near(b->e.r.headroom.at_most.v, 100 / (110 - 2.5 * sqrt(110)), 1e-9);
	assert_false(b->e.r.saturated);
	/* 6 may be none, and 200 are too many by more than chance: 1 */
	b->m.ctr[HR_CTR_BURST_LATE_N] = 6;
	hr_model_cpu(&b->x, &b->e, &b->steal);
	fx_near(b->e.r.headroom.at_most.v, 8, 0);
	b->m.ctr[HR_CTR_BURST_LATE_N] = 200;
	hr_model_cpu(&b->x, &b->e, &b->steal);
	fx_near(b->e.r.headroom.at_most.v, 1, 1e-9);
}

/* 0.8 % late today by a believed replay of either size, 3 % beyond twice the load; 85 measured. */
static void replayed(struct bench *b, struct hr_pool *pool)
{
	*pool = (struct hr_pool){.slices = 60, .bursts = 10000, .late_n = 80, .vq_tot = 10000};
	for (unsigned r = 0; r < HR_VQ_ROWS; r++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++) {
			pool->tot[r][g] = (float)(10000 * exp2((g - 2.0) / 3));
			pool->late[r][g] = pool->tot[r][g] * (g < 6 ? 0.008F : 0.03F);
		}
	b->conf.minute_ms = 300000; /* as `measure` */
	b->x.pool = pool;
	b->m.ctr[HR_CTR_BURST_N] = b->m.ctr[HR_CTR_VQ_TOT_N] = 10000;
	b->m.ctr[HR_CTR_BURST_LATE_N] = 85;
	hr_model_cpu(&b->x, &b->e, &b->steal);
}

/*
 * 85 of 10000 late, 62 for sure: 1.61 in proportion.  But a replay that is believed, with 0.8 %
 * late today, has 1 % from twice the load on.
 */
static void a_replay_that_is_believed_is_not_cut_by_proportion(void **state)
{
	struct bench *b = *state;
	struct hr_pool pool;

	replayed(b, &pool);
	assert_true(b->e.r.headroom.likely.v > 1.9);
	fx_near(b->e.r.headroom.at_most.v, 1.25 * b->e.r.headroom.likely.v, 1e-9);
	b->x.pool = NULL;
	hr_model_cpu(&b->x, &b->e, &b->steal);
	fx_near(b->e.r.headroom.at_most.v, 100 / (85 - 2.5 * sqrt(85)), 1e-9);
}

/*
 * The replay says of two sizes the same, 0.8 % late today and 3 % beyond twice the load: each half
 * of twice the CPUs would carry that of half of the load.  What is told for sure stays its own, and
 * so does what the larger size carries beyond twice.
 */
static void twice_the_cpus_carry_twice_as_is_likely(void **state)
{
	struct bench *b = *state;
	struct hr_pool pool;
	const struct hr_bounds *now = &b->e.r.headroom, *big = &b->e.at[HR_SIZE_VCPUS];

	replayed(b, &pool);
	assert_true(now->likely.v > 2 && now->likely.v < 3);
	fx_near(big->likely.v, 2 * now->likely.v, 1e-9);
	assert_true(big->at_most.v >= 2 * now->at_most.v);
	fx_near(big->at_least.v, now->at_least.v, 1e-9);
	fx_near(b->e.at[HR_SIZE_MEMORY].likely.v, now->likely.v, 1e-9);
	assert_false(big->capped);
	for (unsigned g = 0; g < HR_VQ_GRID; g++)
		pool.late[HR_VQ_SPREAD + 1][g] = 0;
	hr_model_cpu(&b->x, &b->e, &b->steal);
	fx_near(big->likely.v, 8, 0);
	assert_true(big->capped);
	b->x.pool = NULL;
}

/*
 * The replay has room for 8 times the load, the CPUs for 2.002 times the work: what may be wrong is
 * a growth of 2.002, and no more.
 */
static void more_room_in_the_queue_than_work_allows_promises_no_less(void **state)
{
	struct hr_pool pool = {.slices = 60, .bursts = 160000, .vq_tot = 160000};
	struct bench *b = *state;

	for (unsigned r = 0; r < HR_VQ_ROWS; r++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++)
			pool.tot[r][g] = (float)(160000 * exp2((g - 2.0) / 3));
	b->conf.minute_ms = 300000; /* as `measure` */
	b->x.pool = &pool;
	b->m.ctr[HR_CTR_BURST_N] = b->m.ctr[HR_CTR_VQ_TOT_N] = 160000;
	ran(b, 10000, 0, 0);
	fx_near(b->e.r.headroom.at_least.v,
		2.002 / (1.1 * pow(2.002 / 1.5, 0.6) * exp(0.3 / sqrt(12800))), 1e-9);
	b->x.pool = NULL;
}

/*
 * 1.5 % late today.  Smaller batches would carry 1.2 times today's load, fewer of them 0.8: of what
 * is late the fewer decide, with the model's error below them.
 */
static void what_is_late_is_promised_no_more_than_fewer_bursts_carry(void **state)
{
	struct bench *b = *state;
	struct hr_pool pool = {.slices = 60, .bursts = 10000, .late_n = 150, .vq_tot = 10000};

	for (unsigned r = 0; r < HR_VQ_ROWS; r++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++) {
			pool.tot[r][g] = (float)(10000 * exp2((g - 2.0) / 3));
			pool.late[r][g] =
				pool.tot[r][g] * (r < HR_VQ_SPREAD ? (g < 3 ? 0.009F : 0.03F)
								   : (g < 1 ? 0.002F : 0.015F));
		}
	b->conf.minute_ms = 300000; /* as `measure` */
	b->x.pool = &pool;
	b->m.ctr[HR_CTR_BURST_N] = b->m.ctr[HR_CTR_VQ_TOT_N] = 10000;
	b->m.ctr[HR_CTR_BURST_LATE_N] = 150;
	ran(b, 6000, 0, 0);
	assert_true(b->e.r.saturated);
	assert_true(b->e.r.headroom.likely.v < 0.9);
	assert_true(b->e.r.headroom.at_least.v <= b->e.r.headroom.likely.v / 1.1);
	b->x.pool = NULL;
}

/* Late from twice the load on; of 1000 bursts 20 would be late there, of 100000 2000. */
static void the_fewer_bursts_the_wider_is_the_interval(void **state)
{
	struct bench *b = *state;
	double k;

	b->conf.minute_ms = 300000; /* as `measure` */
	b->m.ctr[HR_CTR_ONCPU_NS] = 1500000000;
	b->m.dist[HR_DIST_BUSY_1S].max = 500;
	b->m.ctr[HR_CTR_BURST_N] = b->m.ctr[HR_CTR_VQ_TOT_N] = 1000;
	for (unsigned g = 5; g < HR_VQ_GRID; g++)
		b->m.vq_bad[0][g] = b->m.vq_bad[HR_VQ_SPREAD][g] = 11;
	hr_model_cpu(&b->x, &b->e, &b->steal);
	k = b->e.r.headroom.likely.v;
	fx_near(k, 2, 0.05);
	fx_near(b->e.r.headroom.at_most.v, 2.6 * k * exp(0.5 / sqrt(0.01 * 1000 * k)), 1e-9);
	b->m.ctr[HR_CTR_BURST_N] = b->m.ctr[HR_CTR_VQ_TOT_N] = 100000;
	for (unsigned g = 5; g < HR_VQ_GRID; g++)
		b->m.vq_bad[0][g] = b->m.vq_bad[HR_VQ_SPREAD][g] = 1100;
	hr_model_cpu(&b->x, &b->e, &b->steal);
	k = b->e.r.headroom.likely.v;
	fx_near(b->e.r.headroom.at_most.v, 2.6 * k * exp(0.5 / sqrt(0.01 * 100000 * k)), 1e-9);
}

/*
 * 10 s of 90 at which it is asked again at the latest: three times the deviations, 100 + 6 x 10 for
 * BAD and 130 - 7.5 x 11.4 = 44.5 for sure; of 90 s the ones of a single look.
 */
static void a_look_before_the_last_wants_more(void **state)
{
	struct bench *b = *state;

	b->conf.minute_ms = 300000;
	b->conf.until_ms = 90000;
	b->m.ctr[HR_CTR_BURST_N] = b->m.ctr[HR_CTR_VQ_TOT_N] = 10000;
	b->m.ctr[HR_CTR_BURST_LATE_N] = 130;
	hr_model_cpu(&b->x, &b->e, &b->steal);
	assert_false(b->e.r.saturated);
	fx_near(b->e.r.headroom.at_most.v, 100 / (130 - 7.5 * sqrt(130)), 1e-9);
	b->m.ctr[HR_CTR_BURST_LATE_N] = 161;
	hr_model_cpu(&b->x, &b->e, &b->steal);
	assert_true(b->e.r.saturated);
	b->m.ctr[HR_CTR_BURST_LATE_N] = 130;
	b->conf.until_ms = 10000;
	hr_model_cpu(&b->x, &b->e, &b->steal);
	assert_true(b->e.r.saturated);
	/* the service judges each minute once */
	fx_near(hr_late_dev(&(struct hr_model_conf){.minute_ms = 60000}, 10), 5, 0);
}

/* The queue is late at twice the load (grid 2^((g - 2) / 3)): 2 / 1.25 fits where a vCPU is a core.
 */
static void hidden_siblings_are_named_where_they_alone_withhold_the_yes(void **state)
{
	struct bench *b = *state;

	b->conf.minute_ms = 300000; /* as `measure` */
	b->m.ctr[HR_CTR_BURST_N] = b->m.ctr[HR_CTR_VQ_TOT_N] = 10000;
	for (unsigned g = 5; g < HR_VQ_GRID; g++)
		b->m.vq_bad[0][g] = 101;
	b->m.dist[HR_DIST_BUSY_1S].p99_hi = 1000;
	hr_model_cpu(&b->x, &b->e, &b->steal);
	/* chance: 200 late would be too many there */
	fx_near(b->e.r.headroom.at_least.v, 1.6 / exp(0.5 / sqrt(200)), 0.005);
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
		T(one_clump_of_stolen_time_is_neither_the_hosts_nor_the_sizes),
		T(what_a_clump_may_have_made_late_is_no_shortage),
		T(nothing_late_on_full_cpus_does_not_prove_that_today_fits),
		T(work_that_idle_cpus_add_does_not_grow_with_the_load),
		T(a_measurement_says_how_much_longer_it_should_be),
		T(what_full_cpus_can_carry_is_bounded_by_their_work),
		T(unaccounted_time_is_forgiven_where_cpus_stood_idle),
		T(as_many_late_bursts_as_chance_gives_are_no_shortage),
		T(a_larger_load_is_judged_as_a_minute_of_it_would_be),
		T(late_bursts_of_today_bound_what_fits),
		T(a_replay_that_is_believed_is_not_cut_by_proportion),
		T(twice_the_cpus_carry_twice_as_is_likely),
		T(more_room_in_the_queue_than_work_allows_promises_no_less),
		T(what_is_late_is_promised_no_more_than_fewer_bursts_carry),
		T(the_fewer_bursts_the_wider_is_the_interval),
		T(a_look_before_the_last_wants_more),
		T(hidden_siblings_are_named_where_they_alone_withhold_the_yes),
		T(the_frozen_bound_is_the_ratio_of_cut_sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
