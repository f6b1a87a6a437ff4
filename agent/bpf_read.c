/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what the attached programs counted: mapped cells, the task iterator, run times.  No rights
 * needed. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "agent/bpf_parts.h"
#include "proto/base/fsio.h"
#include "proto/cleanup.h"
#include "proto/num.h"

static uint64_t since_last(const uint64_t *counter, uint64_t *prev)
{
	uint64_t now, d;

	if (!counter)
		return 0;
	now = __atomic_load_n(counter, __ATOMIC_RELAXED);
	d = now - *prev;
	*prev = now;
	return d;
}

/* A running task's run time is brought up to date once a tick: 10 ms at HZ 100, and some slack. */
#define RUN_TIME_STALE_NS 12000000ULL

/*
 * On a kernel that misses switches a stint may look as if it still ran.  Before
 * the take believes one that reaches back behind the horizon, the task's own run
 * time is asked.  Without missed switches nothing is read.
 */
static void check_open(struct hr_bpf *b, uint64_t horizon, uint64_t now_ns)
{
	for (uint32_t cpu = 0; b->view.cpu && cpu < b->view.cpus; cpu++) {
		struct hr_open o;
		char path[32], text[96];
		uint64_t exec;

		b->open_end[cpu].since = 0;
		if (b->resyncs == 0 || !hr_cells_open(&b->view.cpu[cpu], &o) || o.pid == 0 ||
			o.since == 0 || o.since >= horizon)
			continue;
		snprintf(path, sizeof(path), "/proc/%u/schedstat", o.pid);
		if (hr_fs_read(path, text, sizeof(text)) <= 0 ||
			!hr_num_u64_n(text, strcspn(text, " "), &exec) || exec < o.exec)
			continue;
		if (o.since + (exec - o.exec) + RUN_TIME_STALE_NS < now_ns)
			b->open_end[cpu] = (struct hr_open_end){o.since, o.since + (exec - o.exec)};
	}
}

static void tell_cpus(struct hr_bpf *b)
{
	uint64_t plain = b->horizon > b->record_until ? b->horizon : b->record_until;

	for (uint32_t cpu = 0; b->cpu_cell && cpu < b->view.cpus; cpu++) {
		struct hr_cpu_cell *c = &b->cpu_cell[cpu];

		__atomic_store_n(&c->horizon, b->horizon, __ATOMIC_RELAXED);
		__atomic_store_n(&c->record_until, b->record_until, __ATOMIC_RELAXED);
		/* last: who sees it sees the other two */
		__atomic_store_n(&c->plain_from, plain, __ATOMIC_SEQ_CST);
	}
}

static void publish(struct hr_bpf *b, uint64_t horizon)
{
	for (int i = 0; i < HR_PART_N; i++)
		if (b->part[i].ctl)
			__atomic_store_n(&b->part[i].ctl->horizon, horizon, __ATOMIC_SEQ_CST);
	b->horizon = horizon;
	tell_cpus(b);
}

int hr_bpf_take(struct hr_bpf *b, uint64_t now_ns, struct hr_take *ret_take)
{
	bool first = !b->taken;
	uint64_t horizon = hr_cells_plan(b->cells, now_ns);

	b->taken = true;

	publish(b, horizon);
	/*
	 * A program that was already running may still use the old horizon.  It takes
	 * 0.1 us, its counters are read first, and the running stint is read under its
	 * sequence number: by the time slots are read it is done.
	 */
	check_open(b, horizon, now_ns);
	b->view.unwatched = !b->link[HR_HOOK_SWITCH];
	hr_cells_take(b->cells, &b->view, ret_take);
	b->resyncs += ret_take->cpu.resync;
	ret_take->have = b->have;
	ret_take->blind = b->blind;
	ret_take->mem.retransmits = since_last(b->retransmits, &b->prev_retransmits);
	ret_take->mem.ooms = since_last(b->ooms, &b->prev_ooms);
	if (ret_take->n_slots == 0 && (first || ret_take->overrun))
		ret_take->mem.retransmits = ret_take->mem.ooms = 0; /* a base, like all the rest */
	return 0;
}

void hr_bpf_record(struct hr_bpf *b, uint64_t until_ns)
{
	b->record_until = b->ring ? until_ns : 0;
	tell_cpus(b);
}

bool hr_bpf_stints_lost(const struct hr_bpf *b)
{
	return b->ring && __atomic_load_n(b->stints_lost, __ATOMIC_RELAXED) != b->prev_lost;
}

uint64_t hr_bpf_stints(struct hr_bpf *b, hr_bpf_stint_fn *fn, void *arg)
{
	if (!b->ring)
		return 0;
	b->stint_fn = fn;
	b->stint_arg = arg;
	(void)ring_buffer__consume(b->ring);
	return since_last(b->stints_lost, &b->prev_lost);
}

bool hr_bpf_running(const struct hr_bpf *b, uint32_t cpu, uint32_t *ret_seq, uint32_t *ret_pid)
{
	if (!b->link[HR_HOOK_SWITCH] || !b->view.cpu || cpu >= b->view.cpus)
		return false;
	*ret_seq = __atomic_load_n(&b->view.cpu[cpu].seq, __ATOMIC_ACQUIRE);
	*ret_pid = __atomic_load_n(&b->view.cpu[cpu].pid, __ATOMIC_ACQUIRE);
	return (*ret_seq & 1) == 0;
}

uint32_t hr_bpf_running_since(const struct hr_bpf *b, uint64_t ns)
{
	uint32_t n = 0;
	struct hr_open o;

	for (uint32_t cpu = 0; b->view.cpu && cpu < b->view.cpus; cpu++)
		n += hr_cells_open(&b->view.cpu[cpu], &o) && o.pid != 0 && o.since != 0 &&
		     o.since < ns;
	return n;
}

static bool same_device(const struct hr_bpf_dev *a, const struct hr_bpf_dev *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == HR_DEV_DISK)
		return a->major == b->major && a->minor == b->minor;
	return a->kind == HR_DEV_NIC && a->ifindex == b->ifindex;
}

/* Index in the maps of device number @number; its place is @max when it has none. */
static uint32_t place_of(const uint8_t *table, uint32_t max, uint8_t number)
{
	for (uint32_t i = 0; i < max; i++)
		if (table[i] == number)
			return i;
	return max;
}

static void drop_device(struct hr_bpf *b, uint8_t number)
{
	uint32_t disk = place_of(b->view.disk_dev, b->view.disks, number);
	uint32_t nic = place_of(b->view.nic_dev, b->view.nics, number);

	if (disk < b->view.disks) {
		b->view.disk_dev[disk] = HR_DEVS_MAX;
		if (b->disk_ids)
			b->disk_ids[disk] = (struct hr_disk_id){0, 0};
	}
	if (nic < b->view.nics) {
		b->view.nic_dev[nic] = HR_DEVS_MAX;
		if (b->ifindex)
			b->ifindex[nic] = 0;
	}
}

/* -ENOSPC when the maps have no room for one more of its kind. */
static int add_device(struct hr_bpf *b, uint8_t number, const struct hr_bpf_dev *d)
{
	bool disk = d->kind == HR_DEV_DISK;
	uint8_t *table = disk ? b->view.disk_dev : b->view.nic_dev;
	uint32_t max = disk ? b->view.disks : b->view.nics, i = place_of(table, max, HR_DEVS_MAX);

	if (i >= max)
		return -ENOSPC;
	hr_cells_forget(b->cells, &b->view, d->kind, i);
	table[i] = number;
	if (disk && b->disk_ids)
		b->disk_ids[i] = (struct hr_disk_id){d->major, d->minor};
	else if (!disk && b->ifindex)
		b->ifindex[i] = d->ifindex;
	return 0;
}

int hr_bpf_devices(struct hr_bpf *b, const struct hr_bpf_dev *dev, uint32_t n)
{
	static const struct hr_bpf_dev none;
	int r = 0;

	if (n > HR_DEVS_MAX)
		return -EINVAL;
	for (uint8_t i = 0; i < HR_DEVS_MAX; i++) {
		const struct hr_bpf_dev *d = i < n ? &dev[i] : &none;

		if (b->dev[i].kind != HR_DEV_NONE && !same_device(d, &b->dev[i])) {
			drop_device(b, i);
			b->dev[i] = none;
		}
	}
	b->blind = 0;
	for (uint32_t i = 0; i < n; i++) {
		int e;

		if (dev[i].kind == HR_DEV_NONE || b->dev[i].kind != HR_DEV_NONE)
			continue;
		e = add_device(b, (uint8_t)i, &dev[i]);
		if (e == 0)
			b->dev[i] = dev[i];
		else
			r = e;
		b->blind |= e == 0 ? 0 : 1u << i;
	}
	return r;
}

uint64_t hr_bpf_map_bytes(const struct hr_bpf *b)
{
	return b->map_bytes;
}

int hr_bpf_stats_begin(struct hr_bpf *b)
{
	int fd = b->stats_fd >= 0 ? b->stats_fd : bpf_enable_stats(BPF_STATS_RUN_TIME);

	if (fd < 0)
		return -errno;
	b->stats_fd = fd;
	return 0;
}

void hr_bpf_stats_end(struct hr_bpf *b)
{
	if (b->stats_fd >= 0)
		close(b->stats_fd);
	b->stats_fd = -1;
}

/* What the kernel says of the program on hook @h; false: not attached.  Length known to the kernel
 * in @ret_len. */
static bool program_info(
	const struct hr_bpf *b, int h, struct bpf_prog_info *ret_info, uint32_t *ret_len)
{
	*ret_len = sizeof(*ret_info);
	memset(ret_info, 0, sizeof(*ret_info));
	return b->prog_fd[h] >= 0 && bpf_obj_get_info_by_fd(b->prog_fd[h], ret_info, ret_len) == 0;
}

void hr_bpf_run_stats(const struct hr_bpf *b, uint64_t *ret_ns, uint64_t *ret_n)
{
	struct bpf_prog_info info;
	uint32_t len;

	*ret_ns = *ret_n = 0;
	for (int h = 0; h < HR_HOOK_N; h++) {
		if (!program_info(b, h, &info, &len))
			continue;
		*ret_ns += info.run_time_ns;
		*ret_n += info.run_cnt;
	}
}

int hr_bpf_misses(const struct hr_bpf *b, uint64_t *ret_n)
{
	struct bpf_prog_info info;
	uint64_t n = 0;
	uint32_t len;
	bool any = false;

	for (int h = 0; h < HR_HOOK_N; h++) {
		/* what a reader of UNIX misses is its interrupt's: packets a NIC has sent */
		if (h == HR_HOOK_UNIX || !program_info(b, h, &info, &len) ||
			len < offsetof(struct bpf_prog_info, recursion_misses) +
					sizeof(info.recursion_misses))
			continue;
		n += info.recursion_misses;
		any = true;
	}
	if (!any)
		return -EOPNOTSUPP;
	*ret_n = n;
	return 0;
}

_Static_assert(
	sizeof(struct hr_task) == sizeof(struct hr_task_rec) &&
		offsetof(struct hr_task, tid) == offsetof(struct hr_task_rec, tid) &&
		offsetof(struct hr_task, start_ns) == offsetof(struct hr_task_rec, start_ns) &&
		offsetof(struct hr_task, oncpu_ns) == offsetof(struct hr_task_rec, oncpu_ns) &&
		offsetof(struct hr_task, wait_ns) == offsetof(struct hr_task_rec, wait_ns) &&
		offsetof(struct hr_task, cgroup) == offsetof(struct hr_task_rec, cgroup) &&
		offsetof(struct hr_task, reads) == offsetof(struct hr_task_rec, reads) &&
		offsetof(struct hr_task, comm) == offsetof(struct hr_task_rec, comm) &&
		offsetof(struct hr_task, group) == offsetof(struct hr_task_rec, group),
	"the iterator's record is a struct hr_task");

int hr_bpf_tasks(
	struct hr_bpf *b, struct hr_task *buf, uint32_t cap, uint32_t *ret_n, bool *ret_cut)
{
	HR_CLEANUP(hr_closep) int fd = -1;
	size_t have = 0, room = cap * sizeof(*buf);
	char more;
	ssize_t r;

	if (!b->link[HR_HOOK_TASKS])
		return -EOPNOTSUPP;
	fd = bpf_iter_create(bpf_link__fd(b->link[HR_HOOK_TASKS]));
	if (fd < 0)
		return -errno;
	while (have < room) {
		r = read(fd, (char *)buf + have, room - have);
		if (r < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (r == 0)
			break;
		have += r > 0 ? (size_t)r : 0;
	}
	*ret_cut = have == room && read(fd, &more, 1) > 0;
	*ret_n = (uint32_t)(have / sizeof(*buf));
	for (uint32_t i = 0; i < *ret_n; i++) {
		buf[i].comm[HR_COMM_LEN - 1] = '\0';
		buf[i].group[HR_GROUP_LEN - 1] = '\0';
	}
	return 0;
}

uint64_t hr_bpf_reads(struct hr_bpf *b, struct hr_task *task, uint32_t n)
{
	uint64_t all = hr_reads_take(&b->reads, b->link[HR_HOOK_READ] ? b->readers : NULL);

	hr_reads_tell(&b->reads, task, n);
	return all;
}
