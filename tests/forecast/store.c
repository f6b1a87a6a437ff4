/* SPDX-License-Identifier: Apache-2.0 */
/* Task C: when is a growing store full?  Full = current / 0.9; origins every 30 days. */
#include "tests/forecast/eval.h"
#include "tests/forecast/stats.h"
#include "tests/forecast/traces.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/core/stock.h"

#define BEFORE    270
#define CASES_MAX 6144
#define NEVER     1e9

enum rule {
	R_OURS = 0,
	R_MEAN28,
	R_MEAN90,
	R_MEAN180,
	R_LINEAR90, /* predict_linear 90 d: least squares, from its own line */
	R_N,
};
static const char *const name_of[R_N] = {"ours (stock.c)", "mean growth 28 d", "mean growth 90 d",
	"mean growth 180 d", "predict_linear 90 d"};

struct cases {
	size_t n;
	uint32_t unit[CASES_MAX];
	double day[CASES_MAX]; /* when it was full; NEVER within the horizon */
	double rule[R_N][CASES_MAX];
	double early[CASES_MAX];
};

static double reach(double now, double slope, double line, double h)
{
	double d = now >= line ? 0 : slope > 1e-12 ? (line - now) / slope : NEVER;

	return d <= h ? d : NEVER;
}

/* Least squares over the last @n of @v (v[0] is the last): value at the end, slope. */
static double ols(const float *last, int n, double *ret_slope)
{
	double st = 0, stt = 0, sy = 0, sty = 0;

	for (int i = 0; i < n; i++) {
		double t = -i, y = (double)last[-i];

		st += t;
		stt += t * t;
		sy += y;
		sty += t * y;
	}
	*ret_slope = (n * sty - st * sy) / (n * stt - st * st);
	return (sy - *ret_slope * st) / n;
}

static void one(struct cases *c, const float *last, uint32_t unit, unsigned h)
{
	double used[HR_STOCK_DAYS_MAX + 1], now = (double)*last, line = now / 0.9, b, a;
	struct hr_stock s;
	size_t n = c->n;

	for (unsigned i = 0; i <= HR_STOCK_DAYS_MAX; i++)
		used[i] = (double)last[(int)i - HR_STOCK_DAYS_MAX];
	hr_stock_fit(used, HR_STOCK_DAYS_MAX + 1, line, &s);
	c->rule[R_OURS][n] = s.likely.has && s.likely.v <= h ? s.likely.v : NEVER;
	c->early[n] = s.early.has ? s.early.v : NEVER;
	c->rule[R_MEAN28][n] = reach(now, (now - (double)last[-28]) / 28, line, h);
	c->rule[R_MEAN90][n] = reach(now, (now - (double)last[-90]) / 90, line, h);
	c->rule[R_MEAN180][n] = reach(now, (now - (double)last[-180]) / 180, line, h);
	a = ols(last, 90, &b);
	c->rule[R_LINEAR90][n] = reach(a, b, line, h);
	c->day[n] = NEVER;
	for (unsigned d = h; d > 0; d--)
		if ((double)last[d] >= line)
			c->day[n] = d;
	c->unit[n] = unit;
	c->n++;
}

/* Days from the first sample on; carried forward over gaps, as the files are. */
static uint32_t begin_of(const float *v, uint32_t n)
{
	uint32_t i = 0;

	while (i < n && isnan(v[i]))
		i++;
	return i;
}

static void build(const struct tr_grid *g, unsigned h, struct cases *c)
{
	c->n = 0;
	for (uint32_t i = 0; i < g->n; i++) {
		const float *v = tr_row(g, i);
		uint32_t first = begin_of(v, g->slots), end = g->slots;

		while (end > first && isnan(v[end - 1]))
			end--;
		if (end < first + BEFORE + h + 61) /* fewer than three origins */
			continue;
		for (uint32_t o = first + BEFORE; o + h < end && c->n < CASES_MAX; o += 30)
			if (v[o] > 1e5f)
				one(c, &v[o], g->unit[i], h);
	}
}

static void minus(const struct cases *c, enum rule b, unsigned h)
{
	double d[CASES_MAX], w[2][CASES_MAX];
	struct st_mean fa, hit;

	for (size_t i = 0; i < c->n; i++) {
		d[i] = 100.0 * ((c->rule[R_OURS][i] <= h) - (c->rule[b][i] <= h));
		w[1][i] = c->day[i] <= h;
		w[0][i] = 1 - w[1][i];
	}
	fa = st_paired(d, w[0], c->unit, c->n, 64);
	hit = st_paired(d, w[1], c->unit, c->n, 64);
	printf("   minus %-22s FA %+.1f [%+.1f, %+.1f]  hits %+.1f [%+.1f, %+.1f]\n", name_of[b],
		fa.mean, fa.lo, fa.hi, hit.mean, hit.lo, hit.hi);
}

static void score(const char *name, const struct cases *c, unsigned h)
{
	double events = 0, early = 0, err[CASES_MAX];

	for (size_t i = 0; i < c->n; i++)
		events += c->day[i] <= h;
	printf("\n## %s, horizon %u d: %zu cases, %.0f events\n", name, h, c->n, events);
	for (unsigned r = 0; r < R_N; r++) {
		double fa = 0, hit = 0;
		size_t both = 0;

		for (size_t i = 0; i < c->n; i++) {
			bool alarm = c->rule[r][i] <= h, event = c->day[i] <= h;

			fa += alarm && !event;
			hit += alarm && event;
			if (alarm && event)
				err[both++] = fabs(c->rule[r][i] - c->day[i]);
		}
		printf("%-22s FA %4.1f %%  hits %4.1f %%  median error %4.1f d\n", name_of[r],
			100 * fa / ((double)c->n - events), 100 * hit / events,
			st_quantile(err, both, 0.5));
	}
	for (size_t i = 0; i < c->n; i++)
		early += c->day[i] <= h && c->day[i] < c->early[i] - 0.5;
	printf("   at_least: full before it in %.1f %% of all cases\n", 100 * early / (double)c->n);
	for (unsigned r = R_MEAN28; r < R_N; r++)
		minus(c, (enum rule)r, h);
}

void eval_store(const char *dir)
{
	static struct cases c;

	for (unsigned k = 0; k < 2; k++) {
		struct tr_grid g = tr_load(
			dir, "storage_daily.csv", k ? "dir_bytes" : "store_bytes", 86400, 0, NULL);

		for (unsigned h = 30; h <= 90; h += 60) {
			build(&g, h, &c);
			score(k ? "dir" : "store", &c, h);
		}
		tr_free(&g);
	}
}
