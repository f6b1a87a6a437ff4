/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's one thread: wakes once a second for the tick, and for the
 * network while a POST is under way.  Ends on SIGTERM or SIGINT: the open window is
 * closed, one last POST is tried for 5 s, the rest waits in the spool.
 */
#pragma once

#include "agent/courier.h"
#include "agent/engine.h"

struct hr_loop {
	struct hr_engine *engine;
	struct hr_courier *courier;
	const char *state;         /* directory of the status file; "" none is written */
	const char *name;          /* replaces the host name in the facts; "" keeps it */
	const char *instance_type; /* likewise, what DMI says of the size */
	/* SIGHUP.  0, or -errno with the reason in @err: then the old configuration stays. */
	int (*reload)(void *arg, char err[512]);
	void *reload_arg;
};

/* 0 after a clean stop, -errno when the loop cannot run at all. */
int hr_loop_run(const struct hr_loop *l);
