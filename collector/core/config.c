// SPDX-License-Identifier: Apache-2.0
/* Keys of headroom-collector: what each does, its default, and why that default. */
#include "collector/core/config.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "proto/num.h"

#define KEY(sec, name, t, field, lo, hi, dflt, text)                                               \
	{                                                                                          \
		.section = sec, .key = name, .type = t,                                            \
		.offset = offsetof(struct hr_collector_config, field),                             \
		.size = sizeof(((struct hr_collector_config *)0)->field), .min = lo, .max = hi,    \
		.def = dflt, .doc = text                                                           \
	}

#define DEFAULT_LISTEN "127.0.0.1:7867, [::1]:7867"

static const struct hr_conf_key keys[] = {
	KEY("collector", "listen", HR_CONF_TEXT, listen, 0, 0, DEFAULT_LISTEN,
		"Numeric addresses with port, separated by commas, at most 4. On loopback plain "
		"HTTP (with tls: before it, TLS); any other address has TLS and needs tokens, "
		"always. Without IPv6 the default's [::1] is left out."),
	KEY("collector", "state", HR_CONF_TEXT, state, 0, 0, "/var/lib/headroom",
		"Directory of the database headroom.db and its lock. On a local disk: SQLite's "
		"locks do not hold on network file systems."),
	KEY("collector", "database", HR_CONF_TEXT, database, 0, 0, "",
		"Connection string of a PostgreSQL, 13 or later, that any number of collectors "
		"may share, such as "
		"postgresql://headroom@db.example/headroom?passfile=/etc/headroom/pgpass"
		" and never with a password in it. Empty: SQLite in the state directory. Needs the "
		"package headroom-postgresql."),
	KEY("collector", "page", HR_CONF_TEXT, page, 0, 0, "/usr/share/headroom/page",
		"Directory of the files of GET /. Without it a short built-in page is served."),
	KEY("collector", "plots", HR_CONF_TEXT, plots, 0, 0, "/usr/share/javascript/dygraphs",
		"Directory of dygraph.min.js and dygraph.min.css, as the package libjs-dygraphs "
		"has it. Without them the page shows tables instead of plots."),
	KEY("collector", "log_level", HR_CONF_U64, log_level, 3, 7, "6",
		"What goes to stderr: 3 errors, 4 warnings, 5 notices, 6 changes of state, 7 "
		"debugging."),
	KEY("tls", "certificate", HR_CONF_FILE, tls_certificate, 0, 0, "",
		"PEM file of the certificate and its chain. Empty: a self-signed one, made at the "
		"first start with a TLS address; agents know it by its pin."),
	KEY("tls", "key", HR_CONF_FILE, tls_key, 0, 0, "",
		"PEM file (mode 0600) of its key. A renewed certificate should keep the key: the "
		"pin is the key's."),
	KEY("tls", "client_ca", HR_CONF_FILE, tls_client_ca, 0, 0, "",
		"PEM file of the CA that signs clients' certificates. Set: whoever comes over TLS "
		"must show one, besides its token. Empty: none is asked for."),
	KEY("tls", "address", HR_CONF_TEXT, tls_address, 0, 0, "",
		"Host and port that join strings name, as agents reach this collector. Empty: the "
		"first TLS address of listen."),
	KEY("tls", "loopback_open", HR_CONF_BOOL, loopback_open, 0, 0, "yes",
		"Whether plain loopback is open without a token: every user of this machine may "
		"then read answers and post as a machine that has no secret of its own."),
	KEY("limits", "hosts", HR_CONF_U64, hosts, 1, 1000000, "10000",
		"VMs kept. One more is refused with 503 and counted; a limit, because every host "
		"takes memory."),
	KEY("limits", "models", HR_CONF_BYTES, model_bytes, 0, 1.1e12, "128M",
		"Memory for the models of hosts, 16 to 40 KB each. Those of a larger fleet stay in "
		"the database and take their windows in turn: every 3 ms times their number, 5 "
		"minutes at 100000; their answers, and alerts, are as old as that, those of hosts "
		"without news as old as calm in [keep] says. Of a fleet that "
		"would take four times as much an eighth of it is used. 0: no limit."),
	KEY("limits", "cache", HR_CONF_BYTES, cache_bytes, 1048576, 1.1e12, "64M",
		"Memory for pages of the database. A smaller one costs reads, not answers."),
	KEY("limits", "metrics_hosts", HR_CONF_U64, metrics_hosts, 1, 1000000, "2000",
		"Hosts that have series of their own in /metrics: the tightest ones. Each has some "
		"ten to forty lines of text, which Prometheus stores at each scrape."),
	KEY("limits", "connections", HR_CONF_U64, connections, 4, 100000, "1000",
		"Open connections per address. Must stay below the limit of open files."),
	KEY("limits", "per_address", HR_CONF_U64, per_address, 1, 100000, "64",
		"Open connections from one client address; the excess is closed unanswered."),
	KEY("limits", "connect_rate", HR_CONF_U64, connect_per_s, 0, 100000, "20",
		"New TLS connections per second from one client address, after a burst of ten "
		"times as many; the excess is closed unanswered. 0: no limit. A refused token "
		"counts as ten."),
	KEY("limits", "inflight", HR_CONF_BYTES, inflight_bytes, 65536, 1073741824, "64M",
		"Request bodies in memory at once; beyond it 503. 64 MiB are 1000 of the largest "
		"bodies."),
	KEY("limits", "file", HR_CONF_BYTES, file_bytes, 0, 1.1e12, "0",
		"Quota of the database file; 0: none. At the quota windows are refused with 503 "
		"until old ones expire."),
	KEY("limits", "reserve", HR_CONF_BYTES, reserve_bytes, 0, 1.1e12, "160M",
		"Free disk space below which windows are refused with 503: the log (64 MiB, twice "
		"while it is cut) must still fit, because expiring old windows writes it too."),
	KEY("ingest", "group", HR_CONF_DURATION, group_ns, 0, 1e9, "30ms",
		"How long a transaction waits for further windows. It delays acknowledgements by "
		"as much and saves one fsync per window."),
	KEY("ingest", "period", HR_CONF_DURATION, period_ns, 10e9, 120e9, "10s",
		"How often an agent is told to post, at least. Beyond 10000 hosts it is longer, up "
		"to 100 s, so that no more than 1000 requests/s come. 60 s takes a sixth of them."),
	KEY("ingest", "backlog", HR_CONF_U64, backlog, 0, 64, "30",
		"Old windows an agent may add to each POST after an outage."),
	KEY("retention", "windows", HR_CONF_DURATION, windows_ns, 3600e9, 3.2e15, "1d",
		"Age at which 10 s windows expire. 2.5 (idle) to 5 MB (busy) per VM and day, 4 to "
		"9 in PostgreSQL; the model keeps its own lookback."),
	KEY("retention", "five_minutes", HR_CONF_DURATION, five_min_ns, 86400e9, 3.2e16, "14d",
		"Age at which sums of 5 minutes expire: two weeks show every weekday twice."),
	KEY("retention", "hours", HR_CONF_DURATION, hours_ns, 86400e9, 3.2e17, "730d",
		"Age at which sums of an hour expire: two years show every season twice."),
	KEY("retention", "brief", HR_CONF_BOOL, brief, 0, 0, "no",
		"Keep sums with less detail, of 5 minutes as of hours. With windows = 2h this "
		"is the lean setting of headroom-collector(8)."),
	KEY("keep", "save", HR_CONF_DURATION, save_ns, 1e9, 3600e9, "2m",
		"How often the model's state of a host is written. After a crash the windows "
		"since then are replayed, so a longer time costs start-up, never data."),
	KEY("keep", "answer", HR_CONF_DURATION, answer_ns, 0, 600e9, "5s",
		"Shortest time between two computations of a host's answer."),
	KEY("keep", "calm", HR_CONF_DURATION, calm_ns, 0, 3600e9, "15m",
		"Of a fleet whose models take turns (models in [limits]): how old the answer of a "
		"host may be that has no news. No window of it was beyond what its model has "
		"judged, and its headroom is by a quarter above the thresholds, or below that of "
		"the alert already, whose end may come that late. Others have their turn as "
		"always. It saves CPU time; 0: all have the same turns."),
	KEY("model", "target", HR_CONF_F64, model.k_target, 1, 8, "1.3",
		"Factor by which the load must be able to grow for the answer yes."),
	KEY("model", "late_share", HR_CONF_RATIO, model.eps, 0.0001, 0.5, "1%",
		"Share of late work tolerated within a minute."),
	KEY("model", "tight_share", HR_CONF_RATIO, model.q, 0.00001, 0.5, "0.5%",
		"Share of minutes that may be tighter than the answer says."),
	KEY("model", "lookback_days", HR_CONF_U64, model.lookback_days, 1, 90, "7",
		"Days an answer looks back: a week has every weekday's peak."),
	KEY("model", "min_history", HR_CONF_DURATION, model.min_history_ns, 0, 7.8e15, "30h",
		"History below which the answer is unknown: a day's peak and some of the next."),
	KEY("model", "wakeup", HR_CONF_DURATION, model.wakeup_ns, 0, 1e6, "80us",
		"CPU time of a wake-up beyond its job, at most, which goes as CPUs fill. 0: work "
		"grows as the load does."),
	KEY("model", "max_vcpus", HR_CONF_U64, model.max_vcpus, 0, 4096, "0",
		"vCPUs of the largest size there is; 0: not told, then no VM is at its ceiling."),
	KEY("model", "max_memory", HR_CONF_BYTES, model.max_mem_bytes, 0, 1.1e15, "0",
		"Memory of the largest size there is; 0: not told."),
	KEY("model", "queue_low", HR_CONF_F64, model.m_lo, 1, 8, "1.25",
		"Advanced. Error of what the virtual queue says, downwards: at_least is likely "
		"divided by it."),
	KEY("model", "queue_high", HR_CONF_F64, model.m_hi, 1, 8, "2.6",
		"Advanced. The same upwards: at_most is likely times it."),
	KEY("model", "replay_low", HR_CONF_F64, model.m2_lo, 1, 8, "1.1",
		"Advanced. Error of what the replay of recorded bursts says, downwards, near "
		"today's load."),
	KEY("model", "replay_high", HR_CONF_F64, model.m2_hi, 1, 8, "1.7",
		"Advanced. The same upwards."),
	KEY("model", "steal_share", HR_CONF_RATIO, model.steal_bad, 0.001, 1, "5%",
		"Share of the wanted CPU time that the hypervisor may withhold."),
	KEY("model", "stall_share", HR_CONF_RATIO, model.stall_bad, 0.0001, 1, "1%",
		"Share of time in which a task may wait for memory (PSI some): reads were 9 times "
		"slower at 1.1 %."),
	KEY("model", "throttled", HR_CONF_F64, model.throttled_bad, 0.001, 1000, "0.05",
		"CPU seconds a second that cgroup quotas may withhold while CPUs are free."),
	KEY("model", "drop_share", HR_CONF_RATIO, model.drop_bad, 0.0001, 1, "1%",
		"Share of packets that an interface may drop, and of segments sent again."),
	KEY("sizes", "catalogue", HR_CONF_TEXT, catalogue, 0, 0, "/usr/share/headroom/sizes.tsv",
		"File of the sizes that providers sell. Without it answers name no sizes. Its own "
		"comments say what the columns mean and where they come from."),
	KEY("sizes", "ladder", HR_CONF_FILE, ladder, 0, 0, "",
		"File of the operator's own sizes, with the same columns, read besides the "
		"catalogue: for VMware, Proxmox or libvirt, or a provider that is not in it."),
	KEY("sizes", "prices", HR_CONF_FILE, prices, 0, 0, "",
		"File of the operator's prices: provider, name, price and unit (USD/h), a size a "
		"line, tabs between. Without it no price is said; none is guessed."),
	KEY("alert", "at_least", HR_CONF_F64, alert_at_least, 0, 8, "1.1",
		"Alert below this lower bound of the headroom factor; 0: never. Below the target, "
		"because a resize can be planned while 1.1x are left."),
	KEY("alert", "days", HR_CONF_F64, alert_days, 0, 3650, "14",
		"Alert when fewer days are left; 0: never. Two weeks are time for a change."),
	KEY("alert", "silent", HR_CONF_DURATION, alert_quiet_ns, 0, 8.64e13, "5m",
		"Alert when an agent has sent nothing for this long; 0: never."),
	KEY("alert", "wait", HR_CONF_DURATION, alert_wait_ns, 0, 8.64e13, "10m",
		"How long it must hold, and be gone by a tenth, before anybody is told; not for a "
		"silent agent."),
	KEY("alert", "remind", HR_CONF_DURATION, alert_remind_ns, 0, 2.6e15, "24h",
		"Tell again what still holds after this time; 0: never."),
	KEY("alert", "silence", HR_CONF_TEXT, alert_silence, 0, 0, "",
		"VMs nobody is told of, such as \"test-*, web-3\". What still holds when one is "
		"taken from the list is told then."),
	KEY("alert", "link", HR_CONF_TEXT, alert_page, 0, 0, "",
		"Address of this collector's page as readers of alerts reach it, for links."),
	KEY("alert", "webhook", HR_CONF_TEXT, alert_webhook, 0, 0, "",
		"URL that gets alerts as JSON by POST. Empty: none."),
	KEY("alert", "webhook_secret_file", HR_CONF_FILE, alert_secret_file, 0, 0, "",
		"File (mode 0600) with the key that signs them: HMAC-SHA256 of time, dot and "
		"body in the header Headroom-Signature."),
	KEY("alert", "alertmanager", HR_CONF_TEXT, alert_manager, 0, 0, "",
		"Base URL of an Alertmanager (API v2), such as http://127.0.0.1:9093. Empty: none; "
		"with Prometheus use the shipped rules instead."),
	KEY("alert", "smtp", HR_CONF_TEXT, alert_smtp, 0, 0, "smtp://127.0.0.1:25",
		"Mail server for alerts by mail; the default is the local one."),
	KEY("alert", "mail_from", HR_CONF_TEXT, alert_mail_from, 0, 0, "headroom@localhost",
		"Sender of mails."),
	KEY("alert", "mail_to", HR_CONF_TEXT, alert_mail_to, 0, 0, "",
		"Receivers of mails, separated by commas. Empty: no mail."),
	KEY("alert", "ca_file", HR_CONF_FILE, alert_ca_file, 0, 0, "",
		"Certificates that may sign the receivers'. Empty: those of the system."),
	KEY("remote_write", "url", HR_CONF_TEXT, remote_url, 0, 0, "",
		"Where answers and measurements are pushed by Prometheus remote write 1.0, such as "
		"https://prometheus.example:9090/api/v1/write. Empty: nowhere; /metrics is there "
		"anyway."),
	KEY("remote_write", "interval", HR_CONF_DURATION, remote_interval_ns, 1e9, 240e9, "60s",
		"Time between two samples of a series. Answers move by minutes; above 4 minutes "
		"Prometheus would take a series for gone between two samples."),
	KEY("remote_write", "hosts", HR_CONF_U64, remote_hosts, 1, 1000000, "10000",
		"Hosts that have series there: the tightest ones. Each has some 60, which cost the "
		"receiver about 4 KB of memory each; a limit, because it pays for them."),
	KEY("remote_write", "labels", HR_CONF_TEXT, remote_labels, 0, 0, "",
		"Labels that every series gets, such as \"cluster=eu-1, team=web\"; at most 8. "
		"Collectors that write to one place and share no database need one that differs."),
	KEY("remote_write", "token_file", HR_CONF_FILE, remote_token_file, 0, 0, "",
		"File (mode 0600) with the bearer token for it. Over plain HTTP only to loopback. "
		"Read at start and at each reload."),
	KEY("remote_write", "ca_file", HR_CONF_FILE, remote_ca_file, 0, 0, "",
		"Certificates that may sign the receiver's. Empty: those of the system."),
	KEY("remote_write", "timeout", HR_CONF_DURATION, remote_timeout_ns, 1e9, 300e9, "30s",
		"How long one request of at most 2000 samples may take; then it is sent again."),
	KEY("remote_write", "queue", HR_CONF_BYTES, remote_queue_bytes, 1048576, 1.1e12, "32M",
		"Memory for requests that wait while the receiver is away; beyond it the oldest "
		"go. "
		"A sample takes some 15 bytes: half an hour of 1000 hosts."),
};

static const struct hr_conf_over hosts = {.section = "host",
	.of = "model",
	.from = offsetof(struct hr_collector_config, model),
	.size = sizeof(struct hr_model_keys),
	.n_at = offsetof(struct hr_collector_config, n_hosts),
	.at = offsetof(struct hr_collector_config, host),
	.stride = sizeof(struct hr_host_keys)};

static const struct hr_conf_table table = {
	keys, sizeof(keys) / sizeof(keys[0]), sizeof(struct hr_collector_config), &hosts};
_Static_assert(sizeof(struct hr_model_keys) / 8 <= HR_CONF_OVER_KEYS, "a bit per key");
_Static_assert(sizeof(struct hr_host_keys) ==
		       sizeof(struct hr_conf_over_head) + sizeof(struct hr_model_keys),
	"the values stand at the end");
_Static_assert(sizeof(keys) / sizeof(keys[0]) <= HR_CONF_KEYS_MAX, "origin text per key");

const struct hr_conf_table *hr_collector_config_table(void)
{
	return &table;
}

void hr_collector_config_model(const struct hr_collector_config *c, struct hr_model_conf *ret_conf)
{
	hr_model_conf_default(ret_conf);
	hr_model_keys_apply(&c->model, ret_conf);
}

struct hr_host_rules hr_collector_config_rules(const struct hr_collector_config *c)
{
	return (struct hr_host_rules){
		.table = &table, .base = &c->model, .host = c->host, .n = (uint32_t)c->n_hosts};
}

/* Of members of 8 bytes, without a gap: a value is another one where its bits are. */
static bool is_same(const void *a, const void *b, size_t n)
{
	return memcmp(a, b, n) == 0;
}

bool hr_collector_config_needs_restart(
	const struct hr_collector_config *a, const struct hr_collector_config *b)
{
	return strcmp(a->listen, b->listen) != 0 || strcmp(a->state, b->state) != 0 ||
	       strcmp(a->database, b->database) != 0 ||
	       strcmp(a->tls_client_ca, b->tls_client_ca) != 0 ||
	       strcmp(a->tls_address, b->tls_address) != 0 ||
	       a->loopback_open != b->loopback_open || a->connect_per_s != b->connect_per_s ||
	       a->metrics_hosts != b->metrics_hosts || strcmp(a->page, b->page) != 0 ||
	       strcmp(a->plots, b->plots) != 0 || a->connections != b->connections ||
	       a->per_address != b->per_address || a->hosts != b->hosts ||
	       a->file_bytes != b->file_bytes || a->cache_bytes != b->cache_bytes ||
	       !is_same(&a->model, &b->model, sizeof(a->model)) || a->n_hosts != b->n_hosts ||
	       !is_same(a->host, b->host, sizeof(a->host)) ||
	       strcmp(a->catalogue, b->catalogue) != 0 || strcmp(a->ladder, b->ladder) != 0;
}

/* A dotted quad of four decimal numbers; its first one in *ret_first. */
static bool quad(const char *s, uint64_t *ret_first)
{
	const char *p = s;

	for (unsigned part = 0; part < 4; part++) {
		char num[4] = "";
		size_t n = strspn(p, "0123456789");
		uint64_t v;

		if (n == 0 || n > 3)
			return false;
		memcpy(num, p, n);
		if (!hr_num_u64(num, 0, 255, &v) || p[n] != (part < 3 ? '.' : '\0'))
			return false;
		if (part == 0)
			*ret_first = v;
		p += n + 1;
	}
	return true;
}

/* @s is "[ADDRESS" or "ADDRESS". */
static bool listen_host(const char *s, struct hr_listen *l, char err[256])
{
	const char *host = l->v6 ? s + 1 : s;
	uint64_t first = 0;
	bool fine = l->v6 ? strchr(host, ':') &&
				    strspn(host, "0123456789abcdefABCDEF:.") == strlen(host)
			  : quad(host, &first);

	if (!fine || strlen(host) >= sizeof(l->host)) {
		snprintf(err, 256,
			"listen '%.100s': expected a numeric address, such as 127.0.0.1, 10.0.0.5, "
			"[::1] or 0.0.0.0 for all",
			host);
		return false;
	}
	if (!(l->v6 ? strcmp(host, "::1") == 0 : first == 127))
		l->tls = true;
	memcpy(l->host, host, strlen(host) + 1);
	return true;
}

/* One entry without spaces around it. */
static bool listen_one(char *s, struct hr_listen *l, char err[256])
{
	static const char tls[] = "tls:";
	bool wants_tls = strncmp(s, tls, sizeof(tls) - 1) == 0;
	char *port;
	uint64_t number;

	if (wants_tls)
		s += sizeof(tls) - 1;
	port = strrchr(s, ':');
	if (!port || port == s || !hr_num_u64(port + 1, 0, 65535, &number)) {
		snprintf(err, 256, "listen '%.100s': expected ADDRESS:PORT", s);
		return false;
	}
	*port = '\0';
	*l = (struct hr_listen){.port = (uint16_t)number, .v6 = s[0] == '[', .tls = wants_tls};
	if (l->v6) {
		if (port[-1] != ']') {
			snprintf(err, 256, "listen '%.100s': expected [ADDRESS]:PORT", s);
			return false;
		}
		port[-1] = '\0';
	}
	return listen_host(s, l, err);
}

unsigned hr_collector_listen(const char *text, struct hr_listen ret[HR_LISTEN_MAX], char err[256])
{
	unsigned n = 0;

	for (const char *p = text;;) {
		char one[HR_LISTEN_LEN];
		size_t len;

		p += strspn(p, " ");
		len = strcspn(p, ",");
		if (len >= sizeof(one) || n == HR_LISTEN_MAX) {
			snprintf(err, 256, "listen: at most %d addresses", HR_LISTEN_MAX);
			return 0;
		}
		memcpy(one, p, len);
		while (len > 0 && one[len - 1] == ' ')
			len--;
		one[len] = '\0';
		if (!listen_one(one, &ret[n], err))
			return 0;
		ret[n].optional = ret[n].v6 && strcmp(text, DEFAULT_LISTEN) == 0;
		n++;
		p += strcspn(p, ",");
		if (*p == '\0')
			return n;
		p++;
	}
}
