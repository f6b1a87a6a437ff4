/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which unsent windows become one during an outage (collector.md 6): older than
 * 5 min -> 1 min, older than 1 h -> 5 min.  Counts are kept, time resolution is
 * not.  A planner over what the spool knows; hr_summary_merge() does the merging
 * and may still refuse, then the windows stay apart.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HR_COALESCE_1_AGE_NS  300000000000ULL  /* 5 min */
#define HR_COALESCE_1_WINDOWS 6                /* -> 1 min */
#define HR_COALESCE_2_AGE_NS  3600000000000ULL /* 1 h */
#define HR_COALESCE_2_WINDOWS 30               /* -> 5 min */
#define HR_COALESCE_3_WINDOWS 360 /* -> 1 h (HR_DUR_MAX_MS): only when the spool is full */

struct hr_coalesce_item {
	uint64_t boot;
	uint64_t seq_first, seq_last;
	uint64_t age_ns; /* since the window ended */
	uint32_t epoch;
	bool frozen; /* a byte of it went out: it travels as it is */
};

/*
 * Next run to merge in @item[0..n), which is in send order (boot, then seq):
 * items [*ret_at, *ret_at + *ret_count), count >= 2, all of one boot, epoch and
 * aligned group of 6 or 30 sequence numbers, none frozen, contiguous.  Groups
 * are aligned, so that merging again later meets the same borders.  False: none.
 * A run is planned when its youngest member is old enough; with @pressure (the
 * spool is full) whatever its age, in growing steps up to 1 h.
 */
bool hr_coalesce_next(const struct hr_coalesce_item *item, size_t n, bool pressure, size_t *ret_at,
	size_t *ret_count);
