/* SPDX-License-Identifier: Apache-2.0 */
/*
 * headroom hosts: list (cmd_fleet.c), and what only the collector's own user may do, over
 * its socket: forget a host, make and end tokens.  A secret goes to stdout, once.
 */
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/cli/client.h"
#include "proto/text.h"

#define NAME_LEN 80

static const char *text_of(const json_t *o, const char *key, char to[NAME_LEN])
{
	const char *s = json_string_value(json_object_get(o, key));

	hr_text_clean(s ? s : "?", to, NAME_LEN);
	return to;
}

/* The reply as an object, or NULL after a message. */
static json_t *ask(const struct hr_cli *cli, const struct hr_cli_target *t, const char *method,
	const char *path)
{
	char err[HR_CLIENT_ERR_LEN];
	struct hr_reply r;
	json_t *o;

	if (hr_client_ask(t, method, path, &r, err) != 0) {
		(void)hr_cli_fail(cli, "%s", err);
		return NULL;
	}
	o = json_loadb(r.body, r.len, 0, NULL);
	free(r.body);
	if (!json_is_object(o)) {
		json_decref(o);
		(void)hr_cli_fail(cli, "the collector's reply is no document of this version");
		return NULL;
	}
	return o;
}

/* --- forget --- */

/* Asks on a terminal; anywhere else --yes is needed. */
static int confirm(const struct hr_cli *cli, const json_t *host)
{
	char name[NAME_LEN], id[NAME_LEN], line[16];

	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return hr_cli_fail(cli,
			"this deletes what the collector keeps of %s, and nobody can be asked "
			"here: "
			"add --yes",
			text_of(host, "host", name));
	(void)fprintf(stderr,
		"Forget %s (%s)? Deleted are its 10 s windows, its model's state, its machine's "
		"facts, its boots\nand its answer. This cannot be undone. [y/N] ",
		text_of(host, "host", name), text_of(host, "host_id", id));
	if (!fgets(line, sizeof(line), stdin) || tolower((unsigned char)line[0]) != 'y')
		return hr_cli_fail(cli, "nothing was deleted");
	return HR_EXIT_DONE;
}

/* All of it has left, or a message. */
static int print_json(const struct hr_cli *cli, const json_t *o)
{
	(void)json_dumpf(o, stdout, JSON_INDENT(2));
	return hr_cli_print(cli, "\n");
}

static int say_forgotten(const struct hr_cli *cli, const json_t *o)
{
	char name[NAME_LEN], id[NAME_LEN];

	(void)printf("Forgot %s (%s): deleted %" JSON_INTEGER_FORMAT
		     " windows of 10 s, %" JSON_INTEGER_FORMAT
		     " boots, the model's state, the facts and the answer%s.\n",
		text_of(o, "host", name), text_of(o, "host_id", id),
		json_integer_value(json_object_get(o, "windows")),
		json_integer_value(json_object_get(o, "boots")),
		json_is_true(json_object_get(o, "revoked")) ? "; its secret is revoked" : "");
	return hr_cli_print(cli, "");
}

static int forget(const struct hr_cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
		{"json", no_argument, NULL, 'j'}, {"yes", no_argument, NULL, 'y'},
		{"revoke", no_argument, NULL, 'r'}, {0}};
	char id[HR_CLIENT_HOST_LEN], path[HR_CLIENT_HOST_LEN + 64], err[HR_CLIENT_ERR_LEN];
	struct hr_cli mine = *cli;
	struct hr_cli_target t;
	bool yes = false, json = false, revoke = false;
	json_t *o;
	int c;

	while ((c = hr_cli_option(&mine, argc, argv, ":", options)) != -1) {
		if (c == '?')
			return HR_EXIT_USAGE;
		if (c == 'c')
			mine.config = optarg;
		yes = yes || c == 'y';
		json = json || c == 'j';
		revoke = revoke || c == 'r';
	}
	if (argc - optind != 1)
		return hr_cli_usage(&mine, "expected one HOST: headroom hosts forget HOST");
	if (!hr_client_host(argv[optind], id, err))
		return hr_cli_usage(&mine, "%s", err);
	c = hr_cli_admin(&mine, &t);
	if (c != HR_EXIT_DONE)
		return c;
	(void)snprintf(path, sizeof(path), "/v1/hosts/%s", id);
	o = ask(&mine, &t, "GET", path);
	if (!o)
		return HR_EXIT_FAILED;
	c = yes ? HR_EXIT_DONE : confirm(&mine, o);
	json_decref(o);
	if (c != HR_EXIT_DONE)
		return c;
	if (revoke)
		(void)snprintf(path, sizeof(path), "/v1/hosts/%s?revoke", id);
	o = ask(&mine, &t, "DELETE", path);
	if (!o)
		return HR_EXIT_FAILED;
	c = json ? print_json(&mine, o) : say_forgotten(&mine, o);
	json_decref(o);
	return c;
}

/* --- tokens --- */

struct want {
	const char *kind, *expires, *uses, *name, *host;
	bool json;
};

/* "&key=value", percent-encoded; false: too long. */
static bool add_arg(char *path, size_t cap, const char *key, const char *value)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
	size_t n = strlen(path);

	if (!value)
		return true;
	n += (size_t)snprintf(path + n, cap - n, "&%s=", key);
	for (; *value && n + 4 < cap; value++) {
		if (strchr(plain, *value))
			n += (size_t)snprintf(path + n, cap - n, "%c", *value);
		else
			n += (size_t)snprintf(
				path + n, cap - n, "%%%02X", (unsigned)(unsigned char)*value);
	}
	return *value == '\0';
}

/* The id of the host that a token is made for. */
static const char *host_id(const struct hr_cli *cli, const struct hr_cli_target *t,
	const char *host, char to[NAME_LEN])
{
	char id[HR_CLIENT_HOST_LEN], path[HR_CLIENT_HOST_LEN + 64], err[HR_CLIENT_ERR_LEN];
	json_t *o;

	if (!hr_client_host(host, id, err)) {
		(void)hr_cli_usage(cli, "%s", err);
		return NULL;
	}
	if (strlen(id) == 32 && id[strspn(id, "0123456789abcdef")] == '\0') {
		(void)snprintf(to, NAME_LEN, "%s", id);
		return to;
	}
	(void)snprintf(path, sizeof(path), "/v1/hosts/%s", id);
	o = ask(cli, t, "GET", path);
	if (o)
		(void)text_of(o, "host_id", to);
	json_decref(o);
	return o ? to : NULL;
}

static int say_token(const struct hr_cli *cli, const json_t *o, bool json)
{
	const char *secret = json_string_value(json_object_get(o, "join"));
	const char *pin = json_string_value(json_object_get(o, "pin"));
	const char *until = json_string_value(json_object_get(o, "expires_at"));
	bool fine;

	if (json)
		return print_json(cli, o);
	if (secret) {
		fine = puts(secret) >= 0;
		(void)fprintf(stderr,
			"Good until %s. On the new machine, as root: headroom-agent --join - "
			"(and paste it), or put it into a file of mode 0600: headroom-agent --join "
			"FILE.\nIt is a secret until then; it is not kept and not shown again.\n",
			until ? until : "it is used");
	} else {
		secret = json_string_value(json_object_get(o, "token"));
		fine = secret && puts(secret) >= 0 && (!pin || puts(pin) >= 0);
	}
	return fine ? hr_cli_print(cli, "") : hr_cli_fail(cli, "cannot write the output");
}

static int make(const struct hr_cli *cli, int argc, char **argv, struct want *w)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
		{"json", no_argument, NULL, 'j'}, {"expires", required_argument, NULL, 'e'},
		{"uses", required_argument, NULL, 'u'}, {"name", required_argument, NULL, 'n'},
		{"host", required_argument, NULL, 'h'}, {0}};
	bool enrol = strcmp(w->kind, "enrol") == 0;
	struct hr_cli mine = *cli;
	struct hr_cli_target t;
	char path[700], id[NAME_LEN];
	const char *host;
	json_t *o;
	int c;

	while ((c = hr_cli_option(&mine, argc, argv, ":", options)) != -1) {
		if (c == '?')
			return HR_EXIT_USAGE;
		if (!enrol && (c == 'u' || c == 'h'))
			return hr_cli_usage(&mine, "--uses and --host are for enrol");
		if (c == 'c')
			mine.config = optarg;
		w->json = w->json || c == 'j';
		w->expires = c == 'e' ? optarg : w->expires;
		w->uses = c == 'u' ? optarg : w->uses;
		w->name = c == 'n' ? optarg : w->name;
		w->host = c == 'h' ? optarg : w->host;
	}
	if (optind < argc)
		return hr_cli_usage(&mine, "unexpected argument '%s'", argv[optind]);
	c = hr_cli_admin(&mine, &t);
	if (c != HR_EXIT_DONE)
		return c;
	host = w->host ? host_id(&mine, &t, w->host, id) : NULL;
	if (w->host && !host)
		return HR_EXIT_FAILED;
	(void)snprintf(path, sizeof(path), "/v1/tokens?kind=%s", w->kind);
	if (!add_arg(path, sizeof(path), "ttl", w->expires) ||
		!add_arg(path, sizeof(path), "uses", w->uses) ||
		!add_arg(path, sizeof(path), "name", w->name) ||
		!add_arg(path, sizeof(path), "host", host))
		return hr_cli_usage(&mine, "a value is too long");
	o = ask(&mine, &t, "POST", path);
	if (!o)
		return HR_EXIT_FAILED;
	c = say_token(&mine, o, w->json);
	json_decref(o);
	return c;
}

static int enrol(const struct hr_cli *cli, int argc, char **argv)
{
	struct want w = {.kind = "enrol", .expires = "1h", .uses = "1"};

	return make(cli, argc, argv, &w);
}

static int token(const struct hr_cli *cli, int argc, char **argv)
{
	struct want w = {.kind = "read"};

	return make(cli, argc, argv, &w);
}

static int tokens(const struct hr_cli *cli, int argc, char **argv)
{
	struct hr_cli mine = *cli;
	struct hr_cli_target t;
	char kind[NAME_LEN], id[NAME_LEN], name[NAME_LEN], until[NAME_LEN];
	bool json;
	json_t *o, *e;
	size_t i;
	int c;

	if (!hr_cli_json_config(&mine, argc, argv, &json))
		return HR_EXIT_USAGE;
	if (optind < argc)
		return hr_cli_usage(&mine, "unexpected argument '%s'", argv[optind]);
	c = hr_cli_admin(&mine, &t);
	o = c == HR_EXIT_DONE ? ask(&mine, &t, "GET", "/v1/tokens") : NULL;
	if (!o)
		return HR_EXIT_FAILED;
	if (json) {
		c = print_json(&mine, o);
	} else {
		printf("%-6s %-32s %-24s %s\n", "kind", "id", "name", "expires");
		json_array_foreach(json_object_get(o, "tokens"), i, e) printf(
			"%-6s %-32s %-24s %s\n", text_of(e, "kind", kind), text_of(e, "id", id),
			json_is_null(json_object_get(e, "name")) ? "-" : text_of(e, "name", name),
			json_is_null(json_object_get(e, "expires_at"))
				? "never"
				: text_of(e, "expires_at", until));
		c = hr_cli_print(&mine, "");
	}
	json_decref(o);
	return c;
}

static int revoke_what(const struct hr_cli *cli, int argc, char **argv)
{
	char id[HR_CLIENT_HOST_LEN], path[HR_CLIENT_HOST_LEN + 64], err[HR_CLIENT_ERR_LEN];
	struct hr_cli mine = *cli;
	struct hr_cli_target t;
	bool json;
	json_t *o;
	int c;

	if (!hr_cli_json_config(&mine, argc, argv, &json))
		return HR_EXIT_USAGE;
	if (argc - optind != 1 || !hr_client_host(argv[optind], id, err))
		return hr_cli_usage(
			&mine, "expected one id or name as headroom hosts tokens shows it");
	c = hr_cli_admin(&mine, &t);
	(void)snprintf(path, sizeof(path), "/v1/tokens/%s", id);
	o = c == HR_EXIT_DONE ? ask(&mine, &t, "DELETE", path) : NULL;
	if (!o)
		return HR_EXIT_FAILED;
	if (!json)
		printf("Revoked: %" JSON_INTEGER_FORMAT " credentials; what was stored is kept.\n",
			json_integer_value(json_object_get(o, "revoked")));
	c = json ? print_json(&mine, o) : hr_cli_print(&mine, "");
	json_decref(o);
	return c;
}

int hr_cmd_hosts(const struct hr_cli *cli, int argc, char **argv)
{
	static const struct {
		const char *name, *full;
		int (*run)(const struct hr_cli *cli, int argc, char **argv);
	} subs[] = {
		{"list", "hosts list", hr_cmd_hosts_list},
		{"forget", "hosts forget", forget},
		{"enrol", "hosts enrol", enrol},
		{"token", "hosts token", token},
		{"tokens", "hosts tokens", tokens},
		{"revoke", "hosts revoke", revoke_what},
	};

	for (size_t i = 0; argc > 1 && i < sizeof(subs) / sizeof(subs[0]); i++) {
		struct hr_cli mine = *cli;

		if (strcmp(argv[1], subs[i].name) != 0)
			continue;
		mine.cmd = subs[i].full;
		return subs[i].run(&mine, argc - 1, argv + 1);
	}
	return hr_cli_usage(cli, "expected list, forget, enrol, token, tokens or revoke");
}
