/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fleet as a list of short rows, one per host, made from answers: counted by
 * answer and reason, filtered and sorted.  A question to 100 000 hosts is one
 * scan over these rows.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/core/answer.h"

struct hr_fleet_row {
	char id[2 * HR_HOST_ID_LEN + 1];
	char name[HR_NAME_LEN];
	char device[HR_NAME_LEN];
	bool has_days;
	bool days_agreed;  /* two consecutive refits: only then it may wake anybody */
	uint64_t at_ms;    /* when the answer was made */
	uint64_t heard_ms; /* last new window, our clock; 0: not since the start */
	enum hr_answer_kind kind;
	enum hr_reason reason;
	enum hr_resource binding;
	struct hr_bounds headroom;
	struct hr_opt days_at_least, days_likely;
};

enum hr_fleet_sort {
	HR_FLEET_BY_HEADROOM = 0, /* least at_least first; no claim after all claims */
	HR_FLEET_BY_NAME,
	HR_FLEET_BY_DAYS, /* soonest first; no forecast after all forecasts */
	HR_FLEET_SORT_N,
};
const char *hr_fleet_sort_name(enum hr_fleet_sort s); /* headroom name days */

struct hr_fleet {
	uint32_t n;
	uint32_t by_kind[HR_ANSWER_N];
	uint32_t by_reason[HR_REASON_N];
	struct hr_opt least; /* smallest at_least of any host */
};

/* Everything but heard_ms. */
void hr_fleet_row(const struct hr_answer *a, struct hr_fleet_row *ret_row);

/*
 * The row without its host's id and name as bytes, and back: false when they are not ours (the
 * answer is then simply made anew).  @buf has HR_FLEET_ROW_MAX bytes; bytes written.
 */
#define HR_FLEET_ROW_MAX 256
size_t hr_fleet_row_put(const struct hr_fleet_row *row, void *buf);
bool hr_fleet_row_get(const void *bytes, size_t len, struct hr_fleet_row *ret_row);

void hr_fleet_count(struct hr_fleet *f, const struct hr_fleet_row *row); /* one more */
void hr_fleet_fold(const struct hr_fleet_row *const *rows, size_t n, struct hr_fleet *ret_fleet);

/*
 * For a fleet too large to sort at each question.  A key is smaller the earlier its host comes; the
 * lower half is the host's rank by name, so no two are equal.
 */
uint64_t hr_fleet_key(const struct hr_fleet_row *row, enum hr_fleet_sort by, uint32_t rank);
/* Puts those keys at [@from, @from + @count) that would be there if all were sorted; the others lie
 * anywhere.  @from + @count <= @n.  Linear in @n, but for sorting @count. */
void hr_fleet_select(uint64_t *key, size_t n, size_t from, size_t count);

/* Sorts pointers; ties by name, then id, so that pages do not overlap. */
void hr_fleet_order(const struct hr_fleet_row **rows, size_t n, enum hr_fleet_sort by);
