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
	keys, sizeof(keys) / sizeof(keys[0]), sizeof(struct conf)};

static void a_file_changes_what_it_names_and_says_where(void **state)
{
	struct hr_conf_origin o;
	char err[HR_CONF_ERR_LEN];
	struct conf c;

	(void)state;
	memset(&c, 0, sizeof(c));
	hr_conf_defaults(&table, &c, &o);
	assert_true(c.interval_ns == 10000000000ULL);
	assert_true(c.spool_bytes == 67108864);
	assert_int_equal(hr_conf_parse(&table, "x.conf",
				 "# comment\n[agent]\nurl = http://h:1 ; where\n[spool]\ntries=7\n",
				 &c, &o, err),
		0);
	assert_string_equal(c.url, "http://h:1");
	assert_true(c.tries == 7);
	assert_string_equal(o.text[2], "x.conf:3");
	assert_string_equal(o.text[4], "x.conf:5");
	assert_string_equal(o.text[0], "default");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_changes_what_it_names_and_says_where),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
