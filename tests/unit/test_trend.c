/* SPDX-License-Identifier: Apache-2.0 */
/* Dates from daily headroom: worked examples F1-F5 of answer-model 13.14, gaps, known events. */
#include "tests/unit/hr_cmocka.h"
#include "tests/unit/model_fixture.h"

#include "collector/core/trend.h"
#include "collector/core/weekdays.h"

static const double season[7] = {0, 0, 0, 0, 0, 0.3, 0.35};
static const double e[28] = {3, -1, 4, -1, -5, 2, -6, 5, -3, 5, -8, 1, -4, 2, 3, -2, 6, -4, 1, -3,
	5, -2, -6, 4, 0, -1, 2, -3};

/* ln 3 + slope d + S + 0.01 e (or none), less 0.4 from day 17 on when @step. */
static void series(double h[28], double slope, bool noise, bool step)
{
	for (int d = 0; d < 28; d++)
		h[d] = log(3) + slope * d + season[d % 7] + (noise ? 0.01 * e[d] : 0) -
		       (step && d >= 17 ? 0.4 : 0);
}

static struct hr_trend fit(const double *h, uint32_t n)
{
	struct hr_trend t;

	hr_trend_fit(&(struct hr_trend_in){.h = h, .n = n, .target = log(1.3)}, &t);
	return t;
}

static void weekdays_are_what_they_add_whatever_the_slope(void **state)
{
	double h[28], s[HR_WEEKDAYS], z[28];

	(void)state;
	series(h, -0.01, false, false);
	h[9] = NAN; /* a hole takes no weekday along */
	hr_weekdays(h, 28, 0, s, z);
	for (unsigned w = 0; w < HR_WEEKDAYS; w++)
		fx_near(s[w], season[w] - 0.65 / 7, 1e-12);
	for (unsigned d = 0; d < 28; d++)
		assert_true(
			d == 9 ? isnan(z[d]) : fabs(z[d] - (log(3) - 0.01 * d + 0.65 / 7)) < 1e-12);
	hr_weekdays(h, 13, 0, s, z); /* less than two of each */
	fx_near(s[5], 0, 0);
	fx_near(z[5], h[5], 0);
}

/* A step of 0.1 hides in this noise and is not cut: the slope takes it for its own. */
static void a_suspected_step_widens_the_interval(void **state)
{
	static const double up[6] = {0.05, -0.04, 0.06, -0.06, 0.03, -0.04};
	struct hr_trend with, without;
	double h[56];

	(void)state;
	for (unsigned d = 0; d < 56; d++)
		h[d] = 2 - 0.02 * d + up[d % 6];
	without = fit(h, 56);
	for (unsigned d = 30; d < 56; d++)
		h[d] -= 0.1;
	with = fit(h, 56);
	assert_int_equal(without.kind, HR_TREND_CONFIRMED);
	assert_int_equal(with.kind, HR_TREND_CONFIRMED);
	assert_int_equal(with.n_cut, 0);
	assert_true(with.slope < -0.022);
	/* at -0.02 the target is (2 - 0.02 x 55 - 0.1 - ln 1.3) / 0.02 days off */
	fx_near((2 - 1.1 - 0.1 - log(1.3)) / 0.02, 26.88, 0.01);
	assert_true(with.likely.v < 22 && with.late.has && with.late.v >= 26.88);
	/* nor is the interval of a series without one wider for it */
	assert_true(without.late.v - without.likely.v < 4);
}

static void a_clean_decline_is_dated_at_its_tightest_weekday(void **state)
{
	struct hr_trend t;
	double h[28];

	(void)state;
	series(h, -0.01, false, false);
	t = fit(h, 28);
	/* the weekdays' mean is 0.65 / 7; level of day 27 = ln 3 - 0.27 + 0.092857 - 0.092857 */
	assert_int_equal(t.kind, HR_TREND_CONFIRMED);
	assert_int_equal(t.n_cut, 0);
	fx_near(t.slope, -0.01, 1e-5);
	fx_near(t.level, log(3) - 0.27, 1e-5);
	/* (0.828612 - 0.262364) / 0.01 = 56.62 days: beyond twice the history */
	assert_false(t.early.has || t.likely.has || t.late.has);
	assert_int_equal(t.limit_days, 56);
	hr_trend_fit(&(struct hr_trend_in){.h = h, .n = 28, .target = log(1.5)}, &t);
	fx_near(t.likely.v, (log(3) - 0.27 - log(1.5)) / 0.01, 1e-3);
	fx_near(t.early.v, t.likely.v, 1e-3);
	fx_near(t.late.v, t.likely.v, 1e-3);
}

static void a_step_is_cut_and_not_taken_for_a_trend(void **state)
{
	struct hr_trend t;
	double h[28];

	(void)state;
	series(h, -0.01, false, true);
	t = fit(h, 28);
	assert_int_equal(t.n_cut, 1);
	assert_int_equal(t.cut[0], 17);
	fx_near(t.slope, -0.01, 1e-5);
	fx_near(t.level, 0.428612, 1e-5);
	fx_near(t.likely.v, 16.6248, 1e-3);
}

static void noise_widens_the_slope_by_kendalls_variance(void **state)
{
	struct hr_trend t;
	double h[28];

	(void)state;
	series(h, -0.01, true, false);
	t = fit(h, 28);
	assert_int_equal(t.kind, HR_TREND_CONFIRMED);
	assert_int_equal(t.n_cut, 0);
	fx_near(t.slope, -0.010130, 1e-6);
	fx_near(t.lo, -0.012063, 1e-6);
	fx_near(t.hi, -0.008452, 1e-6);
	fx_near(t.likely.v, 53.040, 1e-2);
	/* the reference's early date is 44.54 by the slope alone; the level's error comes on top */
	assert_true(t.early.has && t.early.v < 44.54 && t.early.v > 30);
	assert_false(t.late.has);
	series(h, -0.01, true, true);
	t = fit(h, 28);
	assert_int_equal(t.cut[0], 17);
	fx_near(t.slope, -0.009643, 1e-6);
	fx_near(t.likely.v, 13.2405, 1e-3);
}

static void no_slope_is_no_trend_and_growing_headroom_neither(void **state)
{
	struct hr_trend t;
	char text[64];
	double h[28];

	(void)state;
	series(h, 0, true, false);
	t = fit(h, 28);
	assert_int_equal(t.kind, HR_TREND_NONE);
	fx_near(t.slope, -0.000130, 1e-6);
	fx_near(t.hi, 0.001548, 1e-6);
	assert_false(t.early.has || t.likely.has || t.late.has);
	hr_trend_say(&t, text, sizeof(text));
	assert_string_equal(text, "no trend in 28 days");
	series(h, 0.02, true, false);
	assert_int_equal(fit(h, 28).kind, HR_TREND_NONE);
}

static void too_few_days_say_how_many_more(void **state)
{
	struct hr_trend t;
	char text[64];
	double h[28];

	(void)state;
	series(h, -0.01, false, false);
	t = fit(h, 5);
	assert_int_equal(t.kind, HR_TREND_UNKNOWN);
	assert_int_equal(t.need_days, 9);
	hr_trend_say(&t, text, sizeof(text));
	assert_string_equal(text, "unknown: 9 more days needed");
	for (unsigned d = 0; d < 28; d += 2)
		h[d] = NAN;
	assert_int_equal(fit(h, 28).days, 14);
	assert_int_equal(fit(h, 26).need_days, 1);
	assert_int_equal(fit(h, 0).need_days, 14);
}

static void a_gap_is_not_a_step(void **state)
{
	struct hr_trend t;
	double h[28];

	(void)state;
	series(h, -0.03, true, false);
	h[12] = h[13] = h[20] = NAN;
	t = fit(h, 28);
	assert_int_equal(t.n_cut, 0);
	assert_int_equal(t.kind, HR_TREND_CONFIRMED);
	fx_near(t.slope, -0.03, 1.5e-3);
}

static void a_resize_is_always_a_cut(void **state)
{
	bool event[28] = {[9] = true};
	struct hr_trend t;
	double h[28];

	(void)state;
	series(h, -0.02, true, false);
	for (unsigned d = 9; d < 28; d++)
		h[d] += 0.693;
	hr_trend_fit(&(struct hr_trend_in){.h = h, .n = 28, .event = event, .target = 0}, &t);
	assert_true(t.n_cut >= 1);
	assert_int_equal(t.cut[0], 9);
	fx_near(t.slope, -0.02, 2e-3);
}

static void only_the_last_13_weeks_are_read(void **state)
{
	double h[120];
	struct hr_trend t;

	(void)state;
	for (unsigned d = 0; d < 120; d++)
		h[d] = d < 29 ? 5 : 2 - 0.01 * (d - 29);
	t = fit(h, 120);
	assert_int_equal(t.days, 91);
	assert_int_equal(t.n_cut, 0);
	fx_near(t.slope, -0.01, 1e-6);
	fx_near(t.likely.v, (2 - 0.9 - log(1.3)) / 0.01, 1e-3);
}

static void noise_without_growth_rarely_makes_a_date(void **state)
{
	struct hr_rand r = hr_rand_seeded("trend");
	unsigned dates = 0;

	(void)state;
	/*
	 * Of 28 days of noise 1.35 % get a date (the interval leaves 1 %; weekdays are fitted,
	 * too). So of 300 six or fewer are seen by 88 seeds of 100 only; of 4,000 two in a hundred
	 * are 3.6 standard deviations off.
	 */
	for (unsigned i = 0; i < 4000; i++) {
		double h[28];

		for (unsigned d = 0; d < 28; d++)
			h[d] = 0.7 + 0.1 * ((double)hr_rand_below(&r, 1000) / 1000 - 0.5);
		dates += fit(h, 28).kind == HR_TREND_CONFIRMED;
	}
	assert_in_range(dates, 1, 80);
}

static void what_is_not_asked_for_is_none_and_the_rest_the_same(void **state)
{
	struct hr_rand r = hr_rand_seeded("trend-only");
	unsigned kinds[4] = {0};

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		double h[91], slope = -0.0002 * (double)hr_rand_below(&r, 100);
		struct hr_trend all, only, sooner;
		struct hr_trend_in in = {.h = h, .n = 91, .target = 0};

		for (unsigned d = 0; d < 91; d++)
			h[d] = hr_rand_below(&r, 20) == 0
				       ? NAN
				       : 2 + slope * d +
						 0.2 * ((double)hr_rand_below(&r, 1000) / 1000);
		hr_trend_fit(&in, &all);
		in.confirmed_only = true;
		hr_trend_fit(&in, &only);
		assert_int_equal(only.kind == HR_TREND_CONFIRMED, all.kind == HR_TREND_CONFIRMED);
		in.before = 40;
		hr_trend_fit(&in, &sooner);
		assert_int_equal(sooner.kind == HR_TREND_CONFIRMED,
			all.kind == HR_TREND_CONFIRMED && all.early.has && all.early.v < 40);
		kinds[all.kind]++;
		if (all.kind != HR_TREND_CONFIRMED)
			continue;
		fx_near(only.early.v, all.early.v, 0);
		fx_near(only.likely.v, all.likely.v, 0);
		fx_near(only.late.v, all.late.v, 0);
		kinds[0] += sooner.kind == HR_TREND_CONFIRMED;
	}
	/* the test has seen each of them */
	assert_true(kinds[0] > 0 && kinds[HR_TREND_NONE] > 0);
	assert_true(kinds[HR_TREND_CONFIRMED] > kinds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weekdays_are_what_they_add_whatever_the_slope),
		cmocka_unit_test(a_suspected_step_widens_the_interval),
		cmocka_unit_test(a_clean_decline_is_dated_at_its_tightest_weekday),
		cmocka_unit_test(a_step_is_cut_and_not_taken_for_a_trend),
		cmocka_unit_test(noise_widens_the_slope_by_kendalls_variance),
		cmocka_unit_test(no_slope_is_no_trend_and_growing_headroom_neither),
		cmocka_unit_test(too_few_days_say_how_many_more),
		cmocka_unit_test(a_gap_is_not_a_step),
		cmocka_unit_test(a_resize_is_always_a_cut),
		cmocka_unit_test(only_the_last_13_weeks_are_read),
		cmocka_unit_test(noise_without_growth_rarely_makes_a_date),
		cmocka_unit_test(what_is_not_asked_for_is_none_and_the_rest_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
