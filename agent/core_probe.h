/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures whether two vCPUs share a core, where the hypervisor hides it: the agent's thread and a
 * second one, which waits all the rest of the time, each run a loop of 16 us on a CPU of their own,
 * one alone and both at once (agent/core/cores.h).  The cells of sched_switch say whether anything
 * else ran meanwhile; a CPU with work to do is not disturbed: it is tried again later.
 *
 * 1 to 2 ms of CPU per pair (build/tests/bpf_test_cores), at the start and once an hour.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/bpf_io.h"
#include "agent/core/cores.h"

struct hr_core_probe;

/*
 * Starts the second thread, without any rights, and tries the first pairs.  -EOPNOTSUPP: one CPU,
 * an architecture without such a loop, or CPUs this process may not use; -errno of pthread_create.
 * @bpf is lent, and outlives the probe.
 */
int hr_core_probe_open(struct hr_core_probe **ret_probe, const struct hr_bpf *bpf, uint32_t cpus);
void hr_core_probe_close(struct hr_core_probe *p);

/* Now and then tries a pair.  True: the verdict changed. */
bool hr_core_probe_tick(struct hr_core_probe *p, uint64_t now_ns);
/* CPUs came or went: all is to be measured again. */
void hr_core_probe_cpus(struct hr_core_probe *p, uint32_t cpus);
/* Threads per core, and the state of HR_SIG_TOPOLOGY: both as measured. */
void hr_core_probe_facts(const struct hr_core_probe *p, struct hr_facts *facts);
