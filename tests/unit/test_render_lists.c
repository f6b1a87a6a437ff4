/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet and the explanation as text. */
#include "tests/unit/hr_cmocka.h"

#include <stdio.h>
#include <string.h>

#include "collector/core/ladder.h"
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
	(void)snprintf(r[0].device, sizeof(r[0].device), "%s", "vda");
	row(&r[1], "a-name-longer-than-the-column", HR_ANSWER_UNKNOWN, 0);
	r[1].reason = HR_REASON_MISSING_EVIDENCE;
	r[0].heard_ms = NOW_MS - 300000;
	r[1].heard_ms = NOW_MS - 300001;
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
	(void)snprintf(a.sentence, sizeof(a.sentence), "%s", "The sentence.");
	(void)snprintf(a.advice, sizeof(a.advice), "%s", "The advice.");
	a.n_res = 1;
	a.res[0].resource = HR_RES_CPU;
	a.res[0].n_evidence = 1;
	(void)snprintf(a.res[0].evidence[0].signal, sizeof(a.res[0].evidence[0].signal), "%s",
		"runq_wait_p99");
	a.res[0].evidence[0].value = 3.5;
	a.res[0].evidence[0].unit = HR_UNIT_MS;
	(void)snprintf(a.res[0].evidence[0].source, sizeof(a.res[0].evidence[0].source), "%s",
		"sched_switch");
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

/* A family of three with the longest name that must fit, prices of one unit or of two. */
static void family(struct hr_size_row size[3], struct hr_ladder_rung rung[3], const char *unit)
{
	static const char *const names[] = {"n.2", "n.4", "a-name-of-20-letters"};

	memset(size, 0, 3 * sizeof(*size));
	memset(rung, 0, 3 * sizeof(*rung));
	for (unsigned i = 0; i < 3; i++) {
		(void)snprintf(size[i].name, sizeof(size[i].name), "%s", names[i]);
		size[i].vcpus = 2U << i;
		size[i].mem_bytes = UINT64_C(8) << (30 + i);
		size[i].price = 0.1 * (1 << i);
		(void)snprintf(size[i].price_unit, sizeof(size[i].price_unit), "%s",
			i == 2 ? unit : "EUR/h");
		rung[i].size = &size[i];
		rung[i].binding = HR_RES_SOFTIRQ;
		rung[i].headroom = (struct hr_bounds){
			.has = true, .at_least = {true, 0.75 * (1 << i)}, .likely = {i > 0, 2}};
		rung[i].enough = i > 0;
	}
	rung[1].current = true;
	rung[1].unknown = 1U << HR_RES_DISK | 1U << HR_RES_NETWORK;
}

static unsigned longest(const char *text)
{
	unsigned most = 0;

	for (const char *p = text; *p; p += strcspn(p, "\n") + 1)
		most = strcspn(p, "\n") > most ? (unsigned)strcspn(p, "\n") : most;
	return most;
}

static void a_ladder_is_a_line_per_size_within_80_columns(void **state)
{
	struct hr_size_row size[3];
	struct hr_ladder_rung rung[3];
	struct hr_ladder_vm vm = {.size = &size[1], .vcpus = 4};
	struct hr_out o;

	(void)state;
	family(size, rung, "EUR/h");
	hr_out_init(&o, buf, sizeof(buf), 80, false);
	hr_render_sizes("vm", &vm, 1.3, rung, 3, &o);
	assert_string_equal(buf,
		"vm: n.4 (4 vCPUs), predicted headroom by size of its family\n\n"
		"  size                 vCPUs   memory at least  likely     EUR/h  binds there\n"
		"  n.2                      2  8.0 GiB    0.75x       -       0.1  softirq\n"
		"> n.4                      4   16 GiB    1.50x   2.00x       0.2  softirq  this\n"
		"+ a-name-of-20-letters     8   32 GiB    3.00x   2.00x       0.4  softirq  next\n"
		"\n+ carries 1.3x today's load or more.\n"
		"Not in the catalogue, taken as on this size: limits of disk network.\n");
	assert_true(longest(buf) <= 80);
	/* another unit: each line says its own; none told: no column */
	family(size, rung, "USD/month");
	hr_out_init(&o, buf, sizeof(buf), 80, false);
	hr_render_sizes("vm", &vm, 1.3, rung, 3, &o);
	assert_non_null(strstr(buf, "    0.2 EUR/h  softirq  this\n"));
	assert_non_null(strstr(buf, "0.4 USD/month  softirq  next\n"));
	size[0].price = size[1].price = size[2].price = 0;
	hr_out_init(&o, buf, sizeof(buf), 80, false);
	hr_render_sizes("vm", &vm, 1.3, rung, 3, &o);
	assert_non_null(strstr(buf, "   2.00x  softirq  this\n"));
	assert_null(strstr(buf, "price"));
}

static void a_smaller_size_that_does_says_what_it_saves(void **state)
{
	struct hr_size_row size[3];
	struct hr_ladder_rung rung[3];
	struct hr_ladder_vm vm = {.size = &size[2], .vcpus = 8};
	struct hr_out o;

	(void)state;
	family(size, rung, "EUR/h");
	rung[1].current = false;
	rung[2].current = true;
	hr_out_init(&o, buf, sizeof(buf), 80, false);
	hr_render_sizes("vm", &vm, 1.3, rung, 3, &o);
	assert_non_null(strstr(buf, "n.4 would do, too: 0.2 instead of 0.4 EUR/h.\n"));
	assert_non_null(strstr(buf, "This is the largest size of its family.\n"));
}

static void a_time_is_told_in_its_own_unit(void **state)
{
	static const struct {
		double s;
		const char *text;
	} t[] = {{20, "20 s"}, {119, "119 s"}, {120, "2 min"}, {7199, "120 min"}, {7200, "2 h"},
		{108000, "30 h"}, {172800, "2 days"}, {604800, "7 days"}};
	char to[HR_SPAN_LEN];

	(void)state;
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		assert_string_equal(hr_render_span(t[i].s, to), t[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fleet_is_counts_and_a_line_per_vm),
		cmocka_unit_test(an_empty_fleet_is_one_line),
		cmocka_unit_test(a_ladder_is_a_line_per_size_within_80_columns),
		cmocka_unit_test(a_smaller_size_that_does_says_what_it_saves),
		cmocka_unit_test(a_time_is_told_in_its_own_unit),
		cmocka_unit_test(an_explanation_goes_from_counts_over_steps_to_the_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
