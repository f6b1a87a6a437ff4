/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/* What stall.bpf.c leaves for stall.c, per CPU.  The includer provides uint64_t. */
#pragma once

#define STALL_CPUS     64
#define STALL_LEAST_NS 300000 /* later than this is late: an interrupt takes a tenth of it */

struct stall_cell {
	uint64_t timers;  /* ticks */
	uint64_t late;    /* of them */
	uint64_t late_ns; /* their sum */
	uint64_t most_ns;
	uint64_t steal;                      /* the kernel's own, ns since boot; 0: it keeps none */
	uint64_t tick, maybe, maybe_expires; /* addresses of timers; 0 not known yet */
};
