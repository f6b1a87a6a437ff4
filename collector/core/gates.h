/* SPDX-License-Identifier: Apache-2.0 */
/* Is it the VM, or a limit that somebody put on something inside it?  Asked before the size is
 * blamed. */
#pragma once

#include "collector/core/model.h"

enum hr_mem_verdict {
	HR_MEM_OK = 0,
	HR_MEM_SHORT,       /* the VM itself */
	HR_MEM_LOCAL,       /* a cgroup's limit */
	HR_MEM_UNEXPLAINED, /* pressure, or reading again, with no reclaim and no limit hit */
};

struct hr_mem_gate {
	bool has_psi, has_vmstat, has_reclaim, has_memcg, has_meminfo;
	bool plenty;                                       /* a fifth of the RAM is available */
	double psi;                                        /* some, share of time */
	double refault_per_s, swap_in_per_s, pgscan_per_s; /* pages */
	double came_back_per_s; /* pages that had been taken: of files, and swapped in */
	double waited_per_s;    /* of them, those not fetched ahead */
	double read_again;      /* share of time to read those */
	double reclaim_share;   /* direct reclaim, CPU-s per s */
	double memcg_hits, memcg_full;
	enum hr_mem_verdict verdict;
	const char *why;
};
void hr_gate_memory(const struct hr_ctx *x, struct hr_mem_gate *ret_g);

/* An admin-installed shaper on the NIC has backlog or drops. */
bool hr_gate_shaper(const struct hr_minute_dev *d);
