/* SPDX-License-Identifier: Apache-2.0 */
/* Machine facts and states of file-backed signals; see host_facts.h. */
#include "agent/host_facts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "agent/core/machine.h"
#include "agent/core/procfs.h"
#include "proto/base/fsio.h"

#define FLAGS_ROOM 8192 /* the flags line of a current x86 CPU has some 2000 bytes */

/* CPUID leaf 0x40000000: the hypervisor's signature.  NULL when this CPU cannot tell. */
static const char *cpuid_vendor(char buf[13])
{
#if defined(__x86_64__)
	uint32_t a, b, c, d;

	__cpuid(1, a, b, c, d);
	buf[0] = '\0';
	if (!(c & 1u << 31)) /* no hypervisor present */
		return buf;
	__cpuid(0x40000000, a, b, c, d);
	memcpy(buf, &b, 4);
	memcpy(buf + 4, &c, 4);
	memcpy(buf + 8, &d, 4);
	buf[12] = '\0';
	return buf;
#else
	(void)buf;
	return NULL;
#endif
}

/* The first "flags" line of /proc/cpuinfo, NULL when there is none. */
static const char *cpu_flags(const char *root, char *buf, size_t cap)
{
	char path[512], line[256];
	const char *found = NULL;
	size_t n = 0;
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/proc/cpuinfo", root);
	f = fopen(path, "re");
	if (!f)
		return NULL;
	while (!found && fgets(line, sizeof line, f)) {
		bool is_flags = strncmp(line, "flags", 5) == 0;

		for (bool more = true; more;) {
			size_t len = strcspn(line, "\n");

			more = line[len] != '\n';
			if (is_flags && n + len < cap) {
				memcpy(buf + n, line, len);
				n += len;
			}
			if (more && !fgets(line, sizeof line, f))
				break;
		}
		if (is_flags) {
			buf[n] = '\0';
			found = buf;
		}
	}
	(void)fclose(f);
	return found;
}

void hr_host_facts_signal(
	struct hr_facts *facts, enum hr_signal sig, enum hr_rung rung, const char *reason)
{
	facts->signal[sig].rung = (uint8_t)rung;
	(void)snprintf(facts->signal[sig].reason, sizeof facts->signal[sig].reason, "%s", reason);
}

void hr_host_facts_machine(const char *root, struct hr_facts *facts)
{
	static const char *const dmi[] = {"sys_vendor", "product_name", "product_version",
		"board_vendor", "chassis_vendor", "chassis_asset_tag", "bios_vendor",
		"bios_version"};
	char dmi_text[sizeof dmi / sizeof *dmi][HR_NAME_LEN], hyper[HR_NAME_LEN], vendor[13];
	char flags[FLAGS_ROOM], path[128];
	struct hr_machine_texts t = {0};
	const char **slot[] = {&t.sys_vendor, &t.product_name, &t.product_version, &t.board_vendor,
		&t.chassis_vendor, &t.chassis_asset_tag, &t.bios_vendor, &t.bios_version};
	struct hr_machine_id id = {0};
	struct utsname u;

	for (size_t i = 0; i < sizeof dmi / sizeof *dmi; i++) {
		(void)snprintf(path, sizeof path, "/sys/class/dmi/id/%s", dmi[i]);
		hr_host_read_line(root, path, dmi_text[i], sizeof dmi_text[i]);
		*slot[i] = dmi_text[i][0] ? dmi_text[i] : NULL;
	}
	hr_host_read_line(root, "/sys/hypervisor/type", hyper, sizeof hyper);
	t.hypervisor_type = hyper[0] ? hyper : NULL;
	t.cpuid_vendor = cpuid_vendor(vendor);
	t.cpuinfo_flags = cpu_flags(root, flags, sizeof flags);
	hr_machine_identify(&t, &id);
	memcpy(facts->hypervisor, id.hypervisor, sizeof facts->hypervisor);
	memcpy(facts->provider, id.provider, sizeof facts->provider);
	memcpy(facts->instance_type, id.instance_type, sizeof facts->instance_type);
	(void)snprintf(facts->agent, sizeof facts->agent, "%s", HR_VERSION);
	if (uname(&u) == 0) {
		(void)snprintf(facts->name, sizeof facts->name, "%.63s", u.nodename);
		(void)snprintf(facts->kernel, sizeof facts->kernel, "%.63s", u.release);
	}
	hr_host_facts_signal(facts, HR_SIG_MACHINE,
		id.hypervisor[0] || id.provider[0] ? HR_RUNG_FILE : HR_RUNG_MISSING, id.reason);
}

void hr_host_facts_cpus(const char *root, const struct hr_host_cpus *cpus, struct hr_facts *facts)
{
	/* All cores of a VM are alike: the first 64 CPUs are enough to know how. */
	uint32_t siblings[64] = {0}, n = 0;

	facts->cpus_online = cpus->online;
	facts->cpus_possible = cpus->possible;
	for (uint32_t cpu = 0; cpu < cpus->possible && cpu < 64; cpu++) {
		char path[128], list[HR_NAME_LEN];

		(void)snprintf(path, sizeof path,
			"/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", cpu);
		hr_host_read_line(root, path, list, sizeof list);
		if (list[0] && hr_machine_cpulist_count(list, strlen(list), &siblings[n]) == 0)
			n++;
	}
	facts->threads_per_core =
		hr_machine_threads_per_core(siblings, n, strcmp(facts->hypervisor, "none") == 0);
	if (facts->threads_per_core > 0)
		hr_host_facts_signal(facts, HR_SIG_TOPOLOGY, HR_RUNG_FILE, "");
	else
		hr_host_facts_signal(facts, HR_SIG_TOPOLOGY, HR_RUNG_MISSING,
			n == 0 ? "no topology in /sys/devices/system/cpu"
			       : "the hypervisor hides which vCPUs share a core");
}

void hr_host_facts_devs(const struct hr_host_devs *devs, struct hr_facts *facts)
{
	facts->n_dev = (uint8_t)devs->n;
	memset(facts->dev, 0, sizeof facts->dev);
	for (uint32_t i = 0; i < devs->n; i++)
		facts->dev[i] = devs->dev[i].facts;
}

static const char *why(const struct hr_text *t, bool psi, char buf[HR_REASON_LEN])
{
	if (psi && (t->len == -ENOENT || t->len == -EOPNOTSUPP))
		return "no pressure stall information: boot with psi=1";
	(void)snprintf(buf, HR_REASON_LEN, "%s", strerror((int)-t->len));
	return buf;
}

void hr_host_facts_signals(const struct hr_text text[HR_FILE_N], struct hr_facts *facts)
{
	static const struct {
		enum hr_signal sig;
		enum hr_file file;
	} from[] = {
		{HR_SIG_CPU_STAT, HR_FILE_STAT},
		{HR_SIG_STEAL, HR_FILE_STAT},
		{HR_SIG_SOFTIRQ, HR_FILE_STAT},
		{HR_SIG_SOFTNET, HR_FILE_SOFTNET},
		{HR_SIG_PSI_CPU, HR_FILE_PSI_CPU},
		{HR_SIG_PSI_MEMORY, HR_FILE_PSI_MEMORY},
		{HR_SIG_PSI_IO, HR_FILE_PSI_IO},
		{HR_SIG_DISK_STAT, HR_FILE_DISKSTATS},
		{HR_SIG_NET_STAT, HR_FILE_NET_DEV},
		{HR_SIG_NET_LOCAL, HR_FILE_NET_DEV},
		{HR_SIG_NETSTAT, HR_FILE_NETSTAT},
		{HR_SIG_VMSTAT, HR_FILE_VMSTAT},
		{HR_SIG_MEMINFO, HR_FILE_MEMINFO},
		/* hooks that a file can stand in for: only when they fell that far */
		{HR_SIG_TCP_RETRANS, HR_FILE_SNMP},
		{HR_SIG_OOM, HR_FILE_VMSTAT},
	};
	struct hr_procfs_meminfo mem;

	for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
		const struct hr_text *t = &text[from[i].file];
		enum hr_signal sig = from[i].sig;
		char buf[HR_REASON_LEN];
		bool psi = from[i].file >= HR_FILE_PSI_CPU && from[i].file <= HR_FILE_PSI_IO;
		bool hook = sig == HR_SIG_TCP_RETRANS || sig == HR_SIG_OOM;

		if (hook && facts->signal[sig].rung != HR_RUNG_FILE)
			continue;
		if (t->len < 0)
			hr_host_facts_signal(facts, sig, HR_RUNG_MISSING, why(t, psi, buf));
		else if (!hook)
			hr_host_facts_signal(facts, sig, HR_RUNG_FILE, "");
	}
	if (text[HR_FILE_MEMINFO].len > 0 &&
		hr_procfs_meminfo(
			text[HR_FILE_MEMINFO].p, (size_t)text[HR_FILE_MEMINFO].len, &mem) == 0 &&
		mem.have & 1ULL << HR_MEMINFO_TOTAL)
		facts->mem_total_bytes = mem.v[HR_MEMINFO_TOTAL];
}
