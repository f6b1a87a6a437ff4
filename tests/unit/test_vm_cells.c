/* SPDX-License-Identifier: Apache-2.0 */
/* Cells of a lookback as bytes, by literals; random ones in test_vm_codec.c. */
#include "tests/unit/hr_cmocka.h"

#include "collector/core/vm_cells.h"

static const struct hr_cell three[] = {{20000, 0, 36, 6}, {20000, 0, 40, 300}, {20001, 7, 0, 1}};
static const unsigned char bytes[] = {
	0xa0, 0x9c, 0x01, 0, 2, 36, 6, 4, 0xac, 0x02, /* a day and track with two codes */
	1, 7, 1, 0, 1,                                /* the next day */
};

static enum hr_cells_result read(const unsigned char *p, size_t len, uint32_t n)
{
	struct hr_lookback l = {0};
	size_t used;
	enum hr_cells_result r = hr_cells_get(&l, n, p, len, &used);

	hr_lookback_done(&l);
	return r;
}

static void cells_have_the_bytes_that_their_header_says(void **state)
{
	struct hr_lookback l = {0};
	unsigned char buf[sizeof(bytes) + 1] = {0};
	size_t used;

	(void)state;
	assert_int_equal(hr_cells_get(&l, 3, bytes, sizeof(bytes), &used), HR_CELLS_OK);
	assert_int_equal(used, sizeof(bytes));
	assert_int_equal(l.n, 3);
	assert_memory_equal(l.cell, three, sizeof(three));
	assert_int_equal(hr_cells_put(&l, buf, sizeof(bytes)), sizeof(bytes));
	assert_memory_equal(buf, bytes, sizeof(bytes));
	buf[4] = 0xee;
	assert_int_equal(hr_cells_put(&l, buf, 4), sizeof(bytes)); /* what is needed */
	assert_int_equal(buf[4], 0xee);
	hr_lookback_done(&l);
}

/* A track of the same day, and a code of the same run, that are no larger. */
static void what_is_not_in_order_is_refused(void **state)
{
	static const unsigned char same_track[] = {9, 3, 1, 5, 1, 0, 0, 1, 5, 1};
	static const unsigned char same_code[] = {9, 3, 2, 5, 1, 0, 1};

	(void)state;
	assert_int_equal(read(same_track, sizeof(same_track), 2), HR_CELLS_BAD);
	assert_int_equal(read(same_code, sizeof(same_code), 2), HR_CELLS_BAD);
}

static void what_is_out_of_range_is_refused(void **state)
{
	static const unsigned char day[] = {0xff, 0xff, 0x03, 0, 1, 0, 1, 1, 0, 1, 0, 1};
	static const unsigned char track[] = {9, 100, 1, 0, 1, 0, 100, 1, 0, 1};
	static const unsigned char code[] = {9, 0, 2, 0xc8, 0x01, 1, 56, 1};
	static const unsigned char count[] = {9, 0, 1, 0, 0x80, 0x80, 0x80, 0x80, 0x10};
	static const unsigned char no_run[] = {9, 0, 0, 0, 1};

	(void)state;
	assert_int_equal(read(day, sizeof(day), 2), HR_CELLS_BAD);
	assert_int_equal(read(track, sizeof(track), 2), HR_CELLS_BAD);
	assert_int_equal(read(code, sizeof(code), 2), HR_CELLS_BAD);
	assert_int_equal(read(count, sizeof(count), 1), HR_CELLS_BAD);
	assert_int_equal(read(no_run, sizeof(no_run), 1), HR_CELLS_BAD);
	assert_int_equal(read(bytes, sizeof(bytes), 1), HR_CELLS_BAD); /* a run of two */
}

static void bytes_that_end_early_are_refused(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(bytes); len++)
		assert_int_equal(read(bytes, len, 3), HR_CELLS_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_have_the_bytes_that_their_header_says),
		cmocka_unit_test(what_is_not_in_order_is_refused),
		cmocka_unit_test(what_is_out_of_range_is_refused),
		cmocka_unit_test(bytes_that_end_early_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
