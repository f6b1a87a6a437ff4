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
	uint64_t n;

	*ret = hr_part_sum_of(state_bytes, len, bin, &d);
	n = d.windows;
	hr_digest_done(&d);
	return n;
}

static void a_bin_is_all_there_or_left_out(void **state)
{
	struct hr_summary *s = calloc(1, sizeof(*s));
	struct hr_rand r = hr_rand_seeded("part");

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
			if (i % 4 == 3) { /* the next turn */
				len = save(&p);
				assert_int_equal(
					hr_part_decode(&back, state_bytes, len), HR_PART_OK);
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
	free(s);
}

static void damaged_bytes_are_no_part(void **state)
{
	struct hr_summary *s = calloc(1, sizeof(*s));
	struct hr_part p = {0}, back = {0};
	struct hr_rand r = {.s = 5};
	enum hr_part_result is;
	size_t len;

	(void)state;
	hr_sample_idle(&r, s, 1);
	hr_part_add(&p, 7, 1, 1, s);
	len = save(&p);
	assert_int_equal(windows_of(len, 7, &is), 1);
	for (size_t i = 0; i < len - sizeof(model); i++) {
		state_bytes[i] ^= 0x10;
		assert_int_equal(hr_part_decode(&back, state_bytes, len), HR_PART_NONE);
		assert_int_equal(back.n, 0);
		assert_true(back.from_bin == UINT64_MAX);
		(void)windows_of(len, 7, &is);
		assert_int_equal(is, HR_PART_NONE);
		state_bytes[i] ^= 0x10;
	}
	for (size_t cut = 0; cut < len - sizeof(model); cut++)
		assert_int_equal(hr_part_decode(&back, state_bytes, cut), HR_PART_NONE);
	/* and a state without one is the model's from its first byte on */
	assert_int_equal(hr_part_len(model, sizeof(model)), 0);
	assert_int_equal(hr_part_decode(&back, model, sizeof(model)), HR_PART_NONE);
	hr_part_done(&p);
	hr_part_done(&back);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bin_is_all_there_or_left_out),
		cmocka_unit_test(damaged_bytes_are_no_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
