/* SPDX-License-Identifier: Apache-2.0 */
/* By hand: a loop of 16 us alone; beside the other CPU's 16, 20 (x1.25) or 32 us (x2). */
#include "tests/unit/hr_cmocka.h"

#include "agent/core/cores.h"

#define US UINT64_C(1000)

static struct hr_cores_pair pair(uint64_t alone, uint64_t together)
{
	return (struct hr_cores_pair){.alone_ns = alone, .together_ns = together};
}

static bool take(struct hr_cores *c, uint32_t other, uint64_t together)
{
	const struct hr_cores_pair p = pair(16 * US, together);

	return hr_cores_take(c, other, &p);
}

static void the_fastest_undisturbed_runs_are_compared(void **state)
{
	struct hr_cores_pair p = {0};
	struct hr_cores_run r = {.ns = 17 * US, .undisturbed = true};

	(void)state;
	hr_cores_alone(&p, &r);
	r.ns = 30 * US;
	hr_cores_alone(&p, &r);
	r.ns = 16 * US;
	hr_cores_alone(&p, &r);
	r.ns = 10 * US;
	r.undisturbed = false; /* the other CPU was not idle all the time, or this one switched */
	hr_cores_alone(&p, &r);
	assert_int_equal(p.alone_ns, 16 * US);
	assert_int_equal(hr_cores_judge(&p), HR_CORES_UNKNOWN); /* never together */

	r = (struct hr_cores_run){.ns = 16 * US, .peer = 27, .undisturbed = true};
	hr_cores_together(&p, &r); /* of 40 parts: the other vCPU did not run all the time */
	assert_int_equal(p.together_ns, 0);
	r.peer = 28;
	hr_cores_together(&p, &r);
	assert_int_equal(p.together_ns, 16 * US);
	assert_int_equal(hr_cores_judge(&p), HR_CORES_OWN);
}

static void between_the_two_is_no_answer(void **state)
{
	static const struct {
		uint64_t together;
		enum hr_cores_kind kind;
	} want[] = {
		{0, HR_CORES_UNKNOWN},
		{16 * US, HR_CORES_OWN},
		{17600, HR_CORES_OWN},     /* x1.1: a clock that slows down a little */
		{18500, HR_CORES_UNKNOWN}, /* x1.156 */
		{20 * US, HR_CORES_UNKNOWN},
		{22300, HR_CORES_UNKNOWN}, /* x1.394 */
		{22500, HR_CORES_SHARED},  /* x1.406 */
		{32 * US, HR_CORES_SHARED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		const struct hr_cores_pair p = pair(16 * US, want[i].together);

		assert_int_equal(hr_cores_judge(&p), want[i].kind);
	}
}

static void one_cpu_beside_each_of_the_others_tells(void **state)
{
	static struct hr_cores c;

	(void)state;
	hr_cores_begin(&c, 4);
	assert_int_equal(hr_cores_next(&c, 0), 1);
	assert_false(take(&c, 1, 16 * US));
	assert_int_equal(hr_cores_next(&c, 1), 2);
	assert_false(take(&c, 2, 20 * US)); /* nothing learnt: it stays on the list */
	assert_int_equal(hr_cores_next(&c, 2), 3);
	assert_false(take(&c, 3, 16 * US));
	assert_int_equal(c.verdict, HR_CORES_UNKNOWN);
	assert_int_equal(hr_cores_next(&c, 3), 2);
	assert_true(take(&c, 2, 16 * US));
	assert_int_equal(c.verdict, HR_CORES_OWN);
	assert_int_equal(hr_cores_next(&c, 2), 0);

	hr_cores_begin(&c, 4); /* an hour later: known, until something else is seen */
	assert_int_equal(c.verdict, HR_CORES_OWN);
	assert_false(take(&c, 1, 16 * US) || take(&c, 2, 16 * US) || take(&c, 3, 16 * US));
	assert_int_equal(c.verdict, HR_CORES_OWN);
}

static void sharing_is_believed_the_third_time_and_not_forgotten(void **state)
{
	static struct hr_cores c;

	(void)state;
	hr_cores_begin(&c, 2);
	assert_false(take(&c, 1, 32 * US));
	assert_false(take(&c, 1, 32 * US));
	assert_true(take(&c, 1, 32 * US));
	assert_int_equal(c.verdict, HR_CORES_SHARED);
	hr_cores_begin(&c, 2);
	assert_false(take(&c, 1, 16 * US)); /* moved apart for now: a VM that floats */
	assert_int_equal(c.verdict, HR_CORES_SHARED);

	hr_cores_begin(&c, 3); /* another set of CPUs */
	assert_int_equal(c.verdict, HR_CORES_UNKNOWN);
	assert_false(take(&c, 1, 32 * US) || take(&c, 1, 32 * US));
	assert_false(take(&c, 2, 16 * US));
	assert_true(take(&c, 1, 16 * US)); /* slow twice for another reason */
	assert_int_equal(c.verdict, HR_CORES_OWN);
}

static void what_is_no_pair_changes_nothing(void **state)
{
	static struct hr_cores c;

	(void)state;
	assert_int_equal(hr_cores_next(&c, 0), 0);
	hr_cores_begin(&c, 1);
	assert_int_equal(hr_cores_next(&c, 0), 0);
	assert_false(take(&c, 0, 16 * US) || take(&c, 1, 16 * US));
	assert_int_equal(c.verdict, HR_CORES_UNKNOWN);
	hr_cores_begin(&c, HR_CPUS_MAX);
	for (uint32_t i = 1; i < HR_CPUS_MAX; i++)
		assert_int_equal(take(&c, i, 16 * US), i == HR_CPUS_MAX - 1);
	assert_int_equal(c.verdict, HR_CORES_OWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_fastest_undisturbed_runs_are_compared),
		cmocka_unit_test(between_the_two_is_no_answer),
		cmocka_unit_test(one_cpu_beside_each_of_the_others_tells),
		cmocka_unit_test(sharing_is_believed_the_third_time_and_not_forgotten),
		cmocka_unit_test(what_is_no_pair_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
