/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "proto/num.h"

static void a_number_is_the_whole_text_within_bounds(void **state)
{
	static const char *const bad[] = {"", " 1", "1 ", "+1", "-1", "0x10", "1.0", "1e3", "a",
		"18446744073709551616", "99999999999999999999999", "1\n", "\xd9\xa1"};
	uint64_t v = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(hr_num_u64(bad[i], 0, UINT64_MAX, &v));
	assert_false(hr_num_u64("9", 10, 20, &v));
	assert_false(hr_num_u64("21", 10, 20, &v));
	assert_true(v == 77); /* untouched */
	assert_true(hr_num_u64("10", 10, 20, &v) && v == 10);
	assert_true(hr_num_u64("020", 10, 20, &v) && v == 20); /* decimal, no octal */
	assert_true(hr_num_u64("18446744073709551615", 0, UINT64_MAX, &v) && v == UINT64_MAX);
}

static void hexadecimal_has_no_prefix(void **state)
{
	uint64_t v = 77;

	(void)state;
	assert_true(hr_num_hex_u64("fF10", 0, UINT64_MAX, &v) && v == 65296);
	assert_true(hr_num_hex_u64("ffffffffffffffff", 0, UINT64_MAX, &v) && v == UINT64_MAX);
	assert_false(hr_num_hex_u64("10000000000000000", 0, UINT64_MAX, &v));
	assert_false(hr_num_hex_u64("0x10", 0, UINT64_MAX, &v));
	assert_false(hr_num_hex_u64("g", 0, UINT64_MAX, &v));
	assert_false(hr_num_hex_u64("", 0, UINT64_MAX, &v));
}

static void a_piece_of_a_line_needs_no_nul(void **state)
{
	uint64_t v = 77;

	(void)state;
	assert_true(hr_num_u64_n("1234 kB", 4, &v) && v == 1234);
	assert_true(hr_num_u64_n("1234", 2, &v) && v == 12);
	v = 77;
	assert_false(hr_num_u64_n("1234 kB", 5, &v));
	assert_false(hr_num_u64_n("1234", 0, &v));
	assert_true(v == 77);
}

static void real_numbers_are_plain_decimals(void **state)
{
	static const char *const bad[] = {"", "nan", "inf", "-inf", "0x1p3", " 1", "1 ", "1,5",
		"+1", "1e", "e5", "1e999", "--1", "1.2.3", "."};
	double v = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(hr_num_f64(bad[i], -1e308, 1e308, &v));
	assert_false(hr_num_f64("1.6", 1, 1.5, &v));
	assert_true(v == 77);
	assert_true(hr_num_f64("1.5", 1, 1.5, &v) && v == 1.5);
	assert_true(hr_num_f64("-2.5e-1", -1, 1, &v) && v == -0.25);
}

static void a_duration_has_a_unit(void **state)
{
	static const struct {
		const char *s;
		uint64_t ns;
	} good[] = {{"0", 0}, {"0s", 0}, {"7ns", 7}, {"3us", 3000}, {"500ms", 500000000},
		{"10s", 10000000000}, {"2m", 120000000000}, {"24h", 86400000000000},
		{"14d", 1209600000000000}};
	static const char *const bad[] = {
		"", "10", "s", "10 s", "10S", "1.5s", "-1s", "10sec", "18446744074s", "1s1s"};
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(hr_num_duration(good[i].s, 0, UINT64_MAX, &v));
		assert_true(v == good[i].ns);
	}
	v = 77;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(hr_num_duration(bad[i], 0, UINT64_MAX, &v));
	assert_false(hr_num_duration("61s", 0, 60000000000, &v));
	assert_false(hr_num_duration("999ms", 1000000000, UINT64_MAX, &v));
	assert_true(v == 77);
}

static void a_size_is_in_powers_of_1024(void **state)
{
	uint64_t v = 77;

	(void)state;
	assert_true(hr_num_bytes("100", 0, UINT64_MAX, &v) && v == 100);
	assert_true(hr_num_bytes("64K", 0, UINT64_MAX, &v) && v == 65536);
	assert_true(hr_num_bytes("512M", 0, UINT64_MAX, &v) && v == 536870912);
	assert_true(hr_num_bytes("2G", 0, UINT64_MAX, &v) && v == 2147483648);
	assert_true(hr_num_bytes("1T", 0, UINT64_MAX, &v) && v == 1099511627776);
	v = 77;
	assert_false(hr_num_bytes("64k", 0, UINT64_MAX, &v));
	assert_false(hr_num_bytes("64KB", 0, UINT64_MAX, &v));
	assert_false(hr_num_bytes("16777216T", 0, UINT64_MAX, &v)); /* 2^64 */
	assert_false(hr_num_bytes("K", 0, UINT64_MAX, &v));
	assert_true(v == 77);
}

static void a_ratio_may_be_a_percentage(void **state)
{
	double v = 77;

	(void)state;
	assert_true(hr_num_ratio("80%", 0, 1, &v) && v == 0.8);
	assert_true(hr_num_ratio("0.8", 0, 1, &v) && v == 0.8);
	assert_true(hr_num_ratio("12.5%", 0, 1, &v) && v == 0.125);
	v = 77;
	assert_false(hr_num_ratio("80", 0, 1, &v));
	assert_false(hr_num_ratio("101%", 0, 1, &v));
	assert_false(hr_num_ratio("%", 0, 1, &v));
	assert_false(hr_num_ratio("80%%", 0, 1, &v));
	assert_false(hr_num_ratio("0000000000000000000000000000000080%", 0, 1, &v));
	assert_true(v == 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_the_whole_text_within_bounds),
		cmocka_unit_test(hexadecimal_has_no_prefix),
		cmocka_unit_test(a_piece_of_a_line_needs_no_nul),
		cmocka_unit_test(real_numbers_are_plain_decimals),
		cmocka_unit_test(a_duration_has_a_unit),
		cmocka_unit_test(a_size_is_in_powers_of_1024),
		cmocka_unit_test(a_ratio_may_be_a_percentage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
