/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many disks and NICs the maps get room for.  A device that comes later needs a place made at
 * the start, for rights to make one are given up then; but each place costs memory on every
 * possible CPU, and some clouds announce 128 or 240 of those to a VM that uses two.
 */
#pragma once

#include <stdint.h>

struct hr_room {
	uint32_t disks, nics;
};

/*
 * The @disks and @nics that are there (at least one, at most HR_DISKS_MAX, HR_NICS_MAX) and two
 * more of each, as far as all maps stay within HR_MAPS_PER_CPU for each of @cpus and HR_MAPS_FIXED.
 */
struct hr_room hr_room(uint32_t cpus, uint32_t disks, uint32_t nics);
