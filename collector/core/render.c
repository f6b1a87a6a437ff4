/* SPDX-License-Identifier: Apache-2.0 */
/* Answer -> terminal text; see render.h.  Widths are for 80 columns. */
#include "collector/core/render.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "collector/core/answer_json.h"
#include "collector/core/model.h"

const char *hr_render_factor(const struct hr_opt *k, char to[HR_FACTOR_LEN])
{
	if (!k->has)
		snprintf(to, HR_FACTOR_LEN, "-");
	else if (k->v >= HR_K_MAX)
		snprintf(to, HR_FACTOR_LEN, ">%gx", HR_K_MAX);
	else
		snprintf(to, HR_FACTOR_LEN, "%.2fx", k->v);
	return to;
}

const char *hr_render_quantity(double v, enum hr_unit unit, char to[HR_QUANTITY_LEN])
{
	static const char *const binary[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	static const char *const decimal[] = {"B/s", "kB/s", "MB/s", "GB/s", "TB/s"};
	unsigned i = 0;

	switch (unit) {
	case HR_UNIT_CORES:
		snprintf(to, HR_QUANTITY_LEN, "%.3g cores", v);
		break;
	case HR_UNIT_BYTES:
		for (; i < 4 && v >= 1023.5; i++)
			v /= 1024;
		snprintf(to, HR_QUANTITY_LEN, "%.*f %s", v < 9.95 && i > 0 ? 1 : 0, v, binary[i]);
		break;
	case HR_UNIT_BYTES_PER_S:
		for (; i < 4 && v >= 999.5; i++)
			v /= 1000;
		snprintf(to, HR_QUANTITY_LEN, "%.*f %s", v < 9.95 && i > 0 ? 1 : 0, v, decimal[i]);
		break;
	case HR_UNIT_IOPS:
	case HR_UNIT_PER_S:
		snprintf(to, HR_QUANTITY_LEN, "%.*f/s", v < 9.95 ? 1 : 0, v);
		break;
	case HR_UNIT_RATIO:
		snprintf(to, HR_QUANTITY_LEN, "%.*f %%", v < 0.0995 ? 1 : 0, 100 * v);
		break;
	case HR_UNIT_MS:
		snprintf(to, HR_QUANTITY_LEN, "%.3g ms", v);
		break;
	default:
		snprintf(to, HR_QUANTITY_LEN, "%.6g", v);
	}
	return to;
}

static enum hr_tone tone_of(enum hr_answer_kind k)
{
	return k == HR_ANSWER_YES       ? HR_TONE_GOOD
	       : k == HR_ANSWER_UNKNOWN ? HR_TONE_WARN
					: HR_TONE_BAD;
}

void hr_render_headline(const struct hr_answer *a, struct hr_out *o)
{
	char lo[HR_FACTOR_LEN], mid[HR_FACTOR_LEN];

	hr_out_tone(o, tone_of(a->kind));
	hr_out_say(o, "%s", hr_answer_kind_name(a->kind));
	hr_out_tone(o, HR_TONE_PLAIN);
	hr_out_say(o, "  %s", hr_reason_name(a->reason));
	if (a->headroom.has) {
		hr_render_factor(&a->headroom.at_least, lo);
		hr_render_factor(&a->headroom.likely, mid);
		if (strcmp(lo, mid) == 0)
			hr_out_say(o, "  %s", mid);
		else
			hr_out_say(o, "  at least %s, likely %s", lo, mid);
	}
	if (a->host[0])
		hr_out_say(o, "  (%s)", a->host);
	hr_out_say(o, "\n\n");
}

static void capacity(const struct hr_res_answer *r, char *to, size_t cap)
{
	char q[HR_QUANTITY_LEN];

	to[0] = '\0';
	if (!r->capacity.value.has)
		return;
	hr_render_quantity(r->capacity.value.v, r->capacity.unit, q);
	snprintf(to, cap, " of %s%s", r->capacity.source == HR_CAP_LOWER_BOUND ? ">= " : "", q);
}

static void demand(const struct hr_res_answer *r, char *to, size_t cap)
{
	char q[HR_QUANTITY_LEN], of[48];
	size_t n;

	to[0] = '\0';
	if (!r->demand.mean.has)
		return;
	hr_render_quantity(r->demand.mean.v, r->demand.unit, q);
	if (r->capacity.value.has && r->capacity.unit != r->demand.unit)
		of[0] = '\0';
	else
		capacity(r, of, sizeof(of));
	n = strlen(q);
	if (of[0] && n > 6 && strcmp(q + n - 6, " cores") == 0)
		q[n - 6] = '\0';
	snprintf(to, cap, "%s%s", q, of);
}

static bool binds(const struct hr_answer *a, const struct hr_res_answer *r)
{
	return a->binding.resource == r->resource && strcmp(a->binding.device, r->device) == 0;
}

bool hr_render_unproven(const struct hr_answer *a, const struct hr_res_answer *r)
{
	return r->capacity.source == HR_CAP_LOWER_BOUND && !r->saturated && !binds(a, r) &&
	       !r->headroom.likely.has && r->headroom.at_least.has && r->headroom.at_least.v <= 1;
}

static void resource_line(
	const struct hr_answer *a, const struct hr_res_answer *r, struct hr_out *o)
{
	char name[HR_NAME_LEN + 16], lo[HR_FACTOR_LEN], mid[HR_FACTOR_LEN], hi[HR_FACTOR_LEN];
	char used[96];

	snprintf(name, sizeof(name), "%s%s%s", hr_resource_name(r->resource),
		r->device[0] ? " " : "", r->device);
	demand(r, used, sizeof(used));
	hr_out_say(o, "%c ", binds(a, r) ? '>' : ' ');
	hr_out_cell(o, name, 14, 24);
	hr_out_say(o, " ");
	if (r->headroom.has && !hr_render_unproven(a, r)) {
		hr_out_say(o, "%8s %8s %8s  ", hr_render_factor(&r->headroom.at_least, lo),
			hr_render_factor(&r->headroom.likely, mid),
			hr_render_factor(&r->headroom.at_most, hi));
		hr_out_say(o, "%s", used);
		if (r->saturated) {
			hr_out_tone(o, HR_TONE_BAD);
			hr_out_say(o, "  saturated");
			hr_out_tone(o, HR_TONE_PLAIN);
		}
		hr_out_say(o, "\n");
	} else {
		hr_out_tone(o, HR_TONE_DIM);
		hr_out_say(o, "%-26s  %s",
			r->confidence == HR_CONFIDENCE_NONE || r->n_missing ? "no claim" : "-",
			used);
		hr_out_tone(o, HR_TONE_PLAIN);
		hr_out_say(o, "\n");
	}
}

static void resources(const struct hr_answer *a, struct hr_out *o)
{
	hr_out_tone(o, HR_TONE_DIM);
	hr_out_say(o, "  %-14s %8s %8s %8s  %s\n", "resource", "at least", "likely", "at most",
		"used (mean)");
	hr_out_tone(o, HR_TONE_PLAIN);
	for (uint8_t i = 0; i < a->n_res; i++)
		resource_line(a, &a->res[i], o);
}

/* likely; where it is the largest that is claimed, that it is more. */
static const char *gain(const struct hr_bounds *g, char to[HR_FACTOR_LEN])
{
	if (g->capped && g->likely.has)
		snprintf(to, HR_FACTOR_LEN, ">%.2fx", g->likely.v);
	else
		hr_render_factor(&g->likely, to);
	return to;
}

static void bigger(const struct hr_answer *a, struct hr_out *o)
{
	char lo[HR_FACTOR_LEN], mid[HR_FACTOR_LEN], hi[HR_FACTOR_LEN];
	bool any = false;

	for (uint8_t i = 0; i < a->n_bigger; i++) {
		const struct hr_bounds *g = &a->bigger[i].gain;

		if (!g->has)
			continue;
		if (!any)
			hr_out_say(o, "\nWhat a larger VM would gain:\n");
		any = true;
		hr_out_say(o, "  %-20s %7s %7s %7s\n", a->bigger[i].change,
			hr_render_factor(&g->at_least, lo), gain(g, mid),
			hr_render_factor(&g->at_most, hi));
	}
}

void hr_render_busiest(const struct hr_answer *a, struct hr_out *o)
{
	bool any = false;

	for (uint8_t i = 0; i < a->n_top && i < 3; i++) {
		if (a->top[i].share < 0.01)
			continue;
		if (!any)
			hr_out_say(o, "\nBusiest threads:\n");
		any = true;
		hr_out_say(o, "  %5.0f %% of a CPU  %s", 100 * a->top[i].share, a->top[i].thread);
		if (strcmp(a->top[i].thread, a->top[i].process) != 0)
			hr_out_say(o, " of %s", a->top[i].process);
		hr_out_say(o, " (pid %u", a->top[i].pid);
		if (a->top[i].tid != a->top[i].pid)
			hr_out_say(o, ", thread %u", a->top[i].tid);
		hr_out_say(o, ")\n");
	}
	if (a->n_group == 1 && strcmp(a->group[0].name, "/") == 0)
		return; /* nobody is in a cgroup here */
	any = false;
	for (uint8_t i = 0; i < a->n_group && i < 3; i++) {
		if (a->group[i].share < 0.01)
			continue;
		if (!any)
			hr_out_say(o, "\nBusiest cgroups:\n");
		any = true;
		hr_out_say(o, "  %5.0f %% of a CPU  %s", 100 * a->group[i].share, a->group[i].name);
		if (a->group[i].wait >= 0.01)
			hr_out_say(o, ", and %.0f %% waiting for one", 100 * a->group[i].wait);
		hr_out_say(o, "\n");
	}
}

static void missing_line(struct hr_out *o, const char *of, const struct hr_missing *m)
{
	char text[256], when[HR_RFC3339_LEN];
	size_t n;

	n = (size_t)snprintf(text, sizeof(text), "%s%s%s", of, of[0] ? ": " : "", m->evidence);
	if (m->available_ms && n < sizeof(text)) {
		hr_rfc3339(m->available_ms, when);
		snprintf(text + n, sizeof(text) - n, " (there by %.10s %.5s UTC)", when, when + 11);
	}
	hr_out_wrap(o, "  - ", text);
}

static void missing(const struct hr_answer *a, struct hr_out *o)
{
	bool any = a->n_missing > 0;

	for (uint8_t i = 0; i < a->n_res; i++)
		any |= a->res[i].n_missing > 0;
	if (!any)
		return;
	hr_out_say(o, "\nMissing evidence:\n");
	for (uint8_t i = 0; i < a->n_missing; i++)
		missing_line(o, "", &a->missing[i]);
	for (uint8_t i = 0; i < a->n_res; i++) {
		const struct hr_res_answer *r = &a->res[i];
		char of[HR_NAME_LEN + 16];

		snprintf(of, sizeof(of), "%s%s%s", hr_resource_name(r->resource),
			r->device[0] ? " " : "", r->device);
		for (uint8_t m = 0; m < r->n_missing; m++) {
			bool told = false;

			for (uint8_t j = 0; j < a->n_missing; j++)
				told |= strcmp(a->missing[j].evidence, r->missing[m].evidence) == 0;
			if (!told)
				missing_line(o, of, &r->missing[m]);
		}
	}
}

const char *hr_render_span(double seconds, char to[HR_SPAN_LEN])
{
	if (seconds < 120)
		(void)snprintf(to, HR_SPAN_LEN, "%.0f s", seconds);
	else if (seconds < 7200)
		(void)snprintf(to, HR_SPAN_LEN, "%.0f min", seconds / 60);
	else if (seconds < 172800)
		(void)snprintf(to, HR_SPAN_LEN, "%.3g h", seconds / 3600);
	else
		(void)snprintf(to, HR_SPAN_LEN, "%.3g days", seconds / 86400);
	return to;
}

static void footer(const struct hr_answer *a, struct hr_out *o)
{
	char text[400], to[HR_RFC3339_LEN], q[HR_QUANTITY_LEN], span[HR_SPAN_LEN];
	size_t n;

	hr_rfc3339(a->window.to_ms, to);
	n = (size_t)snprintf(text, sizeof(text), "Seen: %s to %.10s %.8s UTC, %.0f %% covered.",
		hr_render_span(a->window.seconds, span), to, to + 11, 100 * a->window.covered);
	if (a->cost.cpu_ratio.has)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
			" Measuring cost %.2g %% of one CPU", 100 * a->cost.cpu_ratio.v);
	if (a->cost.cpu_ratio.has && a->cost.rss_bytes.has)
		n += (size_t)snprintf(text + n, sizeof(text) - n, ", %s",
			hr_render_quantity(a->cost.rss_bytes.v, HR_UNIT_BYTES, q));
	if (a->cost.cpu_ratio.has && a->cost.ns_per_event.has)
		n += (size_t)snprintf(text + n, sizeof(text) - n, ", %.0f ns per kernel event",
			a->cost.ns_per_event.v);
	if (a->cost.cpu_ratio.has)
		snprintf(text + n, sizeof(text) - n, ".");
	hr_out_say(o, "\n");
	hr_out_tone(o, HR_TONE_DIM);
	hr_out_wrap(o, "", text);
	hr_out_tone(o, HR_TONE_PLAIN);
}

/* What the days say: a date where one is due, else the probability and why there is no date. */
static void outlook(const struct hr_answer *a, struct hr_out *o)
{
	char text[400], q[HR_QUANTITY_LEN];
	size_t n;

	if (!a->outlook.has)
		return;
	if (a->outlook.probability_30d.has && a->outlook.probability_30d.v >= 1) /* no forecast */
		n = (size_t)snprintf(text, sizeof(text),
			"Next 30 days: below the target on 3 or more of the last 7 days already");
	else if (a->outlook.probability_30d.has)
		n = (size_t)snprintf(text, sizeof(text),
			"Next 30 days: below the target for days with a probability of %.0f %%",
			100 * a->outlook.probability_30d.v);
	else
		n = (size_t)snprintf(text, sizeof(text),
			"Next 30 days: not known yet (%u more days of history needed)",
			a->outlook.need_days);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "; %s%s",
		strncmp(a->outlook.trend, "unknown", 7) == 0 ? "trend " : "", a->outlook.trend);
	for (uint8_t i = 0; i < a->n_res && n < sizeof(text); i++)
		if (a->res[i].days_left.has && a->res[i].days_left.at_most.has)
			n += (size_t)snprintf(text + n, sizeof(text) - n, " until %s reaches it",
				hr_resource_name(a->res[i].resource));
	if (a->outlook.week[0].bound.has && n < sizeof(text))
		snprintf(text + n, sizeof(text) - n, ". Next week's p95 of CPU: at most %s",
			hr_render_quantity(a->outlook.week[0].bound.v, HR_UNIT_CORES, q));
	n = strlen(text);
	snprintf(text + n, sizeof(text) - n, ".");
	hr_out_say(o, "\n");
	hr_out_wrap(o, "", text);
}

/* "Full: /srv in 12 days at the earliest, likely 31": stocks that have a date. */
static void stocks(const struct hr_answer *a, struct hr_out *o)
{
	for (uint8_t i = 0; i < a->n_res; i++) {
		const struct hr_res_answer *r = &a->res[i];
		char text[200], likely[48] = "";

		if (!r->days_left.has || r->days_left.at_most.has)
			continue;
		if (r->days_left.likely.has)
			(void)snprintf(
				likely, sizeof(likely), ", likely in %.0f", r->days_left.likely.v);
		(void)snprintf(text, sizeof(text), "Full: %s %s in %.0f days at the earliest%s.",
			hr_resource_name(r->resource), r->device, r->days_left.at_least.v, likely);
		hr_out_wrap(o, "", text);
	}
}

void hr_render_answer(const struct hr_answer *a, struct hr_out *o)
{
	hr_render_headline(a, o);
	hr_out_wrap(o, "", a->sentence);
	hr_out_wrap(o, "", a->advice);
	if (a->n_res)
		hr_out_say(o, "\n");
	if (a->n_res)
		resources(a, o);
	bigger(a, o);
	hr_render_busiest(a, o);
	outlook(a, o);
	stocks(a, o);
	missing(a, o);
	footer(a, o);
}
