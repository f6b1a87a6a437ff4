/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of answers; see tally.h. */
#include "tally.h"

#include <math.h>
#include <stdio.h>

#define TARGET 1.3
#define OVER   1.25
#define CLEAR  (TARGET * 1.25 * 1.25) /* both ways to grow: twice the error from the target */
#define FITS   (TARGET * 1.25)        /* once: what a good answer can tell */

static double cut(double k)
{
	return k > 8 ? 8 : k < 0.125 ? 0.125 : k;
}

void tally_judge(struct tally *t, double inside, double apart, const struct hr_answer *a)
{
	const struct hr_bounds *b = &a->headroom;
	double low_k = cut(fmin(inside, apart)), k = cut(apart);
	bool yes = a->kind == HR_ANSWER_YES;
	bool low = a->kind == HR_ANSWER_RESIZE || a->kind == HR_ANSWER_NO;

	t->n++;
	t->over += b->at_least.has && b->at_least.v > OVER * low_k;
	t->covered += (!b->at_least.has || b->at_least.v <= low_k) &&
		      (!b->at_most.has || b->at_most.v >= k || b->at_most.v >= 8);
	if (b->likely.has) {
		t->likely_n++;
		t->ln_err += fabs(log(b->likely.v / k));
	}
	if (b->at_least.has) {
		t->low_n++;
		t->ln_low += log(b->at_least.v / low_k);
	}
	if (low_k >= FITS) {
		t->fits++;
		t->yes += yes;
	} else if (k <= 1 / OVER + 0.01) {
		t->lacks++;
		t->low += low;
	}
	if (low_k > CLEAR || k < 1 / OVER + 0.01) {
		t->clear++;
		t->right += low_k > CLEAR ? yes : low;
		t->wrong += low_k > CLEAR ? low : yes;
		t->unknown += !yes && !low;
	} else {
		t->wrong += (yes && low_k < 1) || (low && k > TARGET * OVER);
	}
}

void tally_add(struct tally *to, const struct tally *t)
{
	to->n += t->n;
	to->over += t->over;
	to->covered += t->covered;
	to->likely_n += t->likely_n;
	to->right += t->right;
	to->wrong += t->wrong;
	to->unknown += t->unknown;
	to->clear += t->clear;
	to->fits += t->fits;
	to->yes += t->yes;
	to->lacks += t->lacks;
	to->low += t->low;
	to->low_n += t->low_n;
	to->ln_err += t->ln_err;
	to->ln_low += t->ln_low;
}

void tally_print(const char *name, const struct tally *t)
{
	printf("%-34s %5u | over-promised %4.1f %% | at_least x%.2f, likely off by x%.2f | covered "
	       "%3.0f %% | clear %u: right %.0f %% unknown %.0f %%; wrong %u | yes %u of %u, "
	       "resize %u of %u\n",
		name, t->n, 100.0 * t->over / t->n, t->low_n ? exp(t->ln_low / t->low_n) : NAN,
		t->likely_n ? exp(t->ln_err / t->likely_n) : NAN, 100.0 * t->covered / t->n,
		t->clear, t->clear ? 100.0 * t->right / t->clear : 0,
		t->clear ? 100.0 * t->unknown / t->clear : 0, t->wrong, t->yes, t->fits, t->low,
		t->lacks);
}
