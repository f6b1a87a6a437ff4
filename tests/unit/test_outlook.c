/* SPDX-License-Identifier: Apache-2.0 */
/* Probability of a sustained crossing, bound of next week, full stocks, order statistics. */
#include "tests/unit/hr_cmocka.h"
#include "tests/unit/model_fixture.h"

#include "collector/core/bound.h"
#include "collector/core/crossing.h"
#include "collector/core/rank.h"
#include "collector/core/slopes.h"
#include "collector/core/stock.h"

static int cmp(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void selection_agrees_with_sorting(void **state)
{
	struct hr_rand r = hr_rand_seeded("rank");

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		double a[40], b[40];
		size_t n = 1 + hr_rand_below(&r, 40), k = hr_rand_below(&r, n);

		for (size_t j = 0; j < n; j++)
			a[j] = b[j] = (double)hr_rand_below(&r, 1 + hr_rand_below(&r, 30));
		qsort(b, n, sizeof(*b), cmp);
		fx_near(hr_rank_select(a, n, k), b[k], 0);
		fx_near(hr_rank_median(a, n), (b[n / 2] + b[(n - 1) / 2]) / 2, 0);
		fx_near(hr_rank_quantile(a, n, 1), b[n - 1], 0);
	}
	fx_near(hr_rank_quantile((double[]){4, 1, 3, 2}, 4, 0.5), 2.5, 0);
	fx_near(hr_rank_quantile((double[]){10, 20}, 2, 0.95), 19.5, 1e-12);
	assert_true(isnan(hr_rank_median(NULL, 0)));
}

/* @got is the @rank-th of @sorted, or as near as many values are promised to be. */
static void near_rank(double got, const double *sorted, size_t n, size_t rank, double eps)
{
	size_t off = n / HR_RANK_NEAR, lo = rank > off ? rank - off : 0;
	size_t hi = rank + off < n ? rank + off : n - 1;

	assert_true(got >= sorted[lo] - eps);
	assert_true(got <= sorted[hi] + eps);
}

static void ranks_of_many_agree_with_sorting(void **state)
{
	struct hr_rand r = hr_rand_seeded("picks");
	static float v[4095], was[4095];
	static double sorted[4095];

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		size_t n = 1 + hr_rand_below(&r, 4095);
		size_t k[3] = {hr_rand_below(&r, n), n / 2, hr_rand_below(&r, n)};
		uint64_t shape = hr_rand_below(&r, 4);
		float got[3];

		for (size_t j = 0; j < n; j++) {
			double u = (double)hr_rand_below(&r, 1000001) / 1e6 - 0.5;

			/* even; few values; a dense middle with far tails; all alike but some */
			v[j] = (float)(shape == 0   ? u
				       : shape == 1 ? floor(u * 5)
				       : shape == 2 ? 1e6 * u * u * u * u * u
						    : (double)(u > 0.49));
			sorted[j] = (double)v[j];
		}
		memcpy(was, v, n * sizeof(*v));
		qsort(sorted, n, sizeof(*sorted), cmp);
		hr_rank_picks(v, n, k, 3, got);
		assert_memory_equal(v, was, n * sizeof(*v));
		for (unsigned m = 0; m < 3; m++)
			near_rank((double)got[m], sorted, n, k[m], 0);
		if (n < HR_RANK_NEAR)
			fx_near((double)hr_rank_middle(v, n, n),
				(sorted[n / 2] + sorted[(n - 1) / 2]) / 2,
				(fabs(sorted[n / 2]) + fabs(sorted[(n - 1) / 2])) * 1e-7);
		else
			near_rank((double)hr_rank_middle(v, n, n), sorted, n, n / 2, 0);
		for (size_t j = 0; j < n;
			j += 3) /* what is not there changes no rank of the rest */
			v[j] = INFINITY;
		for (size_t j = 0; j < n; j++)
			sorted[j] = (double)v[j];
		qsort(sorted, n, sizeof(*sorted), cmp);
		hr_rank_picks(v, n, (size_t[1]){(n - 1) / 3}, 1, got);
		if (n > 3)
			near_rank((double)got[0], sorted, n, (n - 1) / 3, 0);
	}
}

static void slopes_are_counted_and_ranked_inside_pieces(void **state)
{
	static double slope[4095];
	struct hr_rand r = hr_rand_seeded("slopes");

	(void)state;
	for (unsigned k = 0; k < 200; k++) {
		uint16_t from[4] = {0, 30, 70, 91};
		uint32_t start = (uint32_t)hr_rand_below(&r, 60), n = 0, below = 0;
		double z[91], b = 0.05 * ((double)hr_rand_below(&r, 1000) / 1000 - 0.5), got[2];
		struct hr_slopes s;

		for (unsigned d = 0; d < 91; d++) /* thousandths: no two slopes nearly equal b */
			z[d] = hr_rand_below(&r, 5) == 0 ? NAN
							 : (double)hr_rand_below(&r, 4000) / 1000;
		b += 1e-5 * sqrt(2);
		for (unsigned p = 0; p < 3; p++)
			for (unsigned i = from[p]; i < from[p + 1]; i++)
				for (unsigned j = i + 1; j < from[p + 1]; j++)
					if (i >= start && !isnan(z[i]) && !isnan(z[j]))
						slope[n++] = (z[j] - z[i]) / (j - i);
		for (unsigned i = 0; i < n; i++)
			below += slope[i] < b;
		qsort(slope, n, sizeof(*slope), cmp);
		hr_slopes_of(z, from, 3, start, &s);
		assert_int_equal(s.pairs, n);
		assert_false(hr_slopes_more(&s, b, below));
		assert_true(below == 0 || hr_slopes_more(&s, b, below - 1));
		if (n < 2)
			continue;
		hr_slopes_ranks(&s, (size_t[2]){n / 3, n - 1}, 2, got);
		near_rank(got[0], slope, n, n / 3, 1e-6); /* y to 24 bits, of up to 4 */
		near_rank(got[1], slope, n, n - 1, 1e-6);
	}
	/* Kendall 1938: m (m - 1) (2m + 5) / 18; 10 days: 125, 5 days: 50/3 */
	{
		double z[15] = {0};
		struct hr_slopes s;

		hr_slopes_of(z, (uint16_t[3]){0, 10, 15}, 2, 0, &s);
		fx_near(s.var, 125 + 50 / 3., 1e-9);
	}
}

static void the_middle_of_seven_is_right_for_every_order(void **state)
{
	double many[5];

	(void)state;
	/* a network that sorts every row of zeros and ones sorts everything (Knuth 5.3.4) */
	for (unsigned bits = 0; bits < 128; bits++) {
		unsigned ones = 0;
		double v[7], got;

		for (unsigned i = 0; i < 7; i++) {
			v[i] = bits >> i & 1U;
			ones += bits >> i & 1U;
		}
		hr_rank_medians7(v, 1, &got);
		fx_near(got, ones >= 4, 0);
	}
	/* several windows at a time are each their own */
	hr_rank_medians7((double[]){3, 1, 2, 10, 9, 8, 7, 6, 0, 4, -1}, 5, many);
	fx_near(many[0], 7, 0); /* 1 2 3 7 8 9 10 */
	fx_near(many[1], 7, 0); /* 1 2 6 7 8 9 10 */
	fx_near(many[2], 7, 0); /* 0 2 6 7 8 9 10 */
	fx_near(many[3], 7, 0); /* 0 4 6 7 8 9 10 */
	fx_near(many[4], 6, 0); /* -1 0 4 6 7 8 9 */
}

static void a_level_counts_when_held_for_3_days_of_7(void **state)
{
	double w[10] = {9, 1, 1, 9, 1, 1, 1, 9, 5, 5};

	(void)state;
	/* days 0 and 7 are not of one seven: the best are 2..8 and 3..9, 9 9 5 */
	fx_near(hr_crossing_level(w, 10), 5, 0);
	w[6] = 9; /* 0, 3, 6 */
	fx_near(hr_crossing_level(w, 10), 9, 0);
	fx_near(hr_crossing_level(w, 6), 0, 0);
	w[6] = NAN;
	fx_near(hr_crossing_level(w, 7), 1, 0);
}

static void flat(double w[HR_CROSSING_DAYS], double v)
{
	for (unsigned d = 0; d < HR_CROSSING_DAYS; d++)
		w[d] = v;
}

static void features_are_those_of_the_definition(void **state)
{
	double w[HR_CROSSING_DAYS], x[HR_CROSSING_FEATURES], s = 0;

	(void)state;
	flat(w, 50);
	w[10] = 100;
	w[20] = 5; /* below a fifth of the line of 80: counts as 16 */
	hr_crossing_features(w, 80, x);
	fx_near(x[0], log(80 / 100.), 1e-12);
	fx_near(x[1], log(80 / 50.), 1e-12);
	/* ln(w/80): 26 of a, one of b, one of c; population deviation */
	{
		double a = log(50 / 80.), b = log(100 / 80.), c = log(0.2);
		double m = (26 * a + b + c) / 28;

		s = sqrt((26 * (a - m) * (a - m) + (b - m) * (b - m) + (c - m) * (c - m)) / 28);
		fx_near(x[4], (2 * (b - a) + 2 * (a - c)) / 27, 1e-12);
	}
	fx_near(x[2], s, 1e-12);
	fx_near(x[3], log(2), 1e-12);
	/* 1.6 times the seven days before was never held for three days of seven */
	fx_near(x[5], 0, 0);
	fx_near(x[6], log(2), 1e-12); /* over 64: one day */
	fx_near(x[7], 0, 1e-12);      /* most pairs are equal */
	/* held at 1.6 times from day 14 on, and back: seen from days 8..14, and later not */
	flat(w, 50);
	for (unsigned d = 14; d < 21; d++)
		w[d] = 80;
	w[10] = 20;
	hr_crossing_features(w, 80, x);
	fx_near(x[5], 8 / 15., 1e-12);
}

static void the_probability_is_the_logistic_of_the_features(void **state)
{
	struct hr_crossing c;
	double w[HR_CROSSING_DAYS];

	(void)state;
	flat(w, 40);
	hr_crossing(w, 80, HR_CROSSING_CPU, &c);
	assert_int_equal(c.state, HR_CROSSING_AHEAD);
	/* both distances ln 2, nothing else: the shipped weights of CPU */
	fx_near(c.p, 1 / (1 + exp(2.6373 + (0.5845 + 0.8257) * log(2))), 1e-9);
	assert_int_equal(c.days_over, 0);
}

static void a_week_without_evidence_is_no_low_week(void **state)
{
	double w[HR_CROSSING_DAYS], x[HR_CROSSING_FEATURES], y[HR_CROSSING_FEATURES];

	(void)state;
	/* 40 to 41 and back: nothing here ever rose to twice the week before */
	flat(w, 40);
	w[20] = 41;
	hr_crossing_features(w, 80, x);
	fx_near(x[5], 0, 0);
	for (unsigned d = 5; d < 12; d++) /* a gap of a whole week */
		w[d] = NAN;
	hr_crossing_features(w, 80, y);
	fx_near(y[5], 0, 0);
	fx_near(y[0], x[0], 0);
	fx_near(y[1], x[1], 0);
}

static void all_days_alike_are_told_at_once(void **state)
{
	double w[HR_CROSSING_DAYS], x[HR_CROSSING_FEATURES], y[HR_CROSSING_FEATURES];

	(void)state;
	flat(w, 30);
	w[4] = NAN;
	hr_crossing_features(w, 80, x);
	w[9] += 1e-12; /* the long way */
	hr_crossing_features(w, 80, y);
	for (unsigned i = 0; i < HR_CROSSING_FEATURES; i++)
		fx_near(x[i], y[i], 1e-9);
	fx_near(x[0], log(80 / 30.), 1e-12);
}

static void nearer_and_earlier_over_is_more_likely(void **state)
{
	struct hr_crossing a, b;
	double w[HR_CROSSING_DAYS];

	(void)state;
	flat(w, 40);
	hr_crossing(w, 80, HR_CROSSING_ANY, &a);
	w[3] = w[4] = w[5] = 85; /* three weeks ago it was there, and stayed */
	hr_crossing(w, 80, HR_CROSSING_ANY, &b);
	assert_int_equal(b.state, HR_CROSSING_AHEAD);
	assert_int_equal(b.days_over, 3);
	assert_true(b.p > 2 * a.p);
	w[25] = 81; /* one day of the last week */
	hr_crossing(w, 80, HR_CROSSING_ANY, &b);
	assert_int_equal(b.state, HR_CROSSING_TOUCHED);
	w[26] = w[27] = 81;
	hr_crossing(w, 80, HR_CROSSING_ANY, &b);
	assert_int_equal(b.state, HR_CROSSING_NOW);
}

static void missing_days_are_not_low_days(void **state)
{
	struct hr_crossing c;
	double w[HR_CROSSING_DAYS];

	(void)state;
	flat(w, NAN);
	for (unsigned d = 20; d < 28; d++)
		w[d] = 50;
	hr_crossing(w, 80, HR_CROSSING_ANY, &c);
	assert_int_equal(c.state, HR_CROSSING_UNKNOWN);
	assert_int_equal(c.need_days, 12);
}

static void the_bound_grows_with_the_gap_of_the_peaks(void **state)
{
	(void)state;
	/* no gap: margin factor x 0.05 */
	fx_near(hr_bound_next(50, 50, 0.34), 51 * exp(0.34 * 0.05) - 1, 1e-12);
	/* daily maximum 101, weekly 50: gap ln(102/51) = ln 2 */
	fx_near(hr_bound_next(50, 101, 0.34), 51 * exp(0.34 * (log(2) + 0.05)) - 1, 1e-9);
	assert_true(hr_bound_next(50, 40, 0.34) > 50);
	assert_true(hr_bound_factor(HR_BOUND_CPU, 2) > hr_bound_factor(HR_BOUND_CPU, 3));
	assert_true(hr_bound_factor(HR_BOUND_CPU, 3) > hr_bound_factor(HR_BOUND_CPU, 4));
}

static void the_bound_reads_four_weeks_back_from_the_last_day(void **state)
{
	double day[35], week[35];
	uint32_t held, of;
	struct hr_opt b;

	(void)state;
	for (unsigned d = 0; d < 35; d++) {
		day[d] = 20;
		week[d] = d < 6 ? NAN : 20;
	}
	day[30] = 41;          /* in the last four weeks */
	day[2] = week[6] = 90; /* five weeks ago: no longer */
	b = hr_bound_of(HR_BOUND_CPU, day, week, 35);
	assert_true(b.has);
	fx_near(b.v, 21 * exp(0.34 * (log(2) + 0.05)) - 1, 1e-9);
	assert_false(hr_bound_of(HR_BOUND_CPU, day + 22, week + 22, 13).has);
	/* weeks that ended at day 34 and 27 had two weeks before them; 20 had 14 days, too */
	hr_bound_held(HR_BOUND_CPU, day, week, 35, &held, &of);
	assert_int_equal(of, 3);
	assert_int_equal(held, 3);
	week[34] = 95;
	hr_bound_held(HR_BOUND_CPU, day, week, 35, &held, &of);
	assert_int_equal(held, 2);
}

static void a_steady_disk_is_dated_from_its_mean_growth(void **state)
{
	struct hr_stock s;
	double used[201];

	(void)state;
	for (unsigned d = 0; d < 201; d++)
		used[d] = 100 + d; /* 1 a day, 300 today */
	hr_stock_fit(used, 201, 400, &s);
	assert_int_equal(s.days, 180);
	fx_near(s.per_day, 1, 1e-12);
	fx_near(s.likely.v, 100 * 1.17, 1e-9);
	fx_near(s.early.v, 100 / 1.5, 1e-9);
	hr_stock_fit(used, 201, 320, &s); /* near: the last month's own rate, no caution */
	fx_near(s.likely.v, 20, 1e-9);
	hr_stock_fit(used, 201, 280, &s);
	fx_near(s.likely.v, 0, 0);
	hr_stock_fit(used + 180, 21, 400, &s); /* 20 days of history: no date beyond 40 */
	assert_false(s.likely.has);
	hr_stock_fit(used + 190, 11, 400, &s);
	assert_int_equal(s.need_days, 4);
}

static void a_jump_is_growth_and_a_cleanup_hides_none_of_it(void **state)
{
	struct hr_stock s;
	double used[91];

	(void)state;
	for (unsigned d = 0; d < 91; d++)
		used[d] = d < 80 ? 100 : 190; /* one jump of 90 in 90 days: 1 a day */
	hr_stock_fit(used, 91, 250, &s);
	fx_near(s.per_day, 1, 1e-12);
	/* the last 28 days: 90 / 28 a day, so 60 left last 18.67 days */
	fx_near(s.likely.v, 60 * 28 / 90., 1e-9);
	for (unsigned d = 0; d < 91; d++)
		used[d] = 200 - d;
	hr_stock_fit(used, 91, 250, &s);
	assert_false(s.early.has || s.likely.has);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(selection_agrees_with_sorting),
		cmocka_unit_test(ranks_of_many_agree_with_sorting),
		cmocka_unit_test(slopes_are_counted_and_ranked_inside_pieces),
		cmocka_unit_test(the_middle_of_seven_is_right_for_every_order),
		cmocka_unit_test(a_level_counts_when_held_for_3_days_of_7),
		cmocka_unit_test(features_are_those_of_the_definition),
		cmocka_unit_test(the_probability_is_the_logistic_of_the_features),
		cmocka_unit_test(a_week_without_evidence_is_no_low_week),
		cmocka_unit_test(all_days_alike_are_told_at_once),
		cmocka_unit_test(nearer_and_earlier_over_is_more_likely),
		cmocka_unit_test(missing_days_are_not_low_days),
		cmocka_unit_test(the_bound_grows_with_the_gap_of_the_peaks),
		cmocka_unit_test(the_bound_reads_four_weeks_back_from_the_last_day),
		cmocka_unit_test(a_steady_disk_is_dated_from_its_mean_growth),
		cmocka_unit_test(a_jump_is_growth_and_a_cleanup_hides_none_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
