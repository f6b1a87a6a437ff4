/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Will a load reach a line, and stay there, within 30 days?  A probability from
 * the 28 daily peaks before, without a date: on real VMs most sustained
 * crossings are returns to a level seen before, and lines through the past find
 * 1-9 % of them (FORECAST.md).  "Stay" = at or over the line on at least 3 days
 * of some 7.  Logistic over eight numbers that have no unit, so that it serves
 * utilisation against a limit and 1/k against 1/target alike.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define HR_CROSSING_DAYS     28 /* of history */
#define HR_CROSSING_DAYS_MIN 20 /* of them with evidence: 70 % */
#define HR_CROSSING_HORIZON  30
#define HR_CROSSING_NEED     3 /* days ... */
#define HR_CROSSING_WITHIN   7 /* ... of so many: sustained */
#define HR_CROSSING_FEATURES 8

/*
 * Peaks below a fifth of the line count as a fifth: k is cut at 8, so a target
 * of 1.3 cannot see further, and the weights were fitted with the same cut.
 */
#define HR_CROSSING_FLOOR 0.2

enum hr_crossing_kind { /* whose weights */
	HR_CROSSING_ANY = 0,
	HR_CROSSING_CPU,
	HR_CROSSING_MEMORY,
	HR_CROSSING_KIND_N,
};

enum hr_crossing_state {
	HR_CROSSING_UNKNOWN = 0, /* need_days more days of history */
	HR_CROSSING_NOW,         /* sustained in the last week: no question of the future */
	HR_CROSSING_TOUCHED,     /* reached in the last week, not sustained; p is filled */
	HR_CROSSING_AHEAD,       /* p is filled */
};

struct hr_crossing {
	enum hr_crossing_state state;
	uint32_t need_days;
	uint32_t days_over; /* of the last HR_CROSSING_DAYS */
	double p;           /* 0..1 */
};

/* @peak: the last HR_CROSSING_DAYS daily peaks, oldest first, NaN = no evidence; @line > 0. */
void hr_crossing(const double peak[HR_CROSSING_DAYS], double line, enum hr_crossing_kind kind,
	struct hr_crossing *ret);

/*
 * The same in two steps: what was seen, and what it says of a kind.  Features that have no weight
 * for @kind are left 0: a look serves that kind, and ANY and CPU alike.
 */
struct hr_crossing_look {
	struct hr_crossing said;        /* but p */
	double x[HR_CROSSING_FEATURES]; /* TOUCHED and AHEAD */
};
void hr_crossing_look(const double peak[HR_CROSSING_DAYS], double line, enum hr_crossing_kind kind,
	struct hr_crossing_look *ret);
void hr_crossing_say(
	const struct hr_crossing_look *l, enum hr_crossing_kind kind, struct hr_crossing *ret);

/*
 * What the weights weigh: ln(line / highest peak), ln(line / highest level held for 3 days of some
 * 7), standard deviation of ln peak, ln(1 + days over the line), mean |day-to-day change of ln
 * peak|, how often within these days a level as far above the seven days before was reached and
 * held, ln(1 + days over 0.8 of the line), median slope of ln peak in 30 days.  At least two peaks
 * must be known.
 */
void hr_crossing_features(
	const double peak[HR_CROSSING_DAYS], double line, double ret_x[HR_CROSSING_FEATURES]);

/* Highest level reached on HR_CROSSING_NEED days of some HR_CROSSING_WITHIN of @n; 0: never. */
double hr_crossing_level(const double *peak, uint32_t n);

/* Shipped weights: constant first.  The back-test prints the same from the traces. */
const double *hr_crossing_weights(enum hr_crossing_kind kind, bool touched);
