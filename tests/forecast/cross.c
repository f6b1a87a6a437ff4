/* SPDX-License-Identifier: Apache-2.0 */
/* Task B: is a line reached and held within 30 days?  Daily peak = the busiest hour. */
#include "tests/forecast/cross.h"
#include "tests/forecast/eval.h"
#include "tests/forecast/stats.h"
#include "tests/forecast/traces.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/core/crossing.h"
#include "collector/core/rank.h"

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

/* All of @train but fold @k, in one table; @k < 0: all. */
static void fit_all(
	struct cases *const *train, unsigned n_train, int k, enum model model, double *w)
{
	bool six = model == REFERENCE;
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
			for (unsigned f = FEW; model == OURS_FEW && f < DIM; f++)
				x[n * dim + f] = 0; /* gets no weight */
			y[n] = train[t]->y[i];
			skip[n] = k >= 0 && train[t]->unit[i] % ST_FOLDS == (unsigned)k;
		}
	st_logistic(x, y, skip, n, dim, w);
	free(x);
	free(y);
	free(skip);
}

static void cross_fit(struct cases *const *train, unsigned n_train, const struct cases *c,
	enum model model, struct fitted *r)
{
	static const double fa[2] = {0.05, 0.10};
	bool six = model == REFERENCE;
	unsigned dim = six ? SIX : DIM;

	for (int k = 0; k < ST_FOLDS; k++) {
		double w[1 + ST_DIM_MAX], quiet[CASES_MAX], base = 0, cut[2];
		size_t n = 0, other = 0;

		fit_all(train, n_train, k, model, w);
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

double cross_rate(const bool *alarm, const bool *y, size_t n, bool of)
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

struct st_mean cross_brier_minus(
	const struct cases *c, const double *a, const double *b, uint32_t units)
{
	double d[CASES_MAX];

	for (size_t i = 0; i < c->n; i++)
		d[i] = (a[i] - c->y[i]) * (a[i] - c->y[i]) - (b[i] - c->y[i]) * (b[i] - c->y[i]);
	return st_paired(d, NULL, c->unit, c->n, units);
}

struct st_mean cross_hits_minus(const struct cases *c, const bool *a, const bool *b, uint32_t units)
{
	double d[CASES_MAX], w[CASES_MAX];

	for (size_t i = 0; i < c->n; i++) {
		d[i] = 100.0 * ((int)a[i] - (int)b[i]);
		w[i] = c->y[i];
	}
	return st_paired(d, w, c->unit, c->n, units);
}

double cross_brier(const struct cases *c, const double *p)
{
	double sum = 0;

	for (size_t i = 0; i < c->n; i++)
		sum += (p[i] - c->y[i]) * (p[i] - c->y[i]);
	return sum / (double)c->n;
}

/* Alarms at exactly the share @fa of the quiet cases: the cut set on the cases that are scored. */
static void alarms_at(const struct cases *c, const double *p, double fa, bool *ret)
{
	double quiet[CASES_MAX], cut;
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		if (!c->y[i])
			quiet[n++] = p[i];
	cut = st_quantile(quiet, n, 1 - fa);
	for (size_t i = 0; i < c->n; i++)
		ret[i] = p[i] >= cut;
}

/* Alarms of ours, of the six and of max / line at equal false alarms, 5 and 10 %. */
struct equal {
	bool a[2][3][CASES_MAX];
};

static void at_equal(const struct cases *c, const struct fitted *ours, const struct fitted *six,
	const struct fitted *level, uint32_t units, struct equal *ret)
{
	static const double fa[2] = {0.05, 0.10};

	for (unsigned k = 0; k < 2; k++) {
		bool(*a)[CASES_MAX] = ret->a[k];
		struct st_mean m;

		alarms_at(c, ours->p, fa[k], a[0]);
		alarms_at(c, six->p, fa[k], a[1]);
		alarms_at(c, level->p, fa[k], a[2]);
		m = cross_hits_minus(c, a[0], a[1], units);
		printf("   hits at equal false alarms, %.0f %%: %.0f, %.0f, %.0f; ours minus the "
		       "six %+.0f "
		       "[%+.0f, %+.0f]",
			100 * fa[k], cross_rate(a[0], c->y, c->n, true),
			cross_rate(a[1], c->y, c->n, true), cross_rate(a[2], c->y, c->n, true),
			m.mean, m.lo, m.hi);
		m = cross_hits_minus(c, a[0], a[2], units);
		printf(", minus max / line %+.0f [%+.0f, %+.0f]\n", m.mean, m.lo, m.hi);
	}
}

/* The same over CPU and memory together, each at its equal false alarms: VMs are drawn once. */
static void both_equal(const struct cases *const c[2], const struct equal e[2], uint32_t units)
{
	static struct cases all;
	static bool a[3][CASES_MAX];

	puts("\n## CPU and memory together, lines at 1.25 x last week's peak");
	for (unsigned k = 0; k < 2; k++) {
		all.n = 0;
		for (unsigned r = 0; r < 2; r++)
			for (size_t i = 0; i < c[r]->n; i++, all.n++) {
				all.unit[all.n] = c[r]->unit[i];
				all.y[all.n] = c[r]->y[i];
				for (unsigned m = 0; m < 3; m++)
					a[m][all.n] = e[r].a[k][m][i];
			}
		for (unsigned m = 1; m < 3; m++) {
			struct st_mean d = cross_hits_minus(&all, a[0], a[m], units);

			printf("   hits at equal false alarms, %d %%: minus %s %+.1f [%+.1f, "
			       "%+.1f]\n",
				k ? 10 : 5, m == 1 ? "the six" : "max / line", d.mean, d.lo, d.hi);
		}
	}
}

static void score(const char *name, const struct from *from, struct cases *c, uint32_t units,
	struct equal *ret_equal)
{
	static struct fitted ours, six, level;
	struct cases *own[1] = {c};
	struct st_mean m;
	size_t events = 0;
	double worst;

	for (size_t i = 0; i < c->n; i++)
		events += c->y[i];
	cross_fit(from->train, from->n, c, from->model, &ours);
	cross_fit(own, 1, c, REFERENCE, &six);
	level_score(c, &level);
	printf("\n## %s: %zu cases, %zu events\n", name, c->n, events);
	printf("%-34s Brier %.4f  AUC %.3f  alarms at 5 %%: FA %.1f hit %.0f, at 10 %%: FA %.1f "
	       "hit "
	       "%.0f\n",
		"ours (crossing.c)", cross_brier(c, ours.p), st_auc(ours.p, c->y, c->n),
		cross_rate(ours.alarm[0], c->y, c->n, false),
		cross_rate(ours.alarm[0], c->y, c->n, true),
		cross_rate(ours.alarm[1], c->y, c->n, false),
		cross_rate(ours.alarm[1], c->y, c->n, true));
	printf("%-34s Brier %.4f  AUC %.3f  alarms at 5 %%: FA %.1f hit %.0f, at 10 %%: FA %.1f "
	       "hit "
	       "%.0f\n",
		"six features of the reference", cross_brier(c, six.p), st_auc(six.p, c->y, c->n),
		cross_rate(six.alarm[0], c->y, c->n, false),
		cross_rate(six.alarm[0], c->y, c->n, true),
		cross_rate(six.alarm[1], c->y, c->n, false),
		cross_rate(six.alarm[1], c->y, c->n, true));
	printf("%-34s              AUC %.3f  alarms at 5 %%: FA %.1f hit %.0f, at 10 %%: FA %.1f "
	       "hit "
	       "%.0f\n",
		"max of 28 d / line alone", st_auc(level.p, c->y, c->n),
		cross_rate(level.alarm[0], c->y, c->n, false),
		cross_rate(level.alarm[0], c->y, c->n, true),
		cross_rate(level.alarm[1], c->y, c->n, false),
		cross_rate(level.alarm[1], c->y, c->n, true));
	printf("%-34s Brier %.4f\n", "base rate of the other folds", cross_brier(c, ours.base));
	printf("%-34s FA %.1f hit %.0f\n", "max of 28 d >= line",
		cross_rate(c->level, c->y, c->n, false), cross_rate(c->level, c->y, c->n, true));
	worst = reliability(ours.p, c->y, c->n);
	m = cross_brier_minus(c, ours.p, ours.base, units);
	printf("   Brier minus base rate %+.4f [%+.4f, %+.4f]", m.mean, m.lo, m.hi);
	m = cross_brier_minus(c, ours.p, six.p, units);
	printf("; minus the six %+.4f [%+.4f, %+.4f]\n", m.mean, m.lo, m.hi);
	for (unsigned a = 0; a < 2; a++) {
		m = cross_hits_minus(c, ours.alarm[a], level.alarm[a], units);
		printf("   hits at %d %%: minus max / line alone %+.0f [%+.0f, %+.0f]", a ? 10 : 5,
			m.mean, m.lo, m.hi);
		m = cross_hits_minus(c, ours.alarm[a], six.alarm[a], units);
		printf("; minus the six %+.0f [%+.0f, %+.0f]\n", m.mean, m.lo, m.hi);
	}
	at_equal(c, &ours, &six, &level, units, ret_equal);
	printf("   reliability: worst fifth off by %.1f points\n", worst);
}

static void print_weights(const char *name, const struct from *from, const double *has)
{
	double w[1 + ST_DIM_MAX], off = 0;

	fit_all(from->train, from->n, -1, from->model, w);
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
	static struct equal equal[2], other;
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
		/* the CPU has 68 events: what both resources teach about fewer features is surer */
		const struct from ahead_from = {
			r ? set[r][0] : both[0], r ? 5 : 10, r ? OURS : OURS_FEW};
		const struct from touch_from = {set[r][1], 3, OURS};
		char name[96];

		for (unsigned k = 0; k < 4; k++) {
			(void)snprintf(name, sizeof(name), "%s, line at %.2f x last week's peak",
				what[r], ahead[k]);
			score(name, &ahead_from, set[r][0][k], units, k == 1 ? &equal[r] : &other);
		}
		(void)snprintf(name, sizeof(name), "%s, line touched last week (0.90 x its peak)",
			what[r]);
		score(name, &touch_from, set[r][1][1], units, &other);
		cross_held_out(what[r], &ahead_from, set[r][0][1], units);
	}
	both_equal((const struct cases *const[2]){set[0][0][1], set[1][0][1]}, equal, units);
	printf("\n## fitted on all VMs, raw features, constant first\n");
	print_weights("any", &(struct from){both[0], 10, OURS_FEW},
		hr_crossing_weights(HR_CROSSING_ANY, false));
	print_weights("cpu", &(struct from){both[0], 10, OURS_FEW},
		hr_crossing_weights(HR_CROSSING_CPU, false));
	print_weights("memory", &(struct from){set[1][0], 5, OURS},
		hr_crossing_weights(HR_CROSSING_MEMORY, false));
	print_weights("any, touched", &(struct from){both[1], 6, OURS},
		hr_crossing_weights(HR_CROSSING_ANY, true));
	print_weights("cpu, touched", &(struct from){set[0][1], 3, OURS},
		hr_crossing_weights(HR_CROSSING_CPU, true));
	print_weights("memory, touched", &(struct from){set[1][1], 3, OURS},
		hr_crossing_weights(HR_CROSSING_MEMORY, true));
}
