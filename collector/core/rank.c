/* SPDX-License-Identifier: Apache-2.0 */
/* Selection by partition (Hoare 1961, "Find"), pivot = median of three. */
#include "collector/core/rank.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define STEPS 256
#define FEW   64   /* below it a plain selection is as fast */
#define MANY  4096 /* the slopes of 91 days; more are selected from plainly */
#define LANES 4

static void swap(double *a, double *b)
{
	double t = *a;

	*a = *b;
	*b = t;
}

double hr_rank_select(double *v, size_t n, size_t i)
{
	size_t lo = 0, hi = n - 1;

	while (hi > lo) {
		size_t mid = lo + (hi - lo) / 2, a = lo, b = hi;
		double pivot;

		if (v[mid] < v[lo])
			swap(&v[mid], &v[lo]);
		if (v[hi] < v[lo])
			swap(&v[hi], &v[lo]);
		if (v[hi] < v[mid])
			swap(&v[hi], &v[mid]);
		pivot = v[mid];
		for (;;) {
			while (v[a] < pivot)
				a++;
			while (pivot < v[b])
				b--;
			if (a >= b)
				break;
			swap(&v[a++], &v[b--]);
		}
		/* v[lo..b] <= pivot <= v[b+1..hi] */
		if (b == hi)
			b--;
		if (i <= b)
			hi = b;
		else
			lo = b + 1;
	}
	return v[i];
}

double hr_rank_median(double *v, size_t n)
{
	double hi, lo;

	if (n == 0)
		return NAN;
	hi = hr_rank_select(v, n, n / 2);
	if (n % 2)
		return hi;
	lo = v[0]; /* what is before it is none larger: its largest is the next smaller rank */
	for (size_t i = 1; i < n / 2; i++)
		lo = v[i] > lo ? v[i] : lo;
	return (hi + lo) / 2;
}

double hr_rank_quantile(double *v, size_t n, double q)
{
	double at, lo, hi;
	size_t i;

	if (n == 0)
		return NAN;
	at = q * (double)(n - 1);
	i = (size_t)at;
	if (i >= n - 1)
		return hr_rank_select(v, n, n - 1);
	lo = hr_rank_select(v, n, i);
	hi = v[i + 1];
	for (size_t k = i + 2; k < n; k++)
		hi = v[k] < hi ? v[k] : hi;
	return lo + (hi - lo) * (at - (double)i);
}

/* The range of some values in STEPS steps: which each is in, and how many are in each. */
struct steps {
	uint32_t count[STEPS];
	uint8_t of[MANY];
};

/* Lanes: what is compared or counted side by side has not to wait for the one before. */
static void range(const double *v, size_t n, double *ret_lo, double *ret_hi)
{
	double lo[LANES], hi[LANES];
	size_t i = 0;

	for (unsigned k = 0; k < LANES; k++)
		lo[k] = hi[k] = v[0];
	for (; i + LANES <= n; i += LANES)
		for (unsigned k = 0; k < LANES; k++) {
			lo[k] = v[i + k] < lo[k] ? v[i + k] : lo[k];
			hi[k] = v[i + k] > hi[k] ? v[i + k] : hi[k];
		}
	for (; i < n; i++) {
		lo[0] = v[i] < lo[0] ? v[i] : lo[0];
		hi[0] = v[i] > hi[0] ? v[i] : hi[0];
	}
	for (unsigned k = 1; k < LANES; k++) {
		lo[0] = lo[k] < lo[0] ? lo[k] : lo[0];
		hi[0] = hi[k] > hi[0] ? hi[k] : hi[0];
	}
	*ret_lo = lo[0];
	*ret_hi = hi[0];
}

/* False: too few values, or too alike, for steps. */
static bool count_steps(const double *v, size_t n, struct steps *s)
{
	uint32_t other[STEPS] = {0};
	double lo, hi, scale;
	size_t i = 0;

	if (n < FEW || n > MANY)
		return false;
	range(v, n, &lo, &hi);
	scale = STEPS / (hi - lo);
	if (!(scale > 0) || isinf(scale))
		return false;
	for (i = 0; i < n; i++) { /* never falls where v rises */
		double at = (v[i] - lo) * scale;

		s->of[i] = (uint8_t)(int)(at < STEPS - 1 ? at : STEPS - 1);
	}
	memset(s->count, 0, sizeof(s->count));
	for (i = 0; i + 2 <= n; i += 2) {
		s->count[s->of[i]]++;
		other[s->of[i + 1]]++;
	}
	if (i < n)
		s->count[s->of[i]]++;
	for (i = 0; i < STEPS; i++)
		s->count[i] += other[i];
	return true;
}

/* Copies the step of @v with the rank to @out (which may be @v); its size, and the rank in it. */
static size_t keep_step(const double *v, size_t n, const struct steps *s, size_t *rank, double *out)
{
	size_t got = 0;
	unsigned in = 0;

	while (s->count[in] <= *rank)
		*rank -= s->count[in++];
	for (size_t i = 0; i < n; i++) {
		double x = v[i];

		out[got] = x;
		got += s->of[i] == in;
	}
	return got;
}

void hr_rank_picks(
	const double *v, size_t n, const size_t rank[], unsigned m, double *tmp, double ret[])
{
	struct steps all, inner;
	bool stepped = count_steps(v, n, &all);
	size_t left = 0, first = 0; /* tmp holds the values of the ranks [first, first + left) */

	for (unsigned k = 0; k < m; k++) {
		size_t at = rank[k];

		if (rank[k] >= first && rank[k] - first < left) { /* as the one before */
			ret[k] = hr_rank_select(tmp, left, rank[k] - first);
			continue;
		}
		left = n;
		if (stepped)
			left = keep_step(v, n, &all, &at, tmp);
		else
			memcpy(tmp, v, n * sizeof(*v));
		/* most slopes are in a few steps: the same again inside */
		while (stepped && count_steps(tmp, left, &inner)) {
			size_t less = keep_step(tmp, left, &inner, &at, tmp);

			if (less == left)
				break;
			left = less;
		}
		first = rank[k] - at;
		ret[k] = hr_rank_select(tmp, left, at);
	}
}

static inline void order(double *a, double *b)
{
	double lo = *a < *b ? *a : *b, hi = *a < *b ? *b : *a;

	*a = lo;
	*b = hi;
}

/*
 * Thirteen exchanges put the middle one of seven in its place (Devillard 1998).  Without branches,
 * and so several windows at a time where the machine compares several numbers at once.
 */
void hr_rank_medians7(const double *restrict v, size_t n, double *restrict ret)
{
	for (size_t i = 0; i < n; i++) {
		double a = v[i], b = v[i + 1], c = v[i + 2], d = v[i + 3], e = v[i + 4];
		double f = v[i + 5], g = v[i + 6];

		order(&a, &f);
		order(&a, &d);
		order(&b, &g);
		order(&c, &e);
		order(&a, &b);
		order(&d, &f);
		order(&c, &g);
		order(&c, &d);
		order(&d, &g);
		order(&e, &f);
		order(&b, &e);
		order(&b, &d);
		order(&d, &e);
		ret[i] = d;
	}
}
