/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet for a terminal: counts, then a line per host; see render.h. */
#include <stdio.h>
#include <string.h>

#include "collector/core/render.h"

#define SILENT_MS 300000 /* twice the longest period and some: then its row is of the past */

static enum hr_tone tone_of(enum hr_answer_kind k)
{
	return k == HR_ANSWER_YES       ? HR_TONE_GOOD
	       : k == HR_ANSWER_UNKNOWN ? HR_TONE_WARN
					: HR_TONE_BAD;
}

static void counts(const struct hr_fleet *f, struct hr_out *o)
{
	static const enum hr_answer_kind order[] = {
		HR_ANSWER_YES, HR_ANSWER_RESIZE, HR_ANSWER_NO, HR_ANSWER_UNKNOWN};
	char k[HR_FACTOR_LEN];

	hr_out_say(o, "%u VM%s:", f->n, f->n == 1 ? "" : "s");
	for (unsigned i = 0; i < HR_ANSWER_N; i++) {
		uint32_t n = f->by_kind[order[i]];

		hr_out_say(o, i ? ", " : " ");
		if (n)
			hr_out_tone(o, tone_of(order[i]));
		hr_out_say(o, "%u %s", n, hr_answer_kind_name(order[i]));
		if (n)
			hr_out_tone(o, HR_TONE_PLAIN);
	}
	if (f->least.has)
		hr_out_say(o, ". The tightest carries at least %s", hr_render_factor(&f->least, k));
	hr_out_say(o, ".\n");
}

static void line(const struct hr_fleet_row *r, uint64_t now_ms, struct hr_out *o)
{
	char lo[HR_FACTOR_LEN], mid[HR_FACTOR_LEN], binds[HR_NAME_LEN + 16] = "-", days[16] = "-";
	bool silent = r->heard_ms && now_ms > r->heard_ms + SILENT_MS;

	if (r->binding != HR_RES_NONE)
		snprintf(binds, sizeof(binds), "%s%s%s", hr_resource_name(r->binding),
			r->device[0] ? " " : "", r->device);
	if (r->has_days && r->days_likely.has)
		snprintf(days, sizeof(days), "%.0f", r->days_likely.v);
	hr_out_cell(o, r->name, 18, 18);
	hr_out_say(o, " ");
	hr_out_tone(o, tone_of(r->kind));
	hr_out_say(o, "%-7s", hr_answer_kind_name(r->kind));
	hr_out_tone(o, HR_TONE_PLAIN);
	hr_out_say(o, " %7s %7s ", hr_render_factor(&r->headroom.at_least, lo),
		hr_render_factor(&r->headroom.likely, mid));
	hr_out_cell(o, binds, 12, 12);
	hr_out_say(o, " %4s %s%s\n", days, hr_reason_name(r->reason), silent ? " (silent)" : "");
}

void hr_render_fleet(const struct hr_fleet *f, const struct hr_fleet_row *const *rows, size_t n,
	uint64_t now_ms, struct hr_out *o)
{
	counts(f, o);
	if (n == 0)
		return;
	hr_out_say(o, "\n");
	hr_out_tone(o, HR_TONE_DIM);
	hr_out_say(o, "%-18s %-7s %7s %7s %-12s %4s %s", "host", "answer", "atleast", "likely",
		"binds", "days", "reason");
	hr_out_tone(o, HR_TONE_PLAIN);
	hr_out_say(o, "\n");
	for (size_t i = 0; i < n; i++)
		line(rows[i], now_ms, o);
}
