/* SPDX-License-Identifier: Apache-2.0 */
/* headroom [status [HOST]]: a VM's answer from the collector. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/cli/client.h"
#include "collector/core/render.h"

static int print_text(const struct hr_cli *cli, const struct hr_reply *r)
{
	struct hr_out *out = hr_cli_out();
	struct hr_answer *a;
	int status = hr_reply_answer(cli, r, &a);

	if (status != HR_EXIT_DONE)
		return status;
	hr_render_answer(a, out);
	free(a);
	return hr_cli_print(cli, out->buf);
}

int hr_cmd_status(const struct hr_cli *cli, int argc, char **argv)
{
	struct hr_cli mine = *cli;
	struct hr_cli_target target;
	struct hr_reply reply;
	char err[HR_CLIENT_ERR_LEN];
	bool json;
	int r;

	if (!hr_cli_json_config(&mine, argc, argv, &json))
		return HR_EXIT_USAGE;
	if (argc - optind > 1)
		return hr_cli_usage(&mine, "one HOST at most, got '%s' too", argv[optind + 1]);
	r = hr_cli_target(&mine, &target);
	if (r != HR_EXIT_DONE)
		return r;
	if (hr_client_get_host(
		    &target, optind < argc ? argv[optind] : NULL, "/answer", &reply, err) != 0)
		return hr_cli_fail(&mine, "%s", err);
	r = json ? hr_reply_print(&mine, &reply) : print_text(&mine, &reply);
	free(reply.body);
	return r;
}
