/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what the attached programs counted: mapped cells, the task iterator, run times.  No rights
 * needed. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "agent/bpf_parts.h"

int hr_bpf_take(struct hr_bpf *b, uint64_t now_ns, struct hr_take *ret_take)
{
	uint64_t horizon = hr_cells_plan(b->cells, now_ns);

	for (int i = 0; i < HR_PART_N; i++)
		if (b->part[i].ctl)
			__atomic_store_n(&b->part[i].ctl->horizon, horizon, __ATOMIC_SEQ_CST);
	/*
	 * A program that was already running may still use the old horizon.  It takes
	 * 0.1 us, its counters are read first, and the running stint is read under its
	 * sequence number: by the time slots are read it is done.
	 */
	hr_cells_take(b->cells, &b->view, ret_take);
	ret_take->have = b->have;
	return 0;
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

void hr_bpf_run_stats(const struct hr_bpf *b, uint64_t *ret_ns, uint64_t *ret_n)
{
	*ret_ns = *ret_n = 0;
	for (int h = 0; h < HR_HOOK_N; h++) {
		struct bpf_prog_info info;
		uint32_t len = sizeof(info);

		if (b->prog_fd[h] < 0)
			continue;
		memset(&info, 0, sizeof(info));
		if (bpf_obj_get_info_by_fd(b->prog_fd[h], &info, &len) != 0)
			continue;
		*ret_ns += info.run_time_ns;
		*ret_n += info.run_cnt;
	}
}

int hr_bpf_tasks(
	struct hr_bpf *b, struct hr_task *buf, uint32_t cap, uint32_t *ret_n, bool *ret_cut)
{
	(void)buf;
	(void)cap;
	(void)ret_n;
	(void)ret_cut;
	return b->link[HR_HOOK_TASKS] ? -EIO : -EOPNOTSUPP;
}
