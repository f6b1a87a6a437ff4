/* SPDX-License-Identifier: Apache-2.0 */
/* headroom-agent after its arguments: opens every part, gives up its rights, runs the loop. */
#pragma once

#include <stdbool.h>

#include "agent/core/config.h"

/* What the key table cannot say of a struct hr_agent_config; false: @err says it. */
bool hr_daemon_check(const void *conf, char err[HR_CONF_ERR_LEN]);

/* Joins a collector by the string in the file @join ("-": standard input).  0 or -errno, @err. */
int hr_daemon_join(const struct hr_agent_config *c, const char *join, char err[HR_CONF_ERR_LEN]);

/*
 * Runs until SIGTERM.  @path (and whether it must exist) is what SIGHUP reads again.  0 after
 * a clean stop; -errno with what, why and what to do in @err.
 */
int hr_daemon_run(const struct hr_agent_config *conf, const char *path, bool must_exist,
	char err[HR_CONF_ERR_LEN]);
