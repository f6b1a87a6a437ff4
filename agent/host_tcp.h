/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Round trips of TCP connections above their own minimum, from the kernel's
 * socket list (sock_diag): the only sign of a shaper that lies behind the VM.
 */
#pragma once

#include "agent/core/raw.h"

struct hr_host_tcp;

/* 0 or -errno (no netlink, no tcp_diag: the TCP_RTT signal is missing). */
int hr_host_tcp_open(struct hr_host_tcp **ret_tcp);
void hr_host_tcp_close(struct hr_host_tcp *t);

/*
 * Looks at connections that have data under way to another machine, the first
 * 512 of them, among the first 4096 of the list; @ret: how many, and the median of their srtt -
 * min_rtt.  One pass over the kernel's table: once a window, not each
 * tick.  0 or -errno.
 */
int hr_host_tcp_read(struct hr_host_tcp *t, struct hr_rtt_raw *ret);
