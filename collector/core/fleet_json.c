// SPDX-License-Identifier: Apache-2.0
/* Rows and counts of the fleet written as JSON; see fleet_json.h. */
#include "collector/core/fleet_json.h"

#include "collector/core/json_util.h"

#define FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(8))

static json_t *resource(enum hr_resource r)
{
	return r == HR_RES_NONE ? json_null() : json_string(hr_resource_name(r));
}

static json_t *binding(const struct hr_fleet_row *r)
{
	json_t *o = json_object();

	json_object_set_new(o, "resource", resource(r->binding));
	json_object_set_new(o, "device", r->device[0] ? json_string(r->device) : json_null());
	return o;
}

static json_t *days(const struct hr_fleet_row *r)
{
	json_t *o;

	if (!r->has_days)
		return json_null();
	o = json_object();
	json_object_set_new(o, "at_least", hr_json_opt(r->days_at_least));
	json_object_set_new(o, "likely", hr_json_opt(r->days_likely));
	return o;
}

static void put_row(json_t *o, const struct hr_fleet_row *r)
{
	json_object_set_new(o, "host", json_string(r->name));
	json_object_set_new(o, "host_id", json_string(r->id));
	json_object_set_new(o, "at", hr_json_time(r->at_ms));
	json_object_set_new(o, "heard_at", hr_json_time(r->heard_ms));
	json_object_set_new(o, "answer", json_string(hr_answer_kind_name(r->kind)));
	json_object_set_new(o, "reason", json_string(hr_reason_name(r->reason)));
	json_object_set_new(o, "binding", binding(r));
	json_object_set_new(o, "headroom", hr_json_bounds(&r->headroom));
	json_object_set_new(o, "days_left", days(r));
}

/* The text, and the end of @o; a member that could not be made is missing, an object never. */
static char *done(json_t *o)
{
	char *text = o ? json_dumps(o, FLAGS) : NULL;

	json_decref(o);
	return text;
}

static json_t *begin(const char *schema, const struct hr_fleet_page *p)
{
	json_t *o = json_object();

	json_object_set_new(o, "schema", json_string(schema));
	json_object_set_new(o, "at", hr_json_time(p->at_ms));
	return o;
}

static json_t *rows(const struct hr_fleet_page *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->n; i++) {
		json_t *o = json_object();

		put_row(o, p->row[i]);
		json_array_append_new(list, o);
	}
	return list;
}

static void end(json_t *o, const struct hr_fleet_page *p)
{
	json_object_set_new(o, "matches", json_integer(p->matches));
	json_object_set_new(o, "hosts", rows(p));
	json_object_set_new(o, "next", p->has_next ? json_integer(p->next) : json_null());
}

char *hr_fleet_json(const struct hr_fleet_page *p)
{
	json_t *o = begin("headroom.fleet/1", p), *kinds = json_object(), *reasons = json_object();

	for (enum hr_answer_kind k = 0; k < HR_ANSWER_N; k++)
		json_object_set_new(
			kinds, hr_answer_kind_name(k), json_integer(p->fleet->by_kind[k]));
	for (enum hr_reason r = 0; r < HR_REASON_N; r++)
		json_object_set_new(
			reasons, hr_reason_name(r), json_integer(p->fleet->by_reason[r]));
	json_object_set_new(o, "count", json_integer(p->fleet->n));
	json_object_set_new(o, "answers", kinds);
	json_object_set_new(o, "reasons", reasons);
	json_object_set_new(o, "least", hr_json_opt(p->fleet->least));
	json_object_set_new(o, "target", json_real(p->target));
	end(o, p);
	return done(o);
}

char *hr_fleet_hosts_json(const struct hr_fleet_page *p)
{
	json_t *o = begin("headroom.hosts/1", p);

	end(o, p);
	return done(o);
}

char *hr_fleet_host_json(const struct hr_fleet_row *row)
{
	json_t *o = json_object();

	json_object_set_new(o, "schema", json_string("headroom.host/1"));
	put_row(o, row);
	return done(o);
}
