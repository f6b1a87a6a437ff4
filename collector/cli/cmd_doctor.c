/* SPDX-License-Identifier: Apache-2.0 */
/* headroom doctor: what can be measured on this VM, by which means, why not better, at what cost.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/core/config.h"
#include "agent/engine.h"
#include "agent/status.h"
#include "collector/cli/cli.h"
#include "collector/core/render.h"
#include "proto/base/clock.h"
#include "proto/base/conffile.h"
#include "proto/units.h"

#define AGENT_CONFIG "/etc/headroom/agent.conf"
#define SAMPLE_S     2 /* the kernel's own account of the programs runs for one tick of it */

struct findings {
	struct hr_facts facts;
	struct hr_status agent; /* of the agent that runs here */
	int agent_err;          /* of reading it; 0: there is one */
	bool has_cost, has_events;
	double cpu_ratio, rss_bytes, ns_per_event, events_per_s;
};

static void sleep_until(uint64_t mono_ns)
{
	const struct timespec t = {.tv_sec = (time_t)(mono_ns / HR_NS_PER_S),
		.tv_nsec = (long)(mono_ns % HR_NS_PER_S)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
		;
}

/* Ticks for two seconds, so that rungs are those that really read, and costs are measured. */
static void sample(struct hr_engine *e, struct findings *f)
{
	uint64_t end = hr_clock_mono_ns() + SAMPLE_S * HR_NS_PER_S + HR_NS_PER_S / 2;
	const struct hr_summary *s = NULL;
	int r = 0;

	while (r == 0 && hr_clock_mono_ns() < end) {
		sleep_until(hr_engine_next_ns(e));
		r = hr_engine_tick(e, &s);
	}
	if (r == 0)
		r = hr_engine_flush(e, &s);
	f->facts = *hr_engine_facts(e);
	if (r <= 0 || s->dur_ms == 0)
		return;
	f->has_cost = hr_has(s, HR_SIG_COST);
	f->cpu_ratio = (double)(s->ctr[HR_CTR_SELF_CPU_US] + s->ctr[HR_CTR_SELF_HOOK_US]) / 1e3 /
		       s->dur_ms;
	f->rss_bytes = (double)s->ctr[HR_CTR_SELF_RSS_BYTES];
	f->has_events = hr_has(s, HR_SIG_EVENT_NS) && s->ctr[HR_CTR_SELF_BPF_EVENTS] > 0;
	if (f->has_events) {
		f->ns_per_event =
			(double)s->ctr[HR_CTR_SELF_BPF_NS] / (double)s->ctr[HR_CTR_SELF_BPF_EVENTS];
		f->events_per_s = (double)s->ctr[HR_CTR_SELF_BPF_EVENTS] * 1e3 / s->dur_ms;
	}
}

static json_t *or_null(bool has, double v)
{
	return has ? json_real(v) : json_null();
}

static json_t *word(const char *s)
{
	return s[0] ? json_string(s) : json_null();
}

static json_t *agent_json(const struct findings *f)
{
	const struct hr_status *a = &f->agent;
	json_t *shed;

	if (f->agent_err < 0)
		return json_null();
	shed = json_array();
	for (int i = 0; i < HR_SHED_N; i++)
		if (a->shed >> i & 1)
			json_array_append_new(shed, json_string(hr_shed_name((enum hr_shed)i)));
	return json_pack("{s:I, s:I, s:f, s:f, s:f, s:o, s:I, s:I, s:o, s:o}", "pid",
		(json_int_t)a->pid, "t_end_ms", (json_int_t)a->wall_ms, "cpu_ratio",
		(double)a->cost_ppm / 1e6, "hook_ratio", (double)a->hook_ppm / 1e6, "budget_ratio",
		(double)a->budget_ppm / 1e6, "ns_per_event",
		or_null(a->event_ns > 0, (double)a->event_ns), "rss_bytes",
		(json_int_t)a->rss_bytes, "map_bytes", (json_int_t)a->map_bytes, "shed", shed,
		"shed_reason", word(a->why));
}

static int print_json(const struct hr_cli *cli, const struct findings *f)
{
	json_t *list = json_array(), *o;
	char *text;
	int status;

	for (int i = 0; i < HR_SIG_N; i++) {
		const struct hr_signal_state *s = &f->facts.signal[i];

		json_array_append_new(list,
			json_pack("{s:s, s:s, s:s, s:o}", "signal",
				hr_signal_name((enum hr_signal)i), "rung",
				hr_rung_name((enum hr_rung)s->rung), "what",
				hr_signal_what((enum hr_signal)i), "reason", word(s->reason)));
	}
	o = json_pack("{s:s, s:o, s:o, s:o, s:i, s:I, s:o, s:{s:o, s:o, s:I, s:o}, s:o}", "schema",
		"headroom.doctor/1", "kernel", word(f->facts.kernel), "hypervisor",
		word(f->facts.hypervisor), "instance_type", word(f->facts.instance_type), "vcpus",
		(int)f->facts.cpus_online, "memory_bytes", (json_int_t)f->facts.mem_total_bytes,
		"signals", list, "cost", "cpu_ratio", or_null(f->has_cost, f->cpu_ratio),
		"rss_bytes", or_null(f->has_cost, f->rss_bytes), "map_bytes",
		(json_int_t)f->facts.map_bytes, "ns_per_event",
		or_null(f->has_events, f->ns_per_event), "agent", agent_json(f));
	text = o ? json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(8)) : NULL;
	status = text ? hr_cli_print(cli, text) : hr_cli_fail(cli, "out of memory");
	if (status == HR_EXIT_DONE)
		status = hr_cli_print(cli, "\n");
	free(text);
	json_decref(o);
	return status;
}

static void say_signal(struct hr_out *o, const struct hr_facts *f, int i)
{
	const struct hr_signal_state *s = &f->signal[i];
	enum hr_tone tone = s->rung == HR_RUNG_MISSING || s->rung == HR_RUNG_UNKNOWN ? HR_TONE_WARN
			    : s->rung == HR_RUNG_FILE                                ? HR_TONE_PLAIN
										     : HR_TONE_GOOD;

	hr_out_say(o, "%-12s ", hr_signal_name((enum hr_signal)i));
	hr_out_tone(o, tone);
	hr_out_say(o, "%-8s", hr_rung_name((enum hr_rung)s->rung));
	hr_out_tone(o, HR_TONE_PLAIN);
	hr_out_say(o, " %s\n", hr_signal_what((enum hr_signal)i));
	if (s->reason[0])
		hr_out_wrap(o, "                      why: ", s->reason);
}

static void say_cost(struct hr_out *o, const struct findings *f)
{
	char q[HR_QUANTITY_LEN];

	hr_out_say(o, "\nCost of measuring: ");
	if (f->has_events)
		hr_out_say(o, "%.0f ns per kernel event (all hooks, %.0f events/s here);",
			f->ns_per_event, f->events_per_s);
	else
		hr_out_say(o, "ns per kernel event not measured (event_ns above says why);");
	hr_out_say(o, "\nBPF maps %s",
		hr_render_quantity((double)f->facts.map_bytes, HR_UNIT_BYTES, q));
	if (f->has_cost)
		hr_out_say(o, ", private memory %s",
			hr_render_quantity(f->rss_bytes, HR_UNIT_BYTES, q));
	hr_out_say(o, ".\n");
}

static void say_agent(struct hr_out *o, const struct findings *f)
{
	const struct hr_status *a = &f->agent;
	char q[HR_QUANTITY_LEN];

	if (f->agent_err < 0) {
		hr_out_say(o, "\nNo running agent to be seen%s%s.\n",
			f->agent_err == -ENOENT ? "" : ": ",
			f->agent_err == -ENOENT ? "" : strerror(-f->agent_err));
		return;
	}
	hr_out_say(o,
		"\nThe agent that runs here (pid %llu): %.3f %% of one CPU in its last window,",
		(unsigned long long)a->pid, (double)a->cost_ppm / 1e4);
	hr_out_say(o, "\nthe hooks' part %.3f %%; its budget is %.2f %%. Private memory %s",
		(double)a->hook_ppm / 1e4, (double)a->budget_ppm / 1e4,
		hr_render_quantity((double)a->rss_bytes, HR_UNIT_BYTES, q));
	hr_out_say(o, ", maps %s.\n", hr_render_quantity((double)a->map_bytes, HR_UNIT_BYTES, q));
	if (a->shed == 0) {
		hr_out_say(o, "It has shed nothing.\n");
		return;
	}
	hr_out_tone(o, HR_TONE_WARN);
	hr_out_say(o, "It has shed:");
	for (int i = 0; i < HR_SHED_N; i++)
		if (a->shed >> i & 1)
			hr_out_say(o, " %s", hr_shed_name((enum hr_shed)i));
	hr_out_tone(o, HR_TONE_PLAIN);
	hr_out_say(o, "\n");
	hr_out_wrap(o, "    why: ", a->why);
}

static int print_text(const struct hr_cli *cli, const struct findings *f)
{
	struct hr_out *o = hr_cli_out();
	const struct hr_facts *v = &f->facts;
	unsigned by_rung[HR_RUNG_MISSING + 1] = {0};
	char q[HR_QUANTITY_LEN];

	for (int i = 0; i < HR_SIG_N; i++)
		if (v->signal[i].rung <= HR_RUNG_MISSING)
			by_rung[v->signal[i].rung]++;
	hr_out_say(o, "Kernel %s, %u vCPUs, %s", v->kernel[0] ? v->kernel : "unknown",
		v->cpus_online, hr_render_quantity((double)v->mem_total_bytes, HR_UNIT_BYTES, q));
	hr_out_say(o, ", hypervisor %s%s%s\n", v->hypervisor[0] ? v->hypervisor : "unknown",
		v->instance_type[0] ? ", " : "", v->instance_type);
	hr_out_say(o, "%u of %d signals: %u by eBPF, %u from files; %u missing.\n\n",
		HR_SIG_N - by_rung[HR_RUNG_MISSING] - by_rung[HR_RUNG_UNKNOWN], HR_SIG_N,
		by_rung[HR_RUNG_TP_BTF] + by_rung[HR_RUNG_RAW_TP] + by_rung[HR_RUNG_ITER],
		by_rung[HR_RUNG_FILE], by_rung[HR_RUNG_MISSING] + by_rung[HR_RUNG_UNKNOWN]);
	hr_out_tone(o, HR_TONE_DIM);
	hr_out_say(o, "%-12s %-8s %s", "signal", "rung", "what");
	hr_out_tone(o, HR_TONE_PLAIN);
	hr_out_say(o, "\n");
	for (int i = 0; i < HR_SIG_N; i++)
		say_signal(o, v, i);
	say_cost(o, f);
	say_agent(o, f);
	if (geteuid() != 0)
		hr_out_wrap(o, "",
			"Not run as root: what needs rights is missing here; see the whole with: "
			"sudo headroom doctor");
	return hr_cli_print(cli, o->buf);
}

/* --json, and --agent-config: whose state directory to look into. */
static bool options(
	const struct hr_cli *cli, int argc, char **argv, bool *ret_json, const char **ret_config)
{
	static const struct option known[] = {{"json", no_argument, NULL, 'j'},
		{"config", required_argument, NULL, 'c'},
		{"agent-config", required_argument, NULL, 'a'}, {0}};
	int c;

	*ret_json = false;
	*ret_config = NULL;
	while ((c = hr_cli_option(cli, argc, argv, ":", known)) != -1) {
		if (c == '?')
			return false;
		if (c == 'j')
			*ret_json = true;
		else if (c == 'a')
			*ret_config = optarg;
	}
	return true;
}

/* What the running agent says of itself; -ENOENT: none runs. */
static int look_for_agent(const char *config, struct hr_status *ret, char err[512])
{
	static struct hr_agent_config c;
	int r = hr_conffile_load(hr_agent_config_table(), config ? config : AGENT_CONFIG,
		config != NULL, &c, NULL, err);

	return r < 0 ? r : hr_status_read(c.state, ret);
}

int hr_cmd_doctor(const struct hr_cli *cli, int argc, char **argv)
{
	const struct hr_engine_opts o = {
		.root = "", .force = hr_engine_force_from_env(), .bpf_stats = true};
	struct hr_engine *engine;
	struct findings f = {0};
	const char *config;
	char err[512];
	bool json;

	if (!options(cli, argc, argv, &json, &config))
		return HR_EXIT_USAGE;
	if (optind < argc)
		return hr_cli_usage(cli, "unexpected argument '%s'", argv[optind]);
	f.agent_err = look_for_agent(config, &f.agent, err);
	if (config && f.agent_err < 0 && f.agent_err != -ENOENT)
		return hr_cli_fail(cli, "%s", err);
	if (hr_engine_open(&engine, &o, err) < 0)
		return hr_cli_fail(cli, "%s", err);
	if (hr_cli_progress() && !json)
		(void)fputs("looking for two seconds\r", stderr);
	sample(engine, &f);
	hr_engine_close(engine);
	if (hr_cli_progress() && !json)
		(void)fputs("\r\033[K", stderr);
	return json ? print_json(cli, &f) : print_text(cli, &f);
}
