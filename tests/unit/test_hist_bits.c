/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "proto/hist_bits.h"
#include "tests/unit/hr_same.h"

/*
 * Three 5s: each bucket for itself (00), first 5 (00000101), last - first 0 (00000000), count 3
 * after 0: folded 3, order 0, 3 + 1 = 100 in binary, so 00 100; max and sum need no bits, for
 * bucket 5 holds only 5.  23 bits: 00000001 01000000 0000100(0) = 01 40 08.
 */
static void a_histogram_is_written_as_documented(void **state)
{
	unsigned char buf[8];
	struct hr_bits b = {buf, sizeof(buf), 0};
	struct hr_hist h = {0};

	(void)state;
	memset(buf, 0xff, sizeof(buf));
	assert_true(hr_hist_add(&h, 5, 3));
	assert_true(hr_hist_put(&b, &h, 0));
	assert_int_equal(b.at, 23);
	assert_int_equal(hr_bits_bytes(&b), 3);
	assert_memory_equal(buf, "\x01\x40\x08", 3);
}

/*
 * 4, 5, 5 and 7, four buckets as one: shift 10, group 1 (00000001), one group (00000000), 4 after
 * 0: 4 + 1 = 101, so 00 101; maximum 7 - 4 = 11; least sum 3 * 4 + 7 = 19, largest 4 * 7 = 28,
 * range 9: 4 bits, 21 - 19 = 0010.  10000000 01000000 00001011 10010(000) = 80 40 0b 90.
 */
static void groups_are_written_as_documented(void **state)
{
	unsigned char buf[8];
	struct hr_bits b = {buf, sizeof(buf), 0};
	struct hr_hist h = {0}, back;

	(void)state;
	assert_true(hr_hist_add(&h, 4, 1));
	assert_true(hr_hist_add(&h, 5, 2));
	assert_true(hr_hist_add(&h, 7, 1));
	assert_true(hr_hist_put(&b, &h, 2));
	assert_int_equal(b.at, 29);
	assert_memory_equal(buf, "\x80\x40\x0b\x90", 4);
	assert_int_equal(h.shift, 0); /* what was given is as it was */
	b = (struct hr_bits){buf, 4, 0};
	assert_true(hr_hist_get(&b, &back));
	assert_int_equal(back.shift, 2);
	assert_int_equal(back.n[4], 4);
	assert_true(back.total == 4 && back.sum == 21 && back.max == 7);
	/* a group stays one, whatever is asked for */
	b = (struct hr_bits){buf, sizeof(buf), 0};
	assert_true(hr_hist_put(&b, &back, 0));
	assert_memory_equal(buf, "\x80\x40\x0b\x90", 4);
}

/* Written before there were groups: the first test's bits without their 00. */
static void the_older_form_is_read(void **state)
{
	unsigned char buf[] = {0x05, 0x00, 0x20};
	struct hr_bits b = {buf, sizeof(buf), 0};
	struct hr_hist h;

	(void)state;
	assert_true(hr_hist_get_plain(&b, &h));
	assert_int_equal(b.at, 21);
	assert_true(h.n[5] == 3 && h.total == 3 && h.sum == 15 && h.max == 5 && h.shift == 0);
}

/*
 * 16 and 17 (bucket 16, width 2) and 18 (bucket 17): first 16 = 00010000, last - first 1 =
 * 00000001, count 2 after 0: 2 + 1 = 11, so 0 11; count 1 after 2: folded 2 * 1 - 1 = 1,
 * order (2 + 1) / 2 = 1: 1 + 2 = 11, so 11 without zeros; max 18 = lower edge 18 + 0: 1 bit 0;
 * sums possible: 2 * 16 + 18 = 50 to 2 * 17 + 18 = 52, range 2: 2 bits, 51 - 50 = 01.
 * 00 before it, and 00010000 00000001 01111001 = 04 00 5e 4(0).
 */
static void maximum_and_sum_take_the_bits_of_their_range(void **state)
{
	unsigned char buf[8];
	struct hr_bits b = {buf, sizeof(buf), 0};
	struct hr_hist h = {0}, back;

	(void)state;
	assert_true(hr_hist_add(&h, 16, 1));
	assert_true(hr_hist_add(&h, 17, 1));
	assert_true(hr_hist_add(&h, 18, 1));
	assert_true(hr_hist_put(&b, &h, 0));
	assert_int_equal(b.at, 26);
	assert_memory_equal(buf, "\x04\x00\x5e\x40", 4);
	b = (struct hr_bits){buf, 4, 0};
	assert_true(hr_hist_get(&b, &back));
	assert_true(hr_same_hist(&h, &back));
	assert_true(hr_bits_done(&b));
	/* 11 as sum: 3 is above the range */
	buf[3] = 0xc0;
	b = (struct hr_bits){buf, 4, 0};
	assert_false(hr_hist_get(&b, &back));
}

static void random_hist(struct hr_rand *r, struct hr_hist *h)
{
	unsigned n = 1 + (unsigned)hr_rand_below(r, 100), bits = 1 + (unsigned)hr_rand_below(r, 33);

	*h = (struct hr_hist){0};
	for (unsigned i = 0; i < n; i++)
		(void)hr_hist_add(h, hr_rand_bits(r, bits), (uint32_t)hr_rand_bits(r, 32));
	(void)hr_hist_add(h, hr_rand_bits(r, bits), 1);
	if (h->total == 0) /* every add overflowed */
		(void)hr_hist_add(h, 1, 1);
}

static void whatever_is_written_is_read_back(void **state)
{
	struct hr_rand r = hr_rand_seeded("hist_bits");
	static unsigned char buf[65536];
	struct hr_hist h[4], back;

	(void)state;
	for (int round = 0; round < 500; round++) {
		struct hr_bits b = {buf, sizeof(buf), 0};
		size_t len;

		for (int i = 0; i < 4; i++) {
			random_hist(&r, &h[i]);
			(void)hr_hist_coarsen(&h[i], (unsigned)hr_rand_below(&r, 4));
			assert_true(hr_hist_put(&b, &h[i], 0));
		}
		len = hr_bits_bytes(&b);
		b = (struct hr_bits){buf, len, 0};
		for (int i = 0; i < 4; i++) {
			assert_true(hr_hist_get(&b, &back));
			assert_true(hr_same_hist(&h[i], &back));
		}
		assert_true(hr_bits_done(&b));
		/* one byte less is noticed in the last histogram at the latest */
		b = (struct hr_bits){buf, len - 1, 0};
		for (int i = 0; i < 3; i++)
			assert_true(hr_hist_get(&b, &back));
		assert_false(hr_hist_get(&b, &back));
	}
}

/* Count after count, by the code that is documented. */
static bool same_counts(struct hr_bits b, const struct hr_hist *h)
{
	uint64_t shift, first, len;
	uint32_t before = 0, n;

	if (!hr_bits_get(&b, 2, &shift) || !hr_bits_get(&b, 8, &first) || !hr_bits_get(&b, 8, &len))
		return false;
	for (uint64_t i = first; i <= first + len; i++) {
		if (!hr_bits_get_count(&b, before, &n) || h->n[i << shift] != n)
			return false;
		before = n;
	}
	return true;
}

static void all_counts_at_once_are_one_after_the_other(void **state)
{
	struct hr_rand r = hr_rand_seeded("counts");
	static unsigned char buf[16384];
	struct hr_hist h, back;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct hr_bits b = {buf, sizeof(buf), 0}, from;
		size_t more = hr_rand_below(&r, 20); /* what follows: loads may end inside or not */

		random_hist(&r, &h);
		(void)hr_hist_coarsen(&h, (unsigned)hr_rand_below(&r, 4));
		assert_true(hr_bits_put(&b, 0, (unsigned)hr_rand_below(&r, 8)));
		from = b;
		assert_true(hr_hist_put(&b, &h, 0));
		from.cap = hr_bits_bytes(&b) + more;
		memset(&back, 0x55, sizeof(back));
		assert_true(same_counts(from, &h));
		assert_true(hr_hist_get(&from, &back));
		assert_true(hr_same_hist(&h, &back) && from.at == b.at);
	}
}

static void passing_one_is_reading_it(void **state)
{
	struct hr_rand r = hr_rand_seeded("pass");
	unsigned char buf[2048] = {0};
	unsigned refused = 0;
	struct hr_hist h;

	(void)state;
	for (int round = 0; round < 4000; round++) {
		struct hr_bits b = {buf, sizeof(buf), 0};
		bool plain = round % 5 == 0, taken;

		random_hist(&r, &h);
		if (!plain)
			(void)hr_hist_coarsen(&h, (unsigned)hr_rand_below(&r, 4));
		assert_true(hr_hist_put(&b, &h, 0));
		b.cap = hr_bits_bytes(&b);
		for (uint64_t i = hr_rand_below(&r, 3); i > 0; i--)
			buf[hr_rand_below(&r, b.cap)] ^= (unsigned char)(1 << hr_rand_below(&r, 8));
		b.at = plain ? 2 : 0; /* the older form has no groups to say */
		struct hr_bits read = b;

		taken = plain ? hr_hist_get_plain(&read, &h) : hr_hist_get(&read, &h);
		assert_true(hr_hist_pass(&b, plain) == taken);
		assert_true(!taken || b.at == read.at);
		assert_true(!taken || hr_hist_valid(&h));
		refused += !taken;
	}
	assert_true(refused > 200 && refused < 3000);
}

static void counts_of_any_size_have_a_code(void **state)
{
	static const uint32_t n[] = {
		0, 1, 2, 3, 7, 8, 255, 65536, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
	unsigned char buf[64];
	struct hr_hist back;

	(void)state;
	for (size_t i = 1; i < sizeof(n) / sizeof(n[0]); i++) {
		for (size_t j = 0; j < sizeof(n) / sizeof(n[0]); j++) {
			struct hr_bits b = {buf, sizeof(buf), 0};
			struct hr_hist h = {0};

			/* n[i] beside n[j]; a last 1 so that n[j] may be 0 */
			assert_true(hr_hist_add(&h, 3, n[i]));
			assert_true(hr_hist_add(&h, 4, n[j]));
			assert_true(hr_hist_add(&h, 5, 1));
			assert_true(hr_hist_put(&b, &h, 0));
			b.at = 0;
			assert_true(hr_hist_get(&b, &back));
			assert_true(hr_same_hist(&h, &back));
		}
	}
}

static void what_does_not_fit_is_told(void **state)
{
	unsigned char buf[3];
	struct hr_hist h = {0};

	(void)state;
	assert_true(hr_hist_add(&h, 5, 3)); /* 23 bits, as above */
	for (size_t cap = 0; cap <= 3; cap++) {
		struct hr_bits b = {buf, cap, 0};

		assert_int_equal(hr_hist_put(&b, &h, 0), cap == 3);
	}
}

static void bits_that_no_histogram_has_are_refused(void **state)
{
	static const struct {
		const char *why;
		unsigned char bytes[8];
	} t[] = {
		{"first bucket is 240", {240, 0, 0x80}}, {"last bucket is 240", {1, 239, 0x80}},
		{"first count is 0", {5, 1, 0xd0}}, /* 1: 0, then 010: 1 */
		{"last count is 0",
			{5, 1, 0x58}}, /* 010: 1, then after 1 at order 1 folded 1: 11 */
		{"prefix never ends", {5, 0, 0, 0, 0, 0, 0, 0}},
		{"count beyond 32 bits", {5, 0, 0, 0, 0, 0, 0x40, 0}}, /* 33 zeros, 34 bits */
	};
	struct hr_hist h;

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		unsigned char copy[8];
		struct hr_bits b = {copy, sizeof(copy), 0};

		memcpy(copy, t[i].bytes, sizeof(copy));
		if (hr_hist_get_plain(&b, &h))
			fail_msg("taken: %s", t[i].why);
	}
	/* 10 and group 60 of four buckets: 240 again */
	unsigned char group[] = {0x8f, 0x00, 0x20};
	struct hr_bits b = {group, sizeof(group), 0};

	assert_false(hr_hist_get(&b, &h));
}

static void padding_must_be_less_than_a_byte_and_zero(void **state)
{
	unsigned char buf[4] = {0x05, 0x00, 0x20, 0};
	struct hr_bits b = {buf, 3, 21}, one_more = {buf, 4, 21};

	(void)state;
	assert_true(hr_bits_done(&b));
	assert_false(hr_bits_done(&one_more));
	buf[2] |= 1;
	assert_false(hr_bits_done(&b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_histogram_is_written_as_documented),
		cmocka_unit_test(groups_are_written_as_documented),
		cmocka_unit_test(the_older_form_is_read),
		cmocka_unit_test(maximum_and_sum_take_the_bits_of_their_range),
		cmocka_unit_test(whatever_is_written_is_read_back),
		cmocka_unit_test(all_counts_at_once_are_one_after_the_other),
		cmocka_unit_test(passing_one_is_reading_it),
		cmocka_unit_test(counts_of_any_size_have_a_code),
		cmocka_unit_test(what_does_not_fit_is_told),
		cmocka_unit_test(bits_that_no_histogram_has_are_refused),
		cmocka_unit_test(padding_must_be_less_than_a_byte_and_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
