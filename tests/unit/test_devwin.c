/* SPDX-License-Identifier: Apache-2.0 */
/* 100 ms windows; queued-window arithmetic after answer-model.md 13.11. */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "agent/core/devwin.h"
#include "proto/units.h"

#define WINDOW_NS (HR_DEVWIN_SLOTS * HR_SLOT_NS)

static struct hr_devwin w;
static struct hr_dev_summary d;

static void start(uint8_t kind)
{
	hr_devwin_init(&w, kind);
	memset(&d, 0, sizeof(d));
}

/* One whole window: all completions in its first slot, residence spread evenly. */
static void window(uint32_t rd, uint32_t wr, uint64_t rd_flight, uint64_t wr_flight, uint64_t bytes)
{
	for (int i = 0; i < HR_DEVWIN_SLOTS; i++) {
		struct hr_slot_dev s = {
			.inflight_ns = {rd_flight / HR_DEVWIN_SLOTS, wr_flight / HR_DEVWIN_SLOTS}};

		if (i == 0) {
			s.ops[0] = rd;
			s.ops[1] = wr;
			s.bytes[0] = bytes;
		}
		hr_devwin_slot(&w, &s, &d);
	}
}

/* @n times: @rd and @wr requests within one slot of 8.4 ms, then an idle rest of the window. */
static void alone(int n, uint32_t rd, uint32_t wr, uint64_t rd_ns, uint64_t wr_ns)
{
	for (int k = 0; k < n; k++)
		for (int i = 0; i < HR_DEVWIN_SLOTS; i++) {
			struct hr_slot_dev s = {.inflight_ns = {rd_ns, wr_ns}, .ops = {rd, wr}};
			struct hr_slot_dev idle = {0};

			hr_devwin_slot(&w, i == 0 ? &s : &idle, &d);
		}
}

/* Teaches l0 = 2 ms for reads: bucket [1920, 2047], cut to the largest seen; middle 1960. */
static void teach_2ms(void)
{
	alone(40, 1, 0, 2 * HR_NS_PER_MS, 0);
}

static uint64_t ctr(enum hr_dctr c)
{
	return d.ctr[c];
}

static void l0_is_unknown_until_enough_requests_met_an_idle_device(void **state)
{
	(void)state;
	start(HR_DEV_DISK);
	alone(HR_DEVWIN_L0_MIN - 1, 1, 0, 2 * HR_NS_PER_MS, 0);
	hr_devwin_gauges(&w, &d);
	assert_int_equal(ctr(HR_DCTR_L0_RD_US), 0);
	alone(1, 1, 0, 2 * HR_NS_PER_MS, 0);
	hr_devwin_gauges(&w, &d);
	assert_int_equal(ctr(HR_DCTR_L0_RD_US), 1920 + (2000 - 1920) / 2);
	assert_int_equal(ctr(HR_DCTR_L0_WR_US), 0); /* writes were never seen */
}

static void l0_is_the_tenth_percentile_and_learns_each_direction_apart(void **state)
{
	(void)state;
	start(HR_DEV_DISK);
	/* of 100 reads 20 took 1 ms, 80 took 8 ms: P10 is 1 ms, in [960, 1023] */
	alone(20, 1, 0, 1 * HR_NS_PER_MS, 0);
	alone(80, 1, 0, 8 * HR_NS_PER_MS, 0);
	/* reads and writes in one slot: residence is known by direction; two writes of 2.5 ms */
	alone(40, 1, 2, 1 * HR_NS_PER_MS, 5 * HR_NS_PER_MS);
	hr_devwin_gauges(&w, &d);
	assert_int_equal(ctr(HR_DCTR_L0_RD_US), 960 + (1023 - 960) / 2);
	/* 2500 us: bucket [2304, 2559], cut to the largest seen */
	assert_int_equal(ctr(HR_DCTR_L0_WR_US), 2304 + (2500 - 2304) / 2);
}

static void crowded_periods_teach_nothing(void **state)
{
	(void)state;
	start(HR_DEV_DISK);
	alone(100, 4, 0, 2 * HR_SLOT_NS, 0); /* two in flight on average */
	alone(100, 1, 1, HR_SLOT_NS / 2 + 1, HR_SLOT_NS / 2);
	hr_devwin_gauges(&w, &d);
	assert_int_equal(ctr(HR_DCTR_L0_RD_US), 0);
	assert_int_equal(ctr(HR_DCTR_L0_WR_US), 0);
}

/* A read of 10 ms that ends 1 ms into its second slot is one of 10 ms, not one of 1 ms. */
static void a_request_over_two_slots_keeps_its_length(void **state)
{
	struct hr_slot_dev a = {0}, b = {.ops = {1, 0}}, idle = {0};

	(void)state;
	start(HR_DEV_DISK);
	a.inflight_ns[0] = HR_SLOT_NS;
	b.inflight_ns[0] = 10 * HR_NS_PER_MS - HR_SLOT_NS;
	for (int i = 0; i < 40; i++) {
		hr_devwin_slot(&w, &a, &d);
		hr_devwin_slot(&w, &b, &d);
		hr_devwin_slot(&w, &idle, &d);
	}
	hr_devwin_gauges(&w, &d);
	/* 10000 us: bucket [9216, 10239], cut to the largest seen */
	assert_int_equal(ctr(HR_DCTR_L0_RD_US), 9216 + (10000 - 9216) / 2);
}

/* A device that is never idle for a slot is learned from second by second. */
static void a_steady_trickle_teaches_too(void **state)
{
	struct hr_slot_dev s = {.inflight_ns = {3 * HR_NS_PER_MS, 0}, .ops = {1, 0}};

	(void)state;
	start(HR_DEV_DISK);
	for (int i = 0; i < HR_DEVWIN_RUN_SLOTS; i++)
		hr_devwin_slot(&w, &s, &d);
	hr_devwin_gauges(&w, &d);
	/* 119 reads of 3 ms: bucket [2816, 3071], cut to the largest seen */
	assert_int_equal(ctr(HR_DCTR_L0_RD_US), 2816 + (3000 - 2816) / 2);
}

/* 13.11: l0 = 2 ms, x = 300/s: f = 15.9 is queued, x = 298/s with f = 0.43 is not. */
static void the_worked_example_of_a_queued_window(void **state)
{
	uint64_t n;

	(void)state;
	start(HR_DEV_DISK);
	teach_2ms();
	n = ctr(HR_DCTR_WIN_N);
	assert_int_equal(ctr(HR_DCTR_WIN_QUEUED_N), 0);
	window(60, 0, WINDOW_NS * 159 / 10, 0,
		60 * 4096); /* a full bucket's: the episode, no rate */
	assert_int_equal(ctr(HR_DCTR_WIN_EPISODES), 1);
	assert_int_equal(ctr(HR_DCTR_WIN_QUEUED_N), 0);
	window(30, 0, WINDOW_NS * 159 / 10, 0, 30 * 4096);
	assert_int_equal(ctr(HR_DCTR_WIN_N), n + 2);
	assert_int_equal(ctr(HR_DCTR_WIN_QUEUED_N), 1);
	assert_int_equal(ctr(HR_DCTR_WIN_QUEUED_OPS), 30);
	assert_int_equal(ctr(HR_DCTR_WIN_QUEUED_OPS2), 900);
	assert_int_equal(ctr(HR_DCTR_WIN_QUEUED_KIB), 120);
	assert_int_equal(ctr(HR_DCTR_WIN_QUEUED_KIB2), 14400);
	assert_int_equal(ctr(HR_DCTR_WIN_EPISODES), 1);
	window(30, 0, WINDOW_NS * 43 / 100, 0, 30 * 4096);
	assert_int_equal(ctr(HR_DCTR_WIN_QUEUED_N), 1);
	assert_int_equal(ctr(HR_DCTR_WIN_CLEAN_OPS_MAX), 30);
	assert_int_equal(ctr(HR_DCTR_WIN_CLEAN_KIB_MAX), 120);
}

/* l0 was learned as 1960 us; 100 reads at twice that are depth without queueing. */
static void many_in_flight_at_low_latency_is_not_a_queue(void **state)
{
	(void)state;
	start(HR_DEV_DISK);
	teach_2ms();
	window(100, 0, 100 * 4 * HR_NS_PER_MS, 0, 0); /* f = 3.97 > 2, l = 4 ms < 5.9 ms */
	assert_int_equal(ctr(HR_DCTR_WIN_QUEUED_N), 0);
	window(100, 0, 100 * 6 * HR_NS_PER_MS, 0, 0); /* l = 6 ms > 5.88 ms: an episode begins */
	assert_int_equal(ctr(HR_DCTR_WIN_EPISODES), 1);
	window(100, 0, 100 * 6 * HR_NS_PER_MS, 0, 0);
	assert_int_equal(ctr(HR_DCTR_WIN_QUEUED_N), 1);
	/* one request hanging for the whole window is slow, not a queue: f = 1 */
	window(0, 0, WINDOW_NS, 0, 0);
	assert_int_equal(ctr(HR_DCTR_WIN_QUEUED_N), 1);
	/* a stall: nothing completes, 16 wait */
	window(0, 0, 16 * WINDOW_NS, 0, 0);
	assert_int_equal(ctr(HR_DCTR_WIN_QUEUED_N), 2);
}

static void without_l0_a_crowded_window_is_not_judged(void **state)
{
	(void)state;
	start(HR_DEV_DISK);
	window(30, 0, 16 * WINDOW_NS, 0, 4096);
	assert_int_equal(ctr(HR_DCTR_WIN_N), 0);
	assert_int_equal(ctr(HR_DCTR_WIN_QUEUED_N), 0);
	assert_int_equal(ctr(HR_DCTR_WIN_CLEAN_OPS_MAX), 0);
	/* the distribution of rates needs no verdict */
	assert_int_equal(d.dist[HR_DDIST_OPS_100MS].total, 1);
	assert_int_equal(d.dist[HR_DDIST_OPS_100MS].max, 30);
	/* known for reads only: a crowd of writes is not judged either */
	teach_2ms();
	memset(&d, 0, sizeof(d));
	window(1, 30, WINDOW_NS, 16 * WINDOW_NS, 0);
	assert_int_equal(ctr(HR_DCTR_WIN_N), 0);
}

static void an_episode_needs_a_clean_second_before_it(void **state)
{
	(void)state;
	start(HR_DEV_DISK);
	teach_2ms();
	window(30, 0, 16 * WINDOW_NS, 0, 0);
	window(30, 0, 16 * WINDOW_NS, 0, 0);
	assert_int_equal(ctr(HR_DCTR_WIN_EPISODES), 1);
	for (int i = 0; i < 9; i++)
		window(0, 0, 0, 0, 0);
	window(30, 0, 16 * WINDOW_NS, 0, 0); /* 0.9 s clean: the same episode */
	assert_int_equal(ctr(HR_DCTR_WIN_EPISODES), 1);
	for (int i = 0; i < 10; i++)
		window(0, 0, 0, 0, 0);
	window(30, 0, 16 * WINDOW_NS, 0, 0);
	assert_int_equal(ctr(HR_DCTR_WIN_EPISODES), 2);
	assert_int_equal(ctr(HR_DCTR_WIN_QUEUED_N), 2); /* of four, two were the first ones */
}

/* 600/s for 1 s and 300/s for 1 s, queued; what the first window has is told of no episode. */
static void a_bucket_that_empties_is_told_by_its_head(void **state)
{
	(void)state;
	start(HR_DEV_DISK);
	teach_2ms();
	for (int i = 0; i < 10; i++)
		window(0, 0, 0, 0, 0);
	for (int i = 0; i < 10; i++)
		window(60, 0, 16 * WINDOW_NS, 0, 0);
	for (int i = 0; i < 10; i++)
		window(30, 0, 16 * WINDOW_NS, 0, 0);
	assert_int_equal(ctr(HR_DCTR_WIN_QUEUED_N), 19);
	assert_int_equal(ctr(HR_DCTR_WIN_HEAD_N), 9);
	assert_int_equal(ctr(HR_DCTR_WIN_HEAD_OPS), 540);
	assert_int_equal(ctr(HR_DCTR_WIN_SAVED_OPS_MAX), 270);
}

static void the_best_second_counts_what_was_carried_queued_or_not(void **state)
{
	(void)state;
	start(HR_DEV_DISK);
	teach_2ms(); /* four whole seconds of 10 windows */
	memset(&d, 0, sizeof(d));
	for (int i = 0; i < 10; i++)
		window(5, 0, HR_NS_PER_MS, 0, 10240);
	assert_int_equal(ctr(HR_DCTR_SEC_OPS_MAX), 50);
	assert_int_equal(ctr(HR_DCTR_SEC_KIB_MAX), 100);
	for (int i = 0; i < 9; i++)
		window(50, 0, HR_NS_PER_MS, 0, 0);
	window(50, 0, 20 * WINDOW_NS, 0, 0); /* the tenth is queued: carried all the same */
	assert_int_equal(ctr(HR_DCTR_SEC_OPS_MAX), 500);
	assert_int_equal(ctr(HR_DCTR_SEC_KIB_MAX), 100);
	assert_int_equal(ctr(HR_DCTR_WIN_CLEAN_OPS_MAX), 50);
}

static void lost_slots_throw_away_the_open_window_but_not_what_was_learned(void **state)
{
	struct hr_slot_dev s = {.ops = {7, 0}};

	(void)state;
	start(HR_DEV_DISK);
	teach_2ms();
	memset(&d, 0, sizeof(d));
	for (int i = 0; i < 5; i++)
		hr_devwin_slot(&w, &s, &d);
	hr_devwin_gap(&w);
	window(3, 0, HR_NS_PER_MS, 0, 0);
	assert_int_equal(d.dist[HR_DDIST_OPS_100MS].total, 1);
	assert_int_equal(d.dist[HR_DDIST_OPS_100MS].max, 3);
	hr_devwin_gauges(&w, &d);
	assert_int_equal(ctr(HR_DCTR_L0_RD_US), 1960);
	/* and the clean second before the gap does not count for an episode */
	window(30, 0, 16 * WINDOW_NS, 0, 0);
	assert_int_equal(ctr(HR_DCTR_WIN_EPISODES), 0);
}

static void in_flight_is_kept_per_slot_in_hundredths(void **state)
{
	struct hr_slot_dev s = {.inflight_ns = {HR_SLOT_NS, HR_SLOT_NS / 2}};

	(void)state;
	start(HR_DEV_DISK);
	hr_devwin_slot(&w, &s, &d);
	assert_int_equal(d.dist[HR_DDIST_INFLIGHT].total, 1);
	assert_int_equal(d.dist[HR_DDIST_INFLIGHT].max, 150);
}

static void a_nic_has_rates_only(void **state)
{
	(void)state;
	start(HR_DEV_NIC);
	for (int i = 0; i < HR_DEVWIN_SLOTS; i++) {
		struct hr_slot_dev s = {.ops = {10, 20}, .bytes = {10240, 20480}};

		hr_devwin_slot(&w, &s, &d);
	}
	assert_int_equal(d.dist[HR_DDIST_RX_KIB_100MS].max, 120);
	assert_int_equal(d.dist[HR_DDIST_TX_KIB_100MS].max, 240);
	assert_int_equal(d.dist[HR_DDIST_PKT_100MS].max, 360);
	assert_int_equal(d.dist[HR_DDIST_INFLIGHT].total, 0);
	assert_int_equal(ctr(HR_DCTR_WIN_N), 0);
	hr_devwin_gauges(&w, &d);
	assert_int_equal(ctr(HR_DCTR_L0_RD_US), 0);
}

/* After a day without a read the reads of yesterday are forgotten. */
static void l0_is_forgotten_after_a_day(void **state)
{
	struct hr_slot_dev idle = {0};
	uint64_t n;

	(void)state;
	start(HR_DEV_DISK);
	teach_2ms();
	n = 40 * HR_DEVWIN_SLOTS;
	for (; n < HR_DEVWIN_DAY_SLOTS / 2; n++)
		hr_devwin_slot(&w, &idle, &d);
	assert_int_equal(w.l0_us[0], 1960);
	for (; n < HR_DEVWIN_DAY_SLOTS; n++)
		hr_devwin_slot(&w, &idle, &d);
	assert_int_equal(w.l0_us[0], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(l0_is_unknown_until_enough_requests_met_an_idle_device),
		cmocka_unit_test(l0_is_the_tenth_percentile_and_learns_each_direction_apart),
		cmocka_unit_test(crowded_periods_teach_nothing),
		cmocka_unit_test(a_request_over_two_slots_keeps_its_length),
		cmocka_unit_test(a_steady_trickle_teaches_too),
		cmocka_unit_test(the_worked_example_of_a_queued_window),
		cmocka_unit_test(many_in_flight_at_low_latency_is_not_a_queue),
		cmocka_unit_test(without_l0_a_crowded_window_is_not_judged),
		cmocka_unit_test(an_episode_needs_a_clean_second_before_it),
		cmocka_unit_test(a_bucket_that_empties_is_told_by_its_head),
		cmocka_unit_test(the_best_second_counts_what_was_carried_queued_or_not),
		cmocka_unit_test(lost_slots_throw_away_the_open_window_but_not_what_was_learned),
		cmocka_unit_test(in_flight_is_kept_per_slot_in_hundredths),
		cmocka_unit_test(a_nic_has_rates_only),
		cmocka_unit_test(l0_is_forgotten_after_a_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
