// SPDX-License-Identifier: Apache-2.0
/*
 * A family at a time, as both formats demand.  They differ in three things here:
 * OpenMetrics names a counter's family without _total, an info's without _info, and
 * ends with "# EOF".
 */
#include "collector/core/render_metrics.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP  16384
#define S_PER_DAY  86400
#define NUMBER_LEN 32
#define LABEL_LEN  (2 * (HR_NAME_LEN + 2 * HR_HOST_ID_LEN + 2)) /* every byte escaped */

struct text {
	char *buf;
	size_t len, cap;
	bool failed;
	bool openmetrics;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *t, const char *fmt, ...)
{
	va_list ap;
	size_t room;
	int n;

	while (!t->failed) {
		room = t->cap - t->len;
		va_start(ap, fmt);
		n = vsnprintf(t->buf + t->len, room, fmt, ap);
		va_end(ap);
		if (n < 0) {
			t->failed = true;
		} else if ((size_t)n < room) {
			t->len += (size_t)n;
			return;
		} else {
			char *p = realloc(t->buf, 2 * t->cap);

			t->failed = p == NULL;
			t->buf = p ? p : t->buf;
			t->cap = p ? 2 * t->cap : t->cap;
		}
	}
}

enum kind {
	GAUGE,
	COUNTER,
	INFO,
};

static void family(struct text *t, const char *name, enum kind kind, const char *help)
{
	static const char *const types[] = {
		[GAUGE] = "gauge", [COUNTER] = "counter", [INFO] = "info"};
	size_t cut = strlen(name);

	if (t->openmetrics && kind != GAUGE)
		cut -= kind == COUNTER ? strlen("_total") : strlen("_info");
	say(t, "# HELP %.*s %s\n# TYPE %.*s %s\n", (int)cut, name, help, (int)cut, name,
		kind == INFO && !t->openmetrics ? "gauge" : types[kind]);
}

/* Backslash, quote and newline, as both formats want it; cut at @cap. */
static const char *escape(const char *s, char *to, size_t cap)
{
	size_t n = 0;

	for (; *s && n + 3 < cap; s++) {
		if (*s == '\\' || *s == '"' || *s == '\n')
			to[n++] = '\\';
		to[n++] = *s == '\n' ? 'n' : *s;
	}
	to[n] = '\0';
	return to;
}

/* 15 digits, which every double keeps; whole numbers up to 2^53 stay whole. */
static const char *number(double v, char to[NUMBER_LEN])
{
	(void)snprintf(to, NUMBER_LEN,
		fabs(v) < 9007199254740992.0 && floor(v) == v ? "%.0f" : "%.15g", v);
	return to;
}

/* --- hosts --- */

struct host {
	struct text *t;
	const struct hr_answer *a;
	uint64_t heard_ms;
	char label[LABEL_LEN];
};

static int by_name(const void *a, const void *b)
{
	const struct hr_answer *x = ((const struct hr_metrics_host *)a)->answer;
	const struct hr_answer *y = ((const struct hr_metrics_host *)b)->answer;
	int c = strcmp(x->host, y->host);

	return c != 0 ? c : strcmp(x->host_id, y->host_id);
}

static bool same_name(const struct hr_metrics *m, size_t i, size_t k)
{
	return strcmp(m->host[i].answer->host, m->host[k].answer->host) == 0;
}

static void host_at(const struct hr_metrics *m, size_t i, struct text *t, struct host *h)
{
	const struct hr_answer *a = m->host[i].answer;
	bool twin =
		(i > 0 && same_name(m, i, i - 1)) || (i + 1 < m->n_hosts && same_name(m, i, i + 1));
	char name[HR_NAME_LEN + 2 * HR_HOST_ID_LEN + 2];

	*h = (struct host){.t = t, .a = a, .heard_ms = m->host[i].heard_ms};
	(void)snprintf(name, sizeof(name), twin ? "%s@%s" : "%s", a->host, a->host_id);
	(void)escape(name, h->label, sizeof(h->label));
}

/* One sample, when there is a number; @more: further labels, each begun with a comma. */
static void sample(const struct host *h, const char *name, const char *more, const struct hr_opt *v)
{
	char n[NUMBER_LEN];

	if (v->has && isfinite(v->v))
		say(h->t, "%s{host=\"%s\"%s} %s\n", name, h->label, more, number(v->v, n));
}

static void ratio_of(const struct host *h, enum hr_resource resource, const char *device,
	const struct hr_bounds *b)
{
	const struct {
		const char *bound;
		const struct hr_opt *v;
	} bounds[] = {{"at_least", &b->at_least}, {"likely", &b->likely}, {"at_most", &b->at_most}};
	char dev[2 * HR_NAME_LEN], more[3 * HR_NAME_LEN];

	if (!b->has)
		return;
	(void)escape(device, dev, sizeof(dev));
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		(void)snprintf(more, sizeof(more), ",resource=\"%s\",device=\"%s\",bound=\"%s\"",
			resource == HR_RES_NONE ? "vm" : hr_resource_name(resource), dev,
			bounds[i].bound);
		sample(h, "headroom_ratio", more, bounds[i].v);
	}
}

static void ratio(const struct host *h)
{
	ratio_of(h, HR_RES_NONE, "", &h->a->headroom);
	for (unsigned i = 0; i < h->a->n_res; i++)
		ratio_of(h, h->a->res[i].resource, h->a->res[i].device, &h->a->res[i].headroom);
}

static void answer_info(const struct host *h)
{
	const struct hr_answer *a = h->a;
	const struct hr_opt one = {true, 1};
	char dev[2 * HR_NAME_LEN], more[5 * HR_NAME_LEN];

	(void)snprintf(more, sizeof(more),
		",host_id=\"%s\",answer=\"%s\",reason=\"%s\",binding=\"%s\",device=\"%s\"",
		a->host_id, hr_answer_kind_name(a->kind), hr_reason_name(a->reason),
		hr_resource_name(a->binding.resource), escape(a->binding.device, dev, sizeof(dev)));
	sample(h, "headroom_answer_info", more, &one);
}

/* Per resource, so that a disk that fills hides no trend of the CPU; devices have a label more. */
static void time_left(const struct host *h)
{
	char dev[2 * HR_NAME_LEN], more[4 * HR_NAME_LEN];

	for (unsigned i = 0; i < h->a->n_res; i++) {
		const struct hr_res_answer *r = &h->a->res[i];
		const struct {
			const char *bound;
			const struct hr_opt *days;
		} bounds[] = {{"at_least", &r->days_left.at_least},
			{"likely", &r->days_left.likely}, {"at_most", &r->days_left.at_most}};

		(void)escape(r->device, dev, sizeof(dev));
		for (size_t b = 0; r->days_left.has && b < sizeof(bounds) / sizeof(bounds[0]);
			b++) {
			const struct hr_opt s = {
				bounds[b].days->has, bounds[b].days->v * S_PER_DAY};

			(void)snprintf(more, sizeof(more), ",resource=\"%s\"%s%s%s,bound=\"%s\"",
				hr_resource_name(r->resource), dev[0] ? ",device=\"" : "", dev,
				dev[0] ? "\"" : "", bounds[b].bound);
			sample(h, "headroom_time_left_seconds", more, &s);
		}
	}
}

static void answer_time(const struct host *h)
{
	const struct hr_opt s = {h->a->at_ms > 0, (double)h->a->at_ms / 1000};

	sample(h, "headroom_answer_timestamp_seconds", "", &s);
}

static void covered(const struct host *h)
{
	const struct hr_opt v = {h->a->window.seconds > 0, h->a->window.covered};

	sample(h, "headroom_window_covered_ratio", "", &v);
}

static void heard(const struct host *h)
{
	const struct hr_opt s = {h->heard_ms > 0, (double)h->heard_ms / 1000};

	sample(h, "headroom_agent_heard_timestamp_seconds", "", &s);
}

static void agent_cpu(const struct host *h)
{
	sample(h, "headroom_agent_cpu_ratio", "", &h->a->cost.cpu_ratio);
}

static void agent_rss(const struct host *h)
{
	sample(h, "headroom_agent_rss_bytes", "", &h->a->cost.rss_bytes);
}

static void agent_maps(const struct host *h)
{
	sample(h, "headroom_agent_map_bytes", "", &h->a->cost.map_bytes);
}

static void agent_event(const struct host *h)
{
	const struct hr_opt s = {h->a->cost.ns_per_event.has, h->a->cost.ns_per_event.v / 1e9};

	sample(h, "headroom_agent_event_seconds", "", &s);
}

static void agent_shed(const struct host *h)
{
	char more[HR_NAME_LEN];

	for (unsigned i = 0; i < HR_SHED_N; i++) {
		const struct hr_opt v = {true, h->a->cost.shed >> i & 1};

		(void)snprintf(more, sizeof(more), ",part=\"%s\"", hr_shed_name((enum hr_shed)i));
		sample(h, "headroom_agent_shed", more, &v);
	}
}

static void hosts(const struct hr_metrics *m, struct text *t)
{
	static const struct {
		const char *name;
		enum kind kind;
		void (*fn)(const struct host *h);
		const char *help;
	} families[] = {
		{"headroom_ratio", GAUGE, ratio,
			"Factor by which the load can grow before the service level breaks."},
		{"headroom_answer_info", INFO, answer_info,
			"The answer: is vertical scaling headroom left?"},
		{"headroom_time_left_seconds", GAUGE, time_left,
			"Time until the headroom is used up, as forecast."},
		{"headroom_answer_timestamp_seconds", GAUGE, answer_time,
			"When the answer was made."},
		{"headroom_window_covered_ratio", GAUGE, covered,
			"Share of the answer's window that has data."},
		{"headroom_agent_heard_timestamp_seconds", GAUGE, heard,
			"When the agent last sent something new."},
		{"headroom_agent_cpu_ratio", GAUGE, agent_cpu,
			"CPU used by the agent and its hooks, of one CPU."},
		{"headroom_agent_rss_bytes", GAUGE, agent_rss, "Memory of the agent."},
		{"headroom_agent_map_bytes", GAUGE, agent_maps, "Memory of the agent's BPF maps."},
		{"headroom_agent_event_seconds", GAUGE, agent_event,
			"Mean run time of the agent's hooks per event."},
		{"headroom_agent_shed", GAUGE, agent_shed,
			"1: the agent gave this part up to stay within its budget."},
	};
	struct host h;

	for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++) {
		family(t, families[f].name, families[f].kind, families[f].help);
		for (size_t i = 0; i < m->n_hosts; i++) {
			host_at(m, i, t, &h);
			families[f].fn(&h);
		}
	}
}

static void fleet(const struct hr_metrics *m, struct text *t)
{
	size_t n[HR_ANSWER_N] = {0};

	for (size_t i = 0; !m->by_answer && i < m->n_hosts; i++) {
		if (m->host[i].answer->kind < HR_ANSWER_N)
			n[m->host[i].answer->kind]++;
	}
	for (unsigned k = 0; m->by_answer && k < HR_ANSWER_N; k++)
		n[k] = m->by_answer[k];
	family(t, "headroom_fleet_hosts", GAUGE, "Hosts by answer.");
	for (enum hr_answer_kind k = 0; k < HR_ANSWER_N; k++)
		say(t, "headroom_fleet_hosts{answer=\"%s\"} %zu\n", hr_answer_kind_name(k), n[k]);
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n >= k && strcmp(s + n - k, end) == 0;
}

static void own(const struct hr_metrics *m, struct text *t)
{
	char name[128], value[LABEL_LEN], n[NUMBER_LEN];

	for (size_t i = 0; i < m->n_own; i++) {
		const struct hr_metrics_own *o = &m->own[i];

		(void)snprintf(name, sizeof(name), "headroom_collector_%s", o->name);
		if (i == 0 || strcmp(o->name, m->own[i - 1].name) != 0)
			family(t, name,
				ends_with(name, "_total")  ? COUNTER
				: ends_with(name, "_info") ? INFO
							   : GAUGE,
				o->help);
		say(t, "%s", name);
		if (o->key)
			say(t, "{%s=\"%s\"}", o->key, escape(o->value, value, sizeof(value)));
		say(t, " %s\n", number(o->v, n));
	}
}

char *hr_render_metrics(const struct hr_metrics *m, size_t *ret_len)
{
	struct text t = {.buf = malloc(FIRST_CAP), .cap = FIRST_CAP, .openmetrics = m->openmetrics};

	if (!t.buf)
		return NULL;
	if (m->n_hosts > 1)
		qsort(m->host, m->n_hosts, sizeof(*m->host), by_name);
	fleet(m, &t);
	hosts(m, &t);
	own(m, &t);
	if (m->openmetrics)
		say(&t, "# EOF\n");
	if (t.failed) {
		free(t.buf);
		return NULL;
	}
	*ret_len = t.len;
	return t.buf;
}
