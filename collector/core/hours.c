/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/core/hours.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "collector/core/days.h"

void hr_hours_done(struct hr_hours *h)
{
	free(h->code);
	memset(h, 0, sizeof(*h));
}

size_t hr_hours_bytes(const struct hr_hours *h)
{
	return h->code ? 2 * sizeof(*h->code) : 0;
}

/* Makes room for @hour; false: too old, or out of memory. */
static bool reach(struct hr_hours *h, uint32_t hour)
{
	if (hour < HR_HOURS)
		return false; /* January 1970 is a clock that was never set */
	if (!h->code) {
		h->code = malloc(2 * sizeof(*h->code));
		if (!h->code)
			return false;
		memset(h->code, HR_HOURS_NONE, 2 * sizeof(*h->code));
		h->last = hour;
	}
	if (hour > h->last) {
		uint32_t n = hour - h->last < HR_HOURS ? hour - h->last : HR_HOURS;

		for (uint32_t i = 0; i < n; i++)
			h->code[0][(hour - i) % HR_HOURS] = h->code[1][(hour - i) % HR_HOURS] =
				HR_HOURS_NONE;
		h->last = hour;
	}
	return h->last - hour < HR_HOURS;
}

bool hr_hours_set(struct hr_hours *h, enum hr_bound_kind kind, uint32_t hour, uint8_t code)
{
	if (!reach(h, hour))
		return false;
	h->code[kind][hour % HR_HOURS] = code;
	return true;
}

uint8_t hr_hours_get(const struct hr_hours *h, enum hr_bound_kind kind, uint32_t hour)
{
	if (!h->code || hour > h->last || h->last - hour >= HR_HOURS)
		return HR_HOURS_NONE;
	return h->code[kind][hour % HR_HOURS];
}

void hr_hours_add(struct hr_hours *h, uint32_t hour, enum hr_bound_kind kind, double percent)
{
	uint8_t code = hr_days_load_code(percent), was;

	if (!reach(h, hour))
		return;
	was = h->code[kind][hour % HR_HOURS];
	if (was == HR_HOURS_NONE || code > was)
		h->code[kind][hour % HR_HOURS] = code;
}

void hr_hours_resize(struct hr_hours *h, double cpu, double mem)
{
	const double by[2] = {cpu, mem};

	for (unsigned k = 0; h->code && k < 2; k++)
		for (unsigned i = 0; i < HR_HOURS; i++)
			if (h->code[k][i] != HR_HOURS_NONE)
				h->code[k][i] =
					hr_days_load_code(hr_days_load(h->code[k][i]) / by[k]);
}
