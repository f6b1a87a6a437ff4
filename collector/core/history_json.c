/* SPDX-License-Identifier: Apache-2.0 */
/* Steps, days and the tightest minute written as JSON; see history_json.h. */
#include "collector/core/history_json.h"

#include "collector/core/cone.h"
#include "collector/core/json_util.h"
#include "collector/core/vm_state.h"
#include "proto/limits.h"

#define DAY_MS 86400000ULL

static json_t *number(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

static json_t *begin(const char *host, uint64_t from_ms, uint64_t to_ms, uint64_t step_ms)
{
	json_t *o = json_object();

	json_object_set_new(o, "schema", json_string("headroom.history/1"));
	json_object_set_new(o, "host", json_string(host));
	json_object_set_new(o, "from", hr_json_time(from_ms));
	json_object_set_new(o, "to", hr_json_time(to_ms));
	json_object_set_new(o, "step_seconds", json_integer((json_int_t)(step_ms / 1000)));
	return o;
}

static char *done(json_t *o)
{
	char *text = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;

	json_decref(o);
	return text;
}

/* What is expected of the next week, to be drawn after the values; null: nothing is. */
static json_t *forecast(struct hr_vm *vm, enum hr_resource resource)
{
	struct hr_cone cone;
	uint64_t from_ms;
	json_t *o, *list;

	if ((resource != HR_RES_CPU && resource != HR_RES_MEMORY) ||
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

static json_t *one_series(const struct hr_history *h, enum hr_history_series s, struct hr_vm *vm)
{
	json_t *o = json_object(), *mean = json_array(), *p99 = json_array(), *max = json_array();
	const char *over = hr_history_over(s);

	for (size_t i = 0; i < h->n; i++) {
		json_array_append_new(mean, hr_json_opt(hr_history_value(h, i, s)));
		json_array_append_new(p99, hr_json_opt(h->cell[i][s].p99));
		json_array_append_new(max, hr_json_opt(h->cell[i][s].max));
	}
	json_object_set_new(o, "resource", json_string(hr_resource_name(hr_history_resource(s))));
	json_object_set_new(o, "what", json_string(hr_history_what(s)));
	json_object_set_new(o, "unit", json_string(hr_unit_name(hr_history_unit(s))));
	json_object_set_new(o, "values", mean);
	if (over) {
		json_object_set_new(o, "over", json_string(over));
		json_object_set(o, "p99", p99);
		json_object_set(o, "max", max);
	}
	json_decref(p99);
	json_decref(max);
	json_object_set_new(o, "forecast", forecast(vm, hr_history_resource(s)));
	return o;
}

static json_t *headroom(const struct hr_past *p)
{
	json_t *o = json_object(), *low = json_array(), *likely = json_array();

	for (size_t i = 0; i < p->n; i++) {
		json_array_append_new(low, hr_json_opt(p->step[i].at_least));
		json_array_append_new(likely, hr_json_opt(p->step[i].likely));
	}
	json_object_set_new(o, "at_least", low);
	json_object_set_new(o, "likely", likely);
	return o;
}

/* Buckets that are not empty as [from, to, count], in units of @scale. */
static json_t *spread(const struct hr_hist *h, bool known, double scale)
{
	json_t *list, *one;

	if (!known || h->total == 0)
		return json_null();
	list = json_array();
	for (uint32_t b = 0; b < HR_BUCKETS; b++) {
		uint32_t hi = hr_hist_hi(h, b) < h->max ? hr_hist_hi(h, b) : h->max;

		if (!h->n[b])
			continue;
		one = json_array();
		json_array_append_new(one, json_real(hr_bucket_lo(b) * scale));
		json_array_append_new(one, json_real(hi * scale));
		json_array_append_new(one, json_integer((json_int_t)h->n[b]));
		json_array_append_new(list, one);
	}
	return list;
}

static json_t *tightest(const struct hr_past_bursts *t)
{
	bool slots = t->have & HR_SIG_BIT(HR_SIG_CPU_SLOTS);
	bool waits = t->have & HR_SIG_BIT(HR_SIG_RUNQ_WAIT);
	bool bursts = t->have & HR_SIG_BIT(HR_SIG_BURSTS);
	json_t *o;

	if (t->to_ms == 0)
		return json_null();
	o = json_object();
	json_object_set_new(o, "from", hr_json_time(t->from_ms));
	json_object_set_new(o, "to", hr_json_time(t->to_ms));
	json_object_set_new(o, "headroom", hr_json_bounds(&t->headroom));
	json_object_set_new(o, "resource",
		t->binding ? json_string(hr_resource_name(t->binding)) : json_null());
	json_object_set_new(o, "device", t->device[0] ? json_string(t->device) : json_null());
	json_object_set_new(o, "cpus", t->cpus ? json_integer(t->cpus) : json_null());
	json_object_set_new(o, "slot_ms", json_real((double)HR_SLOT_NS / 1e6));
	json_object_set_new(o, "slots", slots ? json_integer((json_int_t)t->slot_n) : json_null());
	json_object_set_new(
		o, "slots_all_busy", slots ? json_integer((json_int_t)t->busy_n) : json_null());
	json_object_set_new(o, "busy_cores", spread(&t->busy, slots, 1e-3));
	json_object_set_new(o, "busy_cores_1s", spread(&t->busy_1s, slots, 1e-3));
	json_object_set_new(o, "runnable", spread(&t->runnable, waits, 1e-3));
	json_object_set_new(o, "burst_cpu_ms", spread(&t->burst_cpu, bursts, 1e-3));
	json_object_set_new(o, "burst_wait_ms", spread(&t->burst_wait, bursts, 1e-3));
	return o;
}

char *hr_history_json(const char *host, const struct hr_query_history *q,
	const struct hr_history *h, const struct hr_past *past, struct hr_vm *vm)
{
	json_t *o = begin(host, q->from_ms, q->to_ms, q->step_ms), *all = json_array();

	json_object_set_new(o, "threshold", number(past->vm->conf.k_target));
	json_object_set_new(o, "headroom", headroom(past));
	for (enum hr_history_series s = 0; s < HR_HISTORY_N; s++)
		if (q->resource == HR_RES_NONE || q->resource == hr_history_resource(s))
			json_array_append_new(all, one_series(h, s, vm));
	json_object_set_new(o, "series", all);
	json_object_set_new(o, "tightest", tightest(&past->tight));
	return done(o);
}

/* Which of the last HR_DAYS_MAX days, of which the last is @last, lie wholly or in part within @q;
 * none: what was asked for, without a step. */
struct days {
	uint64_t from_ms, to_ms;
	uint32_t skip, n;
};

static struct days pick(const struct hr_query_history *q, uint64_t last)
{
	uint64_t from = q->from_ms / DAY_MS, to = (q->to_ms - 1) / DAY_MS, first;

	if (last < HR_DAYS_MAX) /* no day is finished: 0 */
		return (struct days){.from_ms = q->from_ms, .to_ms = q->to_ms};
	first = last + 1 - HR_DAYS_MAX;
	from = from < first ? first : from;
	to = to > last ? last : to;
	if (to < from)
		return (struct days){.from_ms = q->from_ms, .to_ms = q->to_ms};
	return (struct days){.from_ms = from * DAY_MS,
		.to_ms = (to + 1) * DAY_MS,
		.skip = (uint32_t)(from - first),
		.n = (uint32_t)(to - from + 1)};
}

static json_t *day_load(
	const struct hr_vm *vm, const struct days *d, enum hr_resource r, enum hr_day_what what)
{
	json_t *o = json_object(), *list = json_array();
	double v[HR_DAYS_MAX];

	(void)hr_days_series(&vm->days, what, HR_DAYS_MAX, v);
	for (uint32_t i = 0; i < d->n; i++)
		json_array_append_new(list, number(v[d->skip + i] / 100));
	json_object_set_new(o, "resource", json_string(hr_resource_name(r)));
	json_object_set_new(o, "what", json_string("demand"));
	json_object_set_new(o, "unit", json_string(hr_unit_name(HR_UNIT_RATIO)));
	json_object_set_new(o, "p95", list);
	return o;
}

char *hr_history_days_json(
	const char *host, const struct hr_query_history *q, const struct hr_vm *vm)
{
	struct days d = pick(q, hr_days_last(&vm->days));
	json_t *o = begin(host, d.from_ms, d.to_ms, DAY_MS);
	json_t *low = json_array(), *all = json_array(), *k = json_object();
	double v[HR_DAYS_MAX];

	(void)hr_days_k_series(&vm->days, HR_DAYS_VM, HR_DAYS_MAX, v);
	for (uint32_t i = 0; i < d.n; i++)
		/* fmin() of a day without evidence and the cap is the cap */
		json_array_append_new(low,
			number(isnan(v[d.skip + i]) ? NAN
						    : fmin(exp(v[d.skip + i]), HR_DAYS_K_CAP)));
	json_object_set_new(o, "threshold", number(vm->conf.k_target));
	json_object_set_new(k, "at_least", low);
	json_object_set_new(k, "at_cap", json_real(HR_DAYS_K_CAP));
	json_object_set_new(o, "headroom", k);
	if (q->resource == HR_RES_NONE || q->resource == HR_RES_CPU)
		json_array_append_new(all, day_load(vm, &d, HR_RES_CPU, HR_DAY_CPU_P95));
	if (q->resource == HR_RES_NONE || q->resource == HR_RES_MEMORY)
		json_array_append_new(all, day_load(vm, &d, HR_RES_MEMORY, HR_DAY_MEM_P95));
	json_object_set_new(o, "series", all);
	json_object_set_new(o, "tightest", json_null());
	return done(o);
}
