/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads from /proc when the BPF iterator is not to be had: three system calls a file and
 * two files a thread, some 20 us, so the number of threads is bounded and the
 * rest is said to be missing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/raw.h"

/* 1024 threads: ~20 ms every 10 s, 0.2 % of a CPU; that is the budget, so no more. */
#define HR_HOST_TASKS_MAX 1024

/* Fills @buf from @root/proc; *ret_cut when there were more threads than @cap or the bound. 0 or
 * -errno. */
int hr_host_task_read(
	const char *root, struct hr_task *buf, uint32_t cap, uint32_t *ret_n, bool *ret_cut);
