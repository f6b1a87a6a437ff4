/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a job of the open load does when it does not compute: a write to a disk, reads of memory,
 * a request to a web server.  One at a time per thread; how long it took is the caller's to
 * measure.
 */
#pragma once

#include <stdbool.h>

struct act_opts {
	const char *disk;   /* block device: a random block of it, past the page cache */
	unsigned block_kb;  /* of such a block, a multiple of 4; 0: 4 */
	double touch_mb;    /* memory of which ACT_PAGES random pages are written */
	double cold_mb;     /* more of it, written once at the beginning */
	const char *read;   /* block device, read through the page cache */
	double read_mb;     /* of it: ACT_PAGES random pages are read */
	double once_mb;     /* what follows these, read once at the beginning */
	unsigned http_port; /* on 127.0.0.1: GET /, the connection stays open */
};

#define ACT_PAGES 16

/* Opens what is asked for; @ret_any: whether anything is.  false: it cannot, said on stderr. */
bool act_begin(const struct act_opts *o, bool *ret_any);
/* One, with @draw as the source of chance.  false: it failed. */
bool act_once(unsigned long long draw);
