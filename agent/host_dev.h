/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which devices are measured.  Disks: leaf, request based (never loop, zram, dm,
 * md: their I/O appears again in the disk below).  NICs: devices with a bus parent
 * (never lo, veth, bridge, bond: their packets appear again).  The operator may
 * name devices to add or leave out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/facts.h"

struct hr_host_dev {
	struct hr_dev_facts facts;
	uint32_t major, minor; /* disk */
	uint32_t ifindex;      /* nic */
};

struct hr_host_devs {
	uint32_t n;
	uint32_t left_out; /* found, but beyond HR_DISKS_MAX or HR_NICS_MAX */
	struct hr_host_dev dev[HR_DEVS_MAX];
};

struct hr_host_dev_opts {
	const char *root;    /* prefix of /sys */
	const char *include; /* names separated by blanks or commas; "" none */
	const char *exclude;
	const char *limits; /* that the operator tells, as hr_machine_limit() reads them */
};

/*
 * Looks at /sys/block and /sys/class/net.  Devices already in @devs keep their
 * place, so their numbers stay while nothing before them goes; new ones follow in
 * order of name.  True when @devs changed (a new epoch).
 */
bool hr_host_dev_scan(const struct hr_host_dev_opts *opts, struct hr_host_devs *devs);
uint32_t hr_host_dev_count(const struct hr_host_devs *devs, enum hr_dev_kind kind);
