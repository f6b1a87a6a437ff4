/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/plateau.h"

#include <string.h>

#define TAIL_N 10 /* windows in a row, 1 s, before a tail is believed */
/* Below this share of the mean before a window may be of a tail: CV of a throttle is 12.3 %. */
#define DROP_NUM 3
#define DROP_DEN 4
#define CV2      0.0225 /* of a constant rate: 15 %, as of a learned cap */

void hr_plateau_start(struct hr_plateau *p)
{
	memset(p, 0, sizeof(*p));
}

static void add(struct hr_plateau_sums *s, const uint64_t v[2])
{
	s->n++;
	for (unsigned q = 0; q < 2; q++) {
		s->sum[q] += v[q];
		s->sum2[q] += v[q] * v[q];
	}
}

static struct hr_plateau_sums without(
	const struct hr_plateau_sums *all, const struct hr_plateau_sums *part)
{
	struct hr_plateau_sums s = {.n = all->n - part->n};

	for (unsigned q = 0; q < 2; q++) {
		s.sum[q] = all->sum[q] - part->sum[q];
		s.sum2[q] = all->sum2[q] - part->sum2[q];
	}
	return s;
}

/* CV^2 = n sum2 / sum^2 - 1. */
static bool constant(const struct hr_plateau_sums *s, unsigned q)
{
	double sum = (double)s->sum[q];

	return sum > 0 && (double)s->n * (double)s->sum2[q] <= (1 + CV2) * sum * sum;
}

static bool below(const struct hr_plateau_sums *head, uint64_t sum, uint64_t n, unsigned q)
{
	return DROP_DEN * (double)sum * (double)head->n <
	       DROP_NUM * (double)head->sum[q] * (double)n;
}

static void saved(const struct hr_plateau_sums *head, const struct hr_plateau_sums *low, unsigned q,
	uint64_t *ret_max)
{
	double refilled = (double)low->sum[q] / (double)low->n * (double)head->n;
	double v = (double)head->sum[q] - refilled;

	if (constant(low, q) && v > (double)*ret_max)
		*ret_max = (uint64_t)v;
}

static void tell(const struct hr_plateau_sums *head, const struct hr_plateau_sums *low,
	struct hr_dev_summary *d)
{
	d->ctr[HR_DCTR_WIN_HEAD_N] += head->n;
	d->ctr[HR_DCTR_WIN_HEAD_OPS] += head->sum[0];
	d->ctr[HR_DCTR_WIN_HEAD_OPS2] += head->sum2[0];
	d->ctr[HR_DCTR_WIN_HEAD_KIB] += head->sum[1];
	d->ctr[HR_DCTR_WIN_HEAD_KIB2] += head->sum2[1];
	saved(head, low, 0, &d->ctr[HR_DCTR_WIN_SAVED_OPS_MAX]);
	saved(head, low, 1, &d->ctr[HR_DCTR_WIN_SAVED_KIB_MAX]);
}

void hr_plateau_add(struct hr_plateau *p, uint64_t ops, uint64_t kib, struct hr_dev_summary *d)
{
	const uint64_t v[2] = {ops, kib};
	struct hr_plateau_sums head[2] = {
		without(&p->all, &p->low[0]), without(&p->all, &p->low[1])};

	add(&p->all, v);
	for (unsigned q = 0; q < 2; q++) {
		if (below(&head[q], v[q], 1, q))
			add(&p->low[q], v);
		else
			memset(&p->low[q], 0, sizeof(p->low[q]));
	}
	for (unsigned q = 0; q < 2; q++) {
		struct hr_plateau_sums low = p->low[q];

		/* The other one constant all along: the size of requests changed, no rate did. */
		if (low.n < TAIL_N || !constant(&low, q) || constant(&p->all, !q))
			continue;
		tell(&head[q], &low, d);
		memset(p, 0, sizeof(*p));
		p->all = low;
		return;
	}
}
