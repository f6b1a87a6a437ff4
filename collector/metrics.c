// SPDX-License-Identifier: Apache-2.0
/*
 * GET /metrics: counters and answers gathered for core/render_metrics.c, by the scribe: the answers
 * of 2000 hosts take some 50 ms, in which an HTTP thread would acknowledge nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "collector/metrics.h"
#include "collector/serve_private.h"
#include "proto/base/clock.h"

/*
 * Each is made for its request and kept until it is sent: 3 MB of 2000 hosts, whoever reads slowly.
 * Prometheus asks once at a time.
 */
#define DOCUMENTS_MAX 16

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

static void add_steps(struct hr_metrics_gathered *g, struct hr_counters *c)
{
	static const char *const name[] = {
#define X(id, text) [HR_STEP_##id] = (text),
		HR_STEPS(X)
#undef X
	};

	for (unsigned i = 0; i < HR_STEP_N; i++)
		add(g, (struct hr_metrics_own){.name = "upkeep_longest_seconds",
			       .help = "Longest step of the writer's upkeep, which commits wait "
				       "for.",
			       .key = "step",
			       .value = name[i],
			       .v = (double)atomic_load(&c->stall_us[i]) / 1e6});
}

static void add_gauges(struct hr_metrics_gathered *g, struct hr_counters *c, bool accepting)
{
	const struct hr_metrics_own gauges[] = {
		{.name = "rows_beside_total",
			.help = "Windows stored beside another one of the same slot and host "
				"(PostgreSQL).",
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
	add_steps(g, c);
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

static int by_rank(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Ranks by name of the @n tightest, ascending; the caller's to free, NULL: out of memory. */
static uint32_t *tightest(const struct hr_snapshot *snap, uint32_t n)
{
	uint32_t *rank = malloc((n + 1) * sizeof(*rank));
	uint64_t *key = malloc((snap->n + 1) * sizeof(*key));

	if (rank && key && n > 0) {
		memcpy(key, snap->key[HR_FLEET_BY_HEADROOM], snap->n * sizeof(*key));
		hr_fleet_select(key, snap->n, 0, n);
		for (uint32_t i = 0; i < n; i++)
			rank[i] = (uint32_t)key[i];
		qsort(rank, n, sizeof(*rank), by_rank);
	}
	if (!key) {
		free(rank);
		rank = NULL;
	}
	free(key);
	return rank;
}

static const struct hr_view *view_at(const struct hr_snapshot *snap, uint32_t rank)
{
	return snap->view[snap->by_name[rank]];
}

static bool same_name(const struct hr_snapshot *snap, uint32_t a, uint32_t b)
{
	return strcmp(view_at(snap, a)->row.name, view_at(snap, b)->row.name) == 0;
}

static bool put_hosts(struct hr_metrics_text *t, const struct hr_snapshot *snap, uint32_t n)
{
	struct hr_answer *a = malloc(sizeof(*a));
	uint32_t *rank = tightest(snap, n);
	bool fine = a && rank;

	for (uint32_t i = 0; i < n && fine; i++) {
		const struct hr_view *v = view_at(snap, rank[i]);
		bool twin = (rank[i] > 0 && same_name(snap, rank[i], rank[i] - 1)) ||
			    (rank[i] + 1 < snap->n && same_name(snap, rank[i], rank[i] + 1));

		fine = hr_view_answer_into(v, a);
		if (fine)
			hr_metrics_host(t, a, v->row.heard_ms, twin);
	}
	free(rank);
	free(a);
	return fine;
}

enum MHD_Result hr_metrics_get(struct hr_request *r)
{
	static const struct hr_refusal stopping = {
		503, "stopping", "The collector is stopping.", 5};
	static const struct hr_refusal busy = {
		503, "busy", "Too many read /metrics at once; come again.", 5};
	const char *accept = MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, "Accept");

	r->document = true;
	if (atomic_fetch_add(&r->door->serve->documents, 1) >= DOCUMENTS_MAX)
		return hr_reply_problem(r, &busy);
	r->u.ask.openmetrics = accept && strstr(accept, "application/openmetrics-text");
	return hr_serve_hold(r, HR_WORK_METRICS) ? MHD_YES : hr_reply_problem(r, &stopping);
}

void hr_metrics_make(struct hr_request *r)
{
	struct hr_serve *s = r->door->serve;
	struct hr_metrics_text *t = hr_metrics_begin(r->u.ask.openmetrics);
	struct hr_snapshot *snap = hr_board_get(s->board);
	uint32_t n = snap->n < s->conf.metrics_hosts ? snap->n : s->conf.metrics_hosts;
	struct hr_metrics m = {.by_answer = snap->fleet.by_kind};
	bool fine = t && put_hosts(t, snap, n);
	struct hr_metrics_gathered g;

	hr_metrics_gather(&g, s->count, hr_writer_state(s->writer) == HR_WRITER_OK);
	add(&g, (struct hr_metrics_own){.name = "hosts_without_series",
			.help = "Hosts beyond [limits] metrics_hosts: headroom_fleet_hosts has "
				"them.",
			.v = (double)(snap->n - n)});
	m.own = g.own;
	m.n_own = g.n;
	r->u.ask.text = hr_metrics_end(t, &m, &r->u.ask.len);
	hr_snapshot_unref(snap);
	if (fine)
		return;
	free(r->u.ask.text);
	r->u.ask.text = NULL; /* a scrape that fails, rather than hosts that are missing */
}

enum MHD_Result hr_metrics_reply(struct hr_request *r, char *text)
{
	return hr_reply_text(r, 200,
		r->u.ask.openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
				     : "text/plain; version=0.0.4; charset=utf-8",
		text, r->u.ask.len);
}
