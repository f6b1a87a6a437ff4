/* SPDX-License-Identifier: Apache-2.0 */
/* The bound by hour: 28 days of hours known, the next seven days hour by hour. */
#include "tests/forecast/eval.h"
#include "tests/forecast/stats.h"
#include "tests/forecast/traces.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/core/cone.h"

#define CASES_MAX 2048
#define WEEK      HR_HOURS_WEEK

struct cases {
	size_t n;
	uint32_t unit[CASES_MAX];
	double v[CASES_MAX][HR_HOURS], y[CASES_MAX][WEEK];
};

static void build(const struct tr_grid *g, struct cases *c)
{
	c->n = 0;
	for (uint32_t o = HR_HOURS; o + WEEK <= g->slots; o += WEEK)
		for (uint32_t i = 0; i < g->n && c->n < CASES_MAX; i++) {
			const float *w = tr_row(g, i) + o - HR_HOURS;

			if (tr_cover(w, HR_HOURS) < 0.7 || tr_cover(w + HR_HOURS, WEEK) < 0.7)
				continue;
			c->unit[c->n] = g->unit[i];
			for (unsigned h = 0; h < HR_HOURS; h++)
				c->v[c->n][h] = (double)w[h];
			for (unsigned h = 0; h < WEEK; h++)
				c->y[c->n][h] = (double)w[HR_HOURS + h];
			c->n++;
		}
}

/* Margin of a shape that the VMs of the other folds needed. */
static double fit(const struct cases *c, enum hr_cone_shape s, int fold)
{
	double *e = malloc((c->n + 1) * WEEK * sizeof(*e)), b[WEEK], m;
	size_t n = 0;

	if (!e)
		exit(1);
	for (size_t i = 0; i < c->n; i++) {
		if (fold >= 0 && c->unit[i] % ST_FOLDS == (unsigned)fold)
			continue;
		hr_cone_base(c->v[i], HR_HOURS, s, 0, b);
		for (unsigned h = 0; h < WEEK; h++)
			if (!isnan(c->y[i][h]))
				e[n++] = log((1 + c->y[i][h]) / (1 + b[h]));
	}
	m = st_quantile(e, n, 0.9);
	free(e);
	return m;
}

struct result {
	double loss[CASES_MAX], held, of;
};

static void add(const struct cases *c, size_t i, const double *b, struct result *r)
{
	double sum = 0, n = 0;

	for (unsigned h = 0; h < WEEK; h++) {
		if (isnan(c->y[i][h]))
			continue;
		sum += st_pinball(c->y[i][h], b[h], 0.9);
		r->held += c->y[i][h] <= b[h];
		n++;
	}
	r->of += n;
	r->loss[i] = sum / n;
}

static void say(const char *name, const struct cases *c, const struct result *r,
	const struct result *flat, uint32_t units)
{
	double d[CASES_MAX], sum = 0;
	struct st_mean m;

	for (size_t i = 0; i < c->n; i++) {
		d[i] = r->loss[i] - flat->loss[i];
		sum += r->loss[i];
	}
	m = st_paired(d, NULL, c->unit, c->n, units);
	printf("%-28s pinball %.3f  covers %.1f %%  minus flat %+.3f [%+.3f, %+.3f]\n", name,
		sum / (double)c->n, 100 * r->held / r->of, m.mean, m.lo, m.hi);
}

static void score(const struct cases *c, enum hr_bound_kind kind, uint32_t units)
{
	static struct result r[HR_CONE_N], ours;
	size_t used[HR_CONE_N] = {0};

	ours = r[1] = r[2] = r[3] = (struct result){.of = 0};
	for (int k = 0; k < ST_FOLDS; k++) {
		double m[HR_CONE_N] = {0};

		for (enum hr_cone_shape s = HR_CONE_FLAT; s < HR_CONE_N; s++)
			m[s] = fit(c, s, k);
		for (size_t i = 0; i < c->n; i++) {
			struct hr_cone cone;
			double b[WEEK];

			if (c->unit[i] % ST_FOLDS != (unsigned)k)
				continue;
			for (enum hr_cone_shape s = HR_CONE_FLAT; s < HR_CONE_N; s++) {
				hr_cone_base(c->v[i], HR_HOURS, s, m[s], b);
				add(c, i, b, &r[s]);
			}
			hr_cone_make(c->v[i], m, &cone);
			used[cone.shape]++;
			if (cone.shape == HR_CONE_NONE) /* a week of it is missing: flat */
				hr_cone_base(c->v[i], HR_HOURS, HR_CONE_FLAT, m[HR_CONE_FLAT], b);
			add(c, i, cone.shape == HR_CONE_NONE ? b : cone.at_most, &ours);
		}
	}
	printf("\n## hour by hour, %s: %zu cases\n", kind == HR_BOUND_CPU ? "CPU" : "memory", c->n);
	for (enum hr_cone_shape s = HR_CONE_FLAT; s < HR_CONE_N; s++)
		say(hr_cone_shape_name(s), c, &r[s], &r[HR_CONE_FLAT], units);
	say("ours: a shape where proved", c, &ours, &r[HR_CONE_FLAT], units);
	printf("   used: flat %zu, hour of day %zu, hour of week %zu\n",
		used[HR_CONE_FLAT] + used[HR_CONE_NONE], used[HR_CONE_DAY], used[HR_CONE_WEEK]);
	for (enum hr_cone_shape s = HR_CONE_FLAT; s < HR_CONE_N; s++)
		printf("   margin of all VMs, %s: %.3f (shipped %.3f)\n", hr_cone_shape_name(s),
			fit(c, s, -1), hr_cone_margins(kind)[s]);
}

void eval_hours(const char *dir)
{
	static const char *const col[2] = {"cpu_p95", "mem_max"};
	static struct cases c;

	for (unsigned r = 0; r < 2; r++) {
		struct tr_grid g = tr_load(
			dir, "bitbrains_hourly.csv", col[r], 3600, EVAL_BITBRAINS_T0, "bitbrains");

		build(&g, &c);
		score(&c, (enum hr_bound_kind)r, g.n);
		tr_free(&g);
	}
}
