/* SPDX-License-Identifier: Apache-2.0 */
/* headroom explain [HOST | REASON]: each step behind an answer, or a reason's paragraph. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/cli/client.h"
#include "collector/core/answer_json.h"
#include "collector/core/render.h"

static int print_document(const struct hr_cli *cli, json_t *o)
{
	char *text = o ? json_dumps(o, JSON_INDENT(2)) : NULL;
	int status = text ? hr_cli_print(cli, text) : hr_cli_fail(cli, "out of memory");

	if (status == HR_EXIT_DONE)
		status = hr_cli_print(cli, "\n");
	free(text);
	json_decref(o);
	return status;
}

static int explain_reason(const struct hr_cli *cli, enum hr_reason r, bool json)
{
	struct hr_out *out = hr_cli_out();

	if (json)
		return print_document(
			cli, json_pack("{s:s, s:s, s:s, s:s}", "schema", "headroom.reason/1",
				     "reason", hr_reason_name(r), "line", hr_reason_line(r),
				     "paragraph", hr_reason_paragraph(r)));
	hr_out_tone(out, HR_TONE_BOLD);
	hr_out_say(out, "%s", hr_reason_name(r));
	hr_out_tone(out, HR_TONE_PLAIN);
	hr_out_say(out, "\n");
	hr_out_wrap(out, "", hr_reason_line(r));
	hr_out_say(out, "\n");
	hr_out_wrap(out, "", hr_reason_paragraph(r));
	return hr_cli_print(cli, out->buf);
}

/* The steps as a list, so that a program need not split lines. */
static json_t *steps_of(const char *text)
{
	json_t *list = json_array();

	while (*text) {
		size_t n = strcspn(text, "\n");

		if (n > 0)
			json_array_append_new(list, json_stringn(text, n));
		text += n + (text[n] == '\n');
	}
	return list;
}

static int explain_json(
	const struct hr_cli *cli, const struct hr_reply *answer, const struct hr_reply *steps)
{
	json_t *a = json_loadb(answer->body, answer->len, 0, NULL);

	if (!a)
		return hr_cli_fail(
			cli, "the collector's reply is not JSON; is it of this version?");
	return print_document(cli, json_pack("{s:s, s:o, s:o}", "schema", "headroom.explain/1",
					   "answer", a, "steps", steps_of(steps->body)));
}

static int explain_text(
	const struct hr_cli *cli, const struct hr_reply *answer, const struct hr_reply *steps)
{
	struct hr_out *out = hr_cli_out();
	struct hr_answer *a;
	int status = hr_reply_answer(cli, answer, &a);

	if (status != HR_EXIT_DONE)
		return status;
	hr_render_explain(a, steps->body, out);
	free(a);
	return hr_cli_print(cli, out->buf);
}

static int explain_host(const struct hr_cli *cli, const char *host, bool json)
{
	struct hr_reply answer = {0}, steps = {0};
	struct hr_cli_target target;
	char err[HR_CLIENT_ERR_LEN];
	int r = hr_cli_target(cli, &target);

	if (r != HR_EXIT_DONE)
		return r;
	if (hr_client_get_host(&target, host, "/answer", &answer, err) != 0 ||
		hr_client_get_host(&target, host, "/explain", &steps, err) != 0)
		r = hr_cli_fail(cli, "%s", err);
	else
		r = json ? explain_json(cli, &answer, &steps) : explain_text(cli, &answer, &steps);
	free(answer.body);
	free(steps.body);
	return r;
}

int hr_cmd_explain(const struct hr_cli *cli, int argc, char **argv)
{
	struct hr_cli mine = *cli;
	enum hr_reason reason;
	bool json;

	if (!hr_cli_json_config(&mine, argc, argv, &json))
		return HR_EXIT_USAGE;
	if (argc - optind > 1)
		return hr_cli_usage(
			&mine, "one HOST or REASON at most, got '%s' too", argv[optind + 1]);
	if (optind < argc && hr_reason_parse(argv[optind], &reason))
		return explain_reason(&mine, reason, json);
	return explain_host(&mine, optind < argc ? argv[optind] : NULL, json);
}
