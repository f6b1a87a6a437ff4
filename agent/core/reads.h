/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each thread read since the last look, from the table the read hooks keep
 * (struct hr_reader).  The look is a copy of that table, so a place that went to another thread in
 * between gives what that one read and no more; to a new one of the same number, which is rare,
 * what both read.
 */
#pragma once

#include <stdint.h>

#include "agent/core/raw.h"
#include "bpf/cell.h"

struct hr_reads {
	struct {
		uint32_t tid, n, late; /* as last seen */
		uint32_t d_n, d_late;  /* growth up to then */
	} place[HR_READERS_N];
};

/*
 * Looks at @live, which is being written; NULL: nobody counts.  Returns the reads of all threads
 * since the last look.
 */
uint64_t hr_reads_take(struct hr_reads *r, const struct hr_reader *live);

/* Into each of @task what it read between the last two looks. */
void hr_reads_tell(const struct hr_reads *r, struct hr_task *task, uint32_t n);
