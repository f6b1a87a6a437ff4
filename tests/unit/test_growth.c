/* SPDX-License-Identifier: Apache-2.0 */
/* How memory grows with load: the slope by hand, when there is none, and a service's answer. */
#include "tests/unit/estimate_fixture.h"

#include <stdlib.h>

#include "collector/core/days.h"
#include "collector/core/growth.h"
#include "collector/core/vm.h"

#define DAYS HR_GROWTH_DAYS_MAX
#define FROM (DAYS - HR_GROWTH_DAYS_MIN) /* of 14 days the first */

static void the_slope_is_the_median_of_all_pairs(void **state)
{
	/* example 13: slopes -6 1 1 1 1 1 1 3.3333 4.5 8; variance 16.6667; c = 6.7157 */
	const double x[] = {0, 1, 2, 3, 4}, y[] = {0, 1, 2, 10, 4};
	struct hr_growth_line l;

	(void)state;
	assert_true(hr_growth_line(x, y, 5, 1.645, &l));
	assert_int_equal(l.pairs, 10);
	fx_near(l.slope, 1, 1e-12);
	fx_near(l.lo, 1, 1e-12);
	fx_near(l.hi, 8, 1e-12);
	/* without an interval the two about the middle */
	assert_true(hr_growth_line(x, y, 5, 0, &l));
	fx_near(l.hi, 1, 1e-12);
}

static void days_of_the_same_work_are_ties(void **state)
{
	/* slopes 2 4 4 6; variance (156 - 18 - 18) / 18 = 6.667 */
	const double x[] = {1, 1, 2, 2}, y[] = {0, 2, 4, 6}, same[] = {3, 3, 3, 3};
	struct hr_growth_line l;

	(void)state;
	assert_true(hr_growth_line(x, y, 4, 0.5, &l)); /* c = 1.291: ranks 1 and 3 */
	assert_int_equal(l.pairs, 4);
	fx_near(l.slope, 4, 1e-12);
	fx_near(l.lo, 4, 1e-12);
	fx_near(l.hi, 6, 1e-12);
	assert_true(hr_growth_line(x, y, 4, 1.645, &l)); /* c = 4.247: more than there are */
	fx_near(l.lo, 2, 1e-12);
	fx_near(l.hi, 6, 1e-12);
	assert_false(hr_growth_line(same, y, 4, 1.645, &l));
}

/* The last @n days: work 10, 11, 12 ... and memory 20 + @slope of it. */
static void line_of(double slope, uint32_t n, double work[DAYS], double used[DAYS])
{
	for (uint32_t i = 0; i < DAYS; i++) {
		work[i] = used[i] = NAN;
		if (i < DAYS - n)
			continue;
		work[i] = 10 + i - (DAYS - n);
		used[i] = 20 + slope * work[i];
	}
}

static void what_goes_with_the_load_is_the_slope_times_todays_work(void **state)
{
	double work[DAYS], used[DAYS];
	struct hr_growth g;

	(void)state;
	line_of(2, 14, work, used);
	hr_growth_fit(work, used, 0, &g);
	assert_int_equal(g.state, HR_GROWTH_KNOWN);
	assert_int_equal(g.days, 14);
	fx_near(g.part, 46, 1e-9); /* of 66 in use on the day with work 23 */
	fx_near(g.part_lo, 46, 1e-9);
	fx_near(g.part_hi, 46, 1e-9);
	/* codes of 3 %: 0.03 x (1 + 52) over work 11 to 22, times 23 */
	hr_growth_fit(work, used, 0.03, &g);
	assert_int_equal(g.state, HR_GROWTH_KNOWN);
	fx_near(g.part_hi - g.part, 1.59 / 11 * 23, 1e-9);
	fx_near(g.part - g.part_lo, 1.59 / 11 * 23, 1e-9);
	/* today's load is the busiest of the last seven days, not the last one */
	work[DAYS - 1] = 5;
	used[DAYS - 1] = 30;
	hr_growth_fit(work, used, 0, &g);
	fx_near(g.part, 44, 1e-9);
}

static void memory_that_stays_or_falls_tells_nothing(void **state)
{
	double work[DAYS], used[DAYS];
	struct hr_growth g;

	(void)state;
	line_of(0, 14, work, used);
	hr_growth_fit(work, used, 0.03, &g);
	assert_int_equal(g.state, HR_GROWTH_FLAT);
	line_of(-0.5, 14, work, used);
	hr_growth_fit(work, used, 0.03, &g);
	assert_int_equal(g.state, HR_GROWTH_FLAT);
	/* 90 % in use: what a code leaves open is 0.03 x 91 / 11 x 23 = 5.7 of the 10 that are
	 * left, k = 2.75 or 8 */
	for (uint32_t i = FROM; i < DAYS; i++)
		used[i] = 90;
	hr_growth_fit(work, used, 0.03, &g);
	assert_int_equal(g.state, HR_GROWTH_UNSURE);
}

static void too_few_even_or_unrelated_days_say_which_they_are(void **state)
{
	double work[DAYS], used[DAYS];
	struct hr_growth g;

	(void)state;
	line_of(2, 14, work, used);
	used[20] = NAN;
	hr_growth_fit(work, used, 0.03, &g);
	assert_int_equal(g.state, HR_GROWTH_DAYS);
	assert_int_equal(g.days, 13);
	for (uint32_t i = FROM; i < DAYS; i++) { /* 20 % */
		work[i] = i % 2 ? 10 : 12;
		used[i] = i % 3 ? 40 : 50;
	}
	work[20] = 40; /* one day is none */
	hr_growth_fit(work, used, 0.03, &g);
	assert_int_equal(g.state, HR_GROWTH_EVEN);
	for (uint32_t i = FROM; i < DAYS; i++)
		work[i] = i % 2 ? 0.1 : 0.2; /* twice as much, but neither says anything in codes */
	hr_growth_fit(work, used, 0.03, &g);
	assert_int_equal(g.state, HR_GROWTH_EVEN);
	for (uint32_t i = FROM; i < DAYS; i++) {
		work[i] = 10 + (i * 5) % 11;
		used[i] = 30 + 30 * (i % 2);
	}
	hr_growth_fit(work, used, 0.03, &g);
	assert_int_equal(g.state, HR_GROWTH_UNSURE);
}

static const char flat[] =
	"how memory grows with load (on days of less work it is not less: no load "
	"needs it, or it is kept when load goes)";

static const char *said(const struct bench *b)
{
	for (uint8_t i = 0; i < b->e.r.n_missing; i++)
		if (strstr(b->e.r.missing[i].evidence, "memory grows"))
			return b->e.r.missing[i].evidence;
	return "";
}

static void memory_reaches_as_far_as_what_goes_with_the_load(void **state)
{
	struct bench *b = *state;
	/* example 13: 800 of 4096 MB go with the load; the interval begins at 600 */
	struct hr_growth g = {.state = HR_GROWTH_KNOWN,
		.days = 20,
		.part = 800 / 40.96,
		.part_lo = 600 / 40.96,
		.part_hi = 900 / 40.96};

	b->x.growth = &g;
	b->m.ctr[HR_CTR_MEM_AVAILABLE_BYTES] = 1200 * FX_MIB;
	b->m.ctr[HR_CTR_MEM_ANON_BYTES] = 2000 * FX_MIB;
	hr_model_memory(&b->x, &b->e);
	fx_near(b->e.r.headroom.at_least.v, 1.6, 1e-12); /* all of it: 1 + 1200 / 2000 */
	fx_near(b->e.r.headroom.likely.v, 2.5, 1e-9);
	fx_near(b->e.r.headroom.at_most.v, 1.25 * 3, 1e-9);
	fx_near(b->e.at[HR_SIZE_MEMORY].likely.v, 7.62, 1e-9); /* 1 + (1200 + 4096) / 800 */
	fx_near(b->e.at[HR_SIZE_BOTH].likely.v, 7.62, 1e-9);
	assert_string_equal(said(b), "");
	/* page cache that is used again is no room: likely, as at_least, is of what is left */
	b->m.ctr[HR_CTR_MEM_ACTIVE_FILE_BYTES] = 400 * FX_MIB;
	hr_model_memory(&b->x, &b->e);
	fx_near(b->e.r.headroom.at_least.v, 1.4, 1e-12);
	fx_near(b->e.r.headroom.likely.v, 2, 1e-9);
	fx_near(b->e.r.headroom.at_most.v, 1.25 * 3, 1e-9);
	fx_near(b->e.at[HR_SIZE_VCPUS].likely.v, 2.5, 1e-9);
	/* more than is there cannot go with it */
	b->m.ctr[HR_CTR_MEM_ANON_BYTES] = 500 * FX_MIB;
	hr_model_memory(&b->x, &b->e);
	fx_near(b->e.r.headroom.likely.v, 2.6, 1e-9);
	fx_near(b->e.r.headroom.at_least.v, 2.6, 1e-9);
	b->m.ctr[HR_CTR_MEM_ANON_BYTES] = 0; /* nothing grows */
	hr_model_memory(&b->x, &b->e);
	fx_near(b->e.r.headroom.likely.v, 8, 0);
	fx_near(b->e.r.headroom.at_least.v, 8, 0);
	assert_true(b->e.r.headroom.capped);
	assert_false(b->e.r.headroom.at_most.has);
}

static void what_is_missing_is_what_would_tell_it(void **state)
{
	struct bench *b = *state;
	struct hr_growth g = {.days = 0};

	hr_model_memory(&b->x, &b->e); /* one look: no days are kept */
	assert_string_equal(said(b),
		"how memory grows with load (the service learns it from 14 days that differ in "
		"work)");
	assert_false(b->e.r.headroom.likely.has);
	b->x.growth = &g;
	hr_model_memory(&b->x, &b->e);
	assert_string_equal(said(b), "how memory grows with load (14 more days of daily peaks)");
	assert_true(b->e.r.missing[0].available_ms == b->m.to_ms + 14 * 86400000ULL);
	g.days = 13;
	hr_model_memory(&b->x, &b->e);
	assert_string_equal(said(b), "how memory grows with load (1 more day of daily peaks)");
	g.days = 20;
	g.state = HR_GROWTH_EVEN;
	hr_model_memory(&b->x, &b->e);
	assert_string_equal(said(b),
		"how memory grows with load (daily peaks of work that differ by 30 %: those of the "
		"last 20 days do not)");
	g.state = HR_GROWTH_FLAT;
	hr_model_memory(&b->x, &b->e);
	assert_string_equal(said(b), flat);
	g.state = HR_GROWTH_UNSURE;
	hr_model_memory(&b->x, &b->e);
	assert_string_equal(said(b),
		"how memory grows with load (in the last 20 days its daily peaks did not follow "
		"those of work closely enough)");
	assert_false(b->e.r.headroom.likely.has);
	assert_false(b->e.r.headroom.at_most.has);
}

/* 0 to 1, by chance. */
static double chance(struct hr_rand *r)
{
	return (double)hr_rand_below(r, 1 << 24) / (1 << 24);
}

struct life {
	double weekend;     /* work of it, of a weekday's */
	double fixed, goes; /* MiB, and those that go with the load */
	double noise;       /* of memory, a whole day's */
	double leaks;       /* MiB a day */
	bool keeps;         /* what it has had: nothing is given back */
	uint32_t seed;
};

/*
 * 20 days of windows of five minutes: 2 CPUs busy for 20 % at a weekday's peak, 5 % at night, 10 %
 * more or less each day and 3 % more or less each window; 300 MiB are the kernel's.
 */
static struct hr_answer *lived(const struct life *l, bool stored)
{
	struct hr_model_conf c;
	struct hr_facts f = fx_facts();
	struct hr_answer *a = calloc(1, sizeof(*a));
	static unsigned char bytes[262144];
	struct hr_rand rnd = {.s = l->seed};
	double day = 1, noise = 0, had = 0;
	struct hr_vm *vm;

	hr_model_conf_default(&c);
	vm = hr_vm_new(&c);
	assert_non_null(a);
	assert_non_null(vm);
	hr_vm_facts(vm, &f, FX_T0_MS);
	for (unsigned i = 0; i < 20 * 288; i++) {
		struct hr_summary *s = fx_idle(i);
		double load, anon;

		if (i % 288 == 0) {
			day = (i / 288 % 7 < 5 ? 1 : l->weekend) * (0.9 + 0.2 * chance(&rnd));
			noise = l->noise * (2 * chance(&rnd) - 1);
		}
		load = (0.625 - 0.375 * cos(i % 288 / 288.0 * 2 * M_PI)) * day *
		       (0.97 + 0.06 * chance(&rnd));
		anon = l->fixed + l->goes * load + noise + l->leaks * i / 288;
		had = fmax(had, anon);
		anon = l->keeps ? had : anon;
		s->dur_ms = 300000;
		s->t_end_ms = FX_T0_MS + (i + 1) * 300000ULL;
		s->ctr[HR_CTR_ONCPU_NS] = (uint64_t)(load * 0.2 * 2 * 300e9);
		s->ctr[HR_CTR_MEM_ANON_BYTES] = (uint64_t)(anon * FX_MIB);
		s->ctr[HR_CTR_MEM_AVAILABLE_BYTES] = (uint64_t)((4096 - 300 - anon) * FX_MIB);
		s->ctr[HR_CTR_MEM_FREE_BYTES] = s->ctr[HR_CTR_MEM_AVAILABLE_BYTES] / 2;
		hr_vm_add(vm, s);
		free(s);
	}
	if (stored) {
		size_t n = hr_vm_encode(vm, bytes, sizeof(bytes));
		bool no_memory;

		hr_vm_free(vm);
		vm = hr_vm_decode(&c, bytes, n, &no_memory);
		assert_non_null(vm);
	}
	hr_vm_answer(vm, "vm", FX_T0_MS + 20 * 86400000ULL, a);
	hr_vm_free(vm);
	return a;
}

static const char *growth_missing(const struct hr_answer *a)
{
	const struct hr_res_answer *r = fx_res(a, HR_RES_MEMORY);

	for (uint8_t i = 0; i < r->n_missing; i++)
		if (strstr(r->missing[i].evidence, "memory grows"))
			return r->missing[i].evidence;
	return "";
}

struct score {
	unsigned told, near, held;
};

static void score(const struct life *l, struct score *n)
{
	struct hr_answer *a = lived(l, l->seed % 2);
	const struct hr_bounds *b = &fx_res(a, HR_RES_MEMORY)->headroom;
	/* at a busy weekday's peak */
	double goes = 1.07 * l->goes, truth = fmin(1 + (3796 - l->fixed - goes) / goes, 8);

	assert_true(b->at_least.has && b->at_least.v < truth);
	if (b->likely.has) {
		n->told++;
		n->near += b->likely.v < 1.2 * truth && b->likely.v > truth / 1.2;
		n->held += !b->at_most.has || b->at_most.v >= truth;
		assert_string_equal(growth_missing(a), "");
	} else {
		assert_false(b->at_most.has);
		assert_true(strlen(growth_missing(a)) > 0);
	}
	free(a);
}

static void a_service_tells_how_far_memory_reaches(void **state)
{
	/* k 2.1, 4.4, 2.1 and 2.1; the last one's memory goes by chance as much as with load */
	struct life l[] = {
		{.weekend = 0.6, .fixed = 400, .goes = 1500, .noise = 60},
		{.weekend = 0.6, .fixed = 1000, .goes = 600, .noise = 30},
		{.weekend = 0.5, .fixed = 2000, .goes = 800, .noise = 40},
		{.weekend = 0.6, .fixed = 400, .goes = 1500, .noise = 500},
	};
	const unsigned lives = getenv("HR_TEST_QUICK") ? 2 : 20; /* valgrind's are slow */
	struct score n[4] = {{0}};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		for (l[i].seed = 1; l[i].seed <= lives; l[i].seed++)
			score(&l[i], &n[i]);
		print_message("of %u lives %u told, %u within 20 %%, %u in the interval\n", lives,
			n[i].told, n[i].near, n[i].held);
	}
	if (lives < 20)
		return;
	/* the days' codes are 3 % wide: memory must move by several of them to be told */
	assert_true(n[0].told >= 18);
	assert_true(n[3].told < 5);
	for (unsigned i = 0; i < 4; i++)
		assert_true(n[i].near * 10 >= n[i].told * 9 && n[i].held * 10 >= n[i].told * 9);
}

/* It grows with time, and the load has weekends: nothing of it is taken for the load's. */
static void a_leak_is_no_growth_with_load(void **state)
{
	(void)state;
	for (uint32_t seed = getenv("HR_TEST_QUICK") ? 10 : 1; seed <= 10; seed++) {
		struct life l = {.weekend = 0.6, .fixed = 400, .leaks = 100, .seed = seed};
		struct hr_answer *a = lived(&l, false);
		const struct hr_bounds *b = &fx_res(a, HR_RES_MEMORY)->headroom;

		assert_false(b->likely.has);
		assert_false(b->at_most.has);
		assert_non_null(strstr(growth_missing(a), "closely enough"));
		free(a);
	}
}

/*
 * Memory that is fixed, truth 8, and malloc that gives nothing back, truth 2.1, look the same: no
 * likely is told of either, and at_least is below both.
 */
static void memory_that_is_no_less_on_quiet_days_stays_unknown(void **state)
{
	struct life l[] = {
		{.weekend = 0.6, .fixed = 1000, .seed = 1},
		{.weekend = 0.6, .fixed = 400, .goes = 1500, .keeps = true, .seed = 1},
	};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct hr_answer *a = lived(&l[i], false);
		const struct hr_bounds *b = &fx_res(a, HR_RES_MEMORY)->headroom;

		assert_false(b->likely.has);
		assert_false(b->at_most.has);
		assert_string_equal(growth_missing(a), flat);
		assert_true(b->at_least.v > (i ? 1.7 : 3.5) && b->at_least.v < (i ? 2.1 : 3.8));
		free(a);
	}
}

static void without_days_that_differ_memory_stays_unknown(void **state)
{
	struct life l = {.weekend = 1, .fixed = 400, .goes = 1500, .noise = 60, .seed = 3};
	struct hr_answer *a = lived(&l, true);

	(void)state;
	assert_false(fx_res(a, HR_RES_MEMORY)->headroom.likely.has);
	assert_false(fx_res(a, HR_RES_MEMORY)->headroom.at_most.has);
	assert_string_equal(growth_missing(a),
		"how memory grows with load (daily peaks of work that differ by 30 %: those of the "
		"last 19 days do not)");
	free(a);
	l = (struct life){.weekend = 0.6, .fixed = 1500, .goes = 0, .noise = 1000, .seed = 3};
	a = lived(&l, true);
	assert_false(fx_res(a, HR_RES_MEMORY)->headroom.likely.has);
	assert_non_null(strstr(growth_missing(a), "did not follow those of work closely enough"));
	free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_slope_is_the_median_of_all_pairs),
		cmocka_unit_test(days_of_the_same_work_are_ties),
		cmocka_unit_test(what_goes_with_the_load_is_the_slope_times_todays_work),
		cmocka_unit_test(memory_that_stays_or_falls_tells_nothing),
		cmocka_unit_test(too_few_even_or_unrelated_days_say_which_they_are),
		cmocka_unit_test_setup_teardown(
			memory_reaches_as_far_as_what_goes_with_the_load, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_is_missing_is_what_would_tell_it, setup, teardown),
		cmocka_unit_test(a_service_tells_how_far_memory_reaches),
		cmocka_unit_test(a_leak_is_no_growth_with_load),
		cmocka_unit_test(memory_that_is_no_less_on_quiet_days_stays_unknown),
		cmocka_unit_test(without_days_that_differ_memory_stays_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
