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

struct sched_entity { /* task */
	uint64_t sum_exec_runtime;
};

struct task_struct { /* cpu, task */
	int pid;
	int tgid;
	struct sched_info sched_info;
	struct sched_entity se;
};

struct task_struct___long_state { /* cpu, up to 5.13 */
	long state;
};

struct task_struct___state { /* cpu, from 5.14 */
	unsigned int __state;
};

#pragma clang attribute pop
