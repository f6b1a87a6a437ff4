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

struct hr_metrics_host {
	const struct hr_answer *answer;
	uint64_t heard_ms; /* last new window, Unix ms; 0: none since the start */
};

/* A sample of the collector itself; those of one name stand together. */
struct hr_metrics_own {
	const char *name;  /* without HR_METRICS_OWN; counters end in _total */
	const char *help;  /* of the first one of a name */
	const char *key;   /* label, NULL: none */
	const char *value; /* of the label */
	double v;
};

struct hr_metrics {
	struct hr_metrics_host *host; /* sorted here, by name */
	size_t n_hosts;
	const uint32_t
		*by_answer; /* hosts of the fleet, HR_ANSWER_N counts; NULL: those of @host */
	const struct hr_metrics_own *own;
	size_t n_own;
	bool openmetrics;
};

/*
 * Allocates: text with NUL is the caller's to free(), its length in *@ret_len; NULL: out of
 * memory.  The label host is the host's name; where two have the same one, name@id.
 */
char *hr_render_metrics(const struct hr_metrics *m, size_t *ret_len);
