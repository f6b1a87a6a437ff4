/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signals: what the agent can know about a VM, each with the rung it comes
 * from.  A summary carries one bit per signal (hr_summary.have); a counter of a
 * signal whose bit is clear is *missing*, whatever its value.  `headroom doctor`
 * prints this table; the model names these signals as missing evidence.
 */
#pragma once

#include <stdint.h>

enum hr_rung {
	HR_RUNG_UNKNOWN = 0,
	HR_RUNG_TP_BTF,  /* typed tracepoint */
	HR_RUNG_RAW_TP,  /* raw tracepoint twin */
	HR_RUNG_ITER,    /* BPF iterator */
	HR_RUNG_FILE,    /* /proc, /sys, netlink */
	HR_RUNG_MISSING, /* not to be had here; the reason says why */
};

/* X(id, name, what it is) - the number is on the wire: append only, < 64 */
#define HR_SIGNALS(X)                                                                              \
	X(CPU_SLOTS, "cpu_slots", "on-CPU time per 8.4 ms slot")                                   \
	X(RUNQ_WAIT, "runq_wait", "time runnable tasks waited for a CPU")                          \
	X(BURSTS, "bursts", "wake-to-sleep bursts: CPU time, wait, late share")                    \
	X(THREADS, "threads", "hottest threads: on-CPU and waiting time")                          \
	X(CPU_STAT, "cpu_stat", "CPU time by kind, context switches")                              \
	X(STEAL, "steal", "time the hypervisor ran something else")                                \
	X(SOFTIRQ, "softirq", "softirq and irq time of the busiest CPU")                           \
	X(SOFTNET, "softnet", "packets dropped or squeezed by the softirq backlog")                \
	X(PSI_CPU, "psi_cpu", "pressure stall: cpu")                                               \
	X(PSI_MEMORY, "psi_memory", "pressure stall: memory")                                      \
	X(PSI_IO, "psi_io", "pressure stall: io")                                                  \
	X(CPU_QUOTA, "cpu_quota", "throttling by cgroup CPU quotas")                               \
	X(MEMCG, "memcg", "cgroup memory limits: hits, reclaim, OOM")                              \
	X(DISK_IO, "disk_io",                                                                      \
		"request latency (of a sample at a high rate), requests in flight per slot")       \
	X(DISK_STAT, "disk_stat", "disk totals: operations, bytes, time")                          \
	X(NET_IO, "net_io", "bytes and packets per slot")                                          \
	X(NET_STAT, "net_stat", "device totals: bytes, packets, drops, errors")                    \
	X(NET_LOCAL, "net_local", "loopback traffic, kept apart")                                  \
	X(TCP_RETRANS, "tcp_retrans", "TCP retransmits")                                           \
	X(TCP_RTT, "tcp_rtt", "TCP round trip over its minimum")                                   \
	X(NETSTAT, "netstat", "listen overflows, zero windows, pruned buffers")                    \
	X(QDISC, "qdisc", "queueing discipline backlog and drops: local shaper")                   \
	X(RECLAIM, "reclaim", "direct reclaim stalls")                                             \
	X(OOM, "oom", "OOM kills")                                                                 \
	X(VMSTAT, "vmstat", "refaults, swap-ins, major faults, reclaim scans")                     \
	X(MEMINFO, "meminfo", "available, free, anonymous, active file memory")                    \
	X(MACHINE, "machine", "hypervisor, provider and instance type")                            \
	X(TOPOLOGY, "topology", "which vCPUs share a core")                                        \
	X(COST, "cost", "the agent's own CPU time, memory and map bytes")                          \
	X(EVENT_NS, "event_ns", "nanoseconds per kernel event")                                    \
	X(REPLAY, "replay", "recorded bursts replayed at larger loads")                            \
	X(FS, "filesystems", "space and inodes of local file systems")                             \
	X(DISK_SYNC, "disk_sync", "requests asked for, told from write-back and readahead")        \
	X(READS, "reads", "messages by hot thread, and how long what TCP received waited for it")

enum hr_signal {
#define X(id, name, what) HR_SIG_##id,
	HR_SIGNALS(X)
#undef X
	HR_SIG_N
};
_Static_assert(HR_SIG_N <= 64, "one bit per signal on the wire");

#define HR_SIG_BIT(sig) (1ULL << (sig))

/* What became of a signal.  Reason is a short plain phrase ("no BTF", "psi=1 not on the command
 * line"). */
#define HR_REASON_LEN 80
struct hr_signal_state {
	uint8_t rung;               /* enum hr_rung */
	char reason[HR_REASON_LEN]; /* why this rung and not a better one; empty on the best */
};

/* Stable names as above; NULL never returned ("?" when out of range). */
const char *hr_signal_name(enum hr_signal sig);
const char *hr_signal_what(enum hr_signal sig);
const char *hr_rung_name(enum hr_rung rung); /* tp_btf raw_tp iter file missing */
