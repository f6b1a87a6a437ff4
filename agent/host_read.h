/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a tick, read through descriptors that stay open: pread at 0,
 * fixed buffers, nothing allocated after the open.  Everything lies under a
 * root path, so that a test hands in another /proc and /sys.  Text only: the
 * pure core parses.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/pages.h"
#include "agent/core/raw.h"

struct hr_host_read;

/*
 * @root: prefix of /proc and /sys, "" normally.  A file that is not there is no
 * error: its text says -errno.  0, -ENOMEM, or -errno when not even
 * @root/proc/stat can be read.
 */
int hr_host_read_open(struct hr_host_read **ret_host, const char *root);
void hr_host_read_close(struct hr_host_read *h);

enum hr_host_texts {
	HR_TEXTS_TICK,    /* those of enum hr_file that are for each tick */
	HR_TEXTS_DEVICES, /* and those that name devices */
	HR_TEXTS_ALL,
};

/* The texts are the reader's own and hold until they are read again; others of @ret_text stay. */
void hr_host_read_files(
	struct hr_host_read *h, enum hr_host_texts which, struct hr_text ret_text[HR_FILE_N]);

/*
 * Whether a device of any kind may have come, gone or been renamed since the last call: the kernel
 * counts its events (uevent_seqnum), and that is a fifteenth of reading all names.  Call it before
 * the texts are read.  Always true where the number is not told.
 */
bool hr_host_read_stirred(struct hr_host_read *h);

/*
 * Hash of the device names in the texts last read (/proc/diskstats, net/dev):
 * changes when a disk or link comes, goes or is renamed, and never with counters.
 */
uint64_t hr_host_read_names(const struct hr_host_read *h);

/* Counts of CPUs, and a hash of which are online.  @ret 0 where the file cannot be read. */
struct hr_host_cpus {
	uint32_t online, possible;
	uint64_t online_hash;
};
void hr_host_read_cpus(struct hr_host_read *h, struct hr_host_cpus *ret_cpus);

/*
 * The agent's private memory in bytes (Private_Clean + Private_Dirty of
 * smaps_rollup), 0 when it cannot be read.  That takes 0.5 ms and nothing is allocated after
 * the start: read at the first call, once what the start needed was dropped (trim.h), and each
 * minute.
 */
uint64_t hr_host_read_private_bytes(struct hr_host_read *h, uint64_t now_ns);

/* /proc/zoneinfo: frame numbers of the memory there is.  0, or -errno, -EBADMSG, -E2BIG. */
int hr_host_read_zones(const char *root, struct hr_page_ranges *ret_ranges);

/* One small file under @root, without its trailing newline; "" when it cannot be read. */
void hr_host_read_line(const char *root, const char *path, char *ret, size_t cap);
