/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the collector: GET with a time limit and a bounded reply; http and
 * https only, no redirects, no proxy.  HEADROOM_TOKEN_FILE names a file with a token.
 */
#pragma once

#include <stddef.h>

#include "collector/cli/conf.h"

#define HR_CLIENT_ERR_LEN 1024
#define HR_CLIENT_MAX     (64 * 1024 * 1024) /* bytes of a reply; 1000 rows are 0.4 MB */

struct hr_reply {
	char *body; /* with NUL, the caller's to free() */
	size_t len;
};

/*
 * 0: *ret holds the reply.  Positive: the HTTP status of a refusal, with the collector's
 * sentence in @err.  Negative errno: no answer at all, @err says what, why, what to do.
 */
int hr_client_get(const struct hr_cli_target *t, const char *path, struct hr_reply *ret,
	char err[HR_CLIENT_ERR_LEN]);

/* The same with another method; over the admin's socket when @t has one. */
int hr_client_ask(const struct hr_cli_target *t, const char *method, const char *path,
	struct hr_reply *ret, char err[HR_CLIENT_ERR_LEN]);

/*
 * HOST of the command line, or (NULL) this VM's host id, as a path segment in @ret; false with
 * a message in @err.
 */
#define HR_CLIENT_HOST_LEN 128
bool hr_client_host(const char *host, char ret[HR_CLIENT_HOST_LEN], char err[HR_CLIENT_ERR_LEN]);

/*
 * GET /v1/hosts/HOST/WHAT; @host NULL: this VM.  As hr_client_get(), but a 404 is said in terms
 * of hosts.
 */
int hr_client_get_host(const struct hr_cli_target *t, const char *host, const char *what,
	struct hr_reply *ret, char err[HR_CLIENT_ERR_LEN]);

/* @r re-indented on stdout; HR_EXIT_DONE or FAILED with a message. */
int hr_reply_print(const struct hr_cli *cli, const struct hr_reply *r);
/* The answer in @r, the caller's to free(); HR_EXIT_DONE or FAILED with a message. */
int hr_reply_answer(const struct hr_cli *cli, const struct hr_reply *r, struct hr_answer **ret);
