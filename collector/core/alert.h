/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When to tell somebody.  A state machine per host and rule: a condition must hold
 * for a while before its state changes, the way back needs a margin, what is not
 * known changes nothing, and each change of state is told exactly once.  A silenced
 * host's states are followed all the same, so that what is still true is told when
 * the silence ends.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/core/fleet.h"

enum hr_alert_rule {
	HR_ALERT_LOW = 0, /* at_least is below the threshold */
	HR_ALERT_ENDS,    /* fewer days are left than the threshold */
	HR_ALERT_QUIET,   /* no new window from the agent */
	HR_ALERT_N,
};
const char *hr_alert_rule_name(enum hr_alert_rule r); /* HeadroomLow ... */

enum hr_alert_event {
	HR_ALERT_NOTHING = 0,
	HR_ALERT_FIRED,
	HR_ALERT_REMINDED,
	HR_ALERT_RESOLVED,
};
const char *hr_alert_event_name(enum hr_alert_event e); /* firing reminder resolved */

/* The way back: 10 % above the threshold, so that noise around it is one alert and not many. */
#define HR_ALERT_MARGIN 1.1

struct hr_alert_conf {
	double at_least;    /* factor; 0: rule off */
	double days;        /* 0: rule off */
	uint64_t quiet_ms;  /* 0: rule off */
	uint64_t wait_ms;   /* how long LOW and ENDS must hold, and be gone */
	uint64_t remind_ms; /* 0: never */
};

struct hr_alert_state {
	bool firing;       /* what is the case */
	bool told;         /* what the receivers were told last */
	uint64_t since_ms; /* since when the opposite of @firing holds; 0: it does not */
	uint64_t fired_ms;
	uint64_t told_ms;
};

/*
 * One look at @row at @now_ms.  @start_ms: the collector's start, from when a host
 * that was not heard since then counts as quiet.
 */
enum hr_alert_event hr_alert_step(const struct hr_alert_conf *c, enum hr_alert_rule rule,
	const struct hr_fleet_row *row, uint64_t start_ms, uint64_t now_ms,
	struct hr_alert_state *s);
/* The same for a host that is silenced: its state moves on, nothing is told. */
void hr_alert_step_silent(const struct hr_alert_conf *c, enum hr_alert_rule rule,
	const struct hr_fleet_row *row, uint64_t start_ms, uint64_t now_ms,
	struct hr_alert_state *s);

/*
 * "db-*, web-3": whether @name is in the list of patterns, parted by commas and
 * spaces; '*' stands for any text.  Case matters.
 */
bool hr_alert_silenced(const char *patterns, const char *name);

/* One line of the file that carries states over a restart, with its newline; 0: nothing to keep. */
#define HR_ALERT_LINE_LEN 128
size_t hr_alert_put(const char id[2 * HR_HOST_ID_LEN + 1], enum hr_alert_rule rule,
	const struct hr_alert_state *s, char line[HR_ALERT_LINE_LEN]);
/* False: not a line of ours, nothing touched.  @line without newline. */
bool hr_alert_get(const char *line, char ret_id[2 * HR_HOST_ID_LEN + 1],
	enum hr_alert_rule *ret_rule, struct hr_alert_state *ret_state);
