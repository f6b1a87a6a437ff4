/* SPDX-License-Identifier: Apache-2.0 */
/* headroom fleet and headroom hosts list: every VM of the collector, page by page. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/cli/client.h"
#include "collector/cli/fleet_read.h"
#include "collector/core/query.h"
#include "collector/core/render.h"
#include "proto/base/clock.h"

#define PAGE_ROWS 1000

struct ask {
	const struct hr_cli *cli;
	struct hr_cli_target target;
	bool json;
	const char *answer; /* NULL: all */
	const char *sort;
};

/* All pages as one document: the first one's counts, every page's hosts. */
static json_t *fetch(const struct ask *a)
{
	char path[160], err[HR_CLIENT_ERR_LEN];
	json_t *all = NULL;
	json_int_t cursor = 0;

	for (;;) {
		struct hr_reply r;
		json_t *page, *next;

		(void)snprintf(path, sizeof(path), "/v1/fleet?limit=%d&cursor=%lld&sort=%s%s%s",
			PAGE_ROWS, (long long)cursor, a->sort, a->answer ? "&answer=" : "",
			a->answer ? a->answer : "");
		if (hr_client_get(&a->target, path, &r, err) != 0) {
			(void)hr_cli_fail(a->cli, "%s", err);
			break;
		}
		page = json_loadb(r.body, r.len, 0, NULL);
		free(r.body);
		if (!json_is_array(json_object_get(page, "hosts"))) {
			json_decref(page);
			(void)hr_cli_fail(a->cli,
				"the collector's reply is not a fleet; is it of this version?");
			break;
		}
		next = json_object_get(page, "next");
		/* a page that does not go on ends it, whatever it says */
		if (!json_is_integer(next) || json_integer_value(next) <= cursor)
			next = NULL;
		cursor = next ? json_integer_value(next) : 0;
		if (!all) {
			all = page;
		} else {
			json_array_extend(
				json_object_get(all, "hosts"), json_object_get(page, "hosts"));
			json_decref(page);
		}
		if (!next) {
			json_object_set_new(all, "next", json_null());
			return all;
		}
	}
	json_decref(all);
	return NULL;
}

typedef void draw_fn(const struct hr_fleet *f, const struct hr_fleet_row *const *rows, size_t n,
	struct hr_out *o);

static void draw_fleet(const struct hr_fleet *f, const struct hr_fleet_row *const *rows, size_t n,
	struct hr_out *o)
{
	hr_render_fleet(f, rows, n, hr_clock_wall_ms(), o);
}

static void draw_hosts(const struct hr_fleet *f, const struct hr_fleet_row *const *rows, size_t n,
	struct hr_out *o)
{
	uint64_t now = hr_clock_wall_ms();

	(void)f;
	if (n)
		hr_out_say(o, "%-32s %-24s %s\n", "id", "name", "last heard");
	for (size_t i = 0; i < n; i++) {
		const struct hr_fleet_row *r = rows[i];

		hr_out_say(o, "%-32s ", r->id);
		hr_out_cell(o, r->name, 24, 24);
		hr_out_say(o, " ");
		if (!r->heard_ms)
			hr_out_say(o, "not since the collector started\n");
		else
			hr_out_say(o, "%.0f s ago\n",
				now > r->heard_ms ? (double)(now - r->heard_ms) / 1e3 : 0);
	}
	if (n == 0)
		hr_out_say(o, "No VM reports to this collector yet. Start an agent: systemctl "
			      "start headroom-agent\n");
}

static int print_text(const struct hr_cli *cli, const json_t *doc, draw_fn *draw)
{
	const json_t *hosts = json_object_get(doc, "hosts");
	size_t n = json_array_size(hosts), cap = 4096 + n * 256;
	struct hr_fleet_row *rows = calloc(n + 1, sizeof(*rows));
	const struct hr_fleet_row **at = calloc(n + 1, sizeof(const struct hr_fleet_row *));
	char *text = malloc(cap);
	struct hr_fleet f;
	struct hr_out out;
	int status;

	if (rows && at && text) {
		for (size_t i = 0; i < n; i++) {
			hr_fleet_read_row(json_array_get(hosts, i), &rows[i]);
			at[i] = &rows[i];
		}
		hr_fleet_read_counts(doc, &f);
		hr_out_init(&out, text, cap, hr_cli_width(), hr_cli_color());
		draw(&f, at, n, &out);
		status = hr_cli_print(cli, text);
	} else {
		status = hr_cli_fail(cli, "out of memory for %zu hosts", n);
	}
	free(text);
	free(at);
	free(rows);
	return status;
}

static int answer_all(const struct ask *a, draw_fn *draw)
{
	json_t *doc = fetch(a);
	int status;

	if (!doc)
		return HR_EXIT_FAILED;
	if (a->json) {
		char *text = json_dumps(doc, JSON_INDENT(2));

		status = text ? hr_cli_print(a->cli, text) : hr_cli_fail(a->cli, "out of memory");
		if (status == HR_EXIT_DONE)
			status = hr_cli_print(a->cli, "\n");
		free(text);
	} else {
		status = print_text(a->cli, doc, draw);
	}
	json_decref(doc);
	return status;
}

int hr_cmd_fleet(const struct hr_cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
		{"answer", required_argument, NULL, 'a'}, {"sort", required_argument, NULL, 's'},
		{"config", required_argument, NULL, 'c'}, {0}};
	struct hr_cli mine = *cli;
	struct ask a = {.cli = &mine, .sort = hr_fleet_sort_name(HR_FLEET_BY_HEADROOM)};
	enum hr_answer_kind kind;
	bool known = false;
	int c;

	while ((c = hr_cli_option(&mine, argc, argv, ":", options)) != -1) {
		if (c == '?')
			return HR_EXIT_USAGE;
		if (c == 'j')
			a.json = true;
		if (c == 'c')
			mine.config = optarg;
		if (c == 's')
			a.sort = optarg;
		if (c == 'a')
			a.answer = optarg;
	}
	for (enum hr_fleet_sort s = 0; s < HR_FLEET_SORT_N; s++)
		known |= strcmp(a.sort, hr_fleet_sort_name(s)) == 0;
	if (!known)
		return hr_cli_usage(&mine, "--sort wants headroom, name or days, got '%s'", a.sort);
	if (a.answer && !hr_answer_kind_parse(a.answer, &kind))
		return hr_cli_usage(
			&mine, "--answer wants yes, resize, no or unknown, got '%s'", a.answer);
	if (optind < argc)
		return hr_cli_usage(&mine, "unexpected argument '%s'", argv[optind]);
	c = hr_cli_target(&mine, &a.target);
	return c != HR_EXIT_DONE ? c : answer_all(&a, draw_fleet);
}

int hr_cmd_hosts_list(const struct hr_cli *cli, int argc, char **argv)
{
	struct hr_cli mine = *cli;
	struct ask a = {.cli = &mine, .sort = hr_fleet_sort_name(HR_FLEET_BY_NAME)};
	int c;

	if (!hr_cli_json_config(&mine, argc, argv, &a.json))
		return HR_EXIT_USAGE;
	if (optind < argc)
		return hr_cli_usage(&mine, "unexpected argument '%s'", argv[optind]);
	c = hr_cli_target(&mine, &a.target);
	return c != HR_EXIT_DONE ? c : answer_all(&a, draw_hosts);
}
