/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one tick hands from I/O to the pure core: the interface between
 * agent/bpf_read.c + agent/host_read.c (producers) and core/sampler.c (consumer).
 * Plain values, no pointers into the kernel, valid until the next tick.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/allowance.h"
#include "bpf/cell.h"
#include "proto/hist.h"
#include "proto/limits.h"
#include "proto/signal.h"
#include "proto/summary.h"

/* Most slots one tick can deliver: the ring, less the part still open. */
#define HR_TAKE_SLOTS 240

/* One closed 8.4 ms slot, summed over CPUs, open intervals included. */
struct hr_slot_cpu {
	uint64_t oncpu_ns;   /* tasks other than idle on CPUs */
	uint64_t wait_ns;    /* tasks waiting for a CPU, placed where they waited */
	uint64_t charge_ns;  /* work charged from its wake on, hogs left out */
	uint64_t hog_ns;     /* work of bursts older than 1 s */
	uint64_t unknown_ns; /* CPU time lost to missed switches */
	uint32_t wakes;      /* bursts woken in this slot */
	uint32_t reads;      /* messages read in stints charged to this slot */
};

struct hr_slot_dev {
	uint64_t inflight_ns[2]; /* disk: read, write residence time in the slot */
	uint32_t ops[2];         /* disk: completions; nic: packets rx, tx */
	uint64_t bytes[2];       /* disk: read, write; nic: rx, tx */
};

/* Counter growth and histogram growth since the last tick, all CPUs. */
struct hr_take_cpu {
	uint64_t switches, voluntary, resync, bad;
	uint64_t broken;  /* stints whose burst could not be continued: it counts as two */
	uint64_t late_ns; /* clipped to the horizon: arrived after its slot was read */
	uint64_t bursts, bursts_late;
	struct hr_hist wait;       /* us, per stint */
	struct hr_hist burst_cpu;  /* us */
	struct hr_hist burst_wait; /* us */
};

struct hr_take_disk {
	uint64_t n[2];
	uint64_t bytes[2]; /* of the slots of this take */
	uint64_t errors, discards, flushes;
	uint64_t sync_ns;      /* residence of what somebody asked for: write-back, readahead not */
	struct hr_hist lat[2]; /* us, insert to completion */
	uint64_t measured[2];  /* requests lat is made of: all, or a sample (struct hr_disk_cell) */
};

struct hr_take_mem {
	uint64_t reclaims, reclaim_ns, ooms, retransmits;
	struct hr_hist reclaim; /* us */
};

/* Everything the kernel side delivers for one tick. */
struct hr_take {
	uint64_t have;  /* HR_SIG_BIT: which parts below mean something */
	uint32_t blind; /* bit per device number: no room in the maps, its zeros mean nothing */
	uint64_t first_slot; /* absolute slot number = ns >> HR_SLOT_SHIFT */
	uint32_t n_slots;    /* consecutive, closed */
	bool overrun;        /* the ring lapped: slots before first_slot are lost */
	struct hr_slot_cpu cpu_slot[HR_TAKE_SLOTS];
	struct hr_slot_dev dev_slot[HR_DEVS_MAX][HR_TAKE_SLOTS];
	struct hr_take_cpu cpu;
	struct hr_take_disk disk[HR_DEVS_MAX]; /* index = device number of hr_facts.dev */
	struct hr_take_mem mem;
};

/* One thread as the iterator (or /proc) saw it; times are running totals since its start. */
struct hr_task {
	uint32_t pid, tid; /* tgid, pid of the kernel */
	uint64_t start_ns; /* with tid: identity; tids are reused */
	uint64_t oncpu_ns; /* sum_exec_runtime */
	uint64_t wait_ns;  /* sched_info.run_delay */
	uint64_t cgroup;   /* kernfs id of its cgroup (rung file: hash of its path), 0 unknown */
	/* since the snapshot before, as struct hr_top has them; 0, 0: none, or not known */
	uint32_t reads, reads_late;
	char comm[HR_COMM_LEN];
	char group[HR_GROUP_LEN]; /* last part of the cgroup's path; "" in the root */
};

/* Files as text.  len < 0: -errno of the read. */
enum hr_file {
	/* each tick: of these a window keeps what a second had at most or at least */
	HR_FILE_STAT, /* /proc/stat */
	HR_FILE_MEMINFO,
	/* once a window, of which only the growth counts: no more of it is known by looking often
	 */
	HR_FILE_VMSTAT,
	HR_FILE_DISKSTATS,
	HR_FILE_NET_DEV,
	HR_FILE_NETSTAT,
	HR_FILE_SNMP,
	HR_FILE_SOFTNET,
	HR_FILE_PSI_CPU,
	HR_FILE_PSI_MEMORY,
	HR_FILE_PSI_IO,
	HR_FILE_N,
};
struct hr_text {
	const char *p;
	long len;
};

/* Sums over cgroups that carry a limit, read every 10 s (cgroup v1 or v2). */
struct hr_cgroup_raw {
	uint64_t have; /* CPU_QUOTA, MEMCG */
	uint32_t quota_groups, memcg_groups;
	uint64_t throttled_n, throttled_us; /* running totals */
	uint64_t mem_max_n, mem_oom_n;      /* running totals: limit hits, OOM kills */
	uint32_t mem_full_pm;               /* fullest group: usage / limit in 1/1000 */
	char tightest[HR_NAME_LEN];         /* path of the group that throttles or fills most */
	bool tight_hit;                     /* and it was held back since the last pass */
	/* What the group held back last may use now, as in hr_facts; 0 unknown. */
	uint32_t held_cpu_m, held_mem_mib;
};

struct hr_nic_raw {           /* per device, from netlink and ethtool */
	uint64_t qdisc_drops; /* running total */
	uint64_t qdisc_backlog_bytes;
	uint64_t allowance[HR_ALLOWANCE_N]; /* exceeded: running totals */
	bool has_qdisc;                     /* the first two and shaper mean something */
	bool has_allowance;
	bool shaper;
};

struct hr_rtt_raw { /* connections with data under way to another machine */
	uint32_t n;
	uint32_t median_us; /* of their srtt - min_rtt */
};

struct hr_raw {
	uint64_t mono_ns; /* when the tick ran */
	uint64_t boot_ns; /* CLOCK_BOOTTIME */
	uint64_t wall_ms;
	uint64_t due_ns;            /* when it should have run (monotonic) */
	const struct hr_take *take; /* NULL: no BPF at all */
	bool brief; /* what is read once a window was not read: file[] from HR_FILE_VMSTAT on,
		       self_* */
	struct hr_text file[HR_FILE_N];
	const struct hr_task *task; /* only in ticks that ended a window, else NULL */
	uint32_t n_task;
	bool tasks_cut;                     /* there were more than fit: top K may be wrong */
	const struct hr_cgroup_raw *cgroup; /* NULL: not read in this tick */
	const struct hr_nic_raw *nic;       /* [HR_DEVS_MAX] by device number, NULL as above */
	const struct hr_rtt_raw *rtt;       /* NULL as above */
	const struct hr_page_seen *pages;   /* when the last window ended; NULL: not looked */
	const struct hr_fs *fs;             /* [n_fs], NULL: not sampled in this tick */
	uint8_t n_fs;
	uint64_t self_cpu_us; /* running total */
	uint64_t self_rss_bytes;
	uint64_t bpf_run_ns, bpf_run_n; /* running totals; 0, 0: not measured */
	uint64_t bpf_missed;            /* running total of events kept from our programs */
};
