/* SPDX-License-Identifier: Apache-2.0 */
/* A root with /proc and /sys as a test wants them, for the readers that take one. */
#pragma once

#include "tests/unit/hr_cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static char root[32];

static inline void make_root(void)
{
	(void)snprintf(root, sizeof(root), "/tmp/hr-root-XXXXXX");
	assert_non_null(mkdtemp(root));
}

static inline void remove_root(void)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "rm -rf %s", root);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a path of this test */
}

/* @path as below the root: "proc/stat". */
static inline void put(const char *path, const char *text)
{
	char full[256];
	FILE *f;

	(void)snprintf(full, sizeof(full), "%s/%s", root, path);
	f = fopen(full, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static inline void dir(const char *path)
{
	char full[256];

	(void)snprintf(full, sizeof(full), "%s/%s", root, path);
	assert_int_equal(mkdir(full, 0755), 0);
}
