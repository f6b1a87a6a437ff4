/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The plainest scheduler of sched_ext: a name, and the kernel's defaults (one queue for all CPUs).
 */
#include "bpf/kernel.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct sched_ext_ops {
	char name[128];
};

SEC(".struct_ops")
struct sched_ext_ops hr_plain = {.name = "hr_plain"};

/* Never attached.  libbpf 1.1 reads the kernel's types only for programs that need them, and then
 * uses them for the table above as well. */
SEC("tp_btf/sched_switch")
int unused(void *ctx)
{
	return 0;
}
