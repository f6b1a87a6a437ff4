/* SPDX-License-Identifier: Apache-2.0 */
/* The live view of one VM, and what of an interval is worth showing. */
#include "tests/unit/hr_cmocka.h"

#include <stdio.h>
#include <string.h>

#include "collector/core/render.h"

static char buf[16384];

static struct hr_opt some(double v)
{
	return (struct hr_opt){.has = true, .v = v};
}

/* Axis: 1/8 in column 0, four columns to a doubling, 1 in column 12, 8 in column 24. */
static void an_interval_is_drawn_on_a_logarithmic_axis(void **state)
{
	struct hr_bounds none = {0},
			 all = {.has = true,
				 .at_least = some(0.5),
				 .likely = some(2),
				 .at_most = some(4)},
			 open = {.has = true, .at_least = some(2), .likely = some(4)};
	char bar[HR_BAR_LEN];

	(void)state;
	hr_render_bar(&none, bar);
	assert_string_equal(bar, "............|............");
	hr_render_bar(&all, bar);
	assert_string_equal(bar, "........[=======o---]....");
	hr_render_bar(&open, bar);
	assert_string_equal(bar, "............|...[===o>>>>");
	all.at_least.v = 0.001;
	all.at_most.v = 1000;
	hr_render_bar(&all, bar);
	assert_string_equal(bar, "[===============o-------]");
}

static struct hr_answer *answer(void)
{
	struct hr_answer *a = calloc(1, sizeof(*a));

	assert_non_null(a);
	(void)snprintf(a->host, sizeof(a->host), "%s", "vm");
	a->kind = HR_ANSWER_NO;
	a->reason = HR_REASON_SERIAL_THREAD;
	(void)snprintf(a->sentence, sizeof(a->sentence), "%s",
		"A thread was running or waiting for a CPU 100 % of the time, and one "
		"thread uses one CPU at most: more vCPUs do not help.");
	(void)snprintf(a->advice, sizeof(a->advice), "%s", "Split the thread.");
	a->headroom = (struct hr_bounds){.has = true, .at_least = some(0.78), .likely = some(0.9)};
	a->binding.resource = HR_RES_SERIAL;
	a->n_res = 2;
	a->res[0].resource = HR_RES_SERIAL;
	a->res[0].headroom = a->headroom;
	a->res[1].resource = HR_RES_DISK;
	(void)snprintf(a->res[1].device, sizeof(a->res[1].device), "%s", "vda");
	a->res[1].headroom = (struct hr_bounds){.has = true, .at_least = some(1 / 1.1)};
	a->res[1].capacity.source = HR_CAP_LOWER_BOUND;
	a->res[1].capacity.value = some(50);
	a->res[1].capacity.unit = a->res[1].demand.unit = HR_UNIT_IOPS;
	a->res[1].demand.mean = some(0.6);
	return a;
}

static void a_bound_that_only_says_it_carries_today_is_no_claim(void **state)
{
	struct hr_answer *a = answer();

	(void)state;
	assert_true(hr_render_unproven(a, &a->res[1]));
	a->res[1].headroom.at_least.v = 1.2;
	assert_false(hr_render_unproven(a, &a->res[1]));
	a->res[1].headroom.at_least.v = 0.5;
	a->res[1].saturated = true;
	assert_false(hr_render_unproven(a, &a->res[1]));
	a->res[1].saturated = false;
	a->binding.resource = HR_RES_DISK; /* what binds is told whatever it is */
	(void)snprintf(a->binding.device, sizeof(a->binding.device), "%s", "vda");
	assert_false(hr_render_unproven(a, &a->res[1]));
	free(a);
}

static void an_idle_disk_has_no_factor_in_any_view(void **state)
{
	struct hr_answer *a = answer();
	struct hr_out o;

	(void)state;
	hr_out_init(&o, buf, sizeof(buf), 80, false);
	hr_render_answer(a, &o);
	assert_null(strstr(buf, "0.91x"));
	assert_non_null(
		strstr(buf, "  disk vda       no claim                    0.6/s of >= 50/s"));
	hr_out_init(&o, buf, sizeof(buf), 80, false);
	hr_render_top(a, &o);
	assert_null(strstr(buf, "0.91x"));
	free(a);
}

static void the_live_view_fits_80_columns_and_begins_with_the_answer(void **state)
{
	struct hr_answer *a = answer();
	struct hr_out o;

	(void)state;
	hr_out_init(&o, buf, sizeof(buf), 80, false);
	hr_render_top(a, &o);
	assert_ptr_equal(buf,
		strstr(buf,
			"no  serial-thread  at least 0.78x, likely 0.90x  (vm)\n\nA thread was"));
	assert_non_null(strstr(buf, "\n>serial          0.78x   0.90x "));
	assert_non_null(strstr(buf, "\nNext: Split the thread.\n"));
	for (const char *p = buf; *p; p += strcspn(p, "\n") + 1)
		assert_true(strcspn(p, "\n") <= 80);
	free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_interval_is_drawn_on_a_logarithmic_axis),
		cmocka_unit_test(a_bound_that_only_says_it_carries_today_is_no_claim),
		cmocka_unit_test(an_idle_disk_has_no_factor_in_any_view),
		cmocka_unit_test(the_live_view_fits_80_columns_and_begins_with_the_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
