/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answers, the agents' own cost and the collector's counters as Prometheus text
 * (0.0.4) or OpenMetrics (1.0): what GET /metrics gives.  Every number that is not
 * known has no sample, never a 0.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/core/answer.h"

#define HR_METRICS_OWN "headroom_collector_" /* before the names of the collector's own samples */

/* A sample of the collector itself; those of one name stand together. */
struct hr_metrics_own {
	const char *name;  /* without HR_METRICS_OWN; counters end in _total */
	const char *help;  /* of the first one of a name */
	const char *key;   /* label, NULL: none */
	const char *value; /* of the label */
	double v;
};

struct hr_metrics {
	const uint32_t *by_answer; /* hosts of the fleet, HR_ANSWER_N counts; NULL: those given */
	const struct hr_metrics_own *own;
	size_t n_own;
};

/*
 * One host after the other, so that no more than one answer (69 KB unpacked) is in memory at a
 * time; a family of samples grows beside the others, and the end puts them together.
 */
struct hr_metrics_text;
struct hr_metrics_text *hr_metrics_begin(bool openmetrics); /* NULL: out of memory */
/*
 * Samples of a host, behind those before.  @heard_ms: its last new window, Unix ms; 0: none since
 * the start.  The label host is its name; for a @twin, whose name another host has too, name@id.
 */
void hr_metrics_host(
	struct hr_metrics_text *t, const struct hr_answer *a, uint64_t heard_ms, bool twin);
/*
 * Frees @t (NULL is fine).  Text with NUL is the caller's to free(), its length in *@ret_len;
 * NULL: out of memory.
 */
char *hr_metrics_end(struct hr_metrics_text *t, const struct hr_metrics *m, size_t *ret_len);
