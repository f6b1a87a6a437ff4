// SPDX-License-Identifier: Apache-2.0
/* Rows of the fleet: made, counted, ordered. */
#include "collector/core/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *hr_fleet_sort_name(enum hr_fleet_sort s)
{
	switch (s) {
	case HR_FLEET_BY_HEADROOM:
		return "headroom";
	case HR_FLEET_BY_NAME:
		return "name";
	case HR_FLEET_BY_DAYS:
		return "days";
	case HR_FLEET_SORT_N:
		break;
	}
	return "?";
}

void hr_fleet_row(const struct hr_answer *a, struct hr_fleet_row *ret_row)
{
	struct hr_fleet_row r = {
		.at_ms = a->at_ms,
		.kind = a->kind,
		.reason = a->reason,
		.binding = a->binding.resource,
		.headroom = a->headroom,
		.has_days = a->days_left.has,
		.days_agreed = a->days_left.agreed,
		.days_at_least = a->days_left.at_least,
		.days_likely = a->days_left.likely,
	};

	memcpy(r.id, a->host_id, sizeof(r.id));
	memcpy(r.name, a->host, sizeof(r.name));
	memcpy(r.device, a->binding.device, sizeof(r.device));
	*ret_row = r;
}

void hr_fleet_fold(const struct hr_fleet_row *const *rows, size_t n, struct hr_fleet *ret_fleet)
{
	struct hr_fleet f = {.n = (uint32_t)n};

	for (size_t i = 0; i < n; i++) {
		const struct hr_fleet_row *r = rows[i];

		if (r->kind < HR_ANSWER_N)
			f.by_kind[r->kind]++;
		if (r->reason < HR_REASON_N)
			f.by_reason[r->reason]++;
		if (r->headroom.has && r->headroom.at_least.has &&
			(!f.least.has || r->headroom.at_least.v < f.least.v))
			f.least = r->headroom.at_least;
	}
	*ret_fleet = f;
}

static int by_name(const void *a, const void *b)
{
	const struct hr_fleet_row *x = *(const struct hr_fleet_row *const *)a;
	const struct hr_fleet_row *y = *(const struct hr_fleet_row *const *)b;
	int c = strcmp(x->name, y->name);

	return c != 0 ? c : strcmp(x->id, y->id);
}

/* What is not known comes last: it is neither good nor bad. */
static int by_opt(struct hr_opt x, struct hr_opt y)
{
	if (x.has != y.has)
		return x.has ? -1 : 1;
	return x.has ? (x.v > y.v) - (x.v < y.v) : 0;
}

static int by_headroom(const void *a, const void *b)
{
	const struct hr_fleet_row *x = *(const struct hr_fleet_row *const *)a;
	const struct hr_fleet_row *y = *(const struct hr_fleet_row *const *)b;
	struct hr_opt none = {0};
	int c = by_opt(x->headroom.has ? x->headroom.at_least : none,
		y->headroom.has ? y->headroom.at_least : none);

	return c != 0 ? c : by_name(a, b);
}

static int by_days(const void *a, const void *b)
{
	const struct hr_fleet_row *x = *(const struct hr_fleet_row *const *)a;
	const struct hr_fleet_row *y = *(const struct hr_fleet_row *const *)b;
	struct hr_opt none = {0};
	int c = by_opt(
		x->has_days ? x->days_at_least : none, y->has_days ? y->days_at_least : none);

	return c != 0 ? c : by_name(a, b);
}

void hr_fleet_order(const struct hr_fleet_row **rows, size_t n, enum hr_fleet_sort by)
{
	if (n > 1)
		qsort(rows, n, sizeof(const struct hr_fleet_row *),
			by == HR_FLEET_BY_NAME   ? by_name
			: by == HR_FLEET_BY_DAYS ? by_days
						 : by_headroom);
}
