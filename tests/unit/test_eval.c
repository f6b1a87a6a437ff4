/* SPDX-License-Identifier: Apache-2.0 */
/* What a minute says of its load as a whole: closed, hot threads, the one that cannot be spread. */
#include "tests/unit/estimate_fixture.h"

/* In @permille of the slots every vCPU was busy. */
static bool is_closed(struct bench *b, uint64_t permille)
{
	b->m.ctr[HR_CTR_SLOT_N] = 1000;
	b->m.ctr[HR_CTR_BUSY_ALL_N] = permille;
	hr_eval_minute(&b->x, &b->v);
	return b->v.closed.has;
}

static void load_is_closed_where_every_vcpu_is_busy_nine_tenths_of_the_time(void **state)
{
	struct bench *b = *state;

	assert_false(is_closed(b, 890));
	assert_true(is_closed(b, 910));
	b->m.have &= ~HR_SIG_BIT(HR_SIG_RUNQ_WAIT);
	assert_false(is_closed(b, 910));
}

static void a_thread_is_hot_above_nine_tenths_of_a_window(void **state)
{
	struct bench *b = *state;

	b->m.use[0].u_max_pm = 900;
	hr_eval_minute(&b->x, &b->v);
	assert_false(b->v.hot_thread);
	b->m.use[0].u_max_pm = 901;
	hr_eval_minute(&b->x, &b->v);
	assert_true(b->v.hot_thread);
}

/* 9 s of 10, of a process whose threads had @process_ms and one other at least half as much. */
static int beside_a_peer(struct bench *b, uint32_t process_ms)
{
	b->m.n_use = 1;
	b->m.use[0] = (struct hr_use){.pid = 7,
		.tid = 8,
		.oncpu_ms = 9000,
		.process_oncpu_ms = process_ms,
		.seen_ms = 10000,
		.u_max_pm = 900,
		.o_max_pm = 900,
		.peers = 1,
		.comm = "main",
		.process = "main"};
	return hr_serial_candidate(&b->m);
}

static void a_thread_with_peers_limits_where_it_does_more_than_55_percent(void **state)
{
	assert_int_equal(beside_a_peer(*state, 9000 * 100 / 54), -1);
	assert_int_equal(beside_a_peer(*state, 9000 * 100 / 56), 0);
}

/* A process of the same name that is half as busy is its equal; one that is less is not. */
static void a_namesake_half_as_busy_makes_a_pool(void **state)
{
	struct bench *b = *state;

	(void)beside_a_peer(b, 9000);
	b->m.n_use = 2;
	b->m.use[1] = b->m.use[0];
	b->m.use[1].pid = b->m.use[1].tid = 9;
	b->m.use[1].u_max_pm = 460;
	assert_int_equal(hr_serial_candidate(&b->m), -1);
	b->m.use[1].u_max_pm = 440;
	assert_int_equal(hr_serial_candidate(&b->m), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(load_is_closed_where_every_vcpu_is_busy_nine_tenths_of_the_time),
		T(a_thread_is_hot_above_nine_tenths_of_a_window),
		T(a_thread_with_peers_limits_where_it_does_more_than_55_percent),
		T(a_namesake_half_as_busy_makes_a_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
