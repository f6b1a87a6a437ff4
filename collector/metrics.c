// SPDX-License-Identifier: Apache-2.0
/* GET /metrics: counters and answers gathered for core/render_metrics.c; see metrics.h. */
#include <stdlib.h>
#include <string.h>

#include "collector/metrics.h"
#include "collector/serve_private.h"
#include "proto/base/clock.h"

static void add(struct hr_metrics_gathered *g, struct hr_metrics_own o)
{
	g->own[g->n++] = o;
}

static void add_counters(struct hr_metrics_gathered *g, struct hr_counters *c)
{
	static const struct {
		const char *name, *label, *help;
	} table[HR_COUNT_N] = {
#define X(id, metric, label, help) {metric, label, help},
		HR_COUNTERS(X)
#undef X
	};
	const char *name;

	for (size_t i = 0; i < HR_COUNT_N; i++) {
		double v = (double)atomic_load(&c->v[i]);

		add(g, (struct hr_metrics_own){.name = table[i].name,
			       .help = table[i].help,
			       .key = table[i].label[0] ? "reason" : NULL,
			       .value = table[i].label,
			       .v = i == HR_COUNT_COMMIT_US ? v / 1e6 : v});
	}
	/* the table ends with the family that the decoder's reasons belong to */
	for (enum hr_wire_error e = HR_WIRE_OK + 1; e < HR_WIRE_ERROR_N; e++)
		add(g, (struct hr_metrics_own){.name = table[HR_COUNT_N - 1].name,
			       .key = "reason",
			       .value = hr_wire_error_name(e),
			       .v = (double)atomic_load(&c->wire[e])});
	for (size_t i = 0; i < HR_HTTP_REASONS_MAX && (name = hr_http_reason(i)); i++)
		add(g, (struct hr_metrics_own){.name = "requests_refused_total",
			       .help = "Requests refused for their headers, by reason.",
			       .key = "reason",
			       .value = name,
			       .v = (double)atomic_load(&c->http[i])});
}

static void add_gauges(struct hr_metrics_gathered *g, struct hr_counters *c, bool accepting)
{
	const struct hr_metrics_own gauges[] = {
		{.name = "rows_beside_total",
			.help = "Windows stored beside another one of the same slot and host.",
			.v = (double)atomic_load(&c->collisions)},
		{.name = "cpu_seconds_total",
			.help = "CPU time of the collector.",
			.v = (double)hr_clock_cpu_us() / 1e6},
		{.name = "hosts", .help = "Hosts known.", .v = (double)atomic_load(&c->hosts)},
		{.name = "model_bytes",
			.help = "Memory of the hosts' models.",
			.v = (double)atomic_load(&c->vm_bytes)},
		{.name = "journal_rows",
			.help = "Windows that a restart would replay.",
			.v = (double)atomic_load(&c->journal)},
		{.name = "database_bytes",
			.help = "Size of the database file.",
			.v = (double)atomic_load(&c->file_bytes)},
		{.name = "wal_bytes",
			.help = "Size of the database's write-ahead log.",
			.v = (double)atomic_load(&c->wal_bytes)},
		{.name = "quarantined_rows",
			.help = "Stored windows set aside because they cannot be read.",
			.v = (double)atomic_load(&c->quarantined)},
		{.name = "upkeep_longest_seconds",
			.help = "Longest transaction of roll-up or expiry, which commits wait for.",
			.v = (double)atomic_load(&c->stall_us) / 1e6},
		{.name = "inflight_bytes",
			.help = "Request bodies in memory.",
			.v = (double)atomic_load(&c->inflight_bytes)},
		{.name = "connections",
			.help = "Open connections.",
			.v = (double)atomic_load(&c->connections)},
		{.name = "accepting",
			.help = "1 while windows are taken, 0 while they are refused.",
			.v = accepting},
		{.name = "remote_write_queue_bytes",
			.help = "Requests that wait for the receiver of remote write.",
			.v = (double)atomic_load(&c->remote_bytes)},
		{.name = "build_info",
			.help = "The version that runs.",
			.key = "version",
			.value = HR_VERSION,
			.v = 1},
	};

	for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++)
		add(g, gauges[i]);
	if (atomic_load(&c->remote_ok_ms) > 0)
		add(g, (struct hr_metrics_own){.name = "remote_write_success_timestamp_seconds",
			       .help = "When the receiver last took a request.",
			       .v = (double)atomic_load(&c->remote_ok_ms) / 1000});
}

void hr_metrics_gather(struct hr_metrics_gathered *g, struct hr_counters *c, bool accepting)
{
	g->n = 0;
	add_counters(g, c);
	add_gauges(g, c, accepting);
}

static void free_hosts(struct hr_metrics_host *h, uint32_t n)
{
	for (uint32_t i = 0; h && i < n; i++)
		free((void *)h[i].answer);
	free(h);
}

/* Of a large fleet the @n tightest, in no order: @keys lies as hr_fleet_select leaves it. */
static struct hr_metrics_host *hosts_of(const struct hr_snapshot *snap, uint32_t n)
{
	struct hr_metrics_host *h = calloc(n + 1, sizeof(*h));
	uint64_t *key = malloc((snap->n + 1) * sizeof(*key));
	uint32_t i = 0;

	if (h && key && snap->n > 0) {
		memcpy(key, snap->key[HR_FLEET_BY_HEADROOM], snap->n * sizeof(*key));
		hr_fleet_select(key, snap->n, 0, n);
	}
	for (; h && key && i < n; i++) {
		const struct hr_view *v = snap->view[snap->by_name[(uint32_t)key[i]]];

		h[i].answer = hr_view_answer(v);
		h[i].heard_ms = v->row.heard_ms;
		if (!h[i].answer)
			break;
	}
	free(key);
	if (!h || i == n)
		return h;
	free_hosts(h, i);
	return NULL;
}

enum MHD_Result hr_metrics_get(struct hr_request *r)
{
	struct hr_serve *s = r->door->serve;
	const char *accept = MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, "Accept");
	bool openmetrics = accept && strstr(accept, "application/openmetrics-text");
	struct hr_snapshot *snap = hr_board_get(s->board);
	uint32_t n = snap->n < s->conf.metrics_hosts ? snap->n : s->conf.metrics_hosts;
	struct hr_metrics_host *hosts = hosts_of(snap, n);
	struct hr_metrics m = {.host = hosts,
		.n_hosts = n,
		.by_answer = snap->fleet.by_kind,
		.openmetrics = openmetrics};
	struct hr_metrics_gathered g;
	char *text = NULL;
	size_t len = 0;

	hr_metrics_gather(&g, s->count, hr_writer_state(s->writer) == HR_WRITER_OK);
	add(&g, (struct hr_metrics_own){.name = "hosts_without_series",
			.help = "Hosts beyond [limits] metrics_hosts: headroom_fleet_hosts has "
				"them.",
			.v = (double)(snap->n - n)});
	m.own = g.own;
	m.n_own = g.n;
	if (m.host)
		text = hr_render_metrics(&m, &len);
	free_hosts(hosts, n);
	hr_snapshot_unref(snap);
	return hr_reply_text(r, 200,
		openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
			    : "text/plain; version=0.0.4; charset=utf-8",
		text, len);
}
