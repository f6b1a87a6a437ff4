// SPDX-License-Identifier: Apache-2.0
/* The answer read back from JSON: an answer of schema 1, or nothing. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "collector/core/answer_json.h"
#include "proto/text.h"

/* The first fault is kept; reading goes on, so that callers need no check after each member. */
struct in {
	char *err;
	bool bad;
};

static void fault(struct in *in, const char *key, const char *expected)
{
	if (!in->bad)
		(void)snprintf(in->err, 160, "not an answer: %s, expected %s", key, expected);
	in->bad = true;
}

static void text(struct in *in, const json_t *o, const char *key, char *to, size_t cap)
{
	const json_t *v = json_object_get(o, key);
	const char *s = json_string_value(v);

	to[0] = '\0';
	if (!v || json_is_null(v))
		return;
	if (!s || !hr_text_ok(s, strlen(s)) || strlen(s) >= cap)
		fault(in, key, "a text, not too long");
	else
		memcpy(to, s, strlen(s) + 1);
}

static struct hr_opt opt(struct in *in, const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	if (!v || json_is_null(v))
		return (struct hr_opt){0};
	if (!json_is_number(v))
		fault(in, key, "a number or null");
	return (struct hr_opt){.has = json_is_number(v), .v = json_number_value(v)};
}

static uint64_t time_of(struct in *in, const json_t *o, const char *key)
{
	char s[HR_RFC3339_LEN + 8];
	uint64_t ms = 0;

	text(in, o, key, s, sizeof(s));
	if (s[0] && !hr_rfc3339_parse(s, &ms))
		fault(in, key, "a time as 2026-11-23T17:00:00Z");
	return ms;
}

static struct hr_bounds bounds(struct in *in, const json_t *b)
{
	if (!json_is_object(b))
		return (struct hr_bounds){0};
	return (struct hr_bounds){
		.has = true,
		.at_least = opt(in, b, "at_least"),
		.likely = opt(in, b, "likely"),
		.at_most = opt(in, b, "at_most"),
		.capped = json_is_true(json_object_get(b, "capped")),
	};
}

#define WORD(in, o, key, parse, ret)                                                               \
	do {                                                                                       \
		const char *word_ = json_string_value(json_object_get(o, key));                    \
                                                                                                   \
		if (!word_ || !parse(word_, ret))                                                  \
			fault(in, key, "a word of the contract");                                  \
	} while (0)

static uint8_t missing(struct in *in, const json_t *a, struct hr_missing *ret)
{
	size_t n = json_array_size(a);

	if (n > HR_ANS_MISSING_MAX)
		n = HR_ANS_MISSING_MAX;
	for (size_t i = 0; i < n; i++) {
		const json_t *o = json_array_get(a, i);

		text(in, o, "evidence", ret[i].evidence, sizeof(ret[i].evidence));
		ret[i].available_ms = time_of(in, o, "available_at");
	}
	return (uint8_t)n;
}

static uint8_t evidence(struct in *in, const json_t *a, struct hr_evidence *ret)
{
	size_t n = json_array_size(a);

	if (n > HR_ANS_EVIDENCE_MAX)
		n = HR_ANS_EVIDENCE_MAX;
	for (size_t i = 0; i < n; i++) {
		const json_t *o = json_array_get(a, i);

		text(in, o, "signal", ret[i].signal, sizeof(ret[i].signal));
		text(in, o, "source", ret[i].source, sizeof(ret[i].source));
		ret[i].value = opt(in, o, "value").v;
		WORD(in, o, "unit", hr_unit_parse, &ret[i].unit);
	}
	return (uint8_t)n;
}

static void resource(struct in *in, const json_t *o, struct hr_res_answer *ret)
{
	const json_t *demand = json_object_get(o, "demand"),
		     *capacity = json_object_get(o, "capacity"),
		     *days = json_object_get(o, "days_left");

	WORD(in, o, "resource", hr_resource_parse, &ret->resource);
	text(in, o, "device", ret->device, sizeof(ret->device));
	ret->headroom = bounds(in, json_object_get(o, "headroom"));
	ret->saturated = json_is_true(json_object_get(o, "saturated"));
	ret->demand.mean = opt(in, demand, "mean");
	ret->demand.p50 = opt(in, demand, "p50");
	ret->demand.p99 = opt(in, demand, "p99");
	ret->demand.max = opt(in, demand, "max");
	WORD(in, demand, "unit", hr_unit_parse, &ret->demand.unit);
	ret->capacity.value = opt(in, capacity, "value");
	WORD(in, capacity, "unit", hr_unit_parse, &ret->capacity.unit);
	WORD(in, capacity, "source", hr_cap_source_parse, &ret->capacity.source);
	WORD(in, o, "confidence", hr_confidence_parse, &ret->confidence);
	ret->probability_30d = opt(in, o, "probability_30d");
	if (json_is_object(days))
		ret->days_left = (struct hr_days_left){.has = true,
			.at_least = opt(in, days, "at_least"),
			.likely = opt(in, days, "likely"),
			.at_most = opt(in, days, "at_most"),
			.agreed = json_is_true(json_object_get(days, "agreed"))};
	ret->n_missing = missing(in, json_object_get(o, "missing"), ret->missing);
	ret->n_evidence = evidence(in, json_object_get(o, "evidence"), ret->evidence);
}

static void resources(struct in *in, const json_t *a, struct hr_answer *ret)
{
	size_t n = json_array_size(a);

	if (n > HR_ANS_RES_MAX)
		fault(in, "resources", "fewer entries");
	for (size_t i = 0; i < n && !in->bad; i++)
		resource(in, json_array_get(a, i), &ret->res[i]);
	ret->n_res = in->bad ? 0 : (uint8_t)n;
}

static void top(struct in *in, const json_t *a, struct hr_answer *ret)
{
	size_t n = json_array_size(a);

	if (n > HR_ANS_TOP_MAX)
		n = HR_ANS_TOP_MAX;
	for (size_t i = 0; i < n; i++) {
		const json_t *o = json_array_get(a, i);

		WORD(in, o, "resource", hr_resource_parse, &ret->top[i].resource);
		text(in, o, "process", ret->top[i].process, sizeof(ret->top[i].process));
		text(in, o, "thread", ret->top[i].thread, sizeof(ret->top[i].thread));
		ret->top[i].pid = (uint32_t)json_integer_value(json_object_get(o, "pid"));
		ret->top[i].tid = (uint32_t)json_integer_value(json_object_get(o, "tid"));
		ret->top[i].share = opt(in, o, "share").v;
	}
	ret->n_top = (uint8_t)n;
}

static void groups(struct in *in, const json_t *a, struct hr_answer *ret)
{
	size_t n = json_array_size(a);

	if (n > HR_GROUP_MAX)
		n = HR_GROUP_MAX;
	for (size_t i = 0; i < n; i++) {
		const json_t *o = json_array_get(a, i);

		text(in, o, "cgroup", ret->group[i].name, sizeof(ret->group[i].name));
		ret->group[i].share = opt(in, o, "share").v;
		ret->group[i].wait = opt(in, o, "wait").v;
	}
	ret->n_group = (uint8_t)n;
}

static void bigger(struct in *in, const json_t *a, struct hr_answer *ret)
{
	size_t n = json_array_size(a);

	if (n > HR_ANS_BIGGER_MAX)
		n = HR_ANS_BIGGER_MAX;
	for (size_t i = 0; i < n; i++) {
		const json_t *o = json_array_get(a, i);

		text(in, o, "change", ret->bigger[i].change, sizeof(ret->bigger[i].change));
		ret->bigger[i].gain = bounds(in, json_object_get(o, "gain"));
	}
	ret->n_bigger = (uint8_t)n;
}

static void cost(struct in *in, const json_t *o, struct hr_answer *ret)
{
	const json_t *shed = json_object_get(o, "shed");

	ret->cost.cpu_ratio = opt(in, o, "cpu_ratio");
	ret->cost.rss_bytes = opt(in, o, "rss_bytes");
	ret->cost.map_bytes = opt(in, o, "map_bytes");
	ret->cost.ns_per_event = opt(in, json_object_get(o, "ns_per_event"), "all_hooks");
	for (size_t i = 0; i < json_array_size(shed); i++) {
		const char *s = json_string_value(json_array_get(shed, i));

		for (unsigned k = 0; s && k < HR_SHED_N; k++)
			if (strcmp(s, hr_shed_name((enum hr_shed)k)) == 0)
				ret->cost.shed |= 1U << k;
	}
}

static void window_and_days(struct in *in, const json_t *o, struct hr_answer *ret)
{
	const json_t *w = json_object_get(o, "window"), *d = json_object_get(o, "days_left");

	ret->window.from_ms = time_of(in, w, "from");
	ret->window.to_ms = time_of(in, w, "to");
	ret->window.seconds = opt(in, w, "seconds").v;
	ret->window.covered = opt(in, w, "covered").v;
	if (!json_is_object(d))
		return;
	ret->days_left.has = true;
	ret->days_left.at_least = opt(in, d, "at_least");
	ret->days_left.likely = opt(in, d, "likely");
	ret->days_left.at_most = opt(in, d, "at_most");
	WORD(in, d, "resource", hr_resource_parse, &ret->days_left.resource);
	text(in, d, "device", ret->days_left.device, sizeof(ret->days_left.device));
	ret->days_left.agreed = json_is_true(json_object_get(d, "agreed"));
}

static uint32_t count(const json_t *o, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(o, key));

	return v < 0 || v > UINT32_MAX ? 0 : (uint32_t)v;
}

static void outlook(struct in *in, const json_t *o, struct hr_answer *ret)
{
	const json_t *weeks = json_object_get(o, "next_week");

	if (!json_is_object(o))
		return;
	ret->outlook.has = true;
	ret->outlook.history_days = count(o, "history_days");
	ret->outlook.need_days = count(o, "need_days");
	ret->outlook.probability_30d = opt(in, o, "probability_30d");
	text(in, o, "trend", ret->outlook.trend, sizeof(ret->outlook.trend));
	for (size_t i = 0; i < json_array_size(weeks); i++) {
		const json_t *w = json_array_get(weeks, i);
		enum hr_resource r = HR_RES_NONE;
		unsigned k;

		WORD(in, w, "resource", hr_resource_parse, &r);
		k = r == HR_RES_MEMORY;
		ret->outlook.week[k].bound = opt(in, w, "p95_at_most");
		ret->outlook.week[k].held = count(w, "weeks_held");
		ret->outlook.week[k].of = count(w, "weeks");
	}
}

static void rung(struct in *in, const json_t *o, struct hr_rung_answer *ret)
{
	const json_t *u = json_object_get(o, "unknown");

	if (!json_is_object(o))
		return;
	ret->has = true;
	text(in, o, "name", ret->name, sizeof(ret->name));
	ret->vcpus = count(o, "vcpus");
	ret->mem_bytes = (uint64_t)json_integer_value(json_object_get(o, "memory_bytes"));
	ret->headroom = bounds(in, json_object_get(o, "headroom"));
	if (json_is_string(json_object_get(o, "binding")))
		WORD(in, o, "binding", hr_resource_parse, &ret->binding);
	for (size_t i = 0; i < json_array_size(u); i++) {
		const char *s = json_string_value(json_array_get(u, i));
		enum hr_resource r;

		if (s && hr_resource_parse(s, &r))
			ret->unknown |= 1U << r;
	}
}

static void size(struct in *in, const json_t *o, struct hr_answer *ret)
{
	if (!json_is_object(o))
		return;
	ret->size.has = true;
	text(in, o, "provider", ret->size.provider, sizeof(ret->size.provider));
	text(in, o, "name", ret->size.name, sizeof(ret->size.name));
	ret->size.vcpus = count(o, "vcpus");
	ret->size.mem_bytes = (uint64_t)json_integer_value(json_object_get(o, "memory_bytes"));
	ret->size.in_catalogue = json_is_true(json_object_get(o, "in_catalogue"));
	rung(in, json_object_get(o, "next"), &ret->size.next);
	rung(in, json_object_get(o, "largest"), &ret->size.largest);
	rung(in, json_object_get(o, "smaller"), &ret->size.smaller);
}

static void answer(struct in *in, const json_t *o, struct hr_answer *ret)
{
	const char *schema = json_string_value(json_object_get(o, "schema"));
	const json_t *bind = json_object_get(o, "binding");

	if (!schema || strcmp(schema, "headroom.answer/1") != 0)
		fault(in, "schema", "headroom.answer/1");
	text(in, o, "host", ret->host, sizeof(ret->host));
	text(in, o, "host_id", ret->host_id, sizeof(ret->host_id));
	ret->at_ms = time_of(in, o, "at");
	window_and_days(in, o, ret);
	outlook(in, json_object_get(o, "outlook"), ret);
	size(in, json_object_get(o, "size"), ret);
	WORD(in, o, "answer", hr_answer_kind_parse, &ret->kind);
	WORD(in, o, "reason", hr_reason_parse, &ret->reason);
	text(in, o, "sentence", ret->sentence, sizeof(ret->sentence));
	text(in, o, "advice", ret->advice, sizeof(ret->advice));
	ret->headroom = bounds(in, json_object_get(o, "headroom"));
	if (json_is_string(json_object_get(bind, "resource")))
		WORD(in, bind, "resource", hr_resource_parse, &ret->binding.resource);
	text(in, bind, "device", ret->binding.device, sizeof(ret->binding.device));
	ret->binding.share = opt(in, bind, "share").v;
	resources(in, json_object_get(o, "resources"), ret);
	bigger(in, json_object_get(o, "bigger"), ret);
	ret->n_missing = missing(in, json_object_get(o, "missing"), ret->missing);
	top(in, json_object_get(o, "top"), ret);
	groups(in, json_object_get(o, "groups"), ret);
	cost(in, json_object_get(o, "cost"), ret);
}

bool hr_answer_from_json(const char *s, size_t len, struct hr_answer *ret_answer, char err[160])
{
	struct in in = {.err = err};
	struct hr_answer a = {0};
	json_error_t e;
	json_t *o = json_loadb(s, len, JSON_REJECT_DUPLICATES, &e);

	if (!o) {
		(void)snprintf(err, 160, "not JSON: %.100s", e.text);
		return false;
	}
	answer(&in, o, &a);
	json_decref(o);
	if (in.bad)
		return false;
	*ret_answer = a;
	return true;
}
