/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM's hours: the largest 5-minute mean of CPU and of memory in each hour of the last
 * 28 days, a byte each on the scale of hr_days_load_code, 1.3 KiB in all; and what they
 * say about each hour of the next seven days.  Hours are UTC, since 1970: a shape that
 * follows local time shifts by one hour twice a year, and the shape has to prove itself
 * again on the week after.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/core/answer.h"
#include "collector/core/bound.h"

#define HR_HOURS_DAYS 28
#define HR_HOURS      (HR_HOURS_DAYS * 24)
#define HR_HOURS_WEEK 168
#define HR_HOURS_NONE 255 /* code: no evidence in that hour */

struct hr_hours {
	uint32_t last;             /* newest hour, 0: none */
	uint8_t (*code)[HR_HOURS]; /* [2], by enum hr_bound_kind; NULL until there is one */
};

void hr_hours_done(struct hr_hours *h);
size_t hr_hours_bytes(const struct hr_hours *h);

/* A 5-minute mean in percent of capacity.  Hours before the last 28 days are left out. */
void hr_hours_add(struct hr_hours *h, uint32_t hour, enum hr_bound_kind kind, double percent);
/* The VM was resized: percents are of the new capacity from now on (new / old). */
void hr_hours_resize(struct hr_hours *h, double cpu, double mem);
/* For the codec: a code as it was; false when out of memory or of range. */
bool hr_hours_set(struct hr_hours *h, enum hr_bound_kind kind, uint32_t hour, uint8_t code);
uint8_t hr_hours_get(const struct hr_hours *h, enum hr_bound_kind kind, uint32_t hour);
