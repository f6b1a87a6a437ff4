/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by cross.c (cases, fits, scores) and held.c (features chosen on one half of the VMs). */
#pragma once

#include "tests/forecast/stats.h"

#include "collector/core/crossing.h"

#define N         HR_CROSSING_DAYS
#define H         HR_CROSSING_HORIZON
#define DIM       HR_CROSSING_FEATURES
#define SIX       6
#define FEW       6 /* of ours, for what has few events: near and slope left out */
#define CASES_MAX 2048

struct cases {
	size_t n;
	uint32_t unit[CASES_MAX];
	bool y[CASES_MAX];
	bool level[CASES_MAX]; /* "max of 28 days >= line" */
	double x[CASES_MAX][DIM];
	double six[CASES_MAX][SIX]; /* the reference's features */
};

enum model {
	OURS,
	OURS_FEW,
	REFERENCE,
};

struct fitted {
	double p[CASES_MAX], base[CASES_MAX];
	bool alarm[2][CASES_MAX]; /* cut for 5, 10 % of false alarms on the other folds */
};

/* How one set of lines is scored: fitted on these, with all of our features or some. */
struct from {
	struct cases *const *train;
	unsigned n;
	enum model model;
};

/* Share of alarms among the cases that came (@of) or did not, in percent. */
double cross_rate(const bool *alarm, const bool *y, size_t n, bool of);
double cross_brier(const struct cases *c, const double *p);
struct st_mean cross_brier_minus(
	const struct cases *c, const double *a, const double *b, uint32_t units);
struct st_mean cross_hits_minus(
	const struct cases *c, const bool *a, const bool *b, uint32_t units);

void cross_held_out(const char *name, const struct from *from, struct cases *c, uint32_t units);
