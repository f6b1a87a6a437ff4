/* SPDX-License-Identifier: Apache-2.0 */
/* What rounding keeps, what it may change and by how much, and the bits of it. */
#include "collector/core/rounded.h"

#include "tests/unit/hr_sample.h"

#define N      400
#define SHIFTS 4

/* Distributions of 1 to a million samples: narrow, wide, with two peaks, and of few values. */
static void any(struct hr_rand *r, unsigned i, struct hr_hist *h)
{
	unsigned n = 1u << hr_rand_u64(r) % 13;

	memset(h, 0, sizeof(*h));
	hr_sample_lognormal(r, h, n, 1 + (double)(hr_rand_u64(r) % 100000), 0.1 + i % 7 * 0.5);
	if (i % 3 == 0)
		hr_sample_lognormal(r, h, 1 + n / 8, 3e6, 0.3);
	if (i % 5 == 0)
		(void)hr_hist_add(h, i % 10 ? 0 : UINT32_MAX, 1 + n / 3);
	for (unsigned k = 0; k < 1 + i % 4; k++) { /* far more than can be drawn one by one */
		struct hr_hist twice = *h;

		for (unsigned t = 0; t < i % 8; t++)
			(void)hr_hist_merge(h, &twice);
	}
}

static uint64_t far_of(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static void number_maximum_and_places_of_samples_stay(void **state)
{
	struct hr_rand r = {.s = 5};
	unsigned moved = 0;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		unsigned shift = i % SHIFTS, part = shift == 3 ? 8 : 16, off = 0;
		struct hr_hist h, is;
		uint64_t seen = 0;

		any(&r, i, &h);
		assert_true(hr_rounded(&h, shift, &is));
		assert_true(hr_hist_valid(&is));
		assert_true(hr_hist_coarsen(&h, shift));
		assert_true(is.total == h.total && is.max == h.max && is.shift == h.shift);
		for (unsigned b = 0; b < HR_BUCKETS; b++) {
			bool mid = 2 * seen < h.total && 2 * (seen + h.n[b]) >= h.total;

			seen += h.n[b];
			assert_true((is.n[b] == 0) == (h.n[b] == 0));
			assert_true(mid || h.n[b] > 2 * part || is.n[b] == h.n[b]);
			assert_true(mid || part * far_of(is.n[b], h.n[b]) < h.n[b] + (h.n[b] == 0));
			off += is.n[b] != h.n[b];
		}
		moved += off > 0;
		/* the range of sums moves with the counts, so it is as near as they are */
		assert_true(16 * far_of(is.sum, h.sum) <= h.sum + h.max);
	}
	assert_true(moved > N / 4); /* else this test says nothing */
}

/* Between those of ranks that are nearer than 1/16 of what is beyond. */
static void quantiles_are_those_of_a_near_rank(void **state)
{
	static const double p[] = {0.05, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999};
	struct hr_rand r = {.s = 6};

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		struct hr_hist h, is;

		any(&r, i, &h);
		assert_true(hr_rounded(&h, 2, &is));
		assert_true(hr_hist_coarsen(&h, 2));
		for (unsigned k = 0; k < sizeof(p) / sizeof(p[0]); k++) {
			double near = (p[k] < 0.5 ? p[k] : 1 - p[k]) / 16;
			struct hr_quantile lo, q, hi;

			assert_true(hr_hist_quantile(&h, p[k] - near, &lo));
			assert_true(hr_hist_quantile(&h, p[k] + near, &hi));
			assert_true(hr_hist_quantile(&is, p[k], &q));
			assert_true(lo.lo <= q.lo && q.hi <= hi.hi);
		}
	}
}

static void what_is_written_is_read(void **state)
{
	struct hr_rand r = {.s = 7};
	unsigned char buf[65536];
	struct hr_bits b = {.buf = buf, .cap = sizeof(buf)}, in;
	uint64_t total = 0;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		struct hr_hist h = {0}, is, got;
		uint64_t before;
		size_t at;

		if (i % 9)
			any(&r, i, &h);
		if (i % 4 == 0) {
			b.at = 0;
			total = 0;
		}
		at = b.at;
		before = total;
		assert_true(hr_rounded_put(&b, &h, i % SHIFTS, &total));
		assert_true(hr_rounded(&h, i % SHIFTS, &is));
		in = (struct hr_bits){.buf = buf, .cap = hr_bits_bytes(&b), .at = at};
		assert_true(hr_rounded_get(&in, &got, &before));
		assert_int_equal(in.at, b.at);
		assert_true(before == total);
		assert_memory_equal(&is, &got, sizeof(is));
	}
}

static void equal_numbers_of_samples_are_written_once(void **state)
{
	struct hr_rand r = {.s = 8};
	unsigned char buf[512];
	struct hr_bits b = {.buf = buf, .cap = sizeof(buf)};
	struct hr_hist h = {0}, got;
	uint64_t total = 0;
	size_t first, second;

	(void)state;
	hr_sample_lognormal(&r, &h, 3600, 300, 0.7);
	assert_true(hr_rounded_put(&b, &h, 2, &total));
	first = b.at;
	assert_true(hr_rounded_put(&b, &h, 2, &total));
	second = b.at - first;
	assert_true(second + 17 == first); /* 6 + 11 bits of 3600 */
	b.at = 0;
	total = 0;
	for (unsigned i = 0; i < 2; i++) {
		assert_true(hr_rounded_get(&b, &got, &total));
		assert_true(got.total == 3600);
	}
	assert_int_equal(b.at, first + second);
}

/*
 * An hour that comes window by window, rounded each time, against the exact one.  What is beyond a
 * quantile is a fifth off at worst; always rounded down, it would be lost altogether.
 */
static void many_small_parts_keep_the_shape(void **state)
{
	struct hr_rand r = {.s = 9};
	struct hr_hist all = {0}, kept = {0}, one;
	struct hr_quantile q;
	uint64_t above, is;

	(void)state;
	for (unsigned i = 0; i < 360; i++) {
		memset(&one, 0, sizeof(one));
		hr_sample_lognormal(&r, &one, 3000, 25 + 0.1 * i, 1.0);
		assert_true(hr_hist_merge(&all, &one) && hr_hist_merge(&kept, &one));
		assert_true(hr_rounded(&kept, 2, &one));
		kept = one;
	}
	assert_true(kept.total == all.total && kept.max == all.max);
	assert_true(hr_hist_coarsen(&all, 2));
	for (unsigned k = 1; k <= 10; k++) {
		assert_true(hr_hist_quantile(&all, 1 - 1.0 / (1 << k), &q));
		above = hr_hist_above(&all, q.lo);
		is = hr_hist_above(&kept, q.lo);
		assert_true(4 * far_of(above, is) <= above);
	}
	assert_true(100 * far_of(all.sum, kept.sum) <= 5 * all.sum);
}

static void numbers_are_rounded_by_a_thousandth_at_most(void **state)
{
	struct hr_rand r = {.s = 10};
	unsigned char buf[32];

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t v = (i % 3 ? hr_rand_u64(&r) : UINT64_MAX) >> (1 + i % 62), got,
			 is = hr_num_rounded(v);
		struct hr_bits b = {.buf = buf, .cap = sizeof(buf)}, in = b;

		assert_true(v < 1024 ? is == v : 1000 * far_of(is, v) < v);
		assert_true(hr_num_rounded(is) == is);
		assert_true(hr_rounded_num_put(&b, v) && b.at <= 15);
		assert_true(hr_rounded_num_get(&in, &got));
		assert_true(got == is && in.at == b.at);
		b.at = in.at = 0;
		assert_true(hr_num_put(&b, v) && hr_num_get(&in, &got));
		assert_true(got == v && in.at == b.at);
	}
}

/* Bits that are not ours are refused, or are a valid distribution. */
static void other_bits_do_no_harm(void **state)
{
	struct hr_rand r = {.s = 11};
	unsigned char buf[256];
	unsigned valid = 0;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct hr_bits b = {.buf = buf, .cap = sizeof(buf)};
		uint64_t total = i % 2 ? 1000 : 0;
		struct hr_hist h;

		for (unsigned k = 0; k < sizeof(buf); k++)
			buf[k] = (unsigned char)hr_rand_u64(&r);
		if (i % 4 == 0) {
			any(&r, i, &h);
			assert_true(hr_rounded_put(&b, &h, i % SHIFTS, &total));
			buf[hr_rand_u64(&r) % hr_bits_bytes(&b)] ^= 1u << i / 4 % 8;
			b = (struct hr_bits){.buf = buf, .cap = hr_bits_bytes(&b)};
		}
		if (!hr_rounded_get(&b, &h, &total))
			continue;
		assert_true(hr_hist_valid(&h));
		valid += h.total > 0;
	}
	assert_true(valid > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(number_maximum_and_places_of_samples_stay),
		cmocka_unit_test(quantiles_are_those_of_a_near_rank),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(equal_numbers_of_samples_are_written_once),
		cmocka_unit_test(many_small_parts_keep_the_shape),
		cmocka_unit_test(numbers_are_rounded_by_a_thousandth_at_most),
		cmocka_unit_test(other_bits_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
