/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between spool and ship: what goes into the next POST, when, and what its
 * outcome means for the windows in it (collector.md 6).
 *
 * - A window is spooled when it closes and leaves the spool when its
 *   acknowledgement came.
 * - Before a byte goes out the windows of a POST are frozen, on disk; while no
 *   answer came they are sent again as the same bytes before anything else, some 20 s long.
 * - The newest window goes first, then the backlog behind it, newest first, as many per
 *   POST as the collector grants.
 * - A refused POST is sent again window by window.  What the collector refuses alone is counted as
 *   lost; what a proxy refuses, or never proves, steps aside, blocks nobody and is tried again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/ship.h"
#include "agent/spool.h"
#include "proto/facts.h"
#include "proto/summary.h"

struct hr_courier;

/*
 * Takes over @ship, also on failure, and opens the spool in @state/spool ("" keeps it in
 * memory) for the running boot of this machine.  0, or -errno with what, why and what to do in
 * @err.
 */
int hr_courier_start(struct hr_courier **ret_courier, struct hr_ship *ship, const char *state,
	uint64_t spool_bytes, char err[512]);
void hr_courier_close(struct hr_courier *c);

/*
 * First window number and epoch that no earlier run of this boot used: what the
 * engine is opened with, so that no window of this run meets one of a dead agent's.
 */
void hr_courier_first_free(const struct hr_courier *c, uint64_t *ret_seq, uint32_t *ret_epoch);

/* Exchanges the way out (a reload); a POST under way is given up and sent again. */
void hr_courier_set_ship(struct hr_courier *c, struct hr_ship *ship);
struct hr_ship *hr_courier_ship(const struct hr_courier *c);

/* Facts as they are now; spooled, and sent with the next POST, when they changed. */
void hr_courier_facts(struct hr_courier *c, const struct hr_facts *facts);

/* A window that closed. */
void hr_courier_window(struct hr_courier *c, const struct hr_summary *s);

/* Once a second, after the tick: takes results, starts a POST when one is due, tends the spool. */
void hr_courier_work(struct hr_courier *c);

/* At exit: what waits is due now, whatever the back-off says. */
void hr_courier_hurry(struct hr_courier *c);
/* After the last wait: takes a result that came, starts nothing, and makes the spool durable. */
void hr_courier_end(struct hr_courier *c);
/* True while a POST is under way. */
bool hr_courier_busy(const struct hr_courier *c);

struct hr_courier_status {
	uint32_t waiting;          /* windows in the spool (merged ones count once) */
	uint32_t aside;            /* of those: refused by something before the collector */
	uint64_t durable;          /* windows acknowledged since the start */
	uint64_t refused;          /* windows the collector will never take */
	uint64_t dropped;          /* windows lost for room, since the spool was made */
	enum hr_ship_outcome last; /* NONE: nothing was sent yet */
};
void hr_courier_status(const struct hr_courier *c, struct hr_courier_status *ret);
/* What waits, window by window; for tests that account for each. */
const struct hr_outbox *hr_courier_outbox(const struct hr_courier *c);
