/* SPDX-License-Identifier: Apache-2.0 */
/* Wiring of the agent; see daemon.h. */
#include "agent/daemon.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "agent/caps.h"
#include "agent/core/machine.h"
#include "agent/enrol.h"
#include "agent/loop.h"
#include "proto/base/conffile.h"
#include "proto/base/log.h"

struct program {
	const char *path;
	bool must_exist;
	struct hr_agent_config conf;
	struct hr_loop loop;
};

bool hr_daemon_check(const void *conf, char err[HR_CONF_ERR_LEN])
{
	const struct hr_agent_config *c = conf;

	return hr_machine_limits_valid(c->limits, err);
}

int hr_daemon_join(const struct hr_agent_config *c, const char *join, char err[HR_CONF_ERR_LEN])
{
	const struct hr_enrol_opts o = {.state = c->state,
		.join = join,
		.name = c->name,
		.cert_file = c->cert_file,
		.key_file = c->key_file,
		.timeout_ns = c->timeout_ns};

	return hr_enrol_join(&o, err);
}

/* The collector that was joined, joined now if the configuration says how; 1: none. */
static int find_enrolled(const struct hr_agent_config *c, struct hr_enrolled *e, char err[512])
{
	int r = hr_enrol_load(c->state, e, err);

	if (r != 1 || !c->join[0])
		return r;
	r = hr_daemon_join(c, c->join, err);
	if (r < 0)
		return r;
	hr_log(HR_LOG_NOTICE, "joined", "file=%s", c->join);
	return hr_enrol_load(c->state, e, err);
}

static int open_ship(const struct hr_agent_config *c, struct hr_ship **ret, char err[512])
{
	struct hr_ship_opts o = {.url = c->collector,
		.token_file = c->token_file,
		.ca_file = c->ca_file,
		.cert_file = c->cert_file,
		.key_file = c->key_file,
		.timeout_ns = c->timeout_ns};
	struct hr_enrolled e;
	int r = find_enrolled(c, &e, err);

	if (r < 0)
		return r;
	if (r == 0 && hr_enrol_applies(&e, c->collector, HR_AGENT_COLLECTOR)) {
		o.url = e.url;
		o.pin = e.pin;
		o.secret = e.secret;
	}
	/* not the configured one where this machine has joined another */
	hr_log(HR_LOG_NOTICE, "collector", "url=%s pinned=%s", o.url, o.pin ? "yes" : "no");
	r = hr_ship_open(ret, &o, err);
	explicit_bzero(&e, sizeof e);
	return r;
}

/* SIGHUP: all of the new configuration is valid, or nothing changes. */
static int reload(void *arg, char err[512])
{
	struct program *p = arg;
	struct hr_agent_config next;
	struct hr_ship *ship = NULL;
	int r = hr_conffile_load(hr_agent_config_table(), p->path, p->must_exist, &next, NULL, err);

	if (r == 0 && !hr_daemon_check(&next, err))
		r = -EINVAL;
	if (r == 0)
		r = open_ship(&next, &ship, err);
	if (r < 0)
		return r;
	err[0] = '\0';
	hr_courier_set_ship(p->loop.courier, ship);
	hr_log_init("headroom-agent", (enum hr_log_prio)next.log_level);
	/* hooks cannot be loaded again without rights, and the spool is held open */
	if (memcmp(&p->conf.spool_bytes, &next.spool_bytes,
		    sizeof next - offsetof(struct hr_agent_config, spool_bytes)) != 0 ||
		strcmp(p->conf.state, next.state) != 0)
		(void)snprintf(err, 512, "note=\"state, spool and measure wait for a restart\"");
	memcpy(&p->conf, &next, sizeof next);
	return 0;
}

static int open_all(struct program *p, char err[512])
{
	const struct hr_agent_config *c = &p->conf;
	struct hr_engine_opts o = {.root = "",
		.force = hr_engine_force_from_env(),
		.align = true,
		.bpf_stats = c->bpf_stats,
		.no_hooks = hr_agent_config_no_hooks(c),
		.include = c->include_devices,
		.exclude = c->exclude_devices,
		.limits = c->limits,
		.budget_ratio = c->budget_ratio,
		.threads_per_core = (uint32_t)c->threads_per_core,
		.no_core_probe = !c->probe_cores};
	struct hr_ship *ship;
	int r = open_ship(c, &ship, err);

	if (r == 0)
		r = hr_courier_start(&p->loop.courier, ship, c->state, c->spool_bytes, err);
	if (r < 0)
		return r;
	hr_courier_first_free(p->loop.courier, &o.seq_min, &o.epoch_first);
	r = hr_engine_open(&p->loop.engine, &o, err);
	if (r < 0)
		return r;
	r = hr_caps_drop();
	if (r < 0)
		(void)snprintf(err, 512,
			"cannot give up capabilities: %s; under systemd allow capset in "
			"SystemCallFilter",
			strerror(-r));
	return r;
}

static bool is_missing_for(const struct hr_signal_state *s, const char *why)
{
	return s->rung == HR_RUNG_MISSING && strcmp(s->reason, why) == 0;
}

/* What is not measured, a line for each reason. */
static void tell_missing(const struct hr_signal_state signal[HR_SIG_N])
{
	for (unsigned i = 0; i < HR_SIG_N; i++) {
		const char *why = signal[i].reason;
		char names[512] = "";
		size_t len = 0;
		unsigned k = 0;

		while (k < i && !is_missing_for(&signal[k], why))
			k++;
		if (k < i || !is_missing_for(&signal[i], why))
			continue;
		for (; k < HR_SIG_N && len < sizeof names; k++)
			if (is_missing_for(&signal[k], why))
				len += (size_t)snprintf(names + len, sizeof names - len, "%s%s",
					len ? "," : "", hr_signal_name(k));
		hr_log(HR_LOG_NOTICE, "not-measured", "signals=%s why=\"%s\"", names, why);
	}
}

/* Limits that are told of nothing: a misspelt name would be a limit that is not known. */
static void tell_unused(const char *limits, const struct hr_facts *f)
{
	char what[512];

	if (hr_machine_limits_unused(limits, f, what))
		hr_log(HR_LOG_WARNING, "limits-unused", "what=\"%s\"", what);
}

int hr_daemon_run(const struct hr_agent_config *conf, const char *path, bool must_exist,
	char err[HR_CONF_ERR_LEN])
{
	struct program p = {.path = path, .must_exist = must_exist};
	int r;

	memcpy(&p.conf, conf, sizeof p.conf);
	r = open_all(&p, err);
	p.loop.state = p.conf.state;
	p.loop.name = p.conf.name;
	p.loop.instance_type = p.conf.instance_type;
	p.loop.reload = reload;
	p.loop.reload_arg = &p;
	if (r == 0) {
		tell_missing(hr_engine_facts(p.loop.engine)->signal);
		tell_unused(p.conf.limits, hr_engine_facts(p.loop.engine));
		hr_log(HR_LOG_NOTICE, "started", "version=%s", HR_VERSION);
		r = hr_loop_run(&p.loop);
		if (r < 0)
			(void)snprintf(
				err, HR_CONF_ERR_LEN, "cannot wait for events: %s", strerror(-r));
	}
	hr_engine_close(p.loop.engine);
	hr_courier_close(p.loop.courier);
	return r;
}
