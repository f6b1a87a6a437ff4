/* SPDX-License-Identifier: Apache-2.0 */
/* Scores, cross-fitting and the paired bootstrap of the back-test. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ST_FOLDS 5
#define ST_DRAWS 4000

double st_pinball(double y, double p, double q);
/* Size on a ladder of x2 steps, not below 1/8, whose p95 stays at or under 80 %. */
int st_step(double v);
/* numpy.quantile of a copy. */
double st_quantile(const double *v, size_t n, double q);

struct st_mean {
	double mean, lo, hi; /* 95 %: whole units drawn with replacement */
};
/* Mean of d (weights w, NULL = 1). @unit[i] < units. */
struct st_mean st_paired(
	const double *d, const double *w, const uint32_t *unit, size_t n, uint32_t units);

/* Area under the ROC curve, ties count half. */
double st_auc(const double *p, const bool *y, size_t n);

/*
 * Logistic regression, ridge 0.01 per standard deviation, by Newton's method.  @x: [n][dim] row
 * major, @skip[i]: not used.  Weights for raw features, constant first: ret[1 + dim].
 */
#define ST_DIM_MAX 8
void st_logistic(const double *x, const bool *y, const bool *skip, size_t n, unsigned dim,
	double ret[1 + ST_DIM_MAX]);
double st_logit(const double *w, const double *x, unsigned dim);
