/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include "agent/core/backoff.h"

#define S UINT64_C(1000000000)

static void a_pause_lies_between_the_base_and_three_times_the_last_one(void **state)
{
	struct hr_rand r = hr_rand_seeded("backoff");

	(void)state;
	for (int run = 0; run < 200; run++) {
		struct hr_backoff b;
		uint64_t last = HR_BACKOFF_BASE_NS;

		hr_backoff_init(&b, hr_rand_u64(&r));
		for (uint32_t i = 1; i <= 30; i++) {
			uint64_t pause = hr_backoff_failure(&b, 0, 0);
			uint64_t most = 3 * last < HR_BACKOFF_MAX_NS ? 3 * last : HR_BACKOFF_MAX_NS;

			assert_true(pause >= HR_BACKOFF_BASE_NS && pause <= most);
			assert_int_equal(b.attempt, i);
			last = pause;
		}
	}
}

/* After many failures pauses are minutes apart: the mean of U[1 s, 300 s] draws is far above 30 s.
 */
static void an_outage_is_waited_out_with_long_pauses(void **state)
{
	struct hr_backoff b;
	uint64_t sum = 0;

	(void)state;
	hr_backoff_init(&b, 1);
	for (int i = 0; i < 20; i++)
		(void)hr_backoff_failure(&b, 0, 0);
	for (int i = 0; i < 100; i++)
		sum += hr_backoff_failure(&b, 0, 0);
	assert_true(sum / 100 > 30 * S);
}

static void an_ack_makes_the_next_failure_small_again(void **state)
{
	struct hr_backoff b;

	(void)state;
	hr_backoff_init(&b, 5);
	for (int i = 0; i < 20; i++)
		(void)hr_backoff_failure(&b, 0, 0);
	hr_backoff_success(&b);
	assert_int_equal(b.attempt, 0);
	assert_true(hr_backoff_failure(&b, 0, 0) <= 3 * S);
}

static void the_same_seed_gives_the_same_pauses_and_two_seeds_part(void **state)
{
	struct hr_backoff a, b, c;
	int same = 0;

	(void)state;
	hr_backoff_init(&a, 42);
	hr_backoff_init(&b, 42);
	hr_backoff_init(&c, 43);
	for (int i = 0; i < 20; i++) {
		uint64_t x = hr_backoff_failure(&a, 0, 0);

		assert_true(x == hr_backoff_failure(&b, 0, 0));
		same += x == hr_backoff_failure(&c, 0, 0);
	}
	assert_true(same < 5); /* the cap of 5 min may be shared */
}

static void retry_after_is_a_floor_with_a_spread_behind_it(void **state)
{
	struct hr_backoff b;
	uint64_t pause;

	(void)state;
	hr_backoff_init(&b, 7);
	for (int i = 0; i < 50; i++) {
		hr_backoff_success(&b);
		pause = hr_backoff_failure(&b, 0, 100 * S);
		assert_true(pause >= 100 * S && pause <= 100 * S + 1 * S + 10 * S);
	}
	/* nobody may send us away for a day */
	pause = hr_backoff_failure(&b, 0, 86400 * S);
	assert_true(pause >= HR_BACKOFF_RETRY_MAX_NS);
	assert_true(pause <= HR_BACKOFF_RETRY_MAX_NS + HR_BACKOFF_RETRY_MAX_NS / 10 + S);
}

static void a_told_phase_is_met_after_failures_too(void **state)
{
	struct hr_backoff b;
	uint64_t wall = 1700000003 * S + 123456789;

	(void)state;
	hr_backoff_init(&b, 9);
	hr_backoff_told(&b, 41 * S + 250000000, 60 * S);
	for (int i = 0; i < 30; i++) {
		uint64_t pause = hr_backoff_failure(&b, wall, 0);

		assert_true(pause >= HR_BACKOFF_BASE_NS && pause <= HR_BACKOFF_MAX_NS + 60 * S);
		assert_true((wall + pause) % (60 * S) == 41 * S + 250000000);
	}
}

/* 1 700 000 003 mod 60 = 23: the phase 41 s is 18 s away. */
static void sends_are_at_the_phase(void **state)
{
	struct hr_backoff b;

	(void)state;
	hr_backoff_init(&b, 9);
	hr_backoff_told(&b, 41 * S, 60 * S);
	assert_true(hr_backoff_next_phase(&b, 1700000003 * S, true) == 18 * S);
	/* on the phase itself: the next one */
	assert_true(hr_backoff_next_phase(&b, 1700000021 * S, true) == 60 * S);
	assert_true(hr_backoff_next_phase(&b, 1700000022 * S, true) == 59 * S);
	/* a phase beyond its period is folded into it */
	hr_backoff_told(&b, 101 * S, 60 * S);
	assert_true(hr_backoff_next_phase(&b, 1700000003 * S, false) == 18 * S);
	hr_backoff_told(&b, 5, 0);
	assert_true(hr_backoff_next_phase(&b, 1700000003 * S, true) == 0);
}

static void without_a_phase_agents_spread_over_ten_seconds(void **state)
{
	uint64_t min = UINT64_MAX, max = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 1000; seed++) {
		struct hr_backoff b;
		uint64_t p;

		hr_backoff_init(&b, seed);
		p = hr_backoff_next_phase(&b, 0, false);
		assert_true(p <= HR_BACKOFF_SPREAD_NS);
		min = p < min ? p : min;
		max = p > max ? p : max;
	}
	/* 1000 uniform draws miss the first or last 5 % with probability 0.95^1000 < 1e-22 */
	assert_true(min < S / 2 && max > 19 * S / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pause_lies_between_the_base_and_three_times_the_last_one),
		cmocka_unit_test(an_outage_is_waited_out_with_long_pauses),
		cmocka_unit_test(an_ack_makes_the_next_failure_small_again),
		cmocka_unit_test(the_same_seed_gives_the_same_pauses_and_two_seeds_part),
		cmocka_unit_test(retry_after_is_a_floor_with_a_spread_behind_it),
		cmocka_unit_test(a_told_phase_is_met_after_failures_too),
		cmocka_unit_test(sends_are_at_the_phase),
		cmocka_unit_test(without_a_phase_agents_spread_over_ten_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
