/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include "proto/bucket.h"

static void small_values_have_their_own_bucket(void **state)
{
	(void)state;
	for (uint32_t v = 0; v < 16; v++) { /* also 8..15: the first octave has width 1 */
		assert_int_equal(hr_bucket(v), v);
		assert_int_equal(hr_bucket_lo(v), v);
		assert_int_equal(hr_bucket_hi(v), v);
	}
}

static void buckets_are_eighths_of_an_octave(void **state)
{
	static const struct {
		uint32_t value, bucket, lo, hi;
	} t[] = {
		{16, 16, 16, 17}, /* octave 16..31 in steps of 2 */
		{17, 16, 16, 17},
		{31, 23, 30, 31},
		{32, 24, 32, 35},      /* 32..63 in steps of 4 */
		{1000, 63, 960, 1023}, /* 512 + 7 * 64; (9 - 3 + 1) * 8 + 7 */
		{1024, 64, 1024, 1151},
		{65535, 111, 61440, 65535},
		{0xffffffff, 239, 0xf0000000, 0xffffffff},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(hr_bucket(t[i].value), t[i].bucket);
		assert_int_equal(hr_bucket_lo(t[i].bucket), t[i].lo);
		assert_int_equal(hr_bucket_hi(t[i].bucket), t[i].hi);
	}
}

static void buckets_cover_all_values_once_and_are_narrow(void **state)
{
	uint64_t next = 0;

	(void)state;
	for (uint32_t i = 0; i < HR_BUCKETS; i++) {
		uint32_t lo = hr_bucket_lo(i), hi = hr_bucket_hi(i);

		assert_true(lo == next); /* no gap, no overlap */
		assert_true(hi >= lo);
		assert_int_equal(hr_bucket(lo), i);
		assert_int_equal(hr_bucket(hi), i);
		assert_true(hi - lo <= lo / 8);
		next = (uint64_t)hi + 1;
	}
	assert_true(next == 1ULL << 32);
}

static void log2_is_the_highest_bit(void **state)
{
	struct hr_rand r = hr_rand_seeded("log2");

	(void)state;
	for (uint32_t b = 0; b < 32; b++) {
		assert_int_equal(hr_log2_u32(1u << b), b);
		assert_int_equal(hr_log2_u32(UINT32_MAX >> (31 - b)), b);
	}
	for (int i = 0; i < 1000; i++) {
		uint32_t v = (uint32_t)hr_rand_bits(&r, 32) | 1;

		assert_int_equal(hr_log2_u32(v), 31 - (uint32_t)__builtin_clz(v));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_values_have_their_own_bucket),
		cmocka_unit_test(buckets_are_eighths_of_an_octave),
		cmocka_unit_test(buckets_cover_all_values_once_and_are_narrow),
		cmocka_unit_test(log2_is_the_highest_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
