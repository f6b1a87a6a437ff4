/* SPDX-License-Identifier: Apache-2.0 */
/* headroom-collector: arguments and configuration; wiring and threads are in daemon.c. */
#include <stdio.h>

#include "collector/check_store.h"
#include "collector/core/remote_conf.h"
#include "collector/daemon.h"
#include "collector/store_module.h"
#include "proto/base/args.h"
#include "proto/base/log.h"

#define DEFAULT_CONFIG "/etc/headroom/collector.conf"

static const char usage[] =
	"usage: headroom-collector [--config FILE] [--check-config | --print-config [--host NAME] "
	"| --check-store]\n"
	"Receives summaries from agents, stores them and answers over HTTP.\n\n"
	"  --config FILE    read FILE and FILE.d/*.conf (" DEFAULT_CONFIG ")\n"
	"  --check-config   say whether the configuration is valid, exit 0 or 1\n"
	"  --print-config   print it as it is in effect, each value with its origin\n"
	"  --host NAME      print it as this host is judged, by [host \"PATTERN\"] too\n"
	"  --check-store    read all of the database and check that nothing is missing,\n"
	"                   exit 0 or 1; also beside a running collector\n"
	"  --help           this text\n"
	"  --version        the version\n\n"
	"SIGHUP reloads the configuration, SIGTERM stops. See headroom-collector(8).\n";

static bool check(const void *conf, char err[HR_CONF_ERR_LEN])
{
	struct hr_listen listen[HR_LISTEN_MAX];
	const struct hr_collector_config *c = conf;

	return hr_collector_listen(c->listen, listen, err) > 0 && hr_remote_conf_check(c, err);
}

/* What this host is judged with stands in [model]. */
static void narrow(void *conf, struct hr_conf_origin *origin, const char *name)
{
	const struct hr_host_rules rules = hr_collector_config_rules(conf);

	hr_conf_over_fold(rules.table, hr_host_rules_of(&rules, name), conf, origin);
}

static int check_store(const struct hr_collector_config *c)
{
	char db[sizeof(c->state) + 16];

	if (c->database[0]) {
		char err[HR_STORE_ERROR_LEN];
		const struct hr_store_module *m = hr_store_module_load(err);

		if (m)
			return m->check(c->database, stdout) && fflush(stdout) == 0 ? 0 : 1;
		(void)fprintf(stderr, "headroom-collector: %s\n", err);
		return 1;
	}
	(void)snprintf(db, sizeof(db), "%s/headroom.db", c->state);
	return hr_check_store(db, stdout) && fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	static struct hr_collector_config conf;
	struct hr_args a = {.program = "headroom-collector",
		.user = "headroom",
		.usage = usage,
		.action = "check-store",
		.extra = "host",
		.narrow = narrow,
		.table = hr_collector_config_table(),
		.check = check,
		.config = DEFAULT_CONFIG};
	char err[HR_CONF_ERR_LEN];
	int status = hr_args_read(&a, argc, argv, &conf);

	if (status != HR_ARGS_RUN)
		return status;
	if (a.act)
		return check_store(&conf);
	hr_log_init("headroom-collector", (enum hr_log_prio)conf.log_level);
	if (hr_daemon_run(&conf, a.config, a.config_named, err) == 0)
		return 0;
	(void)fprintf(stderr, "headroom-collector: %s\n", err);
	return 1;
}
