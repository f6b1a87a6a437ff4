/* SPDX-License-Identifier: Apache-2.0 */
/* A driver's statistics as ethtool tells them, made by hand. */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "agent/core/allowance.h"

#define STATS 9

/* As ENA orders them, between others; the last fills its 32 bytes, without a NUL. */
static const char *const ena[STATS] = {"tx_timeout", "bw_in_allowance_exceeded",
	"bw_out_allowance_exceeded", "pps_allowance_exceeded", "conntrack_allowance_exceeded",
	"linklocal_allowance_exceeded", "conntrack_allowance_available", "queue_0_tx_cnt",
	"future_number__allowance_exceede"};

static struct hr_allowances find(void)
{
	unsigned char names[STATS * HR_STAT_NAME_LEN] = {0};
	struct hr_allowances a;

	for (unsigned i = 0; i < STATS; i++)
		memcpy(names + (size_t)i * HR_STAT_NAME_LEN, ena[i], strlen(ena[i]));
	hr_allowances_find(names, STATS, &a);
	return a;
}

static void the_exceeded_allowances_are_found_among_the_others(void **state)
{
	struct hr_allowances a = find();

	(void)state;
	assert_int_equal(strlen(ena[STATS - 1]), HR_STAT_NAME_LEN);
	assert_int_equal(a.n, 5);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(a.at[i], 1 + i);
	assert_int_equal(a.of[0], HR_ALLOWANCE_SIZE);
	assert_int_equal(a.of[2], HR_ALLOWANCE_SIZE);
	assert_int_equal(a.of[3], HR_ALLOWANCE_CONNTRACK);
	assert_int_equal(a.of[4], HR_ALLOWANCE_LINKLOCAL);
}

static void they_are_summed_by_what_they_are_of(void **state)
{
	static const uint64_t stat[STATS] = {1, 10, 200, 3000, 40000, 500000, 9, 9, 9};
	struct hr_allowances a = find();
	uint64_t sum[HR_ALLOWANCE_N];

	(void)state;
	hr_allowances_sum(&a, (const unsigned char *)stat, STATS, sum);
	assert_int_equal(sum[HR_ALLOWANCE_SIZE], 3210);
	assert_int_equal(sum[HR_ALLOWANCE_CONNTRACK], 40000);
	assert_int_equal(sum[HR_ALLOWANCE_LINKLOCAL], 500000);
	/* what lies behind the end is not read */
	hr_allowances_sum(&a, (const unsigned char *)stat, 4, sum);
	assert_int_equal(sum[HR_ALLOWANCE_SIZE], 3210);
	assert_int_equal(sum[HR_ALLOWANCE_CONNTRACK], 0);
}

static void more_than_eight_are_not_kept(void **state)
{
	unsigned char names[12 * HR_STAT_NAME_LEN] = {0};
	struct hr_allowances a;

	(void)state;
	for (unsigned i = 0; i < 12; i++)
		memcpy(names + (size_t)i * HR_STAT_NAME_LEN, ena[1], strlen(ena[1]));
	hr_allowances_find(names, 12, &a);
	assert_int_equal(a.n, HR_ALLOWANCES_MAX);
	hr_allowances_find(names, 0, &a);
	assert_int_equal(a.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_exceeded_allowances_are_found_among_the_others),
		cmocka_unit_test(they_are_summed_by_what_they_are_of),
		cmocka_unit_test(more_than_eight_are_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
