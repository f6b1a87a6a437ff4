/* SPDX-License-Identifier: Apache-2.0 */
/*
 * headroom measure: agent and model in one process, no collector.  The answer is
 * about the time sampled only: no quantile over minutes, no history asked for.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/core/machine.h"
#include "agent/engine.h"
#include "agent/trim.h"
#include "collector/cli/child.h"
#include "collector/cli/cli.h"
#include "collector/cli/conf.h"
#include "collector/core/answer_json.h"
#include "collector/core/render.h"
#include "collector/core/vm.h"
#include "proto/base/clock.h"
#include "proto/base/identity.h"
#include "proto/num.h"
#include "proto/units.h"

#define FOR_DEFAULT_NS  (30 * HR_NS_PER_S)
#define FOR_MIN_NS      (5 * HR_NS_PER_S) /* a shorter window holds too few bursts */
#define FOR_MAX_NS      (24 * 3600 * HR_NS_PER_S)
#define MEASURED_MIN_S  2.0 /* less of a short CMD says nothing about a load */
#define EXPLAIN_BYTES   65536
#define CONSTANTS_BYTES 4096
/*
 * All of it is judged as one minute, up to five: 1 % of the bursts of 60 s may be a handful, and
 * the smallest k of several such minutes is smaller by chance the longer one measures.
 */
#define MINUTE_MS 300000
/*
 * --until-known asks again where what was sampled has doubled: every look is another chance of a
 * luckless answer, so the earlier ones want more proof (collector/core/allow.h).
 */
#define UNTIL_MAX_NS (MINUTE_MS * HR_NS_PER_MS)
/* As much as is recorded before it must be replayed: that, too, is done between the pieces. */
#define PIECE_NS (60 * HR_NS_PER_S)
/* Replaying what was recorded kept a CPU busy: until the queue behind that is gone. */
#define REST_NS  HR_NS_PER_S
#define RESTS_MS 60000 /* room for these and for the replays before them: it stays one minute */

struct measure {
	const struct hr_cli *cli;
	uint64_t for_ns;   /* 0: until CMD ends; of --until-known up to the next look */
	uint64_t until_ns; /* goes on up to it while the answer is unknown; 0: it does not */
	bool json, explain;
	const char *include, *exclude, *limits;
	uint64_t threads_per_core; /* 0: as the hypervisor shows it */
	char **command;            /* NULL: none */
	struct hr_model_conf conf;
	char constants[CONSTANTS_BYTES]; /* those that are not the shipped ones, for --explain */

	struct hr_engine *engine;
	struct hr_vm *vm;
	struct hr_child child;
	bool interrupted;
	bool asked;        /* and it was unknown */
	uint64_t start_ns; /* of what is sampled now */
	uint64_t done_ns;  /* sampled before it */
	double covered_s;
};

static int parse(struct measure *m, int argc, char **argv)
{
	static const struct option options[] = {{"for", required_argument, NULL, 'f'},
		{"json", no_argument, NULL, 'j'}, {"explain", no_argument, NULL, 'e'},
		{"include", required_argument, NULL, 'i'},
		{"exclude", required_argument, NULL, 'x'}, {"limits", required_argument, NULL, 'l'},
		{"threads-per-core", required_argument, NULL, 't'},
		{"until-known", required_argument, NULL, 'u'},
		{"config", required_argument, NULL, 'c'}, {0}};
	struct hr_cli *cli = (struct hr_cli *)m->cli;
	bool told = false;
	char err[512];
	int c;

	while ((c = hr_cli_option(cli, argc, argv, "+:", options)) != -1) {
		switch (c) {
		case 'f':
			if (!hr_num_duration(optarg, FOR_MIN_NS, FOR_MAX_NS, &m->for_ns))
				return hr_cli_usage(cli,
					"--for wants a time from 5s to 24h, such as 30s or 5m, got "
					"'%s'",
					optarg);
			told = true;
			break;
		case 'j':
			m->json = true;
			break;
		case 'e':
			m->explain = true;
			break;
		case 'i':
			m->include = optarg;
			break;
		case 'x':
			m->exclude = optarg;
			break;
		case 'l':
			if (!hr_machine_limits_valid(optarg, err))
				return hr_cli_usage(cli, "%s", err);
			m->limits = optarg;
			break;
		case 't':
			if (!hr_num_u64(optarg, 1, 8, &m->threads_per_core))
				return hr_cli_usage(cli,
					"--threads-per-core wants 1 if each vCPU is a core, 2 if "
					"two share one, got '%s'",
					optarg);
			break;
		case 'u':
			if (!hr_num_duration(optarg, FOR_MIN_NS, UNTIL_MAX_NS, &m->until_ns))
				return hr_cli_usage(cli,
					"--until-known wants a time from 5s to 5m, got '%s'",
					optarg);
			break;
		case 'c':
			cli->config = optarg;
			break;
		default:
			return HR_EXIT_USAGE;
		}
	}
	if (m->json && m->explain)
		return hr_cli_usage(cli, "--json and --explain exclude each other");
	if (optind < argc && strcmp(argv[optind - 1], "--") != 0)
		return hr_cli_usage(
			cli, "unexpected argument '%s' (a command goes after --)", argv[optind]);
	if (optind < argc)
		m->command = argv + optind;
	if (!told && (!m->command || m->until_ns))
		m->for_ns = FOR_DEFAULT_NS;
	return HR_EXIT_DONE;
}

/* Facts first: the model needs to know the machine its windows come from. */
static void take(struct measure *m, const struct hr_summary *s)
{
	hr_vm_add(m->vm, s);
	m->covered_s += (double)s->dur_ms / 1e3;
	hr_vm_facts(m->vm, hr_engine_facts(m->engine), hr_clock_wall_ms());
}

static void progress(const struct measure *m, bool end)
{
	uint64_t ns = m->done_ns + hr_clock_mono_ns() - m->start_ns;
	uint64_t s = hr_ns_to_ms(ns + HR_NS_PER_S / 2) / HR_MS_PER_S;

	if (!hr_cli_progress())
		return;
	if (end)
		(void)fputs("\r\033[K", stderr);
	else if (m->for_ns)
		(void)fprintf(stderr, "\rmeasuring this VM: %llu of %.0f s%s ",
			(unsigned long long)s, hr_ns_to_s(m->for_ns),
			m->asked ? " (unknown so far)" : "");
	else if (m->command)
		(void)fprintf(stderr, "\rmeasuring while %s runs: %llu s ", m->command[0],
			(unsigned long long)s);
	(void)fflush(stderr);
}

/* Waits for @until_ns or a signal in @set; true when sampling ends early. */
static bool wait_until(struct measure *m, const sigset_t *set, uint64_t until_ns)
{
	uint64_t now = hr_clock_mono_ns(), left = until_ns > now ? until_ns - now : 0;
	const struct timespec t = {
		.tv_sec = (time_t)(left / HR_NS_PER_S), .tv_nsec = (long)(left % HR_NS_PER_S)};
	int sig = sigtimedwait(set, NULL, &t);

	if (sig == SIGINT || sig == SIGTERM || sig == SIGHUP) {
		m->interrupted = true;
		return true;
	}
	hr_child_poll(&m->child);
	return m->child.done;
}

/* Until @to_ns in all are sampled, 0: CMD ends; 1 when it ended early, else 0 or -errno. */
static int sample_on(struct measure *m, const sigset_t *set, uint64_t to_ns)
{
	const struct hr_summary *s;
	bool early = false;
	int r;

	m->start_ns = hr_clock_mono_ns();
	for (;;) {
		uint64_t now = hr_clock_mono_ns(), next = hr_engine_next_ns(m->engine);
		uint64_t end = to_ns ? m->start_ns + to_ns - m->done_ns : UINT64_MAX;

		if (now >= next) {
			r = hr_engine_tick(m->engine, &s);
			if (r < 0)
				return r;
			if (r > 0)
				take(m, s);
			progress(m, false);
			continue;
		}
		if (now >= end)
			break;
		early = wait_until(m, set, next < end ? next : end);
		if (early)
			break;
	}
	r = hr_engine_flush(m->engine, &s);
	if (r > 0)
		take(m, s);
	return r < 0 ? r : early;
}

/* Whether what was sampled leaves the answer open. */
static bool is_unknown(const struct measure *m)
{
	struct hr_answer *a = calloc(1, sizeof(*a));
	bool unknown = false;

	if (a) {
		hr_vm_answer(m->vm, "", hr_clock_wall_ms(), a);
		unknown = a->kind == HR_ANSWER_UNKNOWN;
	}
	free(a);
	return unknown;
}

/* Up to for_ns, or as far as a piece goes; 1: all of that is sampled, and the answer may stand. */
static int piece(struct measure *m, const sigset_t *set)
{
	uint64_t to = m->for_ns;
	int r;

	if (m->until_ns && m->done_ns + PIECE_NS < to)
		to = m->done_ns + PIECE_NS;
	r = sample_on(m, set, to);
	m->done_ns = to;
	if (r != 0)
		return r < 0 ? r : 1;
	if (to < m->for_ns)
		return 0;
	if (m->for_ns >= m->until_ns || !is_unknown(m))
		return 1;
	m->asked = true;
	m->for_ns = 2 * to < m->until_ns ? 2 * to : m->until_ns;
	return 0;
}

static int sample(struct measure *m, const sigset_t *set)
{
	int r;

	while ((r = piece(m, set)) == 0)
		if (wait_until(m, set, hr_clock_mono_ns() + REST_NS))
			break;
	if (m->interrupted || m->child.done)
		hr_vm_last_look(m->vm);
	progress(m, true);
	return r < 0 ? r : 0;
}

/* What became of CMD, as far as it matters: it was started by us. */
static int command_status(const struct measure *m, bool stopped)
{
	const struct hr_child *c = &m->child;

	if (!m->command || stopped)
		return HR_EXIT_DONE;
	if (WIFSIGNALED(c->status))
		return hr_cli_fail(m->cli,
			"'%s' was ended by signal %d (%s); what was measured ends there",
			m->command[0], WTERMSIG(c->status), strsignal(WTERMSIG(c->status)));
	if (WEXITSTATUS(c->status) != 0)
		return hr_cli_fail(m->cli,
			"'%s' exited with status %d; what was measured ends there", m->command[0],
			WEXITSTATUS(c->status));
	return HR_EXIT_DONE;
}

static int print(const struct measure *m)
{
	struct hr_out *out = hr_cli_out();
	struct hr_identity me = {.name = "this VM"};
	struct hr_answer *a;
	int status;

	(void)hr_identity_read("", &me);
	a = calloc(1, sizeof(*a));
	if (!a)
		return hr_cli_fail(m->cli, "out of memory");
	hr_vm_answer(m->vm, me.name, hr_clock_wall_ms(), a);
	hr_host_id_print(me.host, a->host_id);
	if (m->json) {
		char *json = hr_answer_json(a, true);

		status = json ? hr_cli_print(m->cli, json) : hr_cli_fail(m->cli, "out of memory");
		if (status == HR_EXIT_DONE)
			status = hr_cli_print(m->cli, "\n");
		free(json);
	} else if (m->explain) {
		static char steps[EXPLAIN_BYTES];

		size_t n = (size_t)snprintf(steps, sizeof(steps), "%s", m->constants);

		(void)hr_vm_explain(m->vm, a->at_ms, steps + n, sizeof(steps) - n);
		hr_render_explain(a, steps, out);
		status = hr_cli_print(m->cli, out->buf);
	} else {
		hr_render_answer(a, out);
		status = hr_cli_print(m->cli, out->buf);
	}
	free(a);
	return status;
}

static int open_engine(struct measure *m)
{
	const struct hr_engine_opts o = {.root = "",
		.force = hr_engine_force_from_env(),
		.bpf_stats = true,
		.dense = true,
		.include = m->include,
		.exclude = m->exclude,
		.limits = m->limits,
		.threads_per_core = (uint32_t)m->threads_per_core};
	const struct hr_signal_state *cpu;
	char err[512];

	if (hr_engine_open(&m->engine, &o, err) < 0)
		return hr_cli_fail(m->cli, "%s", err);
	(void)hr_stay_in_memory();
	if (m->limits && hr_machine_limits_unused(m->limits, hr_engine_facts(m->engine), err))
		(void)fprintf(stderr, "headroom measure: warning: limits not used: %s\n", err);
	cpu = &hr_engine_facts(m->engine)->signal[HR_SIG_CPU_SLOTS];
	if (cpu->rung != HR_RUNG_MISSING || o.force == HR_RUNG_FILE)
		return HR_EXIT_DONE;
	if (geteuid() != 0)
		return hr_cli_fail(m->cli, "cannot measure the CPU: %s; run: sudo headroom measure",
			cpu->reason);
	(void)fprintf(stderr,
		"headroom measure: warning: no eBPF measurement of the CPU: %s; the answer will "
		"lack it, see: headroom doctor\n",
		cpu->reason);
	return HR_EXIT_DONE;
}

static int run(struct measure *m)
{
	sigset_t set;
	bool stopped;
	int r, s;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return hr_cli_fail(m->cli, "cannot block signals: %s", strerror(errno));
	r = open_engine(m);
	if (r != HR_EXIT_DONE)
		return r;
	hr_vm_facts(m->vm, hr_engine_facts(m->engine), hr_clock_wall_ms());
	if (m->command) {
		r = hr_child_start(&m->child, m->command, m->json);
		if (r < 0)
			return hr_cli_fail(m->cli,
				"cannot run '%s': %s; check its name and that it is in the PATH",
				m->command[0], strerror(-r));
	}
	r = sample(m, &set);
	hr_child_poll(&m->child);
	stopped = m->command && !m->child.done;
	hr_child_stop(&m->child);
	if (r < 0)
		return hr_cli_fail(m->cli, "sampling stopped: %s", strerror(-r));
	if (m->covered_s >= MEASURED_MIN_S)
		r = print(m);
	else
		r = hr_cli_fail(m->cli,
			"no answer: only %.1f s were sampled; let it run for 5 s or more",
			m->covered_s);
	s = command_status(m, stopped);
	return r != HR_EXIT_DONE ? r : s;
}

int hr_cmd_measure(const struct hr_cli *cli, int argc, char **argv)
{
	struct hr_cli mine = *cli;
	struct measure m = {.cli = &mine, .include = "", .exclude = ""};
	struct hr_trace said = {.buf = m.constants, .cap = sizeof(m.constants)};
	struct hr_identity me = {.name = ""};
	int r = parse(&m, argc, argv);

	(void)hr_identity_read("", &me);
	if (r == HR_EXIT_DONE)
		r = hr_cli_model_conf(&mine, me.name, &m.conf, &said);
	if (r != HR_EXIT_DONE)
		return r;
	m.conf.min_history_h = 0;
	m.conf.minute_ms = MINUTE_MS + (m.until_ns ? RESTS_MS : 0);
	m.conf.until_ms = m.until_ns / HR_NS_PER_MS;
	m.vm = hr_vm_new(&m.conf);
	if (!m.vm)
		return hr_cli_fail(&mine, "out of memory");
	r = run(&m);
	hr_engine_close(m.engine);
	hr_vm_free(m.vm);
	return r;
}
