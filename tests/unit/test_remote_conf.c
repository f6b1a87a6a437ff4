/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "collector/core/remote_conf.h"

static void labels_are_names_and_values(void **state)
{
	struct hr_remote_labels l;
	char err[256];

	(void)state;
	assert_true(hr_remote_labels_parse("", &l, err));
	assert_int_equal(l.n, 0);
	assert_true(hr_remote_labels_parse(" cluster=eu-1,team = x=y z ,_a9=b", &l, err) == false);
	assert_true(hr_remote_labels_parse(" cluster=eu-1, team=x=y z , _a9=b,", &l, err));
	assert_int_equal(l.n, 3);
	assert_string_equal(l.label[0].key, "cluster");
	assert_string_equal(l.label[0].value, "eu-1");
	assert_string_equal(l.label[1].value, "x=y z");
	assert_string_equal(l.label[2].key, "_a9");
}

static void labels_that_clash_or_are_none_are_refused(void **state)
{
	static const char *const bad[] = {"cluster", "cluster=", "=x", "9a=x", "a-b=x", "host=x",
		"__name__=x", "a=1, a=2", "a=1,,b=2", "a=1,b=2,c=3,d=4,e=5,f=6,g=7,h=8,i=9"};
	struct hr_remote_labels l;
	char err[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err[0] = '\0';
		if (hr_remote_labels_parse(bad[i], &l, err))
			fail_msg("'%s' was taken", bad[i]);
		assert_true(strlen(err) > 0);
	}
}

static bool takes(const char *url, const char *token, const char *labels)
{
	struct hr_collector_config c;
	char err[256];

	hr_conf_defaults(hr_collector_config_table(), &c, NULL);
	(void)snprintf(c.remote_url, sizeof(c.remote_url), "%s", url);
	(void)snprintf(c.remote_token_file, sizeof(c.remote_token_file), "%s", token);
	(void)snprintf(c.remote_labels, sizeof(c.remote_labels), "%s", labels);
	return hr_remote_conf_check(&c, err);
}

static void an_address_has_a_scheme_a_host_and_no_secret(void **state)
{
	(void)state;
	assert_true(takes("", "", ""));
	assert_true(takes("http://prometheus.example:9090/api/v1/write", "", "a=b"));
	assert_true(takes("https://p/x@y", "", ""));
	assert_false(takes("ftp://p/x", "", ""));
	assert_false(takes("p:9090/api/v1/write", "", ""));
	assert_false(takes("http:///api/v1/write", "", ""));
	assert_false(takes("https://me:secret@p/x", "", ""));
	assert_false(takes("http://p/a b", "", ""));
	assert_false(takes("http://p/x", "", "host=a"));
}

static void a_token_goes_in_the_clear_to_this_machine_only(void **state)
{
	(void)state;
	assert_true(takes("https://p/x", "/t", ""));
	assert_true(takes("http://127.0.0.1:9090/x", "/t", ""));
	assert_true(takes("http://[::1]:9090/x", "/t", ""));
	assert_true(takes("http://localhost/x", "/t", ""));
	assert_false(takes("http://p/x", "/t", ""));
	assert_false(takes("http://127.0.0.1.example/x", "/t", ""));
	assert_false(takes("http://localhost.example:9090/x", "/t", ""));
	assert_false(takes("http://[2001:db8::1]:9090/x", "/t", ""));
}

static void a_section_is_the_same_when_every_key_is(void **state)
{
	struct hr_collector_config a, b;

	(void)state;
	hr_conf_defaults(hr_collector_config_table(), &a, NULL);
	b = a;
	b.log_level++;
	assert_true(hr_remote_conf_same(&a, &b));
	b.remote_interval_ns++;
	assert_false(hr_remote_conf_same(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_are_names_and_values),
		cmocka_unit_test(labels_that_clash_or_are_none_are_refused),
		cmocka_unit_test(an_address_has_a_scheme_a_host_and_no_secret),
		cmocka_unit_test(a_token_goes_in_the_clear_to_this_machine_only),
		cmocka_unit_test(a_section_is_the_same_when_every_key_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
