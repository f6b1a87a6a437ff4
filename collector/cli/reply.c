/* SPDX-License-Identifier: Apache-2.0 */
/* A collector's reply as JSON on stdout, or as the answer that it holds. */
#include <jansson.h>
#include <stdlib.h>

#include "collector/cli/client.h"
#include "collector/core/answer_json.h"

int hr_reply_print(const struct hr_cli *cli, const struct hr_reply *r)
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

int hr_reply_answer(const struct hr_cli *cli, const struct hr_reply *r, struct hr_answer **ret)
{
	struct hr_answer *a = calloc(1, sizeof(*a));
	char err[HR_CLIENT_ERR_LEN];

	if (!a)
		return hr_cli_fail(cli, "out of memory");
	if (!hr_answer_from_json(r->body, r->len, a, err)) {
		free(a);
		return hr_cli_fail(cli,
			"the collector's answer cannot be read: %s; is it of this version?", err);
	}
	*ret = a;
	return HR_EXIT_DONE;
}
