/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "collector/core/render.h"

static char buf[4096];

static void fill(struct hr_answer *a, enum hr_answer_kind kind, double at_least, double likely)
{
	memset(a, 0, sizeof(*a));
	a->at_ms = a->window.to_ms = 1795622400000;
	a->kind = kind;
	a->reason = kind == HR_ANSWER_YES       ? HR_REASON_HEADROOM_LEFT
		    : kind == HR_ANSWER_UNKNOWN ? HR_REASON_MISSING_EVIDENCE
						: HR_REASON_BIGGER_SIZE_HELPS;
	a->headroom = (struct hr_bounds){
		.has = true, .at_least = {true, at_least}, .likely = {true, likely}};
	a->binding.resource = HR_RES_CPU;
	a->n_res = 2;
	a->res[0].resource = HR_RES_CPU;
	a->res[0].headroom = a->headroom;
	a->res[1].resource = HR_RES_DISK;
	(void)snprintf(a->res[1].device, sizeof(a->res[1].device), "%s", "dm'0");
}

static enum hr_plugin_state line_of(const struct hr_answer *a)
{
	struct hr_out o;

	hr_out_init(&o, buf, sizeof(buf), 80, true);
	return hr_render_plugin(a, 1.5, 1.2, &o);
}

static void thresholds_judge_the_lower_bound(void **state)
{
	static const struct {
		double at_least;
		enum hr_plugin_state want;
	} cases[] = {{1.5, HR_PLUGIN_OK}, {1.49, HR_PLUGIN_WARNING}, {1.2, HR_PLUGIN_WARNING},
		{1.19, HR_PLUGIN_CRITICAL}, {0.2, HR_PLUGIN_CRITICAL}};
	struct hr_answer a;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fill(&a, HR_ANSWER_YES, cases[i].at_least, 3);
		assert_int_equal(line_of(&a), cases[i].want);
	}
}

static void the_line_follows_the_plugin_rules(void **state)
{
	struct hr_answer a;

	(void)state;
	fill(&a, HR_ANSWER_RESIZE, 1.3, 1.6);
	assert_int_equal(line_of(&a), HR_PLUGIN_WARNING);
	/* unknown is U; a quote in a device's name cannot break the label */
	assert_string_equal(buf,
		"HEADROOM WARNING - resize, bigger-size-helps, at least 1.30x, cpu |"
		" 'headroom'=1.30;1.5:;1.2:;0;8 'cpu'=1.30;1.5:;1.2:;0;8"
		" 'disk_dm_0'=U;1.5:;1.2:;0;8\n");
}

static void no_claim_is_unknown_and_U(void **state)
{
	struct hr_answer a;

	(void)state;
	fill(&a, HR_ANSWER_UNKNOWN, 1, 1);
	memset(&a.headroom, 0, sizeof(a.headroom));
	assert_int_equal(line_of(&a), HR_PLUGIN_UNKNOWN);
	assert_non_null(strstr(buf, "'headroom'=U;"));
}

static void short_history_and_old_data_do_not_page(void **state)
{
	struct hr_answer a;

	(void)state;
	fill(&a, HR_ANSWER_UNKNOWN, 0.2, 0.3);
	a.n_missing = 1;
	(void)snprintf(a.missing[0].evidence, sizeof(a.missing[0].evidence), "%s",
		"30 h of history | so far");
	a.missing[0].available_ms = a.at_ms + 1000;
	assert_int_equal(line_of(&a), HR_PLUGIN_UNKNOWN);
	assert_ptr_equal(
		strstr(buf, "HEADROOM UNKNOWN - missing: 30 h of history   so far | "), buf);
	fill(&a, HR_ANSWER_UNKNOWN, 0.2, 0.3);
	a.window.to_ms = a.at_ms - 300001;
	assert_int_equal(line_of(&a), HR_PLUGIN_UNKNOWN);
	fill(&a, HR_ANSWER_UNKNOWN, 0.2, 0.3); /* short now, though what would help is unknown */
	assert_int_equal(line_of(&a), HR_PLUGIN_CRITICAL);
	fill(&a, HR_ANSWER_UNKNOWN, 0.2, 1.3);
	assert_int_equal(line_of(&a), HR_PLUGIN_UNKNOWN);
}

static void text_stays_below_80_characters(void **state)
{
	struct hr_answer a;

	(void)state;
	fill(&a, HR_ANSWER_UNKNOWN, 0.2, 1.3);
	a.n_missing = 1;
	memset(a.missing[0].evidence, 'e', sizeof(a.missing[0].evidence) - 1);
	(void)line_of(&a);
	assert_true(strchr(buf, '|') - buf <= 79);
	assert_ptr_equal(strchr(buf, '\n'), buf + strlen(buf) - 1);
	assert_null(strchr(buf, '\033'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thresholds_judge_the_lower_bound),
		cmocka_unit_test(the_line_follows_the_plugin_rules),
		cmocka_unit_test(no_claim_is_unknown_and_U),
		cmocka_unit_test(short_history_and_old_data_do_not_page),
		cmocka_unit_test(text_stays_below_80_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
