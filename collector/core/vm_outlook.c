/* SPDX-License-Identifier: Apache-2.0 */
/* What a VM keeps of its days, and what they say in its answer. */
#include "collector/core/cone.h"
#include "collector/core/vm_state.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DAY_MS     86400000ULL
#define FIVE_MS    300000ULL
#define FIVE_HALF  150000 /* of five minutes: less evidence is no value */
#define FIVES_HOUR 12

void hr_vm_day_minute(struct hr_vm *vm, const struct hr_eval *v, uint16_t day, uint32_t weight)
{
	if (hr_days_roll(&vm->days, day, &vm->back, TRACK_LOAD_CPU, TRACK_LOAD_MEM)) {
		vm->outlook_due = true;
		vm->growth_made = false;
	}
	if (day != vm->days.open.day)
		return;
	for (uint8_t i = 0; i < v->n; i++)
		if (v->e[i].r.headroom.at_least.has)
			hr_days_k(&vm->days, hr_vm_group(&v->e[i], i),
				v->e[i].r.headroom.at_least.v, weight);
	if (v->k.at_least.has)
		hr_days_k(&vm->days, HR_DAYS_VM, v->k.at_least.v, weight);
}

static void end_five(struct hr_vm *vm)
{
	struct hr_day_open *o = &vm->days.open;
	uint64_t day = o->five * FIVE_MS / DAY_MS;
	double cpu = vm->facts.cpus_online;

	if (o->five_ms >= FIVE_HALF && day <= UINT16_MAX) {
		if (cpu > 0)
			hr_hours_add(&vm->hours, o->five / FIVES_HOUR, HR_BOUND_CPU,
				100 * o->busy_ms / o->five_ms / cpu);
		if (o->mem_percent > 0)
			hr_hours_add(
				&vm->hours, o->five / FIVES_HOUR, HR_BOUND_MEMORY, o->mem_percent);
		if (cpu > 0)
			(void)hr_lookback_add(&vm->back, (uint16_t)day, TRACK_LOAD_CPU,
				hr_days_load_code(100 * o->busy_ms / o->five_ms / cpu), 1);
		if (o->mem_percent > 0)
			(void)hr_lookback_add(&vm->back, (uint16_t)day, TRACK_LOAD_MEM,
				hr_days_load_code(o->mem_percent), 1);
	}
	o->five_ms = 0;
	o->busy_ms = o->mem_percent = 0;
}

void hr_vm_day_window(struct hr_vm *vm, const struct hr_summary *s)
{
	struct hr_day_open *o = &vm->days.open;
	uint64_t five = (s->t_end_ms - s->dur_ms / 2) / FIVE_MS;
	double total = (double)vm->facts.mem_total_bytes;

	if (!vm->has_facts || five > UINT32_MAX || five < o->five)
		return;
	if (five > o->five) {
		end_five(vm);
		o->five = (uint32_t)five;
	}
	if (hr_has(s, HR_SIG_CPU_SLOTS))
		o->busy_ms += (double)s->ctr[HR_CTR_ONCPU_NS] / 1e6;
	else if (hr_has(s, HR_SIG_CPU_STAT))
		o->busy_ms += (double)(s->ctr[HR_CTR_STAT_USER_MS] + s->ctr[HR_CTR_STAT_SYSTEM_MS] +
				       s->ctr[HR_CTR_STAT_IRQ_MS]);
	else
		return;
	o->five_ms += s->dur_ms;
	if (hr_has(s, HR_SIG_MEMINFO) && total > 0)
		o->mem_percent = fmax(o->mem_percent,
			100 * fmax(1 - (double)s->ctr[HR_CTR_MEM_AVAILABLE_BYTES] / total, 0));
}

void hr_vm_day_resize(struct hr_vm *vm, const struct hr_facts *is, uint64_t at_ms)
{
	const struct hr_facts *was = &vm->facts;
	double cpu = was->cpus_online && is->cpus_online
			     ? (double)is->cpus_online / was->cpus_online
			     : 1;
	double mem = was->mem_total_bytes && is->mem_total_bytes
			     ? (double)is->mem_total_bytes / (double)was->mem_total_bytes
			     : 1;
	uint64_t day = at_ms / DAY_MS;

	hr_days_resize(&vm->days, day > UINT16_MAX ? UINT16_MAX : (uint16_t)day, cpu, mem);
	hr_hours_resize(&vm->hours, cpu, mem);
	hr_lookback_forget(&vm->back, TRACK_LOAD_CPU, TRACK_LOAD_MEM);
	vm->days.open.five_ms = 0;
	vm->days.open.busy_ms = vm->days.open.mem_percent = 0;
	vm->outlook_due = true;
	vm->growth_made = false;
}

bool hr_vm_growth_of(const struct hr_vm *vm, struct hr_growth *ret)
{
	double work[HR_GROWTH_DAYS_MAX], used[HR_GROWTH_DAYS_MAX];

	if (vm->conf.min_history_h <= 0)
		return false; /* one look at a VM: no days */
	(void)hr_days_series(&vm->days, HR_DAY_CPU_P95, HR_GROWTH_DAYS_MAX, work);
	(void)hr_days_series(&vm->days, HR_DAY_MEM_P95, HR_GROWTH_DAYS_MAX, used);
	hr_growth_fit(work, used, HR_DAYS_LOAD_STEP, ret);
	return true;
}

const struct hr_growth *hr_vm_growth(struct hr_vm *vm)
{
	if (!vm->growth_made)
		vm->growth_made = hr_vm_growth_of(vm, &vm->growth);
	return vm->growth_made ? &vm->growth : NULL;
}

/* Days from now on, of days from the end of the outlook's last day. */
static struct hr_opt from_now(const struct hr_opt *d, double gone)
{
	return (struct hr_opt){.has = d->has, .v = d->has ? floor(fmax(d->v - gone, 0)) : 0};
}

/* 1 is no forecast: so it is already. */
static struct hr_opt probability(const struct hr_outlook *o, unsigned g)
{
	bool has =
		o->group[g].state == HR_CROSSING_TOUCHED || o->group[g].state == HR_CROSSING_AHEAD;

	if (o->group[g].state == HR_CROSSING_NOW)
		return (struct hr_opt){.has = true, .v = 1};
	return (struct hr_opt){
		.has = has, .v = has ? fmin(round((double)o->group[g].p * 1000) / 1000, 0.999) : 0};
}

/* A date of the outlook, seen from now, into the resource that it is about. */
static void date(const struct hr_outlook *o, const struct hr_outlook_date *d,
	const struct hr_eval *v, struct hr_answer *a)
{
	double gone = 0;

	if (!d->has)
		return;
	if (a->at_ms > (o->day + 1) * DAY_MS)
		gone = (double)(a->at_ms - (o->day + 1) * DAY_MS) / (double)DAY_MS;
	for (uint8_t i = 0; i < v->n && i < a->n_res; i++) {
		struct hr_days_left *to = &a->res[i].days_left;

		if (hr_vm_group(&v->e[i], i) != d->group ||
			(to->has && to->at_least.v <= from_now(&d->early, gone).v))
			continue;
		*to = (struct hr_days_left){.has = true,
			.at_least = from_now(&d->early, gone),
			.likely = from_now(&d->likely, gone),
			.at_most = from_now(&d->late, gone),
			.agreed = d->agreed};
	}
}

void hr_vm_soonest(struct hr_answer *a)
{
	for (uint8_t i = 0; i < a->n_res; i++) {
		const struct hr_res_answer *r = &a->res[i];
		const struct hr_days_left *d = &r->days_left;

		if (!d->has || (a->days_left.has && a->days_left.at_least.v <= d->at_least.v))
			continue;
		a->days_left.has = true;
		a->days_left.at_least = d->at_least;
		a->days_left.likely = d->likely;
		a->days_left.at_most = d->at_most;
		a->days_left.agreed = d->agreed;
		a->days_left.resource = r->resource;
		memcpy(a->days_left.device, r->device, sizeof(r->device));
	}
}

static void outlook_update(struct hr_vm *vm)
{
	if (!vm->outlook_due && vm->outlook.trend[0])
		return;
	hr_outlook_make(&vm->days, vm->conf.k_target, &vm->outlook);
	vm->outlook_due = false;
}

void hr_vm_outlook(struct hr_vm *vm, const struct hr_eval *v, struct hr_answer *a)
{
	const struct hr_outlook *o = &vm->outlook;

	if (vm->conf.min_history_h <= 0)
		return; /* one look at a VM: no days */
	outlook_update(vm);
	a->outlook.has = true;
	a->outlook.history_days = o->history_days;
	a->outlook.need_days = o->need_days;
	a->outlook.probability_30d = probability(o, HR_DAYS_VM);
	memcpy(a->outlook.trend, o->trend, sizeof(a->outlook.trend));
	for (uint8_t i = 0; i < a->n_res && i < v->n; i++)
		a->res[i].probability_30d = probability(o, hr_vm_group(&v->e[i], i));
	for (unsigned r = 0; r < 2; r++) {
		double all = r ? (double)vm->facts.mem_total_bytes : vm->facts.cpus_online;
		double fine = r ? 1 : 1000; /* whole bytes, thousandths of a core */

		if (!o->week[r].bound.has || all <= 0)
			continue;
		a->outlook.week[r].bound = (struct hr_opt){
			.has = true, .v = round(o->week[r].bound.v / 100 * all * fine) / fine};
		a->outlook.week[r].held = o->week[r].held;
		a->outlook.week[r].of = o->week[r].of;
	}
	date(o, &o->date, v, a);
	date(o, &o->memory, v, a);
}

bool hr_vm_cone(struct hr_vm *vm, unsigned memory, uint64_t *ret_from_ms, struct hr_cone *ret)
{
	enum hr_bound_kind kind = memory ? HR_BOUND_MEMORY : HR_BOUND_CPU;
	double all = memory ? (double)vm->facts.mem_total_bytes : vm->facts.cpus_online;
	double v[HR_HOURS];
	uint32_t last = vm->hours.last;

	for (uint32_t i = 0; i < HR_HOURS; i++) {
		uint8_t code = hr_hours_get(&vm->hours, kind, last - (HR_HOURS - 1 - i));

		v[i] = code == HR_HOURS_NONE ? NAN : hr_days_load(code);
	}
	hr_cone_make(v, hr_cone_margins(kind), ret);
	if (ret->shape == HR_CONE_NONE) {
		outlook_update(vm);
		if (!vm->outlook.week[kind].bound.has)
			return false;
		for (uint32_t i = 0; i < HR_HOURS_WEEK; i++)
			ret->at_most[i] = vm->outlook.week[kind].bound.v;
	}
	for (uint32_t i = 0; i < HR_HOURS_WEEK; i++) {
		double used = ret->at_most[i] * all / 100;

		ret->at_most[i] = memory ? fmax(all - used, 0) : used;
	}
	*ret_from_ms = (last + 1ULL) * 3600000;
	return all > 0;
}

bool hr_vm_trend_soon(const struct hr_vm *vm, const struct hr_answer *a)
{
	const struct hr_outlook *o = &vm->outlook;
	double gone = 0;

	if (!o->date.has || !o->date.held)
		return false;
	if (a->at_ms > (o->day + 1) * DAY_MS)
		gone = (double)(a->at_ms - (o->day + 1) * DAY_MS) / (double)DAY_MS;
	return o->date.early.has && from_now(&o->date.early, gone).v < VM_SOON_DAYS;
}
