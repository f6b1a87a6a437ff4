/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "proto/grid_bits.h"

/*
 * Row 0: two 0s (11), 5 after 0 (0; folded 5 - 1 = 4, order 2: 4 + 4 = 1000, one zero: 01000),
 * then nine 5s (1s).  Row 1: twelve 0s (1s).  Row 2: 0 0 (11), 5 (0, as above: 1), then 1s.
 * Row 3: eleven 0s, then 7 (0, not as above: 0; folded 7 - 1 = 6, order 2: 6 + 4 = 1010: 01010).
 * 11 0 01000 | 111111111 | 111111111111 | 11 01 111111111 | 11111111111 00 01010:
 * 8 + 9 + 12 + 13 + 18 = 60 bits.
 */
static void a_grid_is_written_as_documented(void **state)
{
	static const unsigned char want[] = {0xc8, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xf8, 0xa0};
	static uint32_t v[HR_VQ_ROWS][HR_VQ_GRID], back[HR_VQ_ROWS][HR_VQ_GRID];
	unsigned char buf[16];
	struct hr_bits b = {buf, sizeof(buf), 0};

	(void)state;
	for (int g = 2; g < HR_VQ_GRID; g++)
		v[0][g] = v[2][g] = 5;
	v[3][11] = 7;
	assert_true(hr_grid_put(&b, v));
	assert_int_equal(b.at, 60);
	assert_memory_equal(buf, want, sizeof(want));
	b.at = 0;
	assert_true(hr_grid_get(&b, back));
	assert_int_equal(b.at, 60);
	assert_memory_equal(v, back, sizeof(v));
	for (size_t cap = 0; cap < 8; cap++) {
		b = (struct hr_bits){buf, cap, 0};
		assert_false(hr_grid_put(&b, v));
	}
}

/* A window of 275 000 bursts with both CPUs busy, on the development VM; 2 or 3 bytes a varint. */
#define ALL 274906
static void a_busy_grid_is_short(void **state)
{
	static const uint32_t v[HR_VQ_ROWS][HR_VQ_GRID] = {
		{16448, 56572, 157447, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL},
		{986, 1670, 2988, 14704, 48721, 142874, ALL, ALL, ALL, ALL, ALL, ALL},
		{16448, 56572, 157447, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL},
		{986, 1670, 2988, 7159, 16547, 88295, ALL, ALL, ALL, ALL, ALL, ALL}};
	unsigned char buf[200];
	struct hr_bits b = {buf, sizeof(buf), 0};

	(void)state;
	assert_true(hr_grid_put(&b, v));
	printf("a busy grid: %zu bytes, 139 as varints\n", hr_bits_bytes(&b));
	assert_true(hr_bits_bytes(&b) <= 139 / 3);
}

static void any_numbers_come_back(void **state)
{
	struct hr_rand r = hr_rand_seeded("grid_bits");
	static uint32_t v[HR_VQ_ROWS][HR_VQ_GRID], back[HR_VQ_ROWS][HR_VQ_GRID];
	static unsigned char buf[1024];

	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct hr_bits b = {buf, sizeof(buf), 0};
		size_t len;

		for (unsigned i = 0; i < HR_VQ_ROWS; i++)
			for (unsigned g = 0; g < HR_VQ_GRID; g++) {
				unsigned how = (unsigned)hr_rand_below(&r, 4);

				v[i][g] = how == 0 && g       ? v[i][g - 1]
					  : how == 1 && i > 1 ? v[i - 2][g]
							      : (uint32_t)hr_rand_bits(&r, 32);
			}
		assert_true(hr_grid_put(&b, v));
		len = hr_bits_bytes(&b);
		b = (struct hr_bits){buf, len, 0};
		assert_true(hr_grid_get(&b, back));
		assert_memory_equal(v, back, sizeof(v));
		assert_true(hr_bits_done(&b));
		b = (struct hr_bits){buf, len - 1, 0};
		assert_false(hr_grid_get(&b, back));
	}
}

/* The first number after 0 is its code and one more. */
static void numbers_beyond_32_bits_are_refused(void **state)
{
	static uint32_t back[HR_VQ_ROWS][HR_VQ_GRID];
	unsigned char buf[32];
	struct hr_bits b = {buf, sizeof(buf), 0};

	(void)state;
	memset(buf, 0, sizeof(buf));
	assert_true(hr_bits_put(&b, 0, 1) && hr_bits_put_golomb(&b, UINT32_MAX, 2));
	b.at = 0;
	assert_false(hr_grid_get(&b, back)); /* 2^32, one too many */
	b.at = 0;
	assert_true(hr_bits_put(&b, 0, 1) && hr_bits_put_golomb(&b, UINT32_MAX - 1, 2));
	for (int i = 1; i < HR_VQ_ROWS * HR_VQ_GRID; i++)
		assert_true(hr_bits_put(&b, 1, 1));
	b.at = 0;
	assert_true(hr_grid_get(&b, back));
	assert_int_equal(back[0][11], UINT32_MAX);
	assert_int_equal(back[1][0], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_grid_is_written_as_documented),
		cmocka_unit_test(a_busy_grid_is_short),
		cmocka_unit_test(any_numbers_come_back),
		cmocka_unit_test(numbers_beyond_32_bits_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
