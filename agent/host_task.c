/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/task/TID/{stat,schedstat}; see host_task.h. */
#include "agent/host_task.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "agent/core/procfs.h"
#include "agent/host_dir.h"
#include "proto/base/fsio.h"
#include "proto/cleanup.h"
#include "proto/num.h"
#include "proto/units.h"

/* USER_HZ is 100 on every architecture built for: one tick of utime, stime, start. */
#define TICK_NS (10 * HR_NS_PER_MS)

static ssize_t read_in(int dir, const char *tid, const char *leaf, char *buf, size_t cap)
{
	char path[64];

	(void)snprintf(path, sizeof path, "%.20s/%s", tid, leaf);
	HR_CLEANUP(hr_closep) int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : hr_fs_pread(fd, buf, cap);
}

/* False: the thread ended meanwhile. */
static bool read_thread(int dir, const char *tid, uint32_t pid, struct hr_task *ret)
{
	struct hr_procfs_taskstat st;
	char buf[1024];
	ssize_t n = read_in(dir, tid, "stat", buf, sizeof buf);

	if (n <= 0 || hr_procfs_taskstat(buf, (size_t)n, &st) < 0)
		return false;
	*ret = (struct hr_task){.pid = pid,
		.tid = st.pid,
		.start_ns = st.start * TICK_NS,
		.oncpu_ns = (st.utime + st.stime) * TICK_NS};
	memcpy(ret->comm, st.comm, sizeof ret->comm);
	n = read_in(dir, tid, "schedstat", buf, sizeof buf);
	if (n > 0) /* without it: 10 ms steps and no waits */
		(void)hr_procfs_schedstat(buf, (size_t)n, &ret->oncpu_ns, &ret->wait_ns);
	return true;
}

/* Of a process: its threads may be elsewhere only in threaded cgroups. */
struct group {
	uint64_t id; /* 0: not known */
	char name[HR_GROUP_LEN];
};

static void read_group(int proc, const char *pid, struct group *ret)
{
	char buf[4096];
	ssize_t n = read_in(proc, pid, "cgroup", buf, sizeof buf);

	if (n <= 0 || hr_procfs_cgroup(buf, (size_t)n, &ret->id, ret->name) < 0)
		*ret = (struct group){0};
}

int hr_host_task_read(
	const char *root, struct hr_task *buf, uint32_t cap, uint32_t *ret_n, bool *ret_cut)
{
	struct hr_host_dir procs, tasks;
	struct group group;
	const struct dirent64 *p, *t;
	char path[PATH_MAX];
	int fd;

	*ret_n = 0;
	*ret_cut = false;
	if (cap > HR_HOST_TASKS_MAX)
		cap = HR_HOST_TASKS_MAX;
	if ((size_t)snprintf(path, sizeof path, "%s/proc", root) >= sizeof path)
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	hr_host_dir_init(&procs, fd);
	while (!*ret_cut && (p = hr_host_dir_next(&procs))) {
		uint64_t pid, tid;

		if (!hr_num_u64(p->d_name, 1, UINT32_MAX, &pid))
			continue;
		read_group(fd, p->d_name, &group);
		(void)snprintf(path, sizeof path, "%.20s/task", p->d_name);
		hr_host_dir_init(&tasks, openat(fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
		while ((t = hr_host_dir_next(&tasks))) {
			if (!hr_num_u64(t->d_name, 1, UINT32_MAX, &tid))
				continue;
			if (*ret_n == cap) {
				*ret_cut = true;
				break;
			}
			if (!read_thread(tasks.fd, t->d_name, (uint32_t)pid, &buf[*ret_n]))
				continue;
			buf[*ret_n].cgroup = group.id;
			memcpy(buf[*ret_n].group, group.name, sizeof group.name);
			(*ret_n)++;
		}
		hr_host_dir_done(&tasks);
	}
	hr_host_dir_done(&procs);
	return 0;
}
