/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every few seconds the states of all hosts' alerts, from the answers on the board;
 * what changed goes to the receivers, and to a file, so that a restart neither
 * repeats nor forgets.  Used by one thread, which never waits for a receiver.
 */
#pragma once

#include <stdint.h>

#include "collector/core/config.h"
#include "collector/snapshot.h"

struct hr_alerts;

/* @b outlives it; @conf is copied.  0, or -errno with what, why and what to do in @err. */
struct hr_side;
/* @side: of several collectors, who tells and what was told; NULL: alone, in a file of its own. */
int hr_alerts_open(struct hr_alerts **ret, const struct hr_collector_config *conf,
	struct hr_board *b, struct hr_side *side, char err[512]);
/* A new configuration: receivers are opened anew, states stay.  On error the old one stays. */
int hr_alerts_reconfigure(
	struct hr_alerts *a, const struct hr_collector_config *conf, char err[512]);
/* Once a second. */
void hr_alerts_tick(struct hr_alerts *a);
void hr_alerts_close(struct hr_alerts *a); /* NULL is fine */
