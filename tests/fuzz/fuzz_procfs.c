/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a file of /proc.  The first byte says which; the rest, cut in two at
 * the first byte 0xff, is that file at two ticks in a row.  Refused: the result
 * is untouched.  Accepted: a field without its bit is 0, a name ends, and a
 * summary made from it is one that could be sent.
 */
#include "tests/fuzz/hr_fuzz.h"

#include <string.h>

#include "agent/core/machine.h"
#include "agent/core/pages.h"
#include "agent/core/procfs.h"
#include "agent/core/sampler.h"

#define UNTOUCHED 0xa5

/* A parser with its kind of result, as bytes. */
union result {
	struct hr_procfs_meminfo meminfo;
	struct hr_procfs_vmstat vmstat;
	struct hr_procfs_netstat netstat;
	struct hr_procfs_snmp snmp;
	struct hr_procfs_softnet softnet;
	struct hr_procfs_psi psi;
	struct hr_procfs_cpustat cpustat;
	struct hr_procfs_memevents memevents;
	struct hr_procfs_taskstat task;
	struct hr_procfs_disk disk;
	struct hr_procfs_netdev nic;
	uint64_t u64[2];
};

static union result r;

static void untouched(void)
{
	for (size_t i = 0; i < sizeof(r); i++)
		HR_FUZZ_CHECK(((const unsigned char *)&r)[i] == UNTOUCHED);
}

static void clear_is_zero(uint64_t have, const uint64_t *v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		HR_FUZZ_CHECK(have & 1ULL << i || v[i] == 0);
	HR_FUZZ_CHECK(have >> n == 0);
}

#define PARSE(call) (memset(&r, UNTOUCHED, sizeof(r)), (call) == 0 ? true : (untouched(), false))

static void page_frames(const char *p, size_t n)
{
	struct hr_page_ranges z;
	uint64_t frames = 0;
	char text[32] = "";
	int e = hr_pages_zones(p, n, &z);

	HR_FUZZ_CHECK(z.n <= HR_PAGE_RANGES && (e == 0 || z.n == 0));
	for (uint32_t i = 0; i < z.n; i++) {
		frames += z.range[i].n;
		HR_FUZZ_CHECK(z.range[i].n > 0 && z.range[i].first >= z.first &&
			      z.range[i].first + z.range[i].n <= z.end);
	}
	HR_FUZZ_CHECK(z.frames == frames);
	memcpy(text, p, n < sizeof(text) ? n : sizeof(text) - 1);
	(void)hr_pages_lru_gen(text);
}

static void small_files(const char *p, size_t n)
{
	char group[HR_GROUP_LEN];
	uint32_t cpus;

	if (PARSE(hr_procfs_cpustat(p, n, &r.cpustat)))
		clear_is_zero(r.cpustat.have, r.cpustat.v, HR_CPUSTAT_N);
	if (PARSE(hr_procfs_memevents(p, n, &r.memevents)))
		clear_is_zero(r.memevents.have, r.memevents.v, HR_MEMEVENTS_N);
	(void)PARSE(hr_procfs_value(p, n, &r.u64[0]));
	if (hr_procfs_cgroup(p, n, &r.u64[0], group) == 0)
		HR_FUZZ_CHECK(memchr(group, 0, sizeof(group)) && r.u64[0] != 0);
	if (PARSE(hr_procfs_cpu_max(p, n, &r.u64[0], &r.u64[1])))
		HR_FUZZ_CHECK(r.u64[1] > 0);
	(void)PARSE(hr_procfs_schedstat(p, n, &r.u64[0], &r.u64[1]));
	if (PARSE(hr_procfs_taskstat(p, n, &r.task)))
		HR_FUZZ_CHECK(memchr(r.task.comm, 0, sizeof(r.task.comm)));
	(void)hr_machine_cpulist_count(p, n, &cpus);
	page_frames(p, n);
}

static void one_file(enum hr_file f, const char *p, size_t n)
{
	struct hr_procfs_rows rows = hr_procfs_rows(p, n);

	if (f == HR_FILE_MEMINFO && PARSE(hr_procfs_meminfo(p, n, &r.meminfo)))
		clear_is_zero(r.meminfo.have, r.meminfo.v, HR_MEMINFO_N);
	else if (f == HR_FILE_VMSTAT && PARSE(hr_procfs_vmstat(p, n, &r.vmstat)))
		clear_is_zero(r.vmstat.have, r.vmstat.v, HR_VMSTAT_N);
	else if (f == HR_FILE_NETSTAT && PARSE(hr_procfs_netstat(p, n, &r.netstat)))
		clear_is_zero(r.netstat.have, r.netstat.v, HR_NETSTAT_N);
	else if (f == HR_FILE_SNMP && PARSE(hr_procfs_snmp(p, n, &r.snmp)))
		clear_is_zero(r.snmp.have, r.snmp.v, HR_SNMP_N);
	else if (f == HR_FILE_SOFTNET)
		(void)PARSE(hr_procfs_softnet(p, n, &r.softnet));
	else if (f == HR_FILE_PSI_IO)
		(void)PARSE(hr_procfs_psi(p, n, &r.psi));
	else if (f == HR_FILE_DISKSTATS)
		while (hr_procfs_diskstats_next(&rows, &r.disk) > 0)
			HR_FUZZ_CHECK(memchr(r.disk.name, 0, sizeof(r.disk.name)));
	else if (f == HR_FILE_NET_DEV)
		while (hr_procfs_netdev_next(&rows, &r.nic) > 0)
			HR_FUZZ_CHECK(memchr(r.nic.name, 0, sizeof(r.nic.name)));
}

static void two_ticks(enum hr_file f, const char *a, size_t na, const char *b, size_t nb)
{
	static struct hr_sampler sampler; /* 1 MiB */
	static const struct hr_sampler_conf conf = {.align = true,
		.cpus = 2,
		.n_dev = 2,
		.dev_kind = {HR_DEV_DISK, HR_DEV_NIC},
		.dev_name = {"nvme0n1", "ens5"}};
	const struct hr_summary *s = NULL;
	struct hr_raw raw = {.mono_ns = HR_TICK_NS, .boot_ns = 8 * HR_TICK_NS};

	hr_sampler_init(&sampler, &conf);
	raw.file[f] = (struct hr_text){a, (long)na};
	HR_FUZZ_CHECK(hr_sampler_tick(&sampler, &raw, &s) == 0);
	raw.file[f] = (struct hr_text){b, (long)nb};
	raw.mono_ns += HR_TICK_NS;
	raw.boot_ns += HR_TICK_NS;
	HR_FUZZ_CHECK(hr_sampler_tick(&sampler, &raw, &s) == 0);
	HR_FUZZ_CHECK(hr_sampler_flush(&sampler, &s) == 1);
	HR_FUZZ_CHECK(s->dur_ms == 1000 && s->seq_first == s->seq_last);
	for (unsigned i = 0; i < HR_DIST_N; i++)
		HR_FUZZ_CHECK(hr_hist_valid(&s->dist[i]));
	HR_FUZZ_CHECK(s->dist[HR_DIST_SOFTIRQ_CPU].max <= 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hr_procfs_stat st;
	const char *a, *b;
	size_t na, nb;
	enum hr_file f;

	if (size < 1)
		return 0;
	f = (enum hr_file)(data[0] % HR_FILE_N);
	a = (const char *)data + 1;
	b = memchr(a, 0xff, size - 1);
	na = b ? (size_t)(b - a) : size - 1;
	b = b ? b + 1 : a;
	nb = b == a ? na : size - 2 - na;

	if (hr_procfs_stat(a, na, &st) < 0)
		HR_FUZZ_CHECK(st.have == 0);
	HR_FUZZ_CHECK(st.irq_n <= HR_CPUS_MAX);
	one_file(f, a, na);
	small_files(a, na);
	two_ticks(f, a, na, b, nb);
	return 0;
}
