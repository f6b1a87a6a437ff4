/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One accessor per difference between kernels, and the choice between typed and
 * probed reads: in a tp_btf program pointers carry their BTF type and are simply
 * dereferenced; its raw_tp twin must go through bpf_probe_read_kernel.  @typed is
 * a constant in each caller, so one of the two branches does not exist in it.
 */
#pragma once

#include "bpf/kernel.h"

/* One hop: HR_READ(typed, task, sched_info.run_delay). */
#define HR_READ(typed, src, path) ((typed) ? (src)->path : BPF_CORE_READ(src, path))

/*
 * State of a task that is being switched out.  Kernels whose sched_switch hands
 * it over (4 arguments, 8feb053d5319 in 6.0) must be asked there: the field races
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
