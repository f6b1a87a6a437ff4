/* SPDX-License-Identifier: Apache-2.0 */
/* Reads agent.conf or collector.conf by their own key tables; see conf.h. */
#include "collector/cli/conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/core/config.h"
#include "agent/enrol.h"
#include "collector/core/config.h"
#include "proto/base/conffile.h"
#include "proto/base/fsio.h"

#define DEFAULT_PORT 7867

/* Which program's file it is: the one whose section comes first. */
static bool is_agents(const char *path)
{
	static char text[HR_CONFFILE_MAX];
	const char *agent, *collector;

	if (hr_fs_read(path, text, sizeof(text)) < 0)
		return false;
	agent = strstr(text, "[agent]");
	collector = strstr(text, "[collector]");
	return agent && (!collector || agent < collector);
}

int hr_cli_model_conf(
	const struct hr_cli *cli, const char *host, struct hr_model_conf *ret, struct hr_trace *t)
{
	const char *path = cli->config ? cli->config : HR_CLI_COLLECTOR_CONF;
	struct hr_collector_config c;
	struct hr_host_rules rules;
	char err[HR_CONF_ERR_LEN];
	uint64_t of;

	hr_model_conf_default(ret);
	if (cli->config && is_agents(path))
		return HR_EXIT_DONE;
	/* not ours to read: then it is not this user's collector either */
	if (!cli->config && access(path, R_OK) != 0)
		return HR_EXIT_DONE;
	if (hr_conffile_load(
		    hr_collector_config_table(), path, cli->config != NULL, &c, NULL, err) < 0)
		return hr_cli_fail(cli, "%s", err);
	hr_collector_config_model(&c, ret);
	rules = hr_collector_config_rules(&c);
	of = host ? hr_host_rules_of(&rules, host) : 0;
	hr_host_rules_apply(&rules, of, ret);
	hr_host_rules_say(&rules, of, t);
	return HR_EXIT_DONE;
}

static int from_agent(
	const char *path, bool must, struct hr_cli_target *ret, char err[HR_CONF_ERR_LEN])
{
	struct hr_agent_config c;
	struct hr_enrolled e;
	char ignored[512];
	size_t n;
	int r = hr_conffile_load(hr_agent_config_table(), path, must, &c, NULL, err);

	if (r < 0)
		return r;
	(void)snprintf(ret->url, sizeof(ret->url), "%s", c.collector);
	/* readable for root and the agent's user; others name a token of their own */
	if (hr_enrol_load(c.state, &e, ignored) == 0 &&
		hr_enrol_applies(&e, c.collector, HR_AGENT_COLLECTOR)) {
		(void)snprintf(ret->url, sizeof(ret->url), "%s", e.url);
		(void)snprintf(ret->pin, sizeof(ret->pin), "%s", e.pin);
		(void)snprintf(ret->token, sizeof(ret->token), "%s", e.secret);
	}
	(void)snprintf(ret->ca_file, sizeof(ret->ca_file), "%s", c.ca_file);
	n = strlen(ret->url);
	if (n > 0 && ret->url[n - 1] == '/')
		ret->url[n - 1] = '\0';
	return 0;
}

static int from_collector(
	const char *path, bool must, struct hr_cli_target *ret, char err[HR_CONF_ERR_LEN])
{
	struct hr_listen l[HR_LISTEN_MAX];
	struct hr_collector_config c;
	int r = hr_conffile_load(hr_collector_config_table(), path, must, &c, NULL, err);

	if (r < 0)
		return r;
	if (hr_collector_listen(c.listen, l, err) == 0)
		return -EINVAL;
	(void)snprintf(ret->url, sizeof(ret->url), l[0].v6 ? "http%s://[%s]:%u" : "http%s://%s:%u",
		l[0].tls ? "s" : "", l[0].host, l[0].port);
	return 0;
}

int hr_cli_find_target(
	const struct hr_cli *cli, struct hr_cli_target *ret, char err[HR_CONF_ERR_LEN])
{
	const char *env = getenv("HEADROOM_COLLECTOR"), *path = cli->config;
	bool must = path != NULL;

	*ret = (struct hr_cli_target){0};
	if (env && env[0] && !path) {
		(void)snprintf(ret->url, sizeof(ret->url), "%s", env);
		(void)snprintf(ret->from, sizeof(ret->from), "HEADROOM_COLLECTOR");
		return 0;
	}
	if (!path)
		path = access(HR_CLI_AGENT_CONF, R_OK) == 0       ? HR_CLI_AGENT_CONF
		       : access(HR_CLI_COLLECTOR_CONF, R_OK) == 0 ? HR_CLI_COLLECTOR_CONF
								  : NULL;
	if (!path) {
		(void)snprintf(ret->url, sizeof(ret->url), "http://127.0.0.1:%d", DEFAULT_PORT);
		(void)snprintf(ret->from, sizeof(ret->from), "the default");
		return 0;
	}
	(void)snprintf(ret->from, sizeof(ret->from), "%s", path);
	return is_agents(path) ? from_agent(path, must, ret, err)
			       : from_collector(path, must, ret, err);
}

int hr_cli_target(const struct hr_cli *cli, struct hr_cli_target *ret)
{
	char err[HR_CONF_ERR_LEN];

	return hr_cli_find_target(cli, ret, err) == 0 ? HR_EXIT_DONE : hr_cli_fail(cli, "%s", err);
}

int hr_cli_admin(const struct hr_cli *cli, struct hr_cli_target *ret)
{
	const char *path = cli->config ? cli->config : HR_CLI_COLLECTOR_CONF;
	struct hr_collector_config c;
	char err[HR_CONF_ERR_LEN];

	*ret = (struct hr_cli_target){.url = "http://localhost"};
	if (cli->config && is_agents(path))
		return hr_cli_fail(cli,
			"%s is an agent's: this is done on the collector's machine; name its "
			"collector.conf",
			path);
	if (hr_conffile_load(
		    hr_collector_config_table(), path, cli->config != NULL, &c, NULL, err) < 0)
		return hr_cli_fail(cli, "%s", err);
	(void)snprintf(ret->from, sizeof(ret->from), "%s", path);
	(void)snprintf(ret->socket, sizeof(ret->socket), "%s/" HR_ADMIN_SOCKET, c.state);
	return HR_EXIT_DONE;
}
