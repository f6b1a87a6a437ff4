/* SPDX-License-Identifier: Apache-2.0 */
/* The collector's own numbers, for GET /metrics and for remote write. */
#pragma once

#include "collector/core/render_metrics.h"
#include "collector/counters.h"

#define HR_METRICS_OWN_MAX (HR_COUNT_N + HR_WIRE_ERROR_N + HR_HTTP_REASONS_MAX + HR_STEP_N + 24)

struct hr_metrics_gathered {
	struct hr_metrics_own own[HR_METRICS_OWN_MAX];
	size_t n;
};

/* @accepting: windows are taken now. */
void hr_metrics_gather(struct hr_metrics_gathered *g, struct hr_counters *c, bool accepting);
