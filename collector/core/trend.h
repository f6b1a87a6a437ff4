/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When does a steadily falling headroom reach the target (answer-model 12)?
 *
 * Input is one value per day, h = ln K of the day.  Days without evidence are
 * NaN.  Weekdays are levelled out, jumps cut the series into pieces, and the
 * slope is the median of all pairwise slopes inside pieces, with an interval
 * from Kendall's variance.  A date exists only where that interval leaves no
 * doubt about the direction and the fit without the last three days agrees:
 * on real load most series have none (FORECAST.md), and say so.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "collector/core/answer.h"

#define HR_TREND_DAYS_MAX 91 /* 13 weeks: 4095 slopes, 32 KiB of stack */
#define HR_TREND_DAYS_MIN 14 /* two of each weekday */
#define HR_TREND_CUTS_MAX 3

enum hr_trend_kind {
	HR_TREND_UNKNOWN = 0, /* too few days: need_days says how many more */
	HR_TREND_NONE,        /* the slope's interval contains 0, or headroom grows */
	HR_TREND_UNCONFIRMED, /* a slope, but noise or the last three days cast doubt on it */
	HR_TREND_CONFIRMED,
};

struct hr_trend_in {
	const double *h;   /* [n], oldest first; NaN: no evidence for that day */
	uint32_t n;        /* only the last HR_TREND_DAYS_MAX are read */
	uint8_t weekday;   /* of h[0], 0..6; only the distance matters */
	const bool *event; /* [n] or NULL: capacity changed before this day, a certain cut */
	double target;     /* ln of the target factor */
	/* What the caller has a use for; all else may be said as HR_TREND_NONE, which costs less.
	 */
	bool confirmed_only;
	bool kind_only; /* no dates, only whether they could be given */
	double before;  /* > 0: and only a date that may be earlier than this, in days */
};

struct hr_trend {
	enum hr_trend_kind kind;
	uint32_t days;       /* with evidence */
	uint32_t need_days;  /* UNKNOWN: more days needed */
	uint32_t limit_days; /* twice the span of history: no date is claimed beyond it */
	/* filled when the slope could be estimated */
	double slope, lo, hi; /* of h per day, 98 % interval by Kendall's variance */
	double level;         /* of h now, on the tightest weekday */
	double sigma;         /* day-to-day noise of h */
	uint8_t n_cut;
	uint16_t cut[HR_TREND_CUTS_MAX]; /* first day after each jump, index into h */
	/*
	 * Days from the last day of h until the target; CONFIRMED only, null beyond limit_days.
	 * early and late also allow for the level's error and for the last weeks' own slope.
	 */
	struct hr_opt early, likely, late;
};

void hr_trend_fit(const struct hr_trend_in *in, struct hr_trend *ret);

/* "steady decline", "no trend", "9 more days needed", "> 56 d, limit of the evidence". */
void hr_trend_say(const struct hr_trend *t, char *buf, uint32_t cap);
