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

/* As it lies in memory: written and read by one machine, and checked by version and length. */
struct kept_row {
	uint8_t version, kind, reason, binding, has_days, days_agreed, has_headroom, capped;
	uint64_t at_ms, heard_ms;
	struct {
		uint64_t has;
		double v;
	} opt[5];
	char device[HR_NAME_LEN];
};
_Static_assert(sizeof(struct kept_row) <= HR_FLEET_ROW_MAX, "the header says so");
#define ROW_VERSION 1

size_t hr_fleet_row_put(const struct hr_fleet_row *r, void *buf)
{
	const struct hr_opt *opt[5] = {&r->headroom.at_least, &r->headroom.likely,
		&r->headroom.at_most, &r->days_at_least, &r->days_likely};
	struct kept_row k;

	memset(&k, 0, sizeof(k));
	k.version = ROW_VERSION;
	k.kind = (uint8_t)r->kind;
	k.reason = (uint8_t)r->reason;
	k.binding = (uint8_t)r->binding;
	k.has_days = r->has_days;
	k.days_agreed = r->days_agreed;
	k.has_headroom = r->headroom.has;
	k.capped = r->headroom.capped;
	k.at_ms = r->at_ms;
	k.heard_ms = r->heard_ms;
	for (size_t i = 0; i < 5; i++) {
		k.opt[i].has = opt[i]->has;
		k.opt[i].v = opt[i]->v;
	}
	memcpy(k.device, r->device, sizeof(k.device));
	memcpy(buf, &k, sizeof(k));
	return sizeof(k);
}

bool hr_fleet_row_get(const void *bytes, size_t len, struct hr_fleet_row *ret_row)
{
	struct hr_fleet_row r = {0};
	struct hr_opt *opt[5] = {&r.headroom.at_least, &r.headroom.likely, &r.headroom.at_most,
		&r.days_at_least, &r.days_likely};
	struct kept_row k;

	if (len != sizeof(k))
		return false;
	memcpy(&k, bytes, sizeof(k));
	if (k.version != ROW_VERSION || k.kind >= HR_ANSWER_N || k.reason >= HR_REASON_N ||
		k.binding >= HR_RES_N || k.device[sizeof(k.device) - 1] != '\0')
		return false;
	r.kind = (enum hr_answer_kind)k.kind;
	r.reason = (enum hr_reason)k.reason;
	r.binding = (enum hr_resource)k.binding;
	r.has_days = k.has_days != 0;
	r.days_agreed = k.days_agreed != 0;
	r.headroom.has = k.has_headroom != 0;
	r.headroom.capped = k.capped != 0;
	r.at_ms = k.at_ms;
	r.heard_ms = k.heard_ms;
	for (size_t i = 0; i < 5; i++) {
		opt[i]->has = k.opt[i].has != 0;
		opt[i]->v = k.opt[i].v;
	}
	memcpy(r.device, k.device, sizeof(r.device));
	*ret_row = r;
	return true;
}

void hr_fleet_count(struct hr_fleet *f, const struct hr_fleet_row *r)
{
	f->n++;
	if (r->kind < HR_ANSWER_N)
		f->by_kind[r->kind]++;
	if (r->reason < HR_REASON_N)
		f->by_reason[r->reason]++;
	if (r->headroom.has && r->headroom.at_least.has &&
		(!f->least.has || r->headroom.at_least.v < f->least.v))
		f->least = r->headroom.at_least;
}

void hr_fleet_fold(const struct hr_fleet_row *const *rows, size_t n, struct hr_fleet *ret_fleet)
{
	struct hr_fleet f = {.n = 0};

	for (size_t i = 0; i < n; i++)
		hr_fleet_count(&f, rows[i]);
	*ret_fleet = f;
}

/* Of numbers >= 0 the bits of a float are in their order; 24 bits of the number count. */
static uint32_t sortable(struct hr_opt o)
{
	float v = (float)o.v;
	uint32_t bits;

	if (!o.has || !(v >= 0))
		return UINT32_MAX; /* what is not known comes last */
	v += 0.0f;                 /* -0 */
	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

uint64_t hr_fleet_key(const struct hr_fleet_row *r, enum hr_fleet_sort by, uint32_t rank)
{
	struct hr_opt none = {0};
	uint32_t v = 0;

	if (by == HR_FLEET_BY_HEADROOM)
		v = sortable(r->headroom.has ? r->headroom.at_least : none);
	else if (by == HR_FLEET_BY_DAYS)
		v = sortable(r->has_days ? r->days_at_least : none);
	return (uint64_t)v << 32 | rank;
}

static int by_key(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/*
 * Hoare's selection: afterwards key[k] is where sorting would put it, what is before it is smaller.
 * The pivot is drawn, so that no order of hosts makes it slow.
 */
static void select_one(uint64_t *key, size_t n, size_t k)
{
	uint64_t draw = 0x9e3779b97f4a7c15ULL;

	while (n > 1) {
		size_t i = 0, j = n - 1;
		uint64_t pivot;

		draw = draw * 6364136223846793005ULL + 1442695040888963407ULL;
		pivot = key[(draw >> 33) % n];
		for (;;) {
			while (key[i] < pivot)
				i++;
			while (key[j] > pivot)
				j--;
			if (i >= j)
				break;
			uint64_t t = key[i];
			key[i] = key[j];
			key[j] = t;
		}
		/* keys differ: i == j is the pivot's place */
		if (k == i)
			return;
		if (k < i) {
			n = i;
		} else {
			key += i + 1;
			n -= i + 1;
			k -= i + 1;
		}
	}
}

void hr_fleet_select(uint64_t *key, size_t n, size_t from, size_t count)
{
	if (count == 0)
		return;
	if (from > 0)
		select_one(key, n, from);
	if (from + count < n)
		select_one(key + from, n - from, count);
	qsort(key + from, count, sizeof(*key), by_key);
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
