/* SPDX-License-Identifier: Apache-2.0 */
/*
 * headroom check: a monitoring plugin.  One line on stdout, nothing on stderr, exit status
 * 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN (wrong usage and an absent collector, too).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/cli/client.h"
#include "collector/core/answer_json.h"
#include "collector/core/render.h"
#include "proto/num.h"

#define WARN_DEFAULT 1.5
#define CRIT_DEFAULT 1.2
#define TEXT_MAX     60 /* with what stands before it below 80 */

/* What and why; what to do stands after the ';' and has no room on a plugin's line. */
static int unknown(const char *why)
{
	int n = (int)strcspn(why, "|\n;");

	(void)printf("HEADROOM UNKNOWN - %.*s\n", n < TEXT_MAX ? n : TEXT_MAX, why);
	(void)fflush(stdout);
	return HR_PLUGIN_UNKNOWN;
}

struct check {
	double warn, crit;
	const char *host;
};

static bool parse(struct hr_cli *cli, int argc, char **argv, struct check *ret)
{
	static const struct option options[] = {{"warning", required_argument, NULL, 'w'},
		{"critical", required_argument, NULL, 'c'},
		{"config", required_argument, NULL, 'f'}, {0}};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":w:c:", options, NULL)) != -1) {
		double *k = c == 'w' ? &ret->warn : &ret->crit;

		if (c == 'f')
			cli->config = optarg;
		else if ((c != 'w' && c != 'c') || !hr_num_f64(optarg, 0.125, 8, k))
			return false;
	}
	if (argc - optind > 1 || ret->crit > ret->warn)
		return false;
	ret->host = optind < argc ? argv[optind] : NULL;
	return true;
}

int hr_cmd_check(const struct hr_cli *cli, int argc, char **argv)
{
	struct check k = {.warn = WARN_DEFAULT, .crit = CRIT_DEFAULT};
	struct hr_out *out = hr_cli_out();
	struct hr_cli mine = *cli;
	struct hr_cli_target target;
	struct hr_reply reply = {0};
	struct hr_answer *a;
	char err[HR_CLIENT_ERR_LEN];
	int status;

	if (!parse(&mine, argc, argv, &k))
		return unknown("usage: headroom check [HOST] [-w 1.5] [-c 1.2], c <= w");
	if (hr_cli_find_target(&mine, &target, err) != 0 ||
		hr_client_get_host(&target, k.host, "/answer", &reply, err) != 0)
		return unknown(err);
	a = calloc(1, sizeof(*a));
	if (!a || !hr_answer_from_json(reply.body, reply.len, a, err)) {
		status = unknown(a ? err : "out of memory");
	} else {
		status = (int)hr_render_plugin(a, k.warn, k.crit, out);
		if (fputs(out->buf, stdout) < 0 || fflush(stdout) != 0)
			status = HR_PLUGIN_UNKNOWN;
	}
	free(a);
	free(reply.body);
	return status;
}
