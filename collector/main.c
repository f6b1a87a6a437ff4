/* SPDX-License-Identifier: Apache-2.0 */
/* headroom-collector: arguments and configuration; wiring and threads are in daemon.c. */
#include <getopt.h>
#include <stdio.h>

#include "collector/core/config.h"
#include "collector/daemon.h"
#include "proto/base/conffile.h"
#include "proto/base/log.h"

#define DEFAULT_CONFIG "/etc/headroom/collector.conf"

static const char *arg_config = DEFAULT_CONFIG;
static bool arg_config_named;

static void usage(FILE *to)
{
	(void)fputs("usage: headroom-collector [--config FILE] [--check-config | --print-config]\n"
		    "Receives summaries from agents, stores them and answers over HTTP.\n\n"
		    "  --config FILE    read FILE and FILE.d/*.conf (" DEFAULT_CONFIG ")\n"
		    "  --check-config   say whether the configuration is valid, exit 0 or 1\n"
		    "  --print-config   print it as it is in effect, each value with its origin\n"
		    "  --help           this text\n"
		    "  --version        the version\n\n"
		    "SIGHUP reloads the configuration, SIGTERM stops. See headroom-collector(8).\n",
		to);
}

static int print_config(const struct hr_collector_config *c, const struct hr_conf_origin *origin)
{
	static char text[65536];

	if (hr_conf_print(hr_collector_config_table(), c, origin, true, text, sizeof text) == 0)
		return 1;
	return fputs(text, stdout) < 0 || fflush(stdout) != 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'}, {"config", required_argument, NULL, 'c'},
		{"check-config", no_argument, NULL, 'k'}, {"print-config", no_argument, NULL, 'p'},
		{0}};
	static struct hr_collector_config conf;
	static struct hr_conf_origin origin;
	struct hr_listen listen[HR_LISTEN_MAX];
	char err[HR_CONF_ERR_LEN];
	int what = 0, c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'c') {
			arg_config = optarg;
			arg_config_named = true;
		} else if (c == '?') {
			(void)fputs("headroom-collector: see --help\n", stderr);
			return 2;
		} else {
			what = c;
		}
	}
	if (optind < argc) {
		(void)fprintf(stderr, "headroom-collector: unexpected argument '%s'; see --help\n",
			argv[optind]);
		return 2;
	}
	if (what == 'h') {
		usage(stdout);
		return 0;
	}
	if (what == 'V')
		return puts("headroom-collector " HR_VERSION) < 0;
	if (hr_conffile_load(hr_collector_config_table(), arg_config, arg_config_named, &conf,
		    &origin, err) < 0) {
		(void)fprintf(stderr, "headroom-collector: %s\n", err);
		return 1;
	}
	if (hr_collector_listen(conf.listen, listen, err) == 0) {
		(void)fprintf(stderr, "headroom-collector: %s\n", err);
		return 1;
	}
	if (what == 'k')
		return 0;
	if (what == 'p')
		return print_config(&conf, &origin);
	hr_log_init("headroom-collector", (enum hr_log_prio)conf.log_level);
	if (hr_daemon_run(&conf, arg_config, arg_config_named, err) < 0) {
		(void)fprintf(stderr, "headroom-collector: %s\n", err);
		return 1;
	}
	return 0;
}
