/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "proto/hist.h"

static void quantiles_are_nearest_rank(void **state)
{
	struct hr_hist h = {0};
	struct hr_quantile q;

	(void)state;
	assert_false(hr_hist_quantile(&h, 0.5, &q));
	for (uint32_t v = 1; v <= 4; v++)
		assert_true(hr_hist_add(&h, v, 25)); /* 100 samples, exact buckets */
	assert_true(hr_hist_quantile(&h, 0.25, &q)); /* rank 25 = the last 1 */
	assert_int_equal(q.lo, 1);
	assert_int_equal(q.hi, 1);
	assert_true(hr_hist_quantile(&h, 0.26, &q)); /* rank 26 = the first 2 */
	assert_int_equal(q.lo, 2);
	assert_true(hr_hist_quantile(&h, 1.0, &q));
	assert_int_equal(q.lo, 4);
	assert_int_equal(q.hi, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantiles_are_nearest_rank),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
