/* SPDX-License-Identifier: Apache-2.0 */
/* A folder with an agent's spool in it goes when a test ends. */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* All files of @dir, which holds no folder, and @dir. */
static inline void remove_dir(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		(void)closedir(d);
	(void)rmdir(dir);
}

/* The state folder of an agent: its spool is all that is there. */
static inline void remove_state(const char *state)
{
	char spool[128];

	(void)snprintf(spool, sizeof(spool), "%s/spool", state);
	remove_dir(spool);
	(void)rmdir(state);
}
