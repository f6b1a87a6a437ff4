// SPDX-License-Identifier: Apache-2.0
/* Families in the order of /metrics; an empty label is none to Prometheus. */
#include "collector/core/series.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define S_PER_DAY 86400

struct out {
	const struct hr_series_family *f;
	const struct hr_series_host *h;
	hr_series_fn fn;
	void *arg;
};

/* One sample, when there is a number; @more: @n labels behind the host's. */
static void sample(
	const struct out *o, const struct hr_label *more, unsigned n, const struct hr_opt *v)
{
	struct hr_series s = {.name = o->f->name, .n = n + 1, .v = v->v};

	if (!v->has || !isfinite(v->v))
		return;
	s.label[0] = (struct hr_label){"host", o->h->label};
	for (unsigned i = 0; i < n; i++)
		s.label[i + 1] = more[i];
	o->fn(o->arg, &s);
}

static void plain(const struct out *o, bool has, double v)
{
	sample(o, NULL, 0, &(struct hr_opt){has, v});
}

#define EACH(name)                                                                                 \
	static void name(const struct hr_series_family *f, const struct hr_series_host *h,         \
		hr_series_fn fn, void *arg)
#define OUT (&(struct out){f, h, fn, arg})

static void ratio_of(const struct out *o, enum hr_resource resource, const char *device,
	const struct hr_bounds *b)
{
	struct hr_label more[] = {
		{"resource", resource == HR_RES_NONE ? "vm" : hr_resource_name(resource)},
		{"device", device}, {"bound", "at_least"}};

	if (!b->has)
		return;
	sample(o, more, 3, &b->at_least);
	more[2].value = "likely";
	sample(o, more, 3, &b->likely);
	more[2].value = "at_most";
	sample(o, more, 3, &b->at_most);
}

EACH(ratio)
{
	const struct hr_answer *a = h->answer;

	ratio_of(OUT, HR_RES_NONE, "", &a->headroom);
	for (unsigned i = 0; i < a->n_res; i++)
		ratio_of(OUT, a->res[i].resource, a->res[i].device, &a->res[i].headroom);
}

EACH(answer_info)
{
	const struct hr_answer *a = h->answer;
	const struct hr_label more[] = {{"host_id", a->host_id},
		{"answer", hr_answer_kind_name(a->kind)}, {"reason", hr_reason_name(a->reason)},
		{"binding", hr_resource_name(a->binding.resource)}, {"device", a->binding.device}};

	sample(OUT, more, 5, &(struct hr_opt){true, 1});
}

/* Per resource, so that a disk that fills hides no trend of the CPU; devices have a label more. */
EACH(time_left)
{
	for (unsigned i = 0; i < h->answer->n_res; i++) {
		const struct hr_res_answer *r = &h->answer->res[i];
		const struct hr_days_left *d = &r->days_left;
		const struct hr_opt *bound[] = {&d->at_least, &d->likely, &d->at_most};
		static const char *const name[] = {"at_least", "likely", "at_most"};

		for (size_t b = 0; d->has && b < sizeof(bound) / sizeof(bound[0]); b++) {
			struct hr_label more[3] = {{"resource", hr_resource_name(r->resource)}};
			unsigned n = 1;

			if (r->device[0])
				more[n++] = (struct hr_label){"device", r->device};
			more[n++] = (struct hr_label){"bound", name[b]};
			sample(OUT, more, n,
				&(struct hr_opt){bound[b]->has, bound[b]->v * S_PER_DAY});
		}
	}
}

EACH(answer_time)
{
	plain(OUT, h->answer->at_ms > 0, (double)h->answer->at_ms / 1000);
}

EACH(covered)
{
	plain(OUT, h->answer->window.seconds > 0, h->answer->window.covered);
}

EACH(heard)
{
	plain(OUT, h->heard_ms > 0, (double)h->heard_ms / 1000);
}

EACH(agent_cpu)
{
	sample(OUT, NULL, 0, &h->answer->cost.cpu_ratio);
}

EACH(agent_rss)
{
	sample(OUT, NULL, 0, &h->answer->cost.rss_bytes);
}

EACH(agent_maps)
{
	sample(OUT, NULL, 0, &h->answer->cost.map_bytes);
}

EACH(agent_event)
{
	plain(OUT, h->answer->cost.ns_per_event.has, h->answer->cost.ns_per_event.v / 1e9);
}

EACH(agent_shed)
{
	for (unsigned i = 0; i < HR_SHED_N; i++) {
		const struct hr_label part = {"part", hr_shed_name((enum hr_shed)i)};

		sample(OUT, &part, 1, &(struct hr_opt){true, h->answer->cost.shed >> i & 1});
	}
}

EACH(demand)
{
	for (unsigned i = 0; i < h->answer->n_res; i++) {
		const struct hr_res_answer *r = &h->answer->res[i];
		const struct hr_opt *stat[] = {
			&r->demand.mean, &r->demand.p50, &r->demand.p99, &r->demand.max};
		static const char *const name[] = {"mean", "p50", "p99", "max"};

		for (size_t k = 0; r->demand.unit == f->unit && k < 4; k++) {
			const struct hr_label more[] = {{"resource", hr_resource_name(r->resource)},
				{"device", r->device}, {"stat", name[k]}};

			sample(OUT, more, 3, stat[k]);
		}
	}
}

EACH(capacity)
{
	for (unsigned i = 0; i < h->answer->n_res; i++) {
		const struct hr_res_answer *r = &h->answer->res[i];
		const struct hr_label more[] = {{"resource", hr_resource_name(r->resource)},
			{"device", r->device}, {"source", hr_cap_source_name(r->capacity.source)}};

		if (r->capacity.unit == f->unit)
			sample(OUT, more, 3, &r->capacity.value);
	}
}

EACH(saturated)
{
	for (unsigned i = 0; i < h->answer->n_res; i++) {
		const struct hr_res_answer *r = &h->answer->res[i];
		const struct hr_label more[] = {
			{"resource", hr_resource_name(r->resource)}, {"device", r->device}};

		sample(OUT, more, 2, &(struct hr_opt){r->headroom.has, r->saturated});
	}
}

#define DEMAND(name, u)                                                                            \
	{                                                                                          \
		name, "What a resource is asked for, over the answer's window.",                   \
			HR_SERIES_MEASURED, u, demand                                              \
	}
#define CAPACITY(name, u)                                                                          \
	{                                                                                          \
		name, "What a resource has, and how that is known.", HR_SERIES_MEASURED, u,        \
			capacity                                                                   \
	}

static const struct hr_series_family families[] = {
	{"headroom_ratio", "Factor by which the load can grow before the service level breaks.",
		HR_SERIES_GAUGE, HR_UNIT_NONE, ratio},
	{"headroom_answer_info", "The answer: is vertical scaling headroom left?", HR_SERIES_INFO,
		HR_UNIT_NONE, answer_info},
	{"headroom_time_left_seconds", "Time until the headroom is used up, as forecast.",
		HR_SERIES_GAUGE, HR_UNIT_NONE, time_left},
	{"headroom_answer_timestamp_seconds", "When the answer was made.", HR_SERIES_GAUGE,
		HR_UNIT_NONE, answer_time},
	{"headroom_window_covered_ratio", "Share of the answer's window that has data.",
		HR_SERIES_GAUGE, HR_UNIT_NONE, covered},
	{"headroom_agent_heard_timestamp_seconds", "When the agent last sent something new.",
		HR_SERIES_GAUGE, HR_UNIT_NONE, heard},
	{"headroom_agent_cpu_ratio", "CPU used by the agent and its hooks, of one CPU.",
		HR_SERIES_GAUGE, HR_UNIT_NONE, agent_cpu},
	{"headroom_agent_rss_bytes", "Memory of the agent.", HR_SERIES_GAUGE, HR_UNIT_NONE,
		agent_rss},
	{"headroom_agent_map_bytes", "Memory of the agent's BPF maps.", HR_SERIES_GAUGE,
		HR_UNIT_NONE, agent_maps},
	{"headroom_agent_event_seconds", "Mean run time of the agent's hooks per event.",
		HR_SERIES_GAUGE, HR_UNIT_NONE, agent_event},
	{"headroom_agent_shed", "1: the agent gave this part up to stay within its budget.",
		HR_SERIES_GAUGE, HR_UNIT_NONE, agent_shed},
	DEMAND("headroom_demand_cores", HR_UNIT_CORES),
	DEMAND("headroom_demand_bytes", HR_UNIT_BYTES),
	DEMAND("headroom_demand_iops", HR_UNIT_IOPS),
	DEMAND("headroom_demand_bytes_per_second", HR_UNIT_BYTES_PER_S),
	DEMAND("headroom_demand_ratio", HR_UNIT_RATIO),
	CAPACITY("headroom_capacity_cores", HR_UNIT_CORES),
	CAPACITY("headroom_capacity_bytes", HR_UNIT_BYTES),
	CAPACITY("headroom_capacity_iops", HR_UNIT_IOPS),
	CAPACITY("headroom_capacity_bytes_per_second", HR_UNIT_BYTES_PER_S),
	CAPACITY("headroom_capacity_ratio", HR_UNIT_RATIO),
	{"headroom_saturated", "1: the resource breaks its service level already.",
		HR_SERIES_MEASURED, HR_UNIT_NONE, saturated},
};

const struct hr_series_family *hr_series_families(size_t *ret_n)
{
	*ret_n = sizeof(families) / sizeof(families[0]);
	return families;
}

void hr_series_host_label(
	const char *name, const char *id, bool twin, char ret_label[HR_SERIES_HOST_LEN])
{
	(void)snprintf(ret_label, HR_SERIES_HOST_LEN, twin ? "%s@%s" : "%s", name, id);
}

/* Member by member: a copy of the struct would bring padding along, and shapes are compared. */
static void mark(const struct hr_opt *from, struct hr_opt *to)
{
	to->has = from->has && isfinite(from->v);
	to->v = to->has;
}

static void mark_bounds(const struct hr_bounds *from, struct hr_bounds *to)
{
	to->has = from->has;
	mark(&from->at_least, &to->at_least);
	mark(&from->likely, &to->likely);
	mark(&from->at_most, &to->at_most);
}

static void shape_of(const struct hr_res_answer *from, struct hr_res_answer *to)
{
	to->resource = from->resource;
	memcpy(to->device, from->device, sizeof(to->device));
	mark_bounds(&from->headroom, &to->headroom);
	mark(&from->demand.mean, &to->demand.mean);
	mark(&from->demand.p50, &to->demand.p50);
	mark(&from->demand.p99, &to->demand.p99);
	mark(&from->demand.max, &to->demand.max);
	to->demand.unit = from->demand.unit;
	mark(&from->capacity.value, &to->capacity.value);
	to->capacity.unit = from->capacity.unit;
	to->capacity.source = from->capacity.source;
	to->days_left.has = from->days_left.has;
	mark(&from->days_left.at_least, &to->days_left.at_least);
	mark(&from->days_left.likely, &to->days_left.likely);
	mark(&from->days_left.at_most, &to->days_left.at_most);
}

void hr_series_shape(const struct hr_answer *a, struct hr_answer *ret_shape)
{
	struct hr_answer *s = ret_shape;

	memcpy(s->host_id, a->host_id, sizeof(s->host_id));
	s->at_ms = a->at_ms > 0;
	s->window.seconds = a->window.seconds > 0;
	s->window.covered = 1;
	s->kind = a->kind;
	s->reason = a->reason;
	mark_bounds(&a->headroom, &s->headroom);
	s->binding.resource = a->binding.resource;
	memcpy(s->binding.device, a->binding.device, sizeof(s->binding.device));
	s->n_res = a->n_res;
	for (unsigned i = 0; i < a->n_res; i++)
		shape_of(&a->res[i], &s->res[i]);
	mark(&a->cost.cpu_ratio, &s->cost.cpu_ratio);
	mark(&a->cost.rss_bytes, &s->cost.rss_bytes);
	mark(&a->cost.map_bytes, &s->cost.map_bytes);
	mark(&a->cost.ns_per_event, &s->cost.ns_per_event);
}
