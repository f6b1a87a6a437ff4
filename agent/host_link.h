/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only netlink and ethtool tell about a link: backlog, drops and kind of
 * its root queueing discipline (a shaper there is a limit on the VM that is not
 * the VM's), and the provider's own "allowance exceeded" counters (ENA).
 */
#pragma once

#include "agent/core/raw.h"
#include "agent/host_dev.h"

struct hr_host_link;

/* 0 or -errno (no netlink: the QDISC signal is missing).  Allocates nothing later. */
int hr_host_link_open(struct hr_host_link **ret_link);
void hr_host_link_close(struct hr_host_link *l);

/* After each change of @devs: finds the allowance counters of each NIC's driver. */
void hr_host_link_devices(struct hr_host_link *l, const struct hr_host_devs *devs);

/*
 * One dump; @ret by device number.  0, or -errno when the dump failed: then
 * has_qdisc is false everywhere.  Costs two system calls and one per NIC with allowances.
 */
int hr_host_link_read(struct hr_host_link *l, struct hr_nic_raw ret[HR_DEVS_MAX]);
