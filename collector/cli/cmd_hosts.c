/* SPDX-License-Identifier: Apache-2.0 */
/*
 * headroom hosts: list (cmd_fleet.c), and what only the collector's own user may do, over
 * its socket: forget a host.
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

static int say_forgotten(const struct hr_cli *cli, const json_t *o)
{
	char name[NAME_LEN], id[NAME_LEN];

	if (printf("Forgot %s (%s): deleted %" JSON_INTEGER_FORMAT
		   " windows of 10 s, %" JSON_INTEGER_FORMAT
		   " boots, the model's state, the facts and the answer.\n",
		    text_of(o, "host", name), text_of(o, "host_id", id),
		    json_integer_value(json_object_get(o, "windows")),
		    json_integer_value(json_object_get(o, "boots"))) < 0 ||
		fflush(stdout) != 0)
		return hr_cli_fail(cli, "cannot write the output");
	return HR_EXIT_DONE;
}

static int forget(const struct hr_cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
		{"json", no_argument, NULL, 'j'}, {"yes", no_argument, NULL, 'y'}, {0}};
	char id[HR_CLIENT_HOST_LEN], path[HR_CLIENT_HOST_LEN + 64], err[HR_CLIENT_ERR_LEN];
	struct hr_cli mine = *cli;
	struct hr_cli_target t;
	bool yes = false, json = false;
	json_t *o;
	int c;

	while ((c = hr_cli_option(&mine, argc, argv, ":", options)) != -1) {
		if (c == '?')
			return HR_EXIT_USAGE;
		if (c == 'c')
			mine.config = optarg;
		yes = yes || c == 'y';
		json = json || c == 'j';
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
	o = ask(&mine, &t, "DELETE", path);
	if (!o)
		return HR_EXIT_FAILED;
	c = json ? (json_dumpf(o, stdout, JSON_INDENT(2)) != 0 || puts("") < 0)
		 : say_forgotten(&mine, o);
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
	};

	for (size_t i = 0; argc > 1 && i < sizeof(subs) / sizeof(subs[0]); i++) {
		struct hr_cli mine = *cli;

		if (strcmp(argv[1], subs[i].name) != 0)
			continue;
		mine.cmd = subs[i].full;
		return subs[i].run(&mine, argc - 1, argv + 1);
	}
	return hr_cli_usage(cli, "expected list or forget");
}
