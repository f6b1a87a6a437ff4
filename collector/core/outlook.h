/* SPDX-License-Identifier: Apache-2.0 */
/* What a VM's days say about the next 30: probabilities, a date where one is due, next week. */
#pragma once

#include "collector/core/answer.h"
#include "collector/core/crossing.h"
#include "collector/core/days.h"

struct hr_outlook_date {
	bool has;
	uint8_t group;
	struct hr_opt early, likely, late; /* days from the end of the last closed day */
	/* The fit of that many days before gave a date, too, and this one lies in its interval. */
	bool agreed; /* 1: two consecutive refits */
	bool held;   /* 7 */
};

struct hr_outlook {
	uint16_t day;          /* last closed day it is made from; 0: none yet */
	uint32_t history_days; /* with evidence for the VM */
	struct {
		uint8_t state; /* enum hr_crossing_state */
		float p;
	} group[HR_DAYS_GROUPS];       /* the last: the VM */
	uint32_t need_days;            /* until the VM has a probability */
	struct hr_outlook_date date;   /* the earliest confirmed trend of k */
	struct hr_outlook_date memory; /* need of memory as a stock, against all of it */
	char trend[64];                /* in words, of the VM's k or of the date's group */
	/* next week: upper bound in percent of capacity */
	struct {
		struct hr_opt bound;
		uint32_t held, of; /* past weeks of this VM */
	} week[2];                 /* CPU, memory */
};

/* @k_target: of the answer.  @groups: devices and all, as tracks are numbered; the rest is skipped.
 */
void hr_outlook_make(const struct hr_days *d, double k_target, struct hr_outlook *ret);
