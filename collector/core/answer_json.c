// SPDX-License-Identifier: Apache-2.0
/* The answer written as JSON; answer_read.c reads it back. */
#include "collector/core/answer_json.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "proto/text.h"

#define REAL_DIGITS 8 /* an estimate has three; counters up to 2^53 stay integers */
#define INTEGER_MAX 9007199254740992.0 /* 2^53 */

/* jansson takes over NULL values as failures, which the end of hr_answer_json() sees. */
static void put(json_t *o, const char *key, json_t *value, bool *ok)
{
	if (json_object_set_new(o, key, value) < 0)
		*ok = false;
}

static void add(json_t *a, json_t *value, bool *ok)
{
	if (json_array_append_new(a, value) < 0)
		*ok = false;
}

/* Without a fraction in as many digits as are written. */
static bool looks_whole(double v)
{
	char text[40];

	if (fabs(v) >= 1e8)
		return true;
	if (fabs(v - floor(v + 0.5)) > fabs(v) * 5e-8)
		return false;
	(void)snprintf(text, sizeof(text), "%.*g", REAL_DIGITS, v);
	return !strchr(text, '.');
}

static json_t *num(double v)
{
	if (!isfinite(v))
		return json_null();
	/* as 5.0 or 5.9e8 it would be read as whole, and written in another way the next time */
	if (fabs(v) < INTEGER_MAX && looks_whole(v))
		v = floor(v + 0.5);
	if (fabs(v) < INTEGER_MAX && floor(v) == v)
		return json_integer((json_int_t)v);
	return json_real(v);
}

static json_t *opt(const struct hr_opt *v)
{
	return v->has ? num(v->v) : json_null();
}

/* Names come from kernels and peers: what is not UTF-8 is shown, not trusted. */
static json_t *word(const char *s)
{
	json_t *v = json_string(s);
	char clean[HR_TEXT_LEN];

	if (v)
		return v;
	hr_text_clean(s, clean, sizeof(clean));
	return json_string(clean);
}

static json_t *text(const char *s)
{
	return s[0] ? word(s) : json_null();
}

static json_t *time_of(uint64_t unix_ms)
{
	char s[HR_RFC3339_LEN];

	if (unix_ms == 0)
		return json_null();
	hr_rfc3339(unix_ms, s);
	return json_string(s);
}

static json_t *bounds(const struct hr_bounds *b, bool *ok)
{
	json_t *o;

	if (!b->has)
		return json_null();
	o = json_object();
	put(o, "at_least", opt(&b->at_least), ok);
	put(o, "likely", opt(&b->likely), ok);
	put(o, "at_most", opt(&b->at_most), ok);
	if (b->capped)
		put(o, "capped", json_true(), ok);
	return o;
}

static json_t *missing(const struct hr_missing *m, unsigned n, bool *ok)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < n; i++) {
		json_t *o = json_object();

		put(o, "evidence", word(m[i].evidence), ok);
		put(o, "available_at", time_of(m[i].available_ms), ok);
		add(a, o, ok);
	}
	return a;
}

static json_t *evidence(const struct hr_evidence *e, unsigned n, bool *ok)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < n; i++) {
		json_t *o = json_object();

		put(o, "signal", json_string(e[i].signal), ok);
		put(o, "value", num(e[i].value), ok);
		put(o, "unit", json_string(hr_unit_name(e[i].unit)), ok);
		put(o, "source", json_string(e[i].source), ok);
		add(a, o, ok);
	}
	return a;
}

static json_t *res_days_left(const struct hr_res_answer *r, bool *ok)
{
	const struct hr_days_left *d = &r->days_left;
	json_t *o;

	if (!d->has)
		return json_null();
	o = json_object();
	put(o, "at_least", opt(&d->at_least), ok);
	put(o, "likely", opt(&d->likely), ok);
	put(o, "at_most", opt(&d->at_most), ok);
	put(o, "agreed", json_boolean(d->agreed), ok);
	put(o, "probability_30d", opt(&r->probability_30d), ok);
	return o;
}

static json_t *resource(const struct hr_res_answer *r, bool *ok)
{
	json_t *o = json_object(), *demand = json_object(), *capacity = json_object();

	put(o, "resource", json_string(hr_resource_name(r->resource)), ok);
	put(o, "device", text(r->device), ok);
	put(o, "headroom", bounds(&r->headroom, ok), ok);
	put(o, "saturated", json_boolean(r->saturated), ok);
	put(demand, "mean", opt(&r->demand.mean), ok);
	put(demand, "p50", opt(&r->demand.p50), ok);
	put(demand, "p99", opt(&r->demand.p99), ok);
	put(demand, "max", opt(&r->demand.max), ok);
	put(demand, "unit", json_string(hr_unit_name(r->demand.unit)), ok);
	put(o, "demand", demand, ok);
	put(capacity, "value", opt(&r->capacity.value), ok);
	put(capacity, "unit", json_string(hr_unit_name(r->capacity.unit)), ok);
	put(capacity, "source", json_string(hr_cap_source_name(r->capacity.source)), ok);
	put(o, "capacity", capacity, ok);
	put(o, "confidence", json_string(hr_confidence_name(r->confidence)), ok);
	put(o, "probability_30d", opt(&r->probability_30d), ok);
	put(o, "days_left", res_days_left(r, ok), ok);
	put(o, "missing", missing(r->missing, r->n_missing, ok), ok);
	put(o, "evidence", evidence(r->evidence, r->n_evidence, ok), ok);
	return o;
}

static json_t *window(const struct hr_answer *a, bool *ok)
{
	json_t *o = json_object();

	put(o, "from", time_of(a->window.from_ms), ok);
	put(o, "to", time_of(a->window.to_ms), ok);
	put(o, "seconds", num(a->window.seconds), ok);
	put(o, "covered", num(a->window.covered), ok);
	return o;
}

static json_t *binding(const struct hr_answer *a, bool *ok)
{
	json_t *o = json_object();
	bool any = a->binding.resource != HR_RES_NONE;

	put(o, "resource", any ? json_string(hr_resource_name(a->binding.resource)) : json_null(),
		ok);
	put(o, "device", text(a->binding.device), ok);
	put(o, "share", any ? num(a->binding.share) : json_null(), ok);
	return o;
}

static json_t *bigger(const struct hr_answer *a, bool *ok)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < a->n_bigger; i++) {
		json_t *o = json_object();

		put(o, "change", json_string(a->bigger[i].change), ok);
		put(o, "gain", bounds(&a->bigger[i].gain, ok), ok);
		add(list, o, ok);
	}
	return list;
}

/* Of the resource that the VM's date is about. */
static json_t *its_probability(const struct hr_answer *a)
{
	for (uint8_t i = 0; i < a->n_res; i++)
		if (a->res[i].resource == a->days_left.resource &&
			strcmp(a->res[i].device, a->days_left.device) == 0)
			return opt(&a->res[i].probability_30d);
	return json_null();
}

static json_t *days_left(const struct hr_answer *a, bool *ok)
{
	json_t *o;

	if (!a->days_left.has)
		return json_null();
	o = json_object();
	put(o, "at_least", opt(&a->days_left.at_least), ok);
	put(o, "likely", opt(&a->days_left.likely), ok);
	put(o, "at_most", opt(&a->days_left.at_most), ok);
	put(o, "resource", json_string(hr_resource_name(a->days_left.resource)), ok);
	put(o, "device", text(a->days_left.device), ok);
	put(o, "agreed", json_boolean(a->days_left.agreed), ok);
	put(o, "probability_30d", its_probability(a), ok);
	return o;
}

static json_t *outlook(const struct hr_answer *a, bool *ok)
{
	static const struct {
		enum hr_resource resource;
		enum hr_unit unit;
	} of[2] = {{HR_RES_CPU, HR_UNIT_CORES}, {HR_RES_MEMORY, HR_UNIT_BYTES}};
	json_t *o, *weeks;

	if (!a->outlook.has)
		return json_null();
	o = json_object();
	weeks = json_array();
	put(o, "history_days", json_integer(a->outlook.history_days), ok);
	put(o, "need_days", json_integer(a->outlook.need_days), ok);
	put(o, "probability_30d", opt(&a->outlook.probability_30d), ok);
	put(o, "trend", word(a->outlook.trend), ok);
	for (unsigned i = 0; i < 2; i++) {
		json_t *w;

		if (!a->outlook.week[i].bound.has)
			continue;
		w = json_object();
		put(w, "resource", json_string(hr_resource_name(of[i].resource)), ok);
		put(w, "p95_at_most", opt(&a->outlook.week[i].bound), ok);
		put(w, "unit", json_string(hr_unit_name(of[i].unit)), ok);
		put(w, "weeks_held", json_integer(a->outlook.week[i].held), ok);
		put(w, "weeks", json_integer(a->outlook.week[i].of), ok);
		add(weeks, w, ok);
	}
	put(o, "next_week", weeks, ok);
	return o;
}

static json_t *rung(const struct hr_rung_answer *r, bool *ok)
{
	json_t *o, *unknown;

	if (!r->has)
		return json_null();
	o = json_object();
	unknown = json_array();
	put(o, "name", word(r->name), ok);
	put(o, "vcpus", json_integer(r->vcpus), ok);
	put(o, "memory_bytes", r->mem_bytes ? num((double)r->mem_bytes) : json_null(), ok);
	put(o, "headroom", bounds(&r->headroom, ok), ok);
	put(o, "binding", r->binding ? json_string(hr_resource_name(r->binding)) : json_null(), ok);
	for (unsigned i = 1; i < HR_RES_N; i++)
		if (r->unknown & 1U << i)
			add(unknown, json_string(hr_resource_name((enum hr_resource)i)), ok);
	put(o, "unknown", unknown, ok);
	return o;
}

static json_t *size(const struct hr_answer *a, bool *ok)
{
	json_t *o;

	if (!a->size.has)
		return json_null();
	o = json_object();
	put(o, "provider", text(a->size.provider), ok);
	put(o, "name", text(a->size.name), ok);
	put(o, "vcpus", json_integer(a->size.vcpus), ok);
	put(o, "memory_bytes", num((double)a->size.mem_bytes), ok);
	put(o, "in_catalogue", json_boolean(a->size.in_catalogue), ok);
	put(o, "next", rung(&a->size.next, ok), ok);
	put(o, "largest", rung(&a->size.largest, ok), ok);
	put(o, "smaller", rung(&a->size.smaller, ok), ok);
	return o;
}

static json_t *top(const struct hr_answer *a, bool *ok)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < a->n_top; i++) {
		json_t *o = json_object();

		put(o, "resource", json_string(hr_resource_name(a->top[i].resource)), ok);
		put(o, "process", word(a->top[i].process), ok);
		put(o, "pid", json_integer(a->top[i].pid), ok);
		put(o, "thread", text(a->top[i].thread), ok);
		put(o, "tid", json_integer(a->top[i].tid), ok);
		put(o, "share", num(a->top[i].share), ok);
		add(list, o, ok);
	}
	return list;
}

static json_t *groups(const struct hr_answer *a, bool *ok)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < a->n_group; i++) {
		json_t *o = json_object();

		put(o, "cgroup", json_string(a->group[i].name), ok);
		put(o, "share", num(a->group[i].share), ok);
		put(o, "wait", num(a->group[i].wait), ok);
		add(list, o, ok);
	}
	return list;
}

static json_t *cost(const struct hr_answer *a, bool *ok)
{
	json_t *o = json_object(), *ns = json_object(), *shed = json_array();

	put(o, "cpu_ratio", opt(&a->cost.cpu_ratio), ok);
	put(o, "rss_bytes", opt(&a->cost.rss_bytes), ok);
	put(o, "map_bytes", opt(&a->cost.map_bytes), ok);
	if (a->cost.ns_per_event.has)
		put(ns, "all_hooks", opt(&a->cost.ns_per_event), ok);
	put(o, "ns_per_event", ns, ok);
	for (unsigned i = 0; i < HR_SHED_N; i++)
		if (a->cost.shed & 1U << i)
			add(shed, json_string(hr_shed_name((enum hr_shed)i)), ok);
	put(o, "shed", shed, ok);
	return o;
}

char *hr_answer_json(const struct hr_answer *a, bool pretty)
{
	json_t *o = json_object(), *list = json_array();
	size_t flags = JSON_REAL_PRECISION(REAL_DIGITS) |
		       (pretty ? (size_t)JSON_INDENT(2) : (size_t)JSON_COMPACT);
	bool ok = o && list;
	char *out;

	put(o, "schema", json_string("headroom.answer/1"), &ok);
	put(o, "host", word(a->host), &ok);
	if (a->host_id[0])
		put(o, "host_id", json_string(a->host_id), &ok);
	put(o, "at", time_of(a->at_ms), &ok);
	put(o, "window", window(a, &ok), &ok);
	put(o, "answer", json_string(hr_answer_kind_name(a->kind)), &ok);
	put(o, "reason", json_string(hr_reason_name(a->reason)), &ok);
	put(o, "sentence", word(a->sentence), &ok);
	put(o, "advice", word(a->advice), &ok);
	put(o, "headroom", bounds(&a->headroom, &ok), &ok);
	put(o, "binding", binding(a, &ok), &ok);
	for (unsigned i = 0; i < a->n_res; i++)
		add(list, resource(&a->res[i], &ok), &ok);
	put(o, "resources", list, &ok);
	put(o, "bigger", bigger(a, &ok), &ok);
	put(o, "days_left", days_left(a, &ok), &ok);
	put(o, "outlook", outlook(a, &ok), &ok);
	put(o, "size", size(a, &ok), &ok);
	put(o, "missing", missing(a->missing, a->n_missing, &ok), &ok);
	put(o, "top", top(a, &ok), &ok);
	put(o, "groups", groups(a, &ok), &ok);
	put(o, "cost", cost(a, &ok), &ok);
	out = ok ? json_dumps(o, flags) : NULL;
	json_decref(o);
	return out;
}

/* Days since 1970-01-01 <-> civil date, proleptic Gregorian (Howard Hinnant, "chrono-compatible
 * low-level date algorithms"): eras of 400 years begin on 1 March. */
#define DAYS_0_TO_1970 719468
#define DAYS_PER_ERA   146097

void hr_rfc3339(uint64_t unix_ms, char to[HR_RFC3339_LEN])
{
	uint64_t s = unix_ms / 1000, days = s / 86400 + DAYS_0_TO_1970;
	unsigned era = (unsigned)(days / DAYS_PER_ERA), doe = (unsigned)(days % DAYS_PER_ERA);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	unsigned day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;
	unsigned year = yoe + era * 400 + (month <= 2);

	if (year > 9999) /* beyond HR_WALL_MAX_MS by millennia */
		year = 9999;
	(void)snprintf(to, HR_RFC3339_LEN, "%04u-%02u-%02uT%02u:%02u:%02uZ", year % 10000,
		month % 100, day % 100, (unsigned)(s / 3600 % 24), (unsigned)(s / 60 % 60),
		(unsigned)(s % 60));
}

/* Exactly @n digits at s[*at]; -1 otherwise. */
static int digits(const char *s, size_t *at, unsigned n)
{
	int v = 0;

	for (unsigned i = 0; i < n; i++, (*at)++) {
		if (s[*at] < '0' || s[*at] > '9')
			return -1;
		v = v * 10 + (s[*at] - '0');
	}
	return v;
}

bool hr_rfc3339_parse(const char *s, uint64_t *ret_unix_ms)
{
	static const char after[] = "--T::Z";
	static const unsigned len[] = {4, 2, 2, 2, 2, 2};
	static const int max[] = {9999, 12, 31, 23, 59, 60};
	int v[6];
	size_t at = 0;
	unsigned year, doy, yoe;

	for (unsigned i = 0; i < 6; i++) {
		v[i] = digits(s, &at, len[i]);
		if (v[i] < 0 || v[i] > max[i] || s[at++] != after[i])
			return false;
	}
	if (s[at] || v[0] < 1970 || v[1] < 1 || v[2] < 1)
		return false;
	year = (unsigned)v[0] - (v[1] <= 2);
	yoe = year % 400;
	doy = (153 * (unsigned)(v[1] > 2 ? v[1] - 3 : v[1] + 9) + 2) / 5 + (unsigned)v[2] - 1;
	*ret_unix_ms = ((uint64_t)(year / 400) * DAYS_PER_ERA + yoe * 365 + yoe / 4 - yoe / 100 +
			       doy - DAYS_0_TO_1970) *
			       86400000 +
		       ((uint64_t)v[3] * 3600 + (uint64_t)v[4] * 60 + (uint64_t)v[5]) * 1000;
	return true;
}
