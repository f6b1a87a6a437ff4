/* SPDX-License-Identifier: Apache-2.0 */
/* headroom-agent: arguments, configuration, wiring; then one thread in loop.c. */
#include <stdio.h>
#include <string.h>

#include "agent/core/config.h"
#include "agent/daemon.h"
#include "proto/base/args.h"
#include "proto/base/log.h"

#define DEFAULT_CONFIG "/etc/headroom/agent.conf"

static const char usage[] =
	"usage: headroom-agent [--config FILE] [--check-config | --print-config | --join FILE]\n"
	"Measures this VM and sends a summary every 10 s to the collector.\n\n"
	"  --config FILE    read FILE and FILE.d/*.conf (" DEFAULT_CONFIG ")\n"
	"  --check-config   say whether the configuration is valid, exit 0 or 1\n"
	"  --print-config   print it as it is in effect, each value with its origin\n"
	"  --join FILE      join the collector of the join string in FILE (mode 0600), or\n"
	"                   on standard input (-), and exit; then start the service\n"
	"  --help           this text\n"
	"  --version        the version\n\n"
	"SIGHUP reloads the configuration, SIGTERM stops. See headroom-agent(8).\n";

static int fail(const char *err)
{
	(void)fprintf(stderr, "headroom-agent: %s\n", err);
	return 1;
}

/* The string itself would be on the process list, for everybody to read. */
static int join(const struct hr_agent_config *conf, const char *from)
{
	char err[HR_CONF_ERR_LEN];

	if (strncmp(from, "hr1.", 4) == 0) {
		(void)fputs("headroom-agent: --join wants a file, or - for standard input: as an "
			    "argument everybody could read the join string; make a new one\n",
			stderr);
		return 2;
	}
	if (hr_daemon_join(conf, from, err) < 0)
		return fail(err);
	return puts("Joined. Start the agent, or restart it: systemctl restart headroom-agent") < 0;
}

int main(int argc, char **argv)
{
	static struct hr_agent_config conf;
	struct hr_args a = {.program = "headroom-agent",
		.user = "headroom-agent",
		.usage = usage,
		.extra = "join",
		.table = hr_agent_config_table(),
		.check = hr_daemon_check,
		.config = DEFAULT_CONFIG};
	char err[HR_CONF_ERR_LEN];
	int status = hr_args_read(&a, argc, argv, &conf);

	if (status != HR_ARGS_RUN)
		return status;
	if (a.extra_value)
		return join(&conf, a.extra_value);
	hr_log_init("headroom-agent", (enum hr_log_prio)conf.log_level);
	return hr_daemon_run(&conf, a.config, a.config_named, err) < 0 ? fail(err) : 0;
}
