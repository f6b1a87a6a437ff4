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

#include "collector/core/series.h"

#define FIRST_CAP  16384
#define NUMBER_LEN 32
#define LABEL_LEN  (2 * HR_SERIES_HOST_LEN) /* every byte escaped */

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

static void host_label(const struct hr_metrics *m, size_t i, char to[HR_SERIES_HOST_LEN])
{
	const struct hr_answer *a = m->host[i].answer;
	bool twin =
		(i > 0 && same_name(m, i, i - 1)) || (i + 1 < m->n_hosts && same_name(m, i, i + 1));

	hr_series_host_label(a->host, a->host_id, twin, to);
}

static void sample(void *arg, const struct hr_series *s)
{
	struct text *t = arg;
	char value[LABEL_LEN], n[NUMBER_LEN];

	say(t, "%s{", s->name);
	for (unsigned i = 0; i < s->n; i++)
		say(t, "%s%s=\"%s\"", i > 0 ? "," : "", s->label[i].key,
			escape(s->label[i].value, value, sizeof(value)));
	say(t, "} %s\n", number(s->v, n));
}

static void hosts(const struct hr_metrics *m, struct text *t)
{
	size_t n;
	const struct hr_series_family *f = hr_series_families(&n);
	char label[HR_SERIES_HOST_LEN];

	for (size_t k = 0; k < n; k++) {
		if (f[k].kind == HR_SERIES_MEASURED)
			continue;
		family(t, f[k].name, f[k].kind == HR_SERIES_INFO ? INFO : GAUGE, f[k].help);
		for (size_t i = 0; i < m->n_hosts; i++) {
			host_label(m, i, label);
			f[k].each(&f[k],
				&(struct hr_series_host){
					label, m->host[i].answer, m->host[i].heard_ms},
				sample, t);
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

		(void)snprintf(name, sizeof(name), HR_METRICS_OWN "%s", o->name);
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
