/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel types our programs read, and nothing else: CO-RE finds the real
 * offsets at load.  Plain structs hold only fields that every supported kernel
 * (5.10 .. 7.3) has; tests/bpf/btf_fields.c checks each of them against the
 * running kernel.  A field that only some kernels have stands in a ___ flavour
 * and is read behind bpf_core_field_exists (compat.h).  Integers are unsigned
 * where the kernel's are: libbpf resizes only unsigned loads.
 */
#pragma once

#include <linux/bpf.h>

typedef __u8 uint8_t;
typedef __u16 uint16_t;
typedef __s16 int16_t;
typedef __u32 uint32_t;
typedef __u64 uint64_t;
typedef __s64 int64_t;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sched_info { /* cpu, task */
	unsigned long pcount;
	unsigned long long run_delay;
};

struct sched_entity { /* cpu, task */
	uint64_t sum_exec_runtime;
};

struct kernfs_node { /* task */
	const char *name;
	uint64_t id;
};

struct cgroup { /* task */
	int level;
	struct kernfs_node *kn;
};

struct cgroup_subsys_state { /* task */
	struct cgroup *cgroup;
};

struct css_set { /* task; subsys has as many entries as the kernel has controllers */
	struct cgroup_subsys_state *subsys[1];
	struct cgroup *dfl_cgrp;
};

struct xarray { /* page */
	void *xa_head;
};

struct address_space { /* page */
	struct xarray i_pages;
};

struct file { /* page */
	struct address_space *f_mapping;
};

struct fdtable { /* page */
	struct file **fd;
};

struct files_struct { /* page */
	struct fdtable *fdt;
};

struct task_struct { /* cpu, task */
	int pid;
	int tgid;
	uint64_t start_time; /* ns since boot, monotonic; struct hr_task.start_ns */
	struct sched_info sched_info;
	struct sched_entity se;
	struct css_set *cgroups;
	struct files_struct *files;
	char comm[16];
};

/* cpu, with CONFIG_FAIR_GROUP_SCHED: the way from a task to its runqueue's clock */
struct rq___clock {
	uint64_t clock;
};

struct cfs_rq___rq {
	struct rq___clock *rq;
};

struct sched_entity___group {
	struct cfs_rq___rq *cfs_rq;
};

struct task_struct___group {
	struct sched_entity___group se;
};

struct task_struct___long_state { /* cpu, up to 5.13 */
	long state;
};

struct task_struct___state { /* cpu, from 5.14 */
	unsigned int __state;
};

struct seq_file;

struct bpf_iter_meta { /* task */
	struct seq_file *seq;
};

struct bpf_iter__task { /* task */
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct gendisk { /* disk */
	int major;
	int first_minor;
};

struct request_queue;

struct request { /* disk */
	struct request_queue *q;
	unsigned int cmd_flags;
	unsigned int __data_len;
	uint64_t start_time_ns;
};

struct request___rq_disk { /* disk, up to 5.16 */
	struct gendisk *rq_disk;
};

struct request_queue___disk { /* disk, from 5.15 */
	struct gendisk *disk;
};

struct net_device { /* net */
	int ifindex;
	unsigned short hard_header_len;
};

/* net, with CONFIG_NET_NS: the namespace of a device and its inode number */
struct ns_common___inum {
	unsigned int inum;
};

struct net___ns {
	struct ns_common___inum ns;
};

struct possible_net___net {
	struct net___ns *net;
};

struct net_device___ns {
	struct possible_net___net nd_net;
};

struct inet_connection_sock { /* cpu; only with CONFIG_INET: no tracepoint of TCP without */
	struct {
		uint32_t lrcvtime; /* jiffies when data came last */
	} icsk_ack;
};

struct sock_common { /* cpu */
	unsigned short skc_family;
};

struct sock { /* cpu */
	struct sock_common __sk_common;
};

struct sk_buff { /* net, cpu */
	unsigned int len;
	struct sock *sk; /* cpu */
	struct net_device *dev;
};

/* page: the flags became a type of their own in 6.18 */
struct page___word {
	unsigned long flags;
};

struct page___desc {
	struct {
		unsigned long f;
	} flags;
};

/* page: of a tail; renamed by 7.2, where it may be a mask */
struct page___head {
	unsigned long compound_head;
};

struct page___info {
	unsigned long compound_info;
};

struct page;

struct vm_struct { /* page */
	struct page **pages;
};

struct task_struct___vmap { /* page, with CONFIG_VMAP_STACK */
	struct vm_struct *stack_vm_area;
};

#pragma clang attribute pop

/*
 * The value here means nothing: it is asked for by name at load.  (Request operations
 * are looked up in user space instead, struct hr_kernel_facts: their enum changed its
 * name, and for a type that vmlinux lacks libbpf searches module BTF, which only
 * CAP_SYS_ADMIN may list.)
 */
enum cgroup_subsys_id {
	cpu_cgrp_id
};

enum pageflags { /* page */
	PG_lru,
	PG_active,
	PG_workingset,
	PG_swapbacked,
	PG_unevictable,
	__NR_PAGEFLAGS
};
