/* SPDX-License-Identifier: Apache-2.0 */
/* A VM whose totals grow by the same step each second, for the tests of the sampler. */
#pragma once

#include "tests/unit/hr_cmocka.h"

#include <stdio.h>
#include <string.h>

#include "agent/core/sampler.h"

#define S   UINT64_C(1000000000)
#define BIT HR_SIG_BIT

/* A VM whose totals grow by the same step each tick. */
struct feed {
	struct hr_raw raw;
	uint64_t ticks;
	char text[HR_FILE_N][1024];
	struct hr_take take;
	bool steal_back; /* this tick's steal total is smaller than the last */
};
static struct feed feed;
static struct hr_sampler sampler; /* 1 MiB: not on the stack */

static struct hr_sampler_conf conf_2cpu(bool align)
{
	struct hr_sampler_conf c = {
		.align = align, .self_pid = 99, .epoch = 3, .cpus = 2, .n_dev = 2};

	c.dev_kind[0] = HR_DEV_DISK;
	(void)snprintf(c.dev_name[0], sizeof(c.dev_name[0]), "vda");
	c.dev_kind[1] = HR_DEV_NIC;
	(void)snprintf(c.dev_name[1], sizeof(c.dev_name[1]), "eth0");
	return c;
}

__attribute__((format(printf, 2, 3))) static void put(enum hr_file f, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(feed.text[f], sizeof(feed.text[f]), fmt, ap);
	va_end(ap);
	feed.raw.file[f] = (struct hr_text){feed.text[f], n};
}

/* Per second: 50 user, 20 system, 100 idle, 10 softirq (all on cpu1), 20 steal ticks of 10 ms. */
static void texts(uint64_t t)
{
	unsigned long long n = t, steal = feed.steal_back ? 0 : 20 * n + 500;

	put(HR_FILE_STAT,
		"cpu %llu 0 %llu %llu 0 0 %llu %llu 0 0\ncpu0 1 0 1 1 0 0 0 1 0 0\n"
		"cpu1 1 0 1 1 0 0 %llu 1 0 0\nctxt %llu\nprocs_running 3\n",
		50 * n, 20 * n, 100 * n, 10 * n, steal, 10 * n, 1000 * n);
	put(HR_FILE_MEMINFO,
		"MemTotal: 4000 kB\nMemFree: 1000 kB\nMemAvailable: %llu kB\nAnonPages: 300 kB\n"
		"Active(file): 200 kB\nInactive(file): 600 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
		t % 10 == 5 ? 1500ULL : 2000ULL);
	put(HR_FILE_VMSTAT,
		"workingset_refault_anon %llu\nworkingset_refault_file %llu\npswpin 0\npswpout 0\n"
		"pgmajfault %llu\npgscan_direct 0\npgscan_kswapd 0\nallocstall_normal 0\n"
		"oom_kill 1\ndrop_pagecache 0\ndrop_slab 0\n",
		n, 2 * n, 3 * n);
	put(HR_FILE_DISKSTATS,
		"7 0 loop0 9 0 9 0 9 0 9 0 0 9 9 0 0 0 0 0 0\n"
		"254 0 vda %llu 0 %llu 0 %llu 0 %llu 0 0 0 0 0 0 0 0 %llu 0\n",
		5 * n, 80 * n, 7 * n, 112 * n, n);
	put(HR_FILE_NET_DEV,
		"Inter-|\n face |\n    lo: %llu 1 0 0 0 0 0 0 %llu 1 0 0 0 0 0 0\n"
		"  eth0: %llu %llu 0 0 0 0 0 0 %llu %llu 0 0 0 0 0 0\n",
		400 * n, 400 * n, 1000 * n, 10 * n, 2000 * n, 20 * n);
	put(HR_FILE_NETSTAT,
		"TcpExt: ListenOverflows ListenDrops TCPToZeroWindowAdv RcvPruned\n"
		"TcpExt: 0 %llu 0 0\n",
		n);
	put(HR_FILE_SNMP, "Tcp: MaxConn OutSegs RetransSegs\nTcp: -1 %llu %llu\n", 100 * n, 2 * n);
	put(HR_FILE_SOFTNET,
		"%08llx %08llx 0 0 0 0 0 0 0 0 0 0 0\n%08llx 0 %08llx 0 0 0 0 0 0 0 0 0 1\n", n, n,
		n, 2 * n);
	put(HR_FILE_PSI_CPU, "some avg10=0.00 avg60=0.00 avg300=0.00 total=%llu\n", 1000 * n);
	put(HR_FILE_PSI_MEMORY, "some avg10=0 total=%llu\nfull avg10=0 total=%llu\n", 30 * n,
		20 * n);
	put(HR_FILE_PSI_IO, "some avg10=0 total=%llu\nfull avg10=0 total=%llu\n", 5 * n, 4 * n);
}

static inline void start(bool align)
{
	struct hr_sampler_conf c = conf_2cpu(align);

	memset(&feed, 0, sizeof(feed));
	hr_sampler_init(&sampler, &c);
}

/* One tick at boot time @at (ns); monotonic runs 7 s behind boot time (a suspend long ago). */
static inline int tick_at(uint64_t at, const struct hr_summary **ret)
{
	feed.raw.boot_ns = at;
	feed.raw.mono_ns = at - 7 * S;
	feed.raw.due_ns = feed.raw.mono_ns;
	feed.raw.wall_ms = 1700000000000ULL + at / 1000000;
	feed.raw.self_cpu_us = 500 * feed.ticks;
	feed.raw.bpf_missed = 3 * feed.ticks;
	feed.raw.self_rss_bytes = 3 << 20;
	texts(feed.ticks++);
	for (int f = HR_FILE_VMSTAT; feed.raw.brief && f < HR_FILE_N; f++)
		feed.raw.file[f] = (struct hr_text){NULL, -2};
	return hr_sampler_tick(&sampler, &feed.raw, ret);
}

/* Ticks each second from @from to @to inclusive; how many windows closed, the last in *ret. */
static inline int run(uint64_t from_s, uint64_t to_s, const struct hr_summary **ret)
{
	int closed = 0;

	for (uint64_t t = from_s; t <= to_s; t++)
		closed += tick_at(t * S, ret);
	return closed;
}
