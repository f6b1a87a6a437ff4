/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wires the readers to the sampler: open -> (tick: read, fold) -> summaries.
 * New CPUs or devices end the open window and start an epoch before their tick is folded.
 */
#include "agent/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/bpf_io.h"
#include "agent/core/budget.h"
#include "agent/core/machine.h"
#include "agent/core/room.h"
#include "agent/core/sampler.h"
#include "agent/core_probe.h"
#include "agent/host_cgroup.h"
#include "agent/host_dev.h"
#include "agent/host_facts.h"
#include "agent/host_fs.h"
#include "agent/host_link.h"
#include "agent/host_read.h"
#include "agent/host_task.h"
#include "agent/host_tcp.h"
#include "agent/page_cache.h"
#include "agent/record.h"
#include "proto/base/clock.h"
#include "proto/units.h"

/* Threads one snapshot can hold; the top-K table knows about as many. */
#define TASKS_MAX 8192

/*
 * Devices are looked up again this often even when no name or number changed
 * (kernel-signals 10.11): a NIC removed and added within a second keeps its name.  A look
 * takes some 13 system calls per block device, loop devices too.
 */
#define RESCAN_NS (60 * HR_NS_PER_S)

/* BPF statistics tax every program on the host: 1 s every 10 min (pitfall 12). */
#define STATS_EVERY_NS (600 * HR_NS_PER_S)

/* Default budget: 1 % of one CPU, or 0.2 % of all of a large VM (kernel-signals 11). */
#define BUDGET_RATIO      0.01
#define BUDGET_CPUS_RATIO 0.002

struct hr_engine {
	char root[256];
	char include[512], exclude[512], limits[HR_MACHINE_LIMITS_LEN];
	struct hr_host_dev_opts dev_opts;
	bool bpf_stats;
	uint32_t threads_per_core; /* 0: not told */

	struct hr_host_read *host;
	struct hr_host_cgroup *cgroup; /* NULL: none mounted */
	struct hr_host_link *link;     /* NULL: no netlink */
	struct hr_host_tcp *tcp;       /* NULL: no sock_diag */
	struct hr_bpf *bpf;
	struct hr_record *record;    /* NULL: no burst recorder */
	struct hr_core_probe *probe; /* NULL: the topology is told, or cannot be measured */
	struct hr_host_devs devs;
	struct hr_host_cpus cpus;
	uint64_t names;     /* hash of device names at the last look */
	uint64_t rescan_ns; /* when to look again at the latest */
	struct hr_host_fs fs;
	struct hr_page_cache page_cache;
	struct hr_facts facts;
	struct hr_sampler_conf conf;
	struct hr_budget budget;
	struct hr_status status;
	uint64_t next_ns;
	bool ending; /* the window at hand is to hold what only a window's end reads */
	bool begun, sampling_stats, stats_sampled;
	uint64_t stats_ns; /* when the next sample of BPF statistics begins */

	struct hr_raw raw;
	struct hr_cgroup_raw cgroup_raw;
	struct hr_nic_raw nic_raw[HR_DEVS_MAX];
	struct hr_rtt_raw rtt_raw;
	uint64_t reads;                 /* of all threads, between the last two snapshots */
	struct hr_task task[TASKS_MAX]; /* pages are touched only as far as there are threads */
	struct hr_take take;
	struct hr_sampler sampler;
};

static void fill_bpf_devs(const struct hr_host_devs *devs, struct hr_bpf_dev ret[HR_DEVS_MAX])
{
	memset(ret, 0, HR_DEVS_MAX * sizeof *ret);
	for (uint32_t i = 0; i < devs->n; i++)
		ret[i] = (struct hr_bpf_dev){.kind = devs->dev[i].facts.kind,
			.major = devs->dev[i].major,
			.minor = devs->dev[i].minor,
			.ifindex = devs->dev[i].ifindex};
}

static void open_bpf(struct hr_engine *e, const struct hr_engine_opts *opts)
{
	const struct hr_room room = hr_room(e->cpus.possible,
		hr_host_dev_count(&e->devs, HR_DEV_DISK), hr_host_dev_count(&e->devs, HR_DEV_NIC));
	const struct hr_bpf_opts o = {.force = opts->force,
		.no_hooks = opts->no_hooks,
		.bpf_stats = opts->bpf_stats,
		.disks = room.disks,
		.nics = room.nics,
		.pages = hr_page_cache_wanted(e->root)};
	struct hr_bpf_dev dev[HR_DEVS_MAX];
	uint32_t loaded = 0;
	int r;

	if (hr_bpf_open(&e->bpf, &o, e->facts.signal) < 0) {
		e->bpf = NULL;
		return;
	}
	fill_bpf_devs(&e->devs, dev);
	r = hr_bpf_devices(e->bpf, dev, e->devs.n);
	if (r < 0) {
		hr_host_facts_signal(&e->facts, HR_SIG_DISK_IO, HR_RUNG_MISSING, strerror(-r));
		hr_host_facts_signal(&e->facts, HR_SIG_DISK_SYNC, HR_RUNG_MISSING, strerror(-r));
		hr_host_facts_signal(&e->facts, HR_SIG_NET_IO, HR_RUNG_MISSING, strerror(-r));
	}
	e->facts.map_bytes = hr_bpf_map_bytes(e->bpf);
	if (e->facts.signal[HR_SIG_CPU_SLOTS].rung != HR_RUNG_MISSING)
		loaded |= 1u << HR_SHED_SCHED;
	if (e->facts.signal[HR_SIG_REPLAY].rung != HR_RUNG_MISSING)
		loaded |= 1u << HR_SHED_BURST;
	if (e->facts.signal[HR_SIG_DISK_IO].rung != HR_RUNG_MISSING)
		loaded |= 1u << HR_SHED_DISK;
	if (e->facts.signal[HR_SIG_NET_IO].rung != HR_RUNG_MISSING ||
		e->facts.signal[HR_SIG_READS].rung != HR_RUNG_MISSING)
		loaded |= 1u << HR_SHED_NET;
	hr_budget_init(&e->budget, opts->budget_ratio > 0 ? opts->budget_ratio : BUDGET_RATIO,
		BUDGET_CPUS_RATIO, loaded);
}

/* States of what neither bpf_io nor the texts of a tick speak for. */
static void other_signals(struct hr_engine *e, int cgroup_err, int link_err, int tcp_err)
{
	struct hr_facts *f = &e->facts;

	if (e->cgroup) {
		hr_host_facts_signal(f, HR_SIG_CPU_QUOTA, HR_RUNG_FILE, "");
		hr_host_facts_signal(f, HR_SIG_MEMCG, HR_RUNG_FILE, "");
	} else {
		const char *why = cgroup_err == -ENOENT ? "no cpu or memory cgroup mounted"
							: strerror(-cgroup_err);

		hr_host_facts_signal(f, HR_SIG_CPU_QUOTA, HR_RUNG_MISSING, why);
		hr_host_facts_signal(f, HR_SIG_MEMCG, HR_RUNG_MISSING, why);
	}
	hr_host_facts_signal(f, HR_SIG_QDISC, e->link ? HR_RUNG_FILE : HR_RUNG_MISSING,
		e->link ? "" : strerror(-link_err));
	hr_host_facts_signal(f, HR_SIG_COST, HR_RUNG_FILE, "");
	hr_host_facts_signal(f, HR_SIG_FS, HR_RUNG_FILE, "");
	hr_host_facts_signal(f, HR_SIG_TCP_RTT, e->tcp ? HR_RUNG_FILE : HR_RUNG_MISSING,
		e->tcp ? "" : strerror(-tcp_err));
}

static void update_conf(struct hr_engine *e)
{
	hr_sampler_conf_facts(&e->conf, &e->facts);
	if (e->link)
		hr_host_link_devices(e->link, &e->devs);
}

static void cpu_facts(struct hr_engine *e)
{
	hr_host_facts_cpus(e->root, &e->cpus, &e->facts);
	if (e->threads_per_core > 0) {
		e->facts.threads_per_core = e->threads_per_core;
		hr_host_facts_signal(
			&e->facts, HR_SIG_TOPOLOGY, HR_RUNG_FILE, "as threads_per_core tells it");
	} else if (e->probe && e->facts.threads_per_core == 0) {
		hr_core_probe_facts(e->probe, &e->facts);
	}
}

/* Where the topology is hidden and this is the machine that @root describes. */
static void open_probe(struct hr_engine *e, const struct hr_engine_opts *opts)
{
	if (opts->no_core_probe || e->root[0] || !e->bpf || e->facts.threads_per_core > 0 ||
		e->facts.signal[HR_SIG_CPU_SLOTS].rung == HR_RUNG_MISSING)
		return;
	if (hr_core_probe_open(&e->probe, e->bpf, e->cpus.online) < 0)
		e->probe = NULL; /* it stays hidden, and the signal says so */
	cpu_facts(e);
}

static int open_readers(struct hr_engine *e, const struct hr_engine_opts *opts, char err[512])
{
	int r, cgroup_err, link_err, tcp_err;

	r = hr_host_read_open(&e->host, e->root);
	if (r < 0) {
		(void)snprintf(err, 512,
			"cannot read %s/proc/stat: %s; mount /proc, and run where it is visible "
			"(systemd: no ProcSubset=pid)",
			e->root, strerror(-r));
		return r;
	}
	hr_host_read_cpus(e->host, &e->cpus);
	(void)hr_host_dev_scan(&e->dev_opts, &e->devs);
	open_bpf(e, opts);
	cgroup_err = hr_host_cgroup_open(&e->cgroup, e->root);
	link_err = hr_host_link_open(&e->link);
	tcp_err = hr_host_tcp_open(&e->tcp);
	hr_host_facts_machine(e->root, &e->facts);
	cpu_facts(e);
	open_probe(e, opts);
	hr_host_facts_devs(&e->devs, &e->facts);
	(void)hr_host_read_stirred(e->host);
	hr_host_read_files(e->host, HR_TEXTS_ALL, e->raw.file);
	hr_host_facts_signals(e->raw.file, &e->facts);
	other_signals(e, cgroup_err, link_err, tcp_err);
	e->names = hr_host_read_names(e->host);
	return 0;
}

static void read_stats(struct hr_engine *e)
{
	hr_bpf_run_stats(e->bpf, &e->raw.bpf_run_ns, &e->raw.bpf_run_n);
	/* 0 means "not measured" to the sampler, and before the first sample nothing has run */
	e->raw.bpf_run_n++;
}

/*
 * Begins a sample of the programs' run time.  The first begins at the open, while
 * the process still has CAP_SYS_ADMIN; an agent that gave up its rights since measures no other.
 */
static void begin_stats(struct hr_engine *e, uint64_t now)
{
	int r = hr_bpf_stats_begin(e->bpf);

	e->sampling_stats = r == 0;
	e->stats_ns = now + STATS_EVERY_NS;
	if (r == 0) {
		hr_host_facts_signal(&e->facts, HR_SIG_EVENT_NS, HR_RUNG_FILE, "");
		e->stats_sampled = true;
		return;
	}
	e->bpf_stats = false;
	if (e->stats_sampled)
		hr_host_facts_signal(&e->facts, HR_SIG_EVENT_NS, HR_RUNG_FILE,
			"sampled at the start only: no rights are kept");
	else
		hr_host_facts_signal(&e->facts, HR_SIG_EVENT_NS, HR_RUNG_MISSING,
			r == -EPERM ? "needs CAP_SYS_ADMIN (or kernel.bpf_stats_enabled=1)"
				    : strerror(-r));
}

enum hr_rung hr_engine_force_from_env(void)
{
	const char *v = getenv("HR_FORCE");

	if (v && strcmp(v, "raw_tp") == 0)
		return HR_RUNG_RAW_TP;
	return v && strcmp(v, "file") == 0 ? HR_RUNG_FILE : HR_RUNG_UNKNOWN;
}

int hr_engine_open(struct hr_engine **ret_engine, const struct hr_engine_opts *opts, char err[512])
{
	const char *limits = opts->limits ? opts->limits : "";
	uint64_t now = hr_clock_mono_ns();
	struct hr_engine *e;
	int r;

	if (!hr_machine_limits_valid(limits, err))
		return -EINVAL;
	e = calloc(1, sizeof *e); /* some 2 MiB: what is never written never costs memory */
	if (!e) {
		(void)snprintf(err, 512, "out of memory for %zu KiB", sizeof *e / 1024);
		return -ENOMEM;
	}
	(void)snprintf(e->root, sizeof e->root, "%s", opts->root ? opts->root : "");
	(void)snprintf(e->include, sizeof e->include, "%s", opts->include ? opts->include : "");
	(void)snprintf(e->exclude, sizeof e->exclude, "%s", opts->exclude ? opts->exclude : "");
	(void)snprintf(e->limits, sizeof e->limits, "%s", limits);
	e->dev_opts = (struct hr_host_dev_opts){e->root, e->include, e->exclude, e->limits};
	e->bpf_stats = opts->bpf_stats;
	e->threads_per_core = opts->threads_per_core;
	e->facts.epoch = opts->epoch_first > 0 ? opts->epoch_first : 1;
	r = open_readers(e, opts, err);
	if (r < 0) {
		hr_engine_close(e);
		return r;
	}
	e->conf = (struct hr_sampler_conf){
		.align = opts->align, .seq_min = opts->seq_min, .self_pid = (uint32_t)getpid()};
	update_conf(e);
	hr_sampler_init(&e->sampler, &e->conf);
	if (e->bpf && e->facts.signal[HR_SIG_REPLAY].rung != HR_RUNG_MISSING)
		(void)hr_record_open(
			&e->record, hr_clock_wall_ms(), opts->dense, now); /* none: no slices */
	e->next_ns = e->stats_ns = now;
	e->rescan_ns = now + RESCAN_NS;
	if (e->bpf && e->bpf_stats)
		begin_stats(e, now);
	else
		hr_host_facts_signal(&e->facts, HR_SIG_EVENT_NS, HR_RUNG_MISSING,
			e->bpf ? "switched off (bpf_stats)" : "no BPF programs");
	*ret_engine = e;
	return 0;
}

void hr_engine_close(struct hr_engine *e)
{
	if (!e)
		return;
	if (e->sampling_stats)
		hr_bpf_stats_end(e->bpf);
	hr_record_close(e->record);
	hr_core_probe_close(e->probe);
	hr_bpf_close(e->bpf);
	hr_host_link_close(e->link);
	hr_host_tcp_close(e->tcp);
	hr_host_cgroup_close(e->cgroup);
	hr_host_read_close(e->host);
	free(e);
}

uint64_t hr_engine_next_ns(const struct hr_engine *e)
{
	return e->next_ns;
}

const struct hr_status *hr_engine_status(const struct hr_engine *e)
{
	return &e->status;
}

const struct hr_facts *hr_engine_facts(const struct hr_engine *e)
{
	return &e->facts;
}

/* Threads by the iterator, by /proc when that fails; what neither gives stays NULL. */
static void read_tasks(struct hr_engine *e)
{
	struct hr_raw *raw = &e->raw;
	int r = -ENOSYS;

	raw->n_task = 0;
	raw->tasks_cut = false;
	if (e->bpf && e->facts.signal[HR_SIG_THREADS].rung == HR_RUNG_ITER) {
		r = hr_bpf_tasks(e->bpf, e->task, TASKS_MAX, &raw->n_task, &raw->tasks_cut);
		if (r < 0)
			hr_host_facts_signal(&e->facts, HR_SIG_THREADS, HR_RUNG_FILE, strerror(-r));
	}
	if (r < 0)
		r = hr_host_task_read(e->root, e->task, TASKS_MAX, &raw->n_task, &raw->tasks_cut);
	if (r < 0)
		hr_host_facts_signal(&e->facts, HR_SIG_THREADS, HR_RUNG_MISSING, strerror(-r));
	raw->task = r < 0 ? NULL : e->task;
	if (e->bpf)
		e->reads = hr_bpf_reads(e->bpf, e->task, raw->n_task);
}

static void read_all(struct hr_engine *e)
{
	e->raw.brief = false;
	hr_host_read_files(e->host, HR_TEXTS_ALL, e->raw.file);
	e->raw.self_cpu_us = hr_clock_cpu_us();
}

/* The texts of this tick; returns the hash of device names, as far as they may have changed. */
static uint64_t read_texts(struct hr_engine *e)
{
	bool stirred = hr_host_read_stirred(e->host);

	if (!e->begun || e->ending || hr_sampler_closes(&e->sampler, e->raw.boot_ns)) {
		read_all(e);
		return hr_host_read_names(e->host);
	}
	e->raw.brief = true;
	hr_host_read_files(e->host, stirred ? HR_TEXTS_DEVICES : HR_TEXTS_TICK, e->raw.file);
	return stirred ? hr_host_read_names(e->host) : e->names;
}

/*
 * The kernel walks its whole table of connections for it: 2.8 ms for the 262,144 entries of a VM
 * with 24 GB, however few there are.  Where next to nothing is sent, nothing could be told by it.
 */
static void read_rtt(struct hr_engine *e)
{
	if (!e->tcp)
		return;
	e->rtt_raw = (struct hr_rtt_raw){0};
	if (hr_sampler_quiet(&e->sampler, &e->raw) || hr_host_tcp_read(e->tcp, &e->rtt_raw) == 0)
		e->raw.rtt = &e->rtt_raw;
}

/* What else is read once a window. */
static void read_slow(struct hr_engine *e)
{
	read_tasks(e);
	if (e->begun) /* the base tick counts nothing */
		e->raw.n_fs =
			hr_host_fs_window(&e->fs, e->root, e->raw.mono_ns, &e->facts, &e->raw.fs);
	if (e->cgroup) {
		(void)hr_host_cgroup_pass(e->cgroup, &e->cgroup_raw);
		hr_host_cgroup_facts(&e->cgroup_raw, &e->facts);
		e->raw.cgroup = &e->cgroup_raw;
	}
	if (e->link && hr_host_link_read(e->link, e->nic_raw) == 0)
		e->raw.nic = e->nic_raw;
	read_rtt(e);
	e->raw.pages = hr_page_cache_look(
		&e->page_cache, e->root, e->bpf, &e->raw.file[HR_FILE_MEMINFO], &e->facts);
	if (e->bpf) /* a kernel that never drops: stays 0 */
		(void)hr_bpf_misses(e->bpf, &e->raw.bpf_missed);
	e->raw.self_rss_bytes = hr_host_read_private_bytes(e->host, e->raw.mono_ns);
}

/* Programs' run time is measured for one second at the start and one every 10 min. */
static void sample_stats(struct hr_engine *e, uint64_t now)
{
	if (!e->bpf || !e->bpf_stats)
		return;
	if (!e->begun) {
		read_stats(e); /* the base */
	} else if (e->sampling_stats) {
		read_stats(e);
		hr_bpf_stats_end(e->bpf);
		e->sampling_stats = false;
	} else if (now >= e->stats_ns) {
		begin_stats(e, now);
	}
}

/* CPUs or devices changed: true when the facts are of a new epoch now.  @names as in the texts. */
static bool look_for_change(struct hr_engine *e, uint64_t now, uint64_t names)
{
	struct hr_host_cpus cpus;
	bool changed = false;

	hr_host_read_cpus(e->host, &cpus);
	if (cpus.online != e->cpus.online || cpus.online_hash != e->cpus.online_hash) {
		e->cpus = cpus;
		if (e->probe)
			hr_core_probe_cpus(e->probe, cpus.online);
		cpu_facts(e);
		changed = true;
	} else if (e->probe && hr_core_probe_tick(e->probe, now)) {
		/* the CPUs are the same, only better known: windows before and after belong
		 * together */
		cpu_facts(e);
	}
	if (names != e->names || now >= e->rescan_ns) {
		e->names = names;
		e->rescan_ns = now + RESCAN_NS;
		if (hr_host_dev_scan(&e->dev_opts, &e->devs)) {
			struct hr_bpf_dev dev[HR_DEVS_MAX];

			fill_bpf_devs(&e->devs, dev);
			if (e->bpf)
				(void)hr_bpf_devices(e->bpf, dev, e->devs.n);
			hr_host_facts_devs(&e->devs, &e->facts);
			changed = true;
		}
	}
	if (changed) {
		e->facts.epoch++;
		update_conf(e);
	}
	return changed;
}

/* Hooks that go, with the signals that they gave. */
static void shed(struct hr_engine *e, enum hr_shed what, const char *reason)
{
	uint64_t signals = hr_bpf_shed(e->bpf, what);

	e->facts.shed |= 1u << what;
	for (int s = 0; s < HR_SIG_N; s++)
		if (signals & HR_SIG_BIT(s))
			hr_host_facts_signal(&e->facts, (enum hr_signal)s, HR_RUNG_MISSING, reason);
	(void)snprintf(e->status.why, sizeof e->status.why, "%s", reason);
}

static void note_status(
	struct hr_engine *e, const struct hr_summary *s, const struct hr_budget_sample *b)
{
	struct hr_status *st = &e->status;
	double hook_us = e->bpf ? (double)hr_budget_hook_us(&e->budget, b) : 0;
	double per_us = b->dur_ms > 0 ? 1e3 / (double)b->dur_ms : 0; /* ppm of the window */

	st->pid = e->conf.self_pid;
	st->wall_ms = s->t_end_ms;
	st->hook_ppm = (uint64_t)(hook_us * per_us + 0.5);
	st->cost_ppm = (uint64_t)(((double)b->cpu_us + hook_us) * per_us + 0.5);
	st->budget_ppm = (uint64_t)(hr_budget_limit(&e->budget, b->cpus) * 1e6 + 0.5);
	st->event_ns = (uint64_t)(e->budget.ns_per_event + 0.5);
	st->rss_bytes = s->ctr[HR_CTR_SELF_RSS_BYTES];
	st->map_bytes = e->facts.map_bytes;
	st->shed = e->facts.shed;
}

/* The agent's own cost of the window just closed; over budget for long, one hook goes. */
static void guard_budget(struct hr_engine *e, const struct hr_summary *s)
{
	struct hr_budget_sample b = {.dur_ms = s->dur_ms,
		.cpus = s->cpus,
		.cpu_us = s->ctr[HR_CTR_SELF_CPU_US],
		.has_bpf = hr_has(s, HR_SIG_EVENT_NS),
		.bpf_ns = s->ctr[HR_CTR_SELF_BPF_NS],
		.bpf_n = s->ctr[HR_CTR_SELF_BPF_EVENTS],
		.switches = s->ctr[HR_CTR_SWITCHES],
		/* of some threads, or of all in whole blocks: the more */
		.reads = e->reads > s->ctr[HR_CTR_READ_N] ? e->reads : s->ctr[HR_CTR_READ_N]};
	char reason[HR_REASON_LEN];
	enum hr_shed what;
	bool over;

	for (uint8_t i = 0; i < s->n_dev; i++) {
		const struct hr_dev_summary *d = &s->dev[i];

		/* what is sent fires a hook again when the device is done with it: consume_skb */
		b.packets += d->ctr[HR_DCTR_RX_PACKETS] + 2 * d->ctr[HR_DCTR_TX_PACKETS];
		b.ios += d->ctr[HR_DCTR_RD_N] + d->ctr[HR_DCTR_WR_N];
	}
	if (!e->bpf) {
		note_status(e, s, &b);
		return;
	}
	over = hr_budget_window(&e->budget, &b, &what, reason);
	hr_sampler_hook_us(&e->sampler, hr_budget_hook_us(&e->budget, &b));
	if (over)
		shed(e, what, reason);
	note_status(e, s, &b);
}

static void record(struct hr_engine *e)
{
	if (e->record && e->facts.signal[HR_SIG_REPLAY].rung != HR_RUNG_MISSING)
		hr_record_tick(e->record, e->bpf, e->raw.mono_ns, e->facts.cpus_online, e->ending,
			&e->sampler);
}

int hr_engine_tick(struct hr_engine *e, const struct hr_summary **ret_summary)
{
	struct hr_raw *raw = &e->raw;
	const struct hr_summary *early = NULL, *closed = NULL;
	uint64_t names;
	int ended = 0, r;

	raw->mono_ns = hr_clock_mono_ns();
	raw->boot_ns = hr_clock_boot_ns();
	raw->wall_ms = hr_clock_wall_ms();
	raw->due_ns = e->next_ns;
	raw->take = e->bpf && hr_bpf_take(e->bpf, raw->mono_ns, &e->take) == 0 ? &e->take : NULL;
	raw->task = NULL;
	raw->cgroup = NULL;
	raw->nic = NULL;
	raw->rtt = NULL;
	raw->fs = NULL;
	names = read_texts(e);
	sample_stats(e, raw->mono_ns);
	if (e->begun && look_for_change(e, raw->mono_ns, names)) {
		read_slow(e);
		ended = hr_sampler_change(&e->sampler, &e->conf, raw, &early);
		if (raw->brief)
			read_all(e); /* the base of what begins now */
	} else if (!raw->brief) {
		read_slow(e);
	}
	e->begun = true;
	if (e->ending)
		record(e);
	r = hr_sampler_tick(&e->sampler, raw, &closed);
	if (!e->ending)
		record(e);
	e->next_ns = hr_sampler_next_ns(&e->sampler, raw->mono_ns, raw->boot_ns);
	if (closed)
		guard_budget(e, closed);
	if (r < 0 || ended < 0)
		return r < 0 ? r : ended;
	if (!early && !closed)
		return 0;
	*ret_summary = early ? early : closed;
	return 1;
}

int hr_engine_flush(struct hr_engine *e, const struct hr_summary **ret_summary)
{
	const struct hr_summary *rest = NULL;
	int r, flushed;

	if (!e->begun)
		return 0;
	e->ending = true;
	r = hr_engine_tick(e, ret_summary);
	e->ending = false;
	/* a window that this very tick closed leaves an empty one, which ends as well */
	flushed = hr_sampler_flush(&e->sampler, &rest);
	if (r == 0 && flushed > 0)
		*ret_summary = rest;
	return r != 0 ? r : flushed;
}
