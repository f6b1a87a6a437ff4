/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of headroom-agent: what each does, its default, and why that default. */
#include "agent/core/config.h"

#include <stddef.h>

#include "proto/facts.h"
#include "proto/units.h"

#define KEY(sec, name, t, field, lo, hi, dflt, text)                                               \
	{                                                                                          \
		.section = sec, .key = name, .type = t,                                            \
		.offset = offsetof(struct hr_agent_config, field),                                 \
		.size = sizeof(((struct hr_agent_config *)0)->field), .min = lo, .max = hi,        \
		.def = dflt, .doc = text                                                           \
	}

static const struct hr_conf_key keys[] = {
	KEY("agent", "collector", HR_CONF_TEXT, collector, 0, 0, HR_AGENT_COLLECTOR,
		"Where summaries go. The default is a collector on this machine, or the one that "
		"was joined (headroom-agent --join); anything beyond loopback must be https."),
	KEY("agent", "join", HR_CONF_TEXT, join, 0, 0, "",
		"File (mode 0600) with a join string of headroom hosts enrol, used at a start "
		"when no collector was joined yet: for cloud-init and images. Empty: none."),
	KEY("agent", "token_file", HR_CONF_FILE, token_file, 0, 0, "",
		"File with this host's token, read at start. Empty: none, which a collector on "
		"loopback accepts."),
	KEY("agent", "ca_file", HR_CONF_FILE, ca_file, 0, 0, "",
		"Certificates that may sign the collector's. Empty: those of the system."),
	KEY("agent", "cert_file", HR_CONF_FILE, cert_file, 0, 0, "",
		"PEM file of a client certificate, where the collector asks for one. Empty: none."),
	KEY("agent", "key_file", HR_CONF_FILE, key_file, 0, 0, "",
		"PEM file of the client certificate's key. Empty: none."),
	KEY("agent", "timeout", HR_CONF_DURATION, timeout_ns, 1e9, 120e9, "20s",
		"Longest time one POST may take. 20 s is two windows: a collector that is slower "
		"is as good as away."),
	KEY("agent", "state", HR_CONF_TEXT, state, 0, 0, "/var/lib/headroom-agent",
		"Directory of the agent's own files; windows not yet taken lie in its folder "
		"spool."),
	KEY("agent", "name", HR_CONF_TEXT, name, 0, 0, "",
		"Name shown for this VM. Empty: its host name."),
	KEY("agent", "instance_type", HR_CONF_TEXT, instance_type, 0, 0, "",
		"Size of this VM as its provider or your own ladder names it, such as m5.large: "
		"what headroom sizes climbs from. Empty: as DMI tells it, which only AWS does."),
	KEY("agent", "log_level", HR_CONF_U64, log_level, 3, 7, "6",
		"What goes to stderr: 3 errors, 4 warnings, 5 notices, 6 changes of state, 7 "
		"debugging."),
	KEY("spool", "size", HR_CONF_BYTES, spool_bytes, 65536, 1073741824, "4M",
		"Disk space for windows the collector has not taken. 24 h of outage need 0.3 MiB "
		"after coalescing, so 4 MiB are about two weeks. More than 24M is taken as 24M."),
	KEY("measure", "budget", HR_CONF_RATIO, budget_ratio, 0.0005, 1, "1%",
		"Share of one CPU the agent may take; above it for a minute (20 s when it is "
		"four times as much), hooks are shed (burst, net, disk, sched_switch) and named "
		"in the answer. On large VMs 0.2 % of all CPUs "
		"holds."),
	KEY("measure", "hook_sched", HR_CONF_BOOL, hook_sched, 0, 0, "yes",
		"sched_switch: CPU time and run-queue wait in 8 ms slots. Without it there is no "
		"CPU headroom."),
	KEY("measure", "hook_disk", HR_CONF_BOOL, hook_disk, 0, 0, "yes",
		"block_rq_complete: request latency and in-flight requests."),
	KEY("measure", "hook_net", HR_CONF_BOOL, hook_net, 0, 0, "yes",
		"Receive and transmit: bytes and packets in 8 ms slots; messages read from TCP and "
		"UNIX sockets, and how long what TCP received waited for its thread. The first "
		"hooks to pay for on a packet-heavy VM (some 11 ns a packet, 65 more for one that "
		"is sent)."),
	KEY("measure", "hook_burst", HR_CONF_BOOL, hook_burst, 0, 0, "yes",
		"The burst recorder: 5 s of each minute are recorded within the sched_switch hook "
		"and replayed at larger loads."),
	KEY("measure", "bpf_stats", HR_CONF_BOOL, bpf_stats, 0, 0, "yes",
		"Measure ns per event by switching on BPF run-time statistics for 1 s at the "
		"start; it taxes every BPF program on the host for that second. Needs "
		"CAP_SYS_ADMIN, which the service does not have: a table stands in for it."),
	KEY("measure", "threads_per_core", HR_CONF_U64, threads_per_core, 0, 8, "0",
		"Hardware threads of a core, where the hypervisor hides it: 1 if each vCPU is a "
		"core, 2 if two share one. 0: as it shows, else as measured; not known, at_least "
		"takes them as shared."),
	KEY("measure", "probe_cores", HR_CONF_BOOL, probe_cores, 0, 0, "yes",
		"Measure what it hides: keep two idle vCPUs busy for 0.2 ms at the start and once "
		"an hour, and see whether they slow each other."),
	KEY("measure", "include_devices", HR_CONF_TEXT, include_devices, 0, 0, "",
		"Devices to measure although the rules leave them out, such as \"loop0 dm-1\"."),
	KEY("measure", "exclude_devices", HR_CONF_TEXT, exclude_devices, 0, 0, "",
		"Devices to leave out, by name, such as a backup volume whose load is nobody's "
		"concern."),
	KEY("measure", "limits", HR_CONF_TEXT, limits, 0, 0, "",
		"What devices carry, as their provider sells them: requests and bytes a second, "
		"such as \"vda=3000:125M eth0=:1192M\". Not told, a limit is learned when it is "
		"met."),
};

static const struct hr_conf_table table = {.keys = keys,
	.n = sizeof(keys) / sizeof(keys[0]),
	.conf_size = sizeof(struct hr_agent_config)};
_Static_assert(sizeof(keys) / sizeof(keys[0]) <= HR_CONF_KEYS_MAX, "origin text per key");

const struct hr_conf_table *hr_agent_config_table(void)
{
	return &table;
}

uint64_t hr_agent_config_no_hooks(const struct hr_agent_config *c)
{
	const struct {
		bool wanted;
		enum hr_shed hook;
	} hook[] = {
		{c->hook_sched, HR_SHED_SCHED},
		{c->hook_disk, HR_SHED_DISK},
		{c->hook_net, HR_SHED_NET},
		{c->hook_burst, HR_SHED_BURST},
	};
	uint64_t no = 0;

	for (size_t i = 0; i < sizeof(hook) / sizeof(hook[0]); i++)
		if (!hook[i].wanted)
			no |= UINT64_C(1) << hook[i].hook;
	return no;
}
