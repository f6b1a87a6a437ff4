/* SPDX-License-Identifier: Apache-2.0 */
/* GET .../history as JSON (headroom.history/1); unknown is null. */
#pragma once

#include "collector/core/history.h"
#include "collector/core/past.h"
#include "collector/core/query.h"

/*
 * Steps of stored windows: "headroom" {at_least, likely} per step, "threshold", "series" with the
 * mean (of memory: the least), p99 and max per step, and "tightest", the minute with the least
 * headroom and how its bursts were distributed.  CPU and memory have a "forecast", too: the next
 * week hour by hour, of @vm's hours (which makes its outlook when that is due).  malloc'd; NULL:
 * out of memory.
 */
char *hr_history_json(const char *host, const struct hr_query_history *q,
	const struct hr_history *h, const struct hr_past *past, struct hr_vm *vm);

/*
 * Whole days (UTC) of what the model remembers, at most 91: headroom is the day's 0.5 % quantile
 * of at_least over its minutes, cut at "at_cap"; series are the p95 of 5-minute demand as a ratio
 * of the capacity of that day.  Days outside of @q are left out.
 */
char *hr_history_days_json(
	const char *host, const struct hr_query_history *q, const struct hr_vm *vm);
