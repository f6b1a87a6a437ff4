/* SPDX-License-Identifier: Apache-2.0 */
/* The way from kernel counts to the verdict, as text; see render.h. */
#include <stdio.h>
#include <string.h>

#include "collector/core/render.h"

#define LINE_MAX_BYTES 1024

static void counted(const struct hr_res_answer *r, struct hr_out *o)
{
	if (r->n_evidence == 0 && r->n_missing == 0)
		return;
	hr_out_say(
		o, "%s%s%s\n", hr_resource_name(r->resource), r->device[0] ? " " : "", r->device);
	for (uint8_t i = 0; i < r->n_evidence; i++) {
		const struct hr_evidence *e = &r->evidence[i];
		char q[HR_QUANTITY_LEN];

		hr_out_say(o, "  %-28s %14s  %s\n", e->signal,
			hr_render_quantity(e->value, e->unit, q), e->source);
	}
	for (uint8_t i = 0; i < r->n_missing; i++)
		hr_out_wrap(o, "  missing: ", r->missing[i].evidence);
}

static void heading(struct hr_out *o, const char *text)
{
	hr_out_tone(o, HR_TONE_BOLD);
	hr_out_say(o, "%s", text);
	hr_out_tone(o, HR_TONE_PLAIN);
	hr_out_say(o, "\n");
}

/* Lines keep their own indent; what does not fit goes on four columns further in. */
static void step(struct hr_out *o, const char *line, size_t len)
{
	char text[LINE_MAX_BYTES], first[32];
	size_t spaces = strspn(line, " ");

	if (spaces >= sizeof(first))
		spaces = sizeof(first) - 1;
	if (spaces > len)
		spaces = len;
	snprintf(first, sizeof(first), "%*s", (int)spaces, "");
	snprintf(text, sizeof(text), "%.*s", (int)(len - spaces), line + spaces);
	hr_out_hang(o, first, (unsigned)spaces + 4, text);
}

void hr_render_explain(const struct hr_answer *a, const char *steps, struct hr_out *o)
{
	hr_render_headline(a, o);
	heading(o, "1. What was counted (and where)");
	for (uint8_t i = 0; i < a->n_res; i++)
		counted(&a->res[i], o);
	hr_render_busiest(a, o);
	hr_out_say(o, "\n");
	heading(o, "2. What follows from it");
	while (*steps) {
		size_t n = strcspn(steps, "\n");

		step(o, steps, n);
		steps += n + (steps[n] == '\n');
	}
	hr_out_say(o, "\n");
	heading(o, "3. The answer");
	hr_out_wrap(o, "", a->sentence);
	hr_out_wrap(o, "", a->advice);
	hr_out_wrap(o, "", hr_reason_line(a->reason));
	hr_out_say(o, "More on the reason: headroom explain %s\n", hr_reason_name(a->reason));
}
