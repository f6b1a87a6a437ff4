/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's key table: one place for parser, --print-config, the shipped file and the man page.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/conf.h"

#define HR_AGENT_LIST_LEN 512

struct hr_agent_config {
	/* [collector] */
	char url[256];        /* http://127.0.0.1:7867 */
	char token_file[256]; /* "" none */
	char ca_file[256];
	uint64_t timeout_ns;
	/* [spool] */
	char spool_dir[256];
	uint64_t spool_bytes;
	/* [measure] */
	double budget_ratio; /* of one CPU */
	bool hook_sched, hook_disk, hook_net, hook_burst;
	bool bpf_stats;
	char include_devices[HR_AGENT_LIST_LEN];
	char exclude_devices[HR_AGENT_LIST_LEN];
	/* [agent] */
	char name[64]; /* "" = host name */
	char host_id_file[256];
	uint64_t log_level; /* 3 error .. 7 debug, as syslog */
};

const struct hr_conf_table *hr_agent_config_table(void);

/* What no single key can say (no_hooks as bits of enum hr_shed for hr_engine_opts). */
uint64_t hr_agent_config_no_hooks(const struct hr_agent_config *c);
