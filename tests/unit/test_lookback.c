/* SPDX-License-Identifier: Apache-2.0 */
/* Codes of k and the quantile over minutes: answer-model 1 and worked example 2. */
#include "tests/unit/hr_cmocka.h"
#include "tests/unit/model_fixture.h"

#include <string.h>

#include "collector/core/lookback.h"

static void codes_of_k_are_those_of_the_definition(void **state)
{
	static const double k[] = {0.125, 1, 1.3, 1.5, 2, 7.99, 8};
	static const uint8_t code[] = {0, 32, 36, 38, 42, 63, 64};
	static const double back[] = {0.125, 1, 1.3, 1.482228, 1.926896, 7.639431, 8};

	(void)state;
	for (unsigned i = 0; i < 7; i++) {
		assert_int_equal(hr_k_code(k[i]), code[i]);
		fx_near(hr_k_decode(code[i]), back[i], 2e-5); /* 1.3^((code - 32) / 4) */
	}
	assert_int_equal(hr_k_code(0.001), 0);
	assert_int_equal(hr_k_code(100), 64);
	/* what carries the target is told so, not 1.297 */
	assert_true(hr_k_decode(hr_k_code(1.3)) >= 1.3);
}

static void rounding_up_is_the_next_code_unless_exact(void **state)
{
	(void)state;
	assert_int_equal(hr_k_code_up(1), 32);
	assert_int_equal(hr_k_code_up(8), 64);
	assert_int_equal(hr_k_code_up(1.3), 36);
}

static double quantile(const struct hr_lookback *l, double q)
{
	uint64_t n[256];
	uint8_t code;

	hr_lookback_counts(l, 0, n);
	assert_true(hr_counts_quantile(n, q, &code));
	return hr_k_decode(code);
}

static void k_of_a_week_is_the_51st_smallest_minute(void **state)
{
	struct hr_lookback l = {0};

	(void)state;
	/* example 2: 30 minutes of 1.1, 25 of 1.4, 10 025 of 3.0; weight 6 a minute */
	assert_true(hr_lookback_add(&l, 20000, 0, hr_k_code(1.1), 30 * 6));
	assert_true(hr_lookback_add(&l, 20003, 0, hr_k_code(1.4), 25 * 6));
	assert_true(hr_lookback_add(&l, 20006, 0, hr_k_code(3.0), 10025 * 6));
	fx_near(quantile(&l, 0.005), hr_k_decode(hr_k_code(1.4)), 0);
	/* with 31 fewer minutes of 1.4 and below left out, v[50] is still there; at 100 minutes
	 * v[0] */
	hr_lookback_done(&l);
	assert_true(hr_lookback_add(&l, 20000, 0, hr_k_code(1.1), 6));
	assert_true(hr_lookback_add(&l, 20000, 0, hr_k_code(3.0), 99 * 6));
	fx_near(quantile(&l, 0.005), hr_k_decode(hr_k_code(1.1)), 0);
	hr_lookback_done(&l);
	/* 1 800 minutes -> v[9]: nine minutes of 1.1 are not enough to decide, ten are */
	assert_true(hr_lookback_add(&l, 20000, 0, hr_k_code(1.1), 9 * 6));
	assert_true(hr_lookback_add(&l, 20000, 0, hr_k_code(3.0), 1791 * 6));
	fx_near(quantile(&l, 0.005), hr_k_decode(hr_k_code(3.0)), 0);
	assert_true(hr_lookback_add(&l, 20000, 0, hr_k_code(1.1), 6));
	fx_near(quantile(&l, 0.005), hr_k_decode(hr_k_code(1.1)), 0);
	hr_lookback_done(&l);
}

static void old_days_are_forgotten_and_tracks_are_apart(void **state)
{
	struct hr_lookback l = {0};
	uint64_t n[256];

	(void)state;
	assert_true(hr_lookback_add(&l, 10, 0, 5, 1));
	assert_true(hr_lookback_add(&l, 12, 0, 5, 2));
	assert_true(hr_lookback_add(&l, 11, 1, 5, 4));
	assert_true(hr_lookback_add(&l, 12, 0, 5, 8));
	assert_int_equal(hr_lookback_counts(&l, 0, n), 11);
	assert_int_equal(n[5], 11);
	hr_lookback_expire(&l, 11);
	assert_int_equal(hr_lookback_counts(&l, 0, n), 10);
	assert_int_equal(hr_lookback_counts(&l, 1, n), 4);
	hr_lookback_forget(&l, 1, 1);
	assert_int_equal(hr_lookback_counts(&l, 1, n), 0);
	assert_int_equal(hr_lookback_counts(&l, 0, n), 10);
	hr_lookback_done(&l);
}

static void a_full_lookback_drops_its_oldest_day(void **state)
{
	struct hr_lookback l = {0};
	uint64_t n[256];
	unsigned left = 0;

	(void)state;
	for (unsigned day = 0; day < 20; day++)
		for (unsigned track = 0; track < 3; track++)
			for (unsigned code = 0; code < 100; code++)
				assert_true(hr_lookback_add(
					&l, (uint16_t)day, (uint8_t)track, (uint8_t)code, 1));
	assert_true(l.n <= HR_LOOKBACK_CELLS);
	assert_true(l.dropped_days >= 6); /* 20 x 300 = 6000 cells, 13 days of 300 fit in 4096 */
	left = (unsigned)hr_lookback_counts(&l, 2, n);
	assert_int_equal(left, (20 - l.dropped_days) * 100);
	hr_lookback_done(&l);
}

#define MANY_DAYS 5

static uint32_t place(const struct hr_cell *c)
{
	return (uint32_t)c->day << 16 | (uint32_t)c->track << 8 | c->code;
}

/* In runs of ascending codes, as distributions come, and between them anywhere. */
static void it_counts_like_a_table_whatever_the_order(void **state)
{
	static uint64_t table[MANY_DAYS][256][256], n[256], n2[256];
	static struct hr_lookback_tracks tracks;
	struct hr_lookback l = {0};
	struct hr_rand r = {.s = 7};

	(void)state;
	for (unsigned run = 0; run < 400; run++) {
		uint16_t day = (uint16_t)hr_rand_below(&r, MANY_DAYS);
		uint8_t track = (uint8_t)(hr_rand_below(&r, 6) * 51); /* 0 and 255 among them */
		unsigned code = (unsigned)hr_rand_below(&r, 256), len = 1 + run % 12;

		for (unsigned i = 0; i < len && code < 256; i++) {
			assert_true(hr_lookback_add(&l, day, track, (uint8_t)code, 1 + i));
			table[day][track][code] += 1 + i;
			code += 1 + (unsigned)hr_rand_below(&r, 20);
		}
		if (run == 200) {
			hr_lookback_expire(&l, 1);
			memset(table[0], 0, sizeof(table[0]));
		}
	}
	for (uint32_t i = 1; i < l.n; i++)
		assert_true(place(&l.cell[i - 1]) < place(&l.cell[i]));
	hr_lookback_tracks(&l, &tracks);
	for (unsigned track = 0; track < 256; track++) {
		uint64_t all = 0, sum = hr_lookback_counts(&l, (uint8_t)track, n);

		assert_int_equal(hr_lookback_counts_of(&l, &tracks, (uint8_t)track, n2), sum);
		assert_memory_equal(n2, n, sizeof(n));

		for (unsigned code = 0; code < 256; code++) {
			uint64_t is = 0;

			for (unsigned day = 0; day < MANY_DAYS; day++)
				is += table[day][track][code];
			assert_int_equal(n[code], is);
			all += is;
		}
		assert_int_equal(sum, all);
	}
	hr_lookback_done(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_of_k_are_those_of_the_definition),
		cmocka_unit_test(rounding_up_is_the_next_code_unless_exact),
		cmocka_unit_test(k_of_a_week_is_the_51st_smallest_minute),
		cmocka_unit_test(old_days_are_forgotten_and_tracks_are_apart),
		cmocka_unit_test(a_full_lookback_drops_its_oldest_day),
		cmocka_unit_test(it_counts_like_a_table_whatever_the_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
