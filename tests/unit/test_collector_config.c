/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

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
	assert_true(c.k_target >= 2 && c.k_target <= 2);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_contract),
		cmocka_unit_test(a_file_changes_what_it_names),
		cmocka_unit_test(only_numeric_addresses_are_listened_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
