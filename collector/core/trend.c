/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trend of daily headroom (answer-model 12).  Sources: Theil 1950 and Sen 1968
 * (median of pairwise slopes, interval from Kendall's variance).  z = 2.33 where
 * a textbook has 1.645: neighbouring days are alike, and 1.645 covered 73-90 %
 * of a nominal 90 % on series with known truth.
 */
#include "collector/core/trend.h"
#include "collector/core/rank.h"
#include "collector/core/slopes.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define DAYS       HR_TREND_DAYS_MAX
#define WEEK       7
#define SEG_MIN    5     /* days of a piece */
#define SEG_SPLIT  12    /* only pieces this long are split: two of SEG_MIN and a doubt */
#define CUT_SCORE  4.0   /* standard errors; 5 let jumps pass, and pure trends fell to it */
#define SCALE      0.954 /* median |difference| of two normal days over their sigma */
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
#define DOUBT  1.7
/*
 * A series without a cut knows its slope better than a cut one by more than the variance says:
 * without these two the intervals of known dates held 94-97 and 86-92 % (seed 99).
 */
#define ONE_PIECE   0.75
#define PIECES      1.3
#define SOON_DAYS   30 /* horizon of the probability */
#define NEAR_ENOUGH 0.99

_Static_assert(HR_TREND_DAYS_MAX == HR_SLOPES_DAYS && HR_TREND_CUTS_MAX < HR_SLOPES_PIECES, "");

/* What is known of a piece until it is split. */
struct piece {
	bool known;
	double b0, sigma; /* noise() */
	double score;     /* of its best cut */
	uint32_t at;
};

struct fit {
	double z[DAYS]; /* deseasonalised */
	uint32_t n;
	double week[DAYS]; /* median of z[i .. i+6] where the seven are known, else NaN */
	struct piece piece[HR_TREND_CUTS_MAX + 2];
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
	bool too_late; /* no date before the one that is asked for: nothing more is filled */
};

static uint32_t take(const double *v, uint32_t from, uint32_t to, double *out)
{
	uint32_t n = 0;

	for (uint32_t i = from; i < to; i++)
		if (!isnan(v[i]))
			out[n++] = v[i];
	return n;
}

/* For the weekdays only: a missing day lies between its own weekday before and after. */
static double filled(const struct hr_trend_in *in, uint32_t d)
{
	uint32_t back = WEEK, on = WEEK;

	if (!isnan(in->h[d]))
		return in->h[d];
	while (back <= d && isnan(in->h[d - back]))
		back += WEEK;
	while (d + on < in->n && isnan(in->h[d + on]))
		on += WEEK;
	if (back > d || d + on >= in->n)
		return NAN;
	return in->h[d - back] + (in->h[d + on] - in->h[d - back]) * back / (back + on);
}

/* Step 1: what each weekday adds, from seven-day centred means. */
static void deseasonalise(const struct hr_trend_in *in, struct fit *f)
{
	double res[WEEK][DAYS / WEEK + 2], fill[DAYS], mean = 0;
	uint32_t n[WEEK] = {0};

	memset(f->season, 0, sizeof(f->season));
	for (uint32_t d = 0; d < f->n; d++)
		fill[d] = filled(in, d);
	for (uint32_t d = 3; f->n >= HR_TREND_DAYS_MIN && d + 3 < f->n; d++) {
		uint32_t w = (in->weekday + d) % WEEK;
		double sum = 0;

		for (uint32_t i = d - 3; i <= d + 3; i++)
			sum += fill[i]; /* NaN: a mean over a hole has a weekday in it */
		if (!isnan(sum) && !isnan(in->h[d]))
			res[w][n[w]++] = in->h[d] - sum / WEEK;
	}
	for (unsigned w = 0; w < WEEK; w++)
		f->season[w] = n[w] ? hr_rank_median(res[w], n[w]) : 0;
	for (unsigned w = 0; w < WEEK; w++)
		mean += f->season[w] / WEEK;
	for (unsigned w = 0; w < WEEK; w++)
		f->season[w] = n[w] ? f->season[w] - mean : 0;
	for (uint32_t d = 0; d < f->n; d++)
		f->z[d] = in->h[d] - f->season[(in->weekday + d) % WEEK];
	for (uint32_t d = 0; d + WEEK <= f->n; d++) {
		double sum = 0;

		for (uint32_t i = d; i < d + WEEK; i++)
			sum += f->z[i];
		f->week[d] = isnan(sum) ? NAN : hr_rank_median7(f->z + d, WEEK);
	}
}

/* Median of the known days of [from, to), a week at most; how many there are. */
static double middle(const struct fit *f, uint32_t from, uint32_t to, uint32_t *ret_n)
{
	double v[WEEK];

	if (to - from == WEEK && !isnan(f->week[from])) {
		*ret_n = WEEK;
		return f->week[from];
	}
	*ret_n = take(f->z, from, to, v);
	return hr_rank_median(v, *ret_n);
}

/* Noise of [from, to): day-to-day differences around the slope over short lags. */
static void noise(const double *z, uint32_t from, uint32_t to, double *ret_b0, double *ret_sigma)
{
	double v[DAYS * WEEK], tmp[DAYS * WEEK], mid[2];
	uint32_t n = 0;

	for (uint32_t i = from; i < to; i++)
		for (uint32_t lag = 1; lag <= WEEK && i + lag < to; lag++)
			if (!isnan(z[i]) && !isnan(z[i + lag]))
				v[n++] = (z[i + lag] - z[i]) / lag;
	*ret_b0 = 0;
	if (n) {
		hr_rank_picks(v, n, (size_t[2]){n / 2, (n - 1) / 2}, 2, tmp, mid);
		*ret_b0 = n % 2 ? mid[0] : (mid[0] + mid[1]) / 2;
	}
	n = 0;
	for (uint32_t i = from + 1; i < to; i++)
		if (!isnan(z[i]) && !isnan(z[i - 1]))
			v[n++] = fabs(z[i] - z[i - 1] - *ret_b0);
	*ret_sigma = (n ? hr_rank_median(v, n) : 0) / SCALE + 1e-9;
}

/* Noise and the best place for a cut of [from, to). */
static void best_cut(const struct fit *f, uint32_t from, uint32_t to, struct piece *ret)
{
	const double *z = f->z;
	double b0, sigma, best = 0, jump = -1;
	uint32_t at = 0, lo, hi;

	noise(z, from, to, &b0, &sigma);
	*ret = (struct piece){.known = true, .b0 = b0, .sigma = sigma};
	if (to - from < SEG_SPLIT)
		return;
	for (uint32_t t = from + SEG_MIN; t + SEG_MIN <= to; t++) {
		uint32_t a = t >= from + WEEK ? t - WEEK : from, e = t + WEEK <= to ? t + WEEK : to;
		uint32_t nl, nr;
		double left = middle(f, a, t, &nl), right = middle(f, t, e, &nr), score;

		if (nl < 3 || nr < 3)
			continue;
		score = fabs(right - left - b0 * (double)(e - a) / 2) /
			(MEDIAN_SE * sigma * sqrt(1.0 / nl + 1.0 / nr));
		if (score > best) {
			best = score;
			at = t;
		}
	}
	if (best <= CUT_SCORE)
		return;
	/* Medians of seven days plateau there: the largest step near it is the jump. */
	lo = at >= from + SEG_MIN + 3 ? at - 3 : from + SEG_MIN;
	hi = at + 3 + SEG_MIN <= to ? at + 3 : to - SEG_MIN;
	ret->score = best;
	ret->at = at;
	for (uint32_t t = lo; t <= hi; t++) {
		double step = t ? fabs(z[t] - z[t - 1] - b0) : NAN;

		if (!isnan(step) && step > jump) {
			jump = step;
			ret->at = t;
		}
	}
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
		double best = 0;
		uint32_t at = 0;

		for (uint8_t i = 0; i < f->pieces; i++) {
			if (!f->piece[i].known)
				best_cut(f, f->from[i], f->from[i + 1], &f->piece[i]);
			if (f->piece[i].score > best) {
				best = f->piece[i].score;
				at = f->piece[i].at;
			}
		}
		if (best <= 0)
			return;
		split(f, at);
	}
}

enum want {
	EVERYTHING,
	IF_FALLING, /* nothing but f->falls where that is false */
	FALLS_ONLY, /* nothing but f->falls */
};

/* Step 3: ranks of the interval among all slopes inside pieces, and whether it lies below 0. */
static void find_direction(struct fit *f)
{
	double c, half;

	hr_slopes_of(f->z, f->from, f->pieces, 0, &f->pair);
	if (f->pair.used < FIT_MIN || f->pair.pairs < SLOPES_MIN)
		return;
	c = Z * sqrt(f->pair.var);
	half = trunc((f->pair.pairs - c) / 2);
	f->rank[0] = half > 0 ? (size_t)half : 0;
	f->rank[1] = f->pair.pairs / 2;
	half = trunc((f->pair.pairs + c) / 2) + 1;
	f->rank[2] = half < f->pair.pairs - 1 ? (size_t)half : f->pair.pairs - 1;
	f->has_slope = true;
	/* the slope of that rank is one of them: hi < FLAT */
	f->falls = hr_slopes_below(&f->pair, FLAT) > f->rank[2];
}

/* Median of the last days of the last piece, less what slope @b takes from them. */
static double level_at(const struct fit *f, double b, uint32_t *ret_n)
{
	uint32_t from = f->from[f->pieces - 1], n = 0;
	double v[LEVEL_DAYS];

	if (f->n > LEVEL_DAYS && from < f->n - LEVEL_DAYS)
		from = f->n - LEVEL_DAYS;
	for (uint32_t i = from; i < f->n; i++)
		if (!isnan(f->z[i]))
			v[n++] = f->z[i] - b * ((double)i - (double)(f->n - 1));
	*ret_n = n;
	return n ? hr_rank_median(v, n) + f->tight : NAN;
}

/* Step 4: the tightest weekday, the noise, and what the level may be wrong by. */
static void find_noise(const struct hr_trend_in *in, struct fit *f)
{
	uint32_t n;

	f->tight = f->season[0];
	for (unsigned w = 1; w < WEEK; w++)
		f->tight = fmin(f->tight, f->season[w]);
	(void)level_at(f, 0, &n);
	f->has_level = n > 0;
	/* a short last piece may look quiet by chance: the piece before it knows the noise, too */
	f->sigma = 0;
	for (uint8_t p = 0; p < f->pieces; p++) {
		if (!f->piece[p].known)
			best_cut(f, f->from[p], f->from[p + 1], &f->piece[p]);
		f->sigma = fmax(f->sigma, f->piece[p].sigma);
	}
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
	double b = 0, above = 0, limit = 2.0 * in->n, before = fmin(in->before, limit);
	uint32_t n;

	if (!(in->before > 0) || f->doubt > 1)
		return false;
	for (unsigned i = 0; i < 4; i++) { /* the level falls with the slope: from both sides */
		above = level_at(f, b, &n) - in->target - f->level_off;
		b = -above / before;
		if (above <= 0)
			return false;
	}
	b *= NEAR_ENOUGH;
	above = level_at(f, b, &n) - in->target - f->level_off;
	if (above < -b * before || hr_slopes_below(&f->pair, b) > f->rank[0])
		return false;
	for (uint32_t part = 2; part <= 4; part++) { /* as widen() */
		struct hr_slopes late;

		if (f->n / part < LEVEL_DAYS)
			continue;
		hr_slopes_of(f->z, f->from, f->pieces, f->n - f->n / part, &late);
		if (late.pairs >= SLOPES_MIN && hr_slopes_below(&late, b) > late.pairs / 2)
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

static void fit(const struct hr_trend_in *in, enum want want, struct fit *f)
{
	memset(f, 0, offsetof(struct fit, pair));
	memset(&f->rank, 0, sizeof(*f) - offsetof(struct fit, rank));
	f->n = in->n;
	deseasonalise(in, f);
	find_cuts(in, f);
	find_direction(f);
	if (!f->has_slope || want == FALLS_ONLY || (want == IF_FALLING && !f->falls))
		return;
	find_noise(in, f);
	f->too_late = (want == IF_FALLING || (in->kind_only && !f->falls)) && f->has_level &&
		      too_late(in, f);
	if (!f->too_late && (want == EVERYTHING || !in->kind_only || f->doubt > 1))
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

static void doubt(struct fit *f)
{
	double by = f->doubt * (f->pieces == 1 ? ONE_PIECE : PIECES);

	f->lo = f->slope + by * (f->lo - f->slope);
	f->hi = f->slope + by * (f->hi - f->slope);
}

static bool confirmed(const struct hr_trend_in *in, const struct fit *f)
{
	struct hr_trend_in less = *in;
	struct fit before;

	if (!f->falls || (f->sigma > NOISY && in->n < NOISY_DAYS))
		return false;
	less.n -= DROP_DAYS;
	fit(&less, FALLS_ONLY, &before);
	return before.has_slope && before.falls;
}

/* The dates of a slope without 0 in its interval. */
static void date(const struct hr_trend_in *in, struct fit *f, struct hr_trend *ret)
{
	double above = f->level - in->target;
	struct hr_opt early;

	widen(f);
	early = days_until(above - f->level_off, f->lo, ret->limit_days);
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
	ret->likely = days_until(above, f->slope, ret->limit_days);
	ret->late = days_until(above + f->level_off, f->hi, ret->limit_days);
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
	fit(&in, in.confirmed_only ? IF_FALLING : EVERYTHING, &f);
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
