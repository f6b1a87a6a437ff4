/* SPDX-License-Identifier: Apache-2.0 */
/* Task A: next week's p95 of 5-minute values, and an upper bound of it. */
#include "tests/forecast/eval.h"
#include "tests/forecast/stats.h"
#include "tests/forecast/traces.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/core/bound.h"

#define CASES_MAX 2048
#define WEEK      7

enum predictor {
	P_LAST_WEEK = 0,
	P_WINDOW,
	P_MAX_WEEKLY,
	P_MAX_DAILY,
	P_P995, /* p99.5 of 14 days */
	P_VPA,  /* Kubernetes VPA's p95 + 15 %, CPU only */
	P_N,
};
static const char *const name_of[P_N] = {"p95 of last week", "p95 of window", "max of weekly p95s",
	"max of daily p95s", "p99.5 of 14 d", "VPA p95 + 15 %"};

struct cases {
	size_t n;
	uint32_t unit[CASES_MAX];
	double y[CASES_MAX];
	double p[P_N][CASES_MAX];
	double spread[CASES_MAX];
	double factor; /* as shipped for this length of history */
};

struct set {
	const char *name, *file, *col, *dataset;
	uint32_t step_s, days;
	int64_t t0;
	enum hr_bound_kind kind;
};

/*
 * VPA: decaying histogram of CPU samples, half-life 24 h, buckets growing by 5 % from 0.01 core;
 * the end of the bucket that holds the quantile.  In percent of one "core" here, so only the
 * rounding to buckets differs with the VM's size.
 */
static double vpa(const float *v, uint32_t n, uint32_t per_day)
{
	double w[512] = {0}, all = 0, sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		double age = (double)(n - 1 - i) / per_day, weight = exp2(-age);
		unsigned b;

		if (isnan(v[i]))
			continue;
		b = (unsigned)(log((double)v[i] / 100 * 0.05 / 0.01 + 1) / log(1.05) + 1e-9);
		w[b < 511 ? b : 511] += weight;
		all += weight;
	}
	for (unsigned b = 0; b < 512; b++) {
		sum += w[b];
		if (sum >= 0.95 * all)
			return 0.01 * (pow(1.05, b + 1) - 1) / 0.05 * 100 * 1.15;
	}
	return NAN;
}

static void predict(const float *tr, uint32_t days, uint32_t spd, double p[P_N], double *spread)
{
	uint32_t n = days * spd;

	p[P_LAST_WEEK] = tr_quantile(tr + n - WEEK * spd, WEEK * spd, 0.95);
	p[P_WINDOW] = tr_quantile(tr, n, 0.95);
	p[P_P995] = tr_quantile(tr + n - 14 * spd, 14 * spd, 0.995);
	p[P_VPA] = vpa(tr + n - 8 * spd, 8 * spd, spd);
	p[P_MAX_WEEKLY] = p[P_MAX_DAILY] = -1;
	for (uint32_t w = 0; w < days / WEEK; w++) {
		double v = tr_quantile(tr + n - (w + 1) * WEEK * spd, WEEK * spd, 0.95);

		p[P_MAX_WEEKLY] = fmax(p[P_MAX_WEEKLY], v);
	}
	for (uint32_t d = 0; d < days; d++)
		p[P_MAX_DAILY] = fmax(p[P_MAX_DAILY], tr_quantile(tr + d * spd, spd, 0.95));
	*spread = hr_bound_spread(p[P_MAX_WEEKLY], p[P_MAX_DAILY]);
}

static void build(const struct tr_grid *g, uint32_t days, struct cases *c)
{
	uint32_t all = g->slots / g->per_day, spd = g->per_day;

	c->n = 0;
	for (uint32_t o = days; o + WEEK <= all; o += WEEK)
		for (uint32_t i = 0; i < g->n && c->n < CASES_MAX; i++) {
			const float *a = tr_row(g, i) + (size_t)(o - days) * spd,
				    *b = a + days * spd;
			double p[P_N];

			if (tr_cover(a, days * spd) < 0.7 || tr_cover(b, WEEK * spd) < 0.7 ||
				tr_cover(b - spd, spd) < 0.5)
				continue;
			predict(a, days, spd, p, &c->spread[c->n]);
			for (unsigned k = 0; k < P_N; k++)
				c->p[k][c->n] = p[k];
			c->y[c->n] = tr_quantile(b, WEEK * spd, 0.95);
			c->unit[c->n++] = g->unit[i];
		}
}

static void row(const char *name, const struct cases *c, const double *p)
{
	double mae = 0, pin = 0, cover = 0, under = 0, over = 0, n = (double)c->n;

	for (size_t i = 0; i < c->n; i++) {
		int d = st_step(p[i]) - st_step(c->y[i]);

		mae += fabs(p[i] - c->y[i]);
		pin += st_pinball(c->y[i], p[i], 0.9);
		cover += p[i] >= c->y[i] - 1e-9;
		under += d < 0;
		over += d > 0;
	}
	printf("%-44s MAE %6.2f  pinball %6.3f  covers %5.1f  sized under %4.1f over %4.1f\n", name,
		mae / n, pin / n, 100 * cover / n, 100 * under / n, 100 * over / n);
}

/* Bound with the factor of the other folds: multiplicative, or (scaled) per case's own spread. */
static double conformal(const struct cases *c, const double *p, bool scaled, double *out)
{
	double r[CASES_MAX], mid[ST_FOLDS];

	for (unsigned k = 0; k < ST_FOLDS; k++) {
		size_t n = 0;
		double f;

		for (size_t i = 0; i < c->n; i++)
			if (c->unit[i] % ST_FOLDS != k)
				r[n++] = log((1 + c->y[i]) / (1 + p[i])) /
					 (scaled ? c->spread[i] : 1);
		/* the multiplicative one takes rank ceil(0.9 (n+1)), as the reference */
		f = scaled ? st_quantile(r, n, 0.9)
			   : st_quantile(r, n,
				     fmin(1, (ceil(0.9 * (double)(n + 1)) - 1) / (double)(n - 1)));
		mid[k] = f;
		for (size_t i = 0; i < c->n; i++)
			if (c->unit[i] % ST_FOLDS == k)
				out[i] = (1 + p[i]) * exp(f * (scaled ? c->spread[i] : 1)) - 1;
	}
	return st_quantile(mid, ST_FOLDS, 0.5);
}

static void minus(const char *what, const struct cases *c, const double *a, const double *b)
{
	double d[3][CASES_MAX];
	struct st_mean m[3];

	for (size_t i = 0; i < c->n; i++) {
		int s = st_step(c->y[i]), sa = st_step(a[i]) - s, sb = st_step(b[i]) - s;

		d[0][i] = st_pinball(c->y[i], a[i], 0.9) - st_pinball(c->y[i], b[i], 0.9);
		d[1][i] = 100.0 * ((sa < 0) - (sb < 0));
		d[2][i] = 100.0 * ((sa > 0) - (sb > 0));
	}
	for (unsigned k = 0; k < 3; k++)
		m[k] = st_paired(d[k], NULL, c->unit, c->n, CASES_MAX);
	printf("   minus %-34s pinball %+.3f [%+.3f, %+.3f]  under %+.1f [%+.1f, %+.1f]  over "
	       "%+.1f "
	       "[%+.1f, %+.1f]\n",
		what, m[0].mean, m[0].lo, m[0].hi, m[1].mean, m[1].lo, m[1].hi, m[2].mean, m[2].lo,
		m[2].hi);
}

static void levels(const struct cases *c, const double *p)
{
	static const double edge[4] = {-1, 5, 20, 1e9};

	printf("   covers by last week's level:");
	for (unsigned k = 0; k < 3; k++) {
		double n = 0, in = 0;

		for (size_t i = 0; i < c->n; i++) {
			double v = c->p[P_LAST_WEEK][i];

			if (v < edge[k] || v >= edge[k + 1])
				continue;
			n++;
			in += c->y[i] <= p[i];
		}
		printf(" %s %.1f (%.0f cases)%s",
			k == 0   ? "under 5 %"
			: k == 1 ? "5-20 %"
				 : "above",
			100 * in / n, n, k < 2 ? "," : "\n");
	}
}

static void score(const struct set *s, struct cases *c)
{
	static double ours[CASES_MAX], shipped[CASES_MAX], weekly[CASES_MAX], daily[CASES_MAX];
	double f;
	char name[64];

	printf("\n## %s: %u d -> next 7 d, %zu cases\n", s->name, s->days, c->n);
	for (unsigned k = 0; k < (s->kind == HR_BOUND_CPU ? P_N : P_VPA); k++)
		row(name_of[k], c, c->p[k]);
	f = conformal(c, c->p[P_MAX_WEEKLY], false, weekly);
	(void)snprintf(name, sizeof(name), "bound: max weekly x %.2f", exp(f));
	row(name, c, weekly);
	f = conformal(c, c->p[P_MAX_DAILY], false, daily);
	(void)snprintf(name, sizeof(name), "bound: max daily x %.2f", exp(f));
	row(name, c, daily);
	f = conformal(c, c->p[P_MAX_WEEKLY], true, ours);
	(void)snprintf(name, sizeof(name), "bound: ours (bound.c), factor %.2f, cross-fitted", f);
	row(name, c, ours);
	for (size_t i = 0; i < c->n; i++)
		shipped[i] = hr_bound_next(c->p[P_MAX_WEEKLY][i], c->p[P_MAX_DAILY][i], c->factor);
	(void)snprintf(name, sizeof(name), "bound: ours as shipped, factor %.2f", c->factor);
	row(name, c, shipped);
	minus("conformal max weekly", c, ours, weekly);
	minus("conformal max daily", c, ours, daily);
	minus("p99.5 of 14 d", c, ours, c->p[P_P995]);
	if (s->kind == HR_BOUND_CPU)
		minus("VPA p95 + 15 %", c, ours, c->p[P_VPA]);
	levels(c, ours);
}

void eval_week(const char *dir)
{
	static const struct set sets[] = {
		{"Bitbrains CPU, 5 min", "bitbrains_5min.csv", "cpu_util", "bitbrains", 300, 28,
			EVAL_BITBRAINS_T0, HR_BOUND_CPU},
		{"Bitbrains memory, 5 min", "bitbrains_5min.csv", "mem_util", "bitbrains", 300, 28,
			EVAL_BITBRAINS_T0, HR_BOUND_MEMORY},
		{"Azure CPU, 5 min", "azure_5min.csv", "cpu_util", "azure", 300, 14, 0,
			HR_BOUND_CPU},
		{"Bitbrains CPU, p95 of the hour", "bitbrains_hourly.csv", "cpu_p95", "bitbrains",
			3600, 28, EVAL_BITBRAINS_T0, HR_BOUND_CPU},
		{"Bitbrains memory, max of the hour", "bitbrains_hourly.csv", "mem_max",
			"bitbrains", 3600, 28, EVAL_BITBRAINS_T0, HR_BOUND_MEMORY},
	};
	static struct cases c;

	for (unsigned i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
		const struct set *s = &sets[i];
		struct tr_grid g = tr_load(dir, s->file, s->col, s->step_s, s->t0, s->dataset);

		build(&g, s->days, &c);
		c.factor = hr_bound_factor(s->kind, s->days / WEEK);
		score(s, &c);
		tr_free(&g);
	}
}
