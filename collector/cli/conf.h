/* SPDX-License-Identifier: Apache-2.0 */
/* Where the command line finds its collector and the model's rules. */
#pragma once

#include "collector/cli/cli.h"
#include "collector/core/trace.h"
#include "collector/core/vm.h"
#include "proto/conf.h"

#define HR_CLI_AGENT_CONF     "/etc/headroom/agent.conf"
#define HR_CLI_COLLECTOR_CONF "/etc/headroom/collector.conf"

/*
 * The model's rules from the collector's configuration (--config, else the usual place),
 * else defaults.  Those of @host, if it is named there; NULL: of no one.  @t: says what is not a
 * default; NULL: nothing is said.  HR_EXIT_DONE, or a message and HR_EXIT_FAILED.
 */
int hr_cli_model_conf(
	const struct hr_cli *cli, const char *host, struct hr_model_conf *ret, struct hr_trace *t);

struct hr_cli_target {
	char url[300];     /* "http://127.0.0.1:7867", no slash at the end */
	char ca_file[256]; /* "" the system's */
	char pin[64];      /* "sha256//..."; "" none */
	char token[104];   /* this host's own credential, when the agent's state says so */
	char socket[280];  /* path of the admin's socket; "": over TCP */
	char from[320];    /* where the address comes from, for messages */
};
/*
 * The admin's socket of the collector on this machine, from --config (its collector.conf) or
 * the usual place.  HR_EXIT_DONE, or FAILED after a message.
 */
int hr_cli_admin(const struct hr_cli *cli, struct hr_cli_target *ret);
/*
 * The collector to ask: HEADROOM_COLLECTOR, else --config FILE (agent.conf or
 * collector.conf), else /etc/headroom/agent.conf, collector.conf, else loopback.
 */
int hr_cli_target(const struct hr_cli *cli, struct hr_cli_target *ret);
/* The same without a message on stderr: 0, or -errno with it in @err. */
int hr_cli_find_target(
	const struct hr_cli *cli, struct hr_cli_target *ret, char err[HR_CONF_ERR_LEN]);
