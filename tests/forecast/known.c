/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Known truth: generated loads that grow by g a day, with weekdays, noise, steps, outliers, gaps
 * and leaks that restarts empty.  The generator of answer-model 14.5: use = 30 e^(g d) x weekday x
 * log-normal noise, limit 80, g of 0, 0, 0.2, 0.5, 1, 2, 3 % a day.
 */
#include "tests/forecast/eval.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "collector/core/trend.h"

#define DAYS_MAX   91
#define FAR        1e9
#define MISSED_MAX 2 /* %, of crossings within 30 days: called "no trend" */

struct scene {
	const char *name;
	unsigned days;
	double noise;
	bool step, outliers, gaps, leak;
	/* to reach, %: intervals that hold the truth (or so few dates that they may); false alarms;
	 * 0: only printed */
	double cover_lo, cover_hi, false_max;
};

static const struct scene scenes[] = {
	{"28 d, 5 %", 28, 0.05, false, false, false, false, 85, 95, 2},
	{"28 d, 5 %, step", 28, 0.05, true, false, false, false, 85, 95, 2},
	{"28 d, 5 %, outliers", 28, 0.05, false, true, false, false, 85, 95, 2},
	{"28 d, 5 %, a tenth of the days missing", 28, 0.05, false, false, true, false, 85, 95, 2},
	{"56 d, 10 %", 56, 0.10, false, false, false, false, 85, 95, 2},
	{"56 d, 5 %, step, outliers, gaps", 56, 0.05, true, true, true, false, 85, 95, 2},
	{"56 d, 10 %, step, outliers", 56, 0.10, true, true, false, false, 85, 95, 2},
	{"28 d, 10 %", 28, 0.10, false, false, false, false, 85, 95, 2},
	/* the reference's own weak spot, short and noisy: a date for one series in fifty */
	{"28 d, 10 %, step, outliers", 28, 0.10, true, true, false, false, 85, 95, 2},
	{"28 d, leak of 4 % a day, restart each week", 28, 0.05, false, false, false, true, 0, 100,
		2},
};

/* splitmix64 (S. Vigna). */
static uint64_t next(uint64_t *s)
{
	uint64_t z = (*s += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static double uniform(uint64_t *s)
{
	return ((double)(next(s) >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(uint64_t *s)
{
	double r = sqrt(-2 * log(uniform(s)));

	return r * cos(2 * M_PI * uniform(s));
}

/* Fills h = ln(limit / use); returns the days until the noiseless busiest weekday is at the limit.
 */
static double series(const struct scene *s, uint64_t *seed, double h[DAYS_MAX], double *ret_g)
{
	static const double growth[] = {0, 0, 0.002, 0.005, 0.01, 0.02, 0.03};
	static const double week[7] = {1, 1.02, 1.03, 1, 0.97, 0.7, 0.65};
	double g = s->leak ? 0 : growth[next(seed) % 7], level = 1, now;
	unsigned at = (unsigned)(s->days * (0.3 + 0.5 * uniform(seed)));
	double jump = s->step ? 0.6 + uniform(seed) : 1;

	for (unsigned d = 0; d < s->days; d++) {
		double use;

		level = s->step && d == at ? level * jump : level;
		use = 30 * exp(g * d) * week[d % 7] * level * exp(s->noise * normal(seed));
		if (s->leak)
			use *= 1 + 0.04 * (d % 7);
		if (s->outliers && uniform(seed) < 0.04)
			use *= uniform(seed) < 0.5 ? 1.8 : 0.3;
		h[d] = s->gaps && uniform(seed) < 0.1 ? NAN : log(80 / use);
	}
	*ret_g = g;
	now = 30 * exp(g * (s->days - 1)) * 1.03 * level;
	if (now >= 80)
		return 0;
	return g > 0 ? log(80 / now) / g : FAR;
}

/* Two standard errors of a share of @percent seen @n times, in points. */
static double slack(double percent, unsigned n)
{
	return 2 * sqrt(percent * (100 - percent) / fmax(n, 1));
}

/* Score of one scene; the number of bounds it misses. */
static int score(const struct scene *s, unsigned n, uint64_t seed)
{
	unsigned held = 0, dates = 0, alarms = 0, quiet = 0, missed = 0, soon = 0, unsure = 0;
	double err = 0, cover, false_rate;
	int bad = 0;

	for (unsigned i = 0; i < n; i++) {
		double h[DAYS_MAX], g, truth = series(s, &seed, h, &g);
		struct hr_trend t;
		bool confirmed;

		hr_trend_fit(&(struct hr_trend_in){.h = h, .n = s->days, .target = 0}, &t);
		confirmed = t.kind == HR_TREND_CONFIRMED;
		if (truth > 120) {
			quiet++;
			alarms += confirmed && t.likely.has && t.likely.v < 30;
		}
		if (truth > 0 && truth < 30) {
			soon++;
			missed += t.kind == HR_TREND_NONE;
			unsure += t.kind == HR_TREND_UNCONFIRMED;
		}
		if (confirmed && g > 0 && truth > 0 && truth < 2 * s->days) {
			dates++;
			held += (!t.early.has ? truth >= t.limit_days : t.early.v <= truth + 1) &&
				(!t.late.has || t.late.v >= truth - 1);
			err += fabs(
				log(fmax(t.likely.has ? t.likely.v : t.limit_days, 0.5) / truth));
		}
	}
	cover = dates ? 100.0 * held / dates : 100;
	false_rate = quiet ? 100.0 * alarms / quiet : 0;
	printf("%-44s %4u dates, interval holds %5.1f %%, typical error x%.2f; false alarms %.1f "
	       "%% of "
	       "%u; soon: %u of %u called no trend, %u unconfirmed\n",
		s->name, dates, cover, dates ? exp(err / dates) : 1, false_rate, quiet, missed,
		soon, unsure);
	if (s->cover_lo > 0 && (cover < s->cover_lo - slack(s->cover_lo, dates) ||
				       cover > s->cover_hi + slack(s->cover_hi, dates)))
		bad++;
	if (s->false_max > 0 && false_rate > s->false_max)
		bad++;
	if (soon && 100.0 * missed / soon > MISSED_MAX)
		bad++;
	if (bad)
		printf("   ^ outside: to hold %.0f-%.0f %%, false alarms <= %.0f %%, missed <= %d "
		       "%%\n",
			s->cover_lo, s->cover_hi, s->false_max, MISSED_MAX);
	return bad;
}

int eval_known(unsigned n, uint64_t seed)
{
	int bad = 0;

	printf("## known truth, %u series each, seed %llu\n", n, (unsigned long long)seed);
	for (unsigned i = 0; i < sizeof(scenes) / sizeof(*scenes); i++)
		bad += score(&scenes[i], n, seed);
	return bad;
}
