/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program's configuration from its files: FILE (/etc/headroom/agent.conf), then
 * FILE.d/<name>.conf in lexical order; a later value wins.  All of it is parsed before
 * anything is taken over, so a reload with a mistake changes nothing.
 */
#pragma once

#include <stdbool.h>

#include "proto/conf.h"

#define HR_CONFFILE_MAX (64 * 1024) /* bytes of one file */

/*
 * @conf (of t->conf_size bytes) is filled with defaults and the files' values; @origin may be NULL.
 * @must_exist: FILE was named by the user; else no file at all is valid.  0, or -errno
 * with "file:line: what, what was expected" (or what could not be read, and why) in
 * @err, and *conf untouched.
 */
int hr_conffile_load(const struct hr_conf_table *t, const char *path, bool must_exist, void *conf,
	struct hr_conf_origin *origin, char err[HR_CONF_ERR_LEN]);
