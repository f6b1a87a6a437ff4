/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selection by partition (Hoare 1961, "Find"), pivot = median of three; and, of many values, by
 * counting (regula falsi on the count): no branch that depends on one value.
 */
#include "collector/core/rank.h"

#include <math.h>
#include <string.h>
#include <stdint.h>

#define LANES   4
#define SAMPLE  15
#define AROUND  2  /* of the sample: an eighth of all, where the rank mostly is */
#define FEW     3  /* so many in a bracket are taken one by one */
#define GUESSES 10 /* along a line; then in halves */

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

/* Four numbers that the machine compares at once. */
typedef float lanes __attribute__((vector_size(4 * sizeof(float))));
typedef int32_t masks __attribute__((vector_size(4 * sizeof(int32_t))));

static lanes load(const float *v)
{
	lanes x;

	memcpy(&x, v, sizeof(x));
	return x;
}

/* How many of @v are not above @x. */
static uint32_t up_to(const float *v, size_t n, float x)
{
	const lanes at = {x, x, x, x};
	masks a = {0}, b = {0};
	size_t i = 0;
	uint32_t k = 0;

	for (; i + 2 * LANES <= n; i += 2 * LANES) {
		a -= load(v + i) <= at;
		b -= load(v + i + LANES) <= at;
	}
	for (; i < n; i++)
		k += v[i] <= x;
	a += b;
	return k + (uint32_t)(a[0] + a[1] + a[2] + a[3]);
}

/* The smaller of @lo and what of @y is above @at. */
static lanes nearer(lanes lo, lanes y, lanes at)
{
	masks better = (y > at) & (y < lo);

	return (lanes)(((masks)y & better) | ((masks)lo & ~better));
}

/* The least value above @x. */
static float next_above(const float *v, size_t n, float x)
{
	const lanes at = {x, x, x, x};
	lanes a = {INFINITY, INFINITY, INFINITY, INFINITY}, b = a;
	float least = INFINITY;
	size_t i = 0;

	for (; i + 2 * LANES <= n; i += 2 * LANES) { /* neither has to wait for the other */
		a = nearer(a, load(v + i), at);
		b = nearer(b, load(v + i + LANES), at);
	}
	for (; i < n; i++)
		least = v[i] > x && v[i] < least ? v[i] : least;
	a = nearer(a, b, at);
	for (unsigned k = 0; k < LANES; k++)
		least = a[k] < least ? a[k] : least;
	return least;
}

/* A rank lies above lo and not above hi; how many values are not above each. */
struct between {
	float lo, hi;
	uint32_t n_lo, n_hi;
};

struct search {
	const float *v;
	size_t n;
	const size_t *rank;
	unsigned m; /* ranks */
	struct between b[HR_RANK_PICKS];
	float sample[SAMPLE]; /* every so many of v, in order */
};

/* Counts at @x, which narrows the brackets of all ranks. */
static void narrow(struct search *s, float x)
{
	uint32_t c = up_to(s->v, s->n, x);

	for (unsigned k = 0; k < s->m; k++) {
		struct between *b = &s->b[k];

		if (c <= s->rank[k] && x >= b->lo) {
			b->lo = x;
			b->n_lo = c;
		} else if (c > s->rank[k] && x < b->hi) {
			b->hi = x;
			b->n_hi = c;
		}
	}
}

static void take_sample(struct search *s)
{
	for (size_t i = 0; i < SAMPLE; i++) {
		float x = s->v[i * (s->n - 1) / (SAMPLE - 1)];
		size_t k = i;

		for (; k > 0 && s->sample[k - 1] > x; k--)
			s->sample[k] = s->sample[k - 1];
		s->sample[k] = x;
	}
}

/* A little below where the sample has the rank, and lower where that missed. */
static void bound_below(struct search *s, unsigned k)
{
	size_t at = s->rank[k] * SAMPLE / s->n;

	while (isinf(s->b[k].lo) && at > 0) {
		at = at > AROUND ? at - AROUND : 0;
		if (!isinf(s->sample[at])) /* is there */
			narrow(s, s->sample[at]);
	}
	if (isinf(s->b[k].lo))
		narrow(s, next_above(s->v, s->n, -INFINITY));
}

static void bound_above(struct search *s, unsigned k)
{
	size_t at = s->rank[k] * SAMPLE / s->n + AROUND;
	float last = 0;

	for (; isinf(s->b[k].hi) && at < SAMPLE && !isinf(s->sample[at]); at += AROUND) {
		last = s->sample[at];
		narrow(s, last);
	}
	for (; isinf(s->b[k].hi); last += fabsf(last) > 1 ? fabsf(last) : 1)
		narrow(s, last);
}

static float pick(struct search *s, unsigned k)
{
	const uint32_t near = (uint32_t)(s->n / HR_RANK_NEAR);
	const struct between *b = &s->b[k];
	const size_t rank = s->rank[k];

	for (unsigned round = 0;; round++) {
		float x, part = 0.5F;

		if (b->n_lo > 0 && rank - b->n_lo < near)
			return b->lo;
		if (b->n_hi < s->n && b->n_hi - rank < near)
			return b->hi;
		if (round < GUESSES)
			part = ((float)(rank - b->n_lo) + 0.5F) / (float)(b->n_hi - b->n_lo);
		x = b->lo + (b->hi - b->lo) * part;
		if (b->n_hi - b->n_lo > FEW && x > b->lo && x < b->hi) {
			narrow(s, x);
			if (round < GUESSES)
				continue;
		}
		/* few are left, or many that are the same: the next one */
		x = next_above(s->v, s->n, b->lo);
		if (b->n_lo == rank)
			return x;
		narrow(s, x);
		if (b->lo < x)
			return x;
	}
}

void hr_rank_picks(const float *v, size_t n, const size_t rank[], unsigned m, float ret[])
{
	struct search s = {.v = v, .n = n, .rank = rank, .m = m};

	for (unsigned k = 0; k < m; k++)
		s.b[k] = (struct between){-INFINITY, INFINITY, 0, (uint32_t)n};
	take_sample(&s);
	for (unsigned k = 0; k < m; k++) {
		bound_below(&s, k);
		bound_above(&s, k);
		ret[k] = pick(&s, k);
	}
}

float hr_rank_middle(const float *v, size_t n, size_t known)
{
	float mid[2];

	if (n >= HR_RANK_NEAR || known % 2) { /* one rank, or as good as */
		hr_rank_picks(v, n, (size_t[1]){known / 2}, 1, mid);
		return mid[0];
	}
	hr_rank_picks(v, n, (size_t[2]){known / 2, (known - 1) / 2}, 2, mid);
	return (mid[0] + mid[1]) / 2;
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
