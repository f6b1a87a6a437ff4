/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens, loads and attaches our BPF objects, one resource at a time; the only
 * includer of the skeletons.  A hook that fails on its rung is told to the ladder
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
#include "bpf/cell.h"
#include "proto/cleanup.h"

#include "cpu.skel.h"

/* Programs of a hook, and the object they live in. */
static const struct {
	enum hr_part_id part;
	const char *typed, *raw;
} programs[HR_HOOK_N] = {
	[HR_HOOK_SWITCH] = {HR_PART_CPU, "on_switch_btf", "on_switch_raw"},
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

static int listen_to_libbpf(enum libbpf_print_level level, const char *format, va_list args)
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

static int open_part(struct hr_bpf *b, enum hr_part_id id)
{
	struct hr_part *p = &b->part[id];
	struct hr_cpu *cpu;
	int r = 0;

	switch (id) {
	case HR_PART_CPU:
		p->skel = cpu = hr_cpu__open();
		if (!cpu)
			return -errno;
		p->obj = cpu->obj;
		cpu->rodata->hr_switch_args = b->facts.hook[HR_HOOK_SWITCH].args;
		r = bpf_map__set_max_entries(cpu->maps.hr_cpu_cells, b->view.cpus);
		break;
	case HR_PART_N:
		break;
	}
	return r;
}

static int load_part(struct hr_bpf *b, enum hr_part_id id)
{
	struct hr_part *p = &b->part[id];
	int r = 0;

	switch (id) {
	case HR_PART_CPU:
		r = hr_cpu__load(p->skel);
		if (r == 0)
			p->ctl = &((struct hr_cpu *)p->skel)->bss->hr_ctl;
		break;
	case HR_PART_N:
		break;
	}
	return r;
}

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
		if (programs[h].typed && programs[h].part == id && b->link[h]) {
			detach(b, (enum hr_hook)h);
		}
	}
	if (p->skel) {
		switch (id) {
		case HR_PART_CPU:
			hr_cpu__destroy(p->skel);
			break;
		case HR_PART_N:
			break;
		}
	}
	*p = (struct hr_part){0};
}

static const char *program_of(enum hr_hook h, enum hr_rung rung)
{
	return rung == HR_RUNG_RAW_TP ? programs[h].raw : programs[h].typed;
}

/* Asks the ladder for each hook of the object; false when none is left to try. */
static bool choose(struct hr_bpf *b, enum hr_part_id id)
{
	char why[HR_REASON_LEN];
	bool any = false;

	for (int h = 0; h < HR_HOOK_N; h++) {
		if (!programs[h].typed || programs[h].part != id)
			continue;
		b->rung[h] = hr_ladder_hook(&b->facts, (enum hr_hook)h, b->opts.force, why);
		any |= b->rung[h] != HR_RUNG_MISSING;
	}
	return any;
}

static void select_programs(struct hr_bpf *b, enum hr_part_id id)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, b->part[id].obj) bpf_program__set_autoload(prog, false);
	for (int h = 0; h < HR_HOOK_N; h++) {
		if (!programs[h].typed || programs[h].part != id || b->rung[h] == HR_RUNG_MISSING)
			continue;
		prog = bpf_object__find_program_by_name(
			b->part[id].obj, program_of((enum hr_hook)h, b->rung[h]));
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
			if (!programs[h].typed || programs[h].part != id ||
				b->rung[h] == HR_RUNG_MISSING)
				continue;
			if (pass == 0 &&
				strcmp(said.prog, program_of((enum hr_hook)h, b->rung[h])) != 0)
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

		if (!programs[h].typed || programs[h].part != id || b->rung[h] == HR_RUNG_MISSING)
			continue;
		prog = bpf_object__find_program_by_name(
			b->part[id].obj, program_of((enum hr_hook)h, b->rung[h]));
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

static void *map_cells(struct bpf_object *obj, const char *name, size_t bytes)
{
	int fd = bpf_object__find_map_fd_by_name(obj, name);
	void *p = fd < 0 ? MAP_FAILED : mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Opens, loads and attaches until every hook of the object is on a rung that works, or off. */
static void start_part(struct hr_bpf *b, enum hr_part_id id)
{
	/* each round takes a hook one rung down: two rungs per hook at most */
	for (int round = 0; round < 2 * HR_HOOK_N && choose(b, id); round++) {
		int r;

		memset(&said, 0, sizeof(said));
		r = open_part(b, id);
		if (r == 0) {
			select_programs(b, id);
			r = load_part(b, id);
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

static bool switch_fires(const struct hr_bpf *b)
{
	visit_cpus(b->view.cpus);
	for (int tries = 0; tries < 20; tries++) {
		uint64_t n = 0;

		for (uint32_t i = 0; i < b->view.cpus; i++)
			n += __atomic_load_n(&b->view.cpu[i].switches, __ATOMIC_RELAXED);
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
		b->view.cpu = map_cells(b->part[HR_PART_CPU].obj, "hr_cpu_cells", bytes);
		if (b->view.cpu && switch_fires(b))
			return;
		hr_ladder_failed(&b->facts, HR_HOOK_SWITCH, b->rung[HR_HOOK_SWITCH],
			b->view.cpu ? -ENODATA : -ENOMEM, "");
		if (b->view.cpu)
			munmap((void *)b->view.cpu, bytes);
		b->view.cpu = NULL;
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

static uint64_t count_map_bytes(const struct hr_bpf *b)
{
	struct bpf_map *map;
	uint64_t bytes = 0;

	for (int i = 0; i < HR_PART_N; i++) {
		if (!b->part[i].obj)
			continue;
		bpf_object__for_each_map(map, b->part[i].obj) bytes += memlock_of(bpf_map__fd(map));
	}
	return bytes;
}

static void tell(struct hr_bpf *b, enum hr_signal sig, enum hr_hook h,
	struct hr_signal_state signal[HR_SIG_N])
{
	char why[HR_REASON_LEN];
	enum hr_rung rung = hr_ladder_hook(&b->facts, h, b->opts.force, why);

	if (!b->link[h] && rung != HR_RUNG_MISSING) {
		rung = HR_RUNG_MISSING;
		snprintf(why, sizeof(why), "could not be loaded");
	}
	hr_ladder_signal(sig, rung, why, &signal[sig]);
	if (rung != HR_RUNG_MISSING)
		b->have |= HR_SIG_BIT(sig);
}

static void tell_signals(struct hr_bpf *b, struct hr_signal_state signal[HR_SIG_N])
{
	tell(b, HR_SIG_CPU_SLOTS, HR_HOOK_SWITCH, signal);
	tell(b, HR_SIG_RUNQ_WAIT, HR_HOOK_SWITCH, signal);
	tell(b, HR_SIG_BURSTS, HR_HOOK_SWITCH, signal);
}

int hr_bpf_open(struct hr_bpf **ret_bpf, const struct hr_bpf_opts *opts,
	struct hr_signal_state signal[HR_SIG_N])
{
	struct hr_bpf *b = calloc(1, sizeof(*b));
	int cpus;

	if (!b)
		return -ENOMEM;
	b->opts = *opts;
	b->stats_fd = -1;
	for (int h = 0; h < HR_HOOK_N; h++)
		b->prog_fd[h] = -1;
	libbpf_set_print(listen_to_libbpf);
	hr_kernel_probe(&b->facts);
	cpus = libbpf_num_possible_cpus();
	b->view.cpus = cpus < 1 ? 1 : cpus > HR_CPUS_MAX ? HR_CPUS_MAX : (uint32_t)cpus;
	b->cells = calloc(1, hr_cells_size(b->view.cpus, 0, 0));
	if (!b->cells) {
		hr_bpf_close(b);
		return -ENOMEM;
	}
	hr_cells_init(b->cells, b->view.cpus, 0, 0);
	start_cpu(b);
	b->map_bytes = count_map_bytes(b);
	tell_signals(b, signal);
	malloc_trim(0); /* several MB of BTF were parsed and freed */
	*ret_bpf = b;
	return 0;
}

void hr_bpf_close(struct hr_bpf *b)
{
	if (!b)
		return;
	if (b->view.cpu)
		munmap((void *)b->view.cpu, b->view.cpus * sizeof(struct hr_cpu_cell));
	for (int i = 0; i < HR_PART_N; i++)
		close_part(b, (enum hr_part_id)i);
	hr_bpf_stats_end(b);
	free(b->cells);
	free(b);
}

int hr_bpf_devices(struct hr_bpf *b, const struct hr_bpf_dev *dev, uint32_t n)
{
	(void)b;
	(void)dev;
	return n > HR_DEVS_MAX ? -EINVAL : 0;
}

/* What each step of shedding detaches, and which signals go with it. */
static const struct {
	enum hr_hook hook[2];
	uint64_t signals;
} shed_table[HR_SHED_N] = {
	[HR_SHED_BURST] = {{HR_HOOK_N, HR_HOOK_N}, 0},
	[HR_SHED_NET] = {{HR_HOOK_RECEIVE, HR_HOOK_XMIT}, HR_SIG_BIT(HR_SIG_NET_IO)},
	[HR_SHED_DISK] = {{HR_HOOK_BLOCK, HR_HOOK_N}, HR_SIG_BIT(HR_SIG_DISK_IO)},
	[HR_SHED_SCHED] = {{HR_HOOK_SWITCH, HR_HOOK_N}, HR_SIG_BIT(HR_SIG_CPU_SLOTS) |
								HR_SIG_BIT(HR_SIG_RUNQ_WAIT) |
								HR_SIG_BIT(HR_SIG_BURSTS)},
};

void hr_bpf_shed(struct hr_bpf *b, enum hr_shed what)
{
	if ((unsigned)what >= HR_SHED_N)
		return;
	for (int i = 0; i < 2; i++)
		if (shed_table[what].hook[i] != HR_HOOK_N && b->link[shed_table[what].hook[i]])
			detach(b, shed_table[what].hook[i]);
	b->have &= ~shed_table[what].signals;
}
