/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that carry more for a while: what a bucket holds, and what the operator tells of it. */
#include "tests/unit/estimate_fixture.h"

/* Refilled at 300/s, of which 720 were once saved; 100 in the most of 10 s, 40 in 0.1 s. */
static void bursts_fit_that_a_token_bucket_holds(void **state)
{
	struct bench *b = *state;
	struct hr_minute_dev *d = &b->dev[0];

	disk_load(b, 50, 0.4);
	b->limit[0] = queued_at_300;
	b->limit[0].saved[0] = 720;
	b->limit[0].best_ops_s = 600;
	d->dist[HR_DDIST_OPS_100MS].p99_hi = 40;
	d->rate_ops = 100;
	hr_model_disk(&b->x, 0, &b->e);
	/* 300 / 400 + 720 / 1000 */
	fx_near(b->e.r.headroom.likely.v, 1.47, 1e-9);
	fx_near(b->e.r.headroom.at_least.v, 1.47 / 1.1, 1e-9);
	fx_near(b->e.r.headroom.at_most.v, 1.1 * 300 / 50, 1e-9); /* the minute's mean */
	b->limit[0].best_ops_s = 500;                             /* no burst was ever faster */
	hr_model_disk(&b->x, 0, &b->e);
	fx_near(b->e.r.headroom.likely.v, 1.25, 1e-9);
	b->limit[0].saved[0] = 1e6; /* minutes of it: then what is refilled counts */
	b->limit[0].best_ops_s = 3000;
	hr_model_disk(&b->x, 0, &b->e);
	fx_near(b->e.r.headroom.likely.v, 3, 1e-9);
	/* evenly spread there is no burst, saved or not */
	d->dist[HR_DDIST_OPS_100MS].p99_hi = 10;
	hr_model_disk(&b->x, 0, &b->e);
	fx_near(b->e.r.headroom.likely.v, 3, 1e-9);
}

/* 300/s are the baseline, 3000 what bursts carry: 400 in a burst of 100 on average refute neither.
 */
static void a_baseline_told_with_its_bursts_is_not_refuted_by_them(void **state)
{
	struct bench *b = *state;
	struct hr_minute_dev *d = &b->dev[0];

	disk_load(b, 50, 0.4);
	d->dist[HR_DDIST_OPS_100MS].p99_hi = 40;
	d->rate_ops = 100;
	b->limit[0].best_ops_s = 3300;
	b->limit[0].best_ops = 330;
	b->limit[0].best_kib_s = 13200;
	b->limit[0].best_kib = 1320;
	b->facts.dev[0].cap_iops = 300;
	hr_model_disk(&b->x, 0, &b->e);
	assert_int_equal(b->e.r.capacity.source, HR_CAP_LOWER_BOUND); /* the baseline alone */
	b->facts.dev[0].burst_iops = 3000;
	hr_model_disk(&b->x, 0, &b->e);
	assert_int_equal(b->e.r.capacity.source, HR_CAP_CONFIGURED);
	fx_near(b->e.r.capacity.value.v, 300, 0);
	fx_near(b->e.r.headroom.likely.v, 3, 1e-9);         /* 300 / 100, of 3000 / 400 */
	fx_near(b->e.r.headroom.at_least.v, 1 / 1.1, 1e-9); /* how much is saved is not known */
	fx_near(b->e.r.headroom.at_most.v, 300 / 50.0 * 1.1, 1e-9);
	d->rate_ops = 40;
	hr_model_disk(&b->x, 0, &b->e);
	fx_near(b->e.r.headroom.likely.v, 7.5, 1e-9); /* the burst's own rate */
	b->limit[0].best_ops_s = 3700;
	hr_model_disk(&b->x, 0, &b->e);
	assert_int_equal(b->e.r.capacity.source, HR_CAP_LOWER_BOUND);
}

static void late_at_the_baseline_its_bursts_are_used_up(void **state)
{
	struct bench *b = *state;

	disk_load(b, 310, 15.9);
	b->dev[0].late[0] = 3000;
	b->dev[0].rate_ops = 310;
	b->m.ctr[HR_CTR_PSI_IO_SOME_US] = 9900000;
	b->limit[0].best_ops_s = 3000;
	b->facts.dev[0].cap_iops = 300;
	b->facts.dev[0].burst_iops = 3000;
	b->facts.dev[0].cap_bytes_per_s = 100 << 20;
	hr_model_disk(&b->x, 0, &b->e);
	assert_true(b->e.r.saturated && b->e.external && b->e.bursts_gone && !b->e.below_told);
	assert_int_equal(b->e.r.confidence, HR_CONFIDENCE_HIGH);
	fx_near(b->e.r.capacity.value.v, 300, 0);
	fx_near(b->e.r.headroom.likely.v, 1, 0);
	fx_near(evidence(b, "burst_told"), 3000, 0);
	assert_non_null(strstr(b->e.reason, "bursts are used up"));
	/* late at 2900/s: what bursts carry is met, and not used up yet */
	disk_load(b, 2900, 15.9);
	b->dev[0].late[0] = 29000;
	b->dev[0].rate_ops = 2900;
	hr_model_disk(&b->x, 0, &b->e);
	assert_true(b->e.r.saturated && b->e.external && !b->e.bursts_gone);
	fx_near(b->e.r.capacity.value.v, 3000, 0);
	/* at 100/s neither */
	disk_load(b, 100, 15.9);
	b->dev[0].late[0] = 1000;
	b->dev[0].rate_ops = 100;
	hr_model_disk(&b->x, 0, &b->e);
	assert_true(b->e.r.saturated && b->e.below_told && !b->e.bursts_gone);
}

/* 3000/s for 20 minutes, then late at 300/s. */
static void a_plateau_after_minutes_of_a_higher_rate_is_told_as_a_hint(void **state)
{
	struct bench *b = *state;
	struct hr_limit *l = &b->limit[0];

	disk_load(b, 300, 15.9);
	b->dev[0].late[0] = 3000;
	b->m.ctr[HR_CTR_PSI_IO_SOME_US] = 9900000;
	*l = queued_at_300;
	l->high = (struct hr_run){12000, {3600000, 14400000}};
	l->high_ms = b->m.to_ms - 60000;
	hr_model_disk(&b->x, 0, &b->e);
	assert_true(b->e.r.saturated && b->e.external);
	fx_near(b->e.high, 3000, 1e-9);
	fx_near(b->e.high_s, 1200, 1e-9);
	fx_near(evidence(b, "carried_before"), 3000, 1e-9);
	fx_near(evidence(b, "carried_before_for"), 1200000, 1e-9);
	l->high_ms = b->m.to_ms - 7ULL * 86400000 - 1; /* no part of the lookback */
	hr_model_disk(&b->x, 0, &b->e);
	fx_near(b->e.high, 0, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(bursts_fit_that_a_token_bucket_holds),
		T(a_baseline_told_with_its_bursts_is_not_refuted_by_them),
		T(late_at_the_baseline_its_bursts_are_used_up),
		T(a_plateau_after_minutes_of_a_higher_rate_is_told_as_a_hint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
