/* SPDX-License-Identifier: Apache-2.0 */
/* Wiring of the collector and its main loop. */
#pragma once

#include <stdbool.h>

#include "collector/core/config.h"

/*
 * Runs until SIGTERM or a failed store.  @path and @must_exist are for SIGHUP.  0, or -1 with what,
 * why and what to do in @err.
 */
int hr_daemon_run(const struct hr_collector_config *conf, const char *path, bool must_exist,
	char err[HR_CONF_ERR_LEN]);
