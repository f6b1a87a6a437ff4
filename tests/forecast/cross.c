/* SPDX-License-Identifier: Apache-2.0 */
/* Task B: is a line reached and held within 30 days?  Daily peak = the busiest hour. */
#include "tests/forecast/eval.h"
#include "tests/forecast/stats.h"
#include "tests/forecast/traces.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/core/crossing.h"
#include "collector/core/rank.h"

#define N         HR_CROSSING_DAYS
#define H         HR_CROSSING_HORIZON
#define DIM       HR_CROSSING_FEATURES
#define SIX       6
#define CASES_MAX 2048

struct cases {
	size_t n;
	uint32_t unit[CASES_MAX];
	bool y[CASES_MAX];
	bool level[CASES_MAX]; /* "max of 28 days >= line" */
	double x[CASES_MAX][DIM];
	double six[CASES_MAX][SIX]; /* the reference's features */
};

/* The busiest hour of each day with at least half of its hours. */
static double *daily_peaks(const struct tr_grid *g, uint32_t *ret_days)
{
	uint32_t days = g->slots / g->per_day;
	double *pk = malloc((size_t)g->n * days * sizeof(*pk));

	if (!pk)
		exit(1);
	for (uint32_t i = 0; i < g->n; i++)
		for (uint32_t d = 0; d < days; d++) {
			const float *v = tr_row(g, i) + (size_t)d * g->per_day;

			pk[(size_t)i * days + d] = tr_cover(v, g->per_day) >= 0.5
							   ? tr_quantile(v, g->per_day, 1)
							   : NAN;
		}
	*ret_days = days;
	return pk;
}

static bool sustained(const double *f, double line)
{
	for (unsigned i = 0; i < H; i++) {
		unsigned over = 0;

		for (unsigned d = i; d < i + HR_CROSSING_WITHIN && d < H; d++)
			over += f[d] >= line;
		if (f[i] >= line && over >= HR_CROSSING_NEED)
			return true;
	}
	return false;
}

static unsigned known(const double *v, unsigned n)
{
	unsigned k = 0;

	for (unsigned i = 0; i < n; i++)
		k += isnan(v[i]) ? 0 : 1;
	return k;
}

static void six_features(const double *w, double line, double peak, double x[SIX])
{
	double lw[N], v[N], s[N * N], mean = 0, sq = 0, max = 0, over = 0;
	unsigned n = 0, k = 0;

	for (unsigned d = 0; d < N; d++) {
		lw[d] = log(fmax(w[d], 0.5));
		if (isnan(w[d])) {
			lw[d] = NAN;
			continue;
		}
		v[n++] = w[d];
		mean += lw[d];
		max = fmax(max, w[d]);
		over += w[d] >= line * 0.999;
	}
	mean /= n;
	for (unsigned i = 0; i < N; i++) {
		sq += isnan(lw[i]) ? 0 : (lw[i] - mean) * (lw[i] - mean);
		for (unsigned j = i + 1; j < N; j++)
			if (!isnan(lw[i]) && !isnan(lw[j]))
				s[k++] = (lw[j] - lw[i]) / (j - i);
	}
	x[0] = log(line / max);
	x[1] = log(line / fmax(hr_rank_median(v, n), 0.5));
	x[2] = sqrt(sq / n);
	x[3] = hr_rank_median(s, k) * 30;
	x[4] = over / 7;
	x[5] = log(peak);
}

/* Origins every 7 days.  @touched: lines that the last week reached, but did not hold. */
static void build(const struct tr_grid *g, const double *pk, uint32_t days, double ratio,
	bool touched, struct cases *c)
{
	c->n = 0;
	for (uint32_t o = N; o + H <= days; o += 7)
		for (uint32_t i = 0; i < g->n && c->n < CASES_MAX; i++) {
			const double *w = pk + (size_t)i * days + o - N, *f = w + N;
			double peak = 0, line, max = 0;

			for (unsigned d = 0; d < 7; d++)
				peak = fmax(peak, w[N - 7 + d]);
			for (unsigned d = 0; d < N; d++)
				max = fmax(max, w[d]);
			line = peak * ratio;
			if (known(w, N) < 0.7 * N || known(f, H) < 0.7 * H || peak < 5 ||
				(touched && hr_crossing_level(w + N - 7, 7) >= line))
				continue;
			c->unit[c->n] = g->unit[i];
			c->y[c->n] = sustained(f, line);
			c->level[c->n] = max >= line;
			hr_crossing_features(w, line, c->x[c->n]);
			six_features(w, line, peak, c->six[c->n]);
			c->n++;
		}
}

struct fitted {
	double p[CASES_MAX], base[CASES_MAX];
	bool alarm[2][CASES_MAX]; /* cut for 5, 10 % of false alarms on the other folds */
};

/* All of @train but fold @k, in one table; @k < 0: all. */
static void fit_all(struct cases *const *train, unsigned n_train, int k, bool six, double *w)
{
	unsigned dim = six ? SIX : DIM;
	size_t n = 0, cap = (size_t)n_train * CASES_MAX;
	double *x = malloc(cap * dim * sizeof(*x));
	bool *y = malloc(cap), *skip = malloc(cap);

	if (!x || !y || !skip)
		exit(1);
	for (unsigned t = 0; t < n_train; t++)
		for (size_t i = 0; i < train[t]->n; i++, n++) {
			memcpy(x + n * dim, six ? train[t]->six[i] : train[t]->x[i],
				dim * sizeof(*x));
			y[n] = train[t]->y[i];
			skip[n] = k >= 0 && train[t]->unit[i] % ST_FOLDS == (unsigned)k;
		}
	st_logistic(x, y, skip, n, dim, w);
	free(x);
	free(y);
	free(skip);
}

static void cross_fit(struct cases *const *train, unsigned n_train, const struct cases *c, bool six,
	struct fitted *r)
{
	static const double fa[2] = {0.05, 0.10};
	unsigned dim = six ? SIX : DIM;

	for (int k = 0; k < ST_FOLDS; k++) {
		double w[1 + ST_DIM_MAX], quiet[CASES_MAX], base = 0, cut[2];
		size_t n = 0, other = 0;

		fit_all(train, n_train, k, six, w);
		for (size_t i = 0; i < c->n; i++) {
			r->p[i] = c->unit[i] % ST_FOLDS == (unsigned)k
					  ? st_logit(w, six ? c->six[i] : c->x[i], dim)
					  : r->p[i];
			if (c->unit[i] % ST_FOLDS == (unsigned)k)
				continue;
			other++;
			base += c->y[i];
			if (!c->y[i])
				quiet[n++] = st_logit(w, six ? c->six[i] : c->x[i], dim);
		}
		for (unsigned a = 0; a < 2; a++)
			cut[a] = st_quantile(quiet, n, 1 - fa[a]);
		for (size_t i = 0; i < c->n; i++) {
			if (c->unit[i] % ST_FOLDS != (unsigned)k)
				continue;
			r->base[i] = base / (double)other;
			for (unsigned a = 0; a < 2; a++)
				r->alarm[a][i] = r->p[i] >= cut[a];
		}
	}
}

/* "max of 28 days / line" alone as the score. */
static void level_score(const struct cases *c, struct fitted *r)
{
	static const double fa[2] = {0.05, 0.10};

	for (unsigned k = 0; k < ST_FOLDS; k++)
		for (unsigned a = 0; a < 2; a++) {
			double quiet[CASES_MAX], cut;
			size_t n = 0;

			for (size_t i = 0; i < c->n; i++)
				if (c->unit[i] % ST_FOLDS != k && !c->y[i])
					quiet[n++] = -c->six[i][0];
			cut = st_quantile(quiet, n, 1 - fa[a]);
			for (size_t i = 0; i < c->n; i++) {
				if (c->unit[i] % ST_FOLDS != k)
					continue;
				r->p[i] = -c->six[i][0];
				r->alarm[a][i] = r->p[i] >= cut;
			}
		}
}

static double rate(const bool *alarm, const bool *y, size_t n, bool of)
{
	double k = 0, all = 0;

	for (size_t i = 0; i < n; i++) {
		all += y[i] == of;
		k += y[i] == of && alarm[i];
	}
	return 100 * k / all;
}

/* Largest distance of said and seen over fifths of @p, in points; prints them. */
static double reliability(const double *p, const bool *y, size_t n)
{
	double cut[6], worst = 0;

	for (unsigned i = 0; i <= 5; i++)
		cut[i] = st_quantile(p, n, i / 5.0);
	printf("   said -> seen %%:");
	for (unsigned b = 0; b < 5; b++) {
		double said = 0, seen = 0, k = 0;

		for (size_t i = 0; i < n; i++) {
			bool in = (b == 0 || p[i] >= cut[b]) && (b == 4 || p[i] < cut[b + 1]);

			said += in ? p[i] : 0;
			seen += in && y[i];
			k += in;
		}
		printf(" %.1f -> %.1f%s", 100 * said / k, 100 * seen / k, b < 4 ? "," : "\n");
		worst = fmax(worst, fabs(said - seen) / k * 100);
	}
	return worst;
}

static struct st_mean brier_minus(
	const struct cases *c, const double *a, const double *b, uint32_t units)
{
	double d[CASES_MAX];

	for (size_t i = 0; i < c->n; i++)
		d[i] = (a[i] - c->y[i]) * (a[i] - c->y[i]) - (b[i] - c->y[i]) * (b[i] - c->y[i]);
	return st_paired(d, NULL, c->unit, c->n, units);
}

static struct st_mean hits_minus(
	const struct cases *c, const bool *a, const bool *b, uint32_t units)
{
	double d[CASES_MAX], w[CASES_MAX];

	for (size_t i = 0; i < c->n; i++) {
		d[i] = 100.0 * ((int)a[i] - (int)b[i]);
		w[i] = c->y[i];
	}
	return st_paired(d, w, c->unit, c->n, units);
}

static double brier(const struct cases *c, const double *p)
{
	double sum = 0;

	for (size_t i = 0; i < c->n; i++)
		sum += (p[i] - c->y[i]) * (p[i] - c->y[i]);
	return sum / (double)c->n;
}

static void score(const char *name, struct cases *const *train, unsigned n_train, struct cases *c,
	uint32_t units)
{
	static struct fitted ours, six, level;
	struct cases *own[1] = {c};
	struct st_mean m;
	size_t events = 0;
	double worst;

	for (size_t i = 0; i < c->n; i++)
		events += c->y[i];
	cross_fit(train, n_train, c, false, &ours);
	cross_fit(own, 1, c, true, &six);
	level_score(c, &level);
	printf("\n## %s: %zu cases, %zu events\n", name, c->n, events);
	printf("%-34s Brier %.4f  AUC %.3f  alarms at 5 %%: FA %.1f hit %.0f, at 10 %%: FA %.1f "
	       "hit "
	       "%.0f\n",
		"ours (crossing.c)", brier(c, ours.p), st_auc(ours.p, c->y, c->n),
		rate(ours.alarm[0], c->y, c->n, false), rate(ours.alarm[0], c->y, c->n, true),
		rate(ours.alarm[1], c->y, c->n, false), rate(ours.alarm[1], c->y, c->n, true));
	printf("%-34s Brier %.4f  AUC %.3f  alarms at 5 %%: FA %.1f hit %.0f, at 10 %%: FA %.1f "
	       "hit "
	       "%.0f\n",
		"six features of the reference", brier(c, six.p), st_auc(six.p, c->y, c->n),
		rate(six.alarm[0], c->y, c->n, false), rate(six.alarm[0], c->y, c->n, true),
		rate(six.alarm[1], c->y, c->n, false), rate(six.alarm[1], c->y, c->n, true));
	printf("%-34s              AUC %.3f  alarms at 5 %%: FA %.1f hit %.0f, at 10 %%: FA %.1f "
	       "hit "
	       "%.0f\n",
		"max of 28 d / line alone", st_auc(level.p, c->y, c->n),
		rate(level.alarm[0], c->y, c->n, false), rate(level.alarm[0], c->y, c->n, true),
		rate(level.alarm[1], c->y, c->n, false), rate(level.alarm[1], c->y, c->n, true));
	printf("%-34s Brier %.4f\n", "base rate of the other folds", brier(c, ours.base));
	printf("%-34s FA %.1f hit %.0f\n", "max of 28 d >= line", rate(c->level, c->y, c->n, false),
		rate(c->level, c->y, c->n, true));
	worst = reliability(ours.p, c->y, c->n);
	m = brier_minus(c, ours.p, ours.base, units);
	printf("   Brier minus base rate %+.4f [%+.4f, %+.4f]", m.mean, m.lo, m.hi);
	m = brier_minus(c, ours.p, six.p, units);
	printf("; minus the six %+.4f [%+.4f, %+.4f]\n", m.mean, m.lo, m.hi);
	for (unsigned a = 0; a < 2; a++) {
		m = hits_minus(c, ours.alarm[a], level.alarm[a], units);
		printf("   hits at %d %%: minus max / line alone %+.0f [%+.0f, %+.0f]", a ? 10 : 5,
			m.mean, m.lo, m.hi);
		m = hits_minus(c, ours.alarm[a], six.alarm[a], units);
		printf("; minus the six %+.0f [%+.0f, %+.0f]\n", m.mean, m.lo, m.hi);
	}
	printf("   reliability: worst fifth off by %.1f points\n", worst);
}

/*
 * Features chosen on one half of the VMs by greedy search, fitted there, and scored on the other:
 * what eight features chosen while looking at every VM may owe to that.
 */
#define POOL (DIM + SIX)

struct pool {
	size_t n;
	double x[5 * CASES_MAX][POOL];
	bool y[5 * CASES_MAX];
	uint32_t unit[5 * CASES_MAX];
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
	static bool skip[5 * CASES_MAX];
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
	static bool skip[5 * CASES_MAX];
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

static void held_out(const char *name, struct cases *const *train, struct cases *c, uint32_t units)
{
	static const char *const what[POOL] = {"max", "level", "spread", "days over", "change",
		"own rises", "days near", "slope", "six: max", "six: median", "six: spread",
		"six: slope", "six: days over", "six: peak"};
	static struct fitted chosen, eight, six;
	static struct pool p;
	unsigned of_eight[DIM], of_six[SIX], set[ST_DIM_MAX + 1];
	struct st_mean m;

	p.n = 0;
	for (unsigned t = 0; t < 5; t++)
		for (size_t i = 0; i < train[t]->n; i++, p.n++) {
			memcpy(p.x[p.n], train[t]->x[i], sizeof(train[t]->x[i]));
			memcpy(p.x[p.n] + DIM, train[t]->six[i], sizeof(train[t]->six[i]));
			p.y[p.n] = train[t]->y[i];
			p.unit[p.n] = train[t]->unit[i];
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
		half(&p, c, of_eight, DIM, h, &eight);
		half(&p, c, of_six, SIX, h, &six);
	}
	for (unsigned k = 0; k < 3; k++) {
		const struct fitted *f = k == 0 ? &chosen : k == 1 ? &eight : &six;

		printf("%-34s Brier %.4f  AUC %.3f  alarms at 5 %%: FA %.1f hit %.0f, at 10 %%: FA "
		       "%.1f hit %.0f\n",
			k == 0   ? "chosen on the other half"
			: k == 1 ? "ours (crossing.c)"
				 : "six features of the reference",
			brier(c, f->p), st_auc(f->p, c->y, c->n),
			rate(f->alarm[0], c->y, c->n, false), rate(f->alarm[0], c->y, c->n, true),
			rate(f->alarm[1], c->y, c->n, false), rate(f->alarm[1], c->y, c->n, true));
	}
	m = brier_minus(c, chosen.p, eight.p, units);
	printf("   Brier of the chosen minus ours %+.4f [%+.4f, %+.4f]", m.mean, m.lo, m.hi);
	m = brier_minus(c, chosen.p, six.p, units);
	printf("; minus the six %+.4f [%+.4f, %+.4f]\n", m.mean, m.lo, m.hi);
	for (unsigned a = 0; a < 2; a++) {
		m = hits_minus(c, chosen.alarm[a], six.alarm[a], units);
		printf("   hits at %d %% of the chosen minus the six %+.0f [%+.0f, %+.0f]",
			a ? 10 : 5, m.mean, m.lo, m.hi);
		m = hits_minus(c, eight.alarm[a], six.alarm[a], units);
		printf("; of ours %+.0f [%+.0f, %+.0f]\n", m.mean, m.lo, m.hi);
	}
}

static void print_weights(
	const char *name, struct cases *const *train, unsigned n, const double *has)
{
	double w[1 + ST_DIM_MAX], off = 0;

	fit_all(train, n, -1, false, w);
	printf("weights %-18s", name);
	for (unsigned k = 0; k <= DIM; k++) {
		printf(" %.4f,", w[k]);
		off = fmax(off, fabs(w[k] - has[k]));
	}
	printf("  %s\n", off < 6e-5 ? "as shipped" : "DIFFERENT from crossing.c");
}

static struct cases *of(unsigned i)
{
	static struct cases all[2][2][5]; /* resource, touched, ratio */

	return &all[0][0][0] + i;
}

void eval_cross(const char *dir)
{
	static const double ahead[5] = {1.1, 1.25, 1 / 0.67, 2, 3}, touch[3] = {0.75, 0.9, 1.0};
	static const char *const col[2] = {"cpu_p95", "mem_max"}, *const what[2] = {
									  "CPU", "memory"};
	struct cases *set[2][2][5], *both[2][10];
	uint32_t units = 0;

	for (unsigned r = 0; r < 2; r++) {
		struct tr_grid g = tr_load(
			dir, "bitbrains_hourly.csv", col[r], 3600, EVAL_BITBRAINS_T0, "bitbrains");
		uint32_t days;
		double *pk = daily_peaks(&g, &days);

		units = units > g.n ? units : g.n;
		for (unsigned k = 0; k < 5; k++) {
			set[r][0][k] = both[0][r * 5 + k] = of(r * 10 + k);
			build(&g, pk, days, ahead[k], false, set[r][0][k]);
		}
		for (unsigned k = 0; k < 3; k++) {
			set[r][1][k] = both[1][r * 3 + k] = of(r * 10 + 5 + k);
			build(&g, pk, days, touch[k], true, set[r][1][k]);
		}
		free(pk);
		tr_free(&g);
	}
	for (unsigned r = 0; r < 2; r++) {
		char name[96];

		for (unsigned k = 0; k < 4; k++) {
			(void)snprintf(name, sizeof(name), "%s, line at %.2f x last week's peak",
				what[r], ahead[k]);
			score(name, set[r][0], 5, set[r][0][k], units);
		}
		(void)snprintf(name, sizeof(name), "%s, line touched last week (0.90 x its peak)",
			what[r]);
		score(name, set[r][1], 3, set[r][1][1], units);
		held_out(what[r], set[r][0], set[r][0][1], units);
	}
	printf("\n## fitted on all VMs, raw features, constant first\n");
	print_weights("any", both[0], 10, hr_crossing_weights(HR_CROSSING_ANY, false));
	print_weights("cpu", set[0][0], 5, hr_crossing_weights(HR_CROSSING_CPU, false));
	print_weights("memory", set[1][0], 5, hr_crossing_weights(HR_CROSSING_MEMORY, false));
	print_weights("any, touched", both[1], 6, hr_crossing_weights(HR_CROSSING_ANY, true));
	print_weights("cpu, touched", set[0][1], 3, hr_crossing_weights(HR_CROSSING_CPU, true));
	print_weights(
		"memory, touched", set[1][1], 3, hr_crossing_weights(HR_CROSSING_MEMORY, true));
}
