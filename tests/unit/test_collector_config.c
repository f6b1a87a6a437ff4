/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <stdio.h>
#include <string.h>

#include "collector/core/config.h"

static void defaults_are_those_of_the_contract(void **state)
{
	struct hr_collector_config c;
	struct hr_listen l[HR_LISTEN_MAX];
	struct hr_model_conf m;
	char err[256];

	(void)state;
	hr_conf_defaults(hr_collector_config_table(), &c, NULL);
	assert_string_equal(c.state, "/var/lib/headroom");
	assert_int_equal(c.windows_ns, 86400000000000);
	assert_int_equal(hr_collector_listen(c.listen, l, err), 2);
	assert_string_equal(l[0].host, "127.0.0.1");
	assert_int_equal(l[0].port, 7867);
	assert_false(l[0].optional);
	assert_string_equal(l[1].host, "::1");
	assert_true(l[1].v6);
	assert_true(l[1].optional);
	hr_collector_config_model(&c, &m);
	struct hr_model_conf d;
	hr_model_conf_default(&d);
	assert_true(m.k_target >= d.k_target && m.k_target <= d.k_target);
	assert_true(m.min_history_h >= 30 && m.min_history_h <= 30);
	assert_int_equal(m.lookback_days, d.lookback_days);
}

static void a_file_changes_what_it_names(void **state)
{
	struct hr_collector_config c, before;
	struct hr_conf_origin origin;
	char err[HR_CONF_ERR_LEN];

	(void)state;
	hr_conf_defaults(hr_collector_config_table(), &c, &origin);
	before = c;
	assert_int_equal(hr_conf_parse(hr_collector_config_table(), "c.conf",
				 "[collector]\nlisten = 127.0.0.1:0\n[model]\ntarget = 2\n", &c,
				 &origin, err),
		0);
	assert_string_equal(c.listen, "127.0.0.1:0");
	assert_true(c.model.k_target >= 2 && c.model.k_target <= 2);
	assert_true(hr_collector_config_needs_restart(&before, &c));
	before = c;
	before.log_level = 7;
	before.group_ns = 1;
	assert_false(hr_collector_config_needs_restart(&before, &c));
	before.hosts++; /* the table of hosts is made once */
	assert_true(hr_collector_config_needs_restart(&before, &c));
	assert_true(
		hr_conf_parse(hr_collector_config_table(), "c.conf",
			"[collector]\nlisten = 127.0.0.1:0\nlitsen = x\n", &c, &origin, err) < 0);
	assert_non_null(strstr(err, "c.conf:3"));
}

static void only_numeric_addresses_are_listened_on(void **state)
{
	static const char *const bad[] = {"*:7867", "tls:", "tls:x:1", "[10.0.0.1]:7867",
		"0x7f.0.0.1:7867", "127.1:7867", "http:127.0.0.1:1", "localhost:7867", "127.0.0.1",
		"127.0.0.1:", "127.0.0.1:70000", ":7867", "127.0.0.1.evil:80", "127.0.0.256:1",
		"[::1:7867", "127.0.0.1:1,", "",
		"127.0.0.1:1,127.0.0.1:2,127.0.0.1:3,127.0.0.1:4,127.0.0.1:5", "127.0.0.1:-1"};
	struct hr_listen l[HR_LISTEN_MAX];
	char err[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err[0] = '\0';
		if (hr_collector_listen(bad[i], l, err) != 0)
			fail_msg("accepted: %s", bad[i]);
		assert_int_not_equal(err[0], '\0');
	}
	/* plain HTTP nowhere but on loopback, whatever is asked for */
	assert_int_equal(
		hr_collector_listen("0.0.0.0:7867,[::]:1,10.0.0.5:2,[fe80::1]:3", l, err), 4);
	for (unsigned i = 0; i < 4; i++)
		assert_true(l[i].tls);
	assert_int_equal(hr_collector_listen("127.0.0.1:1, tls:127.0.0.1:2, [::1]:3", l, err), 3);
	assert_false(l[0].tls);
	assert_true(l[1].tls);
	assert_string_equal(l[1].host, "127.0.0.1");
	assert_false(l[2].tls);
	assert_int_equal(hr_collector_listen(" 127.0.0.53:80 ,[::1]:0", l, err), 2);
	assert_string_equal(l[0].host, "127.0.0.53");
	assert_int_equal(l[0].port, 80);
	assert_int_equal(l[1].port, 0);
	assert_false(l[1].optional); /* asked for by name */
}

static struct hr_collector_config conf;
static struct hr_conf_origin origin;
static char why[HR_CONF_ERR_LEN];

static int read(const char *name, const char *text)
{
	return hr_conf_parse(hr_collector_config_table(), name, text, &conf, &origin, why);
}

/* What a host of this name is judged with. */
static struct hr_model_conf model_of(const char *name)
{
	const struct hr_host_rules rules = hr_collector_config_rules(&conf);
	struct hr_model_conf m;

	hr_collector_config_model(&conf, &m);
	hr_host_rules_apply(&rules, hr_host_rules_of(&rules, name), &m);
	return m;
}

#define IS(a, b) assert_true((a) >= (b) && (a) <= (b))

static void a_host_has_the_last_value_that_is_for_it(void **state)
{
	struct hr_collector_config before;

	(void)state;
	hr_conf_defaults(hr_collector_config_table(), &conf, &origin);
	before = conf;
	assert_int_equal(read("c.conf", "[host \"*\"]\ntarget = 1.6\nwakeup = 0\n"
					"[host \"db-*, web-1\"]\ntarget = 2\nlate_share = 2%\n"
					"[model]\ntarget = 1.4\n"
					"[host \"db-1\"]\ntarget = 3\nmax_memory = 64G\n"),
		0);
	assert_int_equal(conf.n_hosts, 3);
	assert_true(hr_collector_config_needs_restart(&before, &conf));
	IS(conf.model.k_target, 1.4);
	IS(model_of("a").k_target, 1.6);
	IS(model_of("a").eps, 0.01);
	IS(model_of("a").wakeup_us, 0);
	IS(model_of("web-1").k_target, 2);
	IS(model_of("web-10").k_target, 1.6);
	IS(model_of("db-1").k_target, 3);
	IS(model_of("db-1").eps, 0.02);
	assert_true(model_of("db-1").max_mem_bytes == 64ULL << 30);
	assert_true(model_of("db-2").max_mem_bytes == 0);
	/* a later file comes after, whatever its pattern; the last section goes on */
	assert_int_equal(
		read("d.conf", "[host \"db-1\"]\ntarget = 4\n[host \"*\"]\nwakeup = 5us\n"), 0);
	assert_int_equal(conf.n_hosts, 4);
	IS(model_of("db-1").k_target, 4);
	assert_true(model_of("db-1").max_mem_bytes == 64ULL << 30);
	IS(model_of("db-1").wakeup_us, 5);
	IS(model_of("a").k_target, 1.6);
}

static void what_a_host_is_judged_with_is_printed_with_its_origin(void **state)
{
	const struct hr_host_rules rules = hr_collector_config_rules(&conf);
	static char text[65536];

	(void)state; /* as the test before left it */
	assert_true(hr_conf_print(rules.table, &conf, &origin, false, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "\n[host \"db-*, web-1\"]\n# c.conf:5\ntarget = 2\n"
				     "# c.conf:6\nlate_share = 0.02\n\n[host \"db-1\"]\n"
				     "# d.conf:2\ntarget = 4\n"));
	hr_conf_over_fold(rules.table, hr_host_rules_of(&rules, "db-1"), &conf, &origin);
	assert_true(hr_conf_print(rules.table, &conf, &origin, false, text, sizeof(text)) > 0);
	assert_null(strstr(text, "[host"));
	assert_non_null(strstr(text, "# d.conf:2\ntarget = 4\n# c.conf:6\nlate_share = 0.02\n"
				     "# default\ntight_share = 0.005\n"));
	assert_non_null(strstr(text, "# d.conf:4\nwakeup = 5us\n"));
}

static void wrong_sections_of_a_host_are_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{"[host db-1]\ntarget = 2\n", "c.conf:2: [host db-1] names none, [host "
					      "\"PATTERN\"] was expected, such as "
					      "[host \"db-*\"]"},
		{"[host \"\"]\ntarget = 2\n", "c.conf:2: [host \"\"] names none"},
		{"[host \" , \"]\ntarget = 2\n", "c.conf:2: [host \" , \"] names none"},
		{"[host]\ntarget = 2\n", "c.conf:2: [host] names none"},
		{"[host \"db\"-1\"]\ntarget = 2\n", "c.conf:2: [host \"db\"-1\"] names none"},
		{"[host \"db-[12]\"]\ntarget = 2\n",
			"c.conf:1: '[host \"db-[12]\"]' is not a section"},
		{"[hosts \"a\"]\ntarget = 2\n", "[remote_write] [host \"PATTERN\"]"},
		{"[host \"a\"]\n\ntarget = 0.5\n",
			"c.conf:3: target = '0.5' is wrong, a number such as 1.5, from 1 to 8 was "
			"expected"},
		{"[host \"a\"]\nlate_share = 60%\n", "c.conf:2: late_share = '60%' is wrong"},
		{"[host \"a\"]\nwakeup = 2ms\n", "c.conf:2: wakeup = '2ms' is wrong"},
		{"[host \"a\"]\nlisten = 1\n",
			"c.conf:2: unknown key 'listen' in [host \"a\"], expected one of target "},
		{"[host \"a\"]\ntarget = 2\n[model]\n[host \"a\"]\ntarget = 3\n",
			"c.conf:5: a second value for 'target', one was expected (line 2 has it)"},
		{"[host \"a-name-of-43-bytes-is-one-more-than-fits-in\"]\ntarget = 2\n",
			"c.conf:1: the name of the section has 50 bytes, at most 49 were expected"},
	};
	struct hr_collector_config before;

	(void)state;
	hr_conf_defaults(hr_collector_config_table(), &conf, &origin);
	before = conf;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(read("c.conf", bad[i].text) < 0);
		if (!strstr(why, bad[i].message))
			fail_msg("%s -> %s", bad[i].text, why);
		assert_memory_equal(&conf, &before, sizeof(conf));
	}
}

static void there_are_at_most_64_sections_of_hosts(void **state)
{
	char text[8192] = "";
	size_t n = 0;

	(void)state;
	hr_conf_defaults(hr_collector_config_table(), &conf, NULL);
	for (unsigned i = 0; i < 64; i++)
		n += (size_t)snprintf(
			text + n, sizeof(text) - n, "[host \"h%u\"]\ntarget = 2\n", i);
	assert_int_equal(read("c.conf", text), 0);
	IS(model_of("h63").k_target, 2);
	assert_true(read("d.conf", "[host \"one\"]\ntarget = 3\n") < 0);
	assert_non_null(strstr(why, "d.conf:2: [host \"one\"] is one too many, at most 64"));
	IS(model_of("one").k_target, 1.3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_contract),
		cmocka_unit_test(a_file_changes_what_it_names),
		cmocka_unit_test(a_host_has_the_last_value_that_is_for_it),
		cmocka_unit_test(what_a_host_is_judged_with_is_printed_with_its_origin),
		cmocka_unit_test(wrong_sections_of_a_host_are_refused),
		cmocka_unit_test(there_are_at_most_64_sections_of_hosts),
		cmocka_unit_test(only_numeric_addresses_are_listened_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
