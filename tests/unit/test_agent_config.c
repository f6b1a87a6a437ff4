/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's key table against the parser that uses it. */
#include "tests/unit/hr_cmocka.h"

#include <errno.h>
#include <string.h>

#include "agent/core/config.h"
#include "proto/facts.h"

static struct hr_agent_config c;
static struct hr_conf_origin origin;
static char err[HR_CONF_ERR_LEN];

static int parse(const char *text)
{
	hr_conf_defaults(hr_agent_config_table(), &c, &origin);
	return hr_conf_parse(hr_agent_config_table(), "agent.conf", text, &c, &origin, err);
}

static void defaults_are_those_of_the_contract(void **state)
{
	(void)state;
	hr_conf_defaults(hr_agent_config_table(), &c, &origin);
	assert_string_equal(c.collector, "http://127.0.0.1:7867");
	assert_string_equal(c.state, "/var/lib/headroom-agent");
	assert_string_equal(c.name, "");
	assert_string_equal(c.instance_type, "");
	assert_int_equal(c.timeout_ns, UINT64_C(20000000000));
	assert_int_equal(c.spool_bytes, 4 << 20);
	assert_true(c.budget_ratio > 0.00999 && c.budget_ratio < 0.01001);
	assert_int_equal(c.log_level, 6);
	assert_true(c.hook_sched && c.hook_disk && c.hook_net && c.hook_burst && c.bpf_stats);
	assert_true(c.probe_cores);
	assert_int_equal(hr_agent_config_no_hooks(&c), 0);
}

static void a_file_sets_what_it_names(void **state)
{
	(void)state;
	assert_int_equal(parse("[agent]\ncollector = https://collector.example:7867\n"
			       "state = /srv/agent\nlog_level = 4\n"
			       "instance_type = n2-standard-4\n[spool]\nsize = 64K\n"
			       "[measure]\nbudget = 1%\nhook_net = no\nhook_burst = off\n"
			       "include_devices = loop0 dm-1\n"
			       "limits = vda=3000:125M eth0=:1192M\n"),
		0);
	assert_string_equal(c.collector, "https://collector.example:7867");
	assert_string_equal(c.state, "/srv/agent");
	assert_string_equal(c.instance_type, "n2-standard-4");
	assert_int_equal(c.log_level, 4);
	assert_int_equal(c.spool_bytes, 65536);
	assert_true(c.budget_ratio > 0.00999 && c.budget_ratio < 0.01001);
	assert_string_equal(c.include_devices, "loop0 dm-1");
	assert_string_equal(c.limits, "vda=3000:125M eth0=:1192M");
	assert_int_equal(hr_agent_config_no_hooks(&c), 1u << HR_SHED_NET | 1u << HR_SHED_BURST);
}

static void values_out_of_range_are_refused_with_their_line(void **state)
{
	static const char *const bad[] = {"[agent]\nlog_level = 8\n", "[agent]\nlog_level = 2\n",
		"[agent]\ntimeout = 0\n", "[agent]\ntimeout = 10m\n", "[spool]\nsize = 1K\n",
		"[spool]\nsize = 2G\n", "[measure]\nbudget = 0\n", "[measure]\nbudget = 200%\n",
		"[measure]\nhook_net = maybe\n", "[measure]\nhook = no\n", "[agents]\nname = x\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(bad[i]), -EINVAL);
		assert_true(strncmp(err, "agent.conf:", 11) == 0);
	}
}

static void every_key_has_a_reason_of_its_own(void **state)
{
	const struct hr_conf_table *t = hr_agent_config_table();

	(void)state;
	for (size_t i = 0; i < t->n; i++) {
		const struct hr_conf_key *k = &t->keys[i];

		assert_true(strlen(k->doc) > 30 && k->doc[strlen(k->doc) - 1] == '.');
		assert_true(k->offset + k->size <= sizeof(struct hr_agent_config));
		for (size_t j = 0; j < i; j++)
			assert_false(strcmp(k->key, t->keys[j].key) == 0 &&
				     strcmp(k->section, t->keys[j].section) == 0);
	}
}

static void what_is_printed_can_be_read_again(void **state)
{
	static char text[32768];
	struct hr_agent_config first;

	(void)state;
	assert_int_equal(parse("[agent]\nname = vm-17\ntimeout = 1500ms\n"), 0);
	first = c;
	assert_true(
		hr_conf_print(hr_agent_config_table(), &c, &origin, true, text, sizeof(text)) > 0);
	assert_int_equal(parse(text), 0);
	assert_memory_equal(&first, &c, sizeof(c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_contract),
		cmocka_unit_test(a_file_sets_what_it_names),
		cmocka_unit_test(values_out_of_range_are_refused_with_their_line),
		cmocka_unit_test(every_key_has_a_reason_of_its_own),
		cmocka_unit_test(what_is_printed_can_be_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
