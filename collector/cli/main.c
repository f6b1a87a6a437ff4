/* SPDX-License-Identifier: Apache-2.0 */
/* headroom: a table of subcommands, and which of them was meant. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "collector/cli/cli.h"
#include "collector/cli/conf.h"

static void help(FILE *to)
{
	(void)fputs("usage: headroom [--config FILE] [COMMAND ...]\n"
		    "Is vertical scaling headroom left? Without a command: this VM's answer from\n"
		    "the configured collector.\n\n",
		to);
	for (size_t i = 0; i < hr_n_cmds; i++)
		(void)fprintf(to, "  %s %s\n      %s\n", hr_cmds[i].name, hr_cmds[i].args,
			hr_cmds[i].line);
	(void)fputs("\n  --config FILE    agent.conf or collector.conf that names the collector\n"
		    "  --check-config   read it, say what is wrong in it, do nothing else\n"
		    "  --print-config   which collector would be asked, and where that is said\n"
		    "  --help           this text, or after a command: its options\n"
		    "  --version        the version\n\n"
		    "Exit status: 0 done, 1 failed, 2 wrong usage. See headroom(1).\n",
		to);
}

static int help_of(const struct hr_cli *cli, const struct hr_cmd *c)
{
	(void)printf("usage: headroom %s %s\n%c%s.\n\n%s", c->name, c->args, c->line[0] - 32,
		c->line + 1, c->help);
	return hr_cli_print(cli, "");
}

/* --help anywhere before "--" explains the command instead of running it. */
static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

static const struct hr_cmd *find(const char *name)
{
	for (size_t i = 0; i < hr_n_cmds; i++)
		if (strcmp(hr_cmds[i].name, name) == 0)
			return &hr_cmds[i];
	return NULL;
}

/* What the commands read of their configuration: which collector there is. */
static int config(const struct hr_cli *cli, bool print)
{
	struct hr_cli_target t;
	char text[sizeof(t.from) + sizeof(t.url) + sizeof(t.ca_file) + 64];
	int r = hr_cli_target(cli, &t);

	if (r != HR_EXIT_DONE || !print)
		return r;
	(void)snprintf(text, sizeof(text), "# from %s\ncollector = %s\nca_file = %s\n", t.from,
		t.url, t.ca_file);
	return hr_cli_print(cli, text);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'}, {"config", required_argument, NULL, 'c'},
		{"check-config", no_argument, NULL, 'k'}, {"print-config", no_argument, NULL, 'p'},
		{0}};
	struct hr_cli cli = {.cmd = ""};
	const struct hr_cmd *cmd;
	int c, first, only = 0;

	(void)signal(SIGPIPE, SIG_DFL);
	while ((c = hr_cli_option(&cli, argc, argv, "+:hV", options)) != -1) {
		if (c == 'h') {
			help(stdout);
			return hr_cli_print(&cli, "");
		}
		if (c == 'V')
			return hr_cli_print(&cli, "headroom " HR_VERSION "\n");
		if (c == 'k' || c == 'p')
			only = c;
		else if (c == 'c')
			cli.config = optarg;
		else
			return HR_EXIT_USAGE;
	}
	if (only)
		return config(&cli, only == 'p');
	first = optind;
	optind = 0; /* glibc: begin anew, with options after arguments allowed */
	if (first >= argc) {
		static char *alone[] = {(char *)"status", NULL};

		return hr_cmd_status(&cli, 1, alone);
	}
	cmd = find(argv[first]);
	if (!cmd)
		return hr_cli_usage(&cli, "unknown command '%s'", argv[first]);
	cli.cmd = cmd->name;
	if (wants_help(argc - first, argv + first))
		return help_of(&cli, cmd);
	return cmd->run(&cli, argc - first, argv + first);
}
