/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "proto/secret.h"

#define ID     "000102030405060708090a0b0c0d0e0f"
#define SECRET "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
#define PIN    "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"

static bool parse(const char *s, struct hr_secret *ret)
{
	return hr_secret_parse(s, strlen(s), ret);
}

static void a_credential_is_read_and_printed_byte_for_byte(void **state)
{
	struct hr_secret s;
	char text[HR_SECRET_TEXT];

	(void)state;
	assert_true(parse("hr1a." ID "." SECRET, &s));
	assert_int_equal(s.kind, HR_SECRET_AGENT);
	assert_int_equal(s.id[0], 0x00);
	assert_int_equal(s.id[15], 0x0f);
	assert_int_equal(s.secret[0], 0x20);
	assert_int_equal(s.secret[31], 0x3f);
	hr_secret_print(&s, text);
	assert_string_equal(text, "hr1a." ID "." SECRET);
	assert_true(hr_secret_bearer("Bearer hr1r." ID "." SECRET, 7 + 102, &s));
	assert_int_equal(s.kind, HR_SECRET_READ);
}

static void nothing_but_the_exact_form_is_a_credential(void **state)
{
	static const char *const bad[] = {"", "hr1a", "hr1x." ID "." SECRET, "hr2a." ID "." SECRET,
		"hr1a." ID "." SECRET "0", "hr1a." ID "." SECRET "\n", " hr1a." ID "." SECRET,
		"hr1a," ID "." SECRET, "hr1a." ID ":" SECRET, "HR1A." ID "." SECRET,
		"hr1a.000102030405060708090A0b0c0d0e0f." SECRET,
		"hr1a.g00102030405060708090a0b0c0d0e0f." SECRET};
	struct hr_secret s = {.kind = HR_SECRET_NONE};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (parse(bad[i], &s))
			fail_msg("taken: %s", bad[i]);
	}
	assert_false(hr_secret_bearer("bearer hr1r." ID "." SECRET, 7 + 102, &s));
	assert_false(hr_secret_bearer("Bearer  hr1r." ID "." SECRET, 8 + 102, &s));
	assert_int_equal(s.kind, HR_SECRET_NONE); /* untouched */
}

static void a_join_string_is_split_from_the_right(void **state)
{
	static const char *const address[] = {
		"10.0.0.5:7868", "a.b-c.example.org:1", "[fe80::1]:65535", "x:80"};
	char text[HR_JOIN_TEXT], again[HR_JOIN_TEXT];
	struct hr_join j;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		int n = snprintf(text, sizeof(text), "hr1.%s." PIN "." ID "." SECRET, address[i]);

		assert_true(hr_join_parse(text, (size_t)n, &j));
		assert_string_equal(j.address, address[i]);
		assert_int_equal(j.pin[0], 0xff);
		assert_int_equal(j.token.kind, HR_SECRET_ENROL);
		assert_int_equal(j.token.secret[31], 0x3f);
		hr_join_print(&j, again);
		assert_string_equal(again, text);
	}
	assert_true(hr_join_parse("\t hr1.x:80." PIN "." ID "." SECRET "\r\n", 175, &j));
}

static void an_address_that_could_lead_elsewhere_is_no_join_string(void **state)
{
	static const char *const bad[] = {"x", "x:", ":80", "x:0", "x:65536", "x:8a", "x:000080",
		"a b:80", "a/b:80", "a@b:80", "a?b:80", "a#b:80", "a%2f:80", "fe80::1:80", "[]:80",
		"[x:80", "x]:80", "[a]b]:80", "a\nb:80"};
	char text[HR_JOIN_TEXT];
	struct hr_join j;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int n = snprintf(text, sizeof(text), "hr1.%s." PIN "." ID "." SECRET, bad[i]);

		if (hr_join_parse(text, (size_t)n, &j))
			fail_msg("taken: %s", bad[i]);
	}
	assert_false(hr_join_parse("hr1.x:80." PIN "." ID, 102, &j));
	assert_false(hr_join_parse("", 0, &j));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_credential_is_read_and_printed_byte_for_byte),
		cmocka_unit_test(nothing_but_the_exact_form_is_a_credential),
		cmocka_unit_test(a_join_string_is_split_from_the_right),
		cmocka_unit_test(an_address_that_could_lead_elsewhere_is_no_join_string),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
