/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "proto/text.h"

static const char *const good[] = {"", "postgres", "a b~", "\xc2\xa0", "\xc3\xa9t\xc3\xa9",
	"\xe2\x82\xac", "\xed\x9f\xbf", "\xee\x80\x80", "\xf0\x9f\x90\xa7", "\xf4\x8f\xbf\xbf"};

/* What is wrong with each; the bad sequence stands between two letters. */
static const struct {
	const char *s, *clean;
} bad[] = {
	{"a\nb", "a?b"}, /* C0 */
	{"a\x7f"
	 "b",
		"a?b"}, /* DEL */
	{"a\xc2\x85"
	 "b",
		"a??b"}, /* C1, U+0085 */
	{"a\x80"
	 "b",
		"a?b"}, /* continuation alone */
	{"a\xc0\xaf"
	 "b",
		"a??b"}, /* overlong '/' */
	{"a\xe0\x9f\xbf"
	 "b",
		"a???b"}, /* overlong, three bytes */
	{"a\xed\xa0\x80"
	 "b",
		"a???b"}, /* surrogate */
	{"a\xf0\x8f\xbf\xbf"
	 "b",
		"a????b"}, /* overlong, four bytes */
	{"a\xf4\x90\x80\x80"
	 "b",
		"a????b"}, /* beyond U+10FFFF */
	{"a\xf5\x80\x80\x80"
	 "b",
		"a????b"},
	{"a\xe2\x82", "a??"}, /* cut */
};

static void good_text_passes_and_stays(void **state)
{
	char out[32];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(hr_text_ok(good[i], strlen(good[i])));
		hr_text_clean(good[i], out, sizeof(out));
		assert_string_equal(out, good[i]);
	}
}

static void bad_text_is_refused_or_cleaned(void **state)
{
	char out[32];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(hr_text_ok(bad[i].s, strlen(bad[i].s)));
		hr_text_clean(bad[i].s, out, sizeof(out));
		assert_string_equal(out, bad[i].clean);
	}
	assert_false(hr_text_ok("a\0b", 3));
}

static void a_sequence_cut_by_the_buffer_is_no_half_character(void **state)
{
	char out[4], tiny[1] = {'x'};

	(void)state;
	hr_text_clean("ab\xc3\xa9", out, sizeof(out)); /* room for three bytes */
	assert_string_equal(out, "ab?");
	hr_text_clean("ab", tiny, sizeof(tiny));
	assert_int_equal(tiny[0], 0);
}

static void whatever_comes_in_what_comes_out_is_fine(void **state)
{
	struct hr_rand r = hr_rand_seeded("text");
	char in[24], out[16];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		for (size_t k = 0; k < sizeof(in) - 1; k++) /* mostly lead and continuation bytes */
			in[k] = (char)(hr_rand_below(&r, 4) ? 0x80 | hr_rand_below(&r, 128)
							    : hr_rand_below(&r, 256));
		in[sizeof(in) - 1] = '\0';
		hr_text_clean(in, out, sizeof(out));
		assert_true(hr_text_ok(out, strlen(out)));
		assert_true(strlen(out) <= 15);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_text_passes_and_stays),
		cmocka_unit_test(bad_text_is_refused_or_cleaned),
		cmocka_unit_test(a_sequence_cut_by_the_buffer_is_no_half_character),
		cmocka_unit_test(whatever_comes_in_what_comes_out_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
