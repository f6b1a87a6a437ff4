/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Memory: stalls in direct reclaim, and OOM kills (kernel-signals 6).  Arguments
 * were swapped in 7.2 and changed inside 5.10 stable: none is touched.  Reclaim for
 * a cgroup's own limit has other tracepoints and is left out: it says nothing
 * about the VM.
 *
 * A task can sleep and migrate in reclaim, so begin and end meet in a fixed table
 * by pid; one word holds both who and when, so a collision is seen and counted.
 */
#include "bpf/kernel.h"
#include "bpf/cell.h"
#include "bpf/compat.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

uint64_t hr_ooms;
uint64_t hr_reclaiming[HR_RECLAIM_N]; /* pid : 22 | ns >> 10 : 42; 0 none */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* possible CPUs, set before load */
	__type(key, uint32_t);
	__type(value, struct hr_mem_cell);
} hr_mem_cells SEC(".maps");

#define WHEN_BITS 42
#define WHEN_MASK ((1ULL << WHEN_BITS) - 1)
#define WHEN_UNIT 10

static __always_inline int on_begin(void)
{
	uint32_t pid = (uint32_t)bpf_get_current_pid_tgid();

	hr_reclaiming[pid & (HR_RECLAIM_N - 1)] =
		(uint64_t)pid << WHEN_BITS | ((bpf_ktime_get_ns() >> WHEN_UNIT) & WHEN_MASK);
	return 0;
}

static __always_inline int on_end(void)
{
	uint32_t pid = (uint32_t)bpf_get_current_pid_tgid(), cpu = bpf_get_smp_processor_id(), v;
	uint64_t *e = &hr_reclaiming[pid & (HR_RECLAIM_N - 1)], began = *e, ns, b;
	struct hr_mem_cell *c = bpf_map_lookup_elem(&hr_mem_cells, &cpu);

	if (!c)
		return 0;
	if (began >> WHEN_BITS != pid) {
		__sync_fetch_and_add(&c->lost, 1);
		return 0;
	}
	*e = 0;
	ns = (((bpf_ktime_get_ns() >> WHEN_UNIT) - began) & WHEN_MASK) << WHEN_UNIT;
	__sync_fetch_and_add(&c->reclaims, 1);
	__sync_fetch_and_add(&c->reclaim_ns, ns);
	v = hr_us(ns);
	if (v >= HR_SMALL) {
		__sync_fetch_and_add(&c->reclaim.sum, (uint64_t)v);
		if (v > c->reclaim.max)
			c->reclaim.max = v;
	}
	b = hr_bucket_index(v);
	if (b < HR_BUCKETS)
		__sync_fetch_and_add(&c->reclaim.n[b], 1);
	return 0;
}

SEC("tp_btf/mm_vmscan_direct_reclaim_begin")
int on_begin_btf(void *ctx)
{
	return on_begin();
}

SEC("raw_tp/mm_vmscan_direct_reclaim_begin")
int on_begin_raw(void *ctx)
{
	return on_begin();
}

SEC("tp_btf/mm_vmscan_direct_reclaim_end")
int on_end_btf(void *ctx)
{
	return on_end();
}

SEC("raw_tp/mm_vmscan_direct_reclaim_end")
int on_end_raw(void *ctx)
{
	return on_end();
}

static __always_inline int on_victim(void)
{
	__sync_fetch_and_add(&hr_ooms, 1);
	return 0;
}

SEC("tp_btf/mark_victim")
int on_victim_btf(void *ctx)
{
	return on_victim();
}

SEC("raw_tp/mark_victim")
int on_victim_raw(void *ctx)
{
	return on_victim();
}
