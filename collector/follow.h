/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is looked at once a second and may wait for a database server: credentials that other
 * collectors changed, and alerts.  A thread of its own, because the main loop has the deadlines of
 * connections, the service manager's watchdog and signals.
 */
#pragma once

#include <stdbool.h>

struct hr_alerts;
struct hr_auth;
struct hr_follow;

/* Both outlive it.  NULL: no thread, or out of memory. */
struct hr_follow *hr_follow_start(struct hr_auth *auth, struct hr_alerts *alerts);
/*
 * Between two looks nothing of the thread's is in use until hr_follow_let().  False: a look is
 * under way, which may take some seconds; nothing was taken.
 */
bool hr_follow_try(struct hr_follow *f);
void hr_follow_let(struct hr_follow *f);
/* Waits for the look under way.  NULL is fine. */
void hr_follow_stop(struct hr_follow *f);
