/* SPDX-License-Identifier: Apache-2.0 */
/* The command line that both daemons share, over a program's key table. */
#pragma once

#include <stdbool.h>

#include "proto/conf.h"

struct hr_args {
	const char *program; /* for messages */
	const char *usage;   /* text of --help */
	const char *extra;   /* one more option, with a value: "join"; NULL none */
	const char *action;  /* one more option, without a value: "check-store"; NULL none */
	const char *user;    /* the unit's; --check-config of root reads as this user does */
	const struct hr_conf_table *table;
	/* More than the table can say; false with a message in @err.  NULL: nothing. */
	bool (*check)(const void *conf, char err[HR_CONF_ERR_LEN]);
	/*
	 * --print-config with @extra: makes of @conf and @origin what is in effect for the one that
	 * its value names.  Not NULL: @extra is for nothing else.
	 */
	void (*narrow)(void *conf, struct hr_conf_origin *origin, const char *extra_value);
	/* in: the default; out: what counts */
	const char *config;
	bool config_named;       /* the user named it, so it must exist */
	const char *extra_value; /* NULL: not given */
	bool act;                /* @action was given */
};

#define HR_ARGS_RUN (-1)
/*
 * Reads the arguments and the configuration into @conf (of table->conf_size bytes) and does
 * what --help, --version, --check-config and --print-config ask for.  HR_ARGS_RUN: go on; else
 * the exit status.
 */
int hr_args_read(struct hr_args *a, int argc, char **argv, void *conf);
