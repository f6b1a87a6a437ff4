/* SPDX-License-Identifier: Apache-2.0 */
/* Walk of the cgroup trees; see host_cgroup.h. */
#include "agent/host_cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/core/procfs.h"
#include "agent/host_dir.h"
#include "proto/base/fsio.h"
#include "proto/cleanup.h"

#define READ_MAX  64   /* limited groups read in a pass */
#define KNOWN_MAX 512  /* groups whose last counters are remembered: 24 KiB */
#define DIRS_MAX  2048 /* directories looked at in a pass: two small reads each, ~20 ms */
#define DEPTH_MAX 10
#define TEXT_ROOM 4096

/* v1 "no limit" is LONG_MAX rounded down to a page. */
#define V1_UNLIMITED 0x7fffffff00000000ULL

/* What one group counted when it was last read. */
struct known {
	uint64_t id;       /* inode of its directory; 0 free */
	uint64_t count[2]; /* cpu: throttled n, us; memory: limit hits, OOM kills */
	uint32_t pass;     /* last pass that met it */
};

enum tree_kind {
	TREE_V2,
	TREE_V1_CPU,
	TREE_V1_MEMORY,
	TREE_N,
};

/* A group and what it may use, as in hr_facts. */
struct limits {
	uint64_t id; /* inode of its directory; 0 none */
	enum tree_kind kind;
	uint32_t cpu_m, mem_mib;
};

struct hr_host_cgroup {
	char mount[TREE_N][PATH_MAX]; /* "" when not mounted */
	struct known known[KNOWN_MAX];
	uint32_t pass;
	uint32_t skip, met; /* limited groups before @skip are left for another pass */
	uint32_t dirs;
	bool cut;
	struct hr_cgroup_raw total;
	uint64_t worst;     /* weight of total.tightest in this pass */
	struct limits at;   /* of the group being read */
	struct limits hit;  /* of the one held back most in this pass */
	struct limits held; /* of the one held back last, as it is now */
	uint64_t at_id;     /* group being read, and its path */
	char path[PATH_MAX];
	size_t path_len[DEPTH_MAX];
	struct hr_host_dir dir[DEPTH_MAX];
	char text[TEXT_ROOM];
};

static ssize_t read_at(struct hr_host_cgroup *c, int dir, const char *name)
{
	HR_CLEANUP(hr_closep) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : hr_fs_pread(fd, c->text, sizeof c->text);
}

/*
 * A file of one number; UINT64_MAX for "max" and "-1".  False: it is not there or cannot be read,
 * as of a group that is being removed, and @ret_v is UINT64_MAX too.
 */
static bool limit_at(struct hr_host_cgroup *c, int dir, const char *name, uint64_t *ret_v)
{
	ssize_t n = read_at(c, dir, name);

	if (n <= 0 || hr_procfs_value(c->text, (size_t)n, ret_v) != 0)
		*ret_v = UINT64_MAX;
	return n > 0;
}

static uint64_t number_at(struct hr_host_cgroup *c, int dir, const char *name)
{
	uint64_t v;

	(void)limit_at(c, dir, name, &v);
	return v;
}

/*
 * Growth of two counters of the group being read since it was read last.  @which keeps a v2
 * group's cpu and memory counters apart: inode numbers use the low bits.
 */
static void grow(struct hr_host_cgroup *c, uint64_t which, const uint64_t now[2], uint64_t ret[2])
{
	uint64_t id = c->at_id | which << 62;
	uint64_t home = id * 0x9e3779b97f4a7c15ULL >> 32; /* Fibonacci hashing */
	struct known *k = NULL, *old = NULL;

	ret[0] = ret[1] = 0;
	for (uint32_t i = 0; i < KNOWN_MAX; i++) {
		struct known *x = &c->known[(home + i) & (KNOWN_MAX - 1)];

		if (x->id == id) {
			k = x;
			break;
		}
		if (!old && (x->id == 0 || c->pass - x->pass > 360)) /* gone for an hour */
			old = x;
		if (x->id == 0)
			break;
	}
	if (k) {
		for (int i = 0; i < 2; i++)
			ret[i] = now[i] > k->count[i] ? now[i] - k->count[i] : 0;
	} else if (old) {
		k = old;
		/* With groups left for later passes, "not met before" does not mean "new". */
		for (int i = 0; i < 2; i++)
			ret[i] = c->pass > 1 && !c->cut && c->skip == 0 ? now[i] : 0;
	} else {
		return;
	}
	*k = (struct known){.id = id, .count = {now[0], now[1]}, .pass = c->pass};
}

/* Throttled groups before groups at their memory limit, those before the merely full. */
static void note_tightest(struct hr_host_cgroup *c, uint64_t rank, uint64_t amount)
{
	uint64_t weight = rank << 60 | (amount >> 60 ? (1ULL << 60) - 1 : amount);
	size_t n = strlen(c->path), room = sizeof c->total.tightest - 1;
	size_t skip = n > room ? n - room : 0; /* the end of a path says more than its start */

	if (amount == 0 || weight <= c->worst)
		return;
	c->worst = weight;
	c->total.tight_hit = rank >= 2;
	if (rank >= 2)
		c->hit = c->at;
	memcpy(c->total.tightest, c->path + skip, n - skip + 1);
}

static void add_cpu(struct hr_host_cgroup *c, uint64_t throttled_n, uint64_t throttled_us)
{
	uint64_t now[2] = {throttled_n, throttled_us}, d[2];

	grow(c, 1, now, d);
	c->total.throttled_n += d[0];
	c->total.throttled_us += d[1];
	c->total.quota_groups++;
	note_tightest(c, 3, d[1]);
}

static void add_memory(struct hr_host_cgroup *c, const uint64_t now[2], uint64_t used, uint64_t max)
{
	uint64_t d[2];
	uint32_t pm;

	grow(c, 2, now, d);
	c->total.mem_max_n += d[0];
	c->total.mem_oom_n += d[1];
	c->total.memcg_groups++;
	pm = max == 0 || used >= max ? 1000 : (uint32_t)((double)used * 1000 / (double)max);
	if (used == UINT64_MAX)
		pm = 0;
	if (pm > c->total.mem_full_pm)
		c->total.mem_full_pm = pm;
	note_tightest(c, d[0] ? 2 : 1, d[0] ? d[0] : pm);
}

/* Whether this limited group is one of this pass. */
static bool my_turn(struct hr_host_cgroup *c)
{
	uint32_t i = c->met++;

	if (i < c->skip)
		return false;
	if (i >= c->skip + READ_MAX) {
		c->cut = true;
		return false;
	}
	return true;
}

static uint32_t told(double limit)
{
	return limit < 1 ? 1 : limit >= HR_NO_LIMIT ? HR_NO_LIMIT - 1 : (uint32_t)limit;
}

static uint32_t cpu_m(uint64_t quota_us, uint64_t period_us)
{
	return quota_us == UINT64_MAX ? HR_NO_LIMIT
	       : period_us > 0        ? told(1e3 * (double)quota_us / (double)period_us)
				      : 0;
}

static uint32_t mem_mib(uint64_t bytes)
{
	return bytes == UINT64_MAX ? HR_NO_LIMIT : told((double)bytes / 1048576);
}

/*
 * Also of groups whose turn it is not: a limit that is raised holds nothing back any more.  0:
 * could not be read, which lifts none.
 */
static void note_limits(struct hr_host_cgroup *c, enum tree_kind kind, uint32_t cpu, uint32_t mem)
{
	c->at = (struct limits){.id = c->at_id, .kind = kind, .cpu_m = cpu, .mem_mib = mem};
	if (c->held.id != c->at.id || c->held.kind != kind)
		return;
	if (cpu > 0)
		c->held.cpu_m = cpu;
	if (mem > 0)
		c->held.mem_mib = mem;
}

/* cpu.stat of v1 and v2; nothing when it does not count throttling. */
static void read_cpustat(struct hr_host_cgroup *c, int dir)
{
	struct hr_procfs_cpustat st = {0};
	ssize_t n = read_at(c, dir, "cpu.stat");
	uint64_t us;

	if (n <= 0 || hr_procfs_cpustat(c->text, (size_t)n, &st) < 0 ||
		!(st.have & 1ULL << HR_CPUSTAT_THROTTLED))
		return;
	us = st.have & 1ULL << HR_CPUSTAT_THROTTLED_US ? st.v[HR_CPUSTAT_THROTTLED_US]
						       : st.v[HR_CPUSTAT_THROTTLED_NS] / 1000;
	add_cpu(c, st.v[HR_CPUSTAT_THROTTLED], us);
}

static void visit_v2(struct hr_host_cgroup *c, int dir)
{
	struct hr_procfs_memevents ev = {0};
	uint64_t max, count[2], quota = UINT64_MAX, period = 0;
	ssize_t n = read_at(c, dir, "cpu.max");
	uint32_t cpu = 0, mem = 0;

	if (n > 0 && hr_procfs_cpu_max(c->text, (size_t)n, &quota, &period) == 0)
		cpu = cpu_m(quota, period);
	if (limit_at(c, dir, "memory.max", &max))
		mem = mem_mib(max);
	note_limits(c, TREE_V2, cpu, mem);
	if ((quota == UINT64_MAX && max == UINT64_MAX) || !my_turn(c))
		return;
	if (quota != UINT64_MAX)
		read_cpustat(c, dir);
	if (max == UINT64_MAX)
		return;
	n = read_at(c, dir, "memory.events");
	if (n <= 0 || hr_procfs_memevents(c->text, (size_t)n, &ev) < 0)
		return;
	count[0] = ev.v[HR_MEMEVENTS_MAX];
	count[1] = ev.v[HR_MEMEVENTS_OOM_KILL];
	add_memory(c, count, number_at(c, dir, "memory.current"), max);
}

static void visit_v1_cpu(struct hr_host_cgroup *c, int dir)
{
	uint64_t quota, period = 0;
	bool there = limit_at(c, dir, "cpu.cfs_quota_us", &quota);

	if (quota != UINT64_MAX)
		there = limit_at(c, dir, "cpu.cfs_period_us", &period);
	note_limits(c, TREE_V1_CPU, there ? cpu_m(quota, period) : 0, 0);
	if (quota != UINT64_MAX && my_turn(c))
		read_cpustat(c, dir);
}

static void visit_v1_memory(struct hr_host_cgroup *c, int dir)
{
	uint64_t max, used, count[2] = {0};
	struct hr_procfs_memevents ev = {0};
	ssize_t n;

	if (limit_at(c, dir, "memory.limit_in_bytes", &max))
		note_limits(c, TREE_V1_MEMORY, 0, mem_mib(max >= V1_UNLIMITED ? UINT64_MAX : max));
	if (max >= V1_UNLIMITED || !my_turn(c))
		return;
	used = number_at(c, dir, "memory.usage_in_bytes");
	count[0] = number_at(c, dir, "memory.failcnt");
	if (count[0] == UINT64_MAX)
		return;
	n = read_at(c, dir, "memory.oom_control");
	if (n > 0 && hr_procfs_oom_control(c->text, (size_t)n, &ev) == 0)
		count[1] = ev.v[HR_MEMEVENTS_OOM_KILL];
	add_memory(c, count, used, max);
}

static void visit(struct hr_host_cgroup *c, enum tree_kind kind, int dir)
{
	switch (kind) {
	case TREE_V2:
		visit_v2(c, dir);
		break;
	case TREE_V1_CPU:
		visit_v1_cpu(c, dir);
		break;
	default:
		visit_v1_memory(c, dir);
	}
}

/*
 * Whether the directory has none below it, by its links: its name, its own dot and one dot-dot for
 * each.  Listing the files of a control group to see that takes longer than reading its limits.
 */
static bool is_leaf(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_nlink == 2;
}

/* Opens the child @name of the directory at @depth and looks at it; false when there is no going
 * down. */
static bool descend(
	struct hr_host_cgroup *c, enum tree_kind kind, int depth, const struct dirent64 *e)
{
	size_t room = sizeof c->path - c->path_len[depth];
	int n, fd;

	if (depth + 1 == DEPTH_MAX || ++c->dirs > DIRS_MAX) {
		c->cut = true;
		return false;
	}
	n = snprintf(c->path + c->path_len[depth], room, "/%s", e->d_name);
	if (n < 0 || (size_t)n >= room)
		return false;
	fd = openat(c->dir[depth].fd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	c->path_len[depth + 1] = c->path_len[depth] + (size_t)n;
	c->at_id = e->d_ino;
	visit(c, kind, fd);
	hr_host_dir_init(&c->dir[depth + 1], fd);
	if (!is_leaf(fd))
		return true;
	hr_host_dir_done(&c->dir[depth + 1]);
	return false;
}

/* Depth first, names in directory order, which is stable while nothing is created or removed. */
static void walk(struct hr_host_cgroup *c, enum tree_kind kind)
{
	struct stat st;
	int depth = 0, fd;

	fd = open(c->mount[kind], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	hr_host_dir_init(&c->dir[0], fd);
	memcpy(c->path, "/", 2);
	c->path_len[0] = 0;
	if (fstat(fd, &st) == 0) {
		c->at_id = st.st_ino;
		visit(c, kind, fd);
	}
	while (depth >= 0) {
		const struct dirent64 *e = hr_host_dir_next(&c->dir[depth]);

		if (!e)
			hr_host_dir_done(&c->dir[depth--]);
		else if (e->d_type == DT_DIR && descend(c, kind, depth, e))
			depth++;
	}
}

bool hr_host_cgroup_pass(struct hr_host_cgroup *c, struct hr_cgroup_raw *ret_raw)
{
	c->pass++;
	c->met = c->dirs = 0;
	c->worst = 0;
	c->cut = false;
	c->total.have = 0;
	c->total.quota_groups = c->total.memcg_groups = c->total.mem_full_pm = 0;
	c->total.tightest[0] = '\0';
	c->total.tight_hit = false;
	for (int k = 0; k < TREE_N; k++)
		if (c->mount[k][0])
			walk(c, (enum tree_kind)k);
	if (c->mount[TREE_V2][0] || c->mount[TREE_V1_CPU][0])
		c->total.have |= HR_SIG_BIT(HR_SIG_CPU_QUOTA);
	if (c->mount[TREE_V2][0] || c->mount[TREE_V1_MEMORY][0])
		c->total.have |= HR_SIG_BIT(HR_SIG_MEMCG);
	if (c->total.tight_hit)
		c->held = c->hit;
	c->total.held_cpu_m = c->held.cpu_m;
	c->total.held_mem_mib = c->held.mem_mib;
	*ret_raw = c->total;
	c->skip = c->cut && c->met > c->skip + READ_MAX ? c->skip + READ_MAX : 0;
	return !c->cut;
}

void hr_host_cgroup_facts(const struct hr_cgroup_raw *raw, struct hr_facts *f)
{
	if (raw->tight_hit)
		memcpy(f->tight_cgroup, raw->tightest, sizeof f->tight_cgroup);
	f->tight_cpu_m = raw->held_cpu_m;
	f->tight_mem_mib = raw->held_mem_mib;
}

static bool has_option(const char *options, const char *want)
{
	size_t n = strlen(want);

	for (const char *p = options; *p;) {
		size_t len = strcspn(p, ",");

		if (len == n && memcmp(p, want, n) == 0)
			return true;
		p += len + (p[len] == ',');
	}
	return false;
}

/* A v2 tree without controllers (the hybrid layout) says nothing about limits. */
static bool v2_has_controllers(struct hr_host_cgroup *c, const char *mount)
{
	HR_CLEANUP(hr_closep) int dir = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return dir >= 0 && read_at(c, dir, "cgroup.controllers") > 0 &&
	       (strstr(c->text, "cpu") || strstr(c->text, "memory"));
}

static void find_mounts(struct hr_host_cgroup *c, const char *root, FILE *f)
{
	char line[2 * PATH_MAX], where[PATH_MAX], type[64], options[1024];

	while (fgets(line, sizeof line, f)) {
		char *to = NULL;

		if (sscanf(line, "%*s %4000s %63s %1023s", where, type, options) != 3)
			continue;
		char full[2 * PATH_MAX];
		(void)snprintf(full, sizeof full, "%s%s", root, where);
		if (strlen(full) >= PATH_MAX)
			continue;
		if (strcmp(type, "cgroup2") == 0 && v2_has_controllers(c, full))
			to = c->mount[TREE_V2];
		else if (strcmp(type, "cgroup") == 0 && has_option(options, "cpu"))
			to = c->mount[TREE_V1_CPU];
		else if (strcmp(type, "cgroup") == 0 && has_option(options, "memory"))
			to = c->mount[TREE_V1_MEMORY];
		if (to && !to[0])
			memcpy(to, full, strlen(full) + 1);
	}
}

int hr_host_cgroup_open(struct hr_host_cgroup **ret_cgroup, const char *root)
{
	HR_CLEANUP(hr_fclosep) FILE *f = NULL;
	struct hr_host_cgroup *c;
	char path[PATH_MAX];

	(void)snprintf(path, sizeof path, "%s/proc/self/mounts", root);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	c = calloc(1, sizeof *c);
	if (!c)
		return -ENOMEM;
	find_mounts(c, root, f);
	if (!c->mount[TREE_V2][0] && !c->mount[TREE_V1_CPU][0] && !c->mount[TREE_V1_MEMORY][0]) {
		free(c);
		return -ENOENT;
	}
	*ret_cgroup = c;
	return 0;
}

void hr_host_cgroup_close(struct hr_host_cgroup *c)
{
	free(c);
}
