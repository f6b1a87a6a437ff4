/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "collector/core/rate.h"

#define S 1000000000ULL

static void a_bucket_gives_its_burst_and_then_what_flows_in(void **state)
{
	struct hr_bucket b = {0};

	(void)state;
	for (int i = 0; i < 20; i++)
		assert_true(hr_bucket_take(&b, S, 2, 20, 1));
	assert_false(hr_bucket_take(&b, S, 2, 20, 1));
	/* 2 per second: half a second later there is one, and no second */
	assert_true(hr_bucket_take(&b, S + S / 2, 2, 20, 1));
	assert_false(hr_bucket_take(&b, S + S / 2, 2, 20, 1));
	/* an hour does not fill it beyond its burst */
	for (int i = 0; i < 20; i++)
		assert_true(hr_bucket_take(&b, 3600 * S, 2, 20, 1));
	assert_false(hr_bucket_take(&b, 3600 * S, 2, 20, 1));
	/* a clock that stands still or goes back gives nothing */
	assert_false(hr_bucket_take(&b, S, 2, 20, 1));
}

static void a_debt_is_paid_off_before_anything_is_given(void **state)
{
	struct hr_bucket b = {0};

	(void)state;
	for (int i = 0; i < 100; i++)
		hr_bucket_charge(&b, S, 2, 20, 10);             /* ends at -20 */
	assert_false(hr_bucket_take(&b, S + 10 * S, 2, 20, 1)); /* 0 */
	assert_true(hr_bucket_take(&b, S + 11 * S, 2, 20, 1));  /* 2 */
}

static void a_full_table_forgets_who_has_nothing_to_remember(void **state)
{
	static struct hr_rate r = {.per_s = 0.001, .burst = 10};
	uint8_t key[HR_RATE_KEY_LEN] = {0};

	(void)state;
	for (unsigned i = 0; i < HR_RATE_ADDRESSES; i++) {
		key[0] = (uint8_t)i;
		key[1] = (uint8_t)(i >> 8);
		/* number 300 took one, all others all */
		assert_true(hr_bucket_take(
			hr_rate_of(&r, key, S), S, r.per_s, r.burst, i == 300 ? 1 : 10));
	}
	memset(key, 0xff, sizeof(key));
	assert_true(hr_bucket_take(hr_rate_of(&r, key, S), S, r.per_s, r.burst, 10));
	assert_int_equal(r.n, HR_RATE_ADDRESSES);
	for (unsigned i = 0; i < HR_RATE_ADDRESSES; i++) {
		if (i == 300)
			continue; /* it gave its place */
		memset(key, 0, sizeof(key));
		key[0] = (uint8_t)i;
		key[1] = (uint8_t)(i >> 8);
		assert_false(hr_bucket_take(hr_rate_of(&r, key, S), S, r.per_s, r.burst, 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bucket_gives_its_burst_and_then_what_flows_in),
		cmocka_unit_test(a_debt_is_paid_off_before_anything_is_given),
		cmocka_unit_test(a_full_table_forgets_who_has_nothing_to_remember),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
