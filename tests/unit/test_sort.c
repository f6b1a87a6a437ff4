/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <stdint.h>
#include <string.h>

#include "agent/core/sort.h"

struct pair {
	uint32_t key, twin; /* moves with its key */
	char more[5];       /* a size that is no power of two */
};

static int by_key(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

/* Every length up to 70, keys from few to all different: ascending, and nobody lost. */
static void every_length_comes_out_in_order_and_whole(void **state)
{
	struct pair p[70];
	unsigned rnd = 1;

	(void)state;
	for (uint32_t n = 0; n <= 70; n++) {
		uint64_t sum = 0, after = 0;

		for (uint32_t i = 0; i < n; i++) {
			rnd = rnd * 1664525u + 1013904223u;
			memset(&p[i], 0, sizeof(p[i]));
			p[i].key = (rnd >> 8) % (n % 7 ? n : 3);
			p[i].twin = ~p[i].key;
			sum += p[i].key * 31ULL + 1;
		}
		hr_sort(p, n, sizeof(p[0]), by_key);
		for (uint32_t i = 0; i < n; i++) {
			assert_true(i == 0 || p[i - 1].key <= p[i].key);
			assert_int_equal(p[i].twin, ~p[i].key);
			after += p[i].key * 31ULL + 1;
		}
		assert_true(after == sum);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_comes_out_in_order_and_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
