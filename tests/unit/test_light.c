/* SPDX-License-Identifier: Apache-2.0 */
/* How much of a slot's work grows with the load: by hand. */
#include "tests/unit/hr_cmocka.h"

#include <math.h>
#include <string.h>

#include "agent/core/fold.h"
#include "agent/core/light.h"
#include "proto/units.h"

/* A tick of @reads messages at 50 us each, in as many bursts. */
static void learn(struct hr_light *l, uint32_t reads)
{
	const struct hr_slot_cpu sum = {
		.charge_ns = reads * 50000ULL, .reads = reads, .wakes = reads};
	struct hr_hist h = {0};

	assert_true(hr_hist_add(&h, 50, reads));
	hr_light_learn(l, &sum, &h);
}

/* Of a slot with 7 ms of work. */
static double grow(const struct hr_light *l, uint32_t reads, uint32_t wakes)
{
	const struct hr_slot_cpu slot = {.charge_ns = 7000000, .reads = reads, .wakes = wakes};

	return hr_light_grow(l, &slot);
}

static void a_message_costs_what_they_cost_of_late(void **state)
{
	struct hr_light l = {0};

	(void)state;
	learn(&l, 999); /* too few to know */
	assert_true(grow(&l, 10, 10) == 7e6);
	learn(&l, 999);
	/* 7 ms of ten messages: a stall; no messages: none of it grows */
	assert_true(fabs(grow(&l, 10, 10) - 500000) < 1);
	assert_true(grow(&l, 0, 0) == 0);
	assert_true(fabs(grow(&l, 200, 10) - 1e7) < 1); /* cheap ones grow dear */
	for (int i = 0; i < 600; i++)                   /* 300 s of nothing */
		learn(&l, 0);
	assert_true(grow(&l, 10, 10) == 7e6);
}

/* 1000 bursts of 50 us and 5 of 1.2 ms: 6 of 56 ms are in long ones, more than a tenth. */
static void where_long_bursts_do_a_share_of_the_work_a_slot_grows_as_it_is(void **state)
{
	const struct hr_slot_cpu sum = {.charge_ns = 55000000, .reads = 1000, .wakes = 1000};
	struct hr_light l = {0};
	struct hr_hist h = {0};

	(void)state;
	assert_true(hr_hist_add(&h, 50, 1000) && hr_hist_add(&h, 1200, 3));
	hr_light_learn(&l, &sum, &h); /* 3.6 of 53.6 */
	assert_true(grow(&l, 10, 10) < 6e5);
	assert_true(hr_hist_add(&h, 1200, 2));
	l = (struct hr_light){0};
	hr_light_learn(&l, &sum, &h);
	assert_true(grow(&l, 10, 10) == 7e6);
}

/* A heartbeat beside a load that reads nothing: three bursts of four at most read none. */
static void messages_that_the_load_is_not_made_of_tell_nothing(void **state)
{
	struct hr_slot_cpu sum = {.charge_ns = 200000000, .reads = 1000, .wakes = 4000};
	struct hr_light l = {0};
	struct hr_hist h = {0};

	(void)state;
	assert_true(hr_hist_add(&h, 50, 4000));
	hr_light_learn(&l, &sum, &h);
	assert_true(fabs(grow(&l, 10, 10) - 2e6) < 1);
	sum.wakes = 4100;
	hr_light_learn(&l, &sum, &h);
	assert_true(grow(&l, 10, 10) == 7e6);
}

/*
 * The whole way: one CPU, slots of 4 ms of work and 80 messages, every tenth one with a stall: 14
 * ms and 80 messages.  At 1.59 times the load a stall of 22.2 ms is 13.8 ms of backlog, late; by
 * its messages, 5 ms on average, 14 + 0.59 x 5 leave 8.5, and it is not.
 */
static void stalls_do_not_grow_with_the_load(void **state)
{
	struct hr_summary by_messages = {0}, without = {0};

	(void)state;
	for (unsigned has = 0; has < 2; has++) {
		static struct hr_take t;
		struct hr_fold f;
		struct hr_summary *s = has ? &by_messages : &without;

		memset(&f, 0, sizeof(f));
		hr_fold_init(&f, 1, NULL, 0, 0);
		for (unsigned tick = 0; tick < 40; tick++) {
			memset(&t, 0, sizeof(t));
			t.have = HR_SIG_BIT(HR_SIG_BURSTS) | (has ? HR_SIG_BIT(HR_SIG_READS) : 0);
			t.first_slot = 100 + tick * 60;
			t.n_slots = 60;
			for (unsigned i = 0; i < 60; i++)
				t.cpu_slot[i] = (struct hr_slot_cpu){
					.charge_ns = i % 10 ? 4000000 : 14000000,
					.wakes = 80,
					.reads = 80};
			assert_true(hr_hist_add(&t.cpu.burst_cpu, 50, 60 * 80));
			assert_true(hr_hist_add(&t.cpu.burst_cpu, 5000, 2));
			(void)hr_fold_take(&f, &t, NULL, s);
		}
	}
	assert_true(without.vq_bad[0][4] >= 40 * 6 * 80);
	/* only in the first tick, before it is learned */
	assert_int_equal(40 * by_messages.vq_bad[0][4], without.vq_bad[0][4]);
	assert_int_equal(without.vq_bad[0][2], 0);
	assert_int_equal(without.vq_bad[HR_VQ_SPREAD][5], by_messages.vq_bad[HR_VQ_SPREAD][5]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_costs_what_they_cost_of_late),
		cmocka_unit_test(where_long_bursts_do_a_share_of_the_work_a_slot_grows_as_it_is),
		cmocka_unit_test(messages_that_the_load_is_not_made_of_tell_nothing),
		cmocka_unit_test(stalls_do_not_grow_with_the_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
