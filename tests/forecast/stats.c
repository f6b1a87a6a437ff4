/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/forecast/stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/core/rank.h"

#define RIDGE 0.01

double st_pinball(double y, double p, double q)
{
	return fmax(q * (y - p), (q - 1) * (y - p));
}

int st_step(double v)
{
	return (int)fmax(ceil(log2(fmax(v, 1e-6) / 80)), -3);
}

static void *copy(const void *p, size_t bytes)
{
	void *c = calloc(1, bytes + 1);

	if (!c) {
		fputs("forecast: out of memory\n", stderr);
		exit(1);
	}
	if (p)
		memcpy(c, p, bytes);
	return c;
}

double st_quantile(const double *v, size_t n, double q)
{
	double *c = copy(v, n * sizeof(*v)), r = hr_rank_quantile(c, n, q);

	free(c);
	return r;
}

/* splitmix64 (S. Vigna). */
static uint64_t next(uint64_t *s)
{
	uint64_t z = (*s += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

struct st_mean st_paired(
	const double *d, const double *w, const uint32_t *unit, size_t n, uint32_t units)
{
	double *sum = copy(NULL, 2 * units * sizeof(*sum)), *draw = copy(NULL, ST_DRAWS * 8);
	uint32_t *at = copy(NULL, units * sizeof(*at)), used = 0;
	struct st_mean m = {0};
	double all = 0, weight = 0;
	uint64_t seed = 1;

	for (uint32_t u = 0; u < units; u++)
		at[u] = UINT32_MAX;
	for (size_t i = 0; i < n; i++) {
		double wi = w ? w[i] : 1;

		if (at[unit[i]] == UINT32_MAX)
			at[unit[i]] = used++;
		sum[2 * at[unit[i]]] += d[i] * wi;
		sum[2 * at[unit[i]] + 1] += wi;
		all += d[i] * wi;
		weight += wi;
	}
	for (unsigned k = 0; used && k < ST_DRAWS; k++) {
		double a = 0, b = 0;

		for (uint32_t u = 0; u < used; u++) {
			uint64_t r = next(&seed) % used;

			a += sum[2 * r];
			b += sum[2 * r + 1];
		}
		draw[k] = a / fmax(b, 1e-12);
	}
	m.mean = all / fmax(weight, 1e-12);
	m.lo = hr_rank_quantile(draw, ST_DRAWS, 0.025);
	m.hi = hr_rank_quantile(draw, ST_DRAWS, 0.975);
	free(sum);
	free(draw);
	free(at);
	return m;
}

double st_auc(const double *p, const bool *y, size_t n)
{
	double good = 0, pairs = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; y[i] && j < n; j++) {
			if (y[j])
				continue;
			pairs++;
			good += p[i] > p[j] ? 1 : p[i] < p[j] ? 0 : 0.5;
		}
	return pairs > 0 ? good / pairs : NAN;
}

/* Solves a x = b in place (Gauss, partial pivoting); n <= 1 + ST_DIM_MAX. */
static void solve(double a[][2 + ST_DIM_MAX], unsigned n)
{
	for (unsigned c = 0; c < n; c++) {
		unsigned best = c;

		for (unsigned r = c + 1; r < n; r++)
			if (fabs(a[r][c]) > fabs(a[best][c]))
				best = r;
		for (unsigned k = 0; k <= n; k++) {
			double t = a[c][k];

			a[c][k] = a[best][k];
			a[best][k] = t;
		}
		for (unsigned r = 0; r < n; r++) {
			double f = r == c ? 0 : a[r][c] / a[c][c];

			for (unsigned k = c; k <= n && r != c; k++)
				a[r][k] -= f * a[c][k];
		}
	}
	for (unsigned c = 0; c < n; c++)
		a[c][n] /= a[c][c];
}

/* Mean and deviation of each feature over the rows in use. */
static size_t scale(
	const double *x, const bool *skip, size_t n, unsigned dim, double *mu, double *sd)
{
	size_t used = 0;

	for (unsigned k = 0; k < ST_DIM_MAX; k++)
		mu[k] = sd[k] = 0;
	for (size_t i = 0; i < n; i++) {
		if (skip[i])
			continue;
		used++;
		for (unsigned k = 0; k < dim; k++)
			mu[k] += x[i * dim + k];
	}
	for (unsigned k = 0; k < dim; k++)
		mu[k] /= (double)used;
	for (size_t i = 0; i < n; i++)
		for (unsigned k = 0; k < dim && !skip[i]; k++)
			sd[k] += (x[i * dim + k] - mu[k]) * (x[i * dim + k] - mu[k]);
	for (unsigned k = 0; k < dim; k++)
		sd[k] = sqrt(sd[k] / (double)used) + 1e-9;
	return used;
}

void st_logistic(const double *x, const bool *y, const bool *skip, size_t n, unsigned dim,
	double ret[1 + ST_DIM_MAX])
{
	double mu[ST_DIM_MAX] = {0}, sd[ST_DIM_MAX] = {0}, w[1 + ST_DIM_MAX] = {0};
	double ridge = RIDGE * (double)scale(x, skip, n, dim, mu, sd);

	for (unsigned step = 0; step < 30; step++) {
		double a[1 + ST_DIM_MAX][2 + ST_DIM_MAX] = {{0}};

		for (size_t i = 0; i < n; i++) {
			double z[1 + ST_DIM_MAX] = {1}, t = w[0], p;

			if (skip[i])
				continue;
			for (unsigned k = 0; k < dim; k++) {
				z[1 + k] = (x[i * dim + k] - mu[k]) / sd[k];
				t += w[1 + k] * z[1 + k];
			}
			p = 1 / (1 + exp(-t));
			for (unsigned r = 0; r <= dim; r++) {
				for (unsigned c = 0; c <= dim; c++)
					a[r][c] += p * (1 - p) * z[r] * z[c];
				a[r][dim + 1] += ((y[i] ? 1 : 0) - p) * z[r];
			}
		}
		for (unsigned r = 1; r <= dim; r++) {
			a[r][r] += ridge;
			a[r][dim + 1] -= ridge * w[r];
		}
		solve(a, dim + 1);
		for (unsigned r = 0; r <= dim; r++)
			w[r] += a[r][dim + 1];
	}
	ret[0] = w[0];
	for (unsigned k = 0; k < dim; k++) {
		ret[1 + k] = w[1 + k] / sd[k];
		ret[0] -= ret[1 + k] * mu[k];
	}
}

double st_logit(const double *w, const double *x, unsigned dim)
{
	double t = w[0];

	for (unsigned k = 0; k < dim; k++)
		t += w[1 + k] * x[k];
	return 1 / (1 + exp(-t));
}
