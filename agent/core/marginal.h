/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one message more costs: work per message read, from their chance ups and downs.
 *
 * Groups of 4 slots (33.6 ms) in blocks of 4: within a block, whose mean is taken off, the work
 * charged to a group goes up with the messages charged to it, and by how much is the marginal
 * cost (least squares).  What drifts over a block (the clock of the VM, the load of the day) is
 * not in it.  Only sums are kept, which add up over blocks, windows and VMs.
 *
 * Both are charged from the wake of their burst on: by when they are read, messages are few where
 * CPUs are full, and would seem to cost less than they do.
 */
#pragma once

#include <stdint.h>

#define HR_MARGINAL_SLOTS  4 /* slots in a group: a burst of a few ms lies in one */
#define HR_MARGINAL_GROUPS 4 /* groups in a block */

struct hr_marginal {
	uint32_t slots; /* of the open block */
	uint64_t reads[HR_MARGINAL_GROUPS], charge_ns[HR_MARGINAL_GROUPS];
};

/* Forgets the open block: at start, and where slots are missing. */
void hr_marginal_reset(struct hr_marginal *m);

/* One slot; adds a block that it fills to @ctr, HR_CTR_READ_* of a summary. */
void hr_marginal_add(struct hr_marginal *m, uint32_t reads, uint64_t charge_ns, uint64_t *ctr);
