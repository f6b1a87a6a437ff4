/* SPDX-License-Identifier: Apache-2.0 */
/* One side and the other of what makes a disk or a link late, quiet or limited. */
#include "tests/unit/estimate_fixture.h"

/* 300 reads of 4 KiB a second for 10 s, no latency without load, @inflight at once. */
static void unknown_disk(struct bench *b, double inflight, uint64_t flat_ms)
{
	struct hr_minute_dev *d = &b->dev[0];

	d->ctr[HR_DCTR_IO_RD_N] = 3000;
	d->ctr[HR_DCTR_IO_RD_BYTES] = 3000 * 4096;
	d->ctr[HR_DCTR_IO_INFLIGHT_NS] = (uint64_t)(inflight * 1e10);
	d->flat_ms = flat_ms;
	b->m.ctr[HR_CTR_PSI_IO_SOME_US] = 2000000; /* 20 % */
	hr_model_disk(&b->x, 0, &b->e);
}

static void a_queue_at_a_constant_rate_for_most_of_a_minute_is_the_limit(void **state)
{
	struct bench *b = *state;

	unknown_disk(b, 2.1, 6000);
	assert_true(b->e.r.saturated && b->e.external);
	unknown_disk(b, 2.1, 5000);
	assert_false(b->e.r.saturated);
	unknown_disk(b, 1.9, 6000);
	assert_false(b->e.r.saturated);
	b->dev[0].judged[0] = 3000; /* latencies tell it, and none was late */
	unknown_disk(b, 2.1, 6000);
	assert_false(b->e.r.saturated);
}

/* 40 of 3000 took longer than 50 ms: 1.3 %. */
static void late_requests_of_an_unknown_disk_are_bad_in_a_queue(void **state)
{
	struct bench *b = *state;

	b->dev[0].very_late = 40;
	unknown_disk(b, 1.9, 0);
	assert_false(b->e.r.saturated);
	unknown_disk(b, 2.1, 0);
	assert_true(b->e.r.saturated);
	b->dev[0].very_late = 30;
	unknown_disk(b, 2.1, 0);
	assert_false(b->e.r.saturated);
}

static void requests_are_waited_for_from_1_percent_of_the_time_on(void **state)
{
	struct bench *b = *state;

	b->dev[0].judged[0] = 3000;
	b->dev[0].late[0] = 40;
	unknown_disk(b, 2.1, 0);
	b->m.ctr[HR_CTR_PSI_IO_SOME_US] = 99000;
	hr_model_disk(&b->x, 0, &b->e);
	assert_false(b->e.r.saturated);
	b->m.ctr[HR_CTR_PSI_IO_SOME_US] = 101000;
	hr_model_disk(&b->x, 0, &b->e);
	assert_true(b->e.r.saturated);
}

static bool is_quiet(struct bench *b, uint64_t requests, uint64_t bytes, double inflight)
{
	b->dev[0].ctr[HR_DCTR_IO_RD_N] = requests;
	b->dev[0].ctr[HR_DCTR_IO_RD_BYTES] = bytes;
	b->dev[0].ctr[HR_DCTR_IO_INFLIGHT_NS] = (uint64_t)(inflight * 1e10);
	hr_model_disk(&b->x, 0, &b->e);
	return b->e.quiet;
}

/* In 10 s: 12 requests/s, 3 MB/s, a tenth in flight. */
static void a_disk_is_quiet_below_each_of_three_limits(void **state)
{
	struct bench *b = *state;

	assert_true(is_quiet(b, 119, 29000000, 0.09));
	assert_false(is_quiet(b, 121, 29000000, 0.09));
	assert_false(is_quiet(b, 119, 31000000, 0.09));
	assert_false(is_quiet(b, 119, 29000000, 0.11));
	b->facts.dev[0].cap_iops = 1000; /* a limit that is known always counts */
	assert_false(is_quiet(b, 119, 29000000, 0.09));
}

static void without_the_hook_totals_tell_whether_a_disk_is_quiet(void **state)
{
	struct bench *b = *state;

	b->dev[0].have = HR_SIG_BIT(HR_SIG_DISK_STAT);
	b->dev[0].ctr[HR_DCTR_RD_N] = 119;
	b->dev[0].ctr[HR_DCTR_RD_BYTES] = 29000000;
	hr_model_disk(&b->x, 0, &b->e);
	assert_true(b->e.quiet);
	b->dev[0].ctr[HR_DCTR_WR_N] = 2;
	hr_model_disk(&b->x, 0, &b->e);
	assert_false(b->e.quiet);
	b->dev[0].ctr[HR_DCTR_WR_N] = 0;
	b->dev[0].ctr[HR_DCTR_WR_BYTES] = 2000000;
	hr_model_disk(&b->x, 0, &b->e);
	assert_false(b->e.quiet);
}

/* 5 MB/s out in 10 s, at most 600 KiB of it in 100 ms. */
static void link(struct bench *b)
{
	b->dev[1].ctr[HR_DCTR_TX_BYTES] = 50000000;
	b->dev[1].dist[HR_DDIST_TX_KIB_100MS] =
		(struct hr_spread){.total = 100, .p99_lo = 600, .p99_hi = 600, .max = 600};
	hr_model_network(&b->x, 1, &b->e);
}

static void a_link_is_quiet_up_to_half_a_megabyte_a_second(void **state)
{
	struct bench *b = *state;

	link(b);
	b->dev[1].ctr[HR_DCTR_TX_BYTES] = 4900000;
	hr_model_network(&b->x, 1, &b->e);
	assert_true(b->e.quiet);
	b->dev[1].ctr[HR_DCTR_TX_BYTES] = 5100000;
	hr_model_network(&b->x, 1, &b->e);
	assert_false(b->e.quiet);
}

static bool drops(struct bench *b, uint64_t n, uint64_t of)
{
	b->dev[1].ctr[HR_DCTR_RX_DROP_N] = n;
	b->dev[1].ctr[HR_DCTR_TX_PACKETS] = of;
	link(b);
	return b->e.r.saturated;
}

static bool sent_again(struct bench *b, uint64_t n, uint64_t of)
{
	b->m.ctr[HR_CTR_TCP_RETRANS_N] = n;
	b->m.ctr[HR_CTR_TCP_OUT_SEGS] = of;
	link(b);
	return b->e.r.saturated;
}

/* More than 1 %, and ten at least. */
static void one_percent_and_ten_that_are_lost_are_bad(void **state)
{
	struct bench *b = *state;

	assert_true(drops(b, 10, 999));
	assert_false(b->e.external); /* where they are lost nobody knows */
	assert_false(drops(b, 10, 1000));
	assert_false(drops(b, 9, 800));
	assert_false(drops(b, 0, 0));
	assert_true(sent_again(b, 10, 999));
	assert_false(sent_again(b, 10, 1000));
	assert_false(sent_again(b, 9, 800));
	b->m.have &= ~HR_SIG_BIT(HR_SIG_TCP_RETRANS);
	assert_false(sent_again(b, 10, 999));
}

/* Told as 100 Mbit/s, of which 10240 x 600 bytes a second are needed. */
static void the_speed_of_a_virtual_link_is_no_limit(void **state)
{
	struct bench *b = *state;

	b->facts.dev[1].speed_mbps = 100;
	link(b);
	assert_false(b->e.r.headroom.likely.has);
	assert_int_not_equal(b->e.r.capacity.source, HR_CAP_KNOWN);
	b->facts.dev[1].is_virtual = false;
	link(b);
	assert_int_equal(b->e.r.capacity.source, HR_CAP_KNOWN);
	fx_near(b->e.r.headroom.likely.v, 12500000.0 / 6144000, 1e-9);
}

static void round_trips_that_grew_at_a_plateau_for_most_of_a_minute_are_a_shaper(void **state)
{
	struct bench *b = *state;

	b->m.dist[HR_DIST_RTT_INFLATION] =
		(struct hr_spread){.total = 6, .p99_lo = 48000, .p99_hi = 49000};
	b->dev[1].flat_ms = 5000;
	link(b);
	assert_false(b->e.r.saturated);
	b->dev[1].flat_ms = 6000;
	link(b);
	assert_true(b->e.r.saturated && b->e.external);
}

/* Of the VM's own: it holds packets back, whether it drops them or not. */
static void a_shaper_of_the_vm_limits_by_a_backlog_or_by_drops(void **state)
{
	struct bench *b = *state;

	b->dev[1].have |= HR_SIG_BIT(HR_SIG_QDISC);
	b->dev[1].ctr[HR_DCTR_QDISC_SHAPER] = 1;
	link(b);
	assert_false(b->e.local);
	b->dev[1].ctr[HR_DCTR_QDISC_BACKLOG_BYTES] = 1500;
	link(b);
	assert_true(b->e.local && !b->e.r.saturated);
	b->dev[1].ctr[HR_DCTR_QDISC_SHAPER] = 0; /* any queue has packets in it */
	link(b);
	assert_false(b->e.local);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_queue_at_a_constant_rate_for_most_of_a_minute_is_the_limit),
		T(late_requests_of_an_unknown_disk_are_bad_in_a_queue),
		T(requests_are_waited_for_from_1_percent_of_the_time_on),
		T(a_disk_is_quiet_below_each_of_three_limits),
		T(without_the_hook_totals_tell_whether_a_disk_is_quiet),
		T(a_link_is_quiet_up_to_half_a_megabyte_a_second),
		T(one_percent_and_ten_that_are_lost_are_bad),
		T(the_speed_of_a_virtual_link_is_no_limit),
		T(round_trips_that_grew_at_a_plateau_for_most_of_a_minute_are_a_shaper),
		T(a_shaper_of_the_vm_limits_by_a_backlog_or_by_drops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
