/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "collector/core/query.h"

#define NOW 1763913600000ULL /* 2025-11-23T16:00:00Z: date -u -d @1763913600 */

/* "key=value" strings. */
static size_t args_of(const char *const *pairs, struct hr_query_arg *a)
{
	size_t n = 0;

	for (; pairs[n]; n++) {
		const char *eq = strchr(pairs[n], '=');

		a[n].key = pairs[n];
		a[n].key_len = eq ? (size_t)(eq - pairs[n]) : strlen(pairs[n]);
		a[n].value = eq ? eq + 1 : NULL;
		a[n].value_len = eq ? strlen(eq + 1) : 0;
	}
	return n;
}

static bool history(struct hr_query_history *q, char *err, const char *const *pairs)
{
	struct hr_query_arg a[8];

	return hr_query_history(a, args_of(pairs, a), NOW, q, err);
}
#define HISTORY(q, err, ...) history(q, err, (const char *const[]){__VA_ARGS__, NULL})

static bool fleet(struct hr_query_fleet *q, char *err, const char *const *pairs)
{
	struct hr_query_arg a[8];

	return hr_query_fleet(a, args_of(pairs, a), q, err);
}
#define FLEET(q, err, ...) fleet(q, err, (const char *const[]){__VA_ARGS__, NULL})

static void times_are_rfc3339_utc(void **state)
{
	static const struct {
		const char *s;
		uint64_t ms; /* from: date -u -d S +%s */
	} good[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"2025-11-23T16:00:00Z", 1763913600000},
		{"2024-02-29T23:59:59.250Z", 1709251199250},
		{"2000-03-01T00:00:00Z", 951868800000},
		{"9999-12-31T23:59:59Z", 253402300799000},
	};
	static const char *const bad[] = {"", "2025-11-23", "2025-11-23T16:00:00",
		"2025-11-23T16:00:00z", "2025-11-23T16:00:00+01:00", "2025-02-29T00:00:00Z",
		"2100-02-29T00:00:00Z", "2025-13-01T00:00:00Z", "2025-00-01T00:00:00Z",
		"2025-01-00T00:00:00Z", "2025-04-31T00:00:00Z", "2025-01-01T24:00:00Z",
		"2025-01-01T00:60:00Z", "2025-01-01T00:00:60Z", "1969-12-31T23:59:59Z",
		"2025-01-01T00:00:00ZZ", "2025-01-01T00:00:00.1Z", "-025-01-01T00:00:00Z"};
	uint64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(hr_query_time(good[i].s, strlen(good[i].s), &ms));
		assert_int_equal(ms, good[i].ms);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (hr_query_time(bad[i], strlen(bad[i]), &ms))
			fail_msg("accepted: %s", bad[i]);
	}
}

static void history_defaults_to_the_last_hour_in_minutes(void **state)
{
	struct hr_query_history q;
	char err[HR_QUERY_ERR_LEN];

	(void)state;
	assert_true(hr_query_history(NULL, 0, NOW, &q, err));
	assert_int_equal(q.to_ms, NOW);
	assert_int_equal(q.from_ms, NOW - 3600000);
	assert_int_equal(q.step_ms, 60000);
	assert_int_equal(q.resource, HR_RES_NONE);
}

static void history_takes_its_four_parameters(void **state)
{
	struct hr_query_history q;
	char err[HR_QUERY_ERR_LEN];

	(void)state;
	assert_true(HISTORY(
		&q, err, "from=2025-11-23T14:00:00Z", "to=1763910000", "step=5m", "resource=disk"));
	assert_int_equal(q.from_ms, NOW - 7200000);
	assert_int_equal(q.to_ms, NOW - 3600000);
	assert_int_equal(q.step_ms, 300000);
	assert_int_equal(q.resource, HR_RES_DISK);
	assert_true(HISTORY(&q, err, "from=-6h"));
	assert_int_equal(q.from_ms, NOW - 6 * 3600000);
	assert_true(HISTORY(&q, err, "step=1d"));
	assert_int_equal(q.to_ms - q.from_ms, 91 * 86400000ULL);
	assert_true(HISTORY(&q, err, "step=1d", "from=-30d"));
	assert_int_equal(q.to_ms - q.from_ms, 30 * 86400000ULL);
	assert_int_equal(q.step_ms, 86400000);
	/* as coarse as the tier that is read: 14 days by 5 minutes, half a year by hours */
	assert_true(HISTORY(&q, err, "step=5m", "from=-14d"));
	assert_true(HISTORY(&q, err, "step=1h", "from=-183d"));
	assert_int_equal(q.to_ms - q.from_ms, 183 * 86400000ULL);
}

static void wrong_parameters_are_named(void **state)
{
	struct hr_query_history q = {.step_ms = 1};
	char err[HR_QUERY_ERR_LEN];

	(void)state;
	assert_false(HISTORY(&q, err, "from=-7h")); /* more than one request may read */
	assert_non_null(strstr(err, "6 h"));
	assert_false(HISTORY(&q, err, "step=5m", "from=-15d"));
	assert_false(HISTORY(&q, err, "step=2h", "from=-184d"));
	assert_false(HISTORY(&q, err, "from=2025-11-23T16:00:00Z")); /* empty span */
	assert_false(HISTORY(&q, err, "step=15s"));
	assert_non_null(strstr(err, "step"));
	assert_false(HISTORY(&q, err, "step=1s"));
	assert_false(HISTORY(&q, err, "step=7h"));
	assert_false(HISTORY(&q, err, "step=1d", "from=-93d"));
	assert_false(HISTORY(&q, err, "step=60"));
	assert_false(HISTORY(&q, err, "resource=none"));
	assert_false(HISTORY(&q, err, "resource=gpu"));
	assert_false(HISTORY(&q, err, "resorce=cpu"));
	assert_non_null(strstr(err, "not known"));
	assert_false(HISTORY(&q, err, "step=1m", "step=1m"));
	assert_non_null(strstr(err, "once"));
	assert_false(HISTORY(&q, err, "step="));
	assert_false(HISTORY(&q, err, "step"));
	assert_false(HISTORY(&q, err, "from=-99999999999h"));
	assert_false(HISTORY(&q, err, "step=1234567890123456789012345678901234567890123456m"));
	assert_int_equal(q.step_ms, 1); /* untouched */
}

static void fleet_filters_and_pages(void **state)
{
	struct hr_query_fleet q;
	char err[HR_QUERY_ERR_LEN];

	(void)state;
	assert_true(hr_query_fleet(NULL, 0, &q, err));
	assert_false(q.has_answer);
	assert_int_equal(q.limit, 1000);
	assert_int_equal(q.sort, HR_FLEET_BY_HEADROOM);
	assert_true(FLEET(&q, err, "answer=resize", "sort=days", "limit=50", "cursor=100"));
	assert_true(q.has_answer);
	assert_int_equal(q.answer, HR_ANSWER_RESIZE);
	assert_int_equal(q.sort, HR_FLEET_BY_DAYS);
	assert_int_equal(q.limit, 50);
	assert_int_equal(q.cursor, 100);
	assert_false(FLEET(&q, err, "answer=maybe"));
	assert_false(FLEET(&q, err, "sort=size"));
	assert_false(FLEET(&q, err, "limit=0"));
	assert_false(FLEET(&q, err, "limit=1001"));
	assert_false(FLEET(&q, err, "cursor=-1"));
	assert_true(hr_query_none(NULL, 0, err));
	assert_false(hr_query_none(&(struct hr_query_arg){.key = "x", .key_len = 1}, 1, err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_rfc3339_utc),
		cmocka_unit_test(history_defaults_to_the_last_hour_in_minutes),
		cmocka_unit_test(history_takes_its_four_parameters),
		cmocka_unit_test(wrong_parameters_are_named),
		cmocka_unit_test(fleet_filters_and_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
