/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/core/growth.h"

#include <math.h>
#include <string.h>

#include "collector/core/rank.h"

#define PAIRS  (HR_GROWTH_DAYS_MAX * (HR_GROWTH_DAYS_MAX - 1) / 2)
#define Z      2.33 /* as trend.c: the 90 % of the textbook held 73 to 90 % */
#define K_MAX  8.0
#define SURE   1.5 /* the ends of the interval may put k off by that factor */
#define TENTH  0.1 /* quiet days are at this quantile, busy ones at that of 1 less it */
#define STEPS  4   /* so many codes must lie between them, too */
#define LATELY 7   /* days whose busiest is today's load */

/* Kendall's variance, in which values of the same x count as the ties that they are. */
static double variance(const double *x, uint32_t n)
{
	double v = n * (n - 1.0) * (2.0 * n + 5);

	for (uint32_t i = 0; i < n; i++) {
		double t = 0;
		bool first = true;

		for (uint32_t j = 0; j < n; j++) {
			t += x[j] == x[i];
			first &= x[j] != x[i] || j >= i;
		}
		if (first)
			v -= t * (t - 1) * (2 * t + 5);
	}
	return fmax(v / 18, 0);
}

bool hr_growth_line(
	const double *x, const double *y, uint32_t n, double z, struct hr_growth_line *ret)
{
	double s[PAIRS], half;
	uint32_t k = 0, lo, hi;

	memset(ret, 0, sizeof(*ret));
	for (uint32_t i = 0; i < n && i < HR_GROWTH_DAYS_MAX; i++)
		for (uint32_t j = 0; j < i; j++)
			if (x[i] != x[j])
				s[k++] = (y[i] - y[j]) / (x[i] - x[j]);
	if (k == 0)
		return false;
	half = z * sqrt(variance(x, n));
	lo = half < k ? (uint32_t)((k - half) / 2) : 0;
	hi = (uint32_t)fmin((k + half) / 2 + 1, k - 1);
	*ret = (struct hr_growth_line){.pairs = k,
		.slope = hr_rank_select(s, k, k / 2),
		.lo = hr_rank_select(s, k, lo),
		.hi = hr_rank_select(s, k, hi)};
	return true;
}

/* Nearest rank. */
static double quantile(const double *v, uint32_t n, double q)
{
	double w[HR_GROWTH_DAYS_MAX];

	memcpy(w, v, n * sizeof(*w));
	return hr_rank_select(w, n, (size_t)fmax(ceil(q * n - 1e-9) - 1, 0));
}

static double largest(const double *v)
{
	double most = NAN;

	for (uint32_t i = HR_GROWTH_DAYS_MAX - LATELY; i < HR_GROWTH_DAYS_MAX; i++)
		most = fmax(most, v[i]); /* a NaN is no number to it */
	return most;
}

/* What k would be with @room left, of which today's load has @part. */
static double reach(double room, double part)
{
	return room < (K_MAX - 1) * part ? 1 + room / part : K_MAX;
}

static bool sure(const struct hr_growth *g, double room)
{
	double k = reach(room, g->part);

	return reach(room, g->part_hi) * SURE >= k && reach(room, g->part_lo) <= SURE * k;
}

void hr_growth_fit(const double work[HR_GROWTH_DAYS_MAX], const double used[HR_GROWTH_DAYS_MAX],
	double step, struct hr_growth *ret)
{
	double x[HR_GROWTH_DAYS_MAX], y[HR_GROWTH_DAYS_MAX], quiet, busy, today, coarse;
	struct hr_growth_line line;
	uint32_t n = 0;

	memset(ret, 0, sizeof(*ret));
	for (uint32_t i = 0; i < HR_GROWTH_DAYS_MAX; i++)
		if (!isnan(work[i]) && !isnan(used[i])) {
			x[n] = work[i];
			y[n++] = used[i];
		}
	ret->days = n;
	if (n < HR_GROWTH_DAYS_MIN)
		return;
	quiet = quantile(x, n, TENTH);
	busy = quantile(x, n, 1 - TENTH);
	today = largest(work);
	ret->state = HR_GROWTH_EVEN;
	if (busy < HR_GROWTH_SPREAD * quiet || 1 + busy < (1 + quiet) * pow(1 + step, STEPS) ||
		!hr_growth_line(x, y, n, Z, &line))
		return;
	/* memory that moves by less than a code may stand still, or move by almost one */
	coarse = step * (1 + quantile(y, n, 0.5)) / (busy - quiet);
	ret->state = HR_GROWTH_UNSURE;
	if (isnan(today))
		return;
	ret->part = fmax(line.slope, 0) * today;
	ret->part_lo = (line.lo - coarse) * today;
	ret->part_hi = (line.hi + coarse) * today;
	if (sure(ret, fmax(100 - largest(used), 0)))
		ret->state = ret->part_lo > 0 ? HR_GROWTH_KNOWN : HR_GROWTH_FLAT;
}
