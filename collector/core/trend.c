/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trend of daily headroom (answer-model 12).  Sources: Theil 1950 and Sen 1968
 * (median of pairwise slopes, interval from Kendall's variance).  z = 2.33 where
 * a textbook has 1.645: neighbouring days are alike, and 1.645 covered 73-90 %
 * of a nominal 90 % on series with known truth.
 */
#include "collector/core/trend.h"
#include "collector/core/cuts.h"
#include "collector/core/rank.h"
#include "collector/core/slopes.h"
#include "collector/core/weekdays.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define DAYS       HR_TREND_DAYS_MAX
#define WEEK       HR_WEEKDAYS
#define MEDIAN_SE  1.253 /* sqrt(pi/2): standard error of a median */
#define Z          2.33
#define LEVEL_DAYS 14
/* Level and slope together then hold 85-95 % of a nominal 90 % of known dates. */
#define LEVEL_Z    1.3
#define SLOPES_MIN 20
#define FIT_MIN    10
#define FLAT       -1e-6 /* slope per day above which it never gets there */
#define DROP_DAYS  3     /* the fit without them must agree: lag 1 is 97 % the same data */
/* 0.08 in the reference; 0.07: a third fewer wrong dates at 28 days of 10 % noise. */
#define NOISY      0.07
#define NOISY_DAYS 42
/*
 * Below NOISY_DAYS a noise over 0.05 is rarely told from one of 0.1 that looked quiet by chance,
 * and those that did are the ones with a date: without DOUBT their interval held 70 % (seed 99).
 */
#define UNSURE 0.05
#define DOUBT  1.9
/*
 * A series without a cut knows its slope better than a cut one by more than the variance says:
 * without these two the intervals of known dates held 94-97 and 86-92 % (seed 99).
 */
#define ONE_PIECE   0.55
#define PIECES      1.3
#define SOON_DAYS   30 /* horizon of the probability */
#define NEAR_ENOUGH 0.99
#define ALMOST      1e-3

_Static_assert(HR_TREND_DAYS_MAX == HR_SLOPES_DAYS, "");
_Static_assert(HR_TREND_DAYS_MAX <= HR_WEEKDAYS_MAX, "");
_Static_assert(HR_TREND_DAYS_MAX <= HR_CUT_DAYS, "");
_Static_assert(HR_TREND_CUTS_MAX < HR_SLOPES_PIECES, "");

struct fit {
	double z[DAYS]; /* deseasonalised */
	uint32_t n;
	struct hr_weeks weeks; /* of z */
	struct hr_cut piece[HR_TREND_CUTS_MAX + 2];
	double season[WEEK];
	uint16_t from[HR_TREND_CUTS_MAX + 2]; /* pieces: [from[i], from[i+1]) */
	uint8_t pieces;
	double slope, lo, hi, level, sigma;
	struct hr_slopes pair;
	size_t rank[3];        /* of lo, slope and hi among the slopes of all pairs */
	double tight;          /* season of the tightest weekday */
	double level_off;      /* what the level may be wrong by */
	double doubt;          /* 1, or DOUBT: how much wider than by the formulas */
	bool has_slope, falls; /* falls: hi < FLAT, known without hi */
	bool has_level;        /* days of the last two weeks are known in the last piece */
	bool ranked;           /* slope, lo, hi and level are filled */
	bool suspected;        /* maybe[] is filled */
	uint16_t maybe[HR_TREND_CUTS_MAX + 2]; /* as from[], of one piece more */
	bool too_late; /* no date before the one that is asked for: nothing more is filled */
};

/* Step 1: the weekdays, and the medians of weeks. */
static void deseasonalise(const struct hr_trend_in *in, struct fit *f)
{
	hr_weekdays(in->h, in->n, in->weekday, f->season, f->z);
	hr_cut_weeks(f->z, f->n, &f->weeks);
}

static void split(struct fit *f, uint32_t at)
{
	uint8_t i = f->pieces;

	while (i > 0 && f->from[i] > at) {
		f->from[i + 1] = f->from[i];
		f->piece[i + 1] = f->piece[i];
		i--;
	}
	f->from[i + 1] = (uint16_t)at;
	f->piece[i].known = f->piece[i + 1].known = false;
	f->pieces++;
}

/* Step 2: certain cuts first, then the best-scoring ones. */
static void find_cuts(const struct hr_trend_in *in, struct fit *f)
{
	f->pieces = 1;
	f->from[0] = 0;
	f->from[1] = (uint16_t)f->n;
	for (uint32_t d = 1; in->event && d < f->n; d++) {
		if (!in->event[d])
			continue;
		if (f->pieces <= HR_TREND_CUTS_MAX)
			split(f, d);
		else /* more changes than cuts: what was before the last ones is not used */
			for (uint8_t i = 0; i < f->pieces; i++)
				f->from[i] = i + 1 < f->pieces ? f->from[i + 1] : (uint16_t)d;
	}
	while (f->pieces <= HR_TREND_CUTS_MAX) {
		double best = HR_CUT_SCORE;
		uint32_t at = 0;

		for (uint8_t i = 0; i < f->pieces; i++) {
			if (!f->piece[i].known)
				hr_cut_best(
					f->z, &f->weeks, f->from[i], f->from[i + 1], &f->piece[i]);
			if (f->piece[i].score > best) {
				best = f->piece[i].score;
				at = f->piece[i].at;
			}
		}
		if (!at)
			return;
		split(f, at);
	}
}

/* Ranks of the interval and its middle among the slopes of all pairs; false: too few. */
static bool interval_ranks(const struct hr_slopes *pair, size_t rank[3])
{
	double c, half;

	if (pair->used < FIT_MIN || pair->pairs < SLOPES_MIN)
		return false;
	c = Z * sqrt(pair->var);
	half = trunc((pair->pairs - c) / 2);
	rank[0] = half > 0 ? (size_t)half : 0;
	rank[1] = pair->pairs / 2;
	half = trunc((pair->pairs + c) / 2) + 1;
	rank[2] = half < pair->pairs - 1 ? (size_t)half : pair->pairs - 1;
	return true;
}

/* Whether the interval lies below 0: the slope of that rank is one of them, and below FLAT. */
static bool falls(const struct hr_slopes *pair, const size_t rank[3])
{
	return hr_slopes_more(pair, FLAT, rank[2]);
}

/* Step 3: the slopes inside pieces, and their direction. */
static void find_direction(struct fit *f)
{
	hr_slopes_of(f->z, f->from, f->pieces, 0, &f->pair);
	f->has_slope = interval_ranks(&f->pair, f->rank);
	f->falls = f->has_slope && falls(&f->pair, f->rank);
}

/* Where the days that make the level begin: two weeks ago, or with the last piece, @from. */
static uint32_t level_start(const struct fit *f, uint32_t from)
{
	return f->n > LEVEL_DAYS && from < f->n - LEVEL_DAYS ? f->n - LEVEL_DAYS : from;
}

/* The last two weeks' known days from @from on, less what slope @b takes from them; how many. */
static uint32_t level_days(const struct fit *f, uint32_t from, double b, double *ret)
{
	uint32_t n = 0;

	for (uint32_t i = level_start(f, from); i < f->n; i++) {
		if (isnan(f->z[i]))
			continue;
		if (ret)
			ret[n] = f->z[i] - b * ((double)i - (double)(f->n - 1));
		n++;
	}
	return n;
}

static double level_from(const struct fit *f, uint32_t from, double b, uint32_t *ret_n)
{
	double v[LEVEL_DAYS];

	*ret_n = level_days(f, from, b, v);
	return *ret_n ? hr_rank_median(v, *ret_n) + f->tight : NAN;
}

static double level_at(const struct fit *f, double b, uint32_t *ret_n)
{
	return level_from(f, f->from[f->pieces - 1], b, ret_n);
}

/* With one more cut, where one is suspected most. */
static void suspect(struct fit *f)
{
	uint8_t in = f->pieces, n = 0;
	double best = 0;

	f->suspected = false;
	for (uint8_t p = 0; p < f->pieces && f->pieces <= HR_TREND_CUTS_MAX; p++)
		if (f->piece[p].score > best) {
			best = f->piece[p].score;
			in = p;
		}
	for (uint8_t i = 0; in < f->pieces && i <= f->pieces; i++) {
		f->maybe[n++] = f->from[i];
		if (i == in)
			f->maybe[n++] = (uint16_t)f->piece[in].at;
		f->suspected = true;
	}
}

/* The level of the series as it is and as it is suspected to be. */
static void levels(const struct fit *f, double b, double b_maybe, double ret[2])
{
	uint32_t from = f->from[f->pieces - 1], maybe = f->maybe[f->pieces], n;

	ret[0] = ret[1] = level_from(f, from, b, &n);
	if (!f->suspected || (b == b_maybe && level_start(f, from) == level_start(f, maybe)))
		return; /* mostly a suspected cut is older than two weeks */
	ret[1] = level_from(f, maybe, b_maybe, &n);
	ret[1] = n ? ret[1] : ret[0];
}

/* Step 4: the tightest weekday, the noise, and what the level may be wrong by. */
static void find_noise(const struct hr_trend_in *in, struct fit *f)
{
	uint32_t n;

	f->tight = f->season[0];
	for (unsigned w = 1; w < WEEK; w++)
		f->tight = fmin(f->tight, f->season[w]);
	n = level_days(f, f->from[f->pieces - 1], 0, NULL);
	f->has_level = n > 0;
	/* a short last piece may look quiet by chance: the piece before it knows the noise, too */
	f->sigma = 0;
	for (uint8_t p = 0; p < f->pieces; p++) {
		if (!f->piece[p].known)
			hr_cut_best(f->z, &f->weeks, f->from[p], f->from[p + 1], &f->piece[p]);
		f->sigma = fmax(f->sigma, f->piece[p].sigma);
	}
	suspect(f);
	f->doubt = in->n < NOISY_DAYS && f->sigma > UNSURE ? DOUBT : 1;
	/* a median of n days, and the weekday's share from one day in seven */
	if (n)
		f->level_off = f->doubt * LEVEL_Z * MEDIAN_SE * f->sigma *
			       sqrt(1.0 / n + (double)WEEK / f->n);
}

/*
 * Whether the early date is certainly not before in->before: the steepest slope that would still
 * end there, and is none of the slopes of the interval below it?  Counting only.
 */
static bool too_late(const struct hr_trend_in *in, const struct fit *f)
{
	double b = 0, above = 0, limit = 2.0 * in->n, before = fmin(in->before, limit), level[2];
	struct hr_slopes cut;

	if (!(in->before > 0) || f->doubt > 1)
		return false;
	for (unsigned i = 0; i < 5; i++) { /* the level falls with the slope: from both sides */
		levels(f, b, b, level);
		above = fmin(level[0], level[1]) - in->target - f->level_off;
		if (i == 4)
			break;
		if (above <= 0)
			return false;
		if (i < 3 && fabs(-above / before - b) < ALMOST * fabs(b))
			i = 3;
		b = -above / before * (i == 3 ? NEAR_ENOUGH : 1);
	}
	if (above < -b * before || hr_slopes_more(&f->pair, b, f->rank[0]))
		return false;
	if (f->suspected) {
		hr_slopes_of(f->z, f->maybe, f->pieces + 1U, 0, &cut);
		if (cut.pairs >= SLOPES_MIN && hr_slopes_more(&cut, b, cut.pairs / 2))
			return false;
	}
	for (uint32_t part = 2; part <= 4; part++) { /* as widen() */
		struct hr_slopes late;

		if (f->n / part < LEVEL_DAYS)
			continue;
		hr_slopes_of(f->z, f->from, f->pieces, f->n - f->n / part, &late);
		if (late.pairs >= SLOPES_MIN && hr_slopes_more(&late, b, late.pairs / 2))
			return false;
	}
	return true;
}

/* The interval of the slope and its middle, and the level: only for a series that is worth it. */
static void find_slope(struct fit *f)
{
	double got[3];
	uint32_t n;

	hr_slopes_ranks(&f->pair, f->rank, 3, got);
	f->lo = got[0];
	f->slope = got[1];
	f->hi = got[2];
	f->level = level_at(f, f->slope, &n);
	f->ranked = true;
}

/* @all: false: nothing but f->falls where that is false. */
static void fit(const struct hr_trend_in *in, bool all, struct fit *f)
{
	memset(f, 0, offsetof(struct fit, pair));
	memset(&f->rank, 0, sizeof(*f) - offsetof(struct fit, rank));
	f->n = in->n;
	deseasonalise(in, f);
	find_cuts(in, f);
	find_direction(f);
	if (!f->has_slope || (!all && !f->falls))
		return;
	find_noise(in, f);
	f->too_late = (!all || (in->kind_only && !f->falls)) && f->has_level && too_late(in, f);
	if (!f->too_late && (all || !in->kind_only || f->doubt > 1))
		find_slope(f);
}

/* Days until a line that is @above the target now and has slope @b; null beyond @limit. */
static struct hr_opt days_until(double above, double b, double limit)
{
	double d;

	if (above <= 0)
		return (struct hr_opt){.has = true, .v = 0};
	if (b > FLAT)
		return (struct hr_opt){0};
	d = above / -b;
	return (struct hr_opt){.has = d <= limit, .v = d <= limit ? d : 0};
}

/* Median slope of [from, n) alone, cuts ignored: what the last weeks say by themselves. */
static bool late_slope(const struct fit *f, uint32_t from, double *ret)
{
	struct hr_slopes late;

	hr_slopes_of(f->z, f->from, f->pieces, from, &late);
	if (late.pairs < SLOPES_MIN)
		return false;
	hr_slopes_ranks(&late, (size_t[1]){late.pairs / 2}, 1, ret);
	return true;
}

/*
 * A step too small to be cut bends the whole slope; the last half, third and quarter of the days
 * see less of it.  With their slopes inside, the interval of dates held 84-86 % instead of 66-73 %
 * where small steps, outliers and gaps come together.
 */
static void widen(struct fit *f)
{
	for (uint32_t part = 2; part <= 4; part++) {
		double b;

		if (f->n / part < LEVEL_DAYS || !late_slope(f, f->n - f->n / part, &b))
			continue;
		b = f->slope + f->doubt * (b - f->slope);
		f->lo = fmin(f->lo, b);
		f->hi = fmax(f->hi, b);
	}
}

/*
 * Of dates that did not hold, 19 of 20 had a step that was not cut and came late.  With the slope
 * and the level of the series cut there, too, 89 % hold instead of 85 where steps hide in 10 % of
 * noise (seed 99); it is why uncut series may be narrower (ONE_PIECE).
 */
static void allow_for_suspect(struct fit *f, double ret_level[2])
{
	struct hr_slopes cut;
	double b;

	levels(f, f->slope, f->slope, ret_level);
	if (!f->suspected)
		return;
	hr_slopes_of(f->z, f->maybe, f->pieces + 1U, 0, &cut);
	if (cut.pairs < SLOPES_MIN) {
		ret_level[1] = ret_level[0];
		return;
	}
	hr_slopes_ranks(&cut, (size_t[1]){cut.pairs / 2}, 1, &b);
	levels(f, f->slope, b, ret_level);
	b = f->slope + f->doubt * (b - f->slope);
	f->lo = fmin(f->lo, b);
	f->hi = fmax(f->hi, b);
}

static void doubt(struct fit *f)
{
	double by = f->doubt * (f->pieces == 1 ? ONE_PIECE : PIECES);

	f->lo = f->slope + by * (f->lo - f->slope);
	f->hi = f->slope + by * (f->hi - f->slope);
}

/*
 * Does it fall without the last days, too?  Weekdays and cuts are those of all days: found anew
 * without three of them they cost as much as the fit and changed no count of FORECAST.md by 1 %.
 */
static bool confirmed(const struct hr_trend_in *in, const struct fit *f)
{
	uint16_t from[HR_TREND_CUTS_MAX + 2], last = (uint16_t)(f->n - DROP_DAYS);
	struct hr_slopes less;
	uint32_t pieces = 0;
	size_t rank[3];

	if (!f->falls || (f->sigma > NOISY && in->n < NOISY_DAYS))
		return false;
	for (; pieces < f->pieces && f->from[pieces] < last; pieces++)
		from[pieces] = f->from[pieces];
	from[pieces] = last;
	hr_slopes_of(f->z, from, pieces, 0, &less);
	return interval_ranks(&less, rank) && falls(&less, rank);
}

/* The dates of a slope without 0 in its interval. */
static void date(const struct hr_trend_in *in, struct fit *f, struct hr_trend *ret)
{
	double level[2];
	struct hr_opt early;

	widen(f);
	allow_for_suspect(f, level);
	early = days_until(
		fmin(level[0], level[1]) - in->target - f->level_off, f->lo, ret->limit_days);
	ret->kind = HR_TREND_UNCONFIRMED;
	if (f->doubt > 1 && f->hi >= FLAT)
		return;
	ret->kind = HR_TREND_NONE;
	if (in->before > 0 && !(early.has && early.v < in->before))
		return;
	ret->kind = confirmed(in, f) ? HR_TREND_CONFIRMED : HR_TREND_UNCONFIRMED;
	if (ret->kind != HR_TREND_CONFIRMED)
		return;
	ret->early = early;
	ret->likely = days_until(f->level - in->target, f->slope, ret->limit_days);
	ret->late = days_until(
		fmax(level[0], level[1]) - in->target + f->level_off, f->hi, ret->limit_days);
}

/* Whether every day is the same: no slope, no noise and no cut then. */
static bool alike(const struct hr_trend_in *in, double *ret)
{
	double one = NAN;

	for (uint32_t d = 0; d < in->n; d++) {
		if (isnan(in->h[d]))
			continue;
		if (!isnan(one) && in->h[d] != one)
			return false;
		one = in->h[d];
	}
	*ret = one;
	return true;
}

void hr_trend_fit(const struct hr_trend_in *whole, struct hr_trend *ret)
{
	struct hr_trend_in in = *whole;
	struct fit f;
	double above;

	memset(ret, 0, sizeof(*ret));
	if (in.kind_only && !in.confirmed_only)
		in.before = SOON_DAYS; /* "no trend" is nearly always told without the slope */
	if (in.n > DAYS) {
		in.h += in.n - DAYS;
		in.event = in.event ? in.event + (in.n - DAYS) : NULL;
		in.weekday = (uint8_t)((in.weekday + in.n - DAYS) % WEEK);
		in.n = DAYS;
	}
	for (uint32_t d = 0; d < in.n; d++)
		ret->days += isnan(in.h[d]) ? 0 : 1;
	ret->limit_days = 2 * in.n;
	if (ret->days < HR_TREND_DAYS_MIN || in.n < HR_TREND_DAYS_MIN) {
		ret->need_days = HR_TREND_DAYS_MIN - ret->days;
		return;
	}
	if (alike(&in, &ret->level)) { /* mostly at the cap of k */
		ret->kind = HR_TREND_NONE;
		return;
	}
	fit(&in, !in.confirmed_only, &f);
	if (f.has_slope && (f.too_late || (in.confirmed_only && !f.falls))) {
		ret->kind = HR_TREND_NONE;
		return;
	}
	if (!f.has_slope || !f.has_level) {
		ret->need_days = FIT_MIN; /* after a cut: a piece of its own */
		return;
	}
	if (!f.ranked) { /* in.kind_only */
		ret->kind = confirmed(&in, &f) ? HR_TREND_CONFIRMED : HR_TREND_UNCONFIRMED;
		return;
	}
	ret->slope = f.slope;
	ret->lo = f.lo;
	ret->hi = f.hi;
	ret->level = f.level;
	ret->sigma = f.sigma;
	for (uint8_t i = 1; i < f.pieces; i++)
		ret->cut[ret->n_cut++] = (uint16_t)(f.from[i] + whole->n - in.n);
	doubt(&f);
	above = f.level - in.target;
	if (ret->hi >= 0) {
		/* "no trend" is said only where what the interval allows does not end within 30
		 * days */
		struct hr_opt worst = days_until(above - f.level_off, f.lo, SOON_DAYS);

		ret->kind = worst.has && above > 0 ? HR_TREND_UNCONFIRMED : HR_TREND_NONE;
		return;
	}
	date(&in, &f, ret);
}

void hr_trend_say(const struct hr_trend *t, char *buf, uint32_t cap)
{
	switch (t->kind) {
	case HR_TREND_UNKNOWN:
		(void)snprintf(buf, cap, "unknown: %u more day%s needed", t->need_days,
			t->need_days == 1 ? "" : "s");
		return;
	case HR_TREND_NONE:
		(void)snprintf(buf, cap, "no trend in %u days", t->days);
		return;
	case HR_TREND_UNCONFIRMED:
		(void)snprintf(buf, cap, "trend unconfirmed after %u days", t->days);
		return;
	case HR_TREND_CONFIRMED:
		break;
	}
	if (!t->early.has)
		(void)snprintf(buf, cap, "> %u d, limit of the evidence", t->limit_days);
	else if (!t->late.has)
		(void)snprintf(buf, cap, "at least %.0f d", floor(t->early.v));
	else
		(void)snprintf(buf, cap, "%.0f to %.0f d", floor(t->early.v), floor(t->late.v));
}
