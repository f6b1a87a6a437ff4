/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How hard a VM was at work, as a byte per kind of load: what can be had from a window while it is
 * checked, without its distributions.  It is for one question only: did a window come that was
 * beyond all that a host's model has judged (turns.c)?  A byte is four steps per doubling, so two
 * loads of one byte differ by less than a fifth; each rises when there is more to worry about.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/wire.h"

enum hr_strain_kind {
	HR_STRAIN_BUSY = 0, /* CPU time, per second */
	HR_STRAIN_WAIT,     /* for a CPU, per second */
	HR_STRAIN_LATE,     /* bursts that waited too long, of a thousand */
	HR_STRAIN_STEAL,
	HR_STRAIN_THREAD, /* the hottest one, on a CPU or waiting */
	HR_STRAIN_STALL,  /* for memory or the disk: the larger */
	HR_STRAIN_MEMORY, /* the less is available, cache that was used again not counted */
	HR_STRAIN_OPS,    /* of disks, and packets of links, per second */
	HR_STRAIN_BYTES,  /* likewise */
	HR_STRAIN_EVENTS, /* drops, reclaim, swapping, throttling: what a quiet VM has none of */
	HR_STRAIN_FS,     /* the less room is on the fullest file system */
	HR_STRAIN_INODES, /* likewise */
	HR_STRAIN_N,
};

struct hr_strain {
	uint8_t level[HR_STRAIN_N];
};

/* @into becomes at least what @l says, and at least @from. */
void hr_strain_add(struct hr_strain *into, const struct hr_wire_load *l);
void hr_strain_join(struct hr_strain *into, const struct hr_strain *from);
/* In some kind more than @known. */
bool hr_strain_beyond(const struct hr_strain *s, const struct hr_strain *known);
