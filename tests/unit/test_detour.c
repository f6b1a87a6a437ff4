/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include "agent/core/detour.h"

#define S UINT64_C(1000000000)

/* One body of @n windows that is never proven: its tries until it steps aside. */
static unsigned bad_body(struct hr_detour *d, uint64_t now, uint32_t n_aside)
{
	unsigned tries = 1;

	while (!hr_detour_unproven(d))
		tries++;
	hr_detour_aside(d, now, n_aside, false);
	return tries;
}

static void one_bad_body_is_sifted_between_live_windows(void **state)
{
	struct hr_detour d = {0};
	uint64_t t = 1000 * S;

	(void)state;
	assert_int_equal(hr_detour_next(&d, t, true, 0), HR_DETOUR_QUEUE);
	assert_int_equal(bad_body(&d, t, 3), 6);
	/* a live window is taken: it was the body */
	assert_int_equal(hr_detour_next(&d, t, true, 3), HR_DETOUR_NEWEST);
	assert_false(hr_detour_taken(&d, t, 3));
	/* the first is taken, a live one, the second is not, a live one, the third is taken */
	assert_int_equal(hr_detour_next(&d, t, true, 3), HR_DETOUR_PROBE);
	assert_false(hr_detour_taken(&d, t, 2));
	assert_int_equal(hr_detour_next(&d, t, true, 2), HR_DETOUR_QUEUE);
	assert_false(hr_detour_taken(&d, t, 2));
	assert_int_equal(hr_detour_next(&d, t, true, 2), HR_DETOUR_PROBE);
	assert_int_equal(bad_body(&d, t, 2), 6); /* nothing else failed since: it has its tries */
	assert_int_equal(hr_detour_next(&d, t, true, 2), HR_DETOUR_NEWEST);
	assert_false(hr_detour_taken(&d, t, 2));
	assert_int_equal(hr_detour_next(&d, t, true, 2), HR_DETOUR_PROBE);
	assert_false(hr_detour_taken(&d, t, 1));
	/* what is left waits for its ten minutes */
	assert_int_equal(hr_detour_next(&d, t, true, 1), HR_DETOUR_QUEUE);
	assert_false(hr_detour_taken(&d, t, 1));
	assert_int_equal(hr_detour_next(&d, t + 599 * S, true, 1), HR_DETOUR_QUEUE);
	assert_int_equal(hr_detour_next(&d, t + 600 * S, true, 1), HR_DETOUR_PROBE);
	assert_true(hr_detour_taken(&d, t + 600 * S, 0));
}

/* A try each 5 min for a day: 2 bodies after the first, then a new one each 20 min. */
static void a_closed_way_puts_few_windows_in_doubt(void **state)
{
	struct hr_detour d = {0};
	uint32_t aside = 10, fresh = 0;

	(void)state;
	(void)hr_detour_next(&d, 0, true, 0);
	assert_int_equal(bad_body(&d, 0, aside), 6);
	for (uint64_t t = 0; t < 86400 * S; t += 300 * S) {
		if (hr_detour_next(&d, t, true, aside) != HR_DETOUR_PROBE) {
			fresh++;
			aside++;
		}
		assert_int_equal(bad_body(&d, t, aside), 1); /* one try each: others wait, too */
	}
	assert_true(hr_detour_closed(&d));
	assert_in_range(fresh, 2 + 70, 2 + 72);
	/* the first that is taken opens it for all */
	assert_int_equal(hr_detour_next(&d, 86400 * S, false, aside), HR_DETOUR_PROBE);
	assert_true(hr_detour_taken(&d, 86400 * S, aside - 1));
	assert_false(hr_detour_closed(&d));
}

/* Three bad ones in a row are not the way: the newest gets through, and the others with it. */
static void a_way_that_seemed_closed_is_sifted(void **state)
{
	struct hr_detour d = {0};

	(void)state;
	for (uint32_t i = 1; i <= 3; i++) {
		assert_int_equal(hr_detour_next(&d, 0, true, i - 1),
			i == 1 ? HR_DETOUR_QUEUE : HR_DETOUR_NEWEST);
		hr_detour_aside(&d, 0, i, true);
	}
	assert_int_equal(hr_detour_next(&d, 899 * S, true, 3), HR_DETOUR_PROBE);
	hr_detour_aside(&d, 899 * S, 3, true);
	assert_int_equal(hr_detour_next(&d, 900 * S, true, 3), HR_DETOUR_NEWEST);
	assert_false(hr_detour_taken(&d, 900 * S, 3));
	assert_int_equal(hr_detour_next(&d, 900 * S, true, 3), HR_DETOUR_PROBE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_bad_body_is_sifted_between_live_windows),
		cmocka_unit_test(a_closed_way_puts_few_windows_in_doubt),
		cmocka_unit_test(a_way_that_seemed_closed_is_sifted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
