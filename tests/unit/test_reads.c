/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "agent/core/reads.h"

static struct hr_reader live[HR_READERS_N];
static struct hr_reads r;

static void write_place(uint32_t tid, uint32_t n, uint32_t late)
{
	live[tid & (HR_READERS_N - 1)] = (struct hr_reader){tid, 1, 0, n, late};
}

static void expect(uint32_t tid, uint32_t reads, uint32_t late)
{
	struct hr_task t = {.tid = tid, .reads = 77, .reads_late = 77};

	hr_reads_tell(&r, &t, 1);
	assert_int_equal(t.reads, reads);
	assert_int_equal(t.reads_late, late);
}

static int clear(void **state)
{
	(void)state;
	memset(live, 0, sizeof(live));
	memset(&r, 0, sizeof(r));
	return 0;
}

static void a_thread_reads_what_its_place_grew(void **state)
{
	(void)state;
	write_place(5, 100, 3);
	assert_int_equal(hr_reads_take(&r, live), 100);
	expect(5, 100, 3);
	write_place(5, 160, 7);
	write_place(6, 9, 0); /* new */
	assert_int_equal(hr_reads_take(&r, live), 69);
	expect(5, 60, 4);
	expect(6, 9, 0);
	expect(7, 0, 0);                              /* never read */
	expect(5 + HR_READERS_N, 0, 0);               /* another of the same place */
	assert_int_equal(hr_reads_take(&r, live), 0); /* nothing since */
	expect(5, 0, 0);
}

static void a_place_taken_over_is_the_new_threads_alone(void **state)
{
	(void)state;
	write_place(5, 1000, 900);
	(void)hr_reads_take(&r, live);
	write_place(5 + HR_READERS_N, 1200, 1); /* more than the one before had */
	assert_int_equal(hr_reads_take(&r, live), 1200);
	expect(5, 0, 0);
	expect(5 + HR_READERS_N, 1200, 1);
	/* to the other one and back: it began anew at 0 */
	write_place(5 + HR_READERS_N, 20, 0);
	assert_int_equal(hr_reads_take(&r, live), 20);
	expect(5 + HR_READERS_N, 20, 0);
	/* the same with more reads than before, but fewer late ones */
	write_place(5 + HR_READERS_N, 500, 9);
	(void)hr_reads_take(&r, live);
	write_place(5 + HR_READERS_N, 510, 2);
	assert_int_equal(hr_reads_take(&r, live), 510);
	expect(5 + HR_READERS_N, 510, 2);
}

/* Seen between a read and its being late: the next look has one late too many for its reads. */
static void no_more_are_late_than_were_read(void **state)
{
	(void)state;
	write_place(5, 10, 0);
	(void)hr_reads_take(&r, live);
	write_place(5, 10, 1);
	(void)hr_reads_take(&r, live);
	expect(5, 0, 0);
}

static void without_the_hook_nobody_read(void **state)
{
	(void)state;
	write_place(5, 10, 1);
	(void)hr_reads_take(&r, live);
	write_place(5, 20, 2);
	assert_int_equal(hr_reads_take(&r, NULL), 0);
	expect(5, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_thread_reads_what_its_place_grew, clear),
		cmocka_unit_test_setup(a_place_taken_over_is_the_new_threads_alone, clear),
		cmocka_unit_test_setup(no_more_are_late_than_were_read, clear),
		cmocka_unit_test_setup(without_the_hook_nobody_read, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
