/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's key table: one place for parser, --print-config, the shipped file and the man page.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/conf.h"
#include "proto/limits.h"

#define HR_AGENT_COLLECTOR "http://127.0.0.1:7867" /* the default of collector= */
#define HR_AGENT_PATH_LEN  256
#define HR_AGENT_LIST_LEN  192 /* libinih cuts a line at 200 bytes */

struct hr_agent_config {
	/* [agent] */
	char collector[HR_AGENT_PATH_LEN]; /* http://127.0.0.1:7867 */
	char token_file[HR_AGENT_PATH_LEN];
	char ca_file[HR_AGENT_PATH_LEN];
	char join[HR_AGENT_PATH_LEN]; /* file with a join string */
	char cert_file[HR_AGENT_PATH_LEN], key_file[HR_AGENT_PATH_LEN];
	uint64_t timeout_ns;
	char state[HR_AGENT_PATH_LEN];   /* directory; the spool is in state/spool */
	char name[HR_NAME_LEN];          /* "" = host name */
	char instance_type[HR_NAME_LEN]; /* "" = what DMI says */
	uint64_t log_level;              /* enum hr_log_prio, 3..7 */
	/* [spool] */
	uint64_t spool_bytes;
	/* [measure] */
	double budget_ratio; /* of one CPU */
	bool hook_sched, hook_disk, hook_net, hook_burst;
	bool bpf_stats;
	uint64_t threads_per_core; /* 0: as the hypervisor shows it */
	bool probe_cores;          /* measure what it hides */
	char include_devices[HR_AGENT_LIST_LEN];
	char exclude_devices[HR_AGENT_LIST_LEN];
	char limits[HR_AGENT_LIST_LEN]; /* of devices, as hr_machine_limit() reads them */
};

const struct hr_conf_table *hr_agent_config_table(void);

/* The hook_* keys as hr_engine_opts.no_hooks: bits of enum hr_shed. */
uint64_t hr_agent_config_no_hooks(const struct hr_agent_config *c);
