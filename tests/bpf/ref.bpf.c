/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The textbook way, to be compared with: a time stamp at each wake-up, in a hash by pid; the wait
 * is what has passed at the switch-in.  And time on CPUs by the clock at each switch.
 * Kernels whose sched_switch has four arguments (5.18 on).
 */
#include "bpf/kernel.h"
#include "bpf/cell.h"
#include "bpf/compat.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define CPUS 1024

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, uint32_t);
	__type(value, uint64_t);
} woken SEC(".maps");

uint64_t ref_n, ref_wait_ns, ref_oncpu_ns, ref_failed;
uint64_t ref_from; /* time on CPUs counts from then on: what runs at the start began before it */
uint64_t ref_hist[HR_BUCKETS];
uint64_t since[CPUS];

static __always_inline int queued(uint32_t pid)
{
	uint64_t now = bpf_ktime_get_ns();

	if (pid && bpf_map_update_elem(&woken, &pid, &now, BPF_ANY) != 0)
		__sync_fetch_and_add(&ref_failed, 1);
	return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(ref_wakeup, struct task_struct *p)
{
	return queued((uint32_t)p->pid);
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(ref_wakeup_new, struct task_struct *p)
{
	return queued((uint32_t)p->pid);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(ref_switch, bool preempt, struct task_struct *prev, struct task_struct *next,
	unsigned int state)
{
	uint32_t pid = (uint32_t)next->pid, cpu = bpf_get_smp_processor_id() & (CPUS - 1);
	uint64_t now = bpf_ktime_get_ns(), *at, b, ns;
	uint64_t ran_from = since[cpu] > ref_from ? since[cpu] : ref_from;

	if (prev->pid != 0 && since[cpu] && now > ran_from)
		__sync_fetch_and_add(&ref_oncpu_ns, now - ran_from);
	since[cpu] = now;
	if (preempt || state == 0)
		queued((uint32_t)prev->pid);
	if (pid == 0)
		return 0;
	at = bpf_map_lookup_elem(&woken, &pid);
	if (!at)
		return 0;
	ns = now > *at ? now - *at : 0;
	bpf_map_delete_elem(&woken, &pid);
	__sync_fetch_and_add(&ref_n, 1);
	__sync_fetch_and_add(&ref_wait_ns, ns);
	b = hr_bucket_index(hr_us(ns));
	if (b < HR_BUCKETS)
		__sync_fetch_and_add(&ref_hist[b], 1);
	return 0;
}
