/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <stdio.h>
#include <string.h>

#include "collector/core/out.h"

static void text_is_cut_at_the_end_of_the_buffer(void **state)
{
	char buf[8];
	struct hr_out o;

	(void)state;
	hr_out_init(&o, buf, sizeof(buf), 80, false);
	hr_out_say(&o, "%s", "12345");
	hr_out_say(&o, "%s", "6789");
	hr_out_say(&o, "%s", "more");
	assert_string_equal(buf, "1234567");
	assert_int_equal(o.len, 7);
}

static void widths_are_brought_into_range(void **state)
{
	char buf[8];
	struct hr_out o;

	(void)state;
	hr_out_init(&o, buf, sizeof(buf), 3, false);
	assert_int_equal(o.width, HR_WIDTH_MIN);
	hr_out_init(&o, buf, sizeof(buf), 5000, false);
	assert_int_equal(o.width, HR_WIDTH_MAX);
}

/* 40 columns: "  - " and nine words of three letters are 4 + 9 * 4 - 1 = 39, a tenth does not fit.
 */
static void paragraphs_wrap_at_the_width_under_their_indent(void **state)
{
	char buf[256];
	struct hr_out o;

	(void)state;
	hr_out_init(&o, buf, sizeof(buf), 40, false);
	hr_out_wrap(&o, "  - ", "abc abc abc abc abc abc abc abc abc xyz end");
	assert_string_equal(buf, "  - abc abc abc abc abc abc abc abc abc\n    xyz end\n");
}

/* Two bytes, one column: nine words of e-acute x 3 fill the line just the same. */
static void columns_are_characters_not_bytes(void **state)
{
	static const char word[] = "\xc3\xa9\xc3\xa9\xc3\xa9";
	char buf[256], text[128] = "";
	struct hr_out o;

	(void)state;
	assert_int_equal(hr_out_columns(word), 3);
	for (size_t i = 0, n = 0; i < 9; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? " " : "", word);
	hr_out_init(&o, buf, sizeof(buf), 40, false);
	hr_out_wrap(&o, "  - ", text);
	assert_ptr_equal(strchr(buf, '\n'), buf + o.len - 1);
}

static void a_cell_holds_whole_characters_and_is_as_wide_as_asked(void **state)
{
	char buf[128];
	struct hr_out o;

	(void)state;
	hr_out_init(&o, buf, sizeof(buf), 80, false);
	hr_out_cell(&o, "vm", 4, 4);
	hr_out_say(&o, "|");
	hr_out_cell(&o, "m\xc3\xbcller", 4, 4);
	hr_out_say(&o, "|");
	hr_out_cell(&o, "ab\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", 2, 4);
	hr_out_say(&o, "|");
	assert_string_equal(buf, "vm  |m\xc3\xbcll|ab\xe2\x82\xac\xe2\x82\xac|");
}

static void a_word_longer_than_the_line_stands_alone(void **state)
{
	char buf[256], text[64];
	struct hr_out o;

	(void)state;
	memset(text, 'w', 50);
	memcpy(text + 50, " x", 3);
	hr_out_init(&o, buf, sizeof(buf), 40, false);
	hr_out_wrap(&o, "", text);
	assert_int_equal(o.len, 50 + 3); /* word, newline, x, newline */
	assert_string_equal(buf + 50, "\nx\n");
}

static void colour_only_where_it_is_allowed(void **state)
{
	char buf[64];
	struct hr_out o;

	(void)state;
	hr_out_init(&o, buf, sizeof(buf), 80, false);
	hr_out_tone(&o, HR_TONE_BAD);
	assert_string_equal(buf, "");
	hr_out_init(&o, buf, sizeof(buf), 80, true);
	hr_out_tone(&o, HR_TONE_BAD);
	hr_out_tone(&o, HR_TONE_PLAIN);
	assert_string_equal(buf, "\033[1;31m\033[0m");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_cut_at_the_end_of_the_buffer),
		cmocka_unit_test(widths_are_brought_into_range),
		cmocka_unit_test(paragraphs_wrap_at_the_width_under_their_indent),
		cmocka_unit_test(columns_are_characters_not_bytes),
		cmocka_unit_test(a_cell_holds_whole_characters_and_is_as_wide_as_asked),
		cmocka_unit_test(a_word_longer_than_the_line_stands_alone),
		cmocka_unit_test(colour_only_where_it_is_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
