/* SPDX-License-Identifier: Apache-2.0 */
/* Learned caps: answer-model 8 and worked examples 11 and 12. */
#include "tests/unit/hr_cmocka.h"
#include "tests/unit/model_fixture.h"

#include "collector/core/limit.h"
#include "proto/hist.h"

/* Requests per second and KiB of the ten queued windows of example 11 (rates of 100 ms windows). */
static const unsigned ops_of[10] = {300, 300, 300, 298, 303, 296, 300, 300, 302, 299};
static const unsigned kib_of[10] = {1200, 900, 2400, 1500, 3000, 1100, 800, 2200, 1900, 1400};

/* @times the ten windows; one episode each time. Rates are ten times what a window holds. */
static void queue(struct hr_limit *l, unsigned times, const unsigned *kib)
{
	struct hr_dev_summary *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	d->have = HR_SIG_BIT(HR_SIG_DISK_IO);
	for (unsigned i = 0; i < 10; i++) {
		d->ctr[HR_DCTR_WIN_QUEUED_OPS] += ops_of[i];
		d->ctr[HR_DCTR_WIN_QUEUED_OPS2] += (uint64_t)ops_of[i] * ops_of[i];
		d->ctr[HR_DCTR_WIN_QUEUED_KIB] += kib[i];
		d->ctr[HR_DCTR_WIN_QUEUED_KIB2] += (uint64_t)kib[i] * kib[i];
	}
	d->ctr[HR_DCTR_WIN_QUEUED_N] = 10;
	d->ctr[HR_DCTR_WIN_EPISODES] = 1;
	for (unsigned i = 0; i < times; i++)
		hr_limit_add(l, d, false, false, FX_T0_MS + i * 10000);
	free(d);
}

static void thirty_queued_windows_in_three_episodes_make_a_cap(void **state)
{
	struct hr_limit l = {0};
	struct hr_cap c;

	(void)state;
	queue(&l, 2, kib_of);
	hr_limit_cap(&l, &c);
	assert_int_equal(c.kind, HR_LIMIT_NONE); /* 20 windows, 2 episodes */
	queue(&l, 1, kib_of);
	hr_limit_cap(&l, &c);
	assert_int_equal(c.kind, HR_LIMIT_OPS);
	/* mean of the ten is 299.8 a window, ten windows a second */
	fx_near(c.ops_per_s, 2998, 1e-6);
	fx_near(c.cv_ops, 0.0061, 0.0001);
	fx_near(c.cv_bytes, 0.415, 0.001);
}

static void a_constant_request_size_leaves_the_kind_open(void **state)
{
	unsigned kib[10];
	struct hr_limit l = {0};
	struct hr_cap c;

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		kib[i] = 4 * ops_of[i];
	queue(&l, 3, kib);
	hr_limit_cap(&l, &c);
	assert_int_equal(c.kind, HR_LIMIT_EITHER);
	fx_near(c.bytes_per_s, 2998.0 * 4096, 1);
}

/* A window of a disk whose cap @l has learned. */
static struct hr_dev_summary *after_queues(struct hr_limit *l)
{
	struct hr_dev_summary *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	queue(l, 3, kib_of);
	d->have = HR_SIG_BIT(HR_SIG_DISK_IO);
	return d;
}

static void a_clean_window_above_the_cap_ends_it(void **state)
{
	struct hr_limit l = {0};
	struct hr_dev_summary *d = after_queues(&l);
	struct hr_cap c;

	(void)state;
	d->ctr[HR_DCTR_WIN_CLEAN_OPS_MAX] = 320; /* 3200/s, 7 % above: within reason */
	hr_limit_add(&l, d, false, false, FX_T0_MS + 50000);
	hr_limit_cap(&l, &c);
	assert_int_equal(c.kind, HR_LIMIT_OPS);
	d->ctr[HR_DCTR_WIN_CLEAN_OPS_MAX] =
		599; /* what the throttle had saved, and for 0.1 s more */
	d->ctr[HR_DCTR_SEC_OPS_MAX] = 3300;
	hr_limit_add(&l, d, false, false, FX_T0_MS + 55000);
	hr_limit_cap(&l, &c);
	assert_int_equal(c.kind, HR_LIMIT_OPS);
	d->ctr[HR_DCTR_WIN_CLEAN_OPS_MAX] = 340;
	d->ctr[HR_DCTR_SEC_OPS_MAX] = 3700; /* a second at 23 % above: the volume was resized */
	hr_limit_add(&l, d, false, false, FX_T0_MS + 60000);
	hr_limit_cap(&l, &c);
	assert_int_equal(c.kind, HR_LIMIT_NONE);
	assert_int_equal(l.clean_ops, 599);
	free(d);
}

/* 100 requests within 0.1 s once a second: no throttle of 300/s lets more than 60 of them go. */
static void a_window_of_more_than_a_throttle_saves_ends_a_cap_whatever_the_second(void **state)
{
	struct hr_dev_summary *d = calloc(1, sizeof(*d));
	struct hr_limit l = {.since_ms = FX_T0_MS,
		.queued_n = 40,
		.episodes = 4,
		.ops = 1200,
		.ops2 = 36000,
		.kib = 8000,
		.kib2 = 2500000};
	struct hr_cap c;

	(void)state;
	assert_non_null(d);
	d->have = HR_SIG_BIT(HR_SIG_DISK_IO);
	d->ctr[HR_DCTR_WIN_CLEAN_OPS_MAX] = 65; /* within a tenth of twice the cap */
	d->ctr[HR_DCTR_SEC_OPS_MAX] = 100;
	assert_false(hr_limit_add(&l, d, false, false, FX_T0_MS + 10000));
	hr_limit_cap(&l, &c);
	fx_near(c.ops_per_s, 300, 1e-9);
	d->ctr[HR_DCTR_WIN_CLEAN_OPS_MAX] = 100;
	assert_true(hr_limit_add(&l, d, false, false, FX_T0_MS + 20000));
	hr_limit_cap(&l, &c);
	assert_int_equal(c.kind, HR_LIMIT_NONE);
	free(d);
}

static void a_cap_is_forgotten_after_30_days(void **state)
{
	struct hr_limit l = {0};
	struct hr_dev_summary *d = after_queues(&l);
	struct hr_cap c;

	(void)state;
	hr_limit_add(&l, d, false, false, FX_T0_MS + 30ULL * 86400000); /* to the millisecond */
	hr_limit_cap(&l, &c);
	assert_int_equal(c.kind, HR_LIMIT_OPS);
	hr_limit_add(&l, d, false, false, FX_T0_MS + 30ULL * 86400000 + 1);
	hr_limit_cap(&l, &c);
	assert_int_equal(c.kind, HR_LIMIT_NONE);
	assert_int_equal(l.queued_n, 0);
	free(d);
}

static void a_varying_rate_is_no_cap(void **state)
{
	static const unsigned kib[10] = {10, 2000, 30, 900, 5, 7000, 20, 300, 800, 60};
	struct hr_limit l = {.since_ms = 1};
	struct hr_cap c;

	(void)state;
	l.queued_n = 40;
	l.episodes = 4;
	for (unsigned i = 0; i < 40; i++) { /* same numbers for both: CV far above 8 % */
		l.ops += kib[i % 10];
		l.ops2 += (double)kib[i % 10] * kib[i % 10];
		l.kib += kib[i % 10];
		l.kib2 += (double)kib[i % 10] * kib[i % 10];
	}
	hr_limit_cap(&l, &c);
	assert_int_equal(c.kind, HR_LIMIT_NONE);
	fx_near(c.ops_per_s, 0, 0);
}

/* A window of 100 ms rates of 500 KiB, nearly all of them, sent by a NIC. */
static void sent(struct hr_dev_summary *d, uint64_t kib)
{
	d->have = HR_SIG_BIT(HR_SIG_NET_IO);
	memset(&d->dist[HR_DDIST_TX_KIB_100MS], 0, sizeof(struct hr_hist));
	assert_true(hr_hist_add(&d->dist[HR_DDIST_TX_KIB_100MS], kib, 100));
}

static void a_plateau_with_inflated_round_trips_is_a_shaper(void **state)
{
	struct hr_dev_summary *d = calloc(1, sizeof(*d));
	struct hr_limit l = {0};
	struct hr_cap c;

	(void)state;
	assert_non_null(d);
	sent(d, 500);
	for (unsigned i = 0; i < 9; i++) /* as flat, but nothing waits on the way */
		hr_limit_add(&l, d, false, false, FX_T0_MS + i * 10000);
	hr_limit_cap(&l, &c);
	assert_int_equal(c.kind, HR_LIMIT_NONE);
	assert_int_equal(l.best_kib_s, 5000);
	for (unsigned i = 0; i < 2; i++)
		hr_limit_add(&l, d, true, false, FX_T0_MS + 90000 + i * 10000);
	hr_limit_cap(&l, &c);
	assert_int_equal(c.kind, HR_LIMIT_NONE); /* two windows */
	hr_limit_add(&l, d, true, false, FX_T0_MS + 110000);
	hr_limit_cap(&l, &c);
	assert_int_equal(c.kind, HR_LIMIT_BYTES);
	fx_near(c.bytes_per_s, 500 * 1024 * 10, 1e-6);
	sent(d, 540); /* 8 % more: within reason */
	hr_limit_add(&l, d, false, false, FX_T0_MS + 120000);
	hr_limit_cap(&l, &c);
	assert_int_equal(c.kind, HR_LIMIT_BYTES);
	sent(d, 560); /* 12 % more for 10 s: the way is wider now */
	hr_limit_add(&l, d, false, false, FX_T0_MS + 130000);
	hr_limit_cap(&l, &c);
	assert_int_equal(c.kind, HR_LIMIT_NONE);
	free(d);
}

static void round_trips_are_inflated_from_10_ms_on(void **state)
{
	struct hr_summary *s = calloc(1, sizeof(*s));

	(void)state;
	assert_non_null(s);
	assert_true(hr_hist_add(&s->dist[HR_DIST_RTT_INFLATION], 60000, 1));
	assert_false(hr_rtt_inflated(s)); /* not measured */
	s->have = HR_SIG_BIT(HR_SIG_TCP_RTT);
	assert_true(hr_rtt_inflated(s));
	memset(&s->dist[HR_DIST_RTT_INFLATION], 0, sizeof(struct hr_hist));
	assert_false(hr_rtt_inflated(s)); /* nothing under way */
	assert_true(hr_hist_add(&s->dist[HR_DIST_RTT_INFLATION], 9000, 1));
	assert_false(hr_rtt_inflated(s));
	free(s);
}

/* Two disks of one window, requests of both queued; their limits may be one, which is the VM's. */
static void what_queued_beside_another_disk_teaches_no_cap(void **state)
{
	struct hr_summary *s = calloc(1, sizeof(*s));
	struct hr_dev_summary *d = &s->dev[0];
	struct hr_limit l = {0};
	struct hr_cap c;

	(void)state;
	assert_non_null(s);
	s->n_dev = 2;
	for (unsigned i = 0; i < 2; i++) {
		s->dev[i].dev = (uint8_t)i;
		s->dev[i].have = HR_SIG_BIT(HR_SIG_DISK_IO);
	}
	d->ctr[HR_DCTR_WIN_QUEUED_N] = 20;
	d->ctr[HR_DCTR_WIN_QUEUED_OPS] = 600;
	d->ctr[HR_DCTR_WIN_QUEUED_OPS2] = 18000;
	d->ctr[HR_DCTR_WIN_EPISODES] = 1;
	assert_false(hr_limit_shared(s, d));
	s->dev[1].ctr[HR_DCTR_WIN_QUEUED_N] = 4; /* next to nothing beside 20 */
	assert_false(hr_limit_shared(s, d));
	assert_true(hr_limit_shared(s, &s->dev[1]));
	s->dev[1].ctr[HR_DCTR_WIN_QUEUED_N] = 5;
	assert_true(hr_limit_shared(s, d));
	s->dev[1].have = HR_SIG_BIT(HR_SIG_NET_IO); /* a NIC has no such windows */
	assert_false(hr_limit_shared(s, d));
	for (unsigned i = 0; i < 6; i++)
		hr_limit_add(&l, d, false, i < 3, FX_T0_MS + i * 10000);
	hr_limit_cap(&l, &c);
	assert_int_equal(l.queued_n, 60); /* of 120 */
	assert_int_equal(l.episodes, 3);
	fx_near(c.ops_per_s, 300, 1e-9);
	/* 50/s is less than any volume sold carries: kept, and still no episode */
	d->ctr[HR_DCTR_WIN_QUEUED_OPS] = 100;
	hr_limit_add(&l, d, false, true, FX_T0_MS + 60000);
	assert_int_equal(l.queued_n, 80);
	assert_int_equal(l.episodes, 3);
	free(s);
}

/* Sums over 40 queued windows of 30 requests and 200 KiB whose rates vary by these CVs. */
static enum hr_limit_kind kind_of(double cv_ops, double cv_kib)
{
	struct hr_limit l = {.since_ms = 1,
		.queued_n = 40,
		.episodes = 4,
		.ops = 40 * 30,
		.ops2 = 40 * 30 * 30 * (1 + cv_ops * cv_ops),
		.kib = 40 * 200,
		.kib2 = 40 * 200 * 200 * (1 + cv_kib * cv_kib)};
	struct hr_cap c;

	hr_limit_cap(&l, &c);
	return c.kind;
}

static void a_rate_within_15_percent_is_constant_and_half_as_varied_tells_the_kind(void **state)
{
	(void)state;
	assert_int_equal(kind_of(0.14, 0.40), HR_LIMIT_OPS);
	assert_int_equal(kind_of(0.16, 0.40), HR_LIMIT_NONE);
	assert_int_equal(kind_of(0.40, 0.14), HR_LIMIT_BYTES);
	assert_int_equal(kind_of(0.40, 0.16), HR_LIMIT_NONE);
	assert_int_equal(kind_of(0.10, 0.21), HR_LIMIT_OPS);
	assert_int_equal(kind_of(0.10, 0.19), HR_LIMIT_NONE);
	assert_int_equal(kind_of(0.21, 0.10), HR_LIMIT_BYTES);
	assert_int_equal(kind_of(0.19, 0.10), HR_LIMIT_NONE);
	assert_int_equal(kind_of(0.14, 0.14), HR_LIMIT_EITHER);
}

/*
 * An episode of a bucket in one window of 10 s: a head of 24 windows of 60 requests, then 40 of 30,
 * of any sizes; @saved is what the head had beyond.
 */
static void bucket_episode(struct hr_dev_summary *d, uint64_t saved)
{
	d->have = HR_SIG_BIT(HR_SIG_DISK_IO);
	d->ctr[HR_DCTR_WIN_QUEUED_N] = 64;
	d->ctr[HR_DCTR_WIN_QUEUED_OPS] = 24 * 60 + 40 * 30;
	d->ctr[HR_DCTR_WIN_QUEUED_OPS2] = 24 * 3600 + 40 * 900;
	d->ctr[HR_DCTR_WIN_QUEUED_KIB] = 64 * 1000;
	d->ctr[HR_DCTR_WIN_QUEUED_KIB2] = 64 * 2000000; /* CV 100 % */
	d->ctr[HR_DCTR_WIN_EPISODES] = 1;
	d->ctr[HR_DCTR_WIN_HEAD_N] = 24;
	d->ctr[HR_DCTR_WIN_HEAD_OPS] = 24 * 60;
	d->ctr[HR_DCTR_WIN_HEAD_OPS2] = 24 * 3600;
	d->ctr[HR_DCTR_WIN_HEAD_KIB] = 24 * 1000;
	d->ctr[HR_DCTR_WIN_HEAD_KIB2] = 24 * 2000000;
	d->ctr[HR_DCTR_WIN_SAVED_OPS_MAX] = saved;
}

static void the_heads_of_a_token_bucket_are_no_part_of_the_cap(void **state)
{
	struct hr_dev_summary *d = calloc(1, sizeof(*d));
	struct hr_limit l = {0};
	struct hr_cap c;

	(void)state;
	assert_non_null(d);
	for (unsigned i = 0; i < 3; i++) {
		bucket_episode(d, i == 1 ? 720 : 700);
		assert_false(hr_limit_add(&l, d, false, false, FX_T0_MS + i * 10000));
	}
	hr_limit_cap(&l, &c);
	assert_int_equal(l.queued_n, 120);
	assert_int_equal(c.kind, HR_LIMIT_OPS);
	fx_near(c.ops_per_s, 300, 1e-9);
	fx_near(c.cv_ops, 0, 1e-6);
	fx_near(l.saved[0], 720, 0);
	free(d);
}

/* Clean windows of 600/s above a cap of 300/s whose bucket held 720: 1.2 of that is within it. */
static void what_a_bucket_holds_refutes_no_cap(void **state)
{
	struct hr_dev_summary *d = calloc(1, sizeof(*d));
	struct hr_limit l = {0};
	struct hr_cap c;

	(void)state;
	assert_non_null(d);
	for (unsigned i = 0; i < 3; i++) {
		bucket_episode(d, 720);
		hr_limit_add(&l, d, false, false, FX_T0_MS + i * 10000);
	}
	memset(d->ctr, 0, sizeof(d->ctr));
	d->ctr[HR_DCTR_WIN_CLEAN_OPS_MAX] = 60;
	d->ctr[HR_DCTR_SEC_OPS_MAX] = 600;
	/* 20 windows of 60 and 80 of 30: 600 more than 10 s refill */
	hr_hist_add(&d->dist[HR_DDIST_OPS_100MS], 60, 20);
	hr_hist_add(&d->dist[HR_DDIST_OPS_100MS], 30, 80);
	assert_false(hr_limit_add(&l, d, false, false, FX_T0_MS + 30000));
	fx_near(l.spent[0], 600, 1e-9);
	hr_limit_cap(&l, &c);
	fx_near(c.ops_per_s, 300, 1e-9);
	/* once more without a refill between: 1200 of 864 */
	assert_true(hr_limit_add(&l, d, false, false, FX_T0_MS + 40000));
	hr_limit_cap(&l, &c);
	assert_int_equal(c.kind, HR_LIMIT_NONE);
	fx_near(l.saved[0], 0, 0);
	free(d);
}

/* A head that queued beside another disk was never added: what is left of the sums is no window's.
 */
static void a_head_that_was_not_added_takes_the_sums_with_it(void **state)
{
	struct hr_dev_summary *d = calloc(1, sizeof(*d));
	struct hr_limit l = {0};

	(void)state;
	assert_non_null(d);
	queue(&l, 3, kib_of); /* 30 windows of some 300 requests */
	d->have = HR_SIG_BIT(HR_SIG_DISK_IO);
	d->ctr[HR_DCTR_WIN_HEAD_N] = 10;
	d->ctr[HR_DCTR_WIN_HEAD_OPS] = 6000;
	d->ctr[HR_DCTR_WIN_HEAD_OPS2] = 3600000; /* more than all of the 2.7 million */
	hr_limit_add(&l, d, false, false, FX_T0_MS + 60000);
	assert_int_equal(l.queued_n, 0);
	queue(&l, 3, kib_of);
	d->ctr[HR_DCTR_WIN_HEAD_N] = 31;
	hr_limit_add(&l, d, false, false, FX_T0_MS + 90000);
	assert_int_equal(l.queued_n, 0);
	free(d);
}

/* 10 s of @per_window requests of 4 KiB, @queued windows of them in a queue. */
static void ten_s(struct hr_limit *l, unsigned per_window, unsigned queued, uint64_t at_s)
{
	struct hr_dev_summary *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	d->have = HR_SIG_BIT(HR_SIG_DISK_IO);
	hr_hist_add(&d->dist[HR_DDIST_OPS_100MS], per_window, 100);
	hr_hist_add(&d->dist[HR_DDIST_KIB_100MS], 4 * per_window, 100);
	d->ctr[HR_DCTR_WIN_QUEUED_N] = queued;
	d->ctr[HR_DCTR_WIN_QUEUED_OPS] = queued * (uint64_t)per_window;
	hr_limit_add(l, d, false, false, FX_T0_MS + at_s * 1000);
	free(d);
}

static void minutes_of_a_higher_rate_before_a_queue_are_remembered(void **state)
{
	struct hr_limit l = {0};
	double s = 0, rate = 0;

	(void)state;
	for (unsigned i = 0; i < 12; i++)
		ten_s(&l, 300, 0, 10 * i);
	ten_s(&l, 100, 0, 120); /* less was asked for: nothing queued */
	assert_false(hr_limit_was_higher(&l, 0, 1000, 0, &s, &rate));
	for (unsigned i = 0; i < 12; i++)
		ten_s(&l, 300, 80, 130 + 10 * i);
	ten_s(&l, 100, 100, 250);
	assert_true(hr_limit_was_higher(&l, 0, 1000, FX_T0_MS, &s, &rate));
	fx_near(s, 120, 1e-9);
	fx_near(rate, 3000, 1e-9);
	assert_true(hr_limit_was_higher(&l, 1, 4000, FX_T0_MS, &s, &rate));
	fx_near(rate, 12000, 1e-9);
	assert_false(hr_limit_was_higher(&l, 0, 2500, FX_T0_MS, &s, &rate)); /* not much higher */
	assert_false(hr_limit_was_higher(&l, 0, 1000, FX_T0_MS + 250001, &s, &rate));
}

static void half_a_minute_or_two_days_of_a_higher_rate_are_no_credits(void **state)
{
	struct hr_limit l = {0};
	double s, rate;

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		ten_s(&l, 300, 80, 10 * i);
	ten_s(&l, 100, 100, 50);
	assert_false(hr_limit_was_higher(&l, 0, 1000, 0, &s, &rate));
	for (unsigned i = 0; i < 17280; i++)
		ten_s(&l, 300, 0, 60 + 10 * i);
	ten_s(&l, 100, 100, 60 + 172800);
	assert_false(hr_limit_was_higher(&l, 0, 1000, 0, &s, &rate));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thirty_queued_windows_in_three_episodes_make_a_cap),
		cmocka_unit_test(a_constant_request_size_leaves_the_kind_open),
		cmocka_unit_test(a_clean_window_above_the_cap_ends_it),
		cmocka_unit_test(
			a_window_of_more_than_a_throttle_saves_ends_a_cap_whatever_the_second),
		cmocka_unit_test(a_cap_is_forgotten_after_30_days),
		cmocka_unit_test(a_varying_rate_is_no_cap),
		cmocka_unit_test(
			a_rate_within_15_percent_is_constant_and_half_as_varied_tells_the_kind),
		cmocka_unit_test(a_plateau_with_inflated_round_trips_is_a_shaper),
		cmocka_unit_test(round_trips_are_inflated_from_10_ms_on),
		cmocka_unit_test(what_queued_beside_another_disk_teaches_no_cap),
		cmocka_unit_test(minutes_of_a_higher_rate_before_a_queue_are_remembered),
		cmocka_unit_test(half_a_minute_or_two_days_of_a_higher_rate_are_no_credits),
		cmocka_unit_test(the_heads_of_a_token_bucket_are_no_part_of_the_cap),
		cmocka_unit_test(what_a_bucket_holds_refutes_no_cap),
		cmocka_unit_test(a_head_that_was_not_added_takes_the_sums_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
