/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/core/pages.h"
#include "proto/signal.h"

/* A machine of 21 GiB with a hole below 4 GiB, its lines cut to those that matter and some that do
 * not. */
static const char zoneinfo[] = "Node 0, zone      DMA\n"
			       "  per-node stats\n"
			       "      nr_inactive_file 1642471\n"
			       "  pages free     3840\n"
			       "        spanned  4095\n"
			       "        present  3998\n"
			       "        managed  3840\n"
			       "  pagesets\n"
			       "    cpu: 0\n"
			       "              count:    0\n"
			       "  start_pfn:           1\n"
			       "Node 0, zone    DMA32\n"
			       "        spanned  1044480\n"
			       "        present  782336\n"
			       "  start_pfn:           4096\n"
			       "Node 0, zone   Normal\n"
			       "        spanned  5505024\n"
			       "        present  5505024\n"
			       "  start_pfn:           1048576\n"
			       "Node 0, zone  Movable\n"
			       "        spanned  0\n"
			       "        present  0\n";

static void zones_are_ranges_of_frames(void **state)
{
	struct hr_page_ranges r;

	(void)state;
	assert_int_equal(hr_pages_zones(zoneinfo, strlen(zoneinfo), &r), 0);
	assert_int_equal(r.n, 3);
	assert_int_equal(r.range[0].first, 1);
	assert_int_equal(r.range[0].n, 4095);
	assert_int_equal(r.range[1].first, 4096);
	assert_int_equal(r.range[1].n, 1044480);
	assert_int_equal(r.range[2].first, 1048576);
	assert_int_equal(r.range[2].n, 5505024);
	assert_int_equal(r.frames, 6553599); /* 4095 + 1044480 + 5505024 */
	assert_int_equal(r.first, 1);
	assert_int_equal(r.end, 6553600); /* 1048576 + 5505024 */
	assert_int_equal(hr_pages_zones("", 0, &r), 0);
	assert_int_equal(r.frames, 0);
}

static void zones_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = {"spanned x\n", "present\n", "start_pfn: -1\n",
		"spanned 1\npresent 1\nstart_pfn: 4503599627370496\n"};
	static const char zone[] = "spanned 8\npresent 8\nstart_pfn: 8\n";
	char many[sizeof(zone) * (HR_PAGE_RANGES + 1)] = "";
	struct hr_page_ranges r;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(hr_pages_zones(bad[i], strlen(bad[i]), &r), -EBADMSG);
	for (unsigned i = 0; i < HR_PAGE_RANGES; i++)
		memcpy(many + i * (sizeof(zone) - 1), zone, sizeof(zone));
	assert_int_equal(hr_pages_zones(many, strlen(many), &r), 0);
	assert_int_equal(r.n, HR_PAGE_RANGES);
	memcpy(many + HR_PAGE_RANGES * (sizeof(zone) - 1), zone, sizeof(zone));
	assert_int_equal(hr_pages_zones(many, strlen(many), &r), -E2BIG);
	assert_int_equal(r.frames, 0);
}

/* The kernel's own lists go by node: one with lower frames may come later. */
static void the_ends_of_memory_are_those_of_all_zones(void **state)
{
	static const char text[] = "spanned 8\npresent 8\nstart_pfn: 4096\n"
				   "spanned 16\npresent 9\nstart_pfn: 512\n";
	struct hr_page_ranges r;

	(void)state;
	assert_int_equal(hr_pages_zones(text, strlen(text), &r), 0);
	assert_int_equal(r.first, 512);
	assert_int_equal(r.end, 4104);
}

static void struct_pages_begin_where_they_are_aligned(void **state)
{
	(void)state;
	assert_int_equal(hr_pages_align_x86_64(64), 1 << 30);
	assert_int_equal(hr_pages_align_x86_64(56), 1 << 30);
	assert_int_equal(hr_pages_align_x86_64(0), 0);
	assert_int_equal(hr_pages_align_arm64(64, 4096), 8 << 20);    /* 131072 of 64 bytes */
	assert_int_equal(hr_pages_align_arm64(64, 65536), 512 << 10); /* 8192 of 64 bytes */
	assert_int_equal(hr_pages_align_arm64(56, 4096), 0);
	assert_int_equal(hr_pages_align_arm64(0, 4096), 0);
}

/* Documentation/admin-guide/mm/multigen_lru.rst: 0x0001 is the main switch. */
static void only_the_main_switch_counts(void **state)
{
	(void)state;
	assert_true(hr_pages_lru_gen("0x0007"));
	assert_true(hr_pages_lru_gen("0x0001\n"));
	assert_true(hr_pages_lru_gen("0x000b"));
	assert_false(hr_pages_lru_gen("0x0006"));
	assert_false(hr_pages_lru_gen("0x000e\n"));
	assert_false(hr_pages_lru_gen("0x0000"));
	assert_false(hr_pages_lru_gen("0x"));
	assert_false(hr_pages_lru_gen("y"));
	assert_false(hr_pages_lru_gen(""));
}

static int learn(uint64_t marks, uint64_t marks_again, uint64_t *ret)
{
	const struct hr_page_own round[2] = {{.marks = marks}, {.marks = marks_again}};

	*ret = 1;
	return hr_pages_learn(round, ret);
}

static void a_count_is_one_bit_or_two_side_by_side(void **state)
{
	static const uint64_t none[][2] = {{0, 0}, {3ULL << 43, 0}, {0, 3ULL << 43},
		{5ULL << 43, 5ULL << 43}, {7ULL << 43, 7ULL << 43},
		{1ULL << 63 | 1, 1ULL << 63 | 1}};
	uint64_t count;

	(void)state;
	assert_int_equal(learn(3ULL << 43, 3ULL << 43, &count), 0);
	assert_true(count == 3ULL << 43);
	assert_int_equal(learn(1ULL << 63, 1ULL << 63, &count), 0);
	assert_true(count == 1ULL << 63);
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		assert_int_equal(learn(none[i][0], none[i][1], &count), -EAGAIN);
		assert_true(count == 0);
	}
}

/* Up to 6.13 it comes first: then the count, if any, tells nothing more.  Twice, or by chance. */
static void where_workingset_comes_first_it_is_enough(void **state)
{
	const struct hr_page_own with = {.workingset = 1, .marks = 3ULL << 43},
				 alone = {.workingset = 1}, without = {0};
	uint64_t count;

	(void)state;
	assert_int_equal(hr_pages_learn((struct hr_page_own[]){with, with}, &count), 0);
	assert_true(count == 3ULL << 43);
	assert_int_equal(hr_pages_learn((struct hr_page_own[]){with, alone}, &count), 0);
	assert_true(count == 0);
	assert_int_equal(hr_pages_learn((struct hr_page_own[]){alone, alone}, &count), 0);
	assert_int_equal(hr_pages_learn((struct hr_page_own[]){alone, without}, &count), -EAGAIN);
	assert_int_equal(hr_pages_learn((struct hr_page_own[]){without, with}, &count), -EAGAIN);
}

/* The doctor's line has room for 79 characters. */
static void each_reason_fits_its_line(void **state)
{
	static const char begin[] = "cache used again: only what is mapped is known: ";
	static const int why[] = {EAGAIN, ENODATA, EOPNOTSUPP, EPERM, ENOMEM};

	(void)state;
	for (size_t i = 0; i < sizeof(why) / sizeof(*why); i++)
		assert_true(strlen(begin) + strlen(hr_pages_why(-why[i], strerror(why[i]))) <
			    HR_REASON_LEN);
	assert_string_not_equal(hr_pages_why(-EAGAIN, ""), hr_pages_why(-ENODATA, ""));
	assert_string_equal(hr_pages_why(-EPERM, "x"), "x");
}

/* 300 of 400 frames with a file's page were used again: three quarters of 100 MiB. */
static void the_share_is_of_the_pages_of_files(void **state)
{
	struct hr_page_seen s = {.looked = 2000, .file = 400, .active = 20, .again = 300};

	(void)state;
	assert_int_equal(hr_pages_again(&s, 104857600), 78643200);
	assert_int_equal(hr_pages_again(&s, 0), 0);
	s = (struct hr_page_seen){.looked = 2000};
	assert_int_equal(hr_pages_again(&s, 104857600), 0);
	s.looked = 256; /* of 2048 */
	assert_true(hr_pages_met(&s));
	s.looked = 255;
	assert_false(hr_pages_met(&s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zones_are_ranges_of_frames),
		cmocka_unit_test(zones_that_are_none_are_refused),
		cmocka_unit_test(the_ends_of_memory_are_those_of_all_zones),
		cmocka_unit_test(struct_pages_begin_where_they_are_aligned),
		cmocka_unit_test(only_the_main_switch_counts),
		cmocka_unit_test(a_count_is_one_bit_or_two_side_by_side),
		cmocka_unit_test(where_workingset_comes_first_it_is_enough),
		cmocka_unit_test(each_reason_fits_its_line),
		cmocka_unit_test(the_share_is_of_the_pages_of_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
