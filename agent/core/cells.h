/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mapped per-CPU cells (bpf/cell.h) -> struct hr_take.  Pure: the caller maps the
 * memory, gives the time and publishes the horizon; this takes differences
 * against its own copy, adds what is still running, and sums over CPUs.
 *
 * One take, in this order:
 *	horizon = hr_cells_plan(c, now);	slots before it will be read
 *	store it in every hr_ctl and CPU cell;	from now on programs leave them alone
 *	hr_cells_take(c, view, take);
 * The newest HR_TAKE_LAG slots stay open, so that waits and requests which end up
 * to 268 ms after they began still find their slots.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/raw.h"
#include "bpf/cell.h"
#include "proto/facts.h"

#define HR_TAKE_LAG 32 /* slots, 268 ms */
/* Ring, less the open part and one slot of safety: a tick may be 1.8 s after the last. */
#define HR_TAKE_MAX (HR_RING_SLOTS - HR_TAKE_LAG - 2)

/* The stint running on a CPU. */
struct hr_open {
	uint32_t pid;   /* 0: idle */
	uint64_t since; /* ns, 0: no switch seen yet */
	uint64_t burst_wait, burst_cpu;
	uint64_t exec; /* sum_exec_runtime of the task at @since */
};

/* Reads it whole.  False: its CPU was caught inside the program again and again. */
bool hr_cells_open(const struct hr_cpu_cell *c, struct hr_open *ret);

/* What the caller found out about a stint that looks old: it ended at @until (its switch was
 * missed). */
struct hr_open_end {
	uint64_t since; /* which stint; 0 none */
	uint64_t until;
};

/* Where the cells are mapped.  NULL: that object is not loaded (its numbers stay 0 and mean
 * nothing). */
struct hr_cells_view {
	uint32_t cpus;                   /* possible CPUs = cells per device */
	uint32_t disks, nics;            /* stride of the device maps */
	const struct hr_cpu_cell *cpu;   /* [cpus] */
	const struct hr_disk_cell *disk; /* [cpus][disks] */
	const struct hr_nic_cell *nic;   /* [cpus][nics] */
	const struct hr_mem_cell *mem;   /* [cpus] */
	uint32_t online;                 /* highest CPU that was online, and one; 0: not known */
	bool unwatched; /* switches are not counted any more: they do not tell which CPUs ran */
	const struct hr_open_end *open_end; /* [cpus], NULL: every running stint is believed */
	/* device number (hr_facts.dev) of each disk and NIC of the maps; HR_DEVS_MAX: unused */
	uint8_t disk_dev[HR_DISKS_MAX], nic_dev[HR_NICS_MAX];
};

struct hr_cells; /* the copy: sums over CPUs as of the last take */

/* Bytes of a struct hr_cells for this many; hr_cells_init() wants them zeroed and 8-aligned. */
size_t hr_cells_size(uint32_t cpus, uint32_t disks, uint32_t nics);
void hr_cells_init(struct hr_cells *c, uint32_t cpus, uint32_t disks, uint32_t nics);

/* The horizon (ns) to publish for a take at @now_ns.  Never goes back. */
uint64_t hr_cells_plan(struct hr_cells *c, uint64_t now_ns);

/*
 * Everything up to the planned horizon.  The first take, and one that comes after
 * the ring lapped (ret_take->overrun), only sets the base: no slots, no growth.
 * @ret_take->have is left to the caller.  @ret_take: zeroed memory, and the same one each time;
 * what no take has written stays untouched (197 KiB, of which a small VM needs a tenth).
 */
void hr_cells_take(struct hr_cells *c, const struct hr_cells_view *v, struct hr_take *ret_take);

/* Disk or NIC @index of the maps means another device from now on: its counters start afresh. */
void hr_cells_forget(
	struct hr_cells *c, const struct hr_cells_view *v, uint8_t kind, uint32_t index);
