/* SPDX-License-Identifier: Apache-2.0 */
/* Format in grid_bits.h. */
#include "proto/grid_bits.h"

/* Numbers of a row grow by doubling: a difference has about the bits of the number before. */
static unsigned order(uint32_t before)
{
	return before == 0 ? 2 : 31 - (unsigned)__builtin_clz(before);
}

static bool has_above(unsigned row)
{
	return row >= HR_VQ_SPREAD;
}

bool hr_grid_put(struct hr_bits *b, const uint32_t v[HR_VQ_ROWS][HR_VQ_GRID])
{
	for (unsigned r = 0; r < HR_VQ_ROWS; r++) {
		for (unsigned g = 0; g < HR_VQ_GRID; g++) {
			uint32_t before = g ? v[r][g - 1] : 0, n = v[r][g];
			bool ok = hr_bits_put(b, n == before, 1);

			if (ok && n != before && has_above(r)) {
				ok = hr_bits_put(b, n == v[r - HR_VQ_SPREAD][g], 1);
				if (ok && n == v[r - HR_VQ_SPREAD][g])
					continue;
			}
			if (ok && n != before)
				ok = hr_bits_put_golomb(
					b, hr_bits_fold(before, n) - 1, order(before));
			if (!ok)
				return false;
		}
	}
	return true;
}

static bool get_new(struct hr_bits *b, uint32_t before, uint32_t *ret)
{
	uint64_t z;

	return hr_bits_get_golomb(b, order(before), &z) && hr_bits_unfold(before, z + 1, ret);
}

bool hr_grid_get(struct hr_bits *b, uint32_t ret_v[HR_VQ_ROWS][HR_VQ_GRID])
{
	for (unsigned r = 0; r < HR_VQ_ROWS; r++) {
		for (unsigned g = 0; g < HR_VQ_GRID; g++) {
			uint32_t before = g ? ret_v[r][g - 1] : 0;
			uint64_t same, above = 0;

			if (!hr_bits_get(b, 1, &same) ||
				(!same && has_above(r) && !hr_bits_get(b, 1, &above)))
				return false;
			if (same)
				ret_v[r][g] = before;
			else if (above)
				ret_v[r][g] = ret_v[r - HR_VQ_SPREAD][g];
			else if (!get_new(b, before, &ret_v[r][g]))
				return false;
		}
	}
	return true;
}
