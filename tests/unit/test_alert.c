/* SPDX-License-Identifier: Apache-2.0 */
/* States of alerts over made-up minutes: told once per change, with margin, wait, silence and
 * memory. */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "collector/core/alert.h"

#define MIN 60000ULL
#define T0  1800000000000ULL /* any time; also the collector's start */

static const struct hr_alert_conf conf = {.at_least = 1.3,
	.days = 14,
	.quiet_ms = 5 * MIN,
	.wait_ms = 10 * MIN,
	.remind_ms = 24 * 60 * MIN};

static struct hr_fleet_row row_of(double at_least)
{
	struct hr_fleet_row r = {.kind = HR_ANSWER_YES, .heard_ms = T0};

	r.headroom.has = true;
	r.headroom.at_least = (struct hr_opt){.has = true, .v = at_least};
	return r;
}

static enum hr_alert_event at(double k, unsigned minute, struct hr_alert_state *s)
{
	struct hr_fleet_row r = row_of(k);

	return hr_alert_step(&conf, HR_ALERT_LOW, &r, T0, T0 + minute * MIN, s);
}

static void low_is_told_once_after_the_wait(void **state)
{
	struct hr_alert_state s = {0};

	(void)state;
	assert_int_equal(at(1.2, 0, &s), HR_ALERT_NOTHING);
	assert_int_equal(at(1.2, 9, &s), HR_ALERT_NOTHING);
	assert_int_equal(at(1.2, 10, &s), HR_ALERT_FIRED);
	for (unsigned m = 11; m < 24 * 60 + 10; m++)
		assert_int_equal(at(1.2, m, &s), HR_ALERT_NOTHING);
	assert_true(s.fired_ms == T0 + 10 * MIN);
}

static void a_short_dip_is_not_told(void **state)
{
	struct hr_alert_state s = {0};

	(void)state;
	for (unsigned m = 0; m < 100; m++)
		assert_int_equal(at(m % 10 == 9 ? 1.4 : 1.2, m, &s), HR_ALERT_NOTHING);
}

/* 1.3 x 1.1 = 1.43: between the two it stays as it is. */
static void the_way_back_needs_a_margin_and_the_wait(void **state)
{
	struct hr_alert_state s = {.firing = true, .told = true, .told_ms = T0};

	(void)state;
	for (unsigned m = 1; m < 60; m++)
		assert_int_equal(at(1.42, m, &s), HR_ALERT_NOTHING);
	assert_int_equal(at(1.44, 60, &s), HR_ALERT_NOTHING);
	assert_int_equal(at(1.44, 69, &s), HR_ALERT_NOTHING);
	assert_int_equal(at(1.44, 70, &s), HR_ALERT_RESOLVED);
	for (unsigned m = 71; m < 120; m++)
		assert_int_equal(at(1.31, m, &s), HR_ALERT_NOTHING);
}

static void a_reminder_comes_once_a_day(void **state)
{
	struct hr_alert_state s = {0};
	unsigned reminders = 0;

	(void)state;
	for (unsigned m = 0; m <= 10 + 3 * 24 * 60; m++)
		reminders += at(0.9, m, &s) == HR_ALERT_REMINDED;
	assert_int_equal(reminders, 3);
}

static void what_is_not_known_changes_nothing(void **state)
{
	struct hr_alert_state s = {0};
	struct hr_fleet_row r = row_of(0.5);

	(void)state;
	r.kind = HR_ANSWER_UNKNOWN;
	for (unsigned m = 0; m < 60; m++)
		assert_int_equal(hr_alert_step(&conf, HR_ALERT_LOW, &r, T0, T0 + m * MIN, &s),
			HR_ALERT_NOTHING);
	assert_false(s.firing);
	/* and a pending change begins anew */
	assert_int_equal(at(0.5, 60, &s), HR_ALERT_NOTHING);
	assert_int_equal(
		hr_alert_step(&conf, HR_ALERT_LOW, &r, T0, T0 + 65 * MIN, &s), HR_ALERT_NOTHING);
	assert_int_equal(at(0.5, 70, &s), HR_ALERT_NOTHING);
	assert_int_equal(at(0.5, 80, &s), HR_ALERT_FIRED);
	/* firing and then unknown: neither resolved nor told again */
	assert_int_equal(
		hr_alert_step(&conf, HR_ALERT_LOW, &r, T0, T0 + 200 * MIN, &s), HR_ALERT_NOTHING);
	assert_true(s.firing);
}

static void silence_delays_and_loses_nothing(void **state)
{
	struct hr_alert_state s = {0};
	struct hr_fleet_row r = row_of(0.5), good = row_of(2);

	(void)state;
	for (unsigned m = 0; m < 60; m++)
		hr_alert_step_silent(&conf, HR_ALERT_LOW, &r, T0, T0 + m * MIN, &s);
	assert_true(s.firing);
	assert_false(s.told);
	assert_int_equal(at(0.5, 60, &s), HR_ALERT_FIRED);
	/* came and went while silenced: nobody hears of it */
	memset(&s, 0, sizeof(s));
	for (unsigned m = 0; m < 60; m++)
		hr_alert_step_silent(
			&conf, HR_ALERT_LOW, m < 30 ? &r : &good, T0, T0 + m * MIN, &s);
	assert_int_equal(at(2, 60, &s), HR_ALERT_NOTHING);
	assert_false(s.firing);
}

static void quiet_counts_from_the_last_window_or_the_start(void **state)
{
	struct hr_alert_state s = {0};
	struct hr_fleet_row r = row_of(2);

	(void)state;
	r.heard_ms = 0; /* not since the start */
	assert_int_equal(
		hr_alert_step(&conf, HR_ALERT_QUIET, &r, T0, T0 + 5 * MIN, &s), HR_ALERT_NOTHING);
	assert_int_equal(
		hr_alert_step(&conf, HR_ALERT_QUIET, &r, T0, T0 + 5 * MIN + 1, &s), HR_ALERT_FIRED);
	r.heard_ms = T0 + 6 * MIN;
	assert_int_equal(
		hr_alert_step(&conf, HR_ALERT_QUIET, &r, T0, T0 + 7 * MIN, &s), HR_ALERT_RESOLVED);
	assert_int_equal(
		hr_alert_step(&conf, HR_ALERT_QUIET, &r, T0, T0 + 11 * MIN, &s), HR_ALERT_NOTHING);
	assert_int_equal(
		hr_alert_step(&conf, HR_ALERT_QUIET, &r, T0, T0 + 12 * MIN, &s), HR_ALERT_FIRED);
}

static void days_left_end_an_alert_when_no_end_is_in_sight(void **state)
{
	struct hr_alert_state s = {0};
	struct hr_fleet_row r = row_of(2);

	(void)state;
	r.has_days = true;
	r.days_at_least = (struct hr_opt){.has = true, .v = 13.9};
	r.days_agreed = true;
	assert_int_equal(hr_alert_step(&conf, HR_ALERT_ENDS, &r, T0, T0, &s), HR_ALERT_NOTHING);
	assert_int_equal(
		hr_alert_step(&conf, HR_ALERT_ENDS, &r, T0, T0 + 10 * MIN, &s), HR_ALERT_FIRED);
	r.has_days = false;
	assert_int_equal(
		hr_alert_step(&conf, HR_ALERT_ENDS, &r, T0, T0 + 11 * MIN, &s), HR_ALERT_NOTHING);
	assert_int_equal(
		hr_alert_step(&conf, HR_ALERT_ENDS, &r, T0, T0 + 21 * MIN, &s), HR_ALERT_RESOLVED);
}

static void one_refit_alone_wakes_nobody(void **state)
{
	struct hr_alert_state s = {0};
	struct hr_fleet_row r = row_of(2);

	(void)state;
	r.has_days = true;
	r.days_at_least = (struct hr_opt){.has = true, .v = 3};
	for (unsigned m = 0; m < 24 * 60; m += 10) /* a day: until the next refit */
		assert_int_equal(hr_alert_step(&conf, HR_ALERT_ENDS, &r, T0, T0 + m * MIN, &s),
			HR_ALERT_NOTHING);
	r.days_agreed = true;
	(void)hr_alert_step(&conf, HR_ALERT_ENDS, &r, T0, T0 + 1440 * MIN, &s);
	assert_int_equal(
		hr_alert_step(&conf, HR_ALERT_ENDS, &r, T0, T0 + 1450 * MIN, &s), HR_ALERT_FIRED);
	/* nor does one that disagrees end the alert */
	r.days_agreed = false;
	for (unsigned m = 1460; m < 2880; m += 10)
		assert_int_equal(hr_alert_step(&conf, HR_ALERT_ENDS, &r, T0, T0 + m * MIN, &s),
			HR_ALERT_NOTHING);
	assert_true(s.firing);
}

static void a_rule_with_threshold_zero_is_off(void **state)
{
	struct hr_alert_state s = {.firing = true, .told = true, .told_ms = T0};
	const struct hr_alert_conf off = {.wait_ms = 0};
	struct hr_fleet_row r = row_of(0.2);

	(void)state;
	assert_int_equal(
		hr_alert_step(&off, HR_ALERT_LOW, &r, T0, T0 + MIN, &s), HR_ALERT_RESOLVED);
	assert_int_equal(
		hr_alert_step(&off, HR_ALERT_QUIET, &r, T0, T0 + 999 * MIN, &s), HR_ALERT_NOTHING);
}

static void silence_is_a_list_of_patterns(void **state)
{
	(void)state;
	assert_true(hr_alert_silenced("db-*, web-3", "db-17"));
	assert_true(hr_alert_silenced("db-*, web-3", "web-3"));
	assert_true(hr_alert_silenced("*", "anything"));
	assert_true(hr_alert_silenced("*-a-*z", "x-a-b-a-zz"));
	assert_false(hr_alert_silenced("db-*, web-3", "web-30"));
	assert_false(hr_alert_silenced("db-*", "xdb-1"));
	assert_false(hr_alert_silenced("", "db"));
	assert_false(hr_alert_silenced(" ,", ""));
	assert_false(hr_alert_silenced("a*b*c", "abcb"));
}

static void states_survive_a_restart_as_lines(void **state)
{
	static const char id[] = "0123456789abcdef0123456789abcdef";
	struct hr_alert_state s = {.firing = true, .told = true, .fired_ms = T0, .told_ms = T0 + 1};
	struct hr_alert_state back, none = {0};
	char line[HR_ALERT_LINE_LEN], got[2 * HR_HOST_ID_LEN + 1];
	enum hr_alert_rule rule;
	size_t n;

	(void)state;
	assert_int_equal(hr_alert_put(id, HR_ALERT_ENDS, &none, line), 0);
	n = hr_alert_put(id, HR_ALERT_ENDS, &s, line);
	assert_int_equal(n, strlen(line));
	assert_string_equal(line,
		"0123456789abcdef0123456789abcdef HeadroomEndsSoon 1 1 1800000000000 "
		"1800000000001\n");
	line[strlen(line) - 1] = '\0';
	assert_true(hr_alert_get(line, got, &rule, &back));
	assert_string_equal(got, id);
	assert_int_equal(rule, HR_ALERT_ENDS);
	assert_memory_equal(&back, &s, sizeof(s));
	assert_false(hr_alert_get("", got, &rule, &back));
	assert_false(hr_alert_get("0123 HeadroomLow 1 1 1 1", got, &rule, &back));
	assert_false(hr_alert_get(
		"0123456789abcdef0123456789abcdef HeadroomX 1 1 1 1", got, &rule, &back));
	assert_false(hr_alert_get(
		"0123456789abcdef0123456789abcdef HeadroomLow 2 1 1 1", got, &rule, &back));
	assert_false(hr_alert_get(
		"0123456789abcdef0123456789abcdef HeadroomLow 1 1 1 1 x", got, &rule, &back));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(low_is_told_once_after_the_wait),
		cmocka_unit_test(a_short_dip_is_not_told),
		cmocka_unit_test(the_way_back_needs_a_margin_and_the_wait),
		cmocka_unit_test(a_reminder_comes_once_a_day),
		cmocka_unit_test(what_is_not_known_changes_nothing),
		cmocka_unit_test(silence_delays_and_loses_nothing),
		cmocka_unit_test(quiet_counts_from_the_last_window_or_the_start),
		cmocka_unit_test(days_left_end_an_alert_when_no_end_is_in_sight),
		cmocka_unit_test(one_refit_alone_wakes_nobody),
		cmocka_unit_test(a_rule_with_threshold_zero_is_off),
		cmocka_unit_test(silence_is_a_list_of_patterns),
		cmocka_unit_test(states_survive_a_restart_as_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
