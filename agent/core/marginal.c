/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of squares within blocks of slots; see marginal.h. */
#include "agent/core/marginal.h"

#include <string.h>

#include "proto/summary.h"
#include "proto/units.h"

void hr_marginal_reset(struct hr_marginal *m)
{
	memset(m, 0, sizeof(*m));
}

/* Sum of the squares of @v less their mean, times the groups of a block: whole numbers stay so. */
static uint64_t spread(const uint64_t v[HR_MARGINAL_GROUPS])
{
	uint64_t sum = 0, squares = 0;

	for (int i = 0; i < HR_MARGINAL_GROUPS; i++) {
		sum += v[i];
		squares += v[i] * v[i];
	}
	return HR_MARGINAL_GROUPS * squares - sum * sum;
}

static void block(const struct hr_marginal *m, uint64_t *ctr)
{
	uint64_t work[HR_MARGINAL_GROUPS], both[HR_MARGINAL_GROUPS];

	ctr[HR_CTR_READ_BLOCK_N]++;
	for (int i = 0; i < HR_MARGINAL_GROUPS; i++) {
		work[i] = hr_ns_to_us(m->charge_ns[i]);
		both[i] = work[i] + m->reads[i];
		ctr[HR_CTR_READ_N] += m->reads[i];
		ctr[HR_CTR_READ_WORK_US] += work[i];
	}
	ctr[HR_CTR_READ_N2] += spread(m->reads);
	ctr[HR_CTR_READ_WORK_US2] += spread(work);
	ctr[HR_CTR_READ_BOTH2] += spread(both);
}

void hr_marginal_add(struct hr_marginal *m, uint32_t reads, uint64_t charge_ns, uint64_t *ctr)
{
	uint32_t g = m->slots / HR_MARGINAL_SLOTS;

	m->reads[g] += reads;
	m->charge_ns[g] += charge_ns;
	if (++m->slots < HR_MARGINAL_SLOTS * HR_MARGINAL_GROUPS)
		return;
	block(m, ctr);
	hr_marginal_reset(m);
}
