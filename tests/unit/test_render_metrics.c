/* SPDX-License-Identifier: Apache-2.0 */
/* Exposition text against the two formats' rules, written out by hand. */
#include "tests/unit/hr_cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "collector/core/render_metrics.h"

static struct hr_answer answer(const char *name, const char *id)
{
	struct hr_answer a = {
		.at_ms = 1764000000123, .kind = HR_ANSWER_YES, .reason = HR_REASON_HEADROOM_LEFT};

	(void)snprintf(a.host, sizeof(a.host), "%s", name);
	(void)snprintf(a.host_id, sizeof(a.host_id), "%s", id);
	return a;
}

/* What a scrape shows, of hosts in the order given. */
struct scene {
	struct hr_metrics m;
	const struct hr_answer *host[3];
	size_t n;
	uint64_t heard_ms;
	bool twins, openmetrics;
};

static char *render(const struct scene *s)
{
	struct hr_metrics_text *t = hr_metrics_begin(s->openmetrics);
	size_t len;
	char *text;

	assert_non_null(t);
	for (size_t i = 0; i < s->n; i++)
		hr_metrics_host(t, s->host[i], s->heard_ms, s->twins);
	text = hr_metrics_end(t, &s->m, &len);
	assert_non_null(text);
	assert_int_equal(strlen(text), len);
	return text;
}

static void has(const char *text, const char *line)
{
	if (!strstr(text, line))
		fail_msg("no '%s' in:\n%s", line, text);
}

static void lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("'%s' in:\n%s", part, text);
}

static void every_bound_that_is_known_has_a_sample_and_no_other(void **state)
{
	struct hr_answer a = answer("vm-17", "0a");
	struct scene m = {.host = {&a}, .n = 1};
	char *text;

	(void)state;
	a.headroom = (struct hr_bounds){.has = true, .at_least = {true, 1.5}, .likely = {true, 2}};
	a.n_res = 3;
	a.res[0] = (struct hr_res_answer){.resource = HR_RES_DISK,
		.device = "vda",
		.headroom = {.has = true, .at_most = {true, 0.25}}};
	a.res[1].resource = HR_RES_MEMORY; /* no claim */
	a.res[2] = (struct hr_res_answer){.resource = HR_RES_CPU,
		.headroom = {.has = true, .likely = {true, __builtin_nan("")}}};
	text = render(&m);
	has(text, "headroom_ratio{host=\"vm-17\",resource=\"vm\",device=\"\",bound=\"at_least\"} "
		  "1.5\n");
	has(text,
		"headroom_ratio{host=\"vm-17\",resource=\"vm\",device=\"\",bound=\"likely\"} 2\n");
	has(text,
		"headroom_ratio{host=\"vm-17\",resource=\"disk\",device=\"vda\",bound=\"at_most\"}"
		" 0.25\n");
	lacks(text, "resource=\"memory\"");
	lacks(text, "resource=\"cpu\"");
	lacks(text, "resource=\"vm\",device=\"\",bound=\"at_most\"");
	lacks(text, "headroom_time_left_seconds{");
	lacks(text, "headroom_agent_cpu_ratio{");
	lacks(text, "headroom_agent_heard_timestamp_seconds{");
	free(text);
}

static void the_answer_its_time_and_the_agents_cost_are_told(void **state)
{
	struct hr_answer a = answer("vm-17", "0a");
	struct scene m = {.host = {&a}, .n = 1, .heard_ms = 1764000000000};
	char *text;

	(void)state;
	a.binding.resource = HR_RES_DISK;
	(void)snprintf(a.binding.device, sizeof(a.binding.device), "%s", "vda");
	a.n_res = 2;
	a.res[0] = (struct hr_res_answer){.resource = HR_RES_CPU};
	a.res[0].days_left.has = true;
	a.res[0].days_left.at_least = (struct hr_opt){true, 2};
	a.res[1] = (struct hr_res_answer){.resource = HR_RES_FILESYSTEM, .device = "/srv"};
	a.res[1].days_left.has = true;
	a.res[1].days_left.likely = (struct hr_opt){true, 10};
	a.cost.cpu_ratio = (struct hr_opt){true, 0.001};
	a.cost.rss_bytes = (struct hr_opt){true, 4349952};
	a.cost.ns_per_event = (struct hr_opt){true, 60};
	a.cost.shed = 1u << HR_SHED_NET;
	text = render(&m);
	has(text, "headroom_answer_info{host=\"vm-17\",host_id=\"0a\",answer=\"yes\","
		  "reason=\"headroom-left\",binding=\"disk\",device=\"vda\"} 1\n");
	has(text, "headroom_time_left_seconds{host=\"vm-17\",resource=\"cpu\",bound=\"at_least\"} "
		  "172800\n"); /* 2 x 86400 */
	has(text, "headroom_time_left_seconds{host=\"vm-17\",resource=\"filesystem\","
		  "device=\"/srv\",bound=\"likely\"} 864000\n");
	has(text, "headroom_answer_timestamp_seconds{host=\"vm-17\"} 1764000000.123\n");
	has(text, "headroom_agent_heard_timestamp_seconds{host=\"vm-17\"} 1764000000\n");
	has(text, "headroom_agent_cpu_ratio{host=\"vm-17\"} 0.001\n");
	has(text, "headroom_agent_rss_bytes{host=\"vm-17\"} 4349952\n");
	has(text, "headroom_agent_event_seconds{host=\"vm-17\"} 6e-08\n");
	has(text, "headroom_agent_shed{host=\"vm-17\",part=\"net\"} 1\n");
	has(text, "headroom_agent_shed{host=\"vm-17\",part=\"disk\"} 0\n");
	has(text, "headroom_fleet_hosts{answer=\"yes\"} 1\n");
	has(text, "headroom_fleet_hosts{answer=\"no\"} 0\n");
	free(text);
}

static void labels_are_escaped_and_never_the_same_for_two_hosts(void **state)
{
	struct hr_answer a = answer("b", "01"), b = answer("b", "02"), c = answer("a\\\"\n", "03");
	struct scene twins = {.host = {&a, &b}, .n = 2, .twins = true},
		     odd = {.host = {&c}, .n = 1};
	char *text;

	(void)state;
	text = render(&odd);
	has(text, "headroom_answer_timestamp_seconds{host=\"a\\\\\\\"\\n\"} 1764000000.123\n");
	free(text);
	text = render(&twins);
	has(text, "headroom_answer_timestamp_seconds{host=\"b@01\"} 1764000000.123\n"
		  "headroom_answer_timestamp_seconds{host=\"b@02\"} 1764000000.123\n");
	free(text);
}

static void own_families_stand_together_under_one_head(void **state)
{
	const struct hr_metrics_own own[] = {
		{.name = "refused_total",
			.help = "Refused.",
			.key = "reason",
			.value = "a",
			.v = 1},
		{.name = "refused_total", .key = "reason", .value = "b", .v = 9007199254740991.0},
		{.name = "hosts", .help = "Hosts.", .v = 2},
		{.name = "build_info", .help = "Version.", .key = "version", .value = "1", .v = 1},
	};
	struct scene m = {.m = {.own = own, .n_own = 4}};
	char *text;

	(void)state;
	text = render(&m);
	has(text, "# HELP headroom_collector_refused_total Refused.\n"
		  "# TYPE headroom_collector_refused_total counter\n"
		  "headroom_collector_refused_total{reason=\"a\"} 1\n"
		  "headroom_collector_refused_total{reason=\"b\"} 9007199254740991\n"
		  "# HELP headroom_collector_hosts Hosts.\n"
		  "# TYPE headroom_collector_hosts gauge\nheadroom_collector_hosts 2\n"
		  "# HELP headroom_collector_build_info Version.\n"
		  "# TYPE headroom_collector_build_info gauge\n"
		  "headroom_collector_build_info{version=\"1\"} 1\n");
	lacks(text, "# EOF");
	free(text);
	m.openmetrics = true;
	text = render(&m);
	has(text, "# HELP headroom_collector_refused Refused.\n"
		  "# TYPE headroom_collector_refused counter\n"
		  "headroom_collector_refused_total{reason=\"a\"} 1\n");
	has(text, "# TYPE headroom_collector_build info\n"
		  "headroom_collector_build_info{version=\"1\"} 1\n# EOF\n");
	has(text, "# TYPE headroom_answer info\n");
	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
	free(text);
}

static void the_text_grows_with_the_fleet(void **state)
{
	enum {
		HOSTS = 2000
	};
	struct hr_metrics_text *t = hr_metrics_begin(false);
	const struct hr_metrics none = {0};
	struct hr_answer a = answer("", "0a");
	size_t lines = 0, len;
	char *text;

	(void)state;
	assert_non_null(t);
	for (int i = 0; i < HOSTS; i++) {
		(void)snprintf(a.host, sizeof(a.host), "vm-%d", i);
		hr_metrics_host(t, &a, 0, false);
	}
	text = hr_metrics_end(t, &none, &len);
	assert_non_null(text);
	for (const char *p = text; (p = strstr(p, "headroom_answer_info{")); p++)
		lines++;
	assert_int_equal(lines, HOSTS);
	has(text, "headroom_fleet_hosts{answer=\"yes\"} 2000\n");
	free(text);
}

static void numbers_are_whole_or_have_15_digits(void **state)
{
	const struct hr_metrics_own own[] = {
		{.name = "a", .help = "", .v = 0},
		{.name = "b", .help = "", .v = 9007199254740991.0},
		{.name = "c", .help = "", .v = -7},
		{.name = "d", .help = "", .v = 0.1},
		{.name = "e", .help = "", .v = 1e22},
		{.name = "f", .help = "", .v = 10},
	};
	struct scene m = {.m = {.own = own, .n_own = 6}};
	char *text;

	(void)state;
	text = render(&m);
	has(text, "\nheadroom_collector_a 0\n");
	has(text, "\nheadroom_collector_b 9007199254740991\n");
	has(text, "\nheadroom_collector_c -7\n");
	has(text, "\nheadroom_collector_d 0.1\n");
	has(text, "\nheadroom_collector_e 1e+22\n");
	has(text, "\nheadroom_collector_f 10\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_bound_that_is_known_has_a_sample_and_no_other),
		cmocka_unit_test(the_answer_its_time_and_the_agents_cost_are_told),
		cmocka_unit_test(labels_are_escaped_and_never_the_same_for_two_hosts),
		cmocka_unit_test(own_families_stand_together_under_one_head),
		cmocka_unit_test(the_text_grows_with_the_fleet),
		cmocka_unit_test(numbers_are_whole_or_have_15_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
