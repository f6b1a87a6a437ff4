/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "collector/core/hostseq.h"

static enum hr_hostseq_result add(struct hr_hostseq *h, uint64_t first, uint64_t last)
{
	uint64_t forgotten;
	enum hr_hostseq_result r = hr_hostseq_add(h, first, last, &forgotten);

	assert_int_equal(forgotten, 0);
	return r;
}

static void in_order_windows_are_new_once_and_duplicates_after(void **state)
{
	struct hr_hostseq h = {0};

	(void)state;
	for (uint64_t s = 0; s < 200; s++)
		assert_int_equal(add(&h, s, s), HR_HOSTSEQ_NEW);
	for (uint64_t s = 0; s < 200; s++)
		assert_int_equal(add(&h, s, s), HR_HOSTSEQ_DUPLICATE);
	assert_int_equal(h.n_gaps, 0);
	assert_int_equal(h.high, 199);
	assert_true(h.bits == ~0ULL);
	assert_int_equal(hr_hostseq_missing(&h), 0);
}

static void the_first_window_of_a_long_running_vm_leaves_a_gap_for_its_past(void **state)
{
	struct hr_hostseq h = {0};

	(void)state;
	assert_int_equal(add(&h, 8640, 8640), HR_HOSTSEQ_NEW); /* agent installed after a day */
	/* window = 8577..8640; below it one gap 0..8576 */
	assert_int_equal(h.n_gaps, 1);
	assert_int_equal(h.gap[0].first, 0);
	assert_int_equal(h.gap[0].last, 8576);
	assert_int_equal(hr_hostseq_missing(&h), 8640);
	assert_int_equal(add(&h, 0, 0), HR_HOSTSEQ_NEW);
	assert_int_equal(h.gap[0].first, 1);
	assert_int_equal(add(&h, 8640, 8640), HR_HOSTSEQ_DUPLICATE);
}

static void live_first_then_backlog_fills_the_hole(void **state)
{
	struct hr_hostseq h = {0};

	(void)state;
	assert_int_equal(add(&h, 0, 99), HR_HOSTSEQ_NEW);
	assert_int_equal(add(&h, 5000, 5000), HR_HOSTSEQ_NEW);
	assert_int_equal(h.n_gaps, 1);
	assert_int_equal(h.gap[0].first, 100);
	assert_int_equal(h.gap[0].last, 4936);               /* 5000 - 63 - 1 */
	assert_int_equal(add(&h, 100, 129), HR_HOSTSEQ_NEW); /* coalesced, oldest first */
	assert_int_equal(add(&h, 5001, 5001), HR_HOSTSEQ_NEW);
	assert_int_equal(h.gap[0].last, 4937);
	assert_int_equal(add(&h, 130, 4999), HR_HOSTSEQ_NEW); /* across gap and bitmap */
	assert_int_equal(h.n_gaps, 0);
	assert_int_equal(hr_hostseq_missing(&h), 0);
	assert_int_equal(add(&h, 130, 4999), HR_HOSTSEQ_DUPLICATE);
	assert_int_equal(add(&h, 4000, 4005), HR_HOSTSEQ_DUPLICATE); /* part of a merged one */
}

static void partial_overlap_is_refused_and_changes_nothing(void **state)
{
	struct hr_hostseq h = {0}, before;

	(void)state;
	assert_int_equal(add(&h, 10, 20), HR_HOSTSEQ_NEW);
	before = h;
	assert_int_equal(add(&h, 20, 21), HR_HOSTSEQ_OVERLAP);
	assert_int_equal(add(&h, 9, 10), HR_HOSTSEQ_OVERLAP);
	assert_int_equal(add(&h, 0, 100), HR_HOSTSEQ_OVERLAP);
	assert_memory_equal(&h, &before, sizeof(h));
	assert_int_equal(add(&h, 1000, 1000), HR_HOSTSEQ_NEW);
	before = h;
	assert_int_equal(add(&h, 15, 30), HR_HOSTSEQ_OVERLAP); /* now below the bitmap */
	assert_int_equal(add(&h, 5, 12), HR_HOSTSEQ_OVERLAP);
	assert_memory_equal(&h, &before, sizeof(h));
}

static void a_window_inside_a_gap_splits_it(void **state)
{
	struct hr_hostseq h = {0};

	(void)state;
	assert_int_equal(add(&h, 1000, 1000), HR_HOSTSEQ_NEW); /* gap 0..936 */
	assert_int_equal(add(&h, 500, 509), HR_HOSTSEQ_NEW);
	assert_int_equal(h.n_gaps, 2);
	assert_int_equal(h.gap[0].last, 499);
	assert_int_equal(h.gap[1].first, 510);
	assert_int_equal(h.gap[1].last, 936);
	assert_int_equal(hr_hostseq_missing(&h), 1000 - 10);
	assert_int_equal(add(&h, 490, 505), HR_HOSTSEQ_OVERLAP);
	assert_int_equal(add(&h, 500, 509), HR_HOSTSEQ_DUPLICATE);
}

/* As many restarts of the agent, each leaving one hole of 100 below the bitmap. */
static void fill_gap_list(struct hr_hostseq *h)
{
	for (uint64_t i = 0; i < HR_HOSTSEQ_GAPS; i++)
		assert_int_equal(add(h, i * 1000 + 100, i * 1000 + 999), HR_HOSTSEQ_NEW);
	assert_int_equal(h->n_gaps, HR_HOSTSEQ_GAPS); /* 0..99, 1000..1099, 2000..2099, ... */
}

/* Refused as "later", it came again for ever, and with it what was live: found by simulation. */
static void a_window_that_splits_a_gap_of_a_full_list_is_taken(void **state)
{
	struct hr_hostseq h = {0};
	uint64_t forgotten;

	(void)state;
	fill_gap_list(&h);
	assert_int_equal(hr_hostseq_add(&h, 1050, 1050, &forgotten), HR_HOSTSEQ_NEW);
	assert_int_equal(forgotten, 100); /* 0..99 */
	assert_int_equal(h.floor, 100);
	assert_int_equal(h.n_gaps, HR_HOSTSEQ_GAPS);
	assert_int_equal(h.gap[0].last, 1049);
	assert_int_equal(h.gap[1].first, 1051);
	/* now the oldest is the one that would be split: its lower part goes */
	assert_int_equal(hr_hostseq_add(&h, 1020, 1029, &forgotten), HR_HOSTSEQ_NEW);
	assert_int_equal(forgotten, 20); /* 1000..1019 */
	assert_int_equal(h.floor, 1020);
	assert_int_equal(h.gap[0].first, 1030);
	assert_int_equal(h.n_gaps, HR_HOSTSEQ_GAPS);
	assert_int_equal(hr_hostseq_add(&h, 1019, 1019, &forgotten), HR_HOSTSEQ_FORGOTTEN);
	assert_int_equal(hr_hostseq_add(&h, 1025, 1025, &forgotten), HR_HOSTSEQ_DUPLICATE);
	assert_int_equal(hr_hostseq_add(&h, 1030, 1049, &forgotten), HR_HOSTSEQ_NEW);
	assert_int_equal(h.n_gaps, HR_HOSTSEQ_GAPS - 1);
}

static void a_full_gap_list_gives_up_the_oldest_gap_for_live_data(void **state)
{
	struct hr_hostseq h = {0};
	uint64_t forgotten;

	(void)state;
	fill_gap_list(&h);
	/* from an end of a gap no room is needed */
	assert_int_equal(add(&h, 1000, 1000), HR_HOSTSEQ_NEW);
	assert_int_equal(
		hr_hostseq_add(&h, h.high + 2000, h.high + 2000, &forgotten), HR_HOSTSEQ_NEW);
	assert_int_equal(forgotten, 100); /* 0..99 */
	assert_int_equal(h.floor, 100);
	assert_int_equal(h.n_gaps, HR_HOSTSEQ_GAPS);
	assert_int_equal(hr_hostseq_add(&h, 50, 50, &forgotten), HR_HOSTSEQ_FORGOTTEN);
	assert_int_equal(hr_hostseq_add(&h, 99, 100, &forgotten), HR_HOSTSEQ_FORGOTTEN);
	assert_int_equal(hr_hostseq_add(&h, 100, 100, &forgotten), HR_HOSTSEQ_DUPLICATE);
}

static void hostile_numbers_are_invalid(void **state)
{
	struct hr_hostseq h = {0};
	uint64_t f;

	(void)state;
	assert_int_equal(hr_hostseq_add(&h, 2, 1, &f), HR_HOSTSEQ_INVALID);
	assert_int_equal(hr_hostseq_add(&h, 0, UINT64_MAX, &f), HR_HOSTSEQ_INVALID);
	assert_int_equal(hr_hostseq_add(&h, 0, HR_HOSTSEQ_SEQ_MAX + 1, &f), HR_HOSTSEQ_INVALID);
	assert_false(h.any);
	/* the largest legal range, at once and without a loop over it */
	assert_int_equal(add(&h, 0, HR_HOSTSEQ_SEQ_MAX), HR_HOSTSEQ_NEW);
	assert_int_equal(hr_hostseq_missing(&h), 0);
}

static void state_survives_encode_and_decode(void **state)
{
	struct hr_hostseq h = {0}, back;
	uint8_t blob[HR_HOSTSEQ_BLOB_MAX];
	size_t n;

	(void)state;
	fill_gap_list(&h);
	n = hr_hostseq_gaps_encode(&h, blob);
	assert_int_equal(n, sizeof(blob));
	assert_true(hr_hostseq_decode(&back, h.high, h.bits, h.floor, blob, n));
	assert_int_equal(back.n_gaps, h.n_gaps);
	assert_memory_equal(back.gap, h.gap, sizeof(h.gap));
	for (uint64_t i = 0; i < HR_HOSTSEQ_GAPS; i += 255) {
		assert_int_equal(
			hr_hostseq_check(&back, i * 1000 + 50, i * 1000 + 50), HR_HOSTSEQ_NEW);
		assert_int_equal(hr_hostseq_check(&back, i * 1000 + 100, i * 1000 + 100),
			HR_HOSTSEQ_DUPLICATE);
	}
}

static void damaged_state_is_refused(void **state)
{
	struct hr_hostseq h;
	uint8_t one[16] = {5, 0, 0, 0, 0, 0, 0, 0, 9}; /* 5..9 */
	uint8_t two[32] = {5, 0, 0, 0, 0, 0, 0, 0, 9};

	(void)state;
	assert_true(hr_hostseq_decode(&h, 1000, 1, 0, one, 16));
	assert_false(hr_hostseq_decode(&h, 1000, 2, 0, one, 16)); /* high not stored */
	assert_false(hr_hostseq_decode(&h, 1000, 1, 0, one, 15));
	assert_false(hr_hostseq_decode(&h, 1000, 1, 6, one, 16)); /* gap below the floor */
	assert_false(hr_hostseq_decode(&h, 72, 1, 0, one, 16));   /* gap in the bitmap */
	assert_true(hr_hostseq_decode(&h, 73, 1, 0, one, 16));    /* 73 - 63 = 10 */
	assert_false(hr_hostseq_decode(&h, 3, 0x11, 0, NULL, 0)); /* a bit of sequence -1 */
	assert_false(hr_hostseq_decode(&h, UINT64_MAX, 1, 0, NULL, 0));
	/* windows that fall out of the bitmap would become gaps that were given up already */
	assert_false(hr_hostseq_decode(&h, 1000, 1, 938, NULL, 0));
	assert_true(hr_hostseq_decode(&h, 1000, 1, 937, NULL, 0));
	two[16] = 10, two[24] = 12; /* adjacent: should have been one gap */
	assert_false(hr_hostseq_decode(&h, 1000, 1, 0, two, 32));
	two[16] = 11;
	assert_true(hr_hostseq_decode(&h, 1000, 1, 0, two, 32));
	one[0] = 10; /* 10..9 */
	assert_false(hr_hostseq_decode(&h, 1000, 1, 0, one, 16));
}

/* One window in 16 held up on the way for a day, and what is let through at last. */
static void a_day_of_single_windows_that_come_late_is_taken(void **state)
{
	struct hr_hostseq h = {0};

	(void)state;
	for (uint64_t s = 0; s < 8000; s++)
		if (s % 16 != 5)
			assert_int_equal(add(&h, s, s), HR_HOSTSEQ_NEW);
	assert_int_equal(h.n_gaps, 496); /* 500, four of which are within the bitmap */
	assert_int_equal(hr_hostseq_missing(&h), 500);
	for (uint64_t s = 5; s < 8000; s += 16)
		assert_int_equal(add(&h, s, s), HR_HOSTSEQ_NEW);
	assert_int_equal(hr_hostseq_missing(&h), 0);
}

#define UNIVERSE 9000

/* Against a plain array of flags: the slow, obvious way to say the same. */
static void random_arrivals_agree_with_a_plain_set(void **state)
{
	struct hr_rand r = hr_rand_seeded("hostseq");
	uint64_t given_up = 0;

	(void)state;
	for (int round = 0; round < 60; round++) {
		uint64_t universe = round % 2 ? UNIVERSE : UNIVERSE / 6;
		struct hr_hostseq h = {0};
		static uint8_t have[UNIVERSE];
		uint64_t floor = 0, high = 0;

		memset(have, 0, sizeof(have));
		for (int i = 0; i < (round % 2 ? 4000 : 800); i++) {
			uint64_t a = hr_rand_below(&r, universe), n = 0, forgotten, b;
			enum hr_hostseq_result got;

			/* mostly near the newest, as live data is; or all over, for more gaps */
			if (round % 2 == 0 && hr_rand_below(&r, 4) != 0)
				a = high + hr_rand_below(&r, 8) > 3
					    ? high + hr_rand_below(&r, 8) - 3
					    : 0;
			b = a + hr_rand_below(&r, hr_rand_below(&r, 10) == 0 ? 100 : 2);
			if (b >= universe || a > b)
				continue;
			for (uint64_t s = a; s <= b; s++)
				n += have[s];
			got = hr_hostseq_add(&h, a, b, &forgotten);
			if (forgotten > 0) {
				assert_true(h.floor > floor);
				floor = h.floor;
				given_up += forgotten;
			}
			if (a < floor && got == HR_HOSTSEQ_FORGOTTEN)
				continue;
			assert_int_equal(got, n == 0           ? HR_HOSTSEQ_NEW
					      : n == b - a + 1 ? HR_HOSTSEQ_DUPLICATE
							       : HR_HOSTSEQ_OVERLAP);
			if (got == HR_HOSTSEQ_NEW) {
				memset(have + a, 1, b - a + 1);
				high = b > high ? b : high;
			}
		}
		for (uint64_t s = floor; s <= high; s++)
			assert_int_equal(
				hr_hostseq_check(&h, s, s) == HR_HOSTSEQ_DUPLICATE, have[s]);
	}
	assert_true(given_up > 0); /* or a full list was not among them */
}

static void a_reboot_or_a_late_spool_is_no_clone(void **state)
{
	/* boot 2 began at 10:00:00 (36000 s), heard just now */
	struct hr_boot_life newer = {.boot = 2, .first_ms = 36000000, .heard_ms = 37000000};
	uint64_t now = 37000000;

	(void)state;
	/* the spool of boot 1 ends before boot 2 began */
	assert_false(hr_hostseq_clone(1, 1000, 35990000, &newer, now));
	/* its clock was 10 min ahead: still no evidence */
	assert_false(hr_hostseq_clone(1, 1000, 36600000, &newer, now));
	/* boot 2's own windows */
	assert_false(hr_hostseq_clone(2, 36000000, 37000000, &newer, now));
	/* the newest boot is not contradicted by the older one */
	struct hr_boot_life older = {.boot = 1, .first_ms = 1000, .heard_ms = 37000000};
	assert_false(hr_hostseq_clone(2, 36000000, 37000000, &older, now));
}

static void an_older_boot_that_lives_on_beside_a_newer_one_is_a_clone(void **state)
{
	struct hr_boot_life newer = {.boot = 2, .first_ms = 36000000, .heard_ms = 36655000};

	(void)state;
	/* 11 min after boot 2 began */
	assert_false(hr_hostseq_clone(1, 1000, 36660000, &newer, 36660000));
	assert_true(hr_hostseq_clone(1, 1000, 36660001, &newer, 36660000));
	/* boot 2 silent for 15 min: boot 1 may go on */
	assert_false(hr_hostseq_clone(1, 1000, 37600000, &newer, 36655000 + 900000));
	/* measured by a clock that was ahead, and sent later: a spool, not a machine */
	newer.heard_ms = 38000000;
	assert_true(hr_hostseq_clone(1, 1000, 36700000, &newer, 36700000 + 899999));
	assert_false(hr_hostseq_clone(1, 1000, 36700000, &newer, 36700000 + 900000));
}

static void clocks_are_corrected_only_beyond_ten_minutes(void **state)
{
	(void)state;
	assert_int_equal(hr_hostseq_offset(1000000000, 1000000000), 0);
	assert_int_equal(hr_hostseq_offset(1000600000, 1000000000), 0);
	assert_int_equal(hr_hostseq_offset(1000600001, 1000000000), 600001);
	assert_int_equal(hr_hostseq_offset(1000000000, 1000600001), -600001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order_windows_are_new_once_and_duplicates_after),
		cmocka_unit_test(the_first_window_of_a_long_running_vm_leaves_a_gap_for_its_past),
		cmocka_unit_test(live_first_then_backlog_fills_the_hole),
		cmocka_unit_test(partial_overlap_is_refused_and_changes_nothing),
		cmocka_unit_test(a_window_inside_a_gap_splits_it),
		cmocka_unit_test(a_full_gap_list_gives_up_the_oldest_gap_for_live_data),
		cmocka_unit_test(a_window_that_splits_a_gap_of_a_full_list_is_taken),
		cmocka_unit_test(hostile_numbers_are_invalid),
		cmocka_unit_test(state_survives_encode_and_decode),
		cmocka_unit_test(damaged_state_is_refused),
		cmocka_unit_test(a_day_of_single_windows_that_come_late_is_taken),
		cmocka_unit_test(random_arrivals_agree_with_a_plain_set),
		cmocka_unit_test(a_reboot_or_a_late_spool_is_no_clone),
		cmocka_unit_test(an_older_boot_that_lives_on_beside_a_newer_one_is_a_clone),
		cmocka_unit_test(clocks_are_corrected_only_beyond_ten_minutes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
