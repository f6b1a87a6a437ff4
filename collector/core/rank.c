/* SPDX-License-Identifier: Apache-2.0 */
/* Selection by partition (Hoare 1961, "Find"), pivot = median of three. */
#include "collector/core/rank.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define STEPS 256
#define FEW   64 /* below it a plain selection is as fast */

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
	double hi;

	if (n == 0)
		return NAN;
	hi = hr_rank_select(v, n, n / 2);
	return n % 2 ? hi : (hi + hr_rank_select(v, n, n / 2 - 1)) / 2;
}

double hr_rank_quantile(double *v, size_t n, double q)
{
	double at, lo;
	size_t i;

	if (n == 0)
		return NAN;
	at = q * (double)(n - 1);
	i = (size_t)at;
	if (i >= n - 1)
		return hr_rank_select(v, n, n - 1);
	lo = hr_rank_select(v, n, i);
	return lo + (hr_rank_select(v, n, i + 1) - lo) * (at - (double)i);
}

/* Step of the range [lo, hi] that @x is in; never falls where x rises. */
static unsigned step_of(double x, double lo, double scale)
{
	double at = (x - lo) * scale;

	return at < STEPS - 1 ? (unsigned)at : STEPS - 1;
}

/* The range of some values in STEPS steps, and how many are in each. */
struct steps {
	double lo, scale;
	uint32_t count[STEPS];
};

/* False: too few values, or too alike, for steps. */
static bool count_steps(const double *v, size_t n, struct steps *s)
{
	double lo = v[0], hi = v[0];

	for (size_t i = 1; i < n; i++) {
		lo = v[i] < lo ? v[i] : lo;
		hi = v[i] > hi ? v[i] : hi;
	}
	s->lo = lo;
	s->scale = STEPS / (hi - lo);
	if (n < FEW || !(s->scale > 0) || isinf(s->scale))
		return false;
	memset(s->count, 0, sizeof(s->count));
	for (size_t i = 0; i < n; i++)
		s->count[step_of(v[i], lo, s->scale)]++;
	return true;
}

/* Copies the step of @v with the rank to @out (which may be @v); its size, and the rank in it. */
static size_t keep_step(const double *v, size_t n, const struct steps *s, size_t *rank, double *out)
{
	double lo = s->lo, scale = s->scale;
	size_t got = 0;
	unsigned in = 0;

	while (s->count[in] <= *rank)
		*rank -= s->count[in++];
	for (size_t i = 0; i < n; i++) {
		double x = v[i];

		out[got] = x;
		got += step_of(x, lo, scale) == in;
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

static void order(double *a, double *b)
{
	double lo = *a < *b ? *a : *b, hi = *a < *b ? *b : *a;

	*a = lo;
	*b = hi;
}

double hr_rank_median7(const double *v, size_t n)
{
	double t[7];

	memcpy(t, v, n * sizeof(*v));
	if (n != 7)
		return hr_rank_median(t, n);
	/* thirteen exchanges put the middle one of seven in its place (Devillard 1998) */
	order(&t[0], &t[5]);
	order(&t[0], &t[3]);
	order(&t[1], &t[6]);
	order(&t[2], &t[4]);
	order(&t[0], &t[1]);
	order(&t[3], &t[5]);
	order(&t[2], &t[6]);
	order(&t[2], &t[3]);
	order(&t[3], &t[6]);
	order(&t[4], &t[5]);
	order(&t[1], &t[4]);
	order(&t[1], &t[3]);
	order(&t[3], &t[4]);
	return t[3];
}
