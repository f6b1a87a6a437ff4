/* SPDX-License-Identifier: Apache-2.0 */
/* One VM for a live terminal: what decides first, so that 24 lines of 80 columns say it; see
 * render.h. */
#include "collector/core/render.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "collector/core/answer_json.h"
#include "collector/core/model.h"

#define BAR 25 /* columns from 1/8 to 8: four to a doubling, 1 in the middle */

/* Column of factor @k on the logarithmic axis. */
static int column(double k)
{
	double at = (log2(k) + 3) / 6 * (BAR - 1);

	return at < 0 ? 0 : at > BAR - 1 ? BAR - 1 : (int)(at + 0.5);
}

void hr_render_bar(const struct hr_bounds *b, char to[HR_BAR_LEN])
{
	int low, high, mid;

	memset(to, '.', BAR);
	to[BAR] = '\0';
	to[column(1)] = '|';
	if (!b->has || !(b->at_least.has || b->likely.has))
		return;
	low = column(b->at_least.has ? b->at_least.v : b->likely.v);
	mid = b->likely.has ? column(b->likely.v) : low;
	high = b->at_most.has ? column(b->at_most.v) : BAR - 1;
	for (int i = low; i <= high; i++)
		to[i] = i <= mid ? '=' : b->at_most.has ? '-' : '>';
	if (b->at_most.has)
		to[high] = ']';
	to[low] = '[';
	if (b->likely.has)
		to[mid] = 'o';
}

static void resource(const struct hr_answer *a, const struct hr_res_answer *r, struct hr_out *o)
{
	bool binds =
		a->binding.resource == r->resource && strcmp(a->binding.device, r->device) == 0;
	char name[HR_NAME_LEN + 16], lo[HR_FACTOR_LEN], mid[HR_FACTOR_LEN], bar[HR_BAR_LEN];
	char used[HR_QUANTITY_LEN] = "", of[HR_QUANTITY_LEN] = "";
	bool claim = r->headroom.has && !hr_render_unproven(a, r);
	struct hr_bounds none = {0};

	snprintf(name, sizeof(name), "%s%s%s", hr_resource_name(r->resource),
		r->device[0] ? " " : "", r->device);
	hr_render_bar(claim ? &r->headroom : &none, bar);
	if (r->demand.mean.has)
		hr_render_quantity(r->demand.mean.v, r->demand.unit, used);
	if (r->capacity.value.has && r->capacity.unit == r->demand.unit && r->demand.mean.has &&
		r->capacity.source != HR_CAP_LOWER_BOUND)
		hr_render_quantity(r->capacity.value.v, r->capacity.unit, of);
	hr_out_say(o, "%c", binds ? '>' : ' ');
	hr_out_cell(o, name, 13, 13);
	hr_out_say(o, " %7s %7s ", claim ? hr_render_factor(&r->headroom.at_least, lo) : "-",
		claim ? hr_render_factor(&r->headroom.likely, mid) : "-");
	hr_out_tone(o, r->saturated ? HR_TONE_BAD : binds ? HR_TONE_BOLD : HR_TONE_DIM);
	hr_out_say(o, "%s", bar);
	hr_out_tone(o, HR_TONE_PLAIN);
	hr_out_say(o, " %.11s%s%.11s\n", used, of[0] ? " of " : "", of);
}

static void threads(const struct hr_answer *a, struct hr_out *o)
{
	bool any = false;

	for (uint8_t i = 0; i < a->n_top && i < 5; i++) {
		if (a->top[i].share < 0.01)
			continue;
		if (!any)
			hr_out_say(o, "\n");
		any = true;
		hr_out_say(o, " %4.0f %% of a CPU  %s%s%s (pid %u)\n", 100 * a->top[i].share,
			a->top[i].process,
			strcmp(a->top[i].thread, a->top[i].process) != 0 ? " / " : "",
			strcmp(a->top[i].thread, a->top[i].process) != 0 ? a->top[i].thread : "",
			a->top[i].pid);
	}
}

static void rest(const struct hr_answer *a, struct hr_out *o)
{
	char text[256];

	if (a->days_left.has && a->days_left.at_least.has) {
		hr_out_say(o, "\nDays left: %.0f or more, until %s reaches the target.\n",
			a->days_left.at_least.v, hr_resource_name(a->days_left.resource));
	} else if (a->outlook.has && a->outlook.trend[0]) {
		hr_out_say(o, "\n");
		(void)snprintf(text, sizeof(text), "Days left: no date (%s).", a->outlook.trend);
		hr_out_wrap(o, "", text);
	}
	for (uint8_t i = 0; i < a->n_missing; i++)
		hr_out_wrap(o, "Missing: ", a->missing[i].evidence);
	for (uint8_t i = 0; i < a->n_bigger; i++) {
		char lo[HR_FACTOR_LEN], mid[HR_FACTOR_LEN];

		if (!a->bigger[i].gain.has)
			continue;
		hr_render_factor(&a->bigger[i].gain.at_least, lo);
		if (a->bigger[i].gain.likely.has)
			hr_out_say(o, "With %s: %s to %s of what fits today.\n",
				a->bigger[i].change, lo,
				hr_render_factor(&a->bigger[i].gain.likely, mid));
		else
			hr_out_say(o, "With %s: at least %s of what fits today.\n",
				a->bigger[i].change, lo);
	}
	if (a->cost.cpu_ratio.has)
		hr_out_say(o, "Measuring costs %.2g %% of one CPU.\n", 100 * a->cost.cpu_ratio.v);
}

void hr_render_top(const struct hr_answer *a, struct hr_out *o)
{
	char at[HR_RFC3339_LEN], span[HR_SPAN_LEN];

	hr_render_headline(a, o);
	hr_out_wrap(o, "", a->sentence);
	hr_out_tone(o, HR_TONE_DIM);
	hr_rfc3339(a->window.to_ms, at);
	hr_out_say(o, "Seen: %s to %.8s UTC, %.0f %% covered.\n",
		hr_render_span(a->window.seconds, span), at + 11, 100 * a->window.covered);
	hr_out_say(o, " %-13s %7s %7s %-25s %s\n", "resource", "atleast", "likely",
		"1/8 1/4 1/2 1   2   4   8", "used");
	hr_out_tone(o, HR_TONE_PLAIN);
	for (uint8_t i = 0; i < a->n_res; i++)
		resource(a, &a->res[i], o);
	threads(a, o);
	hr_out_say(o, "\n");
	hr_out_wrap(o, "Next: ", a->advice);
	rest(a, o);
}
