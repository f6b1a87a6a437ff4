/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cgroups that carry a CPU quota or a memory limit, v1 and v2: a limit on the VM
 * that is not the VM's.  Reading many cgroups' statistics contends in the kernel
 * (cadvisor 1774: 40 % of a CPU), so at most 64 are read in one pass, in turn.
 */
#pragma once

#include "agent/core/raw.h"
#include "proto/facts.h"

struct hr_host_cgroup;

/*
 * Finds the mounts in @root/proc/self/mounts.  0, -ENOMEM, or -ENOENT when neither a
 * cpu nor a memory hierarchy is mounted.  Allocates nothing later.
 */
int hr_host_cgroup_open(struct hr_host_cgroup **ret_cgroup, const char *root);
void hr_host_cgroup_close(struct hr_host_cgroup *c);

/*
 * One pass, every 10 s.  Running totals grow by what each group counted since it
 * was last read; a group first seen in the first pass only sets its base, one that appears
 * later counts from its birth.  have: a bit per hierarchy that is mounted, also
 * when no group carries a limit.  False when the tree had more groups than one
 * pass reads (they come in turn).
 */
bool hr_host_cgroup_pass(struct hr_host_cgroup *c, struct hr_cgroup_raw *ret_raw);

/* The group that was held back last, and its limits, into @f: kept until another is held back. */
void hr_host_cgroup_facts(const struct hr_cgroup_raw *raw, struct hr_facts *f);
