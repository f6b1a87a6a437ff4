/* SPDX-License-Identifier: Apache-2.0 */
/* When windows begin and end, and which number each has. */
#include "tests/unit/sampler_feed.h"

/* Start at 103.4 s: the first window is 6.6 s long and ends at 110 s. */
static void aligned_windows_end_at_multiples_of_ten_seconds(void **state)
{
	const struct hr_summary *s = NULL;
	uint64_t mono;

	(void)state;
	start(true);
	assert_int_equal(tick_at(103400000000ULL, &s), 0);
	mono = hr_sampler_next_ns(&sampler, 96400000000ULL, 103400000000ULL);
	assert_int_equal(mono, 97 * S); /* boot 104 s */
	assert_int_equal(run(104, 109, &s), 0);
	assert_false(hr_sampler_closes(&sampler, 109 * S));
	assert_true(hr_sampler_closes(&sampler, 110 * S));
	assert_int_equal(tick_at(110 * S, &s), 1);
	assert_int_equal(s->seq_first, 10);
	assert_int_equal(s->seq_last, 10);
	assert_int_equal(s->dur_ms, 6600);
}

/* A start less than 2 s before the end joins the next window, and says so by its numbers. */
static void a_sliver_joins_the_next_window(void **state)
{
	const struct hr_summary *s = NULL;

	(void)state;
	start(true);
	assert_int_equal(tick_at(109 * S, &s), 0);
	assert_int_equal(run(110, 119, &s), 0);
	assert_int_equal(tick_at(120 * S, &s), 1);
	assert_int_equal(s->seq_first, 10);
	assert_int_equal(s->seq_last, 11);
	assert_int_equal(s->dur_ms, 11000);
}

static void other_windows_are_ten_seconds_from_the_first_tick(void **state)
{
	const struct hr_summary *s = NULL;

	(void)state;
	start(false);
	for (int i = 0; i < 10; i++)
		assert_int_equal(tick_at(103400000000ULL + (uint64_t)i * S, &s), 0);
	assert_int_equal(hr_sampler_next_ns(&sampler, 0, 112400000000ULL), S);
	assert_int_equal(tick_at(113400000000ULL, &s), 1);
	assert_int_equal(s->seq_first, 11);
	assert_int_equal(s->seq_last, 11);
	assert_int_equal(s->dur_ms, 10000);
	for (int i = 1; i < 10; i++)
		assert_int_equal(tick_at(113400000000ULL + (uint64_t)i * S, &s), 0);
	assert_int_equal(tick_at(123400000000ULL, &s), 1);
	assert_int_equal(s->seq_first, 12);
	assert_int_equal(s->seq_last, 12);
}

static void a_timer_that_fires_early_or_a_little_late_closes_the_same_window(void **state)
{
	const struct hr_summary *s = NULL;

	(void)state;
	start(true);
	run(100, 109, &s);
	assert_int_equal(tick_at(109990000000ULL, &s), 1);
	assert_int_equal(s->seq_last, 10);
	/* the next tick is at 111 s, not 10 ms later */
	assert_int_equal(hr_sampler_next_ns(&sampler, 0, 109990000000ULL), 1010000000ULL);
	run(111, 119, &s);
	assert_int_equal(tick_at(120900000000ULL, &s), 1);
	assert_int_equal(s->seq_first, 11);
	assert_int_equal(s->seq_last, 11);
	assert_int_equal(s->dur_ms, 10910);
}

/* A tick 25 s late stands for all whole windows it covers; the slots are the take's business. */
static void a_very_late_tick_covers_several_numbers(void **state)
{
	const struct hr_summary *s = NULL;

	(void)state;
	start(true);
	run(100, 105, &s);
	feed.raw.due_ns = 0;
	assert_int_equal(tick_at(131 * S, &s), 1);
	assert_int_equal(s->seq_first, 10);
	assert_int_equal(s->seq_last, 12);
	assert_int_equal(s->dur_ms, 31000);
	assert_int_equal(run(132, 140, &s), 1);
	assert_int_equal(s->seq_first, 13);
	assert_int_equal(s->seq_last, 13);
	assert_int_equal(s->dur_ms, 9000);
}

static void a_tick_late_by_more_than_half_a_second_is_counted(void **state)
{
	const struct hr_summary *s = NULL;

	(void)state;
	start(true);
	run(100, 104, &s);
	texts(feed.ticks++);
	feed.raw.boot_ns = 105600000000ULL;
	feed.raw.mono_ns = 98600000000ULL;
	feed.raw.due_ns = 98 * S;
	assert_int_equal(hr_sampler_tick(&sampler, &feed.raw, &s), 0);
	assert_int_equal(run(106, 110, &s), 1);
	assert_int_equal(s->ctr[HR_CTR_SELF_TICK_LATE_N], 1);
}

static void a_suspend_is_in_no_window(void **state)
{
	const struct hr_summary *s = NULL;

	(void)state;
	start(true);
	run(100, 105, &s);
	/* an hour later by boot time; the monotonic clock stood still */
	feed.raw.boot_ns = 3705 * S;
	feed.raw.mono_ns = 98 * S + 500000000ULL;
	texts(feed.ticks++);
	assert_int_equal(hr_sampler_tick(&sampler, &feed.raw, &s), 1);
	assert_int_equal(s->seq_first, 10);
	assert_int_equal(s->seq_last, 10);
	assert_int_equal(s->dur_ms, 5000);
	assert_int_equal(s->ctr[HR_CTR_STAT_USER_MS], 2500);
	for (uint64_t t = 1; t < 5; t++) {
		feed.raw.boot_ns = (3705 + t) * S;
		feed.raw.mono_ns = (98 + t) * S + 500000000ULL;
		texts(feed.ticks++);
		assert_int_equal(hr_sampler_tick(&sampler, &feed.raw, &s), 0);
	}
	feed.raw.boot_ns = 3710 * S;
	feed.raw.mono_ns = 103 * S + 500000000ULL;
	texts(feed.ticks++);
	assert_int_equal(hr_sampler_tick(&sampler, &feed.raw, &s), 1);
	assert_int_equal(s->seq_first, 370);
	assert_int_equal(s->dur_ms, 5000);
	assert_int_equal(
		s->ctr[HR_CTR_STAT_USER_MS], 2500); /* the growth over the gap is in neither */
}

/* 119 slots a second, of which those of the seconds between two takes are lost if they are many. */
static int run_with_slots(
	uint64_t from_s, uint64_t to_s, uint64_t *slot, const struct hr_summary **ret)
{
	int closed = 0;

	feed.raw.take = &feed.take;
	feed.take.have = BIT(HR_SIG_CPU_SLOTS) | BIT(HR_SIG_BURSTS);
	for (uint64_t t = from_s; t <= to_s; t++) {
		feed.take.first_slot = *slot;
		feed.take.n_slots = 119;
		*slot += 119;
		closed += tick_at(t * S, ret);
	}
	return closed;
}

static void slots_between_a_flush_and_the_next_base_are_not_missing(void **state)
{
	const struct hr_summary *s = NULL;
	uint64_t slot = 1000;

	(void)state;
	start(true);
	run_with_slots(100, 104, &slot, &s);
	assert_int_equal(hr_sampler_flush(&sampler, &s), 1);
	assert_true(hr_has(s, HR_SIG_CPU_SLOTS));
	slot += 500;
	assert_int_equal(run_with_slots(109, 120, &slot, &s), 1);
	assert_true(hr_has(s, HR_SIG_CPU_SLOTS) && hr_has(s, HR_SIG_BURSTS));
	assert_int_equal(s->ctr[HR_CTR_SLOT_N], 11 * 119);
	/* without a flush they are */
	slot += 500;
	assert_int_equal(run_with_slots(121, 130, &slot, &s), 1);
	assert_false(hr_has(s, HR_SIG_CPU_SLOTS));
}

static void a_flush_ends_the_window_and_its_number_is_not_used_again(void **state)
{
	const struct hr_summary *s = NULL;

	(void)state;
	start(true);
	run(100, 104, &s);
	assert_int_equal(hr_sampler_flush(&sampler, &s), 1);
	assert_int_equal(s->seq_first, 10);
	assert_int_equal(s->seq_last, 10);
	assert_int_equal(s->dur_ms, 4000);
	assert_int_equal(hr_sampler_flush(&sampler, &s), 0);
	/* going on: 10 is taken, so the next window is 11 and runs to 120 s */
	assert_int_equal(run(105, 119, &s), 0);
	assert_int_equal(tick_at(120 * S, &s), 1);
	assert_int_equal(s->seq_first, 11);
	assert_int_equal(s->seq_last, 11);
	assert_int_equal(s->dur_ms, 15000);
}

static void an_agent_that_restarts_does_not_use_a_number_twice(void **state)
{
	struct hr_sampler_conf c = conf_2cpu(true);
	const struct hr_summary *s = NULL;

	(void)state;
	memset(&feed, 0, sizeof(feed));
	c.seq_min = 11; /* 10 was sent before the restart at 103 s */
	hr_sampler_init(&sampler, &c);
	assert_int_equal(run(103, 119, &s), 0);
	assert_int_equal(tick_at(120 * S, &s), 1);
	assert_int_equal(s->seq_first, 11);
	assert_int_equal(s->seq_last, 11);
	assert_int_equal(s->dur_ms, 17000);
	/* a number from another boot's file is not believed */
	c.seq_min = 1000000;
	hr_sampler_init(&sampler, &c);
	feed.ticks = 0;
	assert_int_equal(run(103, 110, &s), 1);
	assert_int_equal(s->seq_first, 10);
}

static void a_change_of_cpus_starts_a_new_epoch_and_window(void **state)
{
	struct hr_sampler_conf c;
	const struct hr_summary *s = NULL;

	(void)state;
	start(true);
	run(100, 104, &s);
	c = sampler.conf;
	c.cpus = 4;
	c.epoch = 4;
	assert_int_equal(hr_sampler_change(&sampler, &c, &feed.raw, &s), 1);
	assert_int_equal(s->epoch, 3);
	assert_int_equal(s->cpus, 2);
	assert_int_equal(s->dur_ms, 4000);
	/* the tick that saw it sets the base: its second counts nowhere */
	assert_true(hr_sampler_closes(&sampler, 105 * S));
	assert_int_equal(run(105, 119, &s), 0);
	assert_int_equal(tick_at(120 * S, &s), 1);
	assert_int_equal(s->epoch, 4);
	assert_int_equal(s->cpus, 4);
	assert_int_equal(s->seq_first, 11);
	assert_int_equal(s->dur_ms, 15000);
	assert_int_equal(s->ctr[HR_CTR_STAT_USER_MS], 7500);
}

/* Throttled in the window that a change ends: read when it ends, counted there, and once. */
static void a_change_takes_no_cgroup_reading_with_it(void **state)
{
	struct hr_cgroup_raw g = {.have = BIT(HR_SIG_CPU_QUOTA), .throttled_us = 5000};
	const struct hr_summary *s = NULL;
	struct hr_sampler_conf c;

	(void)state;
	start(true);
	feed.raw.cgroup = &g;
	tick_at(100 * S, &s);
	feed.raw.cgroup = NULL;
	run(101, 104, &s);
	c = sampler.conf;
	c.cpus = 4;
	c.epoch = 4;
	g.throttled_us = 9000;
	feed.raw.cgroup = &g;
	assert_int_equal(hr_sampler_change(&sampler, &c, &feed.raw, &s), 1);
	assert_true(hr_has(s, HR_SIG_CPU_QUOTA));
	assert_int_equal(s->ctr[HR_CTR_QUOTA_THROTTLED_US], 4000);
	tick_at(105 * S, &s);
	feed.raw.cgroup = NULL;
	run(106, 119, &s);
	g.throttled_us = 9500;
	feed.raw.cgroup = &g;
	assert_int_equal(tick_at(120 * S, &s), 1);
	assert_int_equal(s->ctr[HR_CTR_QUOTA_THROTTLED_US], 500);
}

/* From @from_s to @to_s as the agent does it: all is read at both ends, a part in between. */
static int run_brief(uint64_t from_s, uint64_t to_s, const struct hr_summary **ret)
{
	int closed = 0;

	for (uint64_t t = from_s; t <= to_s; t++) {
		feed.raw.brief = t != from_s && t != to_s;
		closed += tick_at(t * S, ret);
	}
	return closed;
}

static void totals_read_once_a_window_say_what_each_tick_would(void **state)
{
	static struct hr_summary full;
	const struct hr_summary *s = NULL;

	(void)state;
	for (int hook = 0; hook < 2; hook++) {
		start(true);
		feed.take.have = BIT(HR_SIG_OOM) | BIT(HR_SIG_TCP_RETRANS);
		feed.take.mem.retransmits = 7;
		feed.raw.take = hook ? &feed.take : NULL;
		assert_int_equal(run(100, 110, &s), 1);
		full = *s;
		start(true);
		feed.take.have = BIT(HR_SIG_OOM) | BIT(HR_SIG_TCP_RETRANS);
		feed.take.mem.retransmits = 7;
		feed.raw.take = hook ? &feed.take : NULL;
		assert_int_equal(run_brief(100, 110, &s), 1);
		assert_int_equal(s->ctr[HR_CTR_TCP_RETRANS_N], hook ? 70 : 20);
		assert_int_equal(s->have, full.have);
		assert_memory_equal(s->ctr, full.ctr, sizeof(full.ctr));
		assert_int_equal(s->n_dev, full.n_dev);
		for (uint8_t i = 0; i < full.n_dev; i++) {
			assert_int_equal(s->dev[i].have, full.dev[i].have);
			assert_memory_equal(
				s->dev[i].ctr, full.dev[i].ctr, sizeof(full.dev[i].ctr));
		}
	}
}

/* What grew since the window began was not read: that is missing, and in no later window either. */
static void a_window_that_a_change_ends_lacks_what_is_read_at_its_end(void **state)
{
	const uint64_t seconds = BIT(HR_SIG_CPU_STAT) | BIT(HR_SIG_STEAL) | BIT(HR_SIG_SOFTIRQ) |
				 BIT(HR_SIG_MEMINFO);
	struct hr_sampler_conf c;
	const struct hr_summary *s = NULL;

	(void)state;
	start(true);
	tick_at(100 * S, &s);
	feed.raw.brief = true;
	run(101, 104, &s);
	c = sampler.conf;
	c.epoch = 4;
	assert_int_equal(hr_sampler_change(&sampler, &c, &feed.raw, &s), 1);
	assert_int_equal(s->have, seconds);
	assert_int_equal(s->dev[0].have | s->dev[1].have, 0);
	assert_int_equal(s->ctr[HR_CTR_STAT_USER_MS], 2000);
	assert_int_equal(run_brief(105, 120, &s), 1);
	assert_true(hr_has(s, HR_SIG_VMSTAT) && hr_has(s, HR_SIG_NET_LOCAL));
	assert_int_equal(s->ctr[HR_CTR_REFAULT_ANON_N], 15);
	assert_int_equal(s->ctr[HR_CTR_SELF_CPU_US], 7500);
	assert_int_equal(s->dev[1].ctr[HR_DCTR_TX_PACKETS], 300);
	assert_true(s->dev[1].have & BIT(HR_SIG_NET_STAT));
}

static void a_step_of_the_wall_clock_changes_only_the_time_shown(void **state)
{
	const struct hr_summary *s = NULL;

	(void)state;
	start(true);
	run(100, 109, &s);
	texts(feed.ticks++);
	feed.raw.boot_ns = 110 * S;
	feed.raw.mono_ns = 103 * S;
	feed.raw.wall_ms = 5;
	assert_int_equal(hr_sampler_tick(&sampler, &feed.raw, &s), 1);
	assert_int_equal(s->t_end_ms, 5);
	assert_int_equal(s->dur_ms, 10000);
	assert_int_equal(s->seq_last, 10);
	assert_int_equal(s->ctr[HR_CTR_STAT_USER_MS], 5000);
}

/* What was learned of a disk survives a change elsewhere, and goes with the disk. */
static void a_change_keeps_what_was_learned_of_the_devices_that_stay(void **state)
{
	struct hr_sampler_conf c;
	const struct hr_summary *s = NULL;

	(void)state;
	start(true);
	run(100, 102, &s);
	sampler.fold.win[0].l0_us[1] = 300;
	c = sampler.conf;
	c.cpus = 4;
	c.epoch = 4;
	(void)hr_sampler_change(&sampler, &c, &feed.raw, &s);
	run(103, 120, &s);
	assert_int_equal(s->dev[0].ctr[HR_DCTR_L0_WR_US], 300);
	(void)snprintf(c.dev_name[0], sizeof(c.dev_name[0]), "%s", "vdb");
	c.epoch = 5;
	(void)hr_sampler_change(&sampler, &c, &feed.raw, &s);
	assert_int_equal(sampler.fold.win[0].l0_us[1], 0);
}

/*
 * Whatever the timer does: each number is used once and in order, and every count is in
 * exactly one window, except those of ticks that only set the base.
 */
static void no_count_is_lost_or_doubled_and_no_number_used_twice(void **state)
{
	struct hr_rand r = hr_rand_seeded("sampler_window");

	(void)state;
	for (int round = 0; round < 20; round++) {
		uint64_t at = 100 * S + hr_rand_below(&r, 20 * S), next_seq = 0, counted = 0;
		uint64_t expected = 0, covered_ms = 0, closed = 0;

		start(hr_rand_below(&r, 2) == 0);
		for (int i = 0; i < 500; i++) {
			const struct hr_summary *s = NULL;
			uint64_t kind = hr_rand_below(&r, 100), wait = S - S / 5;
			bool base = !sampler.begun;
			int n = 0;

			wait += hr_rand_below(&r, S / 2);
			if (kind == 0)
				n = hr_sampler_flush(&sampler, &s);
			else if (kind == 1)
				n = hr_sampler_change(&sampler, &sampler.conf, &feed.raw, &s);
			else if (kind == 2)
				wait += hr_rand_below(&r, 40 * S);
			else if (kind == 3)
				wait += HR_SAMPLER_GAP_NS;
			at += wait;
			for (int pass = 0; pass < 2; pass++) {
				if (n) {
					assert_true(s->seq_first >= next_seq);
					assert_true(s->seq_last >= s->seq_first);
					assert_true(s->seq_last <= at / HR_WINDOW_NS + 2);
					next_seq = s->seq_last + 1;
					counted += s->ctr[HR_CTR_CTXT_N];
					covered_ms += s->dur_ms;
					closed++;
				}
				if (pass == 0)
					n = tick_at(at, &s);
			}
			if (!base && kind != 0 && kind != 1 && wait <= HR_SAMPLER_GAP_NS)
				expected += 1000;
		}
		const struct hr_summary *s = NULL;
		if (hr_sampler_flush(&sampler, &s)) {
			counted += s->ctr[HR_CTR_CTXT_N];
			covered_ms += s->dur_ms;
		}
		assert_int_equal(counted, expected);
		assert_true(closed > 20 && covered_ms > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aligned_windows_end_at_multiples_of_ten_seconds),
		cmocka_unit_test(a_sliver_joins_the_next_window),
		cmocka_unit_test(other_windows_are_ten_seconds_from_the_first_tick),
		cmocka_unit_test(a_timer_that_fires_early_or_a_little_late_closes_the_same_window),
		cmocka_unit_test(a_very_late_tick_covers_several_numbers),
		cmocka_unit_test(a_tick_late_by_more_than_half_a_second_is_counted),
		cmocka_unit_test(a_suspend_is_in_no_window),
		cmocka_unit_test(slots_between_a_flush_and_the_next_base_are_not_missing),
		cmocka_unit_test(a_flush_ends_the_window_and_its_number_is_not_used_again),
		cmocka_unit_test(an_agent_that_restarts_does_not_use_a_number_twice),
		cmocka_unit_test(a_change_of_cpus_starts_a_new_epoch_and_window),
		cmocka_unit_test(a_change_takes_no_cgroup_reading_with_it),
		cmocka_unit_test(totals_read_once_a_window_say_what_each_tick_would),
		cmocka_unit_test(a_window_that_a_change_ends_lacks_what_is_read_at_its_end),
		cmocka_unit_test(a_step_of_the_wall_clock_changes_only_the_time_shown),
		cmocka_unit_test(a_change_keeps_what_was_learned_of_the_devices_that_stay),
		cmocka_unit_test(no_count_is_lost_or_doubled_and_no_number_used_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
