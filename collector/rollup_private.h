/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by rollup.c and rollup_expire.c. */
#pragma once

#include "collector/core/digest.h"
#include "collector/rollup.h"

#define HR_ROLLUP_FRESH 16 /* bins whose windows are counted as they come */

struct hr_rollup {
	struct hr_tally now[HR_TIER_N];  /* as of the open transaction */
	struct hr_tally kept[HR_TIER_N]; /* as stored */
	bool has_late, late_in_group;
	struct hr_digest sum, check;
	uint8_t *buf; /* [HR_DIGEST_MAX] */
	/* windows that came for a bin, against what its roll-up found */
	uint64_t start_bin;
	struct {
		uint64_t bin, kept, group;
	} fresh[HR_ROLLUP_FRESH];
	uint64_t bin_windows; /* of the bin that is being rolled up */
	uint64_t pack_at_ms;  /* not to be packed on before, */
	uint64_t waited_bin;  /* because of one in this bin */
	/* the host at work */
	struct hr_writer *w;
	uint64_t after_n; /* windows up to it are in the sum already */
	size_t done_len;  /* not 0: so many bytes of buf are the sum, which has no pieces then */
	uint64_t bad_windows;
	bool no_memory;
};
