/* SPDX-License-Identifier: Apache-2.0 */
/* The estimators of disks and links: lower bounds, learned caps, who waits for what. */
#include "tests/unit/estimate_fixture.h"

static void a_disk_that_never_met_its_limit_has_a_lower_bound_only(void **state)
{
	struct bench *b = *state;

	disk_load(b, 320, 0.5);
	b->limit[0].clean_ops = 42;
	b->limit[0].clean_kib = 1000;
	hr_model_disk(&b->x, 0, &b->e);
	/* 420 / 320 / 1.1 */
	fx_near(b->e.r.headroom.at_least.v, 1.193182, 1e-6);
	assert_false(b->e.r.headroom.likely.has);
	assert_false(b->e.r.headroom.at_most.has);
	assert_int_equal(b->e.r.capacity.source, HR_CAP_LOWER_BOUND);
	assert_false(b->e.quiet);
	assert_true(b->e.r.n_missing > 0);
}

static void the_share_of_requests_that_were_timed_is_told(void **state)
{
	struct bench *b = *state;

	disk_load(b, 320, 0.5);
	hr_model_disk(&b->x, 0, &b->e);
	fx_near(evidence(b, "requests_timed"), -1, 1e-9);
	b->dev[0].ctr[HR_DCTR_IO_UNTIMED_N] = 2400; /* of 3200 */
	hr_model_disk(&b->x, 0, &b->e);
	fx_near(evidence(b, "requests_timed"), 0.25, 1e-9);
}

static void late_requests_saturate_a_disk(void **state)
{
	struct bench *b = *state;

	disk_load(b, 300, 15.9);
	b->dev[0].late[0] = 3000; /* 53 ms against max(5 x 2, 2 + 10) = 12 ms */
	b->m.ctr[HR_CTR_PSI_IO_SOME_US] = 9900000;
	hr_model_disk(&b->x, 0, &b->e);
	assert_true(b->e.r.saturated);
	assert_true(b->e.external);
	fx_near(b->e.r.headroom.likely.v, 1, 0);
	fx_near(b->e.r.headroom.at_most.v, 1, 0);
}

/* The volume's limit or the VM's: told neither, and met by two disks at once. */
static void two_disks_that_queue_at_once_leave_open_whose_limit_it_is(void **state)
{
	struct bench *b = *state;

	disk_load(b, 300, 15.9);
	b->dev[0].late[0] = 3000;
	b->dev[0].ctr[HR_DCTR_WIN_QUEUED_N] = 90;
	b->m.ctr[HR_CTR_PSI_IO_SOME_US] = 9900000;
	b->dev[2] = b->dev[0];
	b->m.n_dev = b->facts.n_dev = 3;
	snprintf(b->facts.dev[2].name, sizeof(b->facts.dev[2].name), "vdb");
	hr_model_disk(&b->x, 0, &b->e);
	assert_true(b->e.r.saturated);
	assert_true(b->e.whose_open && !b->e.external);
	assert_int_equal(b->e.r.confidence, HR_CONFIDENCE_LOW);
	assert_non_null(strstr(b->e.r.missing[0].evidence, "vdb"));
	b->dev[2].ctr[HR_DCTR_WIN_QUEUED_N] = 10; /* a moment beside 9 s */
	hr_model_disk(&b->x, 0, &b->e);
	assert_true(b->e.r.saturated && b->e.external);
	b->dev[2].ctr[HR_DCTR_WIN_QUEUED_N] = 90; /* its own was met alone, or is told */
	b->limit[0] = (struct hr_limit){.queued_n = 40, .episodes = 4, .ops = 1200, .ops2 = 36000};
	hr_model_disk(&b->x, 0, &b->e);
	assert_true(b->e.r.saturated && b->e.external);
	assert_false(b->e.whose_open);
	b->limit[0] = (struct hr_limit){0};
	b->facts.dev[0].cap_iops = 300;
	hr_model_disk(&b->x, 0, &b->e);
	assert_true(b->e.r.saturated && b->e.external && !b->e.whose_open);
	b->facts.dev[0].cap_iops = 1000; /* told, and far from it */
	hr_model_disk(&b->x, 0, &b->e);
	assert_true(b->e.below_told && b->e.whose_open && !b->e.external);
}

static void late_write_back_that_nobody_waits_for_is_not_bad(void **state)
{
	struct bench *b = *state;

	disk_load(b, 300, 3);
	b->dev[0].late[0] = 3000;
	b->m.ctr[HR_CTR_PSI_IO_SOME_US] = 1000; /* 0.01 % */
	hr_model_disk(&b->x, 0, &b->e);
	assert_false(b->e.r.saturated);
}

/* 1200 writes of 10 s went out within two seconds, at most 800 in one of them, and queued there. */
static void write_back_in_one_clump_shows_by_its_best_second_what_is_carried(void **state)
{
	struct bench *b = *state;
	struct hr_dev_summary s = {.have = HR_SIG_BIT(HR_SIG_DISK_IO)};
	struct hr_minute_dev *d = &b->dev[0];

	d->ctr[HR_DCTR_IO_WR_N] = 1200;
	d->ctr[HR_DCTR_IO_WR_BYTES] = 1200 * 4096;
	d->ctr[HR_DCTR_IO_INFLIGHT_NS] = 10000000000; /* 1 on average, 5 and more in the clump */
	d->rate_ops = 120;
	d->rate_kib = 480;
	d->very_late = 600;
	b->m.ctr[HR_CTR_PSI_IO_SOME_US] = 1000; /* 0.01 %: nobody waits */
	s.ctr[HR_DCTR_SEC_OPS_MAX] = 800;
	s.ctr[HR_DCTR_SEC_KIB_MAX] = 3200;
	hr_limit_add(&b->limit[0], &s, false, false, b->m.to_ms);
	hr_model_disk(&b->x, 0, &b->e);
	assert_false(b->e.quiet);
	assert_false(b->e.r.saturated);
	fx_near(b->e.r.headroom.at_least.v, 800.0 / 120 / 1.1, 1e-9);
	assert_false(b->e.r.headroom.likely.has);
	/* spread evenly over the window it shows nothing beyond itself */
	b->limit[0].best_ops_s = 120;
	b->limit[0].best_kib_s = 480;
	hr_model_disk(&b->x, 0, &b->e);
	fx_near(b->e.r.headroom.at_least.v, 1 / 1.1, 1e-9);
	/* and where somebody waits for it, its best 100 ms are its need */
	b->limit[0].best_ops_s = 800;
	d->dist[HR_DDIST_OPS_100MS] = (struct hr_spread){.total = 100, .p99_hi = 100, .max = 100};
	b->limit[0].best_ops = 100;
	b->m.ctr[HR_CTR_PSI_IO_SOME_US] = 1000000;
	hr_model_disk(&b->x, 0, &b->e);
	fx_near(b->e.r.headroom.at_least.v, 1 / 1.1, 1e-9);
}

/* 600 reads that next to nobody asked for: 0.05 of the 0.6 s in flight; else each 100 ms counts. */
static void reads_ahead_are_judged_as_write_back_is(void **state)
{
	struct bench *b = *state;
	struct hr_minute_dev *d = &b->dev[0];

	d->have |= HR_SIG_BIT(HR_SIG_DISK_SYNC);
	d->ctr[HR_DCTR_IO_RD_N] = 600;
	d->ctr[HR_DCTR_IO_RD_BYTES] = 600 * 65536;
	d->ctr[HR_DCTR_IO_INFLIGHT_NS] = 600000000;
	d->ctr[HR_DCTR_IO_SYNC_NS] = 50000000;
	d->rate_ops = 60;
	d->rate_kib = 3840;
	d->dist[HR_DDIST_OPS_100MS] = (struct hr_spread){.total = 100, .p99_hi = 100, .max = 100};
	b->limit[0].best_ops_s = 300;
	b->limit[0].best_kib_s = 19200;
	b->limit[0].best_ops = 100;
	b->m.ctr[HR_CTR_PSI_IO_SOME_US] = 1000; /* 0.01 % */
	hr_model_disk(&b->x, 0, &b->e);
	fx_near(b->e.r.headroom.at_least.v, 300.0 / 60 / 1.1, 1e-9);
	d->ctr[HR_DCTR_IO_SYNC_NS] = 70000000; /* asked for, and soon there: no pressure either */
	hr_model_disk(&b->x, 0, &b->e);
	fx_near(b->e.r.headroom.at_least.v, 1 / 1.1, 1e-9);
	d->ctr[HR_DCTR_IO_SYNC_NS] = 50000000;
	b->m.ctr[HR_CTR_PSI_IO_SOME_US] = 200000; /* 2 % */
	hr_model_disk(&b->x, 0, &b->e);
	fx_near(b->e.r.headroom.at_least.v, 1 / 1.1, 1e-9);
	b->m.ctr[HR_CTR_PSI_IO_SOME_US] = 1000;
	d->have &= ~HR_SIG_BIT(HR_SIG_DISK_SYNC); /* not known whether they were */
	hr_model_disk(&b->x, 0, &b->e);
	fx_near(b->e.r.headroom.at_least.v, 1 / 1.1, 1e-9);
}

/* 60 writes/s of 4 KiB, evenly over the window: less than the 100/s of the smallest volume sold. */
static void what_the_smallest_volume_sold_would_carry_fits(void **state)
{
	struct bench *b = *state;
	struct hr_minute_dev *d = &b->dev[0];

	d->ctr[HR_DCTR_IO_WR_N] = 600;
	d->ctr[HR_DCTR_IO_WR_BYTES] = 600 * 4096;
	d->ctr[HR_DCTR_IO_INFLIGHT_NS] = 100000000; /* 0.01 */
	d->rate_ops = b->limit[0].best_ops_s = 60;
	d->rate_kib = b->limit[0].best_kib_s = 240;
	hr_model_disk(&b->x, 0, &b->e);
	fx_near(b->e.r.headroom.at_least.v, 100.0 / 60 / 1.1, 1e-9);
	fx_near(b->e.r.capacity.value.v, 60, 1e-9); /* what was seen stays what is told */
	assert_false(b->e.r.headroom.likely.has);
	d->ctr[HR_DCTR_IO_INFLIGHT_NS] = 6000000000; /* 0.6: one after the other it has 0.8 */
	hr_model_disk(&b->x, 0, &b->e);
	fx_near(b->e.r.headroom.at_least.v, 0.8 / 0.6 / 1.1, 1e-9);
	d->ctr[HR_DCTR_IO_INFLIGHT_NS] = 100000000;
	b->limit[0].queued_n = 10; /* requests queued for a second, of which 50 were done */
	b->limit[0].ops = 50;
	b->limit[0].kib = 200;
	hr_model_disk(&b->x, 0, &b->e);
	fx_near(b->e.r.headroom.at_least.v, 1 / 1.1, 1e-9);
	b->limit[0].ops = 101;
	hr_model_disk(&b->x, 0, &b->e);
	fx_near(b->e.r.headroom.at_least.v, 100.0 / 60 / 1.1, 1e-9);
	d->very_late = 60; /* a tenth took longer than 50 ms */
	hr_model_disk(&b->x, 0, &b->e);
	fx_near(b->e.r.headroom.at_least.v, 1 / 1.1, 1e-9);
}

/* Where somebody waits, 100 ms count, too: 13 requests, where twice ten would be carried. */
static void requests_that_are_waited_for_fit_within_100_ms(void **state)
{
	struct bench *b = *state;

	disk_load(b, 40, 0.08);
	b->dev[0].dist[HR_DDIST_OPS_100MS].p99_hi = b->limit[0].best_ops = 13;
	b->dev[0].rate_ops = 40;
	b->m.ctr[HR_CTR_PSI_IO_SOME_US] = 200000; /* 2 % */
	hr_model_disk(&b->x, 0, &b->e);
	fx_near(b->e.r.headroom.at_least.v, 20.0 / 13 / 1.1, 1e-9);
	b->dev[0].dist[HR_DDIST_OPS_100MS].p99_hi = b->limit[0].best_ops = 25;
	hr_model_disk(&b->x, 0, &b->e);
	fx_near(b->e.r.headroom.at_least.v, 1 / 1.1, 1e-9);
}

/* libaio and io_uring: the queue is one of asked-for requests, and no task sleeps for I/O. */
static void late_requests_that_were_asked_for_are_bad_without_a_sleeper(void **state)
{
	struct bench *b = *state;

	disk_load(b, 300, 15.9);
	b->dev[0].late[0] = 3000;
	b->m.ctr[HR_CTR_PSI_IO_SOME_US] = 1000;          /* 0.01 % */
	b->dev[0].ctr[HR_DCTR_IO_SYNC_NS] = 21000000000; /* 2.1 in flight over 10 s */
	hr_model_disk(&b->x, 0, &b->e);
	assert_false(b->e.r.saturated); /* the kernel did not tell them apart */
	b->dev[0].have |= HR_SIG_BIT(HR_SIG_DISK_SYNC);
	hr_model_disk(&b->x, 0, &b->e);
	assert_true(b->e.r.saturated);
	b->dev[0].ctr[HR_DCTR_IO_SYNC_NS] = 19000000000;
	hr_model_disk(&b->x, 0, &b->e);
	assert_false(b->e.r.saturated);
}

static void a_learned_cap_bounds_the_disk_on_both_sides(void **state)
{
	struct bench *b = *state;

	disk_load(b, 200, 0.4);
	b->limit[0] = queued_at_300;
	hr_model_disk(&b->x, 0, &b->e);
	/* 30 a window = 300/s, bytes vary by 75 %; needed 200/s */
	assert_int_equal(b->e.r.capacity.source, HR_CAP_LEARNED);
	fx_near(b->e.r.capacity.value.v, 300, 1e-9);
	fx_near(b->e.r.headroom.likely.v, 1.5, 1e-9);
	fx_near(b->e.r.headroom.at_least.v, 1.5 / 1.1, 1e-9);
	fx_near(b->e.r.headroom.at_most.v, 1.65, 1e-9);
	/* a throttle's lumps, 60 in a window: at the cap, not at twice of it */
	disk_load(b, 600, 15.9);
	b->dev[0].late[0] = 3000;
	b->m.ctr[HR_CTR_PSI_IO_SOME_US] = 1000000;
	hr_model_disk(&b->x, 0, &b->e);
	assert_true(b->e.r.saturated);
	fx_near(b->e.r.headroom.likely.v, 1, 1e-9);
	fx_near(b->e.r.headroom.at_least.v, 1 / 1.1, 1e-9);
	fx_near(b->e.r.headroom.at_most.v, 1, 1e-9);
}

static void a_told_limit_bounds_a_disk_that_never_met_it(void **state)
{
	struct bench *b = *state;

	disk_load(b, 200, 0.4);
	b->facts.dev[0].cap_iops = 1000;
	hr_model_disk(&b->x, 0, &b->e);
	assert_int_equal(b->e.r.capacity.source, HR_CAP_CONFIGURED);
	fx_near(b->e.r.headroom.likely.v, 5, 1e-9);
	fx_near(b->e.r.headroom.at_least.v, 5 / 1.1, 1e-9);
	/* bytes are not told: the smallest volume sold would carry 8 x 0.8 MB/s */
	fx_near(b->e.r.headroom.at_most.v, 5.5, 1e-9);
	assert_int_equal(b->e.r.n_missing, 0);
	/* what is learned within a tenth of it is it */
	b->facts.dev[0].cap_iops = 320;
	b->limit[0] = queued_at_300;
	hr_model_disk(&b->x, 0, &b->e);
	assert_int_equal(b->e.r.capacity.source, HR_CAP_CONFIGURED);
	fx_near(b->e.r.headroom.likely.v, 1.6, 1e-9);
}

/* 60 requests/s of 1 MiB: what was carried in bytes is all that is known of them. */
static void a_told_limit_of_requests_says_nothing_of_bytes(void **state)
{
	struct bench *b = *state;
	struct hr_minute_dev *d = &b->dev[0];

	disk_load(b, 60, 0.05);
	d->ctr[HR_DCTR_IO_RD_BYTES] = 600ULL << 20;
	d->dist[HR_DDIST_KIB_100MS].p99_hi = b->limit[0].best_kib = 6144;
	b->facts.dev[0].cap_iops = 3000;
	hr_model_disk(&b->x, 0, &b->e);
	fx_near(b->e.r.headroom.at_least.v, 1 / 1.1, 1e-9);
	fx_near(b->e.r.headroom.likely.v, HR_K_MAX, 0);
	assert_int_equal(b->e.r.n_missing, 1);
	assert_non_null(strstr(b->e.r.missing[0].evidence, "in bytes"));
	b->facts.dev[0].cap_bytes_per_s = 125829120; /* twice the load */
	hr_model_disk(&b->x, 0, &b->e);
	fx_near(b->e.r.headroom.at_least.v, 2 / 1.1, 1e-9);
	assert_int_equal(b->e.r.n_missing, 0);
	/* and of bytes nothing of requests: 200/s are twice what the smallest one sold carries */
	disk_load(b, 200, 0.05);
	b->limit[0].best_ops = 20;
	b->facts.dev[0].cap_iops = 0;
	hr_model_disk(&b->x, 0, &b->e);
	fx_near(b->e.r.headroom.at_least.v, 1 / 1.1, 1e-9);
}

/* Three of four are in flight at once: no matter for bytes, where 1000 requests/s are told. */
static void a_told_limit_of_requests_carries_them_side_by_side(void **state)
{
	struct bench *b = *state;

	disk_load(b, 500, 3);
	b->facts.dev[0].cap_iops = 1000;
	hr_model_disk(&b->x, 0, &b->e);
	fx_near(b->e.r.headroom.likely.v, 2, 1e-9);
	fx_near(b->e.r.headroom.at_least.v, 2 / 1.1, 1e-9);
}

/* 1000/s are told; 1100 in a second may have been saved, 1300 are not. */
static void a_told_limit_that_was_exceeded_is_not_used(void **state)
{
	struct bench *b = *state;

	disk_load(b, 200, 0.4);
	b->facts.dev[0].cap_iops = 1000;
	b->limit[0].best_ops_s = 1100;
	b->limit[0].best_ops = 30;
	hr_model_disk(&b->x, 0, &b->e);
	fx_near(b->e.r.headroom.likely.v, 5, 1e-9);
	b->limit[0].best_ops_s = 1300;
	hr_model_disk(&b->x, 0, &b->e);
	assert_false(b->e.r.headroom.likely.has);
	assert_int_equal(b->e.r.capacity.source, HR_CAP_LOWER_BOUND);
	fx_near(b->e.r.headroom.at_least.v, 300 / 200.0 / 1.1, 1e-9);
	assert_false(b->e.external);
	/* a cap that was learned above it is the one */
	b->limit[0] = queued_at_300;
	b->facts.dev[0].cap_iops = 240;
	hr_model_disk(&b->x, 0, &b->e);
	assert_int_equal(b->e.r.capacity.source, HR_CAP_LEARNED);
	fx_near(b->e.r.headroom.likely.v, 1.5, 1e-9);
	assert_false(b->e.below_told);
}

static void late_far_from_a_told_limit_is_not_that_limit(void **state)
{
	struct bench *b = *state;

	disk_load(b, 300, 15.9);
	b->dev[0].late[0] = 3000;
	b->m.ctr[HR_CTR_PSI_IO_SOME_US] = 9900000;
	b->facts.dev[0].cap_iops = 320;
	b->facts.dev[0].cap_bytes_per_s = 100 << 20;
	hr_model_disk(&b->x, 0, &b->e);
	assert_int_equal(b->e.r.confidence, HR_CONFIDENCE_HIGH);
	assert_false(b->e.below_told);
	b->facts.dev[0].cap_iops = 3000;
	hr_model_disk(&b->x, 0, &b->e);
	assert_true(b->e.r.saturated && b->e.below_told);
	assert_int_equal(b->e.r.confidence, HR_CONFIDENCE_MEDIUM);
	fx_near(b->e.r.headroom.likely.v, 1, 0);
}

static void a_cap_below_the_told_limit_binds_first(void **state)
{
	struct bench *b = *state;

	disk_load(b, 200, 0.4);
	b->limit[0] = queued_at_300;
	hr_model_disk(&b->x, 0, &b->e);
	assert_false(b->e.below_told);
	b->facts.dev[0].cap_iops = 1000;
	hr_model_disk(&b->x, 0, &b->e);
	assert_true(b->e.below_told);
	assert_int_equal(b->e.r.capacity.source, HR_CAP_LEARNED);
	fx_near(b->e.r.headroom.likely.v, 1.5, 1e-9);
}

static void a_quiet_disk_of_unknown_limit_does_not_decide(void **state)
{
	struct bench *b = *state;

	disk_load(b, 10, 0.01);
	b->limit[0].clean_ops = 1;
	hr_model_disk(&b->x, 0, &b->e);
	assert_true(b->e.quiet);
	hr_eval_minute(&b->x, &b->v);
	fx_near(b->v.k.likely.v, 8, 0);
	fx_near(b->v.k.at_least.v, 6.4 / exp(0.5 / sqrt(32)), 1e-9); /* 400 x 8 bursts */
}

static void a_vendor_counter_or_a_local_shaper_saturates_a_link(void **state)
{
	struct bench *b = *state;
	struct hr_minute_dev *d = &b->dev[1];

	d->ctr[HR_DCTR_TX_BYTES] = 50000000;
	d->dist[HR_DDIST_TX_KIB_100MS] =
		(struct hr_spread){.total = 100, .p99_lo = 488, .p99_hi = 488, .max = 500};
	b->limit[1].clean_kib = 1000;
	hr_model_network(&b->x, 1, &b->e);
	assert_false(b->e.r.saturated);
	fx_near(b->e.r.headroom.at_least.v, 1000 / 488.0 / 1.1, 1e-9);
	d->ctr[HR_DCTR_ALLOWANCE_EXCEEDED_N] = 3;
	hr_model_network(&b->x, 1, &b->e);
	assert_true(b->e.r.saturated);
	d->have |= HR_SIG_BIT(HR_SIG_QDISC);
	d->ctr[HR_DCTR_QDISC_SHAPER] = 1;
	d->ctr[HR_DCTR_QDISC_DROP_N] = 10;
	hr_model_network(&b->x, 1, &b->e);
	assert_true(b->e.local);
	assert_false(b->e.r.saturated);
}

/* What a learned cap of 5,000 KiB/s leaves of 2,500, and that inflated round trips are late. */
static void a_shaper_on_the_way_bounds_the_link(void **state)
{
	struct bench *b = *state;
	struct hr_minute_dev *d = &b->dev[1];

	d->ctr[HR_DCTR_TX_BYTES] = 25600000;
	d->dist[HR_DDIST_TX_KIB_100MS] =
		(struct hr_spread){.total = 100, .p99_lo = 250, .p99_hi = 250, .max = 250};
	b->limit[1] = (struct hr_limit){.since_ms = 1,
		.queued_n = 300,
		.episodes = 3,
		.kib = 150000,
		.kib2 = 75000000,
		.clean_kib = 500};
	hr_model_network(&b->x, 1, &b->e);
	assert_int_equal(b->e.r.capacity.source, HR_CAP_LEARNED);
	fx_near(b->e.r.capacity.value.v, 5120000, 1e-6);
	fx_near(b->e.r.headroom.likely.v, 2, 1e-9);
	fx_near(b->e.r.headroom.at_least.v, 2 / 1.1, 1e-9);
	assert_false(b->e.r.saturated);
	b->facts.dev[1].cap_bytes_per_s = 10240000; /* told twice as much: it is on the way */
	hr_model_network(&b->x, 1, &b->e);
	assert_true(b->e.below_told);
	fx_near(b->e.r.headroom.likely.v, 2, 1e-9);
	b->facts.dev[1].cap_bytes_per_s = 2560000; /* told half of it: refuted */
	hr_model_network(&b->x, 1, &b->e);
	assert_int_equal(b->e.r.capacity.source, HR_CAP_LEARNED);
	fx_near(b->e.r.headroom.likely.v, 2, 1e-9);
	b->facts.dev[1].cap_bytes_per_s = 5000000; /* as learned */
	hr_model_network(&b->x, 1, &b->e);
	assert_int_equal(b->e.r.capacity.source, HR_CAP_CONFIGURED);
	fx_near(b->e.r.headroom.likely.v, 1.953125, 1e-9);
	b->facts.dev[1].cap_bytes_per_s = 0;
	b->m.dist[HR_DIST_RTT_INFLATION] =
		(struct hr_spread){.total = 6, .p99_lo = 48000, .p99_hi = 49000};
	d->flat_ms = b->m.covered_ms;
	hr_model_network(&b->x, 1, &b->e);
	assert_true(b->e.r.saturated);
	assert_true(b->e.external);
	assert_false(b->e.below_told);
	fx_near(b->e.r.headroom.likely.v, 1, 1e-9);
	b->limit[1].queued_n = 0; /* nothing is learned, and 12.5 MB/s are told */
	b->facts.dev[1].cap_bytes_per_s = 12500000;
	hr_model_network(&b->x, 1, &b->e);
	assert_true(b->e.r.saturated && b->e.below_told);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_disk_that_never_met_its_limit_has_a_lower_bound_only),
		T(the_share_of_requests_that_were_timed_is_told),
		T(late_requests_saturate_a_disk),
		T(two_disks_that_queue_at_once_leave_open_whose_limit_it_is),
		T(late_write_back_that_nobody_waits_for_is_not_bad),
		T(write_back_in_one_clump_shows_by_its_best_second_what_is_carried),
		T(reads_ahead_are_judged_as_write_back_is),
		T(what_the_smallest_volume_sold_would_carry_fits),
		T(requests_that_are_waited_for_fit_within_100_ms),
		T(late_requests_that_were_asked_for_are_bad_without_a_sleeper),
		T(a_learned_cap_bounds_the_disk_on_both_sides),
		T(a_told_limit_bounds_a_disk_that_never_met_it),
		T(a_told_limit_of_requests_says_nothing_of_bytes),
		T(a_told_limit_of_requests_carries_them_side_by_side),
		T(a_told_limit_that_was_exceeded_is_not_used),
		T(late_far_from_a_told_limit_is_not_that_limit),
		T(a_cap_below_the_told_limit_binds_first),
		T(a_quiet_disk_of_unknown_limit_does_not_decide),
		T(a_vendor_counter_or_a_local_shaper_saturates_a_link),
		T(a_shaper_on_the_way_bounds_the_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
