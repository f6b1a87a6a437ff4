/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One accessor per difference between kernels, and the choice between typed and
 * probed reads: in a tp_btf program pointers carry their BTF type and are simply
 * dereferenced; its raw_tp twin must go through bpf_probe_read_kernel.  @typed is
 * a constant in each caller, so one of the two branches does not exist in it.
 */
#pragma once

#include "bpf/kernel.h"
#include "bpf/cell.h"

/*
 * Bucket of @v as an index: compare it with HR_BUCKETS and use the same variable.
 * Verifiers up to 6.1 lose a bound when a 32-bit value is copied, which clang does
 * between the comparison and the use; a 64-bit one that it cannot see through stays
 * in its register.
 */
static __always_inline uint64_t hr_bucket_index(uint32_t v)
{
	uint64_t b = hr_bucket(v);

	asm volatile("" : "+r"(b));
	return b;
}

/* One hop: HR_READ(typed, task, sched_info.run_delay). */
#define HR_READ(typed, src, path) ((typed) ? (src)->path : BPF_CORE_READ(src, path))

/*
 * State of a task that is being switched out.  Kernels whose sched_switch hands
 * it over (4th argument, 9c2136be0878 in 5.18) must be asked there: the field races
 * with a wake-up.  Field renamed and narrowed by 2f064a59a11f (5.14).
 */
static __always_inline unsigned long hr_task_state(const bool typed, struct task_struct *p)
{
	if (bpf_core_field_exists(((struct task_struct___state *)0)->__state))
		return HR_READ(typed, (struct task_struct___state *)p, __state);
	if (bpf_core_field_exists(((struct task_struct___long_state *)0)->state))
		return (unsigned long)HR_READ(typed, (struct task_struct___long_state *)p, state);
	return 0;
}

/* Whether hr_rq_clock() can be asked on this kernel. */
static __always_inline bool hr_has_rq_clock(void)
{
	return bpf_core_field_exists(((struct sched_entity___group *)0)->cfs_rq) &&
	       bpf_core_field_exists(((struct cfs_rq___rq *)0)->rq) &&
	       bpf_core_field_exists(((struct rq___clock *)0)->clock);
}

/*
 * The clock of @p's runqueue, ns of the scheduler's clock: brought up to date when this
 * switch began, or a little earlier when a wake-up had just done it.  Every task has a
 * runqueue, idle and real-time ones too.  Typed programs only.
 */
static __always_inline uint64_t hr_rq_clock(struct task_struct *p)
{
	return ((struct task_struct___group *)p)->se.cfs_rq->rq->clock;
}

/* Disk of a request, NULL for passthrough: f3fa33acca9f (5.17) dropped rq_disk for q->disk
 * (d152c682f03c, 5.15). */
static __always_inline struct gendisk *hr_request_disk(const bool typed, struct request *rq)
{
	struct request_queue___disk *q;

	if (bpf_core_field_exists(((struct request___rq_disk *)0)->rq_disk))
		return HR_READ(typed, (struct request___rq_disk *)rq, rq_disk);
	q = (struct request_queue___disk *)HR_READ(typed, rq, q);
	if (!q || !bpf_core_field_exists(((struct request_queue___disk *)0)->disk))
		return NULL;
	return HR_READ(typed, q, disk);
}

/*
 * The cgroup a task is accounted in: where it is in the unified hierarchy, and where that is the
 * root (v1 alone, or kernel threads) its group in the cpu controller.  Not the latter first: in
 * the unified hierarchy it is the nearest ancestor that has the controller enabled, for most
 * systemd services the root.  The controller's place in subsys[] depends on the configuration.
 */
static __always_inline struct kernfs_node *hr_task_cgroup(struct task_struct *p)
{
	struct css_set *set = BPF_CORE_READ(p, cgroups);
	struct cgroup_subsys_state *css = NULL;
	struct cgroup *cg;

	if (!set)
		return NULL;
	cg = BPF_CORE_READ(set, dfl_cgrp);
	if ((!cg || BPF_CORE_READ(cg, level) == 0) &&
		bpf_core_enum_value_exists(enum cgroup_subsys_id, cpu_cgrp_id)) {
		uint64_t i = bpf_core_enum_value(enum cgroup_subsys_id, cpu_cgrp_id);

		bpf_probe_read_kernel(&css, sizeof(css),
			(const char *)set + bpf_core_field_offset(((struct css_set *)0)->subsys) +
				i * sizeof(css));
		if (css)
			cg = BPF_CORE_READ(css, cgroup);
	}
	return cg ? BPF_CORE_READ(cg, kn) : NULL;
}

/* Address of a device's network namespace; 0: the kernel has none, or does not tell. */
static __always_inline uint64_t hr_device_netns(const bool typed, struct net_device *dev)
{
	struct net_device___ns *d = (struct net_device___ns *)dev;

	if (!bpf_core_field_exists(d->nd_net.net) ||
		!bpf_core_field_exists(((struct net___ns *)0)->ns.inum))
		return 0;
	return (uint64_t)HR_READ(typed, d, nd_net.net);
}

/* Inode number of the namespace of @dev. */
static __always_inline uint32_t hr_netns_inode(const bool typed, struct net_device *dev)
{
	struct net_device___ns *d = (struct net_device___ns *)dev;
	struct net___ns *net;

	if (!bpf_core_field_exists(d->nd_net.net) ||
		!bpf_core_field_exists(((struct net___ns *)0)->ns.inum))
		return 0;
	net = HR_READ(typed, d, nd_net.net);
	return HR_READ(typed, net, ns.inum);
}

/* bpf_rdonly_cast, from 6.2 on (a35b9af4ec2c): the address as a pointer of another type, for
 * nothing. */
static void *(*const hr_cast)(const void *obj, uint32_t btf_id) = (void *)HR_CALL_CAST;

/*
 * When data came last to the TCP socket @sk, jiffies.  The tracepoint hands over its first part, a
 * struct sock, and nothing behind that may be read but by a cast, or by a helper, which takes more
 * time than all the rest of its program (46 of 72 ns: tests/cost/RESULTS.md).
 */
static __always_inline uint32_t hr_data_came(const bool cast, void *sk)
{
	struct inet_connection_sock *icsk = sk;

	if (!cast)
		return BPF_CORE_READ(icsk, icsk_ack.lrcvtime);
	icsk = hr_cast(sk, bpf_core_type_id_kernel(struct inet_connection_sock));
	return icsk->icsk_ack.lrcvtime;
}

/* Flags of the struct page at @page: a word, from 6.18 on the only member of a type of its own. */
static __always_inline bool hr_page_flags(uint64_t page, uint64_t *ret)
{
	struct page___desc *desc = (void *)page;
	struct page___word *word = (void *)page;

	if (bpf_core_field_exists(desc->flags.f))
		return bpf_core_read(ret, sizeof(*ret), &desc->flags.f) == 0;
	return bpf_core_read(ret, sizeof(*ret), &word->flags) == 0;
}

/*
 * The page that has the flags for @page: itself, or the first one of a large folio.  A tail has
 * bit 0 set in a word that is the head's address beside it, or (compound_info, where struct page
 * is a power of two) the mask that makes it of the tail's; no struct page lies in the last 4 GiB.
 */
static __always_inline bool hr_page_head(uint64_t page, uint64_t *ret)
{
	struct page___info *info = (void *)page;
	struct page___head *head = (void *)page;
	uint64_t word;
	long r = -1;

	if (bpf_core_field_exists(info->compound_info))
		r = bpf_core_read(&word, sizeof(word), &info->compound_info);
	else if (bpf_core_field_exists(head->compound_head))
		r = bpf_core_read(&word, sizeof(word), &head->compound_head);
	if (r != 0)
		return false;
	*ret = !(word & 1) ? page : word >> 32 == 0xffffffff ? page & word : word - 1;
	return true;
}
