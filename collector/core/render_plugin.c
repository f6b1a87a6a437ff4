/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer as a monitoring plugin's line, by the Monitoring Plugins guidelines: one line,
 * text before '|' below 80 characters, perfdata 'label'=value;warn;crit;min;max, U = unknown.
 */
#include <stdio.h>
#include <string.h>

#include "collector/core/model.h"
#include "collector/core/render.h"

#define TEXT_MAX 79
#define STALE_MS 300000 /* five minutes without a window: its numbers are of the past */

/* Unknown for want of time or data: what there is so far is no ground to wake somebody. */
static bool too_early(const struct hr_answer *a)
{
	for (uint8_t i = 0; i < a->n_missing; i++)
		if (a->missing[i].available_ms)
			return true;
	return a->at_ms > a->window.to_ms + STALE_MS;
}

static enum hr_plugin_state judge(const struct hr_answer *a, double warn, double crit)
{
	const struct hr_opt *k = &a->headroom.at_least;
	bool has = a->headroom.has && k->has;

	if (!has || (a->kind == HR_ANSWER_UNKNOWN && too_early(a)))
		return HR_PLUGIN_UNKNOWN;
	/* too little is too little, though what would help is not known */
	if (a->kind == HR_ANSWER_UNKNOWN)
		return a->headroom.likely.has && a->headroom.likely.v < crit ? HR_PLUGIN_CRITICAL
									     : HR_PLUGIN_UNKNOWN;
	return k->v < crit ? HR_PLUGIN_CRITICAL : k->v < warn ? HR_PLUGIN_WARNING : HR_PLUGIN_OK;
}

static void label(const struct hr_res_answer *r, char *to, size_t cap)
{
	snprintf(to, cap, "%s%s%s", hr_resource_name(r->resource), r->device[0] ? "_" : "",
		r->device);
	for (char *p = to; *p; p++)
		if (*p == '\'' || *p == '=' || *p == '|' || *p == ' ')
			*p = '_';
}

static void perf(
	struct hr_out *o, const char *name, const struct hr_bounds *k, double warn, double crit)
{
	hr_out_say(o, " '%s'=", name);
	if (k->has && k->at_least.has)
		hr_out_say(o, "%.2f", k->at_least.v);
	else
		hr_out_say(o, "U");
	hr_out_say(o, ";%g:;%g:;0;%g", warn, crit, HR_K_MAX);
}

enum hr_plugin_state hr_render_plugin(
	const struct hr_answer *a, double warn, double crit, struct hr_out *o)
{
	static const char *const word[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
	enum hr_plugin_state state = judge(a, warn, crit);
	char text[256], k[HR_FACTOR_LEN], name[HR_NAME_LEN + 16];
	size_t n;

	hr_render_factor(&a->headroom.at_least, k);
	n = (size_t)snprintf(text, sizeof(text), "HEADROOM %s - %s, %s", word[state],
		hr_answer_kind_name(a->kind), hr_reason_name(a->reason));
	if (state == HR_PLUGIN_UNKNOWN && a->n_missing)
		snprintf(text, sizeof(text), "HEADROOM UNKNOWN - missing: %s",
			a->missing[0].evidence);
	else if (a->headroom.has && a->headroom.at_least.has)
		n += (size_t)snprintf(text + n, sizeof(text) - n, ", at least %s", k);
	if (!(state == HR_PLUGIN_UNKNOWN && a->n_missing) && a->binding.resource != HR_RES_NONE)
		snprintf(text + n, sizeof(text) - n, ", %s%s%s",
			hr_resource_name(a->binding.resource), a->binding.device[0] ? " " : "",
			a->binding.device);
	for (char *p = text; *p; p++)
		if (*p == '|' || *p == '\n')
			*p = ' ';
	hr_out_say(o, "%.*s |", TEXT_MAX - 1, text);
	perf(o, "headroom", &a->headroom, warn, crit);
	for (uint8_t i = 0; i < a->n_res; i++) {
		if (a->res[i].resource == HR_RES_STEAL) /* makes no claim of its own */
			continue;
		label(&a->res[i], name, sizeof(name));
		perf(o, name, &a->res[i].headroom, warn, crit);
	}
	hr_out_say(o, "\n");
	return state;
}
