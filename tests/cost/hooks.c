/* SPDX-License-Identifier: Apache-2.0 */
/* Puts programs on hooks and takes them off; see hooks.h. */
#include "tests/cost/hooks.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "agent/kernel_probe.h"
#include "bpf/cell.h"
#include "proto/base/clock.h"
#include "proto/num.h"

/* A tool has attached when the number of its links has not changed for this long. */
#define SETTLED_MS 300
#define START_MS   15000

static const char *const object_of[LOAD_N] = {"cpu", "disk", "net", "cpu", "cpu", "cpu", "cpu"};

enum kind {
	KIND_HEADROOM,
	KIND_EMPTY,
	KIND_CLOCK,
	KIND_N
};

static const char *const programs_of[LOAD_N][KIND_N][2] = {
	[LOAD_SWITCH] = {{"on_switch_btf"}, {"empty_switch"}, {"clock_switch"}},
	[LOAD_BLOCK] = {{"on_complete_btf"}, {"empty_complete"}, {"clock_complete"}},
	[LOAD_PACKET] = {{"on_receive_btf", "on_xmit_btf"}, {"empty_receive", "empty_xmit"},
		{"clock_receive", "clock_xmit"}},
	/* with the switch hook, of which a late read asks how old a burst is */
	[LOAD_READ] = {{"on_read_btf", "on_switch_btf"}, {"empty_read", "empty_switch"},
		{"clock_read", "clock_switch"}},
	[LOAD_LATE] = {{"on_read_btf", "on_switch_btf"}, {"empty_read", "empty_switch"},
		{"clock_read", "clock_switch"}},
	/* with it too, which says whose they are */
	[LOAD_UNIX] = {{"on_unix_btf", "on_switch_btf"}, {"empty_unix", "empty_switch"},
		{"clock_unix", "clock_switch"}},
	[LOAD_OTHER] = {{"on_unix_btf", "on_switch_btf"}, {"empty_unix", "empty_switch"},
		{"clock_unix", "clock_switch"}},
};

static enum kind kind_of(const struct mode *m)
{
	return strcmp(m->name, "empty") == 0   ? KIND_EMPTY
	       : strcmp(m->name, "clock") == 0 ? KIND_CLOCK
					       : KIND_HEADROOM;
}

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "cost_hooks: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Value @name of a global of the object: libbpf keeps initial values in section maps. */
static void set_global(
	struct bpf_object *obj, const char *section, const void *value, size_t at, size_t size)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, obj)
	{
		size_t room;
		char *p;

		if (!strstr(bpf_map__name(map), section))
			continue;
		p = (char *)(uintptr_t)bpf_map__initial_value(map, &room);
		if (p && at + size <= room)
			memcpy(p + at, value, size);
	}
}

/* Offset of a variable in its section; (size_t)-1 when there is none of that name. */
static size_t offset_of(const struct bpf_object *obj, const char *section, const char *name)
{
	const struct btf *btf = bpf_object__btf(obj);
	int id = btf__find_by_name_kind(btf, section, BTF_KIND_DATASEC);
	const struct btf_type *sec = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
	const struct btf_var_secinfo *v = sec ? btf_var_secinfos(sec) : NULL;

	for (int i = 0; sec && i < btf_vlen(sec); i++) {
		const struct btf_type *t = btf__type_by_id(btf, v[i].type);

		if (strcmp(btf__name_by_offset(btf, t->name_off), name) == 0)
			return v[i].offset;
	}
	return (size_t)-1;
}

/* False: this build of the object has no such variable in that section. */
static bool has_var(
	struct bpf_object *obj, const char *section, const char *name, const void *v, size_t size)
{
	size_t at = offset_of(obj, section, name);

	if (at != (size_t)-1)
		set_global(obj, section, v, at, size);
	return at != (size_t)-1;
}

static void set_var(
	struct bpf_object *obj, const char *section, const char *name, const void *v, size_t size)
{
	if (has_var(obj, section, name, v, size))
		return;
	errno = ENOENT;
	die(name);
}

/* As the agent does it before the load (agent/bpf_objects.c). */
static void prepare(struct bpf_object *obj, enum load load, uint32_t cpus, uint32_t devs)
{
	static struct hr_kernel_facts facts;
	static const char *const cells[LOAD_N] = {"hr_cpu_cells", "hr_disk_cells", "hr_nic_cells",
		"hr_cpu_cells", "hr_cpu_cells", "hr_cpu_cells", "hr_cpu_cells"};
	uint32_t tick = hr_clock_tick_ns();

	hr_kernel_probe(&facts);
	(void)bpf_map__set_max_entries(bpf_object__find_map_by_name(obj, cells[load]), cpus * devs);
	if (load == LOAD_SWITCH) {
		uint32_t args = facts.hook[HR_HOOK_SWITCH].args;

		(void)has_var(obj, ".rodata", "hr_switch_args", &args, sizeof args); /* old */
	} else if (load >= LOAD_READ) {
		struct bpf_program *prog = bpf_object__find_program_by_name(obj, "on_read_btf");

		if (prog && facts.cast)
			(void)hr_kernel_put_cast(&facts, prog);
	} else if (load == LOAD_BLOCK) {
		const char *section = ".bss";

		if (!has_var(obj, section, "hr_disks", &devs, sizeof devs)) {
			section = ".rodata"; /* old */
			set_var(obj, section, "hr_disks", &devs, sizeof devs);
		}
		set_var(obj, section, "hr_op_class", facts.op_class, sizeof facts.op_class);
		set_var(obj, section, "hr_flags_sync", &facts.flags_sync, sizeof facts.flags_sync);
	} else if (load == LOAD_PACKET) {
		if (!has_var(obj, ".bss", "hr_nics", &devs, sizeof devs))
			set_var(obj, ".rodata", "hr_nics", &devs, sizeof devs); /* old */
	}
	(void)has_var(obj, ".bss", "hr_tick_ns", &tick, sizeof tick);
}

static struct bpf_object *open_object(const char *dir, const char *name)
{
	struct bpf_object *obj;
	char path[512];

	(void)snprintf(path, sizeof path, "%s/%s.bpf.o", dir, name);
	obj = bpf_object__open_file(path, NULL);
	if (!obj)
		die(path);
	return obj;
}

/* Loads only the programs of @names (all when NULL). */
static void load_object(struct bpf_object *obj, const char *const names[2])
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj)
	{
		const char *name = bpf_program__name(prog);
		bool wanted = false;

		for (int i = 0; names && i < 2 && names[i]; i++)
			wanted |= strcmp(name, names[i]) == 0;
		bpf_program__set_autoload(prog, wanted);
	}
	errno = -bpf_object__load(obj);
	if (errno)
		die("load");
}

void hooks_load(struct mode *m, enum load load, const struct hooks_where *w)
{
	if (strcmp(m->name, "none") == 0 || m->command)
		return;
	if (kind_of(m) != KIND_HEADROOM) {
		m->obj = bpf_object__open_file(w->empty, NULL);
		if (!m->obj)
			die(w->empty);
		load_object(m->obj, programs_of[load][kind_of(m)]);
		return;
	}
	m->obj = open_object(m->dir ? m->dir : w->dir, object_of[load]);
	prepare(m->obj, load, (uint32_t)libbpf_num_possible_cpus(), 1);
	if (load == LOAD_BLOCK) {
		struct hr_disk_id id = {w->major, w->minor};

		set_var(m->obj, ".bss", "hr_disk_ids", &id, sizeof id);
	} else if (load == LOAD_PACKET) {
		set_var(m->obj, ".bss", "hr_ifindex", &w->ifindex, sizeof w->ifindex);
	}
	load_object(m->obj, programs_of[load][KIND_HEADROOM]);
}

/* --- somebody else's tool ---------------------------------------------------- */

/* Calls @fn with the value of each "@key:" line of the descriptors of @pid; returns their number.
 */
static unsigned each_fd(int pid, const char *key, void (*fn)(uint32_t value, void *arg), void *arg)
{
	char path[320], line[128], *at;
	struct dirent *d;
	uint64_t id;
	unsigned n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof path, "/proc/%d/fdinfo", pid);
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		FILE *f;

		(void)snprintf(path, sizeof path, "/proc/%d/fdinfo/%s", pid, d->d_name);
		f = fopen(path, "re");
		while (f && fgets(line, sizeof line, f)) {
			if (strncmp(line, key, strlen(key)) != 0)
				continue;
			at = line + strlen(key);
			at += strspn(at, " \t");
			n++;
			if (fn && hr_num_u64_n(at, strspn(at, "0123456789"), &id))
				fn((uint32_t)id, arg);
		}
		if (f)
			(void)fclose(f);
	}
	if (dir)
		(void)closedir(dir);
	return n;
}

static int start_tool(const char *command)
{
	unsigned links = 0, now;
	int pid = fork(), still = 0;

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "r", stdin))
			_exit(127);
		(void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	for (int ms = 0; ms < START_MS && still < SETTLED_MS; ms += 20) {
		usleep(20000);
		now = each_fd(pid, "link_type:", NULL, NULL);
		still = now && now == links ? still + 20 : 0;
		links = now;
	}
	if (still < SETTLED_MS) {
		errno = ETIMEDOUT;
		die(command);
	}
	return pid;
}

void hooks_on(struct mode *m, enum load load)
{
	const char *const *names;

	if (m->command)
		m->pid = start_tool(m->command);
	if (!m->obj)
		return;
	names = programs_of[load][kind_of(m)];
	m->nr_link = 0;
	for (int i = 0; i < 2 && names[i]; i++) {
		struct bpf_link *l =
			bpf_program__attach(bpf_object__find_program_by_name(m->obj, names[i]));

		if (!l)
			die(names[i]);
		m->link[m->nr_link++] = l;
	}
}

void hooks_off(struct mode *m)
{
	for (uint64_t i = 0; i < m->nr_link; i++)
		(void)bpf_link__destroy(m->link[i]);
	m->nr_link = 0;
	if (m->pid <= 0)
		return;
	(void)kill(m->pid, SIGKILL);
	(void)waitpid(m->pid, NULL, 0);
	m->pid = 0;
}

struct sum {
	uint64_t ns, n;
	uint32_t seen[64];
	unsigned nr_seen;
};

static void add_info(int fd, struct sum *s)
{
	struct bpf_prog_info info;
	uint32_t len = sizeof info;

	memset(&info, 0, sizeof info);
	if (bpf_obj_get_info_by_fd(fd, &info, &len) != 0)
		return;
	s->ns += info.run_time_ns;
	s->n += info.run_cnt;
}

/* A program is held by its own descriptor and by its link: counted once. */
static void add_id(uint32_t id, void *arg)
{
	struct sum *s = arg;
	int fd;

	for (unsigned i = 0; i < s->nr_seen; i++)
		if (s->seen[i] == id)
			return;
	if (s->nr_seen < 64)
		s->seen[s->nr_seen++] = id;
	fd = bpf_prog_get_fd_by_id(id);
	if (fd < 0)
		return;
	add_info(fd, s);
	close(fd);
}

void hooks_stats(const struct mode *m, uint64_t *ret_ns, uint64_t *ret_n)
{
	struct sum s = {0};
	struct bpf_program *prog;

	if (m->pid > 0)
		(void)each_fd(m->pid, "prog_id:", add_id, &s);
	if (m->obj)
		bpf_object__for_each_program(prog, m->obj) if (bpf_program__autoload(prog))
			add_info(bpf_program__fd(prog), &s);
	*ret_ns = s.ns;
	*ret_n = s.n;
}

/* --- memory ------------------------------------------------------------------ */

static uint64_t memlock_of(int fd)
{
	char path[64], line[128];
	unsigned long long bytes = 0;
	FILE *f;

	(void)snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	if (f)
		(void)fclose(f);
	return bytes;
}

static uint64_t bytes_of(struct bpf_object *obj)
{
	struct bpf_map *map;
	uint64_t bytes = 0;

	load_object(obj, NULL);
	bpf_object__for_each_map(map, obj) bytes += memlock_of(bpf_map__fd(map));
	bpf_object__close(obj);
	return bytes;
}

uint64_t hooks_map_bytes(const char *dir, uint32_t cpus, uint32_t disks, uint32_t nics)
{
	const uint32_t devs[LOAD_READ] = {1, disks, nics};
	struct bpf_object *obj;
	uint64_t bytes = 0;

	for (int i = 0; i < LOAD_READ; i++) {
		obj = open_object(dir, object_of[i]);
		prepare(obj, (enum load)i, cpus, devs[i]);
		bytes += bytes_of(obj);
	}
	obj = open_object(dir, "mem");
	(void)bpf_map__set_max_entries(bpf_object__find_map_by_name(obj, "hr_mem_cells"), cpus);
	return bytes + bytes_of(obj);
}
