/* SPDX-License-Identifier: Apache-2.0 */
/* The table of subcommands: from it come the list, each --help, and which function runs. */
#include "collector/cli/cli.h"

#define SIZE_HELP                                                                                  \
	"  --as NAME        the size HOST has, where the agent cannot read it\n"                   \
	"  --catalogue FILE sizes to read instead of those of [sizes] in collector.conf\n"
#define CONFIG_HELP "  --config FILE    agent.conf or collector.conf that names the collector\n\n"

const struct hr_cmd hr_cmds[] = {
	{"status", hr_cmd_status, "[HOST] [--json]",
		"the answer for HOST, or for this VM, from the collector",
		"  --json           the answer as JSON (headroom.answer/1)\n" CONFIG_HELP
		"HOST is a name or id as 'headroom hosts list' shows it. 'headroom' alone is\n"
		"'headroom status'.\n"},
	{"explain", hr_cmd_explain, "[HOST | REASON] [--json]",
		"every number behind an answer, or the paragraph behind a reason code",
		"  --json           as JSON: the answer and the steps that led to it\n" CONFIG_HELP
		"Reasons: headroom-left bigger-size-helps serial-thread steal local-limit\n"
		"external-limit at-ceiling missing-evidence.\n"},
	{"fleet", hr_cmd_fleet, "[--json] [--answer A] [--sort headroom|name|days]",
		"the answer for every VM of the collector, tightest first",
		"  --answer A       only VMs with this answer: yes, resize, no, unknown\n"
		"  --sort KEY       headroom (least first), name, or days (soonest first)\n"
		"  --json           as JSON (headroom.fleet/1)\n" CONFIG_HELP
		"HEADROOM_COLLECTOR=URL in the environment names the collector, too.\n"},
	{"measure", hr_cmd_measure, "[--for 30s] [--json] [-- CMD...]",
		"sample this VM (while CMD runs), answer, exit; no collector needed",
		"  --for TIME       how long to sample: 5s..24h (30s; with CMD: until it ends)\n"
		"  --until-known TIME  go on up to this (5m at most) while the answer is unknown\n"
		"  --json           the answer as JSON (headroom.answer/1)\n"
		"  --explain        every number behind the answer, instead of the answer\n"
		"  --include NAMES  devices to measure although the rules leave them out\n"
		"  --exclude NAMES  devices to leave out\n"
		"  --limits LIMITS  what devices carry a second: vda=3000:125M eth0=:1192M\n"
		"  --threads-per-core N  1: each vCPU is a core; 2: two share one (as shown)\n"
		"  --config FILE    take target and service level from this collector.conf\n\n"
		"Needs root, or CAP_BPF and CAP_PERFMON.\n"
		"The answer is about the time sampled and says so. Ctrl-C ends sampling early.\n"
		"CMD still running after --for is sent SIGTERM; with --json its output goes to\n"
		"stderr. Exit status: 0; 1 if CMD failed or less than 2 s were measured; 2 "
		"usage.\n"},
	{"sizes", hr_cmd_sizes, "[HOST] [--as NAME] [--json]",
		"the sizes of a VM's family, with predicted headroom on each",
		"  --json           as JSON (headroom.sizes/1)\n" SIZE_HELP CONFIG_HELP},
	{"whatif", hr_cmd_whatif, "[HOST] --load x2 | --add HOST2 [--size NAME] [--json]",
		"would a planned growth fit, here or on another size",
		"  --load xN        N times today's load (x0.1 to x100)\n"
		"  --size NAME      on this size instead of the present one\n"
		"  --add HOST2      with the load of HOST2 added\n"
		"  --json           as JSON (headroom.whatif/1)\n" SIZE_HELP CONFIG_HELP},
	{"top", hr_cmd_top, "[HOST] [--every 2s]",
		"live on a terminal: the fleet, tightest first, or one VM",
		"  --every TIME     how often to ask: 1s..1h (2s); agents send every 10 "
		"s\n" CONFIG_HELP "Keys: arrows, PageUp, PageDown, Enter opens a VM, Esc goes "
		"back, s sorts, q ends.\n"},
	{"report", hr_cmd_report, "[HOST] > report.html",
		"the evidence about a VM as one printable HTML file",
		CONFIG_HELP
		"Needs nothing but a browser to read: plots, data and texts are inside.\n"},
	{"check", hr_cmd_check, "[HOST] [-w 1.5] [-c 1.2]",
		"monitoring plugin (Nagios, Icinga): one line, perfdata, exit status 0..3",
		"  -w, --warning K   WARNING when the VM carries less than K times its load (1.5)\n"
		"  -c, --critical K  CRITICAL likewise (1.2); both judge the at_least "
		"bound\n" CONFIG_HELP "Exit status: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.\n"},
	{"doctor", hr_cmd_doctor, "[--json] [--agent-config FILE]",
		"each signal of this VM: how it is read, why not better, what it costs",
		"  --json           as JSON (headroom.doctor/1)\n"
		"  --agent-config FILE  of the agent that runs here (/etc/headroom/agent.conf)\n\n"
		"Says too what that agent costs, what it may, and what it has shed for it.\n"
		"Needs root to see what root's agent would see. Takes two seconds.\n"
		"HR_FORCE=raw_tp or HR_FORCE=file tries nothing better than that.\n"},
	{"hosts", hr_cmd_hosts, "list | forget HOST | enrol | token | tokens | revoke WHAT",
		"the VMs that report to the collector, and who may come in",
		"  list             the VMs; forget deletes all that is kept of one\n"
		"  enrol            a join string, by which a new VM's agent joins\n"
		"  token            a token for reading the API; tokens lists who may come in,\n"
		"                   revoke ends a credential by its id or name\n"
		"  --json           as JSON\n"
		"  --yes            forget without asking; needed where there is no terminal\n"
		"  --revoke         forget: its secret, too\n"
		"  --expires TIME   of a token: 1h for enrol, never for token\n"
		"  --uses N         enrol: how many VMs (1)\n"
		"  --host HOST      enrol: only this VM, also when it is known already\n"
		"  --name TEXT      whom a token is for, for the list\n" CONFIG_HELP
		"All but list need root or the collector's user, on its machine.\n"},
};
const size_t hr_n_cmds = sizeof(hr_cmds) / sizeof(hr_cmds[0]);
