/* SPDX-License-Identifier: Apache-2.0 */
/* Where each signal comes from, as printed beside its value. */
#include "collector/core/model.h"

struct source {
	const char *hook; /* tracepoint or iterator; NULL: none */
	const char *file; /* NULL: no file fallback */
};

static const struct source source_of[HR_SIG_N] = {
	[HR_SIG_CPU_SLOTS] = {"sched_switch", NULL},
	[HR_SIG_RUNQ_WAIT] = {"sched_switch", "/proc/schedstat"},
	[HR_SIG_BURSTS] = {"sched_switch", NULL},
	[HR_SIG_THREADS] = {"task iterator", "/proc/<pid>/task"},
	[HR_SIG_CPU_STAT] = {NULL, "/proc/stat"},
	[HR_SIG_STEAL] = {NULL, "/proc/stat"},
	[HR_SIG_SOFTIRQ] = {NULL, "/proc/stat"},
	[HR_SIG_SOFTNET] = {NULL, "/proc/net/softnet_stat"},
	[HR_SIG_PSI_CPU] = {NULL, "/proc/pressure/cpu"},
	[HR_SIG_PSI_MEMORY] = {NULL, "/proc/pressure/memory"},
	[HR_SIG_PSI_IO] = {NULL, "/proc/pressure/io"},
	[HR_SIG_CPU_QUOTA] = {NULL, "cgroup cpu.stat"},
	[HR_SIG_MEMCG] = {NULL, "cgroup memory"},
	[HR_SIG_DISK_IO] = {"block_rq_complete", NULL},
	[HR_SIG_DISK_SYNC] = {"block_rq_complete", NULL},
	[HR_SIG_DISK_STAT] = {NULL, "/proc/diskstats"},
	[HR_SIG_NET_IO] = {"netif_receive_skb", NULL},
	[HR_SIG_NET_STAT] = {NULL, "/proc/net/dev"},
	[HR_SIG_NET_LOCAL] = {NULL, "/proc/net/dev"},
	[HR_SIG_TCP_RETRANS] = {"tcp_retransmit_skb", "/proc/net/snmp"},
	[HR_SIG_TCP_RTT] = {NULL, "sock_diag"},
	[HR_SIG_READS] = {"tcp_rcv_space_adjust", NULL},
	[HR_SIG_NETSTAT] = {NULL, "/proc/net/netstat"},
	[HR_SIG_QDISC] = {NULL, "rtnetlink"},
	[HR_SIG_RECLAIM] = {"mm_vmscan_direct_reclaim", NULL},
	[HR_SIG_OOM] = {"mark_victim", "/proc/vmstat"},
	[HR_SIG_VMSTAT] = {NULL, "/proc/vmstat"},
	[HR_SIG_MEMINFO] = {NULL, "/proc/meminfo"},
	[HR_SIG_FS] = {NULL, "statvfs"},
};

const char *hr_signal_source(const struct hr_facts *f, enum hr_signal sig)
{
	const struct source *s;

	if ((unsigned)sig >= HR_SIG_N)
		return "?";
	s = &source_of[sig];
	/* The rung is printed by doctor; here the event or file is what a reader can look up. */
	if (f && f->signal[sig].rung == HR_RUNG_FILE && s->file)
		return s->file;
	if (s->hook)
		return s->hook;
	return s->file ? s->file : hr_signal_name(sig);
}
