/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the field checker must find: a field that compiles and that no kernel has. */
#include "bpf/kernel.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct pid {
	unsigned int levle; /* level */
};
#pragma clang attribute pop

uint32_t out;

SEC("raw_tp/sched_switch")
int on_typo(struct bpf_raw_tracepoint_args *ctx)
{
	out = BPF_CORE_READ((struct pid *)ctx->args[0], levle);
	return 0;
}
