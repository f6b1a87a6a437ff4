/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <errno.h>
#include <string.h>

#include "proto/conf.h"

struct conf {
	uint64_t interval_ns, spool_bytes, tries;
	double target, share;
	bool bursts;
	char url[32];
};

static const struct hr_conf_key keys[] = {
	{"agent", "interval", HR_CONF_DURATION, offsetof(struct conf, interval_ns), 0, 1e9, 3600e9,
		"10s", "How often a summary is sent."},
	{"agent", "bursts", HR_CONF_BOOL, offsetof(struct conf, bursts), 0, 0, 0, "yes",
		"Whether bursts are recorded."},
	{"agent", "url", HR_CONF_TEXT, offsetof(struct conf, url), 32, 0, 0, "http://localhost",
		"Where the collector is."},
	{"spool", "size", HR_CONF_BYTES, offsetof(struct conf, spool_bytes), 0, 65536, 1e9, "64M",
		"How much is kept while the collector is away."},
	{"spool", "tries", HR_CONF_U64, offsetof(struct conf, tries), 0, 1, 100, "5", "Tries."},
	{"model", "target", HR_CONF_F64, offsetof(struct conf, target), 0, 1, 8, "1.3",
		"Load factor that must fit."},
	{"model", "share", HR_CONF_RATIO, offsetof(struct conf, share), 0, 0, 1, "80%", "Share."},
};
static const struct hr_conf_table table = {
	.keys = keys, .n = sizeof(keys) / sizeof(keys[0]), .conf_size = sizeof(struct conf)};

static void a_file_changes_what_it_names_and_says_where(void **state)
{
	struct hr_conf_origin o;
	char why[HR_CONF_ERR_LEN];
	struct conf mine;

	(void)state;
	memset(&mine, 0, sizeof(mine));
	hr_conf_defaults(&table, &mine, &o);
	assert_true(mine.interval_ns == 10000000000ULL);
	assert_true(mine.spool_bytes == 67108864);
	assert_int_equal(hr_conf_parse(&table, "x.conf",
				 "# comment\n[agent]\nurl = http://h:1 ; where\n[spool]\ntries=7\n",
				 &mine, &o, why),
		0);
	assert_string_equal(mine.url, "http://h:1");
	assert_true(mine.tries == 7);
	assert_string_equal(o.text[2], "x.conf:3");
	assert_string_equal(o.text[4], "x.conf:5");
	assert_string_equal(o.text[0], "default");
}

static struct conf c, before;
static char err[HR_CONF_ERR_LEN];

static int parse(const char *text)
{
	memset(&c, 0, sizeof(c));
	hr_conf_defaults(&table, &c, NULL);
	before = c;
	err[0] = '\0';
	return hr_conf_parse(&table, "f.conf", text, &c, NULL, err);
}

/* Refused, with @message, and nothing changed. */
static void refused(const char *text, const char *message)
{
	assert_int_equal(parse(text), -EINVAL);
	assert_string_equal(err, message);
	assert_memory_equal(&c, &before, sizeof(c));
}

static void every_type_is_read(void **state)
{
	(void)state;
	assert_int_equal(parse("[agent]\ninterval=500s\nbursts=off\nurl=a b\n[spool]\nsize=1M\n"
			       "tries=100\n[model]\ntarget=2.5\nshare=12.5%\n"),
		0);
	assert_true(c.interval_ns == 500000000000ULL);
	assert_false(c.bursts);
	assert_string_equal(c.url, "a b");
	assert_true(c.spool_bytes == 1048576 && c.tries == 100);
	assert_true(c.target == 2.5 && c.share == 0.125);
	assert_int_equal(parse(""), 0); /* no file at all is valid, so is an empty one */
	assert_memory_equal(&c, &before, sizeof(c));
}

static void errors_say_where_what_and_what_was_expected(void **state)
{
	(void)state;
	refused("[agent]\ninterval = 10\n", "f.conf:2: interval = '10' is wrong, a duration such "
					    "as 500ms, 10s, 5m, 24h or 14d, "
					    "from 1s to 1h was expected");
	refused("\n[spool]\nsize = 1\n",
		"f.conf:3: size = '1' is wrong, a size such as 65536, 64K, 512M or 2G, from 64K to "
		"1000000000 was expected");
	refused("[agent]\nbursts = maybe\n",
		"f.conf:2: bursts = 'maybe' is wrong, yes or no was expected");
	refused("[spool]\ntries = 101\n",
		"f.conf:2: tries = '101' is wrong, a number, from 1 to 100 was expected");
	refused("[model]\ntarget = nan\n", "f.conf:2: target = 'nan' is wrong, a number such as "
					   "1.5, from 1 to 8 was expected");
	refused("[agent]\nurl = 0123456789012345678901234567890123\n",
		"f.conf:2: url = '0123456789012345678901234567890123' is wrong, at most 31 bytes "
		"of printable text without ' #' and no ';' in front was expected");
	refused("[agent]\nurl =;none\n",
		"f.conf:2: url = ';none' is wrong, at most 31 bytes of printable text without ' #' "
		"and no ';' in front was expected");
	refused("[spool]\nsise = 1M\n",
		"f.conf:2: unknown key 'sise' in [spool], expected one of size tries");
	refused("[spol]\nsize = 1M\n",
		"f.conf:2: unknown section [spol], expected one of [agent] [spool] [model]");
	refused("interval = 10s\n",
		"f.conf:1: key 'interval' stands before any section, [section] was expected first");
	refused("[agent]\ninterval\n",
		"f.conf:2: not understood, 'key = value' or '[section]' was expected");
}

static void the_first_error_is_the_one_that_is_told(void **state)
{
	(void)state;
	refused("[agent]\nbursts = 2\ninterval = x\n[nonsense\n",
		"f.conf:2: bursts = '2' is wrong, yes or no was expected");
}

static void the_traps_of_libinih_are_closed(void **state)
{
	char text[1024], want[256];

	(void)state;
	/* a line beyond 200 bytes would be cut, and the cut value used */
	snprintf(text, sizeof(text), "[agent]\nurl = %0200d\n", 1);
	refused(text, "f.conf:2: the line has 206 bytes, at most 197 were expected");
	snprintf(text, sizeof(text), "[agent]\n# %0400d\nbursts = no\n", 1);
	assert_int_equal(parse(text), 0); /* comments may be long */
	assert_false(c.bursts);
	/* the longest line that is read whole: 6 bytes and 191 */
	snprintf(text, sizeof(text), "[agent]\nurl = %0191d\n", 1);
	assert_int_equal(parse(text), -EINVAL);
	snprintf(want, sizeof(want), "%0191d' is wrong", 1);
	assert_non_null(strstr(err, want));
	/* an indented line would be a second call for the key above */
	refused("[agent]\nurl = a\n  b\n",
		"f.conf:3: not understood, 'key = value' or '[section]' was expected");
	assert_int_equal(parse("  [agent]\n\turl = a\n    bursts = no\n"), 0);
	assert_string_equal(c.url, "a");
	assert_false(c.bursts);
	refused("[agent]\nurl = a\n[agent]\nurl = b\n",
		"f.conf:4: a second value for 'url', one was expected (line 2 has it)");
	/* ' ;' starts a comment, ' #' does not and would become part of the value */
	assert_int_equal(parse("[agent]\nurl = a;b ; c\n"), 0);
	assert_string_equal(c.url, "a;b");
	assert_int_equal(parse("[agent]\nurl = a # c\n"), -EINVAL);
	/* what stands behind a section would be dropped */
	refused("[agent] bursts = no\n",
		"f.conf:1: '[agent] bursts = no' is not a section, [name] on a line of its own was "
		"expected");
	assert_int_equal(parse("[agent] ; comment\nbursts = no\n"), 0);
	assert_int_equal(parse("\xef\xbb\xbf[agent]\r\nbursts = no\r\n"), 0); /* Windows */
	assert_false(c.bursts);
	assert_int_equal(parse("[agent]\nbursts = no"), 0); /* no newline at the end */
	assert_false(c.bursts);
}

static void a_message_quotes_no_control_characters(void **state)
{
	(void)state;
	refused("[agent]\nbursts = \x1b[31m\n",
		"f.conf:2: bursts = '?[31m' is wrong, yes or no was expected");
}

static void a_later_file_wins_and_keeps_the_rest(void **state)
{
	struct hr_conf_origin o;

	(void)state;
	hr_conf_defaults(&table, &c, &o);
	assert_int_equal(hr_conf_parse(&table, "a", "[spool]\nsize=2M\ntries=2\n", &c, &o, err), 0);
	assert_int_equal(hr_conf_parse(&table, "b", "[spool]\n\ntries=3\n", &c, &o, err), 0);
	assert_true(c.spool_bytes == 2097152 && c.tries == 3);
	assert_string_equal(o.text[3], "a:2");
	assert_string_equal(o.text[4], "b:3");
	before = c;
	assert_int_equal(
		hr_conf_parse(&table, "c", "[spool]\nsize=4M\ntries=0\n", &c, &o, err), -EINVAL);
	assert_memory_equal(&c, &before, sizeof(c));
	assert_string_equal(o.text[3], "a:2"); /* the origin neither */
}

static void what_is_printed_reads_back_and_says_where_from(void **state)
{
	static const char want[] = "[agent]\n"
				   "# f:2\n"
				   "interval = 90s\n"
				   "# default\n"
				   "bursts = yes\n"
				   "# default\n"
				   "url = http://localhost\n"
				   "\n"
				   "[spool]\n"
				   "# default\n"
				   "size = 64M\n"
				   "# default\n"
				   "tries = 5\n"
				   "\n"
				   "[model]\n"
				   "# default\n"
				   "target = 1.3\n"
				   "# default\n"
				   "share = 0.8\n";
	struct hr_conf_origin o;
	char text[2048];
	size_t len;

	(void)state;
	memset(&c, 0, sizeof(c));
	hr_conf_defaults(&table, &c, &o);
	assert_int_equal(hr_conf_parse(&table, "f", "[agent]\ninterval=90s\n", &c, &o, err), 0);
	len = hr_conf_print(&table, &c, &o, false, text, sizeof(text));
	assert_string_equal(text, want);
	assert_int_equal(len, strlen(want));
	assert_int_equal(
		hr_conf_print(&table, &c, &o, false, text, len), 0); /* no room for the NUL */
	assert_true(hr_conf_print(&table, &c, &o, true, text, sizeof(text)) > len);
	assert_non_null(
		strstr(text, "\n# How much is kept while the collector is away.\n# default\n"
			     "size = 64M\n"));
	memset(&before, 0, sizeof(before));
	hr_conf_defaults(&table, &before, NULL);
	assert_int_equal(hr_conf_parse(&table, "printed", text, &before, NULL, err), 0);
	assert_memory_equal(&c, &before, sizeof(c));
}

static void long_docs_are_broken_into_lines(void **state)
{
	static const struct hr_conf_key one[] = {
		{"a", "k", HR_CONF_BOOL, 0, 0, 0, 0, "no",
			"This sentence is a good deal longer than ninety bytes, so that it has to "
			"be "
			"broken somewhere at a space between two words."},
	};
	static const struct hr_conf_table t = {.keys = one, .n = 1, .conf_size = sizeof(bool)};
	char text[512];
	bool flag;

	(void)state;
	hr_conf_defaults(&t, &flag, NULL);
	assert_true(hr_conf_print(&t, &flag, NULL, true, text, sizeof(text)) > 0);
	assert_string_equal(text, "[a]\n\n# This sentence is a good deal longer than ninety bytes, "
				  "so that it has to be "
				  "broken\n# somewhere at a space between two words.\nk = no\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_changes_what_it_names_and_says_where),
		cmocka_unit_test(every_type_is_read),
		cmocka_unit_test(errors_say_where_what_and_what_was_expected),
		cmocka_unit_test(the_first_error_is_the_one_that_is_told),
		cmocka_unit_test(the_traps_of_libinih_are_closed),
		cmocka_unit_test(a_message_quotes_no_control_characters),
		cmocka_unit_test(a_later_file_wins_and_keeps_the_rest),
		cmocka_unit_test(what_is_printed_reads_back_and_says_where_from),
		cmocka_unit_test(long_docs_are_broken_into_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
