/* SPDX-License-Identifier: Apache-2.0 */
/* Stage 2 of the CPU estimate: pooled replays, by hand.  Grid: 0.63 0.79 1 1.26 1.59 2 .. 8. */
#include "tests/unit/hr_cmocka.h"
#include "tests/unit/model_fixture.h"

#include "collector/core/model.h"

/* A minute with 1000 bursts recorded and replayed; late shares per mille from @pm on, one row. */
static const struct hr_allow one_percent = {.eps = 0.01};

static void replayed(struct hr_minute *m, const uint32_t pm[HR_VQ_GRID])
{
	memset(m, 0, sizeof(*m));
	m->windows = 1;
	m->have = (1ULL << HR_SIG_N) - 1;
	m->covered_ms = 1;
	m->ctr[HR_CTR_REPLAY_BURST_N] = 1000;
	m->ctr[HR_CTR_REPLAY_SLICE_N] = 2;
	m->ctr[HR_CTR_VQ_TOT_N] = 1000;
	for (unsigned r = 0; r < HR_VQ_ROWS; r++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++) {
			uint32_t n = (uint32_t)lround(1000 * pow(2, (g - 2.0) / 3));

			m->replay.tot[r][g] = n;
			m->replay.late[r][g] = (uint32_t)lround(n * pm[g] / 1000.0);
		}
}

/* Replayed, parts of 1000 late: 0.4 % at 1.26, 3 % at 1.59. */
static const uint32_t growing[HR_VQ_GRID] = {0, 0, 0, 4, 30, 60, 100, 200, 300, 400, 500, 600};

static void the_largest_load_with_one_percent_late_is_k(void **state)
{
	/* w = ln(1001/401)/ln(3001/401) = 0.454507 in ln(f + 1e-5) */
	struct hr_pool p = {0};
	struct hr_stage2 s;
	struct hr_minute m;

	(void)state;
	replayed(&m, growing);
	hr_pool_add(&p, &m);
	hr_stage2_of(&p, &one_percent, &s);
	assert_true(s.used);
	fx_near(s.inside[0], 1.259921 * pow(1.259921, 0.454), 0.005);
	fx_near(s.apart[1], s.inside[0], 1e-9);
	fx_near(s.predicted, 0, 1e-9);
	fx_near(s.vq_inside[0], 8, 1e-9); /* no wake was late in the queue */
}

static void loads_that_were_not_replayed_count_as_late(void **state)
{
	const uint32_t pm[HR_VQ_GRID] = {0};
	struct hr_pool p = {0};
	struct hr_stage2 s;
	struct hr_curve c;
	struct hr_minute m;

	(void)state;
	replayed(&m, pm);
	/* one of two equal slices stopped at k = 2 (g = 5): half of the bursts are missing above */
	for (unsigned g = 6; g < HR_VQ_GRID; g++)
		m.replay.tot[0][g] /= 2;
	hr_pool_add(&p, &m);
	assert_true(hr_pool_replay(&p, 0, &c));
	fx_near(c.f[5], 0, 1e-9);
	fx_near(c.f[6], 0.5, 1e-3);
	hr_stage2_of(&p, &one_percent, &s);
	/* from 0 to a half: ln(1001)/ln(50001) of a grid step beyond 2 */
	fx_near(s.inside[0], 2 * pow(1.259921, log(1001) / log(50001)), 0.002);
	/* and copies that chance drew fewer of, 30 of 1260, are not missing */
	replayed(&m, pm);
	m.replay.tot[0][3] -= 30;
	memset(&p, 0, sizeof(p));
	hr_pool_add(&p, &m);
	assert_true(hr_pool_replay(&p, 0, &c));
	fx_near(c.f[3], 0, 1e-9);
}

static void it_is_not_used_without_evidence(void **state)
{
	const uint32_t pm[HR_VQ_GRID] = {0, 0, 9, 9, 30, 60, 100, 200, 300, 400, 500, 600};
	struct hr_pool p = {0};
	struct hr_stage2 s;
	struct hr_minute m;

	(void)state;
	hr_stage2_of(&p, &one_percent, &s);
	assert_false(s.used);
	assert_non_null(s.why);
	replayed(&m, pm);
	m.ctr[HR_CTR_REPLAY_BURST_N] = 199;
	hr_pool_add(&p, &m);
	hr_stage2_of(&p, &one_percent, &s);
	assert_false(s.used);
	/* 0.9 % of 1000 by replay, 3 of them are alike: (0.009 + 0.003) / 2 - 0.003 = 0.3 % as they
	 * ran is the least allowed */
	replayed(&m, pm);
	memset(&p, 0, sizeof(p));
	m.ctr[HR_CTR_REPLAY_LATE_N] = 4;
	hr_pool_add(&p, &m);
	hr_stage2_of(&p, &one_percent, &s);
	assert_true(s.used);
	p.late_n = 2;
	hr_stage2_of(&p, &one_percent, &s);
	assert_false(s.used);
	p.late_n = 19; /* below (0.009 + 0.003) x 2 - 0.003 = 2.1 % */
	hr_stage2_of(&p, &one_percent, &s);
	assert_true(s.used);
	p.late_n = 23;
	hr_stage2_of(&p, &one_percent, &s);
	assert_false(s.used);
}

/*
 * The slices met a slow second that the rest of the time had not: 3 % late at 1.59 by the replay
 * and by the queue of the same bursts, 1 % by the queue of all the time.  The replay follows the
 * queue, so 1 % it is.  Where less than nine tenths of the bursts have such a queue (those of older
 * agents have none): as recorded.
 */
static void what_the_slices_met_by_chance_is_taken_off(void **state)
{
	struct hr_pool p = {0};
	struct hr_stage2 s;
	struct hr_minute m;

	(void)state;
	replayed(&m, growing);
	m.ctr[HR_CTR_REPLAY_QUEUED_N] = 1000;
	m.ctr[HR_CTR_VQ_TOT_N] = 1000;
	for (unsigned z = 0; z < HR_VQ_SIZES; z++)
		for (unsigned g = 4; g < HR_VQ_GRID; g++) {
			m.replay.queued[z][g] = growing[g];
			m.vq_bad[z][g] = growing[g] - 20;
		}
	hr_pool_add(&p, &m);
	hr_stage2_of(&p, &one_percent, &s);
	assert_true(s.used);
	fx_near(s.inside[0], 1.587401, 0.015); /* 48 of 1587 */
	fx_near(s.inside[1], s.inside[0], 1e-9);
	assert_true(s.recorded[0] < 1.42);
	fx_near(s.apart[0], s.recorded[0], 1e-9); /* growth elsewhere: as recorded */
	for (unsigned g = 0; g < HR_VQ_GRID; g++)
		p.queued[0][g] *= 0.9F; /* the same share of fewer */
	p.queued_n = 900;
	hr_stage2_of(&p, &one_percent, &s);
	assert_true(s.inside[0] > s.recorded[0] + 0.1);
	p.queued_n = 899;
	hr_stage2_of(&p, &one_percent, &s);
	fx_near(s.inside[0], s.recorded[0], 1e-9);
}

/*
 * What the slices missed is put on.  The queue has 2 % at 1.26 in all the time and none in the
 * slices, in which the replay has 0.4 %: 2.4 %.
 */
static void what_the_slices_missed_is_put_on(void **state)
{
	struct hr_pool p = {0};
	struct hr_stage2 s;
	struct hr_minute m;

	(void)state;
	replayed(&m, growing);
	m.ctr[HR_CTR_REPLAY_QUEUED_N] = 1000;
	for (unsigned g = 3; g < HR_VQ_GRID; g++)
		m.vq_bad[0][g] = 20;
	hr_pool_add(&p, &m);
	hr_stage2_of(&p, &one_percent, &s);
	/* between none at 1 and 2.4 %: ln(1001)/ln(2401) of a step */
	fx_near(s.inside[0], pow(1.259921, log(1001) / log(2401)), 0.002);
	/* of a queue that cries wolf ten times as often as bursts are late, a tenth */
	for (unsigned g = 3; g < HR_VQ_GRID; g++)
		p.queued[0][g] = 58;
	hr_stage2_of(&p, &one_percent, &s);
	/* 0.4 % + (0.4 + 0.2) / (5.8 + 0.2) x (2 % - 5.8 %) = 0.02 % */
	assert_true(s.inside[0] > 1.3 && s.inside[0] < 1.6);
}

static void a_pool_fades_over_an_hour(void **state)
{
	const uint32_t pm[HR_VQ_GRID] = {0};
	struct hr_pool p = {0};
	struct hr_minute m;

	(void)state;
	replayed(&m, pm);
	hr_pool_add(&p, &m);
	memset(&m, 0, sizeof(m));
	m.windows = 1;
	m.covered_ms = HR_POOL_S * 1000; /* an hour without any of it: 1000/e left */
	hr_pool_add(&p, &m);
	fx_near(p.bursts, 367.88, 0.01);
	fx_near(p.tot[3][2], 367.88, 0.01);
	fx_near(p.vq_tot, 367.88, 0.01);
}

static void the_queue_carries_it_to_other_minutes(void **state)
{
	(void)state;
	/* the queue says 1.5 of a minute where it said 2 of the pool, and the replay 3: 2.25 */
	fx_near(hr_stage2_k(1.5, 3, 2), 2.25, 1e-12);
	/* where it never gets late it says nothing: the replay alone */
	fx_near(hr_stage2_k(8, 3, 8), 3, 1e-12);
	fx_near(hr_stage2_k(8, 8, 2), 8, 1e-12);
	fx_near(hr_stage2_k(0.13, 0.2, 2), 0.125, 1e-12);
}

/* A pool of four minutes of 150: 150 + 3 sqrt(6 x 150) = 240 are chance. */
static void a_minute_of_a_busier_time_is_not_the_pools(void **state)
{
	struct hr_pool p = {.slices = 3, .lost = 1, .vq_tot = 600};
	struct hr_allow a = {.eps = 0.01, .dev = 5, .bursts = 240};
	struct hr_stage2 s;

	(void)state;
	hr_stage2_of(&p, &a, &s);
	assert_false(s.busier || s.used);
	a.bursts = 241;
	hr_stage2_of(&p, &a, &s);
	assert_true(s.busier);
	p.slices = p.lost = 0; /* nobody knows of how many minutes: of none */
	hr_stage2_of(&p, &a, &s);
	assert_true(s.busier);
}

/*
 * A queue whose late share is 1.5 % k^2, minutes of 10,000 bursts: 100 k + 5 sqrt(100 k) may be
 * late, which 1.5 % of them are at k = 1.  150 late ones in clumps of 6 are known to a fifth, and
 * half of it is k's, whose square the share goes with.
 */
static void chance_of_a_minute_by_its_late_ones_and_the_curve(void **state)
{
	const struct hr_allow a = {.eps = 0.01, .dev = 5, .bursts = 10000};
	struct hr_pool p = {0};
	struct hr_stage2 s;
	struct hr_minute m;

	(void)state;
	replayed(&m, growing);
	m.ctr[HR_CTR_VQ_TOT_N] = 1000000;
	for (unsigned r = 0; r < HR_VQ_ROWS; r++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++)
			m.vq_bad[r][g] = (uint64_t)lround(15000 * pow(4, (g - 2.0) / 3));
	hr_pool_add(&p, &m);
	hr_stage2_of(&p, &a, &s);
	fx_near(s.vq_apart[0], 1, 0.002);
	fx_near(s.noise[0], 0.1, 0.001);
	/* both ways to grow have the same counts here */
	fx_near(s.vq_inside[0], 1, 0.002);
	fx_near(s.noise_inside[0], 0.1, 0.001);
	fx_near(s.vq_bursts, 1000000, 1);
	/* twice of it is chance; what is beyond counts */
	fx_near(hr_stage2_shrunk(1.2, 1, 0.1, 2), 1, 1e-12);
	fx_near(hr_stage2_shrunk(0.9, 1, 0.1, 2), 1, 1e-12);
	fx_near(hr_stage2_shrunk(2, 1, 0.1, 2), 2 * exp(-0.2), 1e-12);
	fx_near(hr_stage2_shrunk(0.5, 1, 0.1, 2), 0.5 * exp(0.2), 1e-12);
	fx_near(hr_stage2_shrunk(0.5, 1, 0, 2), 0.5, 1e-12);
}

/* 3 % at every load, where none was late: off by more than the replay is a model for. */
static void today_lies_no_lower_than_a_quarter(void **state)
{
	const struct hr_allow a = {.eps = 0.01, .bursts = 10000};
	struct hr_pool p = {.slices = 60, .bursts = 10000, .vq_tot = 10000};
	struct hr_stage2 s;

	(void)state;
	for (unsigned r = 0; r < HR_VQ_ROWS; r++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++) {
			p.tot[r][g] = (float)(10000 * exp2((g - 2.0) / 3));
			p.late[r][g] = 0.03F * p.tot[r][g];
		}
	hr_stage2_of(&p, &a, &s);
	fx_near(s.today, 0.25, 0);
	assert_false(s.used);
}

/* None late up to 1.59 times the load, all at twice: 100 k + 5 sqrt(100 k) late ones in clumps of
 * 6, and a share that goes with the eighth power of the load at most. */
static void a_steep_curve_leaves_an_eighth_of_chance(void **state)
{
	const struct hr_allow a = {.eps = 0.01, .dev = 5, .bursts = 10000};
	struct hr_pool p = {.vq_tot = 10000};
	struct hr_stage2 s;
	double k;

	(void)state;
	for (unsigned r = 0; r < HR_VQ_ROWS; r++)
		for (unsigned g = 5; g < HR_VQ_GRID; g++)
			p.vq_bad[r][g] = 10000;
	hr_stage2_of(&p, &a, &s);
	k = s.vq_apart[0];
	assert_true(k > 1.59 && k < 2);
	fx_near(s.noise[0], sqrt(6 / (100 * k + 50 * sqrt(k))) / 8, 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_largest_load_with_one_percent_late_is_k),
		cmocka_unit_test(loads_that_were_not_replayed_count_as_late),
		cmocka_unit_test(it_is_not_used_without_evidence),
		cmocka_unit_test(what_the_slices_met_by_chance_is_taken_off),
		cmocka_unit_test(what_the_slices_missed_is_put_on),
		cmocka_unit_test(a_pool_fades_over_an_hour),
		cmocka_unit_test(the_queue_carries_it_to_other_minutes),
		cmocka_unit_test(chance_of_a_minute_by_its_late_ones_and_the_curve),
		cmocka_unit_test(a_minute_of_a_busier_time_is_not_the_pools),
		cmocka_unit_test(today_lies_no_lower_than_a_quarter),
		cmocka_unit_test(a_steep_curve_leaves_an_eighth_of_chance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
