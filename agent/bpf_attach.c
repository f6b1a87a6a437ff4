/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens, loads and attaches our BPF objects, one resource at a time
 * (bpf_objects.c knows each).  A hook that fails on its rung is told to the ladder
 * and its object opened again, so one failure never stops its siblings.
 */
#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "agent/bpf_parts.h"
#include "agent/kernel_probe.h"
#include "proto/base/fsio.h"
#include "proto/cleanup.h"
#include "proto/num.h"

/* From 5.18 on sched_switch hands over the state of the task that leaves. */
#define SWITCH_ARGS 4

/* Programs of a hook, and the object they live in. */
static const struct {
	enum hr_part_id part;
	const char *typed, *raw;
} programs[HR_HOOK_N] = {
	[HR_HOOK_SWITCH] = {HR_PART_CPU, "on_switch_btf", "on_switch_raw"},
	[HR_HOOK_READ] = {HR_PART_CPU, "on_read_btf", "on_read_raw"},
	[HR_HOOK_UNIX] = {HR_PART_CPU, "on_unix_btf", "on_unix_raw"},
	[HR_HOOK_BLOCK] = {HR_PART_DISK, "on_complete_btf", "on_complete_raw"},
	[HR_HOOK_RECEIVE] = {HR_PART_NET, "on_receive_btf", "on_receive_raw"},
	[HR_HOOK_XMIT] = {HR_PART_NET, "on_xmit_btf", "on_xmit_raw"},
	[HR_HOOK_RETRANS] = {HR_PART_NET, "on_retransmit_btf", "on_retransmit_raw"},
	[HR_HOOK_RECLAIM_BEGIN] = {HR_PART_MEM, "on_begin_btf", "on_begin_raw"},
	[HR_HOOK_RECLAIM_END] = {HR_PART_MEM, "on_end_btf", "on_end_raw"},
	[HR_HOOK_VICTIM] = {HR_PART_MEM, "on_victim_btf", "on_victim_raw"},
	[HR_HOOK_TASKS] = {HR_PART_TASK, "on_task", "on_task"},
};

/* --- what libbpf says ------------------------------------------------------ */

/* Only during hr_bpf_open(): libbpf has one print function per process. */
static struct {
	char prog[32]; /* program named in the last complaint */
	char text[64]; /* the complaint, one line */
} said;

/* The verifier's own sentence stands before its statistics, at the end of the log. */
static const char *verdict_of(char *log)
{
	char *end = strstr(log, "\nprocessed "), *line;

	if (!end)
		end = strstr(log, "\n-- END");
	if (!end)
		return NULL;
	*end = '\0';
	line = strrchr(log, '\n');
	return line && line[1] ? line + 1 : NULL;
}

__attribute__((format(printf, 2, 0))) static int listen_to_libbpf(
	enum libbpf_print_level level, const char *format, va_list args)
{
	HR_CLEANUP(hr_freep) char *line = NULL;
	const char *p, *verdict;

	if (level != LIBBPF_WARN || vasprintf(&line, format, args) < 0)
		return 0;
	p = strstr(line, "prog '");
	if (p)
		sscanf(p, "prog '%31[^']'", said.prog);
	verdict = strstr(line, "PROG LOAD LOG") ? verdict_of(line) : NULL;
	if (verdict)
		snprintf(said.text, sizeof(said.text), "%s", verdict);
	else if (!said.text[0])
		snprintf(said.text, sizeof(said.text), "%.*s", (int)strcspn(line, "\n"),
			strncmp(line, "libbpf: ", 8) ? line : line + 8);
	return 0;
}

/* --- one object ------------------------------------------------------------- */

static void detach(struct hr_bpf *b, enum hr_hook h)
{
	bpf_link__destroy(b->link[h]);
	b->link[h] = NULL;
	b->prog_fd[h] = -1;
}

static void close_part(struct hr_bpf *b, enum hr_part_id id)
{
	struct hr_part *p = &b->part[id];

	for (int h = 0; h < HR_HOOK_N; h++) {
		if (programs[h].part == id && b->link[h]) {
			detach(b, (enum hr_hook)h);
		}
	}
	if (p->skel)
		hr_part_destroy(id, p->skel);
	*p = (struct hr_part){0};
}

static const char *program_of(const struct hr_bpf *b, enum hr_hook h, enum hr_rung rung)
{
	if (h == HR_HOOK_SWITCH && b->facts.hook[h].args < SWITCH_ARGS)
		return rung == HR_RUNG_RAW_TP ? "on_switch3_raw" : "on_switch3_btf";
	if (h == HR_HOOK_BLOCK && rung != HR_RUNG_RAW_TP && !b->facts.no_nesting)
		return "on_complete_nested_btf";
	if (h == HR_HOOK_READ && rung != HR_RUNG_RAW_TP && !b->facts.cast)
		return "on_read_probe_btf";
	return rung == HR_RUNG_RAW_TP ? programs[h].raw : programs[h].typed;
}

/* Left out by the operator, or for want of anything to measure; NULL: not. */
static const char *left_out(const struct hr_bpf *b, enum hr_hook h)
{
	uint64_t no = b->opts.no_hooks;

	switch (h) {
	case HR_HOOK_SWITCH:
		return no >> HR_SHED_SCHED & 1 ? "switch hook off by option" : NULL;
	case HR_HOOK_BLOCK:
		return no >> HR_SHED_DISK & 1 ? "disk hook off by option"
		       : b->opts.disks == 0   ? "no whole disk to measure"
					      : NULL;
	case HR_HOOK_RECEIVE:
	case HR_HOOK_XMIT:
		return no >> HR_SHED_NET & 1 ? "network hooks off by option"
		       : b->opts.nics == 0   ? "no network device with a bus parent"
					     : NULL;
	case HR_HOOK_READ:
	case HR_HOOK_UNIX:
		return no >> HR_SHED_SCHED & 1 ? "switch hook off by option"
		       : no >> HR_SHED_NET & 1 ? "network hooks off by option"
					       : NULL;
	default:
		return NULL;
	}
}

/* Asks the ladder for each hook of the object; false when none is left to try. */
static bool choose(struct hr_bpf *b, enum hr_part_id id)
{
	char why[HR_REASON_LEN];
	bool any = false;

	for (int h = 0; h < HR_HOOK_N; h++) {
		if (programs[h].part != id)
			continue;
		b->rung[h] =
			left_out(b, (enum hr_hook)h)
				? HR_RUNG_MISSING
				: hr_ladder_hook(&b->facts, (enum hr_hook)h, b->opts.force, why);
		/* asked before them: without bursts nobody can say what waited for work */
		if ((h == HR_HOOK_READ && b->rung[HR_HOOK_SWITCH] == HR_RUNG_MISSING) ||
			(h == HR_HOOK_UNIX && b->rung[HR_HOOK_READ] == HR_RUNG_MISSING))
			b->rung[h] = HR_RUNG_MISSING;
		any |= b->rung[h] != HR_RUNG_MISSING;
	}
	return any;
}

static void select_programs(struct hr_bpf *b, enum hr_part_id id)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, b->part[id].obj) bpf_program__set_autoload(prog, false);
	for (int h = 0; h < HR_HOOK_N; h++) {
		if (programs[h].part != id || b->rung[h] == HR_RUNG_MISSING)
			continue;
		prog = bpf_object__find_program_by_name(
			b->part[id].obj, program_of(b, (enum hr_hook)h, b->rung[h]));
		if (prog)
			bpf_program__set_autoload(prog, true);
	}
}

/* Load failed: the program libbpf named is to blame; when it named none of ours, all are. */
static void blame(struct hr_bpf *b, enum hr_part_id id, int err)
{
	bool found = false;

	for (int pass = 0; pass < 2 && !found; pass++) {
		for (int h = 0; h < HR_HOOK_N; h++) {
			if (programs[h].part != id || b->rung[h] == HR_RUNG_MISSING)
				continue;
			if (pass == 0 &&
				strcmp(said.prog, program_of(b, (enum hr_hook)h, b->rung[h])) != 0)
				continue;
			hr_ladder_failed(&b->facts, (enum hr_hook)h, b->rung[h], err, said.text);
			found = true;
		}
	}
}

/* 0, or the error of the first hook that could not be attached (already told to the ladder). */
static int attach_hooks(struct hr_bpf *b, enum hr_part_id id)
{
	for (int h = 0; h < HR_HOOK_N; h++) {
		struct bpf_program *prog;

		if (programs[h].part != id || b->rung[h] == HR_RUNG_MISSING)
			continue;
		prog = bpf_object__find_program_by_name(
			b->part[id].obj, program_of(b, (enum hr_hook)h, b->rung[h]));
		said.text[0] = '\0';
		b->link[h] = bpf_program__attach(prog);
		if (!b->link[h]) {
			int err = -errno;

			hr_ladder_failed(&b->facts, (enum hr_hook)h, b->rung[h], err, said.text);
			return err;
		}
		b->prog_fd[h] = bpf_program__fd(prog);
	}
	return 0;
}

static void *map_cells(struct bpf_object *obj, const char *name, size_t bytes, int prot)
{
	int fd = bpf_object__find_map_fd_by_name(obj, name);
	void *p = fd < 0 ? MAP_FAILED : mmap(NULL, bytes, prot, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Opens, loads and attaches until every hook of the object is on a rung that works, or off. */
static void start_part(struct hr_bpf *b, enum hr_part_id id)
{
	/* each round takes a hook one rung down: two rungs per hook at most */
	for (int round = 0; round < 2 * HR_HOOK_N && choose(b, id); round++) {
		int r;

		memset(&said, 0, sizeof(said));
		b->part[id].skel = hr_part_open(b, id);
		if (!b->part[id].skel) {
			r = -errno;
		} else {
			select_programs(b, id);
			r = hr_part_load(b, id);
		}
		if (r != 0)
			blame(b, id, r);
		else if (attach_hooks(b, id) == 0)
			return;
		close_part(b, id);
	}
	choose(b, id);
}

/* --- after attaching --------------------------------------------------------- */

/*
 * Visits every CPU we may run on: each then has switched once, so its cell knows
 * who runs there, and a switch hook that stays silent is found out.
 */
static void visit_cpus(uint32_t cpus)
{
	size_t size = CPU_ALLOC_SIZE(cpus);
	cpu_set_t *home = CPU_ALLOC(cpus), *one = CPU_ALLOC(cpus);

	if (home && one && sched_getaffinity(0, size, home) == 0) {
		for (uint32_t i = 0; i < cpus; i++) {
			CPU_ZERO_S(size, one);
			CPU_SET_S(i, size, one);
			(void)sched_setaffinity(0, size, one); /* offline, or not ours: no visit */
		}
		(void)sched_setaffinity(0, size, home);
	}
	CPU_FREE(home);
	CPU_FREE(one);
}

/* Highest CPU that is online, and one, of a list such as "0-3,8-11"; 0 where the kernel does not
 * say. */
static uint32_t highest_online(void)
{
	char text[4096];
	long n = hr_fs_read("/sys/devices/system/cpu/online", text, sizeof(text));
	uint64_t last;
	size_t at;

	if (n <= 0)
		return 0;
	at = strcspn(text, "\n");
	while (at > 0 && text[at - 1] >= '0' && text[at - 1] <= '9')
		at--;
	if (!hr_num_u64_n(text + at, strcspn(text + at, "\n"), &last) || last >= HR_CPUS_MAX)
		return 0;
	return (uint32_t)last + 1;
}

static bool switch_fires(const struct hr_bpf *b)
{
	visit_cpus(b->view.cpus);
	for (int tries = 0; tries < 20; tries++) {
		uint64_t n = 0;

		for (uint32_t i = 0; i < b->view.cpus; i++)
			n += __atomic_load_n(&b->view.cpu[i].seq, __ATOMIC_RELAXED);
		if (n)
			return true;
		usleep(1000);
	}
	return false;
}

static void start_cpu(struct hr_bpf *b)
{
	size_t bytes = b->view.cpus * sizeof(struct hr_cpu_cell);

	for (int tries = 0; tries < 2; tries++) {
		start_part(b, HR_PART_CPU);
		if (!b->part[HR_PART_CPU].obj)
			return;
		b->cpu_cell = map_cells(
			b->part[HR_PART_CPU].obj, "hr_cpu_cells", bytes, PROT_READ | PROT_WRITE);
		b->view.cpu = b->cpu_cell;
		if (b->view.cpu && switch_fires(b))
			return;
		hr_ladder_failed(&b->facts, HR_HOOK_SWITCH, b->rung[HR_HOOK_SWITCH],
			b->view.cpu ? -ENODATA : -ENOMEM, "");
		if (b->view.cpu)
			munmap(b->cpu_cell, bytes);
		b->view.cpu = b->cpu_cell = NULL;
		close_part(b, HR_PART_CPU);
	}
	choose(b, HR_PART_CPU);
}

static uint64_t memlock_of(int fd)
{
	char path[64], line[128];
	unsigned long long bytes = 0;
	HR_CLEANUP(hr_fclosep) FILE *f = NULL;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	return bytes;
}

/* Kernels before 6.4 reckon entries x size, which makes a ring nothing. */
static uint64_t map_bytes(const struct bpf_map *map)
{
	uint64_t bytes = memlock_of(bpf_map__fd(map)), ring = bpf_map__max_entries(map);

	return bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF && bytes < ring ? ring : bytes;
}

static uint64_t count_map_bytes(const struct hr_bpf *b)
{
	struct bpf_map *map;
	uint64_t bytes = 0;

	for (int i = 0; i < HR_PART_N; i++) {
		if (!b->part[i].obj)
			continue;
		bpf_object__for_each_map(map, b->part[i].obj) bytes += map_bytes(map);
	}
	return bytes;
}

/* State of a signal that @h delivers, together with @also (HR_HOOK_N: none). */
static void tell(struct hr_bpf *b, enum hr_signal sig, enum hr_hook h, enum hr_hook also,
	struct hr_signal_state signal[HR_SIG_N])
{
	char why[HR_REASON_LEN];
	enum hr_rung rung = hr_ladder_hook(&b->facts, h, b->opts.force, why);
	const char *out = left_out(b, h);

	if (out) {
		rung = HR_RUNG_MISSING;
		snprintf(why, sizeof(why), "%s", out);
	} else if (also != HR_HOOK_N && rung != HR_RUNG_MISSING) {
		enum hr_rung other = hr_ladder_hook(&b->facts, also, b->opts.force, why);

		if (other > rung) /* raw_tp and missing are the larger numbers */
			rung = other;
	}
	if (rung != HR_RUNG_MISSING && (!b->link[h] || (also != HR_HOOK_N && !b->link[also]))) {
		rung = HR_RUNG_MISSING;
		snprintf(why, sizeof(why), "could not be loaded");
	}
	hr_ladder_signal(sig, rung, why, &signal[sig]);
	if (rung != HR_RUNG_MISSING)
		b->have |= HR_SIG_BIT(sig);
}

static int on_stint(void *ctx, void *data, size_t size)
{
	struct hr_bpf *b = ctx;

	if (size >= sizeof(struct hr_stint_rec))
		b->stint_fn(data, b->stint_arg);
	return 0;
}

/* Maps the ring of the burst recorder and says whether there is one. */
static void start_recorder(struct hr_bpf *b, struct hr_signal_state signal[HR_SIG_N])
{
	const char *why = b->opts.no_hooks >> HR_SHED_BURST & 1 ? "recorder off by option" : NULL;

	tell(b, HR_SIG_REPLAY, HR_HOOK_SWITCH, HR_HOOK_N, signal);
	if (!(b->have & HR_SIG_BIT(HR_SIG_REPLAY)))
		return;
	if (!why) {
		b->ring = ring_buffer__new(
			bpf_object__find_map_fd_by_name(b->part[HR_PART_CPU].obj, "hr_stints"),
			on_stint, b, NULL);
		why = b->ring ? NULL : strerror(errno);
	}
	if (!why)
		return;
	b->have &= ~HR_SIG_BIT(HR_SIG_REPLAY);
	hr_ladder_signal(HR_SIG_REPLAY, HR_RUNG_MISSING, why, &signal[HR_SIG_REPLAY]);
}

static void tell_event_ns(const struct hr_bpf *b, struct hr_signal_state *ret)
{
	bool any = b->link[HR_HOOK_SWITCH] || b->link[HR_HOOK_BLOCK] || b->link[HR_HOOK_XMIT];
	const char *why = !any                      ? "no BPF program runs"
			  : !b->opts.bpf_stats      ? "not asked for (host-wide kernel switch)"
			  : !b->facts.cap_sys_admin ? "BPF run statistics need CAP_SYS_ADMIN"
						    : "";

	ret->rung = why[0] ? HR_RUNG_MISSING : HR_RUNG_FILE; /* program info by descriptor */
	snprintf(ret->reason, sizeof(ret->reason), "%s", why);
}

static void tell_disk_sync(struct hr_bpf *b, struct hr_signal_state signal[HR_SIG_N])
{
	tell(b, HR_SIG_DISK_SYNC, HR_HOOK_BLOCK, HR_HOOK_N, signal);
	if (b->facts.flags_sync || !(b->have & HR_SIG_BIT(HR_SIG_DISK_SYNC)))
		return;
	b->have &= ~HR_SIG_BIT(HR_SIG_DISK_SYNC);
	hr_ladder_signal(HR_SIG_DISK_SYNC, HR_RUNG_MISSING,
		"kernel's enum req_flag_bits has no __REQ_SYNC or __REQ_RAHEAD",
		&signal[HR_SIG_DISK_SYNC]);
}

/* It holds without UNIX sockets, and says so. */
static void tell_reads(struct hr_bpf *b, struct hr_signal_state *ret)
{
	if (b->have & HR_SIG_BIT(HR_SIG_READS) && !b->link[HR_HOOK_UNIX])
		snprintf(ret->reason, sizeof(ret->reason), "of TCP only: no consume_skb");
}

static void tell_signals(struct hr_bpf *b, struct hr_signal_state signal[HR_SIG_N])
{
	tell(b, HR_SIG_CPU_SLOTS, HR_HOOK_SWITCH, HR_HOOK_N, signal);
	tell(b, HR_SIG_RUNQ_WAIT, HR_HOOK_SWITCH, HR_HOOK_N, signal);
	tell(b, HR_SIG_BURSTS, HR_HOOK_SWITCH, HR_HOOK_N, signal);
	tell(b, HR_SIG_THREADS, HR_HOOK_TASKS, HR_HOOK_N, signal);
	tell(b, HR_SIG_READS, HR_HOOK_READ, HR_HOOK_SWITCH, signal);
	tell_reads(b, &signal[HR_SIG_READS]);
	tell(b, HR_SIG_DISK_IO, HR_HOOK_BLOCK, HR_HOOK_N, signal);
	tell_disk_sync(b, signal);
	tell(b, HR_SIG_NET_IO, HR_HOOK_RECEIVE, HR_HOOK_XMIT, signal);
	tell(b, HR_SIG_TCP_RETRANS, HR_HOOK_RETRANS, HR_HOOK_N, signal);
	tell(b, HR_SIG_RECLAIM, HR_HOOK_RECLAIM_BEGIN, HR_HOOK_RECLAIM_END, signal);
	tell(b, HR_SIG_OOM, HR_HOOK_VICTIM, HR_HOOK_N, signal);
	start_recorder(b, signal);
	tell_event_ns(b, &signal[HR_SIG_EVENT_NS]);
}

static uint32_t at_least_one(uint32_t n, uint32_t max)
{
	return n == 0 ? 1 : n > max ? max : n;
}

/* Loads the four objects that need no check of their own, and maps their cells. */
static void start_others(struct hr_bpf *b)
{
	struct hr_cells_view *v = &b->view;

	for (int id = HR_PART_DISK; id <= HR_PART_TASK; id++)
		start_part(b, (enum hr_part_id)id);
	if (b->link[HR_HOOK_BLOCK])
		v->disk = map_cells(b->part[HR_PART_DISK].obj, "hr_disk_cells",
			sizeof(struct hr_disk_cell) * v->cpus * v->disks, PROT_READ);
	if (b->link[HR_HOOK_RECEIVE] || b->link[HR_HOOK_XMIT])
		v->nic = map_cells(b->part[HR_PART_NET].obj, "hr_nic_cells",
			sizeof(struct hr_nic_cell) * v->cpus * v->nics, PROT_READ);
	if (b->link[HR_HOOK_RECLAIM_END])
		v->mem = map_cells(b->part[HR_PART_MEM].obj, "hr_mem_cells",
			sizeof(struct hr_mem_cell) * v->cpus, PROT_READ);
	/* mapped or not attached at all: a hook whose cells nobody can read only costs */
	if (b->link[HR_HOOK_BLOCK] && !v->disk)
		close_part(b, HR_PART_DISK);
	if (b->link[HR_HOOK_RECLAIM_END] && !v->mem)
		close_part(b, HR_PART_MEM);
	if ((b->link[HR_HOOK_RECEIVE] || b->link[HR_HOOK_XMIT]) && !v->nic)
		close_part(b, HR_PART_NET);
	memset(v->disk_dev, HR_DEVS_MAX, sizeof(v->disk_dev));
	memset(v->nic_dev, HR_DEVS_MAX, sizeof(v->nic_dev));
}

int hr_bpf_open(struct hr_bpf **ret_bpf, const struct hr_bpf_opts *opts,
	struct hr_signal_state signal[HR_SIG_N])
{
	struct hr_bpf *b = calloc(1, sizeof(*b));
	int cpus;

	if (!b)
		return -ENOMEM;
	b->opts = *opts;
	b->stats_fd = b->page_fd = -1;
	for (int h = 0; h < HR_HOOK_N; h++)
		b->prog_fd[h] = -1;
	libbpf_set_print(listen_to_libbpf);
	hr_kernel_probe(&b->facts);
	cpus = libbpf_num_possible_cpus();
	b->view.cpus = cpus < 1 ? 1 : cpus > HR_CPUS_MAX ? HR_CPUS_MAX : (uint32_t)cpus;
	b->view.online = highest_online();
	b->view.disks = at_least_one(opts->disks, HR_DISKS_MAX);
	b->view.nics = at_least_one(opts->nics, HR_NICS_MAX);
	b->cells = calloc(1, hr_cells_size(b->view.cpus, b->view.disks, b->view.nics));
	b->open_end = calloc(b->view.cpus, sizeof(*b->open_end));
	b->view.open_end = b->open_end;
	if (!b->cells || !b->open_end) {
		hr_bpf_close(b);
		return -ENOMEM;
	}
	hr_cells_init(b->cells, b->view.cpus, b->view.disks, b->view.nics);
	start_cpu(b);
	start_others(b);
	hr_bpf_pages_start(b);
	b->map_bytes = count_map_bytes(b);
	tell_signals(b, signal);
	malloc_trim(0); /* several MB of BTF were parsed and freed */
	*ret_bpf = b;
	return 0;
}

static void unmap(const void *p, size_t bytes)
{
	if (p)
		munmap((void *)p, bytes);
}

void hr_bpf_close(struct hr_bpf *b)
{
	const struct hr_cells_view *v;

	if (!b)
		return;
	v = &b->view;
	unmap(v->cpu, v->cpus * sizeof(struct hr_cpu_cell));
	unmap(v->disk, v->cpus * v->disks * sizeof(struct hr_disk_cell));
	unmap(v->nic, v->cpus * v->nics * sizeof(struct hr_nic_cell));
	unmap(v->mem, v->cpus * sizeof(struct hr_mem_cell));
	for (int i = 0; i < HR_PART_N; i++)
		close_part(b, (enum hr_part_id)i);
	hr_bpf_stats_end(b);
	ring_buffer__free(b->ring);
	free(b->cells);
	free(b->open_end);
	free(b);
}

/* What each step of shedding detaches, and which signals go with it. */
static const struct {
	enum hr_hook hook[4]; /* up to HR_HOOK_N */
	uint64_t signals;
} shed_table[HR_SHED_N] = {
	[HR_SHED_BURST] = {{HR_HOOK_N}, HR_SIG_BIT(HR_SIG_REPLAY)},
	[HR_SHED_NET] = {{HR_HOOK_RECEIVE, HR_HOOK_XMIT, HR_HOOK_READ, HR_HOOK_UNIX},
		HR_SIG_BIT(HR_SIG_NET_IO) | HR_SIG_BIT(HR_SIG_READS)},
	[HR_SHED_DISK] = {{HR_HOOK_BLOCK, HR_HOOK_N},
		HR_SIG_BIT(HR_SIG_DISK_IO) | HR_SIG_BIT(HR_SIG_DISK_SYNC)},
	[HR_SHED_SCHED] = {{HR_HOOK_SWITCH, HR_HOOK_READ, HR_HOOK_UNIX, HR_HOOK_N},
		HR_SIG_BIT(HR_SIG_CPU_SLOTS) | HR_SIG_BIT(HR_SIG_RUNQ_WAIT) |
			HR_SIG_BIT(HR_SIG_BURSTS) | HR_SIG_BIT(HR_SIG_REPLAY) |
			HR_SIG_BIT(HR_SIG_READS)},
};

uint64_t hr_bpf_shed(struct hr_bpf *b, enum hr_shed what)
{
	if ((unsigned)what >= HR_SHED_N)
		return 0;
	for (int i = 0; i < 4 && shed_table[what].hook[i] != HR_HOOK_N; i++)
		detach(b, shed_table[what].hook[i]);
	b->have &= ~shed_table[what].signals;
	if (!(b->have & HR_SIG_BIT(HR_SIG_REPLAY)))
		hr_bpf_record(b, 0);
	return shed_table[what].signals;
}
