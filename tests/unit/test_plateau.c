/* SPDX-License-Identifier: Apache-2.0 */
/* Heads and tails of token buckets in queued windows, worked by hand. */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "agent/core/plateau.h"

static struct hr_plateau p;
static struct hr_dev_summary d;

static void start(void)
{
	hr_plateau_start(&p);
	memset(&d, 0, sizeof(d));
}

static void windows(unsigned n, uint64_t ops, uint64_t kib)
{
	for (unsigned i = 0; i < n; i++)
		hr_plateau_add(&p, ops, kib, &d);
}

/* 600/s for 2 s, then 300/s, of 4 KiB: 20 x 60 requests less 20 x 30 came out of the bucket. */
static void what_the_head_carried_beyond_the_tail_was_saved(void **state)
{
	(void)state;
	start();
	windows(20, 60, 240);
	windows(9, 30, 120);
	assert_int_equal(d.ctr[HR_DCTR_WIN_HEAD_N], 0); /* 0.9 s of a tail */
	windows(1, 30, 120);
	assert_int_equal(d.ctr[HR_DCTR_WIN_HEAD_N], 20);
	assert_int_equal(d.ctr[HR_DCTR_WIN_HEAD_OPS], 1200);
	assert_int_equal(d.ctr[HR_DCTR_WIN_HEAD_OPS2], 72000);
	assert_int_equal(d.ctr[HR_DCTR_WIN_HEAD_KIB], 4800);
	assert_int_equal(d.ctr[HR_DCTR_WIN_HEAD_KIB2], 1152000);
	assert_int_equal(d.ctr[HR_DCTR_WIN_SAVED_OPS_MAX], 600);
	assert_int_equal(d.ctr[HR_DCTR_WIN_SAVED_KIB_MAX], 2400);
	windows(50, 30, 120); /* the tail goes on, and none of it is a head */
	assert_int_equal(d.ctr[HR_DCTR_WIN_HEAD_N], 20);
}

static void two_buckets_are_two_heads(void **state)
{
	(void)state;
	start();
	windows(10, 90, 5);
	windows(10, 60, 700); /* sizes of any kind: bytes tell nothing */
	assert_int_equal(d.ctr[HR_DCTR_WIN_HEAD_N], 10);
	windows(5, 30, 3);
	windows(5, 30, 900);
	assert_int_equal(d.ctr[HR_DCTR_WIN_HEAD_N], 20);
	assert_int_equal(d.ctr[HR_DCTR_WIN_HEAD_OPS], 1500);
	assert_int_equal(d.ctr[HR_DCTR_WIN_SAVED_OPS_MAX], 300); /* of each */
	assert_int_equal(d.ctr[HR_DCTR_WIN_SAVED_KIB_MAX], 0);
}

/* 400 KiB a window all along, in requests that become eight times as large. */
static void larger_requests_at_the_same_bytes_are_no_tail(void **state)
{
	(void)state;
	start();
	windows(30, 100, 400);
	windows(30, 12, 400);
	assert_int_equal(d.ctr[HR_DCTR_WIN_HEAD_N], 0);
	assert_int_equal(d.ctr[HR_DCTR_WIN_SAVED_OPS_MAX], 0);
}

/* Half as much and three times as much in turn: no constant rate; nor is a rise or a small drop. */
static void a_rate_that_varies_has_no_tail(void **state)
{
	(void)state;
	start();
	windows(10, 100, 400);
	for (unsigned i = 0; i < 20; i++)
		windows(1, i % 2 ? 20 : 60, i % 2 ? 80 : 240);
	assert_int_equal(d.ctr[HR_DCTR_WIN_HEAD_N], 0);
	start();
	windows(20, 30, 120);
	windows(20, 60, 240);
	windows(20, 50, 200); /* of a mean of 45 and 50 before */
	assert_int_equal(d.ctr[HR_DCTR_WIN_HEAD_N], 0);
}

/* A throttle that lets requests go ten times a second: a window of two lumps begins the tail anew.
 */
static void a_lump_in_the_tail_puts_it_off(void **state)
{
	(void)state;
	start();
	windows(20, 60, 240);
	windows(5, 30, 120);
	windows(1, 60, 240);
	windows(9, 30, 120);
	assert_int_equal(d.ctr[HR_DCTR_WIN_HEAD_N], 0);
	windows(1, 30, 120);
	assert_int_equal(d.ctr[HR_DCTR_WIN_HEAD_N], 26);
	/* 21 x 60 + 5 x 30 less 26 x 30 */
	assert_int_equal(d.ctr[HR_DCTR_WIN_SAVED_OPS_MAX], 630);
}

static void a_new_episode_has_a_head_of_its_own(void **state)
{
	(void)state;
	start();
	windows(20, 60, 240);
	hr_plateau_start(&p);
	windows(20, 30, 120); /* began where the bucket was empty */
	assert_int_equal(d.ctr[HR_DCTR_WIN_HEAD_N], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_head_carried_beyond_the_tail_was_saved),
		cmocka_unit_test(two_buckets_are_two_heads),
		cmocka_unit_test(larger_requests_at_the_same_bytes_are_no_tail),
		cmocka_unit_test(a_rate_that_varies_has_no_tail),
		cmocka_unit_test(a_lump_in_the_tail_puts_it_off),
		cmocka_unit_test(a_new_episode_has_a_head_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
