/* SPDX-License-Identifier: Apache-2.0 */
/* Sums in front of a saved state, against a table of what was added. */
#include "collector/core/part.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/hr_sample.h"

#define BINS 12

static uint8_t state_bytes[HR_PART_MAX + 16];
static const char model[] = "HRVM of a model";

/* As a saved state: the part, and the model behind it. */
static size_t save(struct hr_part *p)
{
	size_t len = hr_part_encode(p, state_bytes, HR_PART_MAX);

	assert_true(len > 0);
	memcpy(state_bytes + len, model, sizeof(model));
	assert_int_equal(hr_part_len(state_bytes, len + sizeof(model)), len);
	return len + sizeof(model);
}

static uint64_t windows_of(size_t len, uint64_t bin, enum hr_part_result *ret)
{
	struct hr_digest d = {0};
	struct hr_part_found f;
	uint64_t n;

	*ret = hr_part_find(state_bytes, len, bin, &f);
	if (*ret != HR_PART_OK || !f.bytes)
		return 0;
	assert_int_equal(hr_digest_decode(&d, f.bytes, f.len), HR_DIGEST_OK);
	n = d.windows;
	if (f.is_done) {
		assert_int_equal(f.windows, n);
		assert_int_equal(f.samples, d.samples);
	}
	hr_digest_done(&d);
	return n;
}

static void a_bin_is_all_there_or_left_out(void **state)
{
	struct hr_summary *s = calloc(1, sizeof(*s));
	struct hr_rand r = hr_rand_seeded("part");
	struct hr_digest check = {0};

	(void)state;
	hr_sample_busy(&r, s, 1);
	for (unsigned round = 0; round < 60; round++) {
		uint64_t table[BINS] = {0}, from = hr_rand_below(&r, BINS / 2), has = 0;
		struct hr_part p = {0}, back = {0};
		enum hr_part_result is;
		size_t len;

		hr_part_clear(&p, from);
		for (unsigned i = 0; i < 12; i++) {
			uint64_t bin = hr_rand_below(&r, BINS);

			/* of what was there before the part nothing is known */
			hr_part_add(&p, bin, 1, 1 + i, s);
			table[bin] += 1 + i;
			assert_true(p.n <= HR_PART_SUMS && p.from_bin >= from);
			if (i % 4 ==
				3) { /* the next turn; what is over is done, and may be added to */
				hr_part_finish(
					&p, hr_rand_below(&r, BINS), HR_DIGEST_SHARP, &check);
				len = save(&p);
				assert_int_equal(
					hr_part_decode(&back, 0, state_bytes, len), HR_PART_OK);
				assert_int_equal(back.from_bin, p.from_bin);
				assert_int_equal(back.n, p.n);
				hr_part_done(&p);
				p = back;
				back = (struct hr_part){0};
			}
		}
		if (round % 3 == 0)
			hr_part_leave(&p, BINS - 2);
		len = save(&p);
		for (uint64_t bin = 0; bin < BINS; bin++) {
			uint64_t n = windows_of(len, bin, &is);

			assert_int_equal(is, bin < p.from_bin ? HR_PART_NONE : HR_PART_OK);
			if (is == HR_PART_OK)
				assert_int_equal(n, table[bin]);
			has += is == HR_PART_OK;
		}
		assert_true(has > 0);
		hr_part_done(&p);
	}
	hr_digest_done(&check);
	free(s);
}

/* Done once: its bytes are carried as they are, and are what the sum itself would be. */
static void a_sum_that_is_done_is_what_the_tier_keeps(void **state)
{
	static uint8_t want[HR_DIGEST_MAX];
	struct hr_summary *s = calloc(1, sizeof(*s));
	struct hr_digest check = {0}, sum = {0};
	struct hr_part p = {0}, back = {0};
	struct hr_rand r = hr_rand_seeded("part-done");
	struct hr_part_found f;
	size_t len, want_len;

	(void)state;
	for (unsigned i = 0; i < 30; i++) {
		hr_sample_busy(&r, s, i);
		hr_part_add(&p, 7, 1, 1, s);
		assert_true(hr_digest_add(&sum, 1, 1, s));
		hr_part_add(&p, 8, 1, 1, s);
	}
	want_len = hr_digest_encode(&sum, HR_DIGEST_SHARP, want, sizeof(want));
	hr_part_finish(&p, 8, HR_DIGEST_SHARP, &check);
	for (unsigned turn = 0; turn < 3; turn++) {
		len = save(&p);
		assert_int_equal(hr_part_find(state_bytes, len, 7, &f), HR_PART_OK);
		assert_true(f.is_done);
		assert_int_equal(f.windows, 30);
		assert_int_equal(f.samples, sum.samples);
		assert_int_equal(f.len, want_len);
		assert_memory_equal(f.bytes, want, want_len);
		assert_int_equal(hr_part_find(state_bytes, len, 8, &f), HR_PART_OK);
		assert_false(f.is_done);
		assert_int_equal(hr_part_decode(&back, 0, state_bytes, len), HR_PART_OK);
		hr_part_done(&p);
		p = back;
		back = (struct hr_part){0};
	}
	/* of what is rolled up nothing comes back */
	assert_int_equal(hr_part_decode(&back, 8, state_bytes, len), HR_PART_OK);
	assert_int_equal(back.n, 1);
	assert_int_equal(back.sum[0].bin, 8);
	/* one more for it: opened again, and not a window is lost */
	hr_part_add(&p, 7, 1, 1, s);
	assert_int_equal(p.sum[0].sum.windows, 31);
	assert_int_equal(p.sum[0].sum.samples, sum.samples + hr_digest_samples(s));
	hr_part_done(&p);
	hr_part_done(&back);
	hr_digest_done(&check);
	hr_digest_done(&sum);
	free(s);
}

static void damaged_bytes_are_no_part(void **state)
{
	struct hr_summary *s = calloc(1, sizeof(*s));
	struct hr_part p = {0}, back = {0};
	struct hr_digest check = {0};
	struct hr_rand r = {.s = 5};
	enum hr_part_result is;
	size_t len;

	(void)state;
	hr_sample_idle(&r, s, 1);
	hr_part_add(&p, 7, 1, 1, s);
	hr_part_add(&p, 8, 1, 1, s);
	hr_part_finish(&p, 8, HR_DIGEST_SHARP, &check);
	len = save(&p);
	assert_int_equal(windows_of(len, 7, &is), 1);
	for (size_t i = 0; i < len - sizeof(model); i++) {
		state_bytes[i] ^= 0x10;
		assert_int_equal(hr_part_decode(&back, 0, state_bytes, len), HR_PART_NONE);
		assert_int_equal(back.n, 0);
		assert_true(back.from_bin == UINT64_MAX);
		(void)windows_of(len, 7, &is);
		assert_int_equal(is, HR_PART_NONE);
		state_bytes[i] ^= 0x10;
	}
	for (size_t cut = 0; cut < len - sizeof(model); cut++)
		assert_int_equal(hr_part_decode(&back, 0, state_bytes, cut), HR_PART_NONE);
	/* and a state without one is the model's from its first byte on */
	assert_int_equal(hr_part_len(model, sizeof(model)), 0);
	assert_int_equal(hr_part_decode(&back, 0, model, sizeof(model)), HR_PART_NONE);
	hr_part_done(&p);
	hr_part_done(&back);
	hr_digest_done(&check);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bin_is_all_there_or_left_out),
		cmocka_unit_test(a_sum_that_is_done_is_what_the_tier_keeps),
		cmocka_unit_test(damaged_bytes_are_no_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
