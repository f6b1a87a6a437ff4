/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/room.h"

#include <stdbool.h>

#include "bpf/cell.h"

/* Bytes of the maps that do not depend on CPUs: the recorder's ring, tables, globals, headers. */
#define FIXED_BYTES (368 * 1024)
#define SPARE       2

static bool fits(uint32_t cpus, uint64_t disks, uint64_t nics)
{
	uint64_t cell = sizeof(struct hr_cpu_cell) + sizeof(struct hr_mem_cell) +
			disks * sizeof(struct hr_disk_cell) + nics * sizeof(struct hr_nic_cell);

	return FIXED_BYTES + cpus * cell <= HR_MAPS_FIXED + (uint64_t)cpus * HR_MAPS_PER_CPU;
}

static uint32_t clamp(uint32_t v, uint32_t lo, uint32_t hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

struct hr_room hr_room(uint32_t cpus, uint32_t disks, uint32_t nics)
{
	struct hr_room r = {clamp(disks, 1, HR_DISKS_MAX), clamp(nics, 1, HR_NICS_MAX)};

	for (int i = 0; i < SPARE; i++) {
		if (r.disks < HR_DISKS_MAX && fits(cpus, r.disks + 1, r.nics))
			r.disks++;
		if (r.nics < HR_NICS_MAX && fits(cpus, r.disks, r.nics + 1))
			r.nics++;
	}
	return r;
}
