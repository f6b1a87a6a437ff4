// SPDX-License-Identifier: Apache-2.0
/*
 * A family at a time, as both formats demand.  They differ in three things here:
 * OpenMetrics names a counter's family without _total, an info's without _info, and
 * ends with "# EOF".
 */
#include "collector/core/render_metrics.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/core/series.h"

#define FIRST_CAP    4096
#define FAMILIES_MAX 32
#define NUMBER_LEN   32
#define LINE_LEN     1024                     /* head of a family: two names and its help */
#define LABEL_LEN    (2 * HR_SERIES_HOST_LEN) /* every byte escaped */

struct text {
	char *buf;
	size_t len, cap;
	bool failed;
};

struct hr_metrics_text {
	struct text all, family[FAMILIES_MAX]; /* of samples of hosts */
	size_t kinds[HR_ANSWER_N];             /* hosts given, by answer */
	bool openmetrics;
};

static bool room(struct text *t, size_t n)
{
	size_t cap = t->cap ? t->cap : FIRST_CAP;
	char *p;

	if (t->failed || t->len + n < t->cap)
		return !t->failed;
	while (t->len + n >= cap)
		cap *= 2;
	p = realloc(t->buf, cap);
	t->failed = p == NULL;
	if (p) {
		t->buf = p;
		t->cap = cap;
	}
	return p != NULL;
}

static void put_n(struct text *t, const char *s, size_t n)
{
	if (!room(t, n))
		return;
	memcpy(t->buf + t->len, s, n);
	t->len += n;
}

/* Samples are put together from pieces: a format took half of the time of a scrape. */
static void put(struct text *t, const char *s)
{
	put_n(t, s, strlen(s));
}

__attribute__((format(printf, 2, 3))) static void say(struct text *t, const char *fmt, ...)
{
	char line[LINE_LEN];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n > 0)
		put_n(t, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

enum kind {
	GAUGE,
	COUNTER,
	INFO,
};

static void family(struct hr_metrics_text *m, const char *name, enum kind kind, const char *help)
{
	static const char *const types[] = {
		[GAUGE] = "gauge", [COUNTER] = "counter", [INFO] = "info"};
	size_t cut = strlen(name);

	if (m->openmetrics && kind != GAUGE)
		cut -= kind == COUNTER ? strlen("_total") : strlen("_info");
	say(&m->all, "# HELP %.*s %s\n# TYPE %.*s %s\n", (int)cut, name, help, (int)cut, name,
		kind == INFO && !m->openmetrics ? "gauge" : types[kind]);
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
	char *p = to + NUMBER_LEN - 1;

	if (v >= 0 && v < 9007199254740992.0 && floor(v) == v) {
		uint64_t n = (uint64_t)v;

		for (*p = '\0'; n > 0 || *p == '\0'; n /= 10)
			*--p = (char)('0' + n % 10);
		return p;
	}
	(void)snprintf(to, NUMBER_LEN, "%.15g", v);
	return to;
}

/* --- hosts --- */

static void sample(void *arg, const struct hr_series *s)
{
	struct text *t = arg;
	char value[LABEL_LEN], n[NUMBER_LEN];

	put(t, s->name);
	for (unsigned i = 0; i < s->n; i++) {
		put(t, i > 0 ? "," : "{");
		put(t, s->label[i].key);
		put(t, "=\"");
		put(t, escape(s->label[i].value, value, sizeof(value)));
		put(t, "\"");
	}
	put(t, "} ");
	put(t, number(s->v, n));
	put(t, "\n");
}

void hr_metrics_host(
	struct hr_metrics_text *t, const struct hr_answer *a, uint64_t heard_ms, bool twin)
{
	char label[HR_SERIES_HOST_LEN];
	const struct hr_series_host h = {label, a, heard_ms};
	size_t n;
	const struct hr_series_family *f = hr_series_families(&n);

	assert(n <= FAMILIES_MAX);
	hr_series_host_label(a->host, a->host_id, twin, label);
	for (size_t k = 0; k < n; k++) {
		if (f[k].kind != HR_SERIES_MEASURED)
			f[k].each(&f[k], &h, sample, &t->family[k]);
	}
	if (a->kind < HR_ANSWER_N)
		t->kinds[a->kind]++;
}

static void hosts(struct hr_metrics_text *m)
{
	size_t n;
	const struct hr_series_family *f = hr_series_families(&n);

	for (size_t k = 0; k < n; k++) {
		struct text *t = &m->family[k];

		if (f[k].kind == HR_SERIES_MEASURED)
			continue;
		family(m, f[k].name, f[k].kind == HR_SERIES_INFO ? INFO : GAUGE, f[k].help);
		m->all.failed |= t->failed;
		if (t->len > 0)
			put_n(&m->all, t->buf, t->len);
		free(t->buf); /* before the whole grows by the next one */
		*t = (struct text){0};
	}
}

static void fleet(const struct hr_metrics *m, struct hr_metrics_text *t)
{
	family(t, "headroom_fleet_hosts", GAUGE, "Hosts by answer.");
	for (enum hr_answer_kind k = 0; k < HR_ANSWER_N; k++)
		say(&t->all, "headroom_fleet_hosts{answer=\"%s\"} %zu\n", hr_answer_kind_name(k),
			m->by_answer ? (size_t)m->by_answer[k] : t->kinds[k]);
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n >= k && strcmp(s + n - k, end) == 0;
}

static void own(const struct hr_metrics *m, struct hr_metrics_text *t)
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
		put(&t->all, name);
		if (o->key)
			say(&t->all, "{%s=\"%s\"}", o->key, escape(o->value, value, sizeof(value)));
		say(&t->all, " %s\n", number(o->v, n));
	}
}

struct hr_metrics_text *hr_metrics_begin(bool openmetrics)
{
	struct hr_metrics_text *t = calloc(1, sizeof(*t));

	if (t)
		t->openmetrics = openmetrics;
	return t;
}

char *hr_metrics_end(struct hr_metrics_text *t, const struct hr_metrics *m, size_t *ret_len)
{
	char *text;

	if (!t)
		return NULL;
	fleet(m, t);
	hosts(t);
	own(m, t);
	if (t->openmetrics)
		put(&t->all, "# EOF\n");
	text = t->all.buf;
	*ret_len = t->all.len;
	if (t->all.failed || !room(&t->all, 0)) {
		free(text);
		text = NULL;
	} else {
		text[t->all.len] = '\0';
	}
	free(t);
	return text;
}
