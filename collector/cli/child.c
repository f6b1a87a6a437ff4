/* SPDX-License-Identifier: Apache-2.0 */
/* One child process; see child.h. */
#include "collector/cli/child.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STOP_STEPS   50 /* of 100 ms: 5 s between SIGTERM and SIGKILL */
#define STOP_STEP_NS 100000000L

extern char **environ;

int hr_child_start(struct hr_child *c, char **argv, bool to_stderr)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none;
	int r;

	sigemptyset(&none);
	r = posix_spawn_file_actions_init(&files);
	if (r != 0)
		return -r;
	r = posix_spawnattr_init(&attr);
	if (r != 0) {
		posix_spawn_file_actions_destroy(&files);
		return -r;
	}
	if (to_stderr)
		r = posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawnattr_setsigmask(&attr, &none);
	if (r == 0)
		r = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	if (r == 0)
		r = posix_spawnp(&c->pid, argv[0], &files, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	if (r != 0)
		c->pid = 0;
	return -r;
}

void hr_child_poll(struct hr_child *c)
{
	if (c->pid && !c->done && waitpid(c->pid, &c->status, WNOHANG) == c->pid)
		c->done = true;
}

void hr_child_stop(struct hr_child *c)
{
	const struct timespec step = {.tv_nsec = STOP_STEP_NS};

	if (!c->pid || c->done)
		return;
	(void)kill(c->pid, SIGTERM);
	for (int i = 0; i < STOP_STEPS && !c->done; i++) {
		(void)nanosleep(&step, NULL);
		hr_child_poll(c);
	}
	if (c->done)
		return;
	(void)kill(c->pid, SIGKILL);
	while (waitpid(c->pid, &c->status, 0) < 0 && errno == EINTR)
		;
	c->done = true;
}
