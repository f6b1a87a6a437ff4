/* SPDX-License-Identifier: Apache-2.0 */
/* Loads that fire one kind of hook as fast as one CPU can, in short slices that are timed one by
 * one. */
#pragma once

#include <stdint.h>

#include "tests/cost/hooks.h"

struct load_opts {
	int cpu;          /* everything is pinned to it */
	const char *disk; /* LOAD_BLOCK: device to read */
};

/* Prepares; exits on failure. */
void load_init(enum load load, const struct load_opts *o);
void load_done(void);

/* One slice.  Returns ns per hook event of the load. */
double load_slice(void);

/* Events (switches, requests, packets each way) of one slice, for counts. */
uint64_t load_slice_events(void);
