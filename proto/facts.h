/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a VM is: sent with the first batch, after a change and hourly, kept by
 * the collector.  A number that is not known is 0 here and has no value on the
 * wire; a string that is not known is empty.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/limits.h"
#include "proto/signal.h"

enum hr_dev_kind {
	HR_DEV_NONE = 0,
	HR_DEV_DISK,
	HR_DEV_NIC,
};

#define HR_NO_LIMIT UINT32_MAX

/* Index in hr_facts.dev is the device's number in summaries of the same epoch. */
struct hr_dev_facts {
	uint8_t kind;           /* enum hr_dev_kind */
	char name[HR_NAME_LEN]; /* vda, eth0 */
	uint32_t nr_requests;   /* disk: queue depth, 0 unknown */
	uint32_t speed_mbps;    /* nic: link speed, 0 unknown (virtio) */
	uint64_t cap_iops;      /* configured or vendor-told limits, 0 unknown */
	uint64_t cap_bytes_per_s;
	/* told: what bursts carry, where the two above are baselines; 0 no more than those */
	uint64_t burst_iops, burst_bytes_per_s;
	bool is_virtual; /* virtio, xen, veth: the link speed, if any, means nothing */
};

struct hr_facts {
	uint32_t epoch;               /* grows with each change of CPUs or devices in this boot */
	char name[HR_NAME_LEN];       /* host name */
	char kernel[HR_NAME_LEN];     /* release */
	char agent[HR_NAME_LEN];      /* version */
	char hypervisor[HR_NAME_LEN]; /* kvm, xen, vmware, hyperv, none; empty unknown */
	char provider[HR_NAME_LEN];   /* aws, gcp, azure, ...; empty unknown */
	char instance_type[HR_NAME_LEN];
	uint32_t cpus_online;
	uint32_t cpus_possible;
	uint32_t threads_per_core; /* 0 = hidden or unknown */
	uint64_t mem_total_bytes;
	uint64_t map_bytes; /* of the agent's BPF maps */
	uint8_t n_dev;
	struct hr_dev_facts dev[HR_DEVS_MAX];
	struct hr_signal_state signal[HR_SIG_N];
	uint32_t shed; /* bit per HR_SHED_* : hooks shed by the budget guard */
	/* End of the path of the cgroup that its CPU quota or memory limit held back last and most.
	 */
	char tight_cgroup[HR_NAME_LEN];
	/* What that cgroup may use now; HR_NO_LIMIT: it has no such limit (any more). */
	uint32_t tight_cpu_m; /* thousandths of a CPU */
	uint32_t tight_mem_mib;
};

/* Shedding order when over budget, first to go first. */
enum hr_shed {
	HR_SHED_BURST = 0, /* burst recorder */
	HR_SHED_NET,       /* receive, transmit and read hooks */
	HR_SHED_DISK,
	HR_SHED_SCHED, /* last: the switch hook */
	HR_SHED_N,
};
const char *hr_shed_name(enum hr_shed s); /* burst net disk sched_switch */
