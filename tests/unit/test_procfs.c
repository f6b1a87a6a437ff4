/* SPDX-License-Identifier: Apache-2.0 */
/* Parsers on literals, on hostile texts, and on the captured trees of tests/data. */
#include "tests/unit/hr_cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/core/procfs.h"

#define TEXT(s) (s), sizeof(s) - 1

static struct hr_procfs_stat st; /* 32 KiB */

/* File of a captured tree, whole. */
static size_t slurp(const char *path, char *buf, size_t cap)
{
	char full[512];
	size_t n;
	FILE *f;

	(void)snprintf(full, sizeof(full), "%s/%s", HR_TEST_DATA, path);
	f = fopen(full, "re");
	assert_non_null(f);
	n = fread(buf, 1, cap, f);
	assert_true(n > 0 && n < cap);
	assert_int_equal(fclose(f), 0);
	return n;
}

/* ---- /proc/stat ---- */

static void stat_gives_totals_and_the_irq_share_of_each_cpu(void **state)
{
	(void)state;
	assert_int_equal(hr_procfs_stat(TEXT("cpu  10 2 30 400 5 6 7 8 1 1\n"
					     "cpu0 1 0 1 9 0 3 4 1 0 0\n"
					     "cpu2 1 0 1 9 0 10 20 1 0 0\n"
					     "intr 5 0\nctxt 77\nbtime 3\nprocs_running 4\n"),
				 &st),
		0);
	assert_int_equal(st.have, HR_PROCFS_STAT_CPU | HR_PROCFS_STAT_CTXT |
					  HR_PROCFS_STAT_RUNNING | HR_PROCFS_STAT_CPUS);
	assert_int_equal(st.total.user, 10);
	assert_int_equal(st.total.nice, 2);
	assert_int_equal(st.total.system, 30);
	assert_int_equal(st.total.idle, 400);
	assert_int_equal(st.total.iowait, 5);
	assert_int_equal(st.total.irq, 6);
	assert_int_equal(st.total.softirq, 7);
	assert_int_equal(st.total.steal, 8);
	assert_int_equal(st.ctxt, 77);
	assert_int_equal(st.procs_running, 4);
	assert_int_equal(st.cpus, 2);
	assert_int_equal(st.irq_n, 3);
	assert_int_equal(st.irq[0], 7);
	assert_true(st.irq[1] == UINT64_MAX); /* offline: no share, not a share of 0 */
	assert_int_equal(st.irq[2], 30);
}

static void stat_tells_what_is_absent(void **state)
{
	(void)state;
	assert_int_equal(hr_procfs_stat(TEXT("cpu 1 2 3 4 5 6 7 8\nnew_line 9\n"), &st), 0);
	assert_int_equal(st.have, HR_PROCFS_STAT_CPU);
	assert_int_equal(hr_procfs_stat("", 0, &st), 0);
	assert_int_equal(st.have, 0);
}

static void stat_refuses_what_it_cannot_trust(void **state)
{
	static const char *const bad[] = {"cpu 1 2 3 4 5 6 7\n", /* no steal */
		"cpu 1 2 3 4 5 6 7 x\n",                         /* not a number */
		"cpu 1 2 3 4 5 6 7 -8\n",                        /* a sign */
		"cpu 1 2 3 4 5 6 7 18446744073709551616\n",      /* 2^64 */
		"cpu 1 2 3 4 5 6 7 8\ncpu 1 2 3 4 5 6 7 8\n",    /* twice */
		"cpu0 1 2 3 4 5 6 7 8\ncpu0 1 2 3 4 5 6 7 8\n", "cpufreq 1 2 3 4 5 6 7 8\n",
		"ctxt\n", "ctxt 5\nctxt 5\n", "procs_running z\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(hr_procfs_stat(bad[i], strlen(bad[i]), &st), -EBADMSG);
		assert_int_equal(st.have, 0);
	}
}

static void stat_counts_cpus_beyond_the_limit_without_a_share(void **state)
{
	(void)state;
	assert_int_equal(hr_procfs_stat(TEXT("cpu4095 1 0 1 9 0 3 4 1\ncpu4096 1 0 1 9 0 3 4 1\n"
					     "cpu18446744073709551615 1 0 1 9 0 3 4 1\n"),
				 &st),
		0);
	assert_int_equal(st.cpus, 3);
	assert_int_equal(st.irq_n, HR_CPUS_MAX);
	assert_int_equal(st.irq[4095], 7);
}

static void a_text_without_a_last_newline_is_read_to_its_end(void **state)
{
	char buf[] = "ctxt 12345"; /* only "ctxt 123" belongs to the text */

	(void)state;
	assert_int_equal(hr_procfs_stat(buf, 8, &st), 0);
	assert_int_equal(st.ctxt, 123);
}

/* ---- name value ---- */

static void meminfo_is_in_bytes(void **state)
{
	struct hr_procfs_meminfo m;

	(void)state;
	assert_int_equal(hr_procfs_meminfo(TEXT("MemTotal:       4096 kB\nMemFree: 1 kB\n"
						"HugePages_Total:       0\nActive(file): 3 kB\n"
						"Inactive(file): 5 kB\nActive(anon): 9 kB\n"),
				 &m),
		0);
	assert_int_equal(m.have, 1u << HR_MEMINFO_TOTAL | 1u << HR_MEMINFO_FREE |
					 1u << HR_MEMINFO_ACTIVE_FILE |
					 1u << HR_MEMINFO_INACTIVE_FILE);
	assert_true(m.v[HR_MEMINFO_TOTAL] == 4096 * 1024 && m.v[HR_MEMINFO_FREE] == 1024);
	assert_true(m.v[HR_MEMINFO_ACTIVE_FILE] == 3072 && m.v[HR_MEMINFO_INACTIVE_FILE] == 5120);
}

static void name_value_files_refuse_doubt(void **state)
{
	static const char *const bad[] = {"MemFree: 1 kB\nMemFree: 1 kB\n", "MemFree: x kB\n",
		"MemFree:\n", "MemFree: 1 MB\n", "MemFree: 1 kB kB\n",
		"MemFree: 18014398509481984 kB\n" /* 2^54 KiB = 2^64 bytes */};
	struct hr_procfs_meminfo m = {.have = 42};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(hr_procfs_meminfo(bad[i], strlen(bad[i]), &m), -EBADMSG);
		assert_int_equal(m.have, 42); /* untouched */
	}
	/* a NUL inside a name makes it another name, and ends no comparison early */
	assert_int_equal(hr_procfs_meminfo(TEXT("MemFree\0xxxxxxxxxxxxxxxx: 1 kB\n"), &m), 0);
	assert_int_equal(m.have, 0);
}

static void vmstat_adds_zones_and_leaves_the_throttle_count_out(void **state)
{
	struct hr_procfs_vmstat v;

	(void)state;
	assert_int_equal(
		hr_procfs_vmstat(
			TEXT("allocstall_dma 1\nallocstall_normal 20\n"
			     "allocstall_movable 300\npgscan_direct 5\n"
			     "pgscan_direct_throttle 1000\ndrop_pagecache 2\ndrop_slab 3\n"),
			&v),
		0);
	assert_int_equal(v.v[HR_VMSTAT_ALLOCSTALL], 321);
	assert_int_equal(v.v[HR_VMSTAT_SCAN_DIRECT], 5);
	assert_int_equal(v.v[HR_VMSTAT_DROP_CACHES], 5);
	assert_int_equal(v.have, 1u << HR_VMSTAT_ALLOCSTALL | 1u << HR_VMSTAT_SCAN_DIRECT |
					 1u << HR_VMSTAT_DROP_CACHES);
}

static void vmstat_knows_the_old_name_of_refaults(void **state)
{
	struct hr_procfs_vmstat v;

	(void)state;
	assert_int_equal(hr_procfs_vmstat(TEXT("workingset_refault 9\n"), &v), 0);
	assert_int_equal(v.v[HR_VMSTAT_REFAULT_FILE], 9);
	assert_int_equal(v.have, 1u << HR_VMSTAT_REFAULT_FILE); /* anon: absent, not 0 */
	/* sums of one field may not overflow */
	assert_int_equal(
		hr_procfs_vmstat(TEXT("drop_pagecache 18446744073709551615\ndrop_slab 1\n"), &v),
		-EBADMSG);
}

/* ---- pairs ---- */

static void netstat_matches_columns_by_name(void **state)
{
	struct hr_procfs_netstat n;
	struct hr_procfs_snmp s;

	(void)state;
	assert_int_equal(hr_procfs_netstat(TEXT("TcpExt: RcvPruned New ListenDrops\n"
						"TcpExt: 1 -9 3\nIpExt: ListenDrops\nIpExt: 8\n"),
				 &n),
		0);
	assert_int_equal(n.have, 1u << HR_NETSTAT_RCV_PRUNED | 1u << HR_NETSTAT_LISTEN_DROPS);
	assert_int_equal(n.v[HR_NETSTAT_RCV_PRUNED], 1);
	assert_int_equal(n.v[HR_NETSTAT_LISTEN_DROPS], 3);
	assert_int_equal(hr_procfs_snmp(TEXT("Tcp: MaxConn OutSegs\nTcp: -1 50\n"), &s), 0);
	assert_int_equal(s.have, 1u << HR_SNMP_OUT_SEGS);
	assert_int_equal(s.v[HR_SNMP_OUT_SEGS], 50);
}

static void a_pair_that_does_not_match_is_refused(void **state)
{
	static const char *const bad[] = {"Tcp: OutSegs X\nTcp: 1\n", "Tcp: OutSegs\nTcp: 1 2\n",
		"Tcp: OutSegs\n", "Tcp: OutSegs\nUdp: 1\n", "Tcp: OutSegs\nTcp: -1\n",
		"Tcp: OutSegs OutSegs\nTcp: 1 2\n", "Tcp: OutSegs\nTcp: 1\nTcp: OutSegs\nTcp: 1\n"};
	struct hr_procfs_snmp s;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(hr_procfs_snmp(bad[i], strlen(bad[i]), &s), -EBADMSG);
}

/* ---- rows ---- */

static void diskstats_rows_of_three_generations(void **state)
{
	static const char text[] =
		" 8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n"
		" 8 1 sda1 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15\n"
		"259 0 nvme0n1 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19\n";
	struct hr_procfs_rows r = hr_procfs_rows(TEXT(text));
	struct hr_procfs_disk d;

	(void)state;
	assert_int_equal(hr_procfs_diskstats_next(&r, &d), 1);
	assert_int_equal(d.major, 8);
	assert_string_equal(d.name, "sda");
	assert_int_equal(d.rd_n, 1);
	assert_int_equal(d.rd_sectors, 3);
	assert_int_equal(d.rd_ms, 4);
	assert_int_equal(d.wr_n, 5);
	assert_int_equal(d.wr_sectors, 7);
	assert_int_equal(d.wr_ms, 8);
	assert_int_equal(d.inflight, 9);
	assert_int_equal(d.io_ms, 10);
	assert_int_equal(d.weighted_ms, 11);
	assert_false(d.has_discard || d.has_flush);
	assert_int_equal(hr_procfs_diskstats_next(&r, &d), 1);
	assert_true(d.has_discard);
	assert_false(d.has_flush);
	assert_int_equal(d.discard_n, 12);
	assert_int_equal(d.discard_sectors, 14);
	assert_int_equal(hr_procfs_diskstats_next(&r, &d), 1);
	assert_true(d.has_flush);
	assert_int_equal(d.flush_n, 16);
	assert_int_equal(d.flush_ms, 17);
	assert_int_equal(hr_procfs_diskstats_next(&r, &d), 0);
}

static void a_broken_row_is_refused(void **state)
{
	static const char *const bad[] = {"8 0 sda 1 2 3 4 5 6 7 8 9 10\n", "8 0\n", "\n",
		"4294967296 0 sda 1 2 3 4 5 6 7 8 9 10 11\n",
		"8 0 sda 1 2 3 4 5 6 7 8 9 10 11 12\n", "8 0 sda 1 2 3 4 5 6 7 8 9 10 x\n"};
	struct hr_procfs_disk d;
	char name[200];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct hr_procfs_rows r = hr_procfs_rows(bad[i], strlen(bad[i]));

		assert_int_equal(hr_procfs_diskstats_next(&r, &d), -EBADMSG);
	}
	/* a name of 64 bytes does not fit with its NUL */
	(void)snprintf(name, sizeof(name), "8 0 %064d 1 2 3 4 5 6 7 8 9 10 11\n", 0);
	struct hr_procfs_rows r = hr_procfs_rows(name, strlen(name));
	assert_int_equal(hr_procfs_diskstats_next(&r, &d), -EBADMSG);
}

static void net_dev_rows_skip_the_header_and_take_a_touching_number(void **state)
{
	static const char text[] = "Inter-|   Receive  |  Transmit\n face |bytes |bytes\n"
				   "  eth0:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
				   "br-a.5: 17 2 3 4 5 6 7 8 9 10 11 12\n";
	struct hr_procfs_rows r = hr_procfs_rows(TEXT(text));
	struct hr_procfs_netdev d;

	(void)state;
	assert_int_equal(hr_procfs_netdev_next(&r, &d), 1);
	assert_string_equal(d.name, "eth0");
	assert_int_equal(d.rx_bytes, 1);
	assert_int_equal(d.rx_packets, 2);
	assert_int_equal(d.rx_errors, 3);
	assert_int_equal(d.rx_drops, 4);
	assert_int_equal(d.tx_bytes, 9);
	assert_int_equal(d.tx_packets, 10);
	assert_int_equal(d.tx_errors, 11);
	assert_int_equal(d.tx_drops, 12);
	assert_int_equal(hr_procfs_netdev_next(&r, &d), 1);
	assert_string_equal(d.name, "br-a.5");
	assert_int_equal(hr_procfs_netdev_next(&r, &d), 0);
	r = hr_procfs_rows(TEXT("eth0 1 2 3\n"));
	assert_int_equal(hr_procfs_netdev_next(&r, &d), -EBADMSG);
	r = hr_procfs_rows(TEXT("eth0: 1 2 3 4 5 6 7 8 9 10 11\n"));
	assert_int_equal(hr_procfs_netdev_next(&r, &d), -EBADMSG);
}

static void softnet_adds_hex_columns_modulo_2_to_32(void **state)
{
	struct hr_procfs_softnet n;

	(void)state;
	assert_int_equal(hr_procfs_softnet(TEXT("0a ffffffff 2 0 0 0 0 0 0 0 0 0 0\n"
						"0b 00000003 10 0 0 0 0 0 0 0 0 0 4 9 9\n"),
				 &n),
		0);
	assert_int_equal(n.rows, 2);
	assert_int_equal(n.dropped, 2);
	assert_int_equal(n.squeezed, 0x12);
	assert_int_equal(n.cpu_sum, 1 + 5);
	/* without the CPU column (before 5.10) */
	assert_int_equal(hr_procfs_softnet(TEXT("1 2 3\n"), &n), 0);
	assert_int_equal(n.cpu_sum, 0);
	assert_int_equal(hr_procfs_softnet(TEXT("1 2\n"), &n), -EBADMSG);
	assert_int_equal(hr_procfs_softnet(TEXT("1 2 100000000\n"), &n), -EBADMSG);
	assert_int_equal(hr_procfs_softnet(TEXT("1 2 g\n"), &n), -EBADMSG);
	assert_int_equal(hr_procfs_softnet("", 0, &n), -EBADMSG);
}

/* ---- pressure, cgroups, threads ---- */

static void pressure_totals(void **state)
{
	struct hr_procfs_psi p;

	(void)state;
	assert_int_equal(hr_procfs_psi(TEXT("some avg10=0.5 avg60=1 avg300=2 total=123\n"
					    "full avg10=0 avg60=0 avg300=0 total=45\n"),
				 &p),
		0);
	assert_true(p.has_some && p.has_full);
	assert_int_equal(p.some_us, 123);
	assert_int_equal(p.full_us, 45);
	assert_int_equal(hr_procfs_psi(TEXT("some avg10=0.5 total=1\n"), &p), 0);
	assert_true(p.has_some && !p.has_full);
	assert_int_equal(hr_procfs_psi(TEXT("some avg10=0.5\n"), &p), -EBADMSG);
	assert_int_equal(hr_procfs_psi(TEXT("some total=1 total=1\n"), &p), -EBADMSG);
	assert_int_equal(hr_procfs_psi(TEXT("some total=\n"), &p), -EBADMSG);
	assert_int_equal(hr_procfs_psi(TEXT("some total=1\nsome total=1\n"), &p), -EBADMSG);
}

static void single_values_and_their_words_for_unlimited(void **state)
{
	uint64_t v = 7, q = 7, p = 7;

	(void)state;
	assert_int_equal(hr_procfs_value(TEXT("1234\n"), &v), 0);
	assert_int_equal(v, 1234);
	assert_int_equal(hr_procfs_value(TEXT("max\n"), &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(hr_procfs_value(TEXT("-1"), &v), 0);
	assert_true(v == UINT64_MAX);
	v = 7;
	assert_int_equal(hr_procfs_value(TEXT("12 34\n"), &v), -EBADMSG);
	assert_int_equal(hr_procfs_value(TEXT("12\n34\n"), &v), -EBADMSG);
	assert_int_equal(hr_procfs_value(TEXT("-2\n"), &v), -EBADMSG);
	assert_int_equal(hr_procfs_value("", 0, &v), -EBADMSG);
	assert_int_equal(v, 7);
	assert_int_equal(hr_procfs_cpu_max(TEXT("max 100000\n"), &q, &p), 0);
	assert_true(q == UINT64_MAX && p == 100000);
	assert_int_equal(hr_procfs_cpu_max(TEXT("150000 100000\n"), &q, &p), 0);
	assert_true(q == 150000 && p == 100000);
	assert_int_equal(hr_procfs_cpu_max(TEXT("5 0\n"), &q, &p), -EBADMSG);
	assert_int_equal(hr_procfs_cpu_max(TEXT("5\n"), &q, &p), -EBADMSG);
}

static void a_thread_may_have_any_name(void **state)
{
	struct hr_procfs_taskstat t;
	uint64_t on, wait;

	(void)state;
	assert_int_equal(
		hr_procfs_taskstat(TEXT("42 (a) R 1) b) S 1 5 6 7 8 9 10 11 12 13 140 150 16 17 18 "
					"19 20 21 2200 23\n"),
			&t),
		0);
	assert_int_equal(t.pid, 42);
	assert_string_equal(t.comm, "a) R 1) b");
	assert_int_equal(t.state, 'S');
	assert_int_equal(t.utime, 140);
	assert_int_equal(t.stime, 150);
	assert_int_equal(t.start, 2200);
	/* kernel threads print more than 15 characters; negative columns (tpgid -1) are not ours */
	assert_int_equal(
		hr_procfs_taskstat(TEXT("7 (kworker/u4:3-events_unbound) I 2 0 0 0 -1 9 10 "
					"11 12 13 1 2 16 17 18 19 20 21 33"),
			&t),
		0);
	assert_string_equal(t.comm, "kworker/u4:3-ev");
	assert_int_equal(t.start, 33);
	assert_int_equal(hr_procfs_taskstat(TEXT("42 (a S 1 5\n"), &t), -EBADMSG);
	assert_int_equal(hr_procfs_taskstat(TEXT("42 )a( S 1 5\n"), &t), -EBADMSG);
	assert_int_equal(hr_procfs_taskstat(TEXT("42 (a) S 1 5\n"), &t), -EBADMSG);
	assert_int_equal(hr_procfs_taskstat("", 0, &t), -EBADMSG);
	assert_int_equal(hr_procfs_schedstat(TEXT("123456 789 12\n"), &on, &wait), 0);
	assert_true(on == 123456 && wait == 789);
	assert_int_equal(hr_procfs_schedstat(TEXT("123456\n"), &on, &wait), -EBADMSG);
}

static void the_cgroup_is_the_unified_one_or_that_of_cpu(void **state)
{
	static const struct {
		const char *text, *name; /* NULL: neither is there */
	} t[] = {{"0::/a/db.service\n", "db.service"}, {"0::/b/db.service\n", "db.service"},
		{"4:cpuset:/no\n3:cpuacct,cpu:/a/b\n1:name=x:/y\n0::/\n", "b"},
		{"3:cpu:/a\n0::/b:c\n", "b:c"}, {"3:cpu:/\n0::/\n", ""},
		{"0::/x/docker-0123456789abcdef0123456789abcdef.scope",
			"docker-0123456789abcdef01234567"}, /* 31 of them */
		{"4:cpuset:/no\n2:cpuacct:/no\n", NULL}, {"nonsense", NULL}, {"", NULL}};
	char name[HR_GROUP_LEN];
	uint64_t id[9] = {0};

	(void)state;
	for (size_t i = 0; i < 9; i++) {
		int r = hr_procfs_cgroup(t[i].text, strlen(t[i].text), &id[i], name);

		assert_int_equal(r, t[i].name ? 0 : -EBADMSG);
		assert_true(!t[i].name || (strcmp(name, t[i].name) == 0 && id[i] != 0));
	}
	assert_true(id[0] != id[1]); /* the same name elsewhere */
}

/* ---- captured and hand-written trees; expected values read off the files ---- */

static void the_captured_vm_is_read_in_full(void **state)
{
	static char b[65536];
	struct hr_procfs_meminfo m;
	struct hr_procfs_vmstat v;
	struct hr_procfs_netstat n;
	struct hr_procfs_snmp s;
	struct hr_procfs_softnet q;
	struct hr_procfs_psi p;
	size_t len;

	(void)state;
	len = slurp("root-kvm-v1/proc/stat", b, sizeof(b));
	assert_int_equal(hr_procfs_stat(b, len, &st), 0);
	assert_int_equal(st.cpus, 2);
	assert_int_equal(st.total.user, 12440);
	len = slurp("root-kvm-v1/proc/meminfo", b, sizeof(b));
	assert_int_equal(hr_procfs_meminfo(b, len, &m), 0);
	assert_int_equal(m.have, (1u << HR_MEMINFO_N) - 1);
	assert_int_equal(m.v[HR_MEMINFO_TOTAL], UINT64_C(24684096) * 1024);
	len = slurp("root-kvm-v1/proc/vmstat", b, sizeof(b));
	assert_int_equal(hr_procfs_vmstat(b, len, &v), 0);
	assert_int_equal(v.have, (1u << HR_VMSTAT_N) - 1);
	assert_int_equal(v.v[HR_VMSTAT_REFAULT_FILE], 774830);
	len = slurp("root-kvm-v1/proc/net/netstat", b, sizeof(b));
	assert_int_equal(hr_procfs_netstat(b, len, &n), 0);
	assert_int_equal(n.have, (1u << HR_NETSTAT_N) - 1);
	len = slurp("root-kvm-v1/proc/net/snmp", b, sizeof(b));
	assert_int_equal(hr_procfs_snmp(b, len, &s), 0);
	assert_int_equal(s.have, (1u << HR_SNMP_N) - 1);
	len = slurp("root-kvm-v1/proc/net/softnet_stat", b, sizeof(b));
	assert_int_equal(hr_procfs_softnet(b, len, &q), 0);
	assert_int_equal(q.rows, 2);
	assert_int_equal(q.cpu_sum, 1 + 2);
	len = slurp("root-kvm-v1/proc/pressure/cpu", b, sizeof(b));
	assert_int_equal(hr_procfs_psi(b, len, &p), 0);
	assert_true(p.has_some && p.has_full);
}

static void the_kernel_5_10_tree_lacks_only_pressure(void **state)
{
	static char b[65536];
	struct hr_procfs_vmstat v;
	struct hr_procfs_rows r;
	struct hr_procfs_disk d;
	struct hr_procfs_netdev nd;
	size_t len;

	(void)state;
	len = slurp("root-510-nopsi/proc/vmstat", b, sizeof(b));
	assert_int_equal(hr_procfs_vmstat(b, len, &v), 0);
	assert_int_equal(v.have, (1u << HR_VMSTAT_N) - 1);
	assert_int_equal(v.v[HR_VMSTAT_ALLOCSTALL], 1 + 2 + 3 + 4);
	assert_int_equal(v.v[HR_VMSTAT_SCAN_DIRECT], 70);
	assert_int_equal(v.v[HR_VMSTAT_SCAN_KSWAPD], 600);
	len = slurp("root-510-nopsi/proc/diskstats", b, sizeof(b));
	r = hr_procfs_rows(b, len);
	assert_int_equal(hr_procfs_diskstats_next(&r, &d), 1);
	assert_int_equal(d.wr_n, 20);
	assert_false(d.has_discard);
	len = slurp("root-510-nopsi/proc/net/dev", b, sizeof(b));
	r = hr_procfs_rows(b, len);
	assert_int_equal(hr_procfs_netdev_next(&r, &nd), 1);
	assert_string_equal(nd.name, "ens3");
	assert_int_equal(nd.rx_bytes, 5000);
}

static void the_cgroup_v2_tree_and_the_v1_tree_agree_in_form(void **state)
{
	static char b[65536];
	struct hr_procfs_cpustat c;
	struct hr_procfs_memevents e;
	size_t len;

	(void)state;
	len = slurp("root-nitro-v2/sys/fs/cgroup/system.slice/app.service/cpu.stat", b, sizeof(b));
	assert_int_equal(hr_procfs_cpustat(b, len, &c), 0);
	assert_int_equal(c.have, 1u << HR_CPUSTAT_PERIODS | 1u << HR_CPUSTAT_THROTTLED |
					 1u << HR_CPUSTAT_THROTTLED_US);
	assert_int_equal(c.v[HR_CPUSTAT_THROTTLED], 40);
	assert_int_equal(c.v[HR_CPUSTAT_THROTTLED_US], 123456);
	len = slurp("root-kvm-v1/sys/fs/cgroup/cpu/web/cpu.stat", b, sizeof(b));
	assert_int_equal(hr_procfs_cpustat(b, len, &c), 0);
	assert_int_equal(c.have, 1u << HR_CPUSTAT_PERIODS | 1u << HR_CPUSTAT_THROTTLED |
					 1u << HR_CPUSTAT_THROTTLED_NS);
	assert_int_equal(c.v[HR_CPUSTAT_THROTTLED_NS], UINT64_C(5600000000));
	len = slurp(
		"root-nitro-v2/sys/fs/cgroup/system.slice/app.service/memory.events", b, sizeof(b));
	assert_int_equal(hr_procfs_memevents(b, len, &e), 0);
	assert_int_equal(e.have, (1u << HR_MEMEVENTS_N) - 1);
	assert_int_equal(e.v[HR_MEMEVENTS_MAX], 21);
	len = slurp("root-kvm-v1/sys/fs/cgroup/memory/web/memory.oom_control", b, sizeof(b));
	assert_int_equal(hr_procfs_oom_control(b, len, &e), 0);
	assert_int_equal(e.v[HR_MEMEVENTS_OOM_KILL], 2);
}

/* Any cut and any flipped byte: a verdict, never a read outside (the sanitizers watch). */
static void damaged_texts_never_read_outside(void **state)
{
	static const char *const files[] = {"stat", "vmstat", "diskstats", "net/dev", "net/netstat",
		"net/snmp", "net/softnet_stat", "pressure/io", "meminfo"};
	static char b[65536];
	struct hr_rand rnd = hr_rand_seeded("procfs");

	(void)state;
	for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++) {
		char path[128];
		size_t len;

		(void)snprintf(path, sizeof(path), "root-nitro-v2/proc/%s", files[f]);
		len = slurp(path, b, sizeof(b));
		for (int i = 0; i < 300; i++) {
			size_t cut = hr_rand_below(&rnd, len + 1);
			char *copy = malloc(cut ? cut : 1);
			struct hr_procfs_rows r;
			union {
				struct hr_procfs_meminfo m;
				struct hr_procfs_vmstat v;
				struct hr_procfs_netstat n;
				struct hr_procfs_snmp s;
				struct hr_procfs_softnet q;
				struct hr_procfs_psi p;
				struct hr_procfs_disk d;
				struct hr_procfs_netdev nd;
			} u;

			assert_non_null(copy);
			memcpy(copy, b, cut);
			if (cut)
				copy[hr_rand_below(&rnd, cut)] ^=
					(char)(1 + hr_rand_below(&rnd, 255));
			(void)hr_procfs_stat(copy, cut, &st);
			(void)hr_procfs_meminfo(copy, cut, &u.m);
			(void)hr_procfs_vmstat(copy, cut, &u.v);
			(void)hr_procfs_netstat(copy, cut, &u.n);
			(void)hr_procfs_snmp(copy, cut, &u.s);
			(void)hr_procfs_softnet(copy, cut, &u.q);
			(void)hr_procfs_psi(copy, cut, &u.p);
			r = hr_procfs_rows(copy, cut);
			while (hr_procfs_diskstats_next(&r, &u.d) > 0)
				assert_true(strlen(u.d.name) < HR_NAME_LEN);
			r = hr_procfs_rows(copy, cut);
			while (hr_procfs_netdev_next(&r, &u.nd) > 0)
				assert_true(strlen(u.nd.name) < HR_NAME_LEN);
			free(copy);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stat_gives_totals_and_the_irq_share_of_each_cpu),
		cmocka_unit_test(stat_tells_what_is_absent),
		cmocka_unit_test(stat_refuses_what_it_cannot_trust),
		cmocka_unit_test(stat_counts_cpus_beyond_the_limit_without_a_share),
		cmocka_unit_test(a_text_without_a_last_newline_is_read_to_its_end),
		cmocka_unit_test(meminfo_is_in_bytes),
		cmocka_unit_test(name_value_files_refuse_doubt),
		cmocka_unit_test(vmstat_adds_zones_and_leaves_the_throttle_count_out),
		cmocka_unit_test(vmstat_knows_the_old_name_of_refaults),
		cmocka_unit_test(netstat_matches_columns_by_name),
		cmocka_unit_test(a_pair_that_does_not_match_is_refused),
		cmocka_unit_test(diskstats_rows_of_three_generations),
		cmocka_unit_test(a_broken_row_is_refused),
		cmocka_unit_test(net_dev_rows_skip_the_header_and_take_a_touching_number),
		cmocka_unit_test(softnet_adds_hex_columns_modulo_2_to_32),
		cmocka_unit_test(pressure_totals),
		cmocka_unit_test(single_values_and_their_words_for_unlimited),
		cmocka_unit_test(a_thread_may_have_any_name),
		cmocka_unit_test(the_cgroup_is_the_unified_one_or_that_of_cpu),
		cmocka_unit_test(the_captured_vm_is_read_in_full),
		cmocka_unit_test(the_kernel_5_10_tree_lacks_only_pressure),
		cmocka_unit_test(the_cgroup_v2_tree_and_the_v1_tree_agree_in_form),
		cmocka_unit_test(damaged_texts_never_read_outside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
