/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/core/days.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STEP       (1 + HR_DAYS_LOAD_STEP)
#define Q          0.005 /* answer-model 12: quantile of the day's minutes */
#define P95        0.95
#define EVERY      ((1U << HR_DAYS_GROUPS) - 1U)
#define BOUND      1.02 /* a k this near to the VM's was what it came from */
#define CLOCK_BACK 7    /* days a clock may step back before the days after are disbelieved */

uint8_t hr_days_load_code(double percent)
{
	double c = floor(log(1 + fmin(fmax(percent, 0), HR_DAYS_LOAD_MAX)) / log(STEP));

	return c > 254 ? 254 : (uint8_t)c;
}

double hr_days_load(uint8_t code)
{
	return pow(STEP, code + 0.5) - 1;
}

void hr_days_done(struct hr_days *d)
{
	free(d->cell);
	memset(d, 0, sizeof(*d));
}

size_t hr_days_bytes(const struct hr_days *d)
{
	return d->cap * sizeof(*d->cell);
}

void hr_days_k(struct hr_days *d, unsigned group, double k, uint32_t weight)
{
	unsigned i = HR_DAYS_LOW;

	if (group >= HR_DAYS_GROUPS || weight == 0)
		return;
	d->open.low[group].units += weight;
	if (group == HR_DAYS_VM)
		d->open.units += weight;
	if (k >= HR_DAYS_K_CAP)
		return; /* at the cap: only the time counts */
	for (unsigned j = 0; j < HR_DAYS_LOW && i == HR_DAYS_LOW; j++)
		if (!d->open.low[group].w[j] || k < (double)d->open.low[group].k[j])
			i = j;
	if (i == HR_DAYS_LOW)
		return;
	for (unsigned j = HR_DAYS_LOW - 1; j > i; j--) {
		d->open.low[group].k[j] = d->open.low[group].k[j - 1];
		d->open.low[group].w[j] = d->open.low[group].w[j - 1];
	}
	d->open.low[group].k[i] = (float)k;
	d->open.low[group].w[i] = weight > UINT16_MAX ? UINT16_MAX : (uint16_t)weight;
}

static uint32_t key(uint16_t day, uint8_t what)
{
	return (uint32_t)day << 8 | what;
}

static uint32_t find(const struct hr_days *d, uint32_t k)
{
	uint32_t lo = 0, hi = d->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (key(d->cell[mid].day, d->cell[mid].what) < k)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void expire(struct hr_days *d, uint16_t before)
{
	uint32_t i = find(d, key(before, 0));

	d->n -= i;
	memmove(d->cell, d->cell + i, d->n * sizeof(*d->cell));
}

bool hr_days_add(struct hr_days *d, uint16_t day, uint8_t what, uint32_t bits)
{
	uint32_t i;

	if (d->n >= HR_DAYS_CELLS) {
		if (day <= d->cell[0].day)
			return false;
		expire(d, (uint16_t)(d->cell[0].day + 1));
	}
	if (d->n == d->cap) {
		uint32_t cap = d->cap ? d->cap + d->cap / 2 : 16;
		struct hr_day_cell *c = realloc(d->cell, cap * sizeof(*c));

		if (!c)
			return false;
		d->cell = c;
		d->cap = cap;
	}
	i = find(d, key(day, what));
	if (i < d->n && d->cell[i].day == day && d->cell[i].what == what) {
		d->cell[i].bits = bits;
		return true;
	}
	memmove(&d->cell[i + 1], &d->cell[i], (d->n - i) * sizeof(*d->cell));
	d->cell[i] = (struct hr_day_cell){.day = day, .what = what, .bits = bits};
	d->n++;
	return true;
}

static void add_value(struct hr_days *d, uint16_t day, unsigned what, double v)
{
	struct hr_day_cell c = {.v = (float)v};

	(void)hr_days_add(d, day, (uint8_t)what, c.bits);
}

/* ln of the value that a share Q of the day's time is below; false: at the cap. */
static bool low_quantile(const struct hr_day_open *o, unsigned group, double *ret)
{
	double rank = floor(Q * o->low[group].units + 1e-9), below = 0;

	for (unsigned i = 0; i < HR_DAYS_LOW && o->low[group].w[i]; i++) {
		below += o->low[group].w[i];
		/* late windows weigh little: then the last kept value is lower than the quantile */
		if (below > rank || i + 1 == HR_DAYS_LOW) {
			*ret = log(fmax((double)o->low[group].k[i], 1e-3));
			return true;
		}
	}
	return false;
}

static double load_quantile(
	const struct hr_lookback *back, uint8_t track, uint16_t from, uint16_t to)
{
	uint64_t n[256] = {0}, sum = 0, below = 0;

	for (uint32_t i = 0; i < back->n; i++) {
		const struct hr_cell *c = &back->cell[i];

		if (c->track != track || c->day < from || c->day > to)
			continue;
		n[c->code] += c->n;
		sum += c->n;
	}
	for (unsigned i = 0; i < 256; i++) {
		below += n[i];
		if (sum && (double)below >= ceil(P95 * (double)sum))
			return hr_days_load((uint8_t)i);
	}
	return NAN;
}

static bool close_day(struct hr_days *d, const struct hr_lookback *back, const uint8_t track[2])
{
	const struct hr_day_open *o = &d->open;
	uint32_t seen = 0;
	double v;

	if (o->units < HR_DAYS_ENOUGH)
		return false;
	for (unsigned g = 0; g < HR_DAYS_GROUPS; g++) {
		if (o->low[g].units < HR_DAYS_ENOUGH)
			continue;
		seen |= 1U << g;
		if (low_quantile(o, g, &v))
			add_value(d, o->day, HR_DAY_K + g, v);
	}
	(void)hr_days_add(d, o->day, HR_DAY_SEEN, seen);
	for (unsigned r = 0; r < 2; r++) {
		uint16_t first = o->day > 6 ? (uint16_t)(o->day - 6) : 0;

		v = load_quantile(back, track[r], o->day, o->day);
		if (!isnan(v))
			add_value(d, o->day, HR_DAY_CPU_P95 + 2 * r, v);
		v = load_quantile(back, track[r], first, o->day);
		/* a week has 80 % of its days */
		if (!isnan(v) && hr_days_series(d, HR_DAY_SEEN, 7, (double[7]){0}) >= 6)
			add_value(d, o->day, HR_DAY_CPU_WEEK + 2 * r, v);
	}
	if (o->day > HR_DAYS_MAX)
		expire(d, (uint16_t)(o->day - HR_DAYS_MAX + 1));
	return true;
}

bool hr_days_roll(
	struct hr_days *d, uint16_t day, const struct hr_lookback *back, uint8_t cpu, uint8_t mem)
{
	bool added = false;

	if (day + CLOCK_BACK < d->open.day) { /* the clock was ahead by days: those never were */
		expire(d, UINT16_MAX);
		memset(&d->open, 0, sizeof(d->open));
	}
	if (day <= d->open.day)
		return false;
	if (d->open.day)
		added = close_day(d, back, (uint8_t[2]){cpu, mem});
	memset(d->open.low, 0, sizeof(d->open.low));
	d->open.units = 0;
	d->open.day = day;
	return added;
}

void hr_days_resize(struct hr_days *d, uint16_t day, double cpu, double mem)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < d->n; i++) {
		struct hr_day_cell c = d->cell[i];

		if (c.what == HR_DAY_K || c.what == HR_DAY_K + HR_DAYS_VM)
			c.v += (float)log(cpu);
		else if (c.what < HR_DAY_SEEN && c.what != HR_DAY_K + 1 && c.what != HR_DAY_K + 4)
			continue; /* not serial, not softirq */
		else if (c.what == HR_DAY_SEEN)
			c.bits &= 1U << 0 | 1U << 1 | 1U << 4 | 1U << HR_DAYS_VM;
		else if (c.what == HR_DAY_CPU_P95 || c.what == HR_DAY_CPU_WEEK)
			c.v /= (float)cpu;
		else if (c.what == HR_DAY_MEM_P95 || c.what == HR_DAY_MEM_WEEK)
			c.v /= (float)mem;
		d->cell[kept++] = c;
	}
	d->n = kept;
	memset(d->open.low, 0, sizeof(d->open.low));
	d->open.units = 0; /* the day of a resize is no day of either size */
	(void)hr_days_add(d, day, HR_DAY_RESIZED, EVERY);
}

/* Stored before groups had marks of their own: 1 for all. */
static uint32_t groups_of(const struct hr_day_cell *c)
{
	return c->bits == 1 ? EVERY : c->bits;
}

static void mark(struct hr_days *d, uint16_t day, uint32_t groups)
{
	uint32_t i = find(d, key(day, HR_DAY_RESIZED));

	if (i < d->n && d->cell[i].day == day && d->cell[i].what == HR_DAY_RESIZED)
		groups |= groups_of(&d->cell[i]);
	(void)hr_days_add(d, day, HR_DAY_RESIZED, groups);
}

void hr_days_cut(struct hr_days *d, uint16_t day, unsigned group)
{
	if (group < HR_DAYS_VM)
		mark(d, day, 1U << group);
}

/*
 * The cells [@i, @end) of one day after a change of @group's limit, to @to; how many.  Cells are
 * sorted: k of the resources, k of the VM, what was seen.
 */
static uint32_t limit_day(
	const struct hr_day_cell *c, uint32_t n, unsigned group, double by, struct hr_day_cell *to)
{
	float k = NAN, least = (float)log(HR_DAYS_K_CAP), vm = least;
	uint32_t kept = 0;
	bool bound;

	for (uint32_t i = 0; i < n; i++) {
		if (c[i].what == HR_DAY_K + group)
			k = c[i].v + (float)(by > 0 ? log(by) : 0);
		else if (c[i].what == HR_DAY_K + HR_DAYS_VM)
			vm = c[i].v;
		else if (c[i].what < HR_DAYS_VM)
			least = c[i].v < least ? c[i].v : least;
	}
	/* the VM's quantile is of the minutes' least k: as low as that of what bound, or lower */
	bound = !isnan(k) && k - (by > 0 ? (float)log(by) : 0) <= vm + (float)log(BOUND);
	for (uint32_t i = 0; i < n; i++) {
		struct hr_day_cell x = c[i];

		if (x.what == HR_DAY_K + group) {
			x.v = k;
			if (!(by > 0) || (double)k >= log(HR_DAYS_K_CAP))
				continue;
		} else if (x.what == HR_DAY_K + HR_DAYS_VM && bound) {
			x.v = k < least ? k : least;
			if (!(by > 0) || (double)x.v >= log(HR_DAYS_K_CAP))
				continue;
		} else if (x.what == HR_DAY_SEEN && !(by > 0)) {
			x.bits &= ~(1U << group | (bound ? 1U << HR_DAYS_VM : 0));
		}
		to[kept++] = x;
	}
	return kept;
}

/* All days, or those alone on which ln k of @group was @most or less. */
static void limit_days(struct hr_days *d, uint16_t day, unsigned group, double by, double most)
{
	uint32_t kept = 0;

	for (uint32_t i = 0, end; i < d->n; i = end) {
		bool of_it = isinf(most);

		for (end = i; end < d->n && d->cell[end].day == d->cell[i].day; end++)
			of_it |= d->cell[end].what == HR_DAY_K + group &&
				 (double)d->cell[end].v <= most;
		if (of_it) {
			kept += limit_day(d->cell + i, end - i, group, by, d->cell + kept);
		} else {
			memmove(d->cell + kept, d->cell + i, (end - i) * sizeof(*d->cell));
			kept += end - i;
		}
	}
	d->n = kept;
	memset(&d->open.low[group], 0, sizeof(d->open.low[group]));
	memset(&d->open.low[HR_DAYS_VM], 0, sizeof(d->open.low[0]));
	d->open.units = 0; /* the day of a change is no day of either limit */
	mark(d, day, 1U << group | 1U << HR_DAYS_VM);
}

void hr_days_limit(struct hr_days *d, uint16_t day, unsigned group, double by)
{
	if (group < HR_DAYS_VM)
		limit_days(d, day, group, by, INFINITY);
}

void hr_days_held(struct hr_days *d, uint16_t day, unsigned group)
{
	if (group < HR_DAYS_VM)
		limit_days(d, day, group, 0, 0);
}

void hr_days_forget(struct hr_days *d, unsigned group)
{
	uint32_t kept = 0;

	if (group >= HR_DAY_SEEN) /* no such group */
		return;
	for (uint32_t i = 0; i < d->n; i++) {
		if (d->cell[i].what == HR_DAY_SEEN)
			d->cell[i].bits &= ~(1U << group);
		if (d->cell[i].what != HR_DAY_K + group)
			d->cell[kept++] = d->cell[i];
	}
	d->n = kept;
	memset(&d->open.low[group], 0, sizeof(d->open.low[group]));
}

uint32_t hr_days_seen(const struct hr_days *d)
{
	uint32_t seen = 0;

	for (uint32_t i = 0; i < d->n; i++)
		seen |= d->cell[i].what == HR_DAY_SEEN ? d->cell[i].bits : 0;
	return seen;
}

uint32_t hr_days_below_cap(const struct hr_days *d)
{
	uint32_t below = 0;

	for (uint32_t i = 0; i < d->n; i++)
		below |= d->cell[i].what < HR_DAY_SEEN ? 1U << d->cell[i].what : 0;
	return below;
}

uint16_t hr_days_last(const struct hr_days *d)
{
	for (uint32_t i = d->n; i > 0; i--)
		if (d->cell[i - 1].what == HR_DAY_SEEN)
			return d->cell[i - 1].day;
	return 0;
}

/* First cell of the last @n days up to @last; the cells are in order, so one pass reads a series.
 */
static uint32_t first_of(const struct hr_days *d, uint16_t last, uint32_t n)
{
	return last + 1U > n ? find(d, key((uint16_t)(last - (n - 1)), 0)) : 0;
}

uint32_t hr_days_k_series(const struct hr_days *d, unsigned group, uint32_t n, double *ret)
{
	uint16_t last = hr_days_last(d);
	const struct hr_day_cell *k = NULL;
	uint32_t known = 0;

	for (uint32_t i = 0; i < n; i++)
		ret[i] = NAN;
	for (uint32_t i = first_of(d, last, n); i < d->n && d->cell[i].day <= last; i++) {
		const struct hr_day_cell *c = &d->cell[i];

		if (c->what == HR_DAY_K + group)
			k = c; /* what was seen on a day stands behind its k */
		else if (c->what == HR_DAY_SEEN && c->bits & 1U << group) {
			ret[n - 1 - (last - c->day)] =
				k && k->day == c->day ? (double)k->v : log(HR_DAYS_K_CAP);
			known++;
		}
	}
	return known;
}

uint32_t hr_days_series(const struct hr_days *d, enum hr_day_what what, uint32_t n, double *ret)
{
	uint16_t last = hr_days_last(d);
	uint32_t known = 0;

	for (uint32_t i = 0; i < n; i++)
		ret[i] = NAN;
	for (uint32_t i = first_of(d, last, n); i < d->n && d->cell[i].day <= last; i++)
		if (d->cell[i].what == what) {
			ret[n - 1 - (last - d->cell[i].day)] = (double)d->cell[i].v;
			known++;
		}
	return known;
}

void hr_days_events(const struct hr_days *d, unsigned group, uint32_t n, bool *ret)
{
	uint16_t last = hr_days_last(d);

	memset(ret, 0, n * sizeof(*ret));
	for (uint32_t i = first_of(d, last, n); i < d->n && d->cell[i].day <= last; i++)
		if (d->cell[i].what == HR_DAY_RESIZED)
			ret[n - 1 - (last - d->cell[i].day)] = groups_of(&d->cell[i]) & 1U << group;
}

static double *row(struct hr_days_all *all, unsigned g)
{
	for (unsigned i = 0; all->days[g] == 0 && i < HR_DAYS_MAX; i++)
		all->h[g][i] = NAN;
	return all->h[g];
}

void hr_days_read(const struct hr_days *d, struct hr_days_all *ret)
{
	uint16_t last = hr_days_last(d), day = 0;
	float k[HR_DAYS_GROUPS] = {0};
	uint32_t has = 0; /* groups with a k on the day that is read */
	const double cap = log(HR_DAYS_K_CAP);

	memset(ret->days, 0, sizeof(ret->days));
	memset(ret->load_days, 0, sizeof(ret->load_days));
	memset(ret->event, 0, sizeof(ret->event));
	ret->events = false;
	ret->below = 0;
	for (unsigned i = 0; i < 4 * HR_DAYS_MAX; i++)
		ret->load[i / HR_DAYS_MAX][i % HR_DAYS_MAX] = NAN;
	for (uint32_t i = first_of(d, last, HR_DAYS_MAX); i < d->n && d->cell[i].day <= last; i++) {
		const struct hr_day_cell *c = &d->cell[i];
		uint32_t at = HR_DAYS_MAX - 1U - (uint32_t)(last - c->day);

		has = c->day == day ? has : 0;
		day = c->day;
		if (c->what < HR_DAYS_GROUPS) {
			k[c->what] = c->v;
			has |= 1U << c->what;
		} else if (c->what == HR_DAY_SEEN) {
			for (unsigned g = 0; g < HR_DAYS_GROUPS; g++)
				if (c->bits & 1U << g) {
					row(ret, g)[at] = has & 1U << g ? (double)k[g] : cap;
					ret->days[g]++;
				}
		} else if (c->what >= HR_DAY_CPU_P95 && c->what <= HR_DAY_MEM_WEEK) {
			ret->load[c->what - HR_DAY_CPU_P95][at] = (double)c->v;
			ret->load_days[c->what - HR_DAY_CPU_P95]++;
		} else if (c->what == HR_DAY_RESIZED) {
			ret->event[at] = groups_of(c);
			ret->events = true;
		}
		ret->below |= c->what < HR_DAYS_GROUPS ? 1U << c->what : 0;
	}
}
