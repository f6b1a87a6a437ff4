/* SPDX-License-Identifier: Apache-2.0 */
/* A byte per kind of load, and the numbers of a checked window that it is made of. */
#include "collector/core/strain.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/hr_sample.h"

static struct hr_strain busy(uint64_t ms, uint32_t dur_ms)
{
	struct hr_wire_load l = {.dur_ms = dur_ms};
	struct hr_strain s = {{0}};

	l.ctr[HR_CTR_ONCPU_NS] = ms * 1000000;
	hr_strain_add(&s, &l);
	return s;
}

static void a_level_is_a_quarter_of_a_doubling(void **state)
{
	uint8_t was = 0;

	(void)state;
	for (uint64_t ms = 1; ms < 100000; ms++) {
		uint8_t is = busy(ms, 1000).level[HR_STRAIN_BUSY];

		assert_in_range(is, was, was + 1U);
		was = is;
	}
	for (uint64_t ms = 4; ms < 100000; ms = ms * 5 / 3)
		assert_int_equal(busy(2 * ms, 1000).level[HR_STRAIN_BUSY],
			busy(ms, 1000).level[HR_STRAIN_BUSY] + 4U);
	/* of a coalesced window it is the same share */
	assert_int_equal(
		busy(60000, 60000).level[HR_STRAIN_BUSY], busy(1000, 1000).level[HR_STRAIN_BUSY]);
}

static void less_of_what_is_left_is_more_strain(void **state)
{
	struct hr_wire_load l = {.dur_ms = 10000,
		.have = HR_SIG_BIT(HR_SIG_MEMINFO),
		.has_fs = true,
		.fs_left_bytes = 1 << 30,
		.fs_left_inodes = UINT64_MAX};
	struct hr_strain much = {{0}}, little = {{0}}, none = {{0}};

	(void)state;
	l.ctr[HR_CTR_MEM_AVAILABLE_BYTES] = 8ULL << 30;
	hr_strain_add(&much, &l);
	l.ctr[HR_CTR_MEM_AVAILABLE_BYTES] = 6ULL << 30;
	hr_strain_add(&little, &l);
	assert_true(hr_strain_beyond(&little, &much));
	assert_false(hr_strain_beyond(&much, &little));
	memset(&little, 0, sizeof(little));
	l.ctr[HR_CTR_MEM_AVAILABLE_BYTES] = 8ULL << 30;
	l.ctr[HR_CTR_MEM_ACTIVE_FILE_BYTES] = 2ULL << 30;
	hr_strain_add(&little, &l);
	assert_true(hr_strain_beyond(&little, &much));
	l.fs_left_bytes = 0;
	hr_strain_add(&much, &l);
	assert_true(hr_strain_beyond(&much, &little));
	/* where neither was measured, neither is said to be at its end */
	l.have = 0;
	l.has_fs = false;
	hr_strain_add(&none, &l);
	assert_int_equal(none.level[HR_STRAIN_MEMORY], 0);
	assert_int_equal(none.level[HR_STRAIN_FS], 0);
}

static void what_is_joined_is_beyond_neither(void **state)
{
	struct hr_rand r = hr_rand_seeded("strain");

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		struct hr_strain a, b, all;
		bool same = true;

		for (unsigned k = 0; k < HR_STRAIN_N; k++) {
			a.level[k] = (uint8_t)hr_rand_below(&r, 256);
			b.level[k] = (uint8_t)hr_rand_below(&r, 256);
			same &= b.level[k] <= a.level[k];
		}
		assert_int_equal(hr_strain_beyond(&b, &a), !same);
		assert_false(hr_strain_beyond(&a, &a));
		all = a;
		hr_strain_join(&all, &b);
		assert_false(hr_strain_beyond(&a, &all));
		assert_false(hr_strain_beyond(&b, &all));
	}
}

/* The columns of the wire against the window that was encoded. */
static void the_load_of_a_window_is_what_it_counted(void **state)
{
	static struct hr_wire_arena arena;
	static uint8_t body[HR_BODY_MAX], one[HR_BODY_MAX];
	struct hr_summary *s = calloc(1, sizeof(*s));
	struct hr_rand r = hr_rand_seeded("load");
	uint8_t id[HR_HOST_ID_LEN] = {1};

	(void)state;
	assert_non_null(s);
	for (unsigned i = 0; i < 50; i++) {
		struct hr_wire_builder b;
		struct hr_wire_batch batch;
		struct hr_wire_load l;
		uint64_t ops = 0;
		size_t len;

		if (i % 2)
			hr_sample_busy(&r, s, i);
		else
			hr_sample_idle(&r, s, i);
		s->n_fs = 2;
		s->fs[0] = (struct hr_fs){"/", 5, 100 + i, 7, 0};
		s->fs[1] = (struct hr_fs){"/srv", 90, 80, 7, 9};
		s->have |= HR_SIG_BIT(HR_SIG_FS);
		len = hr_wire_encode_summary(s, one, sizeof(one));
		assert_true(len > 0 && hr_wire_batch_begin(&b, body, sizeof(body), id, 7) &&
			    hr_wire_batch_add(&b, one, len));
		assert_int_equal(hr_wire_open(&arena, body, b.len, &batch), HR_WIRE_OK);
		hr_wire_summary_load(&batch, 0, &l);
		for (unsigned d = 0; d < s->n_dev; d++)
			ops += s->dev[d].ctr[HR_DCTR_WR_N];
		assert_int_equal(l.dur_ms, s->dur_ms);
		assert_int_equal(l.have, s->have);
		assert_memory_equal(l.ctr, s->ctr, sizeof(l.ctr));
		assert_int_equal(l.dctr[HR_DCTR_WR_N], ops);
		assert_int_equal(
			l.top_ms, s->n_top ? s->top[0].oncpu_ms + (uint64_t)s->top[0].wait_ms : 0);
		assert_true(l.has_fs);
		assert_int_equal(l.fs_left_bytes, 0);
		assert_int_equal(l.fs_left_inodes, 2);
	}
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_level_is_a_quarter_of_a_doubling),
		cmocka_unit_test(less_of_what_is_left_is_more_strain),
		cmocka_unit_test(what_is_joined_is_beyond_neither),
		cmocka_unit_test(the_load_of_a_window_is_what_it_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
