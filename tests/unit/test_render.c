/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <stdio.h>
#include <string.h>

#include "collector/core/render.h"

/* A line of @text longer than @width columns, or NULL. */
static const char *too_long(const char *text, unsigned width)
{
	static char line[512];

	while (*text) {
		size_t n = strcspn(text, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)n, text);
		if (hr_out_columns(line) > width)
			return line;
		text += n + (text[n] == '\n');
	}
	return NULL;
}

static void fill(struct hr_answer *a)
{
	memset(a, 0, sizeof(*a));
	(void)snprintf(a->host, sizeof(a->host), "vm-17");
	a->at_ms = a->window.to_ms = 1795622400000; /* 2026-11-25 16:00:00 UTC */
	a->window.from_ms = a->window.to_ms - 30000;
	a->window.seconds = 30;
	a->window.covered = 0.98;
	a->kind = HR_ANSWER_NO;
	a->reason = HR_REASON_SERIAL_THREAD;
	(void)snprintf(a->sentence, sizeof(a->sentence), "%s",
		"One thread is the limit of everything that this VM does, and it is "
		"busy all the time that was measured.");
	(void)snprintf(a->advice, sizeof(a->advice), "Split its work.");
	a->headroom = (struct hr_bounds){.has = true,
		.at_least = {true, 0.9},
		.likely = {true, 1.0},
		.at_most = {true, 1.1}};
	a->binding.resource = HR_RES_SERIAL;
	a->n_res = 3;
	a->res[0].resource = HR_RES_CPU;
	a->res[0].headroom = (struct hr_bounds){
		.has = true, .at_least = {true, 1.5}, .likely = {true, 8}, .capped = true};
	a->res[0].demand.mean = (struct hr_opt){true, 1.004};
	a->res[0].demand.unit = HR_UNIT_CORES;
	a->res[0].capacity.value = (struct hr_opt){true, 2};
	a->res[0].capacity.unit = HR_UNIT_CORES;
	a->res[0].capacity.source = HR_CAP_KNOWN;
	a->res[1].resource = HR_RES_SERIAL;
	a->res[1].headroom = a->headroom;
	a->res[1].saturated = true;
	a->res[2].resource = HR_RES_DISK;
	(void)snprintf(a->res[2].device, sizeof(a->res[2].device), "vda");
	a->res[2].n_missing = 1;
	(void)snprintf(a->res[2].missing[0].evidence, sizeof(a->res[2].missing[0].evidence),
		"the limit of vda");
	a->n_top = 1;
	a->top[0].resource = HR_RES_SERIAL;
	a->top[0].pid = 42;
	a->top[0].tid = 43;
	(void)snprintf(a->top[0].process, sizeof(a->top[0].process), "postgres");
	(void)snprintf(a->top[0].thread, sizeof(a->top[0].thread), "walwriter");
	a->top[0].share = 0.995;
}

static void factors_and_quantities_have_their_unit(void **state)
{
	char f[HR_FACTOR_LEN], q[HR_QUANTITY_LEN];

	(void)state;
	assert_string_equal(hr_render_factor(&(struct hr_opt){0}, f), "-");
	assert_string_equal(hr_render_factor(&(struct hr_opt){true, 1.234}, f), "1.23x");
	assert_string_equal(hr_render_factor(&(struct hr_opt){true, 8}, f), ">8x");
	assert_string_equal(hr_render_quantity(0.31, HR_UNIT_CORES, q), "0.31 cores");
	assert_string_equal(hr_render_quantity(512, HR_UNIT_BYTES, q), "512 B");
	assert_string_equal(hr_render_quantity(1536, HR_UNIT_BYTES, q), "1.5 KiB");
	assert_string_equal(hr_render_quantity(25769803776.0, HR_UNIT_BYTES, q), "24 GiB");
	assert_string_equal(hr_render_quantity(8.4e6, HR_UNIT_BYTES_PER_S, q), "8.4 MB/s");
	assert_string_equal(hr_render_quantity(1236.4, HR_UNIT_IOPS, q), "1236/s");
	assert_string_equal(hr_render_quantity(0.05, HR_UNIT_RATIO, q), "5.0 %");
	assert_string_equal(hr_render_quantity(0.9, HR_UNIT_RATIO, q), "90 %");
	assert_string_equal(hr_render_quantity(3.071, HR_UNIT_MS, q), "3.07 ms");
}

static void the_answer_shows_verdict_words_numbers_and_what_is_missing(void **state)
{
	static char buf[8192];
	struct hr_answer a;
	struct hr_out o;

	(void)state;
	fill(&a);
	hr_out_init(&o, buf, sizeof(buf), 80, false);
	hr_render_answer(&a, &o);
	assert_ptr_equal(strstr(buf, "no  serial-thread"), buf);
	assert_non_null(strstr(buf, "(vm-17)"));
	assert_non_null(strstr(buf, "One thread is the limit"));
	assert_non_null(strstr(buf, "Split its work.\n"));
	assert_non_null(strstr(buf, "  cpu               1.50x      >8x        -  1 of 2 cores\n"));
	assert_non_null(strstr(buf, "> serial            0.90x    1.00x    1.10x    saturated\n"));
	assert_non_null(strstr(buf, "walwriter of postgres (pid 42, thread 43)"));
	assert_non_null(strstr(buf, "disk vda: the limit of vda"));
	assert_non_null(strstr(buf, "2026-11-25 16:00:00 UTC, 98 % covered"));
	assert_null(strstr(buf, "cgroups"));
	assert_null(too_long(buf, 80));
	assert_null(strchr(buf, '\033'));
}

static void a_gain_beyond_what_is_claimed_is_more_than_that(void **state)
{
	static char buf[8192];
	struct hr_answer a;
	struct hr_out o;

	(void)state;
	fill(&a);
	a.n_bigger = 2;
	(void)snprintf(a.bigger[0].change, sizeof(a.bigger[0].change), "vcpus x2");
	a.bigger[0].gain = (struct hr_bounds){true, {true, 2}, {true, 4}, {false, 0}, true};
	(void)snprintf(a.bigger[1].change, sizeof(a.bigger[1].change), "memory x2");
	a.bigger[1].gain = (struct hr_bounds){true, {true, 1}, {true, 1.5}, {true, 3}, false};
	hr_out_init(&o, buf, sizeof(buf), 80, false);
	hr_render_answer(&a, &o);
	assert_non_null(strstr(buf, "  vcpus x2               2.00x  >4.00x       -\n"));
	assert_non_null(strstr(buf, "  memory x2              1.00x   1.50x   3.00x\n"));
}

static void cgroups_are_shown_where_there_is_more_than_the_root(void **state)
{
	static char buf[8192];
	struct hr_answer a;
	struct hr_out o;

	(void)state;
	fill(&a);
	a.n_group = 1;
	(void)snprintf(a.group[0].name, HR_GROUP_LEN, "/");
	a.group[0].share = 1.5;
	hr_out_init(&o, buf, sizeof(buf), 80, false);
	hr_render_answer(&a, &o);
	assert_null(strstr(buf, "cgroups"));
	a.n_group = 3;
	(void)snprintf(a.group[1].name, HR_GROUP_LEN, "db.service");
	a.group[1].share = 0.254;
	a.group[1].wait = 0.12;
	a.group[2].share = 0.009;
	hr_out_init(&o, buf, sizeof(buf), 80, false);
	hr_render_answer(&a, &o);
	assert_non_null(
		strstr(buf, "Busiest cgroups:\n    150 % of a CPU  /\n"
			    "     25 % of a CPU  db.service, and 12 % waiting for one\n\n"));
}

static void an_unknown_number_is_never_shown_as_0(void **state)
{
	static char buf[8192];
	struct hr_answer a;
	struct hr_out o;

	(void)state;
	fill(&a);
	a.n_res = 1;
	memset(&a.res[0].headroom, 0, sizeof(a.res[0].headroom));
	memset(&a.res[0].demand, 0, sizeof(a.res[0].demand));
	memset(&a.headroom, 0, sizeof(a.headroom));
	hr_out_init(&o, buf, sizeof(buf), 80, false);
	hr_render_answer(&a, &o);
	assert_null(strstr(buf, "0.00x"));
	assert_non_null(strstr(buf, "  cpu            no claim"));
}

static void names_of_any_length_keep_lines_whole(void **state)
{
	static char buf[8192];
	struct hr_answer a;
	struct hr_out o;

	(void)state;
	fill(&a);
	memset(a.host, 'h', sizeof(a.host) - 1);
	memset(a.res[2].device, 'd', sizeof(a.res[2].device) - 1);
	memset(a.sentence, 's', sizeof(a.sentence) - 1);
	memset(a.top[0].process, 'p', sizeof(a.top[0].process) - 1);
	hr_out_init(&o, buf, sizeof(buf), 80, false);
	hr_render_answer(&a, &o);
	assert_true(o.len == strlen(buf) && o.len > 400);
	hr_out_init(&o, buf, 100, 80, false); /* too small: cut, still text */
	hr_render_answer(&a, &o);
	assert_int_equal(o.len, 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(factors_and_quantities_have_their_unit),
		cmocka_unit_test(the_answer_shows_verdict_words_numbers_and_what_is_missing),
		cmocka_unit_test(a_gain_beyond_what_is_claimed_is_more_than_that),
		cmocka_unit_test(cgroups_are_shown_where_there_is_more_than_the_root),
		cmocka_unit_test(an_unknown_number_is_never_shown_as_0),
		cmocka_unit_test(names_of_any_length_keep_lines_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
