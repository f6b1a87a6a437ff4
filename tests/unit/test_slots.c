/* SPDX-License-Identifier: Apache-2.0 */
/* Spreading an interval over slots conserves its length and never meets itself in the ring. */
#include "tests/unit/hr_cmocka.h"

#include "bpf/slots.h"

#define S HR_SLOT_NS /* 8388608 */

static uint64_t length(const struct hr_span *s)
{
	return s->n == 0 ? 0 : s->n == 1 ? s->head : s->head + (s->n - 2) * S + s->tail;
}

static void an_empty_interval_covers_no_slot(void **state)
{
	(void)state;
	assert_int_equal(hr_span(5, 5).n, 0);
	assert_int_equal(hr_span(6, 5).n, 0);
}

static void inside_one_slot_it_is_one_part(void **state)
{
	struct hr_span s = hr_span(3 * S + 10, 3 * S + 110);

	(void)state;
	assert_int_equal(s.first, 3);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.head, 100);
	/* a whole slot is one part of it, not one and an empty one */
	s = hr_span(7 * S, 8 * S);
	assert_int_equal(s.first, 7);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.head, 8388608);
}

static void over_borders_each_slot_gets_its_overlap(void **state)
{
	/* last 8 ns of slot 1, all of 2 and 3, first 16 ns of 4 */
	struct hr_span s = hr_span(2 * S - 8, 4 * S + 16);

	(void)state;
	assert_int_equal(s.first, 1);
	assert_int_equal(s.n, 4);
	assert_int_equal(s.head, 8);
	assert_int_equal(s.tail, 16);
	assert_int_equal(length(&s), 2 * S + 24);
	/* ends on a border: the last slot is full */
	s = hr_span(2 * S - 8, 4 * S);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.tail, 8388608);
}

static void what_does_not_fit_the_ring_loses_its_old_end(void **state)
{
	struct hr_span s = hr_span(10 * S + 5, 400 * S + 7);

	(void)state;
	assert_int_equal(s.n, 255);
	assert_int_equal(s.first + s.n - 1, 400);
	assert_int_equal(s.head, 8388608);
	assert_int_equal(s.tail, 7);
	/* 255 slots fit as they are */
	s = hr_span(10 * S + 5, 264 * S + 7);
	assert_int_equal(s.n, 255);
	assert_int_equal(s.first, 10);
	assert_int_equal(s.head, 8388603);
}

static void parts_always_add_up_to_the_length(void **state)
{
	struct hr_rand r = hr_rand_seeded("slots");

	(void)state;
	for (int i = 0; i < 100000; i++) {
		uint64_t a = hr_rand_bits(&r, 60), len = hr_rand_below(&r, 254 * S);
		struct hr_span s = hr_span(a, a + len);

		assert_int_equal(length(&s), len);
		if (len) {
			assert_int_equal(s.first, a / S);
			assert_int_equal(s.first + s.n - 1, (a + len - 1) / S);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_interval_covers_no_slot),
		cmocka_unit_test(inside_one_slot_it_is_one_part),
		cmocka_unit_test(over_borders_each_slot_gets_its_overlap),
		cmocka_unit_test(what_does_not_fit_the_ring_loses_its_old_end),
		cmocka_unit_test(parts_always_add_up_to_the_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
