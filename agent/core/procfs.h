/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel text files -> numbers, one parser per file of enum hr_file plus the
 * small cgroup and /proc/PID files.  Each works on @len bytes that need no NUL,
 * in linear time, by name: an unknown line or a later column is skipped, an
 * absent field leaves its bit of @have clear, a field seen twice or a number
 * that is none refuses the whole text.
 *
 * All return 0, or -EBADMSG with *ret untouched; hr_procfs_*_next() return 1 (a
 * row), 0 (the end) or -EBADMSG.  Names and formats: Documentation/filesystems/proc.rst.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/limits.h"

/* /proc/stat counts in USER_HZ, which is 100 on every architecture we build for. */
#define HR_PROCFS_TICK_MS 10

/* A line-wise position in a text; begin with hr_procfs_rows(). */
struct hr_procfs_rows {
	const char *p, *end;
};
struct hr_procfs_rows hr_procfs_rows(const char *buf, size_t len);

/* ---- /proc/stat ---- */
#define HR_PROCFS_STAT_CPU     1u /* the total line, with at least user..steal */
#define HR_PROCFS_STAT_CTXT    2u
#define HR_PROCFS_STAT_RUNNING 4u
#define HR_PROCFS_STAT_CPUS    8u /* at least one cpuN line */
struct hr_procfs_cpu {            /* ticks since boot */
	uint64_t user, nice, system, idle, iowait, irq, softirq, steal;
};
struct hr_procfs_stat {
	uint32_t have;
	struct hr_procfs_cpu total;
	uint64_t ctxt, procs_running;
	uint32_t cpus;             /* cpuN lines: CPUs online now */
	uint64_t irq[HR_CPUS_MAX]; /* irq + softirq ticks of CPU N; UINT64_MAX: no such line */
	uint32_t irq_n;            /* entries of irq[] that were written (highest N + 1) */
};
/* *ret is scratch even on failure (it is large); @ret->have is 0 then. */
int hr_procfs_stat(const char *buf, size_t len, struct hr_procfs_stat *ret);

/* ---- "name value" files: one table drives them all ---- */
struct hr_procfs_key {
	const char *name; /* without ':' */
	uint8_t field;    /* index into the values; several names may add up in one field */
};
#define HR_PROCFS_KEYS_MAX 64
/*
 * Lines "name value" or "name: value [kB]" (kB is turned into bytes).  Several keys may
 * add up in one field; the field's bit of *ret_have is set when one of them was there.
 */
int hr_procfs_kv(const char *buf, size_t len, const struct hr_procfs_key *keys, size_t n,
	uint64_t *ret_values, uint64_t *ret_have);

enum hr_procfs_meminfo_field { /* bytes */
	HR_MEMINFO_TOTAL,
	HR_MEMINFO_FREE,
	HR_MEMINFO_AVAILABLE,
	HR_MEMINFO_ANON,
	HR_MEMINFO_ACTIVE_FILE,
	HR_MEMINFO_INACTIVE_FILE,
	HR_MEMINFO_SWAP_TOTAL,
	HR_MEMINFO_SWAP_FREE,
	HR_MEMINFO_N,
};
enum hr_procfs_vmstat_field { /* events or pages since boot */
	HR_VMSTAT_REFAULT_ANON,
	HR_VMSTAT_REFAULT_FILE, /* kernels < 5.9: workingset_refault, which was file only */
	HR_VMSTAT_SWAP_IN,
	HR_VMSTAT_SWAP_OUT,
	HR_VMSTAT_MAJFAULT,
	HR_VMSTAT_SCAN_DIRECT, /* pages; pgscan_direct_throttle counts something else */
	HR_VMSTAT_SCAN_KSWAPD,
	HR_VMSTAT_ALLOCSTALL, /* all zones: direct reclaims begun */
	HR_VMSTAT_OOM_KILL,
	HR_VMSTAT_DROP_CACHES, /* drop_pagecache + drop_slab */
	HR_VMSTAT_N,
};
enum hr_procfs_netstat_field {
	HR_NETSTAT_LISTEN_OVERFLOWS,
	HR_NETSTAT_LISTEN_DROPS,    /* the kernel counts each overflow here too */
	HR_NETSTAT_ZERO_WINDOW_ADV, /* TCPToZeroWindowAdv: we told a peer to stop */
	HR_NETSTAT_ZERO_WINDOW_DROP,
	HR_NETSTAT_RCV_PRUNED,
	HR_NETSTAT_BACKLOG_DROP,
	HR_NETSTAT_REQ_QFULL_DROP,
	HR_NETSTAT_N,
};
enum hr_procfs_snmp_field {
	HR_SNMP_OUT_SEGS,
	HR_SNMP_RETRANS_SEGS,
	HR_SNMP_N,
};
/* @have: bit per field above. */
struct hr_procfs_meminfo {
	uint64_t have;
	uint64_t v[HR_MEMINFO_N];
};
struct hr_procfs_vmstat {
	uint64_t have;
	uint64_t v[HR_VMSTAT_N];
};
struct hr_procfs_netstat {
	uint64_t have;
	uint64_t v[HR_NETSTAT_N];
};
struct hr_procfs_snmp {
	uint64_t have;
	uint64_t v[HR_SNMP_N];
};
int hr_procfs_meminfo(const char *buf, size_t len, struct hr_procfs_meminfo *ret);
int hr_procfs_vmstat(const char *buf, size_t len, struct hr_procfs_vmstat *ret);
int hr_procfs_netstat(const char *buf, size_t len, struct hr_procfs_netstat *ret);
int hr_procfs_snmp(const char *buf, size_t len, struct hr_procfs_snmp *ret);

/* ---- /proc/diskstats, one row per device and partition ---- */
struct hr_procfs_disk {
	uint32_t major, minor;
	char name[HR_NAME_LEN];
	uint64_t rd_n, rd_sectors, rd_ms; /* sectors of 512 bytes, whatever the device's own */
	uint64_t wr_n, wr_sectors, wr_ms;
	uint64_t inflight, io_ms, weighted_ms;
	bool has_discard, has_flush; /* 4.18+, 5.5+ */
	uint64_t discard_n, discard_sectors, discard_ms;
	uint64_t flush_n, flush_ms;
};
int hr_procfs_diskstats_next(struct hr_procfs_rows *rows, struct hr_procfs_disk *ret);

/* ---- /proc/net/dev, one row per interface; the two header lines are skipped ---- */
struct hr_procfs_netdev {
	char name[HR_NAME_LEN];
	uint64_t rx_bytes, rx_packets, rx_errors, rx_drops;
	uint64_t tx_bytes, tx_packets, tx_errors, tx_drops;
};
int hr_procfs_netdev_next(struct hr_procfs_rows *rows, struct hr_procfs_netdev *ret);

/*
 * ---- /proc/net/softnet_stat ---- sums over CPUs, modulo 2^32: each column is a
 * 32-bit counter, and the growth of a sum of wrapping counters is exact modulo 2^32.
 */
struct hr_procfs_softnet {
	uint32_t rows;
	uint32_t dropped, squeezed;
	uint64_t cpu_sum; /* sum of column 13 (+1 each): changes when the set of CPUs does; 0 absent
			   */
};
int hr_procfs_softnet(const char *buf, size_t len, struct hr_procfs_softnet *ret);

/* ---- /proc/pressure/X, cgroup X.pressure ---- */
struct hr_procfs_psi {
	bool has_some, has_full; /* cpu has no "full" before 5.13 */
	uint64_t some_us, full_us;
};
int hr_procfs_psi(const char *buf, size_t len, struct hr_procfs_psi *ret);

/* ---- cgroup ---- */
enum hr_procfs_cpustat_field {
	HR_CPUSTAT_PERIODS,
	HR_CPUSTAT_THROTTLED,
	HR_CPUSTAT_THROTTLED_US, /* v2 */
	HR_CPUSTAT_THROTTLED_NS, /* v1: throttled_time */
	HR_CPUSTAT_N,
};
enum hr_procfs_memevents_field {
	HR_MEMEVENTS_MAX,
	HR_MEMEVENTS_OOM,
	HR_MEMEVENTS_OOM_KILL,
	HR_MEMEVENTS_N,
};
struct hr_procfs_cpustat {
	uint64_t have;
	uint64_t v[HR_CPUSTAT_N];
};
struct hr_procfs_memevents {
	uint64_t have;
	uint64_t v[HR_MEMEVENTS_N];
};
int hr_procfs_cpustat(const char *buf, size_t len, struct hr_procfs_cpustat *ret);
int hr_procfs_memevents(const char *buf, size_t len, struct hr_procfs_memevents *ret);
/* v1 memory.oom_control: "oom_kill 3" among others; v.have bit HR_MEMEVENTS_OOM_KILL only. */
int hr_procfs_oom_control(const char *buf, size_t len, struct hr_procfs_memevents *ret);

/* One number, "max" or "-1" alone in a file (memory.max, memory.failcnt, cpu.cfs_quota_us); max:
 * *ret = UINT64_MAX. */
int hr_procfs_value(const char *buf, size_t len, uint64_t *ret);
/* cpu.max: "max 100000" -> quota UINT64_MAX. */
int hr_procfs_cpu_max(const char *buf, size_t len, uint64_t *ret_quota_us, uint64_t *ret_period_us);

/*
 * /proc/PID/cgroup: the group of the unified hierarchy, or where that is the root the one of the
 * controller cpu.  *ret_id: a hash of its path, never 0; @ret_name: the last part of the path,
 * cut at its end, "" in the root.  -EBADMSG: neither is there.
 */
int hr_procfs_cgroup(const char *buf, size_t len, uint64_t *ret_id, char ret_name[HR_GROUP_LEN]);

/* ---- /proc/PID/task/TID: what the iterator gives, one thread at a time ---- */
struct hr_procfs_taskstat {
	uint32_t pid;
	char comm[HR_COMM_LEN];
	char state;
	uint64_t utime, stime, start; /* ticks of 10 ms; start since boot */
};
int hr_procfs_taskstat(const char *buf, size_t len, struct hr_procfs_taskstat *ret);
/* schedstat: "on-CPU ns, wait ns, stints". */
int hr_procfs_schedstat(const char *buf, size_t len, uint64_t *ret_oncpu_ns, uint64_t *ret_wait_ns);
