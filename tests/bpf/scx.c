/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command while all ordinary tasks are scheduled by sched_ext instead of the fair class:
 * bpf_scx COMMAND ARG...; its exit status is the command's, 77 where the kernel has no sched_ext.
 * For guests: it changes the scheduler of the whole machine.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "scx.skel.h"

/* Whether /sys/kernel/sched_ext says so. */
static int enabled(void)
{
	char text[32] = "";
	FILE *f = fopen("/sys/kernel/sched_ext/state", "r");

	if (f && !fgets(text, sizeof(text), f))
		text[0] = '\0';
	if (f)
		(void)fclose(f);
	return strncmp(text, "enabled", 7) == 0;
}

int main(int argc, char **argv)
{
	bool can = argc > 1 && access("/sys/kernel/sched_ext/state", R_OK) == 0;
	struct hr_scx_bpf *b = can ? hr_scx_bpf__open_and_load() : NULL;
	struct bpf_link *link = b ? bpf_map__attach_struct_ops(b->maps.hr_plain) : NULL;
	int status = 1;
	pid_t pid;

	if (!link || !enabled()) {
		printf("no sched_ext here\n");
		return 77;
	}
	pid = fork();
	if (pid == 0) {
		(void)execvp(argv[1], argv + 1);
		_exit(127);
	}
	(void)waitpid(pid, &status, 0);
	if (!enabled()) {
		printf("FAILED: sched_ext did not last\n");
		return 1;
	}
	(void)bpf_link__destroy(link);
	hr_scx_bpf__destroy(b);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
