/* SPDX-License-Identifier: Apache-2.0 */
/* Devices of our own for the tests: nobody else's work is on them, so counts are exact. */
#pragma once

#include <stdint.h>

/*
 * A block device of @bytes whose content may go: that of HR_TEST_DISK (a guest's
 * spare disk), else a loop device over memory.  Returns a descriptor for direct I/O,
 * -1 when there is none (and prints why).  Gone when the descriptor is closed.
 */
int scratch_disk(uint64_t bytes, unsigned *ret_major, unsigned *ret_minor);

/*
 * A loop device whose last @missing bytes are not there: a read over the border
 * completes in parts, the last of them with an error.  As scratch_disk otherwise.
 */
int scratch_torn_disk(uint64_t bytes, uint64_t missing, unsigned *ret_major, unsigned *ret_minor);

/* Requests and sectors of a device, reads and writes, as /proc/diskstats has them. */
struct scratch_diskstats {
	unsigned long long n[2], sectors[2];
};
struct scratch_diskstats scratch_diskstats(unsigned major_no, unsigned minor_no);

/*
 * A pair of virtual Ethernet devices, up and silent, in this thread's network
 * namespace, which must be one of its own.  What @ret_ifindex[0] sends arrives at
 * @ret_ifindex[1].  0, or -errno.
 */
int scratch_cable(int ret_ifindex[2]);

/* Brings a device of this namespace up.  0, or -errno. */
int scratch_up(const char *name);
