/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load = 1/k, line = 1/target: "headroom below the target" is "load over the line".
 * Days at the cap before the load came near carry no slope and are left out of a fit.
 */
#include "collector/core/outlook.h"

#include "collector/core/bound.h"
#include "collector/core/stock.h"
#include "collector/core/trend.h"

#include <math.h>
#include <string.h>

#define AGO          7  /* a date must have been there a week before */
#define HELD_BEFORE  60 /* days: who asks for that asks about the next 30 (hr_vm_trend_soon) */
#define STEAL_GROUP  2
#define MEMORY_GROUP 3    /* as tracks are numbered */
#define MEMORY_FULL  95.0 /* percent of MemTotal that programs and kernel need */

static enum hr_crossing_kind kind_of(unsigned g)
{
	return g == 0 ? HR_CROSSING_CPU : g == MEMORY_GROUP ? HR_CROSSING_MEMORY : HR_CROSSING_ANY;
}

static void look(
	const double *h, double line, enum hr_crossing_kind kind, struct hr_crossing_look *ret)
{
	double load[HR_CROSSING_DAYS];

	for (unsigned i = 0; i < HR_CROSSING_DAYS; i++)
		load[i] = i > 0 && h[i] == h[i - 1] ? load[i - 1] : exp(-h[i]);
	hr_crossing_look(load, line, kind, ret);
}

static bool same(const double *a, const double *b)
{
	for (unsigned i = 0; i < HR_CROSSING_DAYS; i++)
		if (a[i] != b[i] && !(isnan(a[i]) && isnan(b[i])))
			return false;
	return true;
}

/* Most resources are at the cap all the time, and the VM's k is mostly that of one of them. */
static void probabilities(const struct hr_days_all *d, double k_target, struct hr_outlook *o)
{
	const size_t skip = HR_DAYS_MAX - HR_CROSSING_DAYS;
	struct hr_crossing_look l[HR_DAYS_GROUPS];

	for (unsigned g = 0; g < HR_DAYS_GROUPS; g++) {
		struct hr_crossing c;
		unsigned as = 0;

		if (!d->days[g])
			continue;
		while (as < g && (!d->days[as] || !same(d->h[as] + skip, d->h[g] + skip)))
			as++;
		/* of touched lines all kinds weigh the slope, of others memory alone */
		if (as < g && g != MEMORY_GROUP)
			l[g] = l[as];
		else
			look(d->h[g] + skip, 1 / k_target, kind_of(g), &l[g]);
		hr_crossing_say(&l[g], kind_of(g), &c);
		o->group[g].state = (uint8_t)c.state;
		o->group[g].p = (float)c.p;
		if (g == HR_DAYS_VM)
			o->need_days = c.need_days;
	}
}

/* Fit over @in, h and event of all @in->n days. */
static void fit(const struct hr_trend_in *in, struct hr_trend *t)
{
	struct hr_trend_in cut = *in;
	const double *h = in->h;
	uint32_t n = in->n;
	const double cap = log(HR_DAYS_K_CAP) - 1e-6;
	uint32_t from = 0, known = 0;

	for (uint32_t i = 0; i < n; i++)
		if (!isnan(h[i]) && h[i] >= cap)
			from = i + 1;
	for (uint32_t i = from; i < n; i++)
		known += isnan(h[i]) ? 0 : 1;
	if (known < HR_TREND_DAYS_MIN)
		from = 0; /* mostly at the cap: its slope is 0, and that is the answer */
	while (from < n && isnan(h[from]))
		from++;
	cut.h += from;
	cut.n -= from;
	cut.weekday = (uint8_t)(from % 7);
	cut.event = in->event ? in->event + from : NULL;
	hr_trend_fit(&cut, t);
}

/* Known changes of @g's capacity for a fit; mostly there are none. */
static const bool *events(const struct hr_days_all *d, unsigned g, bool buf[HR_DAYS_MAX])
{
	for (unsigned i = 0; d->events && i < HR_DAYS_MAX; i++)
		buf[i] = d->event[i] & 1U << g;
	return d->events ? buf : NULL;
}

static bool inside(const struct hr_trend *now, const struct hr_trend *before, unsigned ago)
{
	double d = now->likely.v + ago;

	return before->kind == HR_TREND_CONFIRMED && now->likely.has && before->early.has &&
	       before->early.v <= d && (!before->late.has || before->late.v >= d);
}

/* The lowest headroom of the last week with evidence: who is fitted first. */
static double lowest(const double *h)
{
	double low = INFINITY;

	for (unsigned i = HR_DAYS_MAX - 7; i < HR_DAYS_MAX; i++)
		low = isnan(h[i]) ? low : fmin(low, h[i]);
	return low;
}

/* Groups that can have a date, the one with the lowest headroom first; how many. */
static unsigned candidates(const struct hr_days_all *d, uint8_t ret[HR_DAYS_GROUPS])
{
	double low[HR_DAYS_GROUPS];
	unsigned n = 0;

	for (unsigned g = 0; g < HR_DAYS_VM; g++) {
		unsigned i = n;
		double l;

		/* steal is the host's business: its slope says nothing about this VM's load */
		if (g == STEAL_GROUP || !(d->below & 1U << g) || d->days[g] == 0)
			continue;
		l = lowest(d->h[g]);
		for (; i > 0 && l < low[i - 1]; i--) {
			low[i] = low[i - 1];
			ret[i] = ret[i - 1];
		}
		low[i] = l;
		ret[i] = (uint8_t)g;
		n++;
	}
	return n;
}

/*
 * The soonest date of all groups; only that one is fitted again without the last days.  With the
 * most urgent one first, most others are told to be later by counting slopes, without ranking them.
 */
static void dates(const struct hr_days_all *d, double target, struct hr_outlook *o)
{
	struct hr_trend_in in = {.n = HR_DAYS_MAX, .target = target};
	struct hr_trend t, soonest = {0}, before;
	uint8_t group[HR_DAYS_GROUPS];
	unsigned n = candidates(d, group);
	bool event[HR_DAYS_MAX];

	in.confirmed_only = true;
	for (unsigned i = 0; i < n; i++) {
		in.h = d->h[group[i]];
		in.event = events(d, group[i], event);
		in.before = o->date.has ? o->date.early.v : INFINITY;
		fit(&in, &t);
		if (t.kind != HR_TREND_CONFIRMED || !t.early.has || t.early.v >= in.before)
			continue;
		soonest = t;
		o->date = (struct hr_outlook_date){.has = true,
			.group = group[i],
			.early = t.early,
			.likely = t.likely,
			.late = t.late};
	}
	in.before = 0;
	if (o->date.has) {
		in.h = d->h[o->date.group];
		in.event = events(d, o->date.group, event);
		in.n = HR_DAYS_MAX - 1;
		fit(&in, &before);
		o->date.agreed = inside(&soonest, &before, 1);
		if (soonest.early.v < HELD_BEFORE) {
			in.n = HR_DAYS_MAX - AGO;
			fit(&in, &before);
			o->date.held = inside(&soonest, &before, AGO);
		}
		hr_trend_say(&soonest, o->trend, sizeof(o->trend));
	} else if (d->days[HR_DAYS_VM]) {
		/* words only: a date needs a resource to act on */
		in.h = d->h[HR_DAYS_VM];
		in.event = events(d, HR_DAYS_VM, event);
		in.confirmed_only = false;
		in.kind_only = true;
		fit(&in, &t);
		hr_trend_say(&t, o->trend, sizeof(o->trend));
	}
}

/*
 * Need of memory is a stock that may also shrink: restarts empty a leak.  So a date needs both:
 * the growth of a stock, and a confirmed trend of what is left.
 */
static bool memory_on(const double *used, const bool *event, struct hr_stock *ret)
{
	double h[HR_DAYS_MAX];
	struct hr_trend t;

	hr_stock_fit(used, HR_DAYS_MAX, MEMORY_FULL, ret);
	if (ret->need_days || !ret->early.has)
		return false;
	for (uint32_t i = 0; i < HR_DAYS_MAX; i++)
		h[i] = log(MEMORY_FULL / fmax(used[i], 1));
	fit(&(struct hr_trend_in){.h = h,
		    .event = event,
		    .n = HR_DAYS_MAX,
		    .confirmed_only = true,
		    .kind_only = true},
		&t);
	return t.kind == HR_TREND_CONFIRMED;
}

static void memory(const struct hr_days_all *d, struct hr_outlook *o)
{
	const double *used = d->load[HR_DAY_MEM_P95 - HR_DAY_CPU_P95];
	bool buf[HR_DAYS_MAX];
	const bool *event = events(d, MEMORY_GROUP, buf);
	struct hr_stock now, before;

	if (d->load_days[HR_DAY_MEM_P95 - HR_DAY_CPU_P95] == 0 || !memory_on(used, event, &now))
		return;
	o->memory = (struct hr_outlook_date){
		.has = true, .group = MEMORY_GROUP, .early = now.early, .likely = now.likely};
	/* that it falls was there three days ago, or it were not confirmed; so the stock alone */
	hr_stock_fit(used, HR_DAYS_MAX - 1, MEMORY_FULL, &before);
	o->memory.agreed = now.likely.has && before.early.has && now.likely.v + 1 >= before.early.v;
}

static void next_week(const struct hr_days_all *d, struct hr_outlook *o)
{
	for (unsigned r = 0; r < 2; r++) {
		const double *day = d->load[2 * r], *week = d->load[2 * r + 1];
		enum hr_bound_kind kind = r ? HR_BOUND_MEMORY : HR_BOUND_CPU;

		if (d->load_days[2 * r] < HR_BOUND_DAYS_MIN)
			continue;
		o->week[r].bound = hr_bound_of(kind, day, week, HR_DAYS_MAX);
		hr_bound_held(kind, day, week, HR_DAYS_MAX, &o->week[r].held, &o->week[r].of);
	}
}

void hr_outlook_make(const struct hr_days *d, double k_target, struct hr_outlook *ret)
{
	struct hr_days_all all;

	memset(ret, 0, sizeof(*ret));
	ret->day = hr_days_last(d);
	ret->need_days = HR_CROSSING_DAYS_MIN;
	if (!ret->day) {
		hr_trend_say(&(struct hr_trend){.need_days = HR_TREND_DAYS_MIN}, ret->trend,
			sizeof(ret->trend));
		return;
	}
	hr_days_read(d, &all);
	ret->history_days = all.days[HR_DAYS_VM];
	probabilities(&all, k_target, ret);
	dates(&all, log(k_target), ret);
	memory(&all, ret);
	next_week(&all, ret);
}
