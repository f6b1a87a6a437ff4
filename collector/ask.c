// SPDX-License-Identifier: Apache-2.0
/* Questions answered from store and models: explain (text) and history (JSON). */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/core/cone.h"
#include "collector/core/history.h"
#include "collector/core/json_util.h"
#include "collector/writer_private.h"
#include "proto/base/clock.h"

#define EXPLAIN_CAP 65536

static const struct hr_refusal no_host = {404, "no-host", "No host of this number is known.", 0};
static const struct hr_refusal no_memory = {503, "memory", "The collector is out of memory.", 30};
static const struct hr_refusal no_store = {
	503, "store", "The stored windows could not be read.", 30};

static void explain(struct hr_writer *w, struct hr_host *host, struct hr_ask *ask)
{
	struct hr_vm *vm = hr_writer_vm(w, host);

	ask->text = vm ? malloc(EXPLAIN_CAP) : NULL;
	if (!ask->text) {
		ask->refused = no_memory;
		return;
	}
	ask->len = hr_vm_explain(vm, hr_clock_wall_ms(), ask->text, EXPLAIN_CAP);
	if (ask->len >= EXPLAIN_CAP)
		ask->len = EXPLAIN_CAP - 1;
}

struct reading {
	struct hr_writer *w;
	struct hr_host *host;
	struct hr_history *h;
};

static int read_row(void *arg, const struct hr_store_row *row)
{
	struct reading *rd = arg;
	struct hr_writer *w = rd->w;
	int64_t offset = 0;

	if (row->damaged ||
		hr_wire_decode_summary(w->arena, row->body, row->len, w->summary) != HR_WIRE_OK)
		return 0; /* a step without it; start-up moves such rows to quarantine */
	for (uint32_t i = 0; i < rd->host->n_boots; i++) {
		if (rd->host->boot[i].now.ord == row->boot_ord)
			offset = rd->host->boot[i].now.offset_ms;
	}
	hr_history_add(rd->h, w->summary, w->summary->t_end_ms + (uint64_t)offset);
	return 0;
}

static json_t *points(const struct hr_history *h, enum hr_history_series s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < h->n; i++) {
		struct hr_opt v = hr_history_value(h, i, s);

		json_array_append_new(list, v.has ? json_real(v.v) : json_null());
	}
	return list;
}

/* What is expected of the next week, to be drawn after the values; null: nothing is. */
static json_t *forecast(struct hr_vm *vm, enum hr_resource resource)
{
	struct hr_cone cone;
	uint64_t from_ms;
	json_t *o, *list;

	if (!vm || (resource != HR_RES_CPU && resource != HR_RES_MEMORY) ||
		!hr_vm_cone(vm, resource == HR_RES_MEMORY, &from_ms, &cone))
		return json_null();
	o = json_object();
	list = json_array();
	json_object_set_new(o, "from", hr_json_time(from_ms));
	json_object_set_new(o, "step_seconds", json_integer(3600));
	json_object_set_new(o, "shape", json_string(hr_cone_shape_name(cone.shape)));
	json_object_set_new(o, "share", json_real(0.9));
	json_object_set_new(
		o, "bound", json_string(resource == HR_RES_MEMORY ? "at_least" : "at_most"));
	for (uint32_t i = 0; i < HR_HOURS_WEEK; i++)
		json_array_append_new(list, json_real(cone.at_most[i]));
	json_object_set_new(o, "values", list);
	json_object_set_new(o, "hours_held", json_integer(cone.held));
	json_object_set_new(o, "hours", json_integer(cone.of));
	return o;
}

static char *history_json(const struct hr_history *h, const struct hr_host *host,
	const struct hr_query_history *q, struct hr_vm *vm)
{
	json_t *o = json_object(), *all = json_array();
	char *text;

	json_object_set_new(o, "schema", json_string("headroom.history/1"));
	json_object_set_new(o, "host", json_string(host->name));
	json_object_set_new(o, "from", hr_json_time(q->from_ms));
	json_object_set_new(o, "to", hr_json_time(q->to_ms));
	json_object_set_new(o, "step_seconds", json_integer((json_int_t)(q->step_ms / 1000)));
	for (enum hr_history_series s = 0; s < HR_HISTORY_N; s++) {
		json_t *one;

		if (q->resource != HR_RES_NONE && q->resource != hr_history_resource(s))
			continue;
		one = json_object();
		json_object_set_new(
			one, "resource", json_string(hr_resource_name(hr_history_resource(s))));
		json_object_set_new(one, "what", json_string(hr_history_what(s)));
		json_object_set_new(one, "unit", json_string(hr_unit_name(hr_history_unit(s))));
		json_object_set_new(one, "values", points(h, s));
		json_object_set_new(one, "forecast", forecast(vm, hr_history_resource(s)));
		json_array_append_new(all, one);
	}
	json_object_set_new(o, "series", all);
	text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(6));
	json_decref(o);
	return text;
}

static void history(struct hr_writer *w, struct hr_host *host, struct hr_ask *ask)
{
	const struct hr_query_history *q = &ask->history;
	struct hr_history h = {.from_ms = q->from_ms,
		.step_ms = q->step_ms,
		.n = (size_t)((q->to_ms - q->from_ms + q->step_ms - 1) / q->step_ms)};
	struct reading rd = {.w = w, .host = host, .h = &h};

	h.cell = calloc(h.n, sizeof(*h.cell));
	if (!h.cell) {
		ask->refused = no_memory;
		return;
	}
	if (w->store->ops->range(w->store, host->no, q->from_ms / HR_STORE_SLOT_MS,
		    q->to_ms / HR_STORE_SLOT_MS, read_row, &rd) != 0)
		ask->refused = no_store;
	else if ((ask->text = history_json(&h, host, q, hr_writer_vm(w, host))) == NULL)
		ask->refused = no_memory;
	else
		ask->len = strlen(ask->text);
	free(h.cell);
}

void hr_ask_run(struct hr_writer *w, struct hr_ask *ask)
{
	struct hr_host *host = hr_hosts_by_no(&w->hosts, ask->host_no);

	if (ask->work.kind == HR_WORK_FORGET)
		hr_writer_forget(w, ask);
	else if (!host)
		ask->refused = no_host;
	else if (ask->work.kind == HR_WORK_EXPLAIN)
		explain(w, host, ask);
	else
		history(w, host, ask);
}
