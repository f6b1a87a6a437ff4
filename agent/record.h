/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Armed slices: 5 s of every minute, at a random second of it, are recorded as bursts and
 * replayed at larger loads, one row of the result per tick.  Off in between; its memory
 * (1.5 MB) is given back after each slice.  Dense: slice after slice, at most a minute of them
 * (3.1 MB) waits and is replayed at the end, where it delays nothing that is recorded.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/bpf_io.h"
#include "agent/core/sampler.h"

struct hr_record;

/*
 * @seed: any number of this boot.  @dense: slice after slice without a pause (`measure`: a single
 * one of 5 s holds too few bursts).  0 or -ENOMEM.
 */
int hr_record_open(struct hr_record **ret_record, uint64_t seed, bool dense, uint64_t now_ns);
void hr_record_close(struct hr_record *r);

/*
 * Every tick.  @cpus: online.  @last: the window is about to end for good, a slice under way
 * counts as far as it came.  What a slice gave goes to @sampler.
 */
void hr_record_tick(struct hr_record *r, struct hr_bpf *b, uint64_t now_ns, uint32_t cpus,
	bool last, struct hr_sampler *sampler);
