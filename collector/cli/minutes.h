/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded demand of a host, minute by minute, from the collector's history. */
#pragma once

#include "collector/cli/client.h"
#include "collector/core/history.h"

#define HR_MINUTES_DAYS 7
#define HR_MINUTES      (HR_MINUTES_DAYS * 1440)

/* One array per series of the history, NaN where nothing was recorded; memory: bytes available. */
struct hr_minutes {
	double v[HR_HISTORY_N][HR_MINUTES];
};

/* The seven days before @to_s (Unix, a whole minute).  HR_EXIT_DONE, or a message and another. */
int hr_minutes_read(const struct hr_cli *cli, const struct hr_cli_target *target, const char *host,
	uint64_t to_s, struct hr_minutes *ret);
