/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grids of the virtual queue and of the replay (summary.h) as bits.  Counts over load
 * factors stand still at both ends (nothing is late yet, everything is), and independent
 * growth often counts what growth inside bursts does.  So per number, rows in their order:
 *   1        as the one before it in the row (0 at the start of a row)
 *   01       only in rows of independent growth: as in the row of its size before
 *   00, 0    neither; then the difference to the one before, folded and coded as a count of
 *            a histogram is, with the order that fits doubling
 * A grid of a busy window takes a third of what a varint per number did (test_grid_bits.c prints
 * it).
 */
#pragma once

#include "proto/hist_bits.h"
#include "proto/summary.h"

#define HR_GRID_BYTES 512 /* room for any grid by itself */

/* Appends; false: @b is full. */
bool hr_grid_put(struct hr_bits *b, const uint32_t v[HR_VQ_ROWS][HR_VQ_GRID]);
/* False, with *ret_v void: the bits end, or no grid has them. */
bool hr_grid_get(struct hr_bits *b, uint32_t ret_v[HR_VQ_ROWS][HR_VQ_GRID]);
