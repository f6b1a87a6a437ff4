/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An experiment: time that the hypervisor takes away, inferred inside the guest from timers that
 * fire late.  An interrupt of a running vCPU comes within microseconds of when its timer was set
 * to; one that comes milliseconds late found the vCPU stopped.  Beside it the kernel's own steal
 * clock at the same moments, where it has one.  No clock is read: the event hands over its own.
 */
#include "bpf/kernel.h"
#include "tests/bpf/stall.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct timerqueue_node___stall {
	int64_t expires;
};
struct hrtimer___stall {
	struct timerqueue_node___stall node;
};
struct rq___stall {
	uint64_t prev_steal_time_rq;
};
struct cfs_rq___stall {
	struct rq___stall *rq;
};
struct sched_entity___stall {
	struct cfs_rq___stall *cfs_rq;
};
struct task_struct___stall {
	struct sched_entity___stall se;
};
#pragma clang attribute pop

struct stall_cell stall_cells[STALL_CPUS];
uint64_t stall_tick_ns;
bool stall_has_steal;

/*
 * The scheduler's tick, one timer a CPU: nobody can set it to a time that is over already, as
 * programs do with theirs (1.3 s "late" was seen), and it runs in the interrupt itself.  It is
 * known by its expiries, a tick apart.
 */
static __always_inline bool is_tick(struct stall_cell *c, uint64_t timer, uint64_t expires)
{
	if (timer == c->tick)
		return true;
	if (timer == c->maybe && expires - c->maybe_expires == stall_tick_ns) {
		c->tick = timer;
		return true;
	}
	c->maybe = timer;
	c->maybe_expires = expires;
	return false;
}

SEC("tp_btf/hrtimer_expire_entry")
int BPF_PROG(on_timer, struct hrtimer___stall *timer, int64_t *at)
{
	uint32_t cpu = bpf_get_smp_processor_id();
	struct stall_cell *c = &stall_cells[cpu & (STALL_CPUS - 1)];
	struct task_struct___stall *task = (struct task_struct___stall *)bpf_get_current_task();
	int64_t now = 0, late;

	if (!is_tick(c, (uint64_t)timer, (uint64_t)timer->node.expires))
		return 0;
	bpf_probe_read_kernel(&now, sizeof(now), at);
	late = now - timer->node.expires;
	c->timers++;
	if (late > STALL_LEAST_NS) {
		c->late++;
		c->late_ns += (uint64_t)late;
		if ((uint64_t)late > c->most_ns)
			c->most_ns = (uint64_t)late;
	}
	if (bpf_core_field_exists(((struct rq___stall *)0)->prev_steal_time_rq)) {
		stall_has_steal = true;
		c->steal = BPF_CORE_READ(task, se.cfs_rq, rq, prev_steal_time_rq);
	}
	return 0;
}
