/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "proto/hist.h"
#include "tests/unit/hr_same.h"

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

static void a_product_just_above_an_integer_is_that_rank(void **state)
{
	struct hr_hist h = {0};
	struct hr_quantile q;

	(void)state;
	/* 0.07 * 100 is 7.000000000000001 in doubles; rank 7 is the last of the seven 1s */
	assert_true(hr_hist_add(&h, 1, 7));
	assert_true(hr_hist_add(&h, 5, 93));
	assert_true(hr_hist_quantile(&h, 0.07, &q));
	assert_int_equal(q.hi, 1);
	assert_true(hr_hist_quantile(&h, 0.0701, &q));
	assert_int_equal(q.lo, 5);
}

static void a_quantile_never_exceeds_the_maximum(void **state)
{
	struct hr_hist h = {0};
	struct hr_quantile q;

	(void)state;
	/* 1000 lies in bucket 960..1023 (1000 = 2^9 * 1.953, eighth 7 of the octave from 512) */
	assert_true(hr_hist_add(&h, 1000, 10));
	assert_true(hr_hist_quantile(&h, 0.5, &q));
	assert_int_equal(q.lo, 960);
	assert_int_equal(q.hi, 1000);
	assert_int_equal(h.max, 1000);
	assert_true(h.sum == 10000);
}

static void values_beyond_32_bits_count_in_the_last_bucket(void **state)
{
	struct hr_hist h = {0};

	(void)state;
	assert_true(hr_hist_add(&h, 1ULL << 40, 1));
	assert_int_equal(h.n[HR_BUCKETS - 1], 1);
	assert_true(h.max == UINT32_MAX && h.sum == UINT32_MAX);
	assert_true(hr_hist_valid(&h));
}

static void an_overflow_is_refused_and_changes_nothing(void **state)
{
	struct hr_hist h = {0}, one = {0}, before;

	(void)state;
	assert_true(hr_hist_add(&h, 3, UINT32_MAX));
	assert_true(hr_hist_add(&one, 3, 1));
	before = h;
	assert_false(hr_hist_add(&h, 3, 1));
	assert_false(hr_hist_merge(&h, &one));
	assert_true(hr_same_hist(&h, &before));
	/* the sum: (2^32 - 1)^2 twice is above 2^64 */
	h = (struct hr_hist){0};
	assert_true(hr_hist_add(&h, UINT32_MAX, UINT32_MAX));
	before = h;
	assert_false(hr_hist_add(&h, 4000000000u, UINT32_MAX));
	assert_true(hr_same_hist(&h, &before));
	assert_true(hr_hist_add(&h, 3, 0)); /* nothing is no overflow */
	assert_true(hr_same_hist(&h, &before));
}

static void above_counts_only_what_is_surely_above(void **state)
{
	struct hr_hist h = {0};

	(void)state;
	assert_true(hr_hist_add(&h, 5, 2));
	assert_true(hr_hist_add(&h, 6, 3));
	assert_true(hr_hist_add(&h, 16, 4)); /* bucket 16..17 */
	assert_true(hr_hist_add(&h, 17, 5));
	assert_true(hr_hist_above(&h, 5) == 12);
	assert_true(hr_hist_above(&h, 6) == 9);
	assert_true(hr_hist_above(&h, 15) == 9);
	assert_true(hr_hist_above(&h, 16) == 0); /* the 17s may be 16s */
	assert_true(hr_hist_above(&h, UINT32_MAX) == 0);
}

static void a_contradiction_is_seen(void **state)
{
	struct hr_hist good = {0}, h;

	(void)state;
	assert_true(hr_hist_valid(&good));       /* empty */
	assert_true(hr_hist_add(&good, 100, 3)); /* bucket 96..103 */
	assert_true(hr_hist_add(&good, 20, 2));  /* bucket 20..21 */
	assert_true(hr_hist_valid(&good));
	h = good;
	h.total++;
	assert_false(hr_hist_valid(&h));
	h = good;
	h.max = 104; /* next bucket */
	assert_false(hr_hist_valid(&h));
	h = good;
	h.max = 21; /* not the last one used */
	assert_false(hr_hist_valid(&h));
	/* smallest sum: 2 * 20 + 2 * 96 + 100 = 332; largest: 2 * 21 + 3 * 100 = 342 */
	h = good;
	h.sum = 331;
	assert_false(hr_hist_valid(&h));
	h.sum = 332;
	assert_true(hr_hist_valid(&h));
	h.sum = 342;
	assert_true(hr_hist_valid(&h));
	h.sum = 343;
	assert_false(hr_hist_valid(&h));
	h = (struct hr_hist){.sum = 1};
	assert_false(hr_hist_valid(&h));
	h = (struct hr_hist){.max = 1};
	assert_false(hr_hist_valid(&h));
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* The true order statistic of random samples lies in the edges, which are 12.5 % apart at most. */
static void the_true_quantile_lies_between_the_edges(void **state)
{
	static const double ps[] = {0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0};
	struct hr_rand r = hr_rand_seeded("quantile");
	uint32_t v[1000];

	(void)state;
	for (int round = 0; round < 50; round++) {
		size_t n = 1 + hr_rand_below(&r, 1000);
		struct hr_hist h = {0};

		for (size_t i = 0; i < n; i++) {
			v[i] = (uint32_t)hr_rand_bits(&r, 32);
			assert_true(hr_hist_add(&h, v[i], 1));
		}
		assert_true(hr_hist_valid(&h));
		qsort(v, n, sizeof(v[0]), by_value);
		for (size_t i = 0; i < sizeof(ps) / sizeof(ps[0]); i++) {
			size_t rank = 1;
			struct hr_quantile q;

			while ((double)rank < ps[i] * (double)n - 1e-9)
				rank++;
			assert_true(hr_hist_quantile(&h, ps[i], &q));
			assert_true(q.lo <= v[rank - 1] && v[rank - 1] <= q.hi);
			assert_true(q.hi <= h.max);
			assert_true((double)(q.hi - q.lo) <= 0.125 * (double)q.lo);
		}
	}
}

static void order_and_grouping_of_merges_do_not_matter(void **state)
{
	struct hr_rand r = hr_rand_seeded("merge");
	struct hr_hist part[6] = {0}, fore = {0}, back = {0}, pairs = {0}, all = {0};

	(void)state;
	for (int i = 0; i < 6; i++) {
		for (int k = 0; k < 200; k++) {
			uint64_t v = hr_rand_bits(&r, 33);
			uint32_t n = (uint32_t)hr_rand_bits(&r, 12);

			assert_true(hr_hist_add(&part[i], v, n));
			assert_true(hr_hist_add(&all, v, n));
		}
	}
	for (int i = 0; i < 6; i++) {
		assert_true(hr_hist_merge(&fore, &part[i]));
		assert_true(hr_hist_merge(&back, &part[5 - i]));
	}
	for (int i = 0; i < 6; i += 2) {
		struct hr_hist pair = part[i + 1];

		assert_true(hr_hist_merge(&pair, &part[i]));
		assert_true(hr_hist_merge(&pairs, &pair));
	}
	assert_true(hr_same_hist(&fore, &all));
	assert_true(hr_same_hist(&back, &all));
	assert_true(hr_same_hist(&pairs, &all));
	assert_true(hr_hist_valid(&all));
}

/* 40, 41, 47 and 48: buckets of 4 from 32 on (32, 36, 40, 44, then 48). */
static struct hr_hist forties(void)
{
	struct hr_hist h = {0};

	assert_true(hr_hist_add(&h, 40, 3));
	assert_true(hr_hist_add(&h, 41, 1));
	assert_true(hr_hist_add(&h, 47, 5));
	assert_true(hr_hist_add(&h, 48, 1));
	return h;
}

static void buckets_that_count_as_one_keep_every_count(void **state)
{
	struct hr_hist h = forties();
	struct hr_quantile q;
	uint32_t b40 = hr_bucket(40), b48 = hr_bucket(48);

	(void)state;
	assert_true(h.n[b40] == 4 && h.n[b40 + 1] == 5 && h.n[b48] == 1);
	assert_true(hr_hist_coarsen(&h, 1));
	assert_true(h.n[b40] == 9 && h.n[b40 + 1] == 0 && h.n[b48] == 1);
	assert_true(h.total == 10 && h.sum == 3 * 40 + 41 + 5 * 47 + 48 && h.max == 48);
	assert_true(hr_hist_valid(&h));
	assert_true(hr_hist_quantile(&h, 0.5, &q));
	assert_int_equal(q.lo, 40);
	assert_int_equal(q.hi, 47);
	assert_true(hr_hist_above(&h, 39) == 10);
	assert_true(hr_hist_above(&h, 40) == 1); /* the 47s may lie on either side now */
	assert_true(hr_hist_coarsen(&h, 0));     /* finer it does not get */
	assert_int_equal(h.shift, 1);
	/* 32 to 47 and 48 to 63 are groups of four */
	assert_true(hr_hist_coarsen(&h, 2));
	assert_int_equal(h.n[hr_bucket(32)], 9);
	assert_true(hr_hist_quantile(&h, 0.9, &q));
	assert_true(q.lo == 32 && q.hi == 47);
	assert_true(hr_hist_add(&h, 45, 1));
	assert_int_equal(h.n[hr_bucket(32)], 10);
	assert_true(hr_hist_valid(&h));
	h.n[hr_bucket(45)] = 1; /* beside the first of its group */
	h.total++;
	h.sum += 45;
	assert_false(hr_hist_valid(&h));
}

static void the_coarser_resolution_wins(void **state)
{
	struct hr_hist fine = forties(), coarse = forties(), sum;

	(void)state;
	assert_true(hr_hist_coarsen(&coarse, 2));
	for (int order = 0; order < 2; order++) {
		sum = order ? fine : coarse;
		assert_true(hr_hist_merge(&sum, order ? &coarse : &fine));
		assert_int_equal(sum.shift, 2);
		assert_true(sum.n[hr_bucket(32)] == 18 && sum.n[hr_bucket(48)] == 2);
		assert_true(sum.total == 20 && hr_hist_valid(&sum));
	}
	sum = (struct hr_hist){0};
	assert_true(hr_hist_merge(&sum, &coarse)); /* into an empty one, too */
	assert_true(hr_same_hist(&sum, &coarse));
}

static void more_samples_than_32_bits_count_merge_as_long_as_each_bucket_fits(void **state)
{
	struct hr_hist full = {0}, more = {0};

	(void)state;
	assert_true(hr_hist_add(&full, 3, UINT32_MAX - 1));
	assert_true(hr_hist_add(&more, 3, 1));
	assert_true(hr_hist_merge(&full, &more)); /* the last that fits */
	assert_int_equal(full.n[3], UINT32_MAX);
	assert_false(hr_hist_mergeable(&full, &more));
	more = (struct hr_hist){0};
	assert_true(hr_hist_add(&more, 40, UINT32_MAX));
	assert_true(hr_hist_merge(&full, &more));
	assert_true(full.total == 2ULL * UINT32_MAX && hr_hist_valid(&full));
}

static void a_group_beyond_32_bits_is_refused(void **state)
{
	struct hr_hist h = {0}, other = {0}, before;

	(void)state;
	assert_true(hr_hist_add(&h, 40, UINT32_MAX));
	assert_true(hr_hist_add(&h, 44, 1));
	before = h;
	assert_false(hr_hist_coarsen(&h, 1));
	assert_true(hr_same_hist(&h, &before));
	assert_true(hr_hist_add(&other, 7, 1));
	assert_true(hr_hist_coarsen(&other, 1));
	assert_false(hr_hist_merge(&h, &other));
	assert_true(hr_same_hist(&h, &before));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantiles_are_nearest_rank),
		cmocka_unit_test(a_product_just_above_an_integer_is_that_rank),
		cmocka_unit_test(a_quantile_never_exceeds_the_maximum),
		cmocka_unit_test(values_beyond_32_bits_count_in_the_last_bucket),
		cmocka_unit_test(an_overflow_is_refused_and_changes_nothing),
		cmocka_unit_test(above_counts_only_what_is_surely_above),
		cmocka_unit_test(a_contradiction_is_seen),
		cmocka_unit_test(the_true_quantile_lies_between_the_edges),
		cmocka_unit_test(order_and_grouping_of_merges_do_not_matter),
		cmocka_unit_test(buckets_that_count_as_one_keep_every_count),
		cmocka_unit_test(the_coarser_resolution_wins),
		cmocka_unit_test(more_samples_than_32_bits_count_merge_as_long_as_each_bucket_fits),
		cmocka_unit_test(a_group_beyond_32_bits_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
