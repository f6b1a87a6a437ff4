/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/forecast/cross.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Features chosen on one half of the VMs by greedy search, fitted there, and scored on the other:
 * what eight features chosen while looking at every VM may owe to that.
 */
#define POOL (DIM + SIX)

struct pool {
	size_t n;
	double x[10 * CASES_MAX][POOL];
	bool y[10 * CASES_MAX];
	uint32_t unit[10 * CASES_MAX];
};

static void fit_some(
	const struct pool *p, const unsigned *set, unsigned dim, const bool *skip, double *ret)
{
	double *x = malloc((p->n * dim + 1) * sizeof(*x));

	if (!x)
		exit(1);
	for (size_t i = 0; i < p->n; i++)
		for (unsigned k = 0; k < dim; k++)
			x[i * dim + k] = p->x[i][set[k]];
	st_logistic(x, p->y, skip, p->n, dim, ret);
	free(x);
}

static double say(const double *w, const double *all, const unsigned *set, unsigned dim)
{
	double x[ST_DIM_MAX];

	for (unsigned k = 0; k < dim; k++)
		x[k] = all[set[k]];
	return st_logit(w, x, dim);
}

/* Brier score inside half @h, each of its halves predicted by the other. */
static double brier_inside(const struct pool *p, const unsigned *set, unsigned dim, unsigned h)
{
	static bool skip[10 * CASES_MAX];
	double w[1 + ST_DIM_MAX], sum = 0, n = 0;

	for (unsigned in = 0; in < 2; in++) {
		for (size_t i = 0; i < p->n; i++)
			skip[i] = p->unit[i] % 2 != h || p->unit[i] / 2 % 2 == in;
		fit_some(p, set, dim, skip, w);
		for (size_t i = 0; i < p->n; i++) {
			double d = say(w, p->x[i], set, dim) - p->y[i];

			if (p->unit[i] % 2 != h || p->unit[i] / 2 % 2 != in)
				continue;
			sum += d * d;
			n++;
		}
	}
	return sum / n;
}

static unsigned choose(const struct pool *p, unsigned h, unsigned set[ST_DIM_MAX])
{
	double best = 1;
	unsigned n = 0;

	while (n < ST_DIM_MAX) {
		unsigned pick = POOL;

		for (unsigned k = 0; k < POOL; k++) {
			double b;

			set[n] = k;
			b = brier_inside(p, set, n + 1, h);
			if (b < best - 1e-4) {
				best = b;
				pick = k;
			}
		}
		if (pick == POOL)
			break;
		set[n++] = pick;
	}
	return n;
}

/* Predictions and alarms of @c's half that is not @h, from @set fitted on half @h. */
static void half(const struct pool *p, const struct cases *c, const unsigned *set, unsigned dim,
	unsigned h, struct fitted *r)
{
	static const double fa[2] = {0.05, 0.10};
	static bool skip[10 * CASES_MAX];
	double w[1 + ST_DIM_MAX], quiet[CASES_MAX];
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		skip[i] = p->unit[i] % 2 != h;
	fit_some(p, set, dim, skip, w);
	for (size_t i = 0; i < c->n; i++) {
		double all[POOL];

		memcpy(all, c->x[i], sizeof(c->x[i]));
		memcpy(all + DIM, c->six[i], sizeof(c->six[i]));
		r->p[i] = c->unit[i] % 2 != h ? say(w, all, set, dim) : r->p[i];
		if (c->unit[i] % 2 == h && !c->y[i])
			quiet[n++] = say(w, all, set, dim);
	}
	for (unsigned a = 0; a < 2; a++) {
		double cut = st_quantile(quiet, n, 1 - fa[a]);

		for (size_t i = 0; i < c->n; i++)
			if (c->unit[i] % 2 != h)
				r->alarm[a][i] = r->p[i] >= cut;
	}
}

void cross_held_out(const char *name, const struct from *from, struct cases *c, uint32_t units)
{
	static const char *const what[POOL] = {"max", "level", "spread", "days over", "change",
		"own rises", "days near", "slope", "six: max", "six: median", "six: spread",
		"six: slope", "six: days over", "six: peak"};
	static struct fitted chosen, eight, six;
	static struct pool p;
	unsigned of_eight[DIM], of_six[SIX], set[ST_DIM_MAX + 1];
	struct st_mean m;

	p.n = 0;
	for (unsigned t = 0; t < from->n; t++)
		for (size_t i = 0; i < from->train[t]->n; i++, p.n++) {
			const struct cases *s = from->train[t];

			memcpy(p.x[p.n], s->x[i], sizeof(s->x[i]));
			memcpy(p.x[p.n] + DIM, s->six[i], sizeof(s->six[i]));
			p.y[p.n] = s->y[i];
			p.unit[p.n] = s->unit[i];
		}
	for (unsigned k = 0; k < POOL; k++)
		*(k < DIM ? &of_eight[k] : &of_six[k - DIM]) = k;
	printf("\n## %s, features chosen and fitted on one half of the VMs, scored on the other\n",
		name);
	for (unsigned h = 0; h < 2; h++) {
		unsigned n = choose(&p, h, set);

		printf("   chosen on the %s:", h ? "odd" : "even");
		for (unsigned k = 0; k < n; k++)
			printf("%s %s", k ? "," : "", what[set[k]]);
		puts("");
		half(&p, c, set, n, h, &chosen);
		half(&p, c, of_eight, from->model == OURS_FEW ? FEW : DIM, h, &eight);
		half(&p, c, of_six, SIX, h, &six);
	}
	for (unsigned k = 0; k < 3; k++) {
		const struct fitted *f = k == 0 ? &chosen : k == 1 ? &eight : &six;

		printf("%-34s Brier %.4f  AUC %.3f  alarms at 5 %%: FA %.1f hit %.0f, at 10 %%: FA "
		       "%.1f hit %.0f\n",
			k == 0   ? "chosen on the other half"
			: k == 1 ? "ours (crossing.c)"
				 : "six features of the reference",
			cross_brier(c, f->p), st_auc(f->p, c->y, c->n),
			cross_rate(f->alarm[0], c->y, c->n, false),
			cross_rate(f->alarm[0], c->y, c->n, true),
			cross_rate(f->alarm[1], c->y, c->n, false),
			cross_rate(f->alarm[1], c->y, c->n, true));
	}
	m = cross_brier_minus(c, chosen.p, eight.p, units);
	printf("   Brier of the chosen minus ours %+.4f [%+.4f, %+.4f]", m.mean, m.lo, m.hi);
	m = cross_brier_minus(c, chosen.p, six.p, units);
	printf("; minus the six %+.4f [%+.4f, %+.4f]\n", m.mean, m.lo, m.hi);
	for (unsigned a = 0; a < 2; a++) {
		m = cross_hits_minus(c, chosen.alarm[a], six.alarm[a], units);
		printf("   hits at %d %% of the chosen minus the six %+.0f [%+.0f, %+.0f]",
			a ? 10 : 5, m.mean, m.lo, m.hi);
		m = cross_hits_minus(c, eight.alarm[a], six.alarm[a], units);
		printf("; of ours %+.0f [%+.0f, %+.0f]\n", m.mean, m.lo, m.hi);
	}
}
