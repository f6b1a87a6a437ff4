/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cells of a lookback as bytes.  They are in order, so a run of one day and track says how far it
 * is from the one before, and each cell how far its code is from the last:
 *   days, track, length of the run, then of each cell its code and its count, all as varints.
 * A track is what it adds to that of the run before where the day is the same.  Such a track is
 * larger, and so is each code of a run but the first: no other bytes mean the same.
 */
#pragma once

#include "collector/core/lookback.h"

enum hr_cells_result {
	HR_CELLS_OK = 0,
	HR_CELLS_BAD,
	HR_CELLS_MEMORY, /* nothing is wrong with the bytes so far */
};

/* Bytes of all cells of @l, of which the first @cap are written. */
size_t hr_cells_put(const struct hr_lookback *l, unsigned char *buf, size_t cap);

/* @n cells into @l, which has none.  *ret_used: the bytes that they took. */
enum hr_cells_result hr_cells_get(struct hr_lookback *l, uint32_t n, const unsigned char *bytes,
	size_t len, size_t *ret_used);
