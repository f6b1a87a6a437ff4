/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "collector/core/answer_pack.h"

static unsigned char buf[HR_ANSWER_PACK_MAX];
static struct hr_answer a, back;

/* Packs @a and has it back, over memory that was and was not zero.  Packed length. */
static size_t there_and_back(void)
{
	size_t n = hr_answer_pack(&a, buf);

	assert_true(n <= sizeof(buf));
	memset(&back, 0xa5, sizeof(back));
	assert_true(hr_answer_unpack(buf, n, false, &back));
	assert_memory_equal(&back, &a, sizeof(a));
	memset(&back, 0, sizeof(back));
	assert_true(hr_answer_unpack(buf, n, true, &back));
	assert_memory_equal(&back, &a, sizeof(a));
	return n;
}

static void an_empty_answer_takes_four_bytes(void **state)
{
	(void)state;
	memset(&a, 0, sizeof(a));
	assert_int_equal(there_and_back(), 4);
}

static void text_and_numbers_come_back(void **state)
{
	(void)state;
	memset(&a, 0, sizeof(a));
	(void)snprintf(a.host, sizeof(a.host), "%s", "vm-17");
	(void)snprintf(a.sentence, sizeof(a.sentence), "%s", "This VM carries 1.5 times its load.");
	a.n_res = 7;
	a.res[6].demand.p99 = (struct hr_opt){true, 0.75};
	a.cost.shed = 1; /* at the very end */
	assert_true(there_and_back() < 300);
}

static void any_bytes_come_back(void **state)
{
	struct hr_rand r = hr_rand_seeded("answer_pack");
	unsigned char *p = (unsigned char *)&a;

	(void)state;
	for (int round = 0; round < 50; round++) {
		uint64_t sparse = hr_rand_below(&r, 40);

		for (size_t i = 0; i < sizeof(a); i++)
			p[i] = hr_rand_below(&r, sparse + 1) == 0 ? (unsigned char)hr_rand_u64(&r)
								  : 0;
		(void)there_and_back();
	}
	memset(&a, 0xff, sizeof(a));
	assert_true(there_and_back() < sizeof(a) + 16);
}

static void damage_is_refused(void **state)
{
	size_t n;

	(void)state;
	memset(&a, 0, sizeof(a));
	(void)snprintf(a.host, sizeof(a.host), "%s", "vm-17");
	n = hr_answer_pack(&a, buf);
	for (size_t i = 0; i < n; i++)
		assert_false(hr_answer_unpack(buf, i, false, &back));
	buf[0] = buf[1] = 0xff; /* more zeros than there is room for */
	assert_false(hr_answer_unpack(buf, n, false, &back));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_answer_takes_four_bytes),
		cmocka_unit_test(text_and_numbers_come_back),
		cmocka_unit_test(any_bytes_come_back),
		cmocka_unit_test(damage_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
