// SPDX-License-Identifier: Apache-2.0
/* States of alerts over the hosts on the board; see alerts.h. */
#include "collector/alerts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collector/core/alert_text.h"
#include "collector/notify.h"
#include "collector/store_side.h"
#include "proto/base/clock.h"
#include "proto/base/fsio.h"
#include "proto/base/log.h"
#include "proto/units.h"

#define LOOK_MS      5000ULL /* answers are made anew at most every 5 s, */
#define LOOK_HOST_US 100ULL  /* and the list of a large fleet as often: 10 s at 100 000 */
#define BODY_MAX     500     /* alerts in one message */
#define MAIL_CAP     65536
#define FILE_HEAD    "headroom alerts 1\n"

struct slot {
	uint32_t no;
	char id[2 * HR_HOST_ID_LEN + 1];
	struct hr_alert_state s[HR_ALERT_N];
};

struct hr_alerts {
	struct hr_collector_config conf;
	struct hr_alert_conf rule;
	struct hr_board *board;
	struct hr_notify *notify;
	char path[sizeof(((struct hr_collector_config *)0)->state) + 16];
	struct slot *slot; /* in order of no */
	uint32_t n;
	struct slot *kept; /* from the file, hosts not seen yet; in order of id */
	uint32_t n_kept;
	uint64_t start_ms, looked_ms, manager_ms;
	struct hr_side *side; /* NULL: alone */
	bool mine;            /* elected, and the states are those the one before left */
};

/* Notes of one look; the snapshot they point into is held meanwhile. */
struct look {
	struct hr_alerts *a;
	uint64_t now_ms;
	struct hr_alert_note *event, *firing;
	size_t n_event, n_firing, cap;
	bool changed;
};

static void take_conf(struct hr_alerts *a, const struct hr_collector_config *c)
{
	a->conf = *c;
	a->rule = (struct hr_alert_conf){.at_least = c->alert_at_least,
		.days = c->alert_days,
		.quiet_ms = hr_ns_to_ms(c->alert_quiet_ns),
		.wait_ms = hr_ns_to_ms(c->alert_wait_ns),
		.remind_ms = hr_ns_to_ms(c->alert_remind_ns)};
}

static int open_notify(struct hr_notify **ret, const struct hr_collector_config *c, char err[512])
{
	const struct hr_notify_conf n = {.webhook = c->alert_webhook,
		.secret_file = c->alert_secret_file,
		.manager = c->alert_manager,
		.smtp = c->alert_mail_to[0] ? c->alert_smtp : "",
		.mail_from = c->alert_mail_from,
		.mail_to = c->alert_mail_to,
		.ca_file = c->alert_ca_file};

	return hr_notify_open(ret, &n, err);
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct slot *)a)->id, ((const struct slot *)b)->id);
}

/* The states of @text, which it parts; one slot per line at first, then merged per host. */
static void parse(struct hr_alerts *a, char *text)
{
	char *line, *save = NULL;
	uint32_t lines = 0, n = 0;

	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	a->kept = calloc(lines + 1, sizeof(*a->kept));
	for (line = strtok_r(text, "\n", &save); a->kept && line;
		line = strtok_r(NULL, "\n", &save)) {
		enum hr_alert_rule r;
		struct hr_alert_state s;

		if (n < lines && hr_alert_get(line, a->kept[n].id, &r, &s))
			a->kept[n++].s[r] = s;
	}
	if (n > 0)
		qsort(a->kept, n, sizeof(*a->kept), by_id);
	for (uint32_t i = 0; i < n; i++) {
		struct slot *to = a->n_kept > 0 ? &a->kept[a->n_kept - 1] : NULL;

		if (!to || strcmp(to->id, a->kept[i].id) != 0) {
			a->kept[a->n_kept++] = a->kept[i];
			continue;
		}
		for (enum hr_alert_rule r = 0; r < HR_ALERT_N; r++)
			if (a->kept[i].s[r].firing || a->kept[i].s[r].told)
				to->s[r] = a->kept[i].s[r];
	}
}

static void load(struct hr_alerts *a)
{
	size_t cap = 8 << 20; /* 65 000 alerts */
	char *text = malloc(cap);
	ssize_t len = text ? hr_fs_read(a->path, text, cap) : -ENOMEM;

	if (len > 0 && strncmp(text, FILE_HEAD, strlen(FILE_HEAD)) == 0)
		parse(a, text);
	else if (len != -ENOENT)
		hr_log(HR_LOG_WARNING, "alerts_not_loaded",
			"file=%s why=\"%s\" todo=\"none: what holds is told again\"", a->path,
			len < 0 ? strerror((int)-len) : "not this format");
	free(text);
}

/*
 * Whether this collector is the one that tells.  Just elected, it goes on from the states that the
 * one before it left: what that one told is not told again, what it did not tell is.
 */
static bool is_mine(struct hr_alerts *a)
{
	char *text;
	size_t len;

	if (!a->side || (a->mine && a->side->ops->elected(a->side)))
		return true;
	if (a->mine)
		hr_log(HR_LOG_NOTICE, "alerts_elsewhere", "another collector tells alerts now");
	a->mine = false;
	text = a->side->ops->elected(a->side) ? a->side->ops->alerts(a->side, &len) : NULL;
	if (!text)
		return false;
	free(a->slot);
	free(a->kept);
	a->slot = a->kept = NULL;
	a->n = a->n_kept = 0;
	if (strncmp(text, FILE_HEAD, strlen(FILE_HEAD)) == 0)
		parse(a, text);
	free(text);
	hr_log(HR_LOG_NOTICE, "alerts_here", "this collector tells alerts");
	a->mine = true;
	return true;
}

/* False: not kept where all collectors see it, so nothing must be told. */
static bool save(struct hr_alerts *a)
{
	size_t cap = strlen(FILE_HEAD) + 1 + (size_t)a->n * HR_ALERT_N * HR_ALERT_LINE_LEN, at;
	char *text = malloc(cap);
	int e = text ? 0 : -ENOMEM;

	if (text) {
		at = strlen(FILE_HEAD);
		memcpy(text, FILE_HEAD, at);
		for (uint32_t i = 0; i < a->n; i++)
			for (enum hr_alert_rule r = 0; r < HR_ALERT_N; r++)
				at += hr_alert_put(a->slot[i].id, r, &a->slot[i].s[r], text + at);
		if (a->side && !a->side->ops->put_alerts(a->side, text, at))
			e = -EAGAIN;
		else if (!a->side)
			e = hr_fs_replace(a->path, text, at, 0640);
	}
	a->mine &= e == 0; /* else all is read again */
	if (e < 0 && !a->side)
		hr_log(HR_LOG_ERR, "alerts_not_saved",
			"file=%s why=\"%s\" todo=\"free space; a restart would tell them again\"",
			a->path, strerror(-e));
	free(text);
	return e == 0;
}

/* As nearly always: the same hosts as last time. */
static bool is_arranged(const struct hr_alerts *a, const struct hr_snapshot *s)
{
	uint32_t i = 0;

	if (!a->slot || a->n != s->n)
		return false;
	while (i < s->n && a->slot[i].no == s->view[i]->no &&
		memcmp(a->slot[i].id, s->view[i]->row.id, sizeof(a->slot[i].id)) == 0)
		i++;
	return i == s->n;
}

/* The slots of @s's hosts, with the states of those known before.  False: out of memory, old ones
 * stay. */
static bool arrange(struct hr_alerts *a, const struct hr_snapshot *s)
{
	struct slot *next = calloc(s->n + 1, sizeof(*next));
	uint32_t old = 0;

	if (!next)
		return false;
	for (uint32_t i = 0; i < s->n; i++) {
		const struct hr_view *v = s->view[i];
		struct slot *to = &next[i], *kept;

		to->no = v->no;
		memcpy(to->id, v->row.id, sizeof(to->id));
		while (old < a->n && a->slot[old].no < v->no)
			old++;
		if (old < a->n && a->slot[old].no == v->no &&
			strcmp(a->slot[old].id, to->id) == 0) {
			memcpy(to->s, a->slot[old].s, sizeof(to->s));
			continue;
		}
		kept = a->n_kept > 0 ? bsearch(to, a->kept, a->n_kept, sizeof(*to), by_id) : NULL;
		if (kept)
			memcpy(to->s, kept->s, sizeof(to->s));
	}
	free(a->slot);
	a->slot = next;
	a->n = s->n;
	return true;
}

/* The words of the answer, for the few notes that are told; empty when memory is out. */
static void add_note(
	struct hr_alert_note *to, const struct hr_alert_note *note, const struct hr_view *v)
{
	struct hr_answer *a = hr_view_answer(v);

	*to = *note;
	if (a) {
		memcpy(to->sentence, a->sentence, sizeof(to->sentence));
		memcpy(to->advice, a->advice, sizeof(to->advice));
	}
	free(a);
}

static void look_at(struct look *l, struct slot *slot, const struct hr_view *v, bool silent)
{
	struct hr_alerts *a = l->a;

	for (enum hr_alert_rule r = 0; r < HR_ALERT_N; r++) {
		struct hr_alert_state *s = &slot->s[r];
		bool was = s->firing;
		enum hr_alert_event e = HR_ALERT_NOTHING;
		struct hr_alert_note note = {.rule = r, .row = &v->row};

		if (silent)
			hr_alert_step_silent(&a->rule, r, &v->row, a->start_ms, l->now_ms, s);
		else
			e = hr_alert_step(&a->rule, r, &v->row, a->start_ms, l->now_ms, s);
		l->changed |= was != s->firing || e != HR_ALERT_NOTHING;
		note.event = e;
		note.fired_ms = s->fired_ms;
		if (e != HR_ALERT_NOTHING && l->n_event < l->cap)
			add_note(&l->event[l->n_event++], &note, v);
		if ((s->told || e == HR_ALERT_RESOLVED) && !silent && l->n_firing < l->cap)
			add_note(&l->firing[l->n_firing++], &note, v);
		if (e == HR_ALERT_FIRED || e == HR_ALERT_RESOLVED)
			hr_log(HR_LOG_NOTICE, "alert", "state=%s rule=%s host=%s",
				hr_alert_event_name(e), hr_alert_rule_name(r), v->row.name);
	}
}

static void mail(struct hr_alerts *a, const struct hr_alert_note *note, size_t n)
{
	struct hr_alert_mail m = {.from = a->conf.alert_mail_from,
		.to = a->conf.alert_mail_to,
		.page = a->conf.alert_page};
	time_t now = (time_t)(hr_clock_wall_ms() / HR_MS_PER_S);
	char *text = malloc(MAIL_CAP), date[64];
	struct tm tm;
	size_t len = 0;

	(void)gmtime_r(&now, &tm);
	(void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &tm);
	m.date = date;
	if (text)
		len = hr_alert_text_mail(&m, note, n, text, MAIL_CAP);
	if (len == 0) {
		free(text);
		return;
	}
	hr_notify_send(a->notify, HR_NOTIFY_MAIL, text, false);
}

static void tell(struct look *l)
{
	struct hr_alerts *a = l->a;
	bool again = l->n_firing > 0 && l->now_ms - a->manager_ms >= HR_ALERT_RESEND_MS;

	for (size_t i = 0; i < l->n_event; i += BODY_MAX) {
		size_t n = l->n_event - i < BODY_MAX ? l->n_event - i : BODY_MAX;

		if (hr_notify_has(a->notify, HR_NOTIFY_WEBHOOK))
			hr_notify_send(a->notify, HR_NOTIFY_WEBHOOK,
				hr_alert_text_webhook(
					l->event + i, n, l->now_ms, a->conf.alert_page),
				false);
	}
	if (l->n_event > 0 && hr_notify_has(a->notify, HR_NOTIFY_MAIL))
		mail(a, l->event, l->n_event);
	/* Alertmanager wants all that is the case, again and again; what waits is outdated, but
	 * not an end that was never sent: without it Alertmanager ends it by itself in 4 min */
	if ((l->n_event > 0 || again) && hr_notify_has(a->notify, HR_NOTIFY_MANAGER)) {
		hr_notify_send(a->notify, HR_NOTIFY_MANAGER,
			hr_alert_text_manager(
				l->firing, l->n_firing, l->now_ms, a->conf.alert_page),
			true);
		a->manager_ms = l->now_ms;
	}
}

void hr_alerts_tick(struct hr_alerts *a)
{
	struct look l = {.a = a, .now_ms = hr_clock_wall_ms()};
	uint64_t every = a->n * LOOK_HOST_US / 1000;
	struct hr_snapshot *s;

	every = every > LOOK_MS ? every : LOOK_MS;
	if (l.now_ms >= a->looked_ms && l.now_ms - a->looked_ms < every)
		return;
	a->looked_ms = l.now_ms;
	if (!is_mine(a))
		return;
	s = hr_board_get(a->board);
	l.cap = (size_t)s->n * HR_ALERT_N;
	l.event = calloc(l.cap + 1, sizeof(*l.event));
	l.firing = calloc(l.cap + 1, sizeof(*l.firing));
	if (l.event && l.firing && (is_arranged(a, s) || arrange(a, s))) {
		for (uint32_t i = 0; i < s->n; i++)
			look_at(&l, &a->slot[i], s->view[i],
				hr_alert_silenced(a->conf.alert_silence, s->view[i]->row.name));
		/* alone: told twice rather than never; of several, whoever could keep it tells it
		 */
		if (!a->side || !l.changed || save(a))
			tell(&l);
		if (!a->side && l.changed)
			(void)save(a);
	}
	free(l.event);
	free(l.firing);
	hr_snapshot_unref(s);
}

int hr_alerts_open(struct hr_alerts **ret, const struct hr_collector_config *conf,
	struct hr_board *b, struct hr_side *side, char err[512])
{
	struct hr_alerts *a = calloc(1, sizeof(*a));
	int e;

	if (!a) {
		(void)snprintf(err, 512, "out of memory");
		return -ENOMEM;
	}
	a->board = b;
	a->side = side;
	a->start_ms = hr_clock_wall_ms();
	take_conf(a, conf);
	(void)snprintf(a->path, sizeof(a->path), "%s/alerts", conf->state);
	e = open_notify(&a->notify, conf, err);
	if (e < 0) {
		free(a);
		return e;
	}
	if (!side)
		load(a);
	*ret = a;
	return 0;
}

int hr_alerts_reconfigure(
	struct hr_alerts *a, const struct hr_collector_config *conf, char err[512])
{
	struct hr_notify *next;
	int e = open_notify(&next, conf, err);

	if (e < 0)
		return e;
	hr_notify_close(a->notify);
	a->notify = next;
	take_conf(a, conf);
	return 0;
}

void hr_alerts_close(struct hr_alerts *a)
{
	if (!a)
		return;
	hr_notify_close(a->notify);
	free(a->slot);
	free(a->kept);
	free(a);
}
