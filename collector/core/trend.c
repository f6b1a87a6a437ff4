/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trend of daily headroom (answer-model 12).  Sources: Theil 1950 and Sen 1968
 * (median of pairwise slopes, interval from Kendall's variance).  z = 2.33 where
 * a textbook has 1.645: neighbouring days are alike, and 1.645 covered 73-90 %
 * of a nominal 90 % on series with known truth.
 */
#include "collector/core/trend.h"
#include "collector/core/rank.h"

#include <math.h>
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
#define SOON_DAYS  30 /* horizon of the probability */

struct fit {
	double z[DAYS]; /* deseasonalised */
	uint32_t n;
	double season[WEEK];
	uint16_t from[HR_TREND_CUTS_MAX + 2]; /* pieces: [from[i], from[i+1]) */
	uint8_t pieces;
	double slope, lo, hi, level, sigma;
	double level_off; /* what the level may be wrong by */
	bool has_slope;
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
	double res[WEEK][DAYS / WEEK + 2], mean = 0;
	uint32_t n[WEEK] = {0};

	memset(f->season, 0, sizeof(f->season));
	for (uint32_t d = 3; f->n >= HR_TREND_DAYS_MIN && d + 3 < f->n; d++) {
		uint32_t w = (in->weekday + d) % WEEK;
		double sum = 0;

		for (uint32_t i = d - 3; i <= d + 3; i++)
			sum += filled(in, i); /* NaN: a mean over a hole has a weekday in it */
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
}

/* Noise of [from, to): day-to-day differences around the slope over short lags. */
static void noise(const double *z, uint32_t from, uint32_t to, double *ret_b0, double *ret_sigma)
{
	double v[DAYS * WEEK];
	uint32_t n = 0;

	for (uint32_t i = from; i < to; i++)
		for (uint32_t lag = 1; lag <= WEEK && i + lag < to; lag++)
			if (!isnan(z[i]) && !isnan(z[i + lag]))
				v[n++] = (z[i + lag] - z[i]) / lag;
	*ret_b0 = n ? hr_rank_median(v, n) : 0;
	n = 0;
	for (uint32_t i = from + 1; i < to; i++)
		if (!isnan(z[i]) && !isnan(z[i - 1]))
			v[n++] = fabs(z[i] - z[i - 1] - *ret_b0);
	*ret_sigma = (n ? hr_rank_median(v, n) : 0) / SCALE + 1e-9;
}

/* Best place for a cut in [from, to); the score, 0 when there is none. */
static double best_cut(const double *z, uint32_t from, uint32_t to, uint32_t *ret_at)
{
	double b0, sigma, best = 0, jump = -1;
	uint32_t at = 0, lo, hi;

	if (to - from < SEG_SPLIT)
		return 0;
	noise(z, from, to, &b0, &sigma);
	for (uint32_t t = from + SEG_MIN; t + SEG_MIN <= to; t++) {
		uint32_t a = t >= from + WEEK ? t - WEEK : from, e = t + WEEK <= to ? t + WEEK : to;
		double left[WEEK], right[WEEK], score;
		uint32_t nl = take(z, a, t, left), nr = take(z, t, e, right);

		if (nl < 3 || nr < 3)
			continue;
		score = fabs(hr_rank_median(right, nr) - hr_rank_median(left, nl) -
				b0 * (double)(e - a) / 2) /
			(MEDIAN_SE * sigma * sqrt(1.0 / nl + 1.0 / nr));
		if (score > best) {
			best = score;
			at = t;
		}
	}
	if (best <= CUT_SCORE)
		return 0;
	/* Medians of seven days plateau there: the largest step near it is the jump. */
	lo = at >= from + SEG_MIN + 3 ? at - 3 : from + SEG_MIN;
	hi = at + 3 + SEG_MIN <= to ? at + 3 : to - SEG_MIN;
	*ret_at = at;
	for (uint32_t t = lo; t <= hi; t++) {
		double step = t ? fabs(z[t] - z[t - 1] - b0) : NAN;

		if (!isnan(step) && step > jump) {
			jump = step;
			*ret_at = t;
		}
	}
	return best;
}

static void split(struct fit *f, uint32_t at)
{
	uint8_t i = f->pieces;

	while (i > 0 && f->from[i] > at) {
		f->from[i + 1] = f->from[i];
		i--;
	}
	f->from[i + 1] = (uint16_t)at;
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
			uint32_t t = 0;
			double s = best_cut(f->z, f->from[i], f->from[i + 1], &t);

			if (s > best) {
				best = s;
				at = t;
			}
		}
		if (best <= 0)
			return;
		split(f, at);
	}
}

static uint8_t piece_of(const struct fit *f, uint32_t d)
{
	uint8_t p = 0;

	while (p + 1 < f->pieces && f->from[p + 1] <= d)
		p++;
	return p;
}

/* Step 3: median of all pairwise slopes inside pieces, and its interval. */
static void find_slope(struct fit *f)
{
	double s[DAYS * (DAYS - 1) / 2], var = 0, c;
	uint32_t n = 0, used = 0;
	double half;

	for (uint8_t p = 0; p < f->pieces; p++) {
		double m = 0;

		for (uint32_t i = f->from[p]; i < f->from[p + 1]; i++) {
			if (isnan(f->z[i]))
				continue;
			m++;
			for (uint32_t j = i + 1; j < f->from[p + 1]; j++)
				if (!isnan(f->z[j]))
					s[n++] = (f->z[j] - f->z[i]) / (j - i);
		}
		var += m * (m - 1) * (2 * m + 5) / 18;
		used += (uint32_t)m;
	}
	if (used < FIT_MIN || n < SLOPES_MIN)
		return;
	c = Z * sqrt(var);
	half = trunc((n - c) / 2);
	f->slope = hr_rank_select(s, n, n / 2);
	f->lo = hr_rank_select(s, n, half > 0 ? (size_t)half : 0);
	half = trunc((n + c) / 2) + 1;
	f->hi = hr_rank_select(s, n, half < n - 1 ? (size_t)half : n - 1);
	f->has_slope = true;
}

/* Step 4: today's level on the tightest weekday, from the last piece. */
static void find_level(struct fit *f)
{
	uint32_t from = f->from[f->pieces - 1], n = 0;
	double v[LEVEL_DAYS], tight = f->season[0], b0;

	if (f->n > LEVEL_DAYS && from < f->n - LEVEL_DAYS)
		from = f->n - LEVEL_DAYS;
	for (uint32_t i = from; i < f->n; i++)
		if (!isnan(f->z[i]))
			v[n++] = f->z[i] - f->slope * ((double)i - (double)(f->n - 1));
	for (unsigned w = 1; w < WEEK; w++)
		tight = fmin(tight, f->season[w]);
	f->level = n ? hr_rank_median(v, n) + tight : NAN;
	noise(f->z, f->from[f->pieces - 1], f->n, &b0, &f->sigma);
	/* a short last piece may look quiet by chance: the piece before it knows the noise, too */
	for (uint8_t p = 0; p + 1 < f->pieces; p++) {
		double b, s;

		noise(f->z, f->from[p], f->from[p + 1], &b, &s);
		f->sigma = fmax(f->sigma, s);
	}
	/* a median of n days, and the weekday's share from one day in seven */
	if (n)
		f->level_off = LEVEL_Z * MEDIAN_SE * f->sigma * sqrt(1.0 / n + (double)WEEK / f->n);
}

static void fit(const struct hr_trend_in *in, struct fit *f)
{
	memset(f, 0, sizeof(*f));
	f->n = in->n;
	deseasonalise(in, f);
	find_cuts(in, f);
	find_slope(f);
	if (f->has_slope)
		find_level(f);
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
	double s[DAYS * (DAYS - 1) / 2];
	uint32_t n = 0;

	for (uint32_t i = from; i < f->n; i++)
		for (uint32_t j = i + 1; j < f->n; j++)
			if (!isnan(f->z[i]) && !isnan(f->z[j]) && piece_of(f, i) == piece_of(f, j))
				s[n++] = (f->z[j] - f->z[i]) / (j - i);
	if (n < SLOPES_MIN)
		return false;
	*ret = hr_rank_select(s, n, n / 2);
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
		f->lo = fmin(f->lo, b);
		f->hi = fmax(f->hi, b);
	}
}

static bool confirmed(const struct hr_trend_in *in, const struct fit *f)
{
	struct hr_trend_in less = *in;
	struct fit before;

	if (!(f->hi < FLAT) || (f->sigma > NOISY && in->n < NOISY_DAYS))
		return false;
	less.n -= DROP_DAYS;
	fit(&less, &before);
	return before.has_slope && before.hi < FLAT;
}

void hr_trend_fit(const struct hr_trend_in *whole, struct hr_trend *ret)
{
	struct hr_trend_in in = *whole;
	struct fit f;
	double above;

	memset(ret, 0, sizeof(*ret));
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
	fit(&in, &f);
	if (!f.has_slope || isnan(f.level)) {
		ret->need_days = FIT_MIN; /* after a cut: a piece of its own */
		return;
	}
	ret->slope = f.slope;
	ret->lo = f.lo;
	ret->hi = f.hi;
	ret->level = f.level;
	ret->sigma = f.sigma;
	for (uint8_t i = 1; i < f.pieces; i++)
		ret->cut[ret->n_cut++] = (uint16_t)(f.from[i] + whole->n - in.n);
	above = f.level - in.target;
	if (f.hi >= 0) {
		/* "no trend" is said only where what the interval allows does not end within 30
		 * days */
		struct hr_opt worst = days_until(above - f.level_off, f.lo, SOON_DAYS);

		ret->kind = worst.has && above > 0 ? HR_TREND_UNCONFIRMED : HR_TREND_NONE;
		return;
	}
	ret->kind = confirmed(&in, &f) ? HR_TREND_CONFIRMED : HR_TREND_UNCONFIRMED;
	if (ret->kind != HR_TREND_CONFIRMED)
		return;
	widen(&f);
	ret->early = days_until(above - f.level_off, f.lo, ret->limit_days);
	ret->likely = days_until(above, f.slope, ret->limit_days);
	ret->late = days_until(above + f.level_off, f.hi, ret->limit_days);
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
