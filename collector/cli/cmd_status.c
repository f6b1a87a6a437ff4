/* SPDX-License-Identifier: Apache-2.0 */
/* headroom [status [HOST]]: a VM's answer from the collector. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/cli/client.h"
#include "collector/core/answer_json.h"
#include "collector/core/render.h"

int hr_cli_print_json(const struct hr_cli *cli, const struct hr_reply *r)
{
	json_error_t e;
	json_t *o = json_loadb(r->body, r->len, 0, &e);
	char *text = o ? json_dumps(o, JSON_INDENT(2)) : NULL;
	int status;

	if (text)
		status = hr_cli_print(cli, text);
	else
		status = hr_cli_fail(cli,
			"the collector's reply is not JSON: %s; is it of this version?",
			o ? "out of memory" : e.text);
	if (text && status == HR_EXIT_DONE)
		status = hr_cli_print(cli, "\n");
	free(text);
	json_decref(o);
	return status;
}

static int print_text(const struct hr_cli *cli, const struct hr_reply *r)
{
	struct hr_out *out = hr_cli_out();
	struct hr_answer *a = calloc(1, sizeof(*a));
	char err[HR_CLIENT_ERR_LEN];
	int status;

	if (!a)
		return hr_cli_fail(cli, "out of memory");
	if (hr_answer_from_json(r->body, r->len, a, err)) {
		hr_render_answer(a, out);
		status = hr_cli_print(cli, out->buf);
	} else {
		status = hr_cli_fail(cli,
			"the collector's answer cannot be read: %s; is it of this version?", err);
	}
	free(a);
	return status;
}

int hr_cmd_status(const struct hr_cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'}, {"config", required_argument, NULL, 'c'}, {0}};
	struct hr_cli mine = *cli;
	struct hr_cli_target target;
	struct hr_reply reply;
	char err[HR_CLIENT_ERR_LEN];
	bool json = false;
	int c, r;

	while ((c = hr_cli_option(&mine, argc, argv, ":", options)) != -1) {
		if (c == 'j')
			json = true;
		else if (c == 'c')
			mine.config = optarg;
		else
			return HR_EXIT_USAGE;
	}
	if (argc - optind > 1)
		return hr_cli_usage(&mine, "one HOST at most, got '%s' too", argv[optind + 1]);
	r = hr_cli_target(&mine, &target);
	if (r != HR_EXIT_DONE)
		return r;
	if (hr_client_get_host(
		    &target, optind < argc ? argv[optind] : NULL, "/answer", &reply, err) != 0)
		return hr_cli_fail(&mine, "%s", err);
	r = json ? hr_cli_print_json(&mine, &reply) : print_text(&mine, &reply);
	free(reply.body);
	return r;
}
