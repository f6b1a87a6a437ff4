/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prometheus remote write 1.0: one thread that says every series once an interval and sends what it
 * said in order, one request at a time.  What fails (no answer, 5xx, 429) is sent again with
 * growing pauses from a bounded queue, whose oldest go first; what is refused (any other status)
 * is dropped and counted.  A sample that is lost is a gap; an end mark that is lost is an answer
 * shown beside the one that is true.  So samples make room for end marks, and those that are
 * refused for another reason than what they hold (401, 404, ...) are said again when the way is
 * free, before what is newer; until then one body of them a round.  It reads the board and nothing
 * else, so neither ingest nor HTTP waits.
 */
#pragma once

#include <stdbool.h>

#include "collector/core/config.h"
#include "collector/counters.h"
#include "collector/snapshot.h"

struct hr_remote;
struct hr_side;
struct hr_writer;

/* What it reads; all of it outlives the thread. */
struct hr_remote_sources {
	struct hr_board *board;
	struct hr_counters *count;
	struct hr_writer *writer; /* NULL: none, as in tests */
	struct hr_side *side; /* of several collectors only the elected one writes; NULL: alone */
};

/*
 * Reads the token, starts the thread.  *@ret stays NULL when @conf has no url.  0, or -errno with
 * what, why and what to do in @err.
 */
int hr_remote_open(struct hr_remote **ret, const struct hr_collector_config *conf,
	const struct hr_remote_sources *sources, char err[512]);
/* Whether hr_remote_reconfigure() would take @conf, its files read.  0 or -errno, as there. */
int hr_remote_try(const struct hr_collector_config *conf, const struct hr_remote_sources *sources,
	char err[512]);
/*
 * A new configuration: when section and token are the same nothing happens, else what waits goes
 * and the thread begins anew.  On error the old one stays.  *@remote may be NULL.
 */
int hr_remote_reconfigure(struct hr_remote **remote, const struct hr_collector_config *conf,
	const struct hr_remote_sources *sources, char err[512]);
/* Breaks off what is under way.  NULL is fine. */
void hr_remote_close(struct hr_remote *r);
