/* SPDX-License-Identifier: Apache-2.0 */
/* Rows and counts out of a fleet document; what is not there is not known. */
#include "collector/cli/fleet_read.h"

#include <string.h>

#include "collector/core/answer_json.h"
#include "proto/text.h"

static struct hr_opt opt_of(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_number(v) ? (struct hr_opt){true, json_number_value(v)} : (struct hr_opt){0};
}

static void text_of(const json_t *o, const char *key, char *to, size_t cap)
{
	const char *s = json_string_value(json_object_get(o, key));

	hr_text_clean(s ? s : "", to, cap);
}

void hr_fleet_read_row(const json_t *o, struct hr_fleet_row *r)
{
	const json_t *k = json_object_get(o, "headroom"), *b = json_object_get(o, "binding");
	const json_t *d = json_object_get(o, "days_left");
	const char *s;

	memset(r, 0, sizeof(*r));
	text_of(o, "host_id", r->id, sizeof(r->id));
	text_of(o, "host", r->name, sizeof(r->name));
	text_of(b, "device", r->device, sizeof(r->device));
	if ((s = json_string_value(json_object_get(o, "answer"))) != NULL)
		(void)hr_answer_kind_parse(s, &r->kind);
	if ((s = json_string_value(json_object_get(o, "reason"))) != NULL)
		(void)hr_reason_parse(s, &r->reason);
	if ((s = json_string_value(json_object_get(b, "resource"))) != NULL)
		(void)hr_resource_parse(s, &r->binding);
	if ((s = json_string_value(json_object_get(o, "heard_at"))) != NULL)
		(void)hr_rfc3339_parse(s, &r->heard_ms);
	r->headroom.has = json_is_object(k);
	r->headroom.at_least = opt_of(k, "at_least");
	r->headroom.likely = opt_of(k, "likely");
	r->headroom.at_most = opt_of(k, "at_most");
	r->has_days = json_is_object(d);
	r->days_at_least = opt_of(d, "at_least");
	r->days_likely = opt_of(d, "likely");
}

void hr_fleet_read_counts(const json_t *o, struct hr_fleet *f)
{
	const json_t *answers = json_object_get(o, "answers");

	memset(f, 0, sizeof(*f));
	f->n = (uint32_t)json_integer_value(json_object_get(o, "count"));
	for (enum hr_answer_kind k = 0; k < HR_ANSWER_N; k++)
		f->by_kind[k] = (uint32_t)json_integer_value(
			json_object_get(answers, hr_answer_kind_name(k)));
	f->least = opt_of(o, "least");
}
