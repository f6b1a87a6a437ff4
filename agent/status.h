/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a running agent costs, for whoever asks on this machine (headroom doctor): one file of
 * "key=value" lines in the agent's state directory, written anew at the end of each window.
 * No lock: it is one write of a fixed length.  No fsync: it tells of the last ten seconds.
 */
#pragma once

#include <stdint.h>

#include "proto/facts.h"

struct hr_status {
	uint64_t pid, wall_ms; /* who wrote it, and when; wall_ms 0: nobody yet */
	uint64_t cost_ppm;     /* of one CPU, in the last window: process and hooks */
	uint64_t hook_ppm;     /* the hooks' part of it, dispatch included */
	uint64_t budget_ppm;   /* above it for a minute, the next hook is shed */
	uint64_t event_ns;     /* per event, dispatch included, as last measured; 0 never */
	uint64_t rss_bytes, map_bytes;
	uint64_t shed;           /* bit per enum hr_shed */
	char why[HR_REASON_LEN]; /* of the hook shed last; "" none */
};

/* A descriptor for hr_status_write(), or -errno.  @dir: the state directory, which is made. */
int hr_status_open(const char *dir);
int hr_status_write(int fd, const struct hr_status *s);
/* The file stays, empty: nobody runs. */
void hr_status_close(int fd);

/* 0; -ENOENT: no agent runs with that directory; -EBADMSG: not such a file; -errno. */
int hr_status_read(const char *dir, struct hr_status *ret);
