/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `headroom`: what its subcommands share.  Each is one file cmd_NAME.c with one
 * row in main.c's table.  Exit status: 0 done, 1 failed (one line on stderr: what,
 * why, what to do), 2 wrong usage; `check` has the plugins' own.
 */
#pragma once

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

#include "collector/core/out.h"

#define HR_EXIT_DONE   0
#define HR_EXIT_FAILED 1
#define HR_EXIT_USAGE  2

struct hr_cli {
	const char *cmd;    /* subcommand, for messages */
	const char *config; /* --config FILE; NULL: the usual places */
};

struct hr_cmd {
	const char *name;
	int (*run)(const struct hr_cli *cli, int argc, char **argv); /* argv[0] = name */
	const char *args;                                            /* of the usage line */
	const char *line;                                            /* one line for the list */
	const char *help; /* options and notes, for `headroom NAME --help` */
};

/* cmds.c: all of them. */
extern const struct hr_cmd hr_cmds[];
extern const size_t hr_n_cmds;

int hr_cmd_check(const struct hr_cli *cli, int argc, char **argv);
int hr_cmd_doctor(const struct hr_cli *cli, int argc, char **argv);
int hr_cmd_explain(const struct hr_cli *cli, int argc, char **argv);
int hr_cmd_fleet(const struct hr_cli *cli, int argc, char **argv);
int hr_cmd_hosts(const struct hr_cli *cli, int argc, char **argv);
int hr_cmd_hosts_list(const struct hr_cli *cli, int argc, char **argv); /* argv[0] = "list" */
int hr_cmd_measure(const struct hr_cli *cli, int argc, char **argv);
int hr_cmd_report(const struct hr_cli *cli, int argc, char **argv);
int hr_cmd_sizes(const struct hr_cli *cli, int argc, char **argv);
int hr_cmd_status(const struct hr_cli *cli, int argc, char **argv);
int hr_cmd_top(const struct hr_cli *cli, int argc, char **argv);
int hr_cmd_whatif(const struct hr_cli *cli, int argc, char **argv);

/* "headroom CMD: what: why; what to do" on stderr; returns HR_EXIT_FAILED. */
__attribute__((format(printf, 2, 3))) int hr_cli_fail(
	const struct hr_cli *cli, const char *fmt, ...);
/* The same for arguments, with the pointer to --help; returns HR_EXIT_USAGE. */
__attribute__((format(printf, 2, 3))) int hr_cli_usage(
	const struct hr_cli *cli, const char *fmt, ...);

/*
 * getopt_long() over @options without short ones besides @shorts; -1 at the end, '?' after a
 * message (return HR_EXIT_USAGE then).  @shorts begins with "+:" (stop at the first non-option)
 * or ":".
 */
int hr_cli_option(const struct hr_cli *cli, int argc, char **argv, const char *shorts,
	const struct option *options);

/*
 * For commands whose only options are --json and --config: sets cli->config and *ret_json, and
 * optind to the first argument.  False after a message (return HR_EXIT_USAGE then).
 */
bool hr_cli_json_config(struct hr_cli *cli, int argc, char **argv, bool *ret_json);

/* Width of the terminal on stdout (80 without one), and whether stdout may have colour. */
unsigned hr_cli_width(void);
bool hr_cli_color(void);
/* True when stderr is a terminal that can show progress. */
bool hr_cli_progress(void);

/* A buffer for one command's output, 64 KiB, initialised for stdout.  Not reentrant. */
struct hr_out *hr_cli_out(void);
/*
 * Writes it to stdout; HR_EXIT_DONE, or HR_EXIT_FAILED with a message (disk full, pipe closed) when
 * it or anything printed before it could not be written.
 */
int hr_cli_print(const struct hr_cli *cli, const char *text);
