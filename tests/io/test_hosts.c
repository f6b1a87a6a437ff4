/* SPDX-License-Identifier: Apache-2.0 */
/* When hosts are told to post. */
#include <stdlib.h>

#include "collector/hosts.h"
#include "tests/unit/hr_cmocka.h"

#define PERIOD 60000

/* Posts of the whole fleet in @parts equal parts of the period: the fullest and the emptiest. */
static void spread(uint32_t hosts, unsigned parts, unsigned *ret_most, unsigned *ret_least)
{
	unsigned *n = calloc(parts, sizeof(*n));

	assert_non_null(n);
	for (uint32_t no = 1; no <= hosts; no++) {
		uint64_t ms = hr_hosts_phase_ms(no, hosts, PERIOD);

		assert_true(ms < PERIOD);
		n[ms * parts / PERIOD]++;
	}
	*ret_most = 0;
	*ret_least = UINT32_MAX;
	for (unsigned i = 0; i < parts; i++) {
		*ret_most = n[i] > *ret_most ? n[i] : *ret_most;
		*ret_least = n[i] < *ret_least ? n[i] : *ret_least;
	}
	free(n);
}

static void a_fleet_of_any_size_is_spread_over_the_whole_period(void **state)
{
	static const uint32_t size[] = {1000, 5000, 40000, 65537, 100000, 131072};
	unsigned most, least;

	(void)state;
	/* of 5 s each never more than a quarter above the mean, nor below it */
	for (size_t i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		spread(size[i], 12, &most, &least);
		assert_true(most * 4 <= size[i] / 12 * 5 + 64 * 4);
		assert_true(least * 4 + 64 * 4 >= size[i] / 12 * 3);
	}
	assert_int_equal(hr_hosts_phase_ms(1, 1, PERIOD), 0);
	assert_int_equal(hr_hosts_phase_ms(2, 2, PERIOD), 30000);
}

/* By hand: 100 blocks of 64 in 128 places; block 1 lies at the half, block 2 at a quarter. */
static void hosts_of_a_block_follow_each_other(void **state)
{
	const uint32_t hosts = 6400;
	const uint64_t place = PERIOD * 1000ULL / 128; /* us */

	(void)state;
	assert_int_equal(hr_hosts_phase_ms(1, hosts, PERIOD), 0);
	assert_int_equal(hr_hosts_phase_ms(64, hosts, PERIOD), place * 63 / 64 / 1000);
	assert_int_equal(hr_hosts_phase_ms(65, hosts, PERIOD), 30000);
	assert_int_equal(hr_hosts_phase_ms(129, hosts, PERIOD), 15000);
	for (uint32_t no = 1; no < hosts; no++)
		if (no % 64 != 0)
			assert_true(hr_hosts_phase_ms(no, hosts, PERIOD) <=
				    hr_hosts_phase_ms(no + 1, hosts, PERIOD));
}

/* While a fleet appears, those that are told a phase early stay where they are. */
static void a_fleet_that_grows_keeps_its_blocks_where_they_are(void **state)
{
	(void)state;
	for (uint32_t no = 1; no <= 6400; no += 64)
		assert_int_equal(
			hr_hosts_phase_ms(no, 6400, PERIOD), hr_hosts_phase_ms(no, 100000, PERIOD));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fleet_of_any_size_is_spread_over_the_whole_period),
		cmocka_unit_test(hosts_of_a_block_follow_each_other),
		cmocka_unit_test(a_fleet_that_grows_keeps_its_blocks_where_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
