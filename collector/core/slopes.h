/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slopes of all pairs of a daily series: how many lie below a value, and those of given ranks.
 * Counting needs no slope: y_j - y_i < b (x_j - x_i) is an order of y - b x, compared four at a
 * time, far faster than making and ranking 4,095 slopes; and most questions are answered half way.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HR_SLOPES_DAYS   91 /* 13 weeks: 4095 slopes, 32 KiB of stack */
#define HR_SLOPES_PIECES 4

struct hr_slopes {
	double y[HR_SLOPES_DAYS], x[HR_SLOPES_DAYS]; /* the known days, a piece after the other */
	uint32_t end[HR_SLOPES_PIECES];              /* of each piece, in y and x */
	uint32_t pieces, used, pairs;
	double var; /* of Kendall's count of the pairs */
};

/* Days of @z from @start on, NaN = not known; pairs are of one piece: [from[i], from[i+1]). */
void hr_slopes_of(const double *z, const uint16_t *from, uint32_t pieces, uint32_t start,
	struct hr_slopes *ret);

/* Whether more than @than pairs have a slope below @b. */
bool hr_slopes_more(const struct hr_slopes *s, double b, size_t than);

/* The slopes with the ranks @rank[@m], each < s->pairs, 0 = the smallest; to 24 bits. */
void hr_slopes_ranks(const struct hr_slopes *s, const size_t rank[], unsigned m, double ret[]);
