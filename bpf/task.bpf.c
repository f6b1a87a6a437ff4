/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Threads: the task iterator writes one record per thread, read every 10 s
 * (kernel-signals 3.5).  Nothing runs between two reads.
 */
#include "bpf/kernel.h"
#include "bpf/cell.h"
#include "bpf/compat.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("iter/task")
int on_task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct kernfs_node *group;
	struct hr_task_rec r;

	if (!task)
		return 0;
	__builtin_memset(&r, 0, sizeof(r));
	r.pid = (uint32_t)task->tgid;
	r.tid = (uint32_t)task->pid;
	r.start_ns = task->start_time;
	r.oncpu_ns = task->se.sum_exec_runtime;
	r.wait_ns = task->sched_info.run_delay;
	group = hr_task_cgroup(task);
	if (group) {
		r.cgroup = BPF_CORE_READ(group, id);
		bpf_probe_read_kernel_str(r.group, sizeof(r.group), BPF_CORE_READ(group, name));
	}
	bpf_probe_read_kernel(r.comm, sizeof(r.comm), task->comm);
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}
