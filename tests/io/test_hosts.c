/* SPDX-License-Identifier: Apache-2.0 */
/* When hosts are told to post. */
#include <stdlib.h>

#include "collector/hosts.h"
#include "tests/unit/hr_cmocka.h"

#define PERIOD 60000

/* By hand: 1000 POSTs/s are 10 000 in a window's 10 s. */
static void a_large_fleet_posts_less_often(void **state)
{
	(void)state;
	assert_int_equal(hr_hosts_period_ms(0, 10000), 10000);
	assert_int_equal(hr_hosts_period_ms(10000, 10000), 10000);
	assert_int_equal(hr_hosts_period_ms(10001, 10000), 20000);
	assert_int_equal(hr_hosts_period_ms(10001, 60000), 60000);
	assert_int_equal(hr_hosts_period_ms(65000, 60000), 70000);
	assert_int_equal(hr_hosts_period_ms(100000, 10000), 100000);
	assert_int_equal(hr_hosts_period_ms(UINT32_MAX, 10000), 100000);
	assert_int_equal(hr_hosts_period_ms(100000, 120000), 120000);
}

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

/* 0..9 and 1000, 2000 .. @last are stored: a gap before each of the latter, but for its window. */
static void store_some(struct hr_store_boot *v, uint64_t last)
{
	uint64_t forgotten;

	*v = (struct hr_store_boot){.host_no = 1, .boot = 77, .ord = 1, .offset_ms = -5};
	assert_int_equal(hr_hostseq_add(&v->seq, 0, 9, &forgotten), HR_HOSTSEQ_NEW);
	for (uint64_t s = 1000; s <= last; s += 1000)
		assert_int_equal(hr_hostseq_add(&v->seq, s, s, &forgotten), HR_HOSTSEQ_NEW);
	v->first_ms = 1;
	v->windows = 10 + last / 1000;
	v->heard_ms = last;
}

static void assert_is(const struct hr_host *host, const struct hr_boot *b, uint64_t last)
{
	struct hr_store_boot is, want;

	store_some(&want, last);
	hr_boot_get(host, b, &is);
	assert_int_equal(is.boot, 77);
	assert_int_equal(is.ord, 1);
	assert_int_equal(is.offset_ms, -5);
	assert_int_equal(is.first_ms, 1);
	assert_int_equal(is.windows, want.windows);
	assert_int_equal(is.heard_ms, last);
	assert_int_equal(is.seq.high, want.seq.high);
	assert_int_equal(is.seq.bits, want.seq.bits);
	assert_int_equal(is.seq.n_gaps, last / 1000);
	assert_memory_equal(is.seq.gap, want.seq.gap, is.seq.n_gaps * sizeof(is.seq.gap[0]));
}

static void a_boot_keeps_its_gaps_and_has_those_of_the_last_commit_back(void **state)
{
	const uint8_t id[HR_HOST_ID_LEN] = {1};
	struct hr_store_boot v;
	struct hr_hosts hosts;
	struct hr_host *host;
	struct hr_boot *b;

	(void)state;
	assert_int_equal(hr_hosts_init(&hosts, 10), 0);
	host = hr_hosts_add(&hosts, id, 0);
	assert_non_null(host);
	b = hr_host_add_boot(host, 77, 0);
	assert_non_null(b);
	for (uint64_t last = 1000; last <= 32000; last += 1000) {
		/* committed: without a gap more, then with one; undone: with one, and with none */
		static const bool durable[] = {true, true, false, false};
		const uint64_t to[] = {last - 1000, last, last + 1000, 0};

		for (unsigned i = 0; i < 4; i++) {
			if (to[i] > 32000)
				continue;
			store_some(&v, to[i]);
			assert_true(hr_boot_hold(b));
			assert_true(hr_boot_set(b, &v));
			b->touched = true;
			assert_is(host, b, to[i]);
			hr_boot_settle(b, durable[i]);
			assert_null(b->before);
			assert_is(host, b, durable[i] ? to[i] : last);
		}
	}
	/* what is never settled goes with its host */
	assert_true(hr_boot_hold(b));
	store_some(&v, 5000);
	assert_true(hr_boot_set(b, &v));
	hr_hosts_done(&hosts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_large_fleet_posts_less_often),
		cmocka_unit_test(a_fleet_of_any_size_is_spread_over_the_whole_period),
		cmocka_unit_test(hosts_of_a_block_follow_each_other),
		cmocka_unit_test(a_fleet_that_grows_keeps_its_blocks_where_they_are),
		cmocka_unit_test(a_boot_keeps_its_gaps_and_has_those_of_the_last_commit_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
