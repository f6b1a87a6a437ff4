/* SPDX-License-Identifier: Apache-2.0 */
/* Messages, options and the terminal; see cli.h. */
#include "collector/cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "proto/num.h"

#define OUT_BYTES     (256 * 1024)
#define WIDTH_DEFAULT 80

__attribute__((format(printf, 2, 0))) static void message(
	const struct hr_cli *cli, const char *fmt, va_list ap)
{
	(void)fprintf(stderr, "headroom%s%s: ", cli->cmd[0] ? " " : "", cli->cmd);
	(void)vfprintf(stderr, fmt, ap);
}

int hr_cli_fail(const struct hr_cli *cli, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(cli, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	return HR_EXIT_FAILED;
}

int hr_cli_usage(const struct hr_cli *cli, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(cli, fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "; see headroom %s%s--help\n", cli->cmd, cli->cmd[0] ? " " : "");
	return HR_EXIT_USAGE;
}

int hr_cli_option(const struct hr_cli *cli, int argc, char **argv, const char *shorts,
	const struct option *options)
{
	int c;

	opterr = 0;
	c = getopt_long(argc, argv, shorts, options, NULL);
	if (c == ':')
		(void)hr_cli_usage(cli, "option %s wants a value", argv[optind - 1]);
	else if (c == '?' && optopt > 0 && optopt < 256)
		(void)hr_cli_usage(cli, "wrong option '%s'", argv[optind - 1]);
	else if (c == '?')
		(void)hr_cli_usage(cli, "unknown option '%s'", argv[optind - 1]);
	return c == ':' ? '?' : c;
}

bool hr_cli_json_config(struct hr_cli *cli, int argc, char **argv, bool *ret_json)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'}, {"config", required_argument, NULL, 'c'}, {0}};
	int c;

	*ret_json = false;
	while ((c = hr_cli_option(cli, argc, argv, ":", options)) != -1) {
		if (c == '?')
			return false;
		if (c == 'c')
			cli->config = optarg;
		else
			*ret_json = true;
	}
	return true;
}

static bool dumb(void)
{
	const char *term = getenv("TERM");

	return !term || !term[0] || strcmp(term, "dumb") == 0;
}

unsigned hr_cli_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize w;
	uint64_t n;

	if (columns && hr_num_u64(columns, 1, 10000, &n))
		return (unsigned)n;
	if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0)
		return w.ws_col;
	return WIDTH_DEFAULT;
}

bool hr_cli_color(void)
{
	const char *no = getenv("NO_COLOR");

	return !(no && no[0]) && isatty(STDOUT_FILENO) && !dumb();
}

bool hr_cli_progress(void)
{
	return isatty(STDERR_FILENO) && !dumb();
}

struct hr_out *hr_cli_out(void)
{
	static char buf[OUT_BYTES];
	static struct hr_out out;

	hr_out_init(&out, buf, sizeof(buf), hr_cli_width(), hr_cli_color());
	return &out;
}

int hr_cli_print(const struct hr_cli *cli, const char *text)
{
	if (fputs(text, stdout) < 0 || ferror(stdout) || fflush(stdout) != 0)
		return hr_cli_fail(cli,
			"cannot write the output: %s; free space, or write elsewhere",
			strerror(errno));
	return HR_EXIT_DONE;
}
