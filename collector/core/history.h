/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Demand over time from stored windows, in equal steps: what GET .../history
 * shows.  A step without a window, or whose windows lack the signal, has no value.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "collector/core/answer.h"
#include "proto/summary.h"

enum hr_history_series {
	HR_HISTORY_CPU = 0, /* cores, mean of the step */
	HR_HISTORY_MEMORY,  /* bytes available, least of the step */
	HR_HISTORY_DISK,    /* operations per second, all disks */
	HR_HISTORY_NETWORK, /* bytes per second, both directions, all devices */
	HR_HISTORY_N,
};
enum hr_resource hr_history_resource(enum hr_history_series s);
const char *hr_history_what(enum hr_history_series s); /* "demand", or "available" */
enum hr_unit hr_history_unit(enum hr_history_series s);
/*
 * What p99 and max are taken over: CPU "1 s", disk and network "100 ms, busiest device" (of a
 * network the busier direction); NULL: memory has none.
 */
const char *hr_history_over(enum hr_history_series s);

struct hr_history_cell {
	double sum;  /* amount, or the least */
	uint64_t ms; /* of windows that had the signal */
	struct hr_opt p99, max;
};

struct hr_history {
	uint64_t from_ms, step_ms;
	size_t n;                                     /* steps */
	struct hr_history_cell (*cell)[HR_HISTORY_N]; /* [n], the caller's, zeroed */
	/* inside: the step whose windows come now */
	size_t at;
	struct hr_hist cpu, disk[HR_DEVS_MAX], net[HR_DEVS_MAX];
};

/*
 * Adds a window that ended at @end_ms (collector's clock); outside of the steps it is left out.
 * Windows come in order of time, so that p99 is that of a step's windows together; where they do
 * not, it is the largest of their groups.
 */
void hr_history_add(struct hr_history *h, const struct hr_summary *s, uint64_t end_ms);
/* Brings the last step's p99 up to date: after the last window. */
void hr_history_end(struct hr_history *h);
/* Value of step @i; has = false where nothing is known. */
struct hr_opt hr_history_value(const struct hr_history *h, size_t i, enum hr_history_series s);
