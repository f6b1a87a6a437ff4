/* SPDX-License-Identifier: Apache-2.0 */
/* The number of requests is worked out by hand from gaps; what their instants must obey is stated.
 */
#include "tests/unit/hr_cmocka.h"

#include "agent/core/requests.h"

#define MS 1000000ULL

static struct hr_stints s;

static void burst(uint32_t thread, uint64_t wake_us, uint32_t cpu_us, uint32_t wait_us)
{
	s.burst[s.n++] =
		(struct hr_burst){wake_us * 1000, cpu_us * 1000, wait_us * 1000, false, thread};
}

static void begin(void)
{
	hr_stints_begin(&s, 0, HR_SLICE_NS);
}

/* @n bursts of 2 ms with 38 ms of sleep in between: 1 / 38 ms came while it slept. */
static void loop(uint32_t thread, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		burst(thread, i * 40000, 2000, 0);
}

static void threads_are_numbered_and_short_bursts_stay_what_they_are(void **state)
{
	(void)state;
	begin();
	burst(4000000, 3, 100, 0);
	burst(17, 1, 100, 0);
	burst(4000000, 2, 100, 0);
	hr_requests_of(&s, 1);
	assert_int_equal(s.n, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_true(s.burst[i].wake_ns == (i + 1) * 1000 && s.burst[i].cpu_ns == 100000);
	assert_int_equal(s.burst[0].thread, 1);
	assert_int_equal(s.burst[1].thread, 2);
	assert_int_equal(s.burst[2].thread, 2);
	begin();
	hr_requests_of(&s, 1);
	assert_int_equal(s.n, 0);
}

/*
 * 20 gaps of 38 ms; in a burst of 38.5 ms (of which 8.5 were a wait for a CPU) came 1.013 more:
 * with what was drawn, [0, 1), one in 99 of 100.  The mean request, 70 / 23.1 = 3.0 ms, is longer
 * than most bursts, so they are one each.
 */
static void a_long_burst_is_as_many_requests_as_came_in_its_time(void **state)
{
	double mean = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 400; seed++) {
		uint64_t cpu = 0, second = 0;
		unsigned parts = 0;

		begin();
		loop(9, 20);
		burst(9, 800000, 30000, 8500);
		hr_requests_of(&s, seed * 7919);
		for (uint32_t i = 0; i < s.n; i++) {
			const struct hr_burst *b = &s.burst[i];

			cpu += b->cpu_ns;
			assert_int_equal(b->thread, 1);
			assert_true(i == 0 || b->wake_ns >= s.burst[i - 1].wake_ns);
			if (b->wake_ns < 800 * MS || b->cpu_ns != 15 * MS)
				continue;
			parts++;
			second = b->wake_ns - 800 * MS;
			/* done after 19.25 and 38.5 ms */
			assert_true(parts == 1 ? second == 0 : second < 19250000);
			assert_in_range(second + b->wait_ns + b->cpu_ns, parts * 19250000 - 2,
				parts * 19250000);
		}
		assert_in_range(cpu, 70 * MS - 64, 70 * MS);
		if (parts == 2)
			mean += (double)second / 1e6;
		assert_true(parts == 2 || seed != 1);
	}
	/* any instant of the first 19.25 ms: the mean of 400 is 9.6 +- 0.28, of which some 4 were
	 * not 2 */
	mean /= 400;
	assert_true(mean > 8.6 && mean < 10.6);
}

static void who_waits_for_its_thread_is_late(void **state)
{
	uint32_t late = 0;

	(void)state;
	/* eight times 60 ms in 38 ms of sleep: the 30-odd requests of a burst of 1 s wait for 20 of
	 * them */
	begin();
	loop(9, 40);
	burst(9, 1600000, 1000000, 0);
	assert_int_equal(s.late, 0);
	hr_requests_of(&s, 3);
	assert_in_range(s.n, 40 + 26, 40 + 29); /* 1000 / 38 = 26.3 more, one of each 2 ms in 20 */
	for (uint32_t i = 0; i < s.n; i++)
		late += s.burst[i].wait_ns > HR_STINTS_LATE_NS &&
			s.burst[i].wait_ns > s.burst[i].cpu_ns;
	assert_int_equal(s.late, late);
	assert_in_range(late, 5, 27);
}

static void equal_bursts_are_one_request_each_however_short_the_gaps(void **state)
{
	(void)state;
	/* 2 ms of work, 1 ms of sleep: two more would have come in each, of 0.67 ms: no burst is
	 * that short, so it is a thread that waits for itself */
	begin();
	for (uint32_t i = 0; i < 100; i++)
		burst(9, i * 3000, 2000, 0);
	hr_requests_of(&s, 1);
	assert_int_equal(s.n, 100);
	/* 8 bursts have 7 gaps: too few to know */
	begin();
	loop(9, 7);
	burst(9, 280000, 500000, 0);
	hr_requests_of(&s, 1);
	assert_int_equal(s.n, 8);
	/* nor are the agent's own */
	begin();
	loop(9, 20);
	burst(9, 800000, 500000, 0);
	for (uint32_t i = 0; i < s.n; i++)
		s.burst[i].fixed = true;
	hr_requests_of(&s, 1);
	assert_int_equal(s.n, 21);
}

static void what_finds_no_room_stays_one(void **state)
{
	(void)state;
	begin();
	loop(9, 20);
	burst(9, 800000, 1000000, 0);
	while (s.n < HR_BURSTS_MAX)
		burst(1000 + s.n, 4000000, 10, 0);
	hr_requests_of(&s, 1);
	assert_int_equal(s.n, HR_BURSTS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_are_numbered_and_short_bursts_stay_what_they_are),
		cmocka_unit_test(a_long_burst_is_as_many_requests_as_came_in_its_time),
		cmocka_unit_test(who_waits_for_its_thread_is_late),
		cmocka_unit_test(equal_bursts_are_one_request_each_however_short_the_gaps),
		cmocka_unit_test(what_finds_no_room_stays_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
