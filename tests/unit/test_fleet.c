/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the fleet: folded, ordered, and written as JSON. */
#include "tests/unit/hr_cmocka.h"

#include <stdlib.h>
#include <string.h>

#include "collector/core/fleet.h"
#include "collector/core/fleet_json.h"

static struct hr_fleet_row row(const char *name, enum hr_answer_kind kind, double at_least)
{
	struct hr_fleet_row r = {.kind = kind,
		.reason = kind == HR_ANSWER_YES ? HR_REASON_HEADROOM_LEFT
						: HR_REASON_MISSING_EVIDENCE,
		.at_ms = 1764000000000, /* 2025-11-24T16:00:00Z */
		.headroom = {.has = at_least > 0, .at_least = {at_least > 0, at_least}}};

	(void)snprintf(r.name, sizeof(r.name), "%s", name);
	memset(r.id, name[0], 2 * HR_HOST_ID_LEN);
	return r;
}

static void a_fold_counts_each_answer_once_and_knows_the_least(void **state)
{
	struct hr_fleet_row a = row("a", HR_ANSWER_YES, 2.5), b = row("b", HR_ANSWER_YES, 1.5),
			    c = row("c", HR_ANSWER_UNKNOWN, 0);
	const struct hr_fleet_row *all[] = {&a, &b, &c};
	struct hr_fleet f;

	(void)state;
	hr_fleet_fold(all, 3, &f);
	assert_int_equal(f.n, 3);
	assert_int_equal(f.by_kind[HR_ANSWER_YES], 2);
	assert_int_equal(f.by_kind[HR_ANSWER_UNKNOWN], 1);
	assert_int_equal(f.by_kind[HR_ANSWER_NO], 0);
	assert_int_equal(f.by_reason[HR_REASON_HEADROOM_LEFT], 2);
	assert_true(f.least.has);
	assert_true(f.least.v > 1.49 && f.least.v < 1.51);
	hr_fleet_fold(all + 2, 1, &f);
	assert_false(f.least.has);
}

static void what_is_not_known_comes_last_in_every_order(void **state)
{
	struct hr_fleet_row a = row("a", HR_ANSWER_UNKNOWN, 0), b = row("b", HR_ANSWER_YES, 2.5),
			    c = row("c", HR_ANSWER_YES, 1.5);
	const struct hr_fleet_row *all[] = {&a, &b, &c};

	(void)state;
	hr_fleet_order(all, 3, HR_FLEET_BY_HEADROOM);
	assert_ptr_equal(all[0], &c);
	assert_ptr_equal(all[1], &b);
	assert_ptr_equal(all[2], &a);
	b.has_days = true;
	b.days_at_least = (struct hr_opt){true, 12};
	hr_fleet_order(all, 3, HR_FLEET_BY_DAYS);
	assert_ptr_equal(all[0], &b);
	assert_ptr_equal(all[1], &a); /* no forecast either: by name */
	assert_ptr_equal(all[2], &c);
	hr_fleet_order(all, 3, HR_FLEET_BY_NAME);
	assert_ptr_equal(all[0], &a);
	assert_ptr_equal(all[2], &c);
}

static void the_fleet_document_is_as_documented(void **state)
{
	struct hr_fleet_row b = row("b", HR_ANSWER_YES, 2.5);
	const struct hr_fleet_row *all[] = {&b};
	struct hr_fleet_page p = {.at_ms = 1764000001000,
		.target = 1.5,
		.row = all,
		.n = 1,
		.matches = 7,
		.has_next = true,
		.next = 1};
	struct hr_fleet f;
	char *text;

	(void)state;
	b.binding = HR_RES_DISK;
	(void)snprintf(b.device, sizeof(b.device), "%s", "vda");
	b.heard_ms = 1764000000000;
	b.has_days = true;
	b.days_at_least = (struct hr_opt){true, 12.5};
	hr_fleet_fold(all, 1, &f);
	p.fleet = &f;
	text = hr_fleet_json(&p);
	assert_string_equal(text,
		"{\"schema\":\"headroom.fleet/1\",\"at\":\"2025-11-24T16:00:01Z\",\"count\":1,"
		"\"answers\":{\"unknown\":0,\"yes\":1,\"resize\":0,\"no\":0},"
		"\"reasons\":{\"missing-evidence\":0,\"headroom-left\":1,\"bigger-size-helps\":0,"
		"\"serial-thread\":0,\"steal\":0,\"local-limit\":0,\"external-limit\":0,"
		"\"at-ceiling\":0},\"least\":2.5,\"target\":1.5,\"matches\":7,\"hosts\":[{\"host\":"
		"\"b\","
		"\"host_id\":\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\",\"at\":\"2025-11-24T16:00:00Z\","
		"\"heard_at\":\"2025-11-24T16:00:00Z\",\"answer\":\"yes\","
		"\"reason\":\"headroom-left\",\"binding\":{\"resource\":\"disk\",\"device\":"
		"\"vda\"},"
		"\"headroom\":{\"at_least\":2.5,\"likely\":null,\"at_most\":null},"
		"\"days_left\":{\"at_least\":12.5,\"likely\":null}}],\"next\":1}");
	free(text);
}

static void unknown_is_null_and_never_zero(void **state)
{
	struct hr_fleet_row a = row("a", HR_ANSWER_UNKNOWN, 0);
	char *text = hr_fleet_host_json(&a);

	(void)state;
	assert_string_equal(text,
		"{\"schema\":\"headroom.host/1\",\"host\":\"a\","
		"\"host_id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"at\":\"2025-11-24T16:00:00Z\","
		"\"heard_at\":null,\"answer\":\"unknown\",\"reason\":\"missing-evidence\","
		"\"binding\":{\"resource\":null,\"device\":null},\"headroom\":null,"
		"\"days_left\":null}");
	free(text);
	/* a number that is none cannot be written as JSON */
	a.headroom.has = a.headroom.at_least.has = true;
	a.headroom.at_least.v = __builtin_nan("");
	text = hr_fleet_host_json(&a);
	assert_non_null(strstr(text, "\"at_least\":null"));
	free(text);
}

static void an_empty_fleet_is_a_document_too(void **state)
{
	struct hr_fleet f;
	struct hr_fleet_page p = {.at_ms = 1764000000000, .fleet = &f};
	char *text;

	(void)state;
	hr_fleet_fold(NULL, 0, &f);
	text = hr_fleet_hosts_json(&p);
	assert_string_equal(text,
		"{\"schema\":\"headroom.hosts/1\",\"at\":\"2025-11-24T16:00:00Z\","
		"\"matches\":0,\"hosts\":[],\"next\":null}");
	free(text);
}

static int ascending(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void a_page_of_keys_is_the_one_that_sorting_all_would_give(void **state)
{
	struct hr_rand r = hr_rand_seeded("fleet");
	uint64_t key[200], all[200];

	(void)state;
	for (int round = 0; round < 2000; round++) {
		size_t n = 1 + hr_rand_below(&r, 200), from = hr_rand_below(&r, n);
		size_t count = hr_rand_below(&r, n - from + 1);

		for (size_t i = 0; i < n; i++) /* many equal values: the rank decides */
			key[i] = (uint64_t)hr_rand_below(&r, 4) << 32 | i;
		if (round % 3 == 0)
			qsort(key, n, sizeof(*key), ascending);
		memcpy(all, key, sizeof(all));
		qsort(all, n, sizeof(*all), ascending);
		hr_fleet_select(key, n, from, count);
		assert_memory_equal(key + from, all + from, count * sizeof(*key));
		qsort(key, n, sizeof(*key), ascending); /* none lost */
		assert_memory_equal(key, all, n * sizeof(*key));
	}
}

static void keys_order_as_rows_do(void **state)
{
	struct hr_fleet_row a = row("a", HR_ANSWER_YES, 1.1), b = row("b", HR_ANSWER_YES, 1.2),
			    c = row("c", HR_ANSWER_UNKNOWN, 0);

	(void)state;
	assert_true(hr_fleet_key(&a, HR_FLEET_BY_HEADROOM, 9) <
		    hr_fleet_key(&b, HR_FLEET_BY_HEADROOM, 1));
	assert_true(hr_fleet_key(&b, HR_FLEET_BY_HEADROOM, 9) <
		    hr_fleet_key(&c, HR_FLEET_BY_HEADROOM, 0));
	assert_true(hr_fleet_key(&b, HR_FLEET_BY_HEADROOM, 1) <
		    hr_fleet_key(&b, HR_FLEET_BY_HEADROOM, 2));
	assert_true(hr_fleet_key(&c, HR_FLEET_BY_NAME, 1) < hr_fleet_key(&a, HR_FLEET_BY_NAME, 2));
	a.has_days = a.days_at_least.has = true;
	a.days_at_least.v = 300;
	assert_true(hr_fleet_key(&a, HR_FLEET_BY_DAYS, 9) < hr_fleet_key(&b, HR_FLEET_BY_DAYS, 1));
}

static void a_row_comes_back_from_its_bytes_without_the_names(void **state)
{
	struct hr_fleet_row a = row("a", HR_ANSWER_NO, 1.25), back, none = {0};
	unsigned char bytes[HR_FLEET_ROW_MAX];
	size_t len;

	(void)state;
	a.heard_ms = 1764000000123;
	a.has_days = a.days_at_least.has = true;
	a.days_at_least.v = 12.5;
	a.binding = HR_RES_DISK;
	snprintf(a.device, sizeof(a.device), "vda");
	len = hr_fleet_row_put(&a, bytes);
	assert_true(len <= sizeof(bytes));
	assert_true(hr_fleet_row_get(bytes, len, &back));
	assert_int_equal(back.kind, a.kind);
	assert_int_equal(back.reason, a.reason);
	assert_int_equal(back.binding, HR_RES_DISK);
	assert_string_equal(back.device, "vda");
	assert_true(back.at_ms == a.at_ms && back.heard_ms == a.heard_ms);
	assert_true(back.headroom.has == a.headroom.has);
	assert_true(back.headroom.at_least.has && back.headroom.at_least.v == 1.25);
	assert_true(back.has_days && back.days_at_least.v == 12.5 && !back.days_likely.has);
	assert_string_equal(back.name, "");
	/* what is not ours leaves the row alone */
	back = none;
	assert_false(hr_fleet_row_get(bytes, len - 1, &back));
	bytes[0]++;
	assert_false(hr_fleet_row_get(bytes, len, &back));
	bytes[0]--;
	bytes[1] = HR_ANSWER_N;
	assert_false(hr_fleet_row_get(bytes, len, &back));
	assert_memory_equal(&back, &none, sizeof(none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fold_counts_each_answer_once_and_knows_the_least),
		cmocka_unit_test(what_is_not_known_comes_last_in_every_order),
		cmocka_unit_test(the_fleet_document_is_as_documented),
		cmocka_unit_test(unknown_is_null_and_never_zero),
		cmocka_unit_test(a_page_of_keys_is_the_one_that_sorting_all_would_give),
		cmocka_unit_test(keys_order_as_rows_do),
		cmocka_unit_test(a_row_comes_back_from_its_bytes_without_the_names),
		cmocka_unit_test(an_empty_fleet_is_a_document_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
