/* SPDX-License-Identifier: Apache-2.0 */
/* What `sizes` and `whatif` share: the answer of a host, the catalogue, and which size it has. */
#pragma once

#include <jansson.h>

#include "collector/cli/cli.h"
#include "collector/core/ladder.h"

struct hr_size_ask {
	struct hr_cli cli;     /* with --config */
	const char *catalogue; /* --catalogue FILE; NULL: as the collector's configuration says */
	const char *as;        /* --as NAME; NULL: the instance type the agent read */
	bool here;             /* only the present size is asked about: it needs no name */
	struct hr_catalogue sizes;
	double target;
	struct hr_answer *a;
	struct hr_ladder_vm vm;
	struct hr_size_row own; /* the present size where the catalogue has none: no name */
};

/* Fetches and reads; HR_EXIT_DONE, or a message and another status.  Then hr_size_ask_done(). */
int hr_size_ask(struct hr_size_ask *q, const char *host);
void hr_size_ask_done(struct hr_size_ask *q);
/* Answer of another host into *ret (the caller's to free()); as above. */
int hr_size_ask_other(const struct hr_size_ask *q, const char *host, struct hr_answer **ret);

/* The document, indented, on stdout; takes @o over. */
int hr_size_print(const struct hr_cli *cli, json_t *o);
