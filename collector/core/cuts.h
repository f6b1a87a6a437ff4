/* SPDX-License-Identifier: Apache-2.0 */
/* Where a daily series jumps, if it does, and its noise (answer-model 12, step 2). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Standard errors.  Above the first a jump is cut: 5 let jumps pass, and pure trends fell to it. */
#define HR_CUT_SCORE 4.0
/* Above the second it is too much to be sure of a slope without the cut. */
#define HR_CUT_SUSPECT 2.5

#define HR_CUT_DAYS 91

struct hr_cut {
	bool known;       /* the rest is filled */
	double b0, sigma; /* slope over short lags, and day-to-day noise around it */
	double score;     /* of the best cut; 0: at most HR_CUT_SUSPECT */
	uint32_t at;      /* its first day after the jump */
};

/* Of the weeks that begin on each day: the median, and how many of its days are known. */
struct hr_weeks {
	double mid[HR_CUT_DAYS];
	uint8_t known[HR_CUT_DAYS];
};
/* @z: @n days, HR_CUT_DAYS at most, NaN = not known.  Weeks that end after them are not filled. */
void hr_cut_weeks(const double *z, uint32_t n, struct hr_weeks *ret);

/* Of the days [from, to) of @z; @weeks: its weeks. */
void hr_cut_best(const double *z, const struct hr_weeks *weeks, uint32_t from, uint32_t to,
	struct hr_cut *ret);
