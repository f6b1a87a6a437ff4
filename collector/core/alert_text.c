// SPDX-License-Identifier: Apache-2.0
/* Alerts as JSON and as mail; see alert_text.h. */
#include "collector/core/alert_text.h"

#include <stdio.h>
#include <string.h>

#include "collector/core/json_util.h"
#include "proto/text.h"

#define FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(6))

static json_t *word(const char *s)
{
	char clean[HR_TEXT_LEN];

	hr_text_clean(s, clean, sizeof(clean));
	return json_string(clean);
}

/* One line: what is the case and where. */
static void summary(const struct hr_alert_note *n, char *to, size_t cap)
{
	const struct hr_fleet_row *r = n->row;

	switch (n->rule) {
	case HR_ALERT_LOW:
		(void)snprintf(to, cap, "%s carries at least %.2fx of its load, binding: %s%s%s",
			r->name, r->headroom.at_least.has ? r->headroom.at_least.v : 0,
			hr_resource_name(r->binding), r->device[0] ? " " : "", r->device);
		break;
	case HR_ALERT_ENDS:
		(void)snprintf(to, cap, "%s: headroom ends in %.0f days or later", r->name,
			r->has_days && r->days_at_least.has ? r->days_at_least.v : 0);
		break;
	default:
		(void)snprintf(to, cap, "%s: its agent is silent", r->name);
	}
}

/* What to do.  The last answer of a VM that is silent has no advice about its silence. */
static const char *advice_of(const struct hr_alert_note *n)
{
	return n->rule == HR_ALERT_LOW || n->rule == HR_ALERT_ENDS
		       ? n->advice
		       : "Is the VM up? On it: systemctl status headroom-agent, and its log says "
			 "what "
			 "it cannot reach. Gone for good: headroom hosts forget.";
}

static json_t *annotations(const struct hr_alert_note *n)
{
	const struct hr_fleet_row *r = n->row;
	char text[HR_TEXT_LEN], k[32];
	json_t *o = json_object();

	summary(n, text, sizeof(text));
	json_object_set_new(o, "summary", word(text));
	json_object_set_new(o, "description", word(n->sentence));
	json_object_set_new(o, "advice", word(advice_of(n)));
	json_object_set_new(o, "answer", json_string(hr_answer_kind_name(r->kind)));
	json_object_set_new(o, "reason", json_string(hr_reason_name(r->reason)));
	json_object_set_new(o, "binding", json_string(hr_resource_name(r->binding)));
	if (r->headroom.has && r->headroom.at_least.has) {
		/* annotations are text in Alertmanager's API */
		(void)snprintf(k, sizeof(k), "%.3g", r->headroom.at_least.v);
		json_object_set_new(o, "at_least", json_string(k));
	}
	return o;
}

/* Only this and our own names: the host's name is a label, never part of the address. */
static json_t *link_of(const char *page, const struct hr_fleet_row *r)
{
	char text[512];
	size_t n = strlen(page);

	(void)snprintf(text, sizeof(text), "%s%s?host=%s", page, n && page[n - 1] == '/' ? "" : "/",
		r->id);
	return json_string(text);
}

static json_t *alert(const struct hr_alert_note *n, uint64_t now_ms, const char *page)
{
	json_t *o = json_object(), *labels = json_object();
	bool over = n->event == HR_ALERT_RESOLVED;

	json_object_set_new(labels, "alertname", json_string(hr_alert_rule_name(n->rule)));
	json_object_set_new(labels, "host", word(n->row->name));
	json_object_set_new(labels, "host_id", json_string(n->row->id));
	json_object_set_new(labels, "severity", json_string("warning"));
	json_object_set_new(labels, "job", json_string("headroom"));
	json_object_set_new(o, "labels", labels);
	json_object_set_new(o, "annotations", annotations(n));
	json_object_set_new(o, "startsAt", hr_json_time(n->fired_ms));
	json_object_set_new(o, "endsAt", hr_json_time(over ? now_ms : now_ms + HR_ALERT_END_MS));
	if (page[0])
		json_object_set_new(o, "generatorURL", link_of(page, n->row));
	return o;
}

static char *done(json_t *o)
{
	char *text = o ? json_dumps(o, FLAGS) : NULL;

	json_decref(o);
	return text;
}

char *hr_alert_text_manager(
	const struct hr_alert_note *note, size_t n, uint64_t now_ms, const char *page)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, alert(&note[i], now_ms, page));
	return done(list);
}

char *hr_alert_text_webhook(
	const struct hr_alert_note *note, size_t n, uint64_t now_ms, const char *page)
{
	json_t *o = json_object(), *list = json_array();

	for (size_t i = 0; i < n; i++) {
		json_t *one = alert(&note[i], now_ms, page);

		json_object_set_new(one, "status", json_string(hr_alert_event_name(note[i].event)));
		json_array_append_new(list, one);
	}
	json_object_set_new(o, "schema", json_string("headroom.alerts/1"));
	json_object_set_new(o, "at", hr_json_time(now_ms));
	json_object_set_new(o, "alerts", list);
	return done(o);
}

/* A header holds ASCII only; everything else, and what would end the line, becomes '?'. */
static void header(const char *s, char *to, size_t cap)
{
	size_t i = 0;

	for (; s[i] && i + 1 < cap; i++)
		to[i] = s[i] >= ' ' && s[i] <= '~' ? s[i] : '?';
	to[i] = '\0';
}

static size_t mail_head(const struct hr_alert_mail *m, const struct hr_alert_note *note, size_t n,
	char *buf, size_t cap)
{
	char subject[160], line[HR_TEXT_LEN], from[128], to[512];
	int len;

	summary(&note[0], line, sizeof(line));
	header(line, subject, sizeof(subject));
	header(m->from, from, sizeof(from));
	header(m->to, to, sizeof(to));
	if (n > 1)
		(void)snprintf(line, sizeof(line), "headroom: %zu alerts, first: %s", n, subject);
	else
		(void)snprintf(line, sizeof(line), "headroom: %s: %s",
			hr_alert_event_name(note[0].event), subject);
	len = snprintf(buf, cap,
		"Date: %s\r\nFrom: %s\r\nTo: %s\r\nSubject: %.200s\r\nAuto-Submitted: "
		"auto-generated\r\n"
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
		"Content-Transfer-Encoding: 8bit\r\n\r\n",
		m->date, from, to, line);
	return len > 0 && (size_t)len < cap ? (size_t)len : 0;
}

size_t hr_alert_text_mail(const struct hr_alert_mail *m, const struct hr_alert_note *note, size_t n,
	char *buf, size_t cap)
{
	const size_t reserve = 64; /* for the last line */
	size_t at = n > 0 ? mail_head(m, note, n, buf, cap) : 0;

	if (at == 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		char text[HR_TEXT_LEN], advice[HR_TEXT_LEN];
		size_t page = strlen(m->page);
		int len;

		summary(&note[i], text, sizeof(text));
		hr_text_clean(text, text, sizeof(text));
		hr_text_clean(advice_of(&note[i]), advice, sizeof(advice));
		len = snprintf(buf + at, cap - at, "%s: %s\r\n  %s\r\n%s%s%s%s%s\r\n",
			hr_alert_event_name(note[i].event), text, advice, page ? "  " : "", m->page,
			page ? "/?host=" : "", page ? note[i].row->id : "", page ? "\r\n" : "");
		if (len < 0 || at + (size_t)len + reserve >= cap) {
			len = snprintf(buf + at, cap - at, "and %zu more\r\n", n - i);
			return len > 0 && at + (size_t)len < cap ? at + (size_t)len : at;
		}
		at += (size_t)len;
	}
	return at;
}
