/* SPDX-License-Identifier: Apache-2.0 */
/* Which requests are measured: counts exact, sums without bias whatever the pattern, all below a
 * rate. */
#include "tests/unit/hr_cmocka.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "bpf/gate.h"

#define TICK_NS 4000000ULL

struct stream {
	struct hr_disk_cell cell;
	uint64_t now;
	uint64_t n[2], read; /* requests; readings of the clock */
	double sum[2];       /* of all requests */
	double told[2];      /* of those measured, as often as they count */
	uint64_t weight[2], largest;
};

/* A request that ends at s->now and took @us, as the program goes about it. */
static void request(struct stream *s, uint32_t dir, double us)
{
	uint32_t tick = (uint32_t)(s->now / TICK_NS), weight = 0;
	uint64_t start = s->now - (uint64_t)(us * 1000);

	s->n[dir]++;
	s->sum[dir] += us;
	if (!hr_gate_skips(&s->cell, dir, tick, start)) {
		weight = hr_gate_pass(&s->cell, dir, tick, start, s->now);
		s->read++;
	}
	if (weight)
		hr_gate_mean(&s->cell, (uint64_t)(us * 1000));
	s->weight[dir] += weight;
	s->told[dir] += weight * us;
	if (weight > s->largest)
		s->largest = weight;
	assert_int_equal((uint32_t)(s->cell.gate[dir] >> 32), (uint32_t)s->n[dir]);
}

static void begin(struct stream *s)
{
	memset(s, 0, sizeof(*s));
	s->now = 1000000000000;
}

/* Within @pm per mille of what all requests say. */
static void assert_near(const struct stream *s, uint32_t dir, double pm)
{
	double n = (double)s->weight[dir] / (double)s->n[dir] - 1;
	double mean = s->told[dir] / (double)s->weight[dir] / (s->sum[dir] / (double)s->n[dir]) - 1;

	print_message(
		"%u: %llu requests, %llu clocks, at most %llu times; number %+.2f, mean %+.2f per "
		"mille\n",
		dir, (unsigned long long)s->n[dir], (unsigned long long)s->read,
		(unsigned long long)s->largest, n * 1000, mean * 1000);
	assert_true(fabs(n) * 1000 <= pm);
	assert_true(fabs(mean) * 1000 <= pm);
}

static void below_the_rate_every_request_is_measured(void **state)
{
	struct stream s;

	(void)state;
	begin(&s);
	for (int i = 0; i < 100000; i++) { /* 7,142 a second */
		s.now += 140000;
		request(&s, i % 3 == 0, 1 + i % 1000);
	}
	assert_int_equal(s.read, 100000);
	assert_int_equal(s.largest, 1);
	assert_true(s.told[0] == s.sum[0] && s.told[1] == s.sum[1]);
	assert_int_equal(s.weight[0], s.n[0]);
}

/* 50,000 a second: one in eight, and some 30 a tick of which one is the first in it. */
static void at_a_high_rate_the_clock_is_read_for_few(void **state)
{
	struct stream s;

	(void)state;
	begin(&s);
	for (int i = 0; i < 200000; i++) {
		s.now += 20000 + (uint64_t)(i * 7919 % 100);
		request(&s, 0, 50 + i * 31 % 100);
	}
	assert_int_equal(s.largest, 8);
	assert_in_range(s.read, 200000 / 8, 200000 / 8 + 200000 / 200 * 2);
	assert_near(&s, 0, 10);
}

/* 16 completions of one interrupt, each later than the one before it. */
static void a_batch_as_long_as_two_runs_does_not_deceive(void **state)
{
	struct stream s;

	(void)state;
	begin(&s);
	for (int i = 0; i < 400000; i++) {
		s.now += i % 16 ? 500 : 400000 + (uint64_t)(i * 7919LL % 1000);
		request(&s, 0, 100 + 50 * (i % 16));
	}
	assert_int_equal(s.largest, 8);
	assert_near(&s, 0, 10);
}

/* Waves of 400 at once, each longer under way than the last, then nothing for 50 ms. */
static void a_wave_that_ends_within_a_run_does_not_deceive(void **state)
{
	struct stream s;

	(void)state;
	begin(&s);
	for (int i = 0; i < 1000000; i++) {
		s.now += i % 400 ? 30000 + (uint64_t)(i * 7919LL % 1000) : 50000000;
		request(&s, 0, 100 + 30 * (i % 400));
	}
	assert_int_equal(s.largest, 8);
	assert_true(s.read < s.n[0] / 2);
	assert_near(&s, 0, 10);
}

static void few_writes_among_many_reads_are_told_as_what_they_are(void **state)
{
	struct stream s;

	(void)state;
	begin(&s);
	for (int i = 0; i < 2000000; i++) {
		bool write = i % 32 == 5;

		s.now += 25000 + (uint64_t)(i * 7919LL % 1000);
		request(&s, write, write ? 1000 + i % 7 * 100 : 80 + i % 5);
	}
	assert_int_equal(s.largest, 8);
	assert_near(&s, 0, 5);
	assert_near(&s, 1, 10);
}

/* One in 500 takes 300 times as long: two thirds of a per cent of them would be a third of the
 * time. */
static void few_slow_ones_are_measured_each(void **state)
{
	struct stream s;
	uint64_t slow = 0, weighed = 0;

	(void)state;
	begin(&s);
	for (int i = 0; i < 200000; i++) {
		uint64_t weight = s.weight[0];
		bool is = i * 7919LL % 500 == 3;

		s.now += 20000 + (uint64_t)(i * 7919LL % 1000);
		request(&s, 0, is ? 15000 : 40 + i % 21);
		slow += is;
		weighed += is ? s.weight[0] - weight : 0;
	}
	print_message("%llu slow, counted %llu times\n", (unsigned long long)slow,
		(unsigned long long)weighed);
	assert_int_equal(weighed, slow);
	assert_true(s.read < s.n[0] / 6);
	assert_near(&s, 0, 2);
}

/*
 * One in eight takes about as long as makes it slow: which of them is slow depends on when the
 * clock was read last, and that must not depend on which one of the run is measured.
 */
static void those_about_as_long_as_slow_count_once(void **state)
{
	struct stream s;
	uint64_t x = 1;

	(void)state;
	begin(&s);
	for (int i = 0; i < 2000000; i++) {
		uint64_t r;

		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		r = x >> 33;
		s.now += 20000 + r % 1000;
		request(&s, i % 5 == 0, (double)(r >> 10 & 7 ? 40 + r % 20 : 250 + r % 400));
	}
	assert_int_equal(s.largest, 8);
	assert_true(s.read < s.n[0] / 2);
	assert_near(&s, 0, 5);
	assert_near(&s, 1, 10);
}

/* After a gap of any length the next request is measured, and counts once. */
static void when_the_rate_falls_all_are_measured_again(void **state)
{
	struct stream s;

	(void)state;
	begin(&s);
	for (int i = 0; i < 10000; i++) {
		s.now += 10000;
		request(&s, 0, 1);
	}
	assert_int_equal(s.largest, 16);
	s.now += 100000000;
	for (int i = 0; i < 20; i++) {
		uint64_t weight = s.weight[0], read = s.read;

		request(&s, 0, 1);
		assert_int_equal(s.weight[0] - weight, 1);
		assert_int_equal(s.read - read, 1);
		s.now += 1000000;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(below_the_rate_every_request_is_measured),
		cmocka_unit_test(at_a_high_rate_the_clock_is_read_for_few),
		cmocka_unit_test(a_batch_as_long_as_two_runs_does_not_deceive),
		cmocka_unit_test(a_wave_that_ends_within_a_run_does_not_deceive),
		cmocka_unit_test(few_writes_among_many_reads_are_told_as_what_they_are),
		cmocka_unit_test(few_slow_ones_are_measured_each),
		cmocka_unit_test(those_about_as_long_as_slow_count_once),
		cmocka_unit_test(when_the_rate_falls_all_are_measured_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
