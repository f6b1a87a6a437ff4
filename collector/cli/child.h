/* SPDX-License-Identifier: Apache-2.0 */
/* The command that `headroom measure -- CMD` runs while it samples. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct hr_child {
	pid_t pid; /* 0: none */
	bool done;
	int status; /* as waitpid(), once done */
};

/*
 * Starts argv in this process's environment with no signal blocked; @to_stderr: its stdout is
 * our stderr.  0 or -errno (-ENOENT: no such command).
 */
int hr_child_start(struct hr_child *c, char **argv, bool to_stderr);
/* Takes note of its end without waiting. */
void hr_child_poll(struct hr_child *c);
/* SIGTERM, 5 s, SIGKILL; returns when it is gone. */
void hr_child_stop(struct hr_child *c);
