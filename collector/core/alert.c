// SPDX-License-Identifier: Apache-2.0
/* The states of alerts; see alert.h. */
#include "collector/core/alert.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/num.h"

enum look {
	GOOD,
	BAD,
	NOT_KNOWN,
};

const char *hr_alert_rule_name(enum hr_alert_rule r)
{
	static const char *const name[HR_ALERT_N] = {
		[HR_ALERT_LOW] = "HeadroomLow",
		[HR_ALERT_ENDS] = "HeadroomEndsSoon",
		[HR_ALERT_QUIET] = "HeadroomAgentSilent",
	};

	return r < HR_ALERT_N ? name[r] : "?";
}

const char *hr_alert_event_name(enum hr_alert_event e)
{
	return e == HR_ALERT_RESOLVED ? "resolved" : e == HR_ALERT_REMINDED ? "reminder" : "firing";
}

static enum look below(double v, double threshold, bool firing)
{
	return v < threshold * (firing ? HR_ALERT_MARGIN : 1) ? BAD : GOOD;
}

static enum look look_at(const struct hr_alert_conf *c, enum hr_alert_rule rule,
	const struct hr_fleet_row *row, uint64_t heard_ms, uint64_t now_ms, bool firing)
{
	switch (rule) {
	case HR_ALERT_LOW:
		if (c->at_least <= 0)
			return GOOD;
		if (row->kind == HR_ANSWER_UNKNOWN || !row->headroom.has ||
			!row->headroom.at_least.has)
			return NOT_KNOWN;
		return below(row->headroom.at_least.v, c->at_least, firing);
	case HR_ALERT_ENDS:
		if (c->days <= 0)
			return GOOD;
		if (row->has_days && row->days_at_least.has && row->days_agreed)
			return below(row->days_at_least.v, c->days, firing);
		/* one refit alone neither fires nor resolves */
		if (row->has_days && row->days_at_least.has &&
			below(row->days_at_least.v, c->days, firing) == BAD)
			return NOT_KNOWN;
		/* an answer without an end in sight is good news, no answer is none */
		return row->kind == HR_ANSWER_UNKNOWN ? NOT_KNOWN : GOOD;
	case HR_ALERT_QUIET:
		return c->quiet_ms > 0 && now_ms > heard_ms && now_ms - heard_ms > c->quiet_ms
			       ? BAD
			       : GOOD;
	default:
		return NOT_KNOWN;
	}
}

/* What is the case: changes when the opposite has held for the wait. */
static void follow(const struct hr_alert_conf *c, enum hr_alert_rule rule,
	const struct hr_fleet_row *row, uint64_t start_ms, uint64_t now_ms,
	struct hr_alert_state *s)
{
	uint64_t heard_ms = row->heard_ms > start_ms ? row->heard_ms : start_ms;
	/* quiet has its wait in itself */
	uint64_t wait_ms = rule == HR_ALERT_QUIET ? 0 : c->wait_ms;
	enum look look = look_at(c, rule, row, heard_ms, now_ms, s->firing);

	if (look == NOT_KNOWN || (look == BAD) == s->firing) {
		s->since_ms = 0;
		return;
	}
	if (s->since_ms == 0 || s->since_ms > now_ms)
		s->since_ms = now_ms;
	if (now_ms - s->since_ms < wait_ms)
		return;
	s->firing = look == BAD;
	s->since_ms = 0;
	if (s->firing)
		s->fired_ms = now_ms;
}

enum hr_alert_event hr_alert_step(const struct hr_alert_conf *c, enum hr_alert_rule rule,
	const struct hr_fleet_row *row, uint64_t start_ms, uint64_t now_ms,
	struct hr_alert_state *s)
{
	follow(c, rule, row, start_ms, now_ms, s);
	if (s->firing != s->told) {
		s->told = s->firing;
		s->told_ms = now_ms;
		return s->firing ? HR_ALERT_FIRED : HR_ALERT_RESOLVED;
	}
	if (s->firing && c->remind_ms > 0 && now_ms > s->told_ms &&
		now_ms - s->told_ms >= c->remind_ms) {
		s->told_ms = now_ms;
		return HR_ALERT_REMINDED;
	}
	return HR_ALERT_NOTHING;
}

void hr_alert_step_silent(const struct hr_alert_conf *c, enum hr_alert_rule rule,
	const struct hr_fleet_row *row, uint64_t start_ms, uint64_t now_ms,
	struct hr_alert_state *s)
{
	follow(c, rule, row, start_ms, now_ms, s);
}

/* Whether @p (of @n bytes) matches @s.  Backtracks to the last star only: linear times length. */
static bool matches(const char *p, size_t n, const char *s)
{
	size_t i = 0, star = n;
	const char *from = s;

	while (*s) {
		if (i < n && p[i] == '*') {
			star = i++;
			from = s;
		} else if (i < n && p[i] == *s) {
			i++;
			s++;
		} else if (star < n) {
			i = star + 1;
			s = ++from;
		} else {
			return false;
		}
	}
	while (i < n && p[i] == '*')
		i++;
	return i == n;
}

bool hr_alert_silenced(const char *patterns, const char *name)
{
	for (const char *p = patterns; *p;) {
		size_t n = strcspn(p, ", ");

		if (n > 0 && matches(p, n, name))
			return true;
		p += n;
		p += strspn(p, ", ");
	}
	return false;
}

size_t hr_alert_put(const char id[2 * HR_HOST_ID_LEN + 1], enum hr_alert_rule rule,
	const struct hr_alert_state *s, char line[HR_ALERT_LINE_LEN])
{
	int n;

	if (!s->firing && !s->told)
		return 0;
	n = snprintf(line, HR_ALERT_LINE_LEN, "%s %s %d %d %" PRIu64 " %" PRIu64 "\n", id,
		hr_alert_rule_name(rule), s->firing, s->told, s->fired_ms, s->told_ms);
	return n > 0 && n < HR_ALERT_LINE_LEN ? (size_t)n : 0;
}

/* The next word of @*p, of at most @cap - 1 bytes. */
static bool word(const char **p, char *to, size_t cap)
{
	size_t n = strcspn(*p, " ");

	if (n == 0 || n >= cap)
		return false;
	memcpy(to, *p, n);
	to[n] = '\0';
	*p += n;
	*p += **p == ' ';
	return true;
}

static bool number(const char **p, uint64_t max, uint64_t *ret)
{
	char text[24];

	return word(p, text, sizeof(text)) && hr_num_u64(text, 0, max, ret);
}

bool hr_alert_get(const char *line, char ret_id[2 * HR_HOST_ID_LEN + 1],
	enum hr_alert_rule *ret_rule, struct hr_alert_state *ret_state)
{
	char id[2 * HR_HOST_ID_LEN + 1], name[32];
	struct hr_alert_state s = {0};
	uint64_t firing, told;
	enum hr_alert_rule r = HR_ALERT_LOW;

	if (!word(&line, id, sizeof(id)) || strlen(id) != 2 * HR_HOST_ID_LEN ||
		!word(&line, name, sizeof(name)) || !number(&line, 1, &firing) ||
		!number(&line, 1, &told) || !number(&line, INT64_MAX, &s.fired_ms) ||
		!number(&line, INT64_MAX, &s.told_ms) || *line)
		return false;
	while (r < HR_ALERT_N && strcmp(name, hr_alert_rule_name(r)) != 0)
		r++;
	if (r == HR_ALERT_N)
		return false;
	s.firing = firing == 1;
	s.told = told == 1;
	memcpy(ret_id, id, sizeof(id));
	*ret_rule = r;
	*ret_state = s;
	return true;
}
