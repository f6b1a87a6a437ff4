/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet and the explanation as text. */
#include "tests/unit/hr_cmocka.h"

#include <stdio.h>
#include <string.h>

#include "collector/core/render.h"

#define NOW_MS 1795622400000ULL

static char buf[8192];

static void row(struct hr_fleet_row *r, const char *name, enum hr_answer_kind kind, double k)
{
	memset(r, 0, sizeof(*r));
	snprintf(r->name, sizeof(r->name), "%s", name);
	r->kind = kind;
	r->reason = HR_REASON_HEADROOM_LEFT;
	r->heard_ms = NOW_MS - 5000;
	r->headroom =
		(struct hr_bounds){.has = k > 0, .at_least = {k > 0, k}, .likely = {k > 0, 8}};
}

static void a_fleet_is_counts_and_a_line_per_vm(void **state)
{
	struct hr_fleet f = {.n = 2, .least = {true, 1.5}};
	struct hr_fleet_row r[2];
	const struct hr_fleet_row *rows[] = {&r[0], &r[1]};
	struct hr_out o;

	(void)state;
	f.by_kind[HR_ANSWER_YES] = f.by_kind[HR_ANSWER_UNKNOWN] = 1;
	row(&r[0], "vm-1", HR_ANSWER_YES, 1.5);
	r[0].binding = HR_RES_DISK;
	strcpy(r[0].device, "vda");
	row(&r[1], "a-name-longer-than-the-column", HR_ANSWER_UNKNOWN, 0);
	r[1].reason = HR_REASON_MISSING_EVIDENCE;
	r[1].heard_ms = NOW_MS - 120001;
	hr_out_init(&o, buf, sizeof(buf), 80, false);
	hr_render_fleet(&f, rows, 2, NOW_MS, &o);
	assert_string_equal(buf,
		"2 VMs: 1 yes, 0 resize, 0 no, 1 unknown. The tightest carries at least 1.50x.\n\n"
		"host               answer  atleast  likely binds        days reason\n"
		"vm-1               yes       1.50x     >8x disk vda        - headroom-left\n"
		"a-name-longer-than unknown       -       - -               - missing-evidence "
		"(silent)\n");
}

static void an_empty_fleet_is_one_line(void **state)
{
	struct hr_fleet f = {0};
	struct hr_out o;

	(void)state;
	hr_out_init(&o, buf, sizeof(buf), 80, false);
	hr_render_fleet(&f, NULL, 0, NOW_MS, &o);
	assert_string_equal(buf, "0 VMs: 0 yes, 0 resize, 0 no, 0 unknown.\n");
}

static void an_explanation_goes_from_counts_over_steps_to_the_answer(void **state)
{
	static struct hr_answer a;
	struct hr_out o;
	const char *counts, *steps, *end;

	(void)state;
	a.kind = HR_ANSWER_YES;
	a.reason = HR_REASON_HEADROOM_LEFT;
	strcpy(a.sentence, "The sentence.");
	strcpy(a.advice, "The advice.");
	a.n_res = 1;
	a.res[0].resource = HR_RES_CPU;
	a.res[0].n_evidence = 1;
	strcpy(a.res[0].evidence[0].signal, "runq_wait_p99");
	a.res[0].evidence[0].value = 3.5;
	a.res[0].evidence[0].unit = HR_UNIT_MS;
	strcpy(a.res[0].evidence[0].source, "sched_switch");
	hr_out_init(&o, buf, sizeof(buf), 40, false);
	hr_render_explain(
		&a, "cpu:\n  k = 1.5  (so that a line longer than forty columns goes on)\n", &o);
	counts = strstr(buf, "  runq_wait_p99                        3.5 ms  sched_switch\n");
	steps = strstr(
		buf, "cpu:\n  k = 1.5 (so that a line longer than\n      forty columns goes on)\n");
	end = strstr(buf, "The sentence.\nThe advice.\n");
	assert_true(counts && steps && end && counts < steps && steps < end);
	assert_non_null(strstr(end, "headroom explain headroom-left"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fleet_is_counts_and_a_line_per_vm),
		cmocka_unit_test(an_empty_fleet_is_one_line),
		cmocka_unit_test(an_explanation_goes_from_counts_over_steps_to_the_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
