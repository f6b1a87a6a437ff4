/* SPDX-License-Identifier: Apache-2.0 */
/*
 * headroom report HOST: one HTML file with everything in it.  The collector serves the
 * template and the scripts of its page; here they are put together with the VM's data.
 * A module is inlined by leaving its import lines and the word "export" away: the names
 * of those modules do not collide (tests/page/check_report.py runs the result).
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/cli/client.h"
#include "collector/core/answer_json.h"
#include "collector/core/render.h"
#include "proto/base/clock.h"

static const char *const modules[] = {
	"/words.js", "/draw.js", "/plot.js", "/parts.js", "/charts.js", "/report.js"};

struct report {
	struct hr_cli cli;
	struct hr_cli_target target;
	const char *host; /* NULL: this VM */
	char *out;        /* the document, grown as needed */
	size_t len, cap;
	bool failed; /* out of memory */
};

static void put(struct report *r, const char *s, size_t n)
{
	if (!r->out || r->len + n + 1 > r->cap) {
		size_t cap = 2 * (r->len + n + 1);
		char *grown = realloc(r->out, cap);

		if (!grown) {
			r->failed = true;
			return;
		}
		r->out = grown;
		r->cap = cap;
	}
	memcpy(r->out + r->len, s, n);
	r->len += n;
	r->out[r->len] = '\0';
}

/* Text between tags; also right inside of a JSON string, where the entities are none: see data().
 */
static void put_escaped(struct report *r, const char *s)
{
	for (; *s; s++) {
		if (*s == '<')
			put(r, "&lt;", 4);
		else if (*s == '&')
			put(r, "&amp;", 5);
		else
			put(r, s, 1);
	}
}

/* JSON within a script element: no "<" may stand in it, and it can only stand in strings. */
static void put_json(struct report *r, const char *s)
{
	for (; *s; s++) {
		if (*s == '<')
			put(r, "\\u003c", 6);
		else
			put(r, s, 1);
	}
}

static void put_module(struct report *r, const char *js)
{
	for (const char *p = js; *p;) {
		size_t n = strcspn(p, "\n") + (strchr(p, '\n') ? 1 : 0);
		size_t skip = strncmp(p, "export ", 7) == 0 ? 7 : 0;

		if (strncmp(p, "import ", 7) != 0)
			put(r, p + skip, n - skip);
		p += n;
	}
}

/* A file of the page, the caller's to free(); NULL after a message. */
static char *page_file(struct report *r, const char *path)
{
	struct hr_reply reply;
	char err[HR_CLIENT_ERR_LEN];

	if (hr_client_get(&r->target, path, &reply, err) == 0)
		return reply.body;
	(void)hr_cli_fail(&r->cli,
		"%s of the collector's page: %s Is page= in [collector] of "
		"its configuration right?",
		path + 1, err);
	return NULL;
}

/* One document of the host; NULL when there is none (only @must has a message then). */
static char *of_host(struct report *r, const char *what, bool must)
{
	struct hr_reply reply;
	char err[HR_CLIENT_ERR_LEN];

	if (hr_client_get_host(&r->target, r->host, what, &reply, err) == 0)
		return reply.body;
	if (must)
		(void)hr_cli_fail(&r->cli, "%s", err);
	return NULL;
}

/* What the VM has to say. */
struct facts {
	char *answer, *history, *days, *sizes, *explain;
	char *text; /* the answer for terminals */
};

static bool fetch(struct report *r, struct facts *f)
{
	static char text[65536];
	struct hr_reply reply;
	struct hr_answer *a;
	struct hr_out out;

	f->answer = of_host(r, "/answer", true);
	if (!f->answer)
		return false;
	reply = (struct hr_reply){.body = f->answer, .len = strlen(f->answer)};
	if (hr_reply_answer(&r->cli, &reply, &a) != HR_EXIT_DONE)
		return false;
	hr_out_init(&out, text, sizeof(text), 96, false);
	hr_render_answer(a, &out);
	free(a);
	f->text = text;
	/* An answer without a history is a report, too. */
	f->history = of_host(r, "/history?from=-6h&step=2m", false);
	f->days = of_host(r, "/history?step=1d", false);
	f->sizes = of_host(r, "/sizes", false);
	f->explain = of_host(r, "/explain", false);
	return true;
}

static void data(struct report *r, const struct facts *f)
{
	char at[HR_RFC3339_LEN];

	hr_rfc3339(hr_clock_wall_ms(), at);
	put(r, "{\"made_at\":\"", 12);
	put(r, at, strlen(at));
	put(r, "\",\"answer\":", 11);
	put_json(r, f->answer);
	put(r, ",\"history\":", 11);
	put_json(r, f->history ? f->history : "null");
	put(r, ",\"days\":", 8);
	put_json(r, f->days ? f->days : "null");
	put(r, ",\"sizes\":", 9);
	put_json(r, f->sizes ? f->sizes : "null");
	put(r, "}\n", 2);
}

/* What a line "@NAME@" of the template stands for; false after a message. */
static bool fill(struct report *r, const char *name, const struct facts *f)
{
	char path[64], *body;

	if (strcmp(name, "text") == 0) {
		put_escaped(r, f->text);
	} else if (strcmp(name, "explain") == 0) {
		put_escaped(r, f->explain ? f->explain : "The collector did not tell.\n");
	} else if (strcmp(name, "data") == 0) {
		data(r, f);
	} else if (strcmp(name, "modules") == 0) {
		for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
			body = page_file(r, modules[i]);
			if (!body)
				return false;
			put_module(r, body);
			free(body);
		}
	} else {
		(void)snprintf(path, sizeof(path), "/%s", name);
		body = page_file(r, path);
		if (!body)
			return false;
		put(r, body, strlen(body));
		free(body);
	}
	return true;
}

static bool assemble(struct report *r, const char *template, const struct facts *f)
{
	for (const char *p = template; *p;) {
		size_t n = strcspn(p, "\n");
		char name[48];

		if (n > 2 && n < sizeof(name) && p[0] == '@' && p[n - 1] == '@') {
			(void)snprintf(name, sizeof(name), "%.*s", (int)(n - 2), p + 1);
			if (!fill(r, name, f))
				return false;
		} else {
			put(r, p, n);
		}
		put(r, "\n", 1);
		p += n + (p[n] == '\n');
	}
	return true;
}

int hr_cmd_report(const struct hr_cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'}, {0}};
	struct report r = {.cli = *cli};
	struct facts f = {0};
	char *template = NULL;
	int status = HR_EXIT_FAILED, c;

	while ((c = hr_cli_option(&r.cli, argc, argv, ":", options)) != -1) {
		if (c == '?')
			return HR_EXIT_USAGE;
		r.cli.config = optarg;
	}
	if (argc - optind > 1)
		return hr_cli_usage(&r.cli, "one HOST at most, got '%s' too", argv[optind + 1]);
	r.host = optind < argc ? argv[optind] : NULL;
	c = hr_cli_target(&r.cli, &r.target);
	if (c != HR_EXIT_DONE)
		return c;
	if (fetch(&r, &f) && (template = page_file(&r, "/report.html")) != NULL &&
		assemble(&r, template, &f))
		status = r.failed ? hr_cli_fail(&r.cli, "out of memory")
				  : hr_cli_print(&r.cli, r.out);
	free(template);
	free(f.answer);
	free(f.history);
	free(f.days);
	free(f.sizes);
	free(f.explain);
	free(r.out);
	return status;
}
