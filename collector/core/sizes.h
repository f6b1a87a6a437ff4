/* SPDX-License-Identifier: Apache-2.0 */
/* The next sizes and what they would gain (answer-model 10). */
#pragma once

#include "collector/core/model.h"

struct hr_gain {
	const char *change;    /* "vcpus x2" */
	bool exists;           /* false: larger than the largest size told */
	struct hr_bounds gain; /* factor on the headroom; has = false: not known */
};

/*
 * @k, @at: headroom now and at the sizes.  @frozen bounds the gain of vCPUs for
 * closed load: it counts where @hog_share of the work never sleeps, or where a
 * thread is hot and it proves that nothing waited.  @closed: every vCPU is busy all the time and
 * this is likely gained; it replaces what the headroom says, which knows of no load but this.
 */
struct hr_gain_in {
	struct hr_bounds k, at[HR_SIZE_N];
	struct hr_opt frozen, closed;
	double hog_share;
	bool hot_thread;
	bool grows[HR_SIZE_N]; /* what binds, with this size: by an amount nothing tells */
	uint32_t vcpus;
	uint64_t mem_bytes;
};
void hr_sizes_gain(const struct hr_gain_in *in, const struct hr_model_conf *conf,
	struct hr_gain ret[HR_SIZE_N]);
