/* SPDX-License-Identifier: Apache-2.0 */
/* File systems in a VM's answer: how full, and when full (stock.h).  They take no part in K. */
#include "collector/core/vm_state.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DAY_MS       86400000ULL
#define SURE_DAYS    28   /* of samples: high confidence */
#define INODES_LEAST 0.05 /* of the inodes used: below it they are no line of the answer */

static struct hr_opt whole_days(struct hr_opt d)
{
	return (struct hr_opt){.has = d.has, .v = d.has ? floor(d.v) : 0};
}

/* Two refits agree when the newer date is not before the earliest that the older one named. */
static bool agrees(const struct hr_stock *now, const struct hr_stock *before)
{
	return now->likely.has && before->early.has && now->likely.v + 1 >= before->early.v;
}

static void date(const struct hr_stocks_fs *f, bool inodes, struct hr_res_answer *r)
{
	struct hr_stock now, before;

	hr_stocks_fit(f, inodes, 0, &now);
	hr_stocks_fit(f, inodes, 1, &before);
	r->confidence = f->n > SURE_DAYS ? HR_CONFIDENCE_HIGH
			: now.need_days  ? HR_CONFIDENCE_LOW
					 : HR_CONFIDENCE_MEDIUM;
	if (now.need_days) {
		(void)snprintf(r->missing[0].evidence, sizeof(r->missing[0].evidence),
			"%u more day%s of samples until it can be dated", now.need_days,
			now.need_days == 1 ? "" : "s");
		r->missing[0].available_ms = f->seen_ms + now.need_days * DAY_MS;
		r->n_missing = 1;
		return;
	}
	if (now.per_day <= 0)
		return; /* it shrinks */
	r->evidence[0] = (struct hr_evidence){.value = now.per_day, .unit = r->demand.unit};
	(void)snprintf(r->evidence[0].signal, sizeof(r->evidence[0].signal), "growth_per_day");
	(void)snprintf(r->evidence[0].source, sizeof(r->evidence[0].source), "%u days of statvfs",
		now.days);
	r->n_evidence = 1;
	if (!now.early.has)
		return; /* not at this rate, or beyond what the days can tell */
	r->days_left = (struct hr_days_left){.has = true,
		.at_least = whole_days(now.early),
		.likely = whole_days(now.likely),
		.agreed = agrees(&now, &before)};
}

static void one(
	const struct hr_vm *vm, const struct hr_stocks_fs *f, bool inodes, struct hr_answer *a)
{
	struct hr_res_answer *r = &a->res[a->n_res];
	double used = (double)(inodes ? f->now.used_inodes : f->now.used_bytes);
	double usable = (double)(inodes ? f->now.usable_inodes : f->now.usable_bytes);

	if (a->n_res >= HR_ANS_RES_MAX || usable <= 0 || (inodes && used < INODES_LEAST * usable))
		return;
	a->n_res++;
	memset(r, 0, sizeof(*r));
	r->resource = inodes ? HR_RES_INODES : HR_RES_FILESYSTEM;
	memcpy(r->device, f->now.mount, sizeof(r->device));
	r->demand.unit = r->capacity.unit = inodes ? HR_UNIT_COUNT : HR_UNIT_BYTES;
	r->demand.mean = r->demand.max = hr_opt_of(used);
	r->capacity.value = hr_opt_of(usable);
	r->capacity.source = HR_CAP_KNOWN;
	r->saturated = used >= HR_STOCKS_FULL * usable;
	r->confidence = HR_CONFIDENCE_LOW;
	if (vm->conf.min_history_h > 0) {
		date(f, inodes, r);
		return;
	}
	(void)snprintf(r->missing[0].evidence, sizeof(r->missing[0].evidence),
		"how it fills (%d days of samples)", HR_STOCK_DAYS_MIN);
	r->n_missing = 1;
}

void hr_vm_stocks(const struct hr_vm *vm, struct hr_answer *a)
{
	for (uint8_t i = 0; i < vm->stocks.n; i++) {
		const struct hr_stocks_fs *f = &vm->stocks.fs[i];

		if (vm->last_ms > f->seen_ms + HR_STOCKS_CURRENT_MS)
			continue; /* not mounted, or no longer among the fullest */
		one(vm, f, false, a);
		one(vm, f, true, a);
	}
}

static void append(char *s, const char *more)
{
	size_t n = strlen(s);

	if (n + strlen(more) + 2 <= HR_TEXT_LEN)
		(void)snprintf(s + n, HR_TEXT_LEN - n, "%s%s", n ? " " : "", more);
}

void hr_vm_stocks_advice(struct hr_answer *a)
{
	const struct hr_res_answer *worst = NULL;
	char text[HR_TEXT_LEN], when[64];

	for (uint8_t i = 0; i < a->n_res; i++) {
		const struct hr_res_answer *r = &a->res[i];
		bool stock = r->resource == HR_RES_FILESYSTEM || r->resource == HR_RES_INODES;

		if (!stock ||
			(!r->saturated && !(r->days_left.agreed && r->days_left.at_least.has &&
						  r->days_left.at_least.v < VM_SOON_DAYS)))
			continue;
		if (!worst || (r->saturated && !worst->saturated) ||
			(r->saturated == worst->saturated &&
				r->days_left.at_least.v < worst->days_left.at_least.v))
			worst = r;
	}
	if (!worst)
		return;
	if (worst->saturated)
		(void)snprintf(when, sizeof(when), "is %.0f %% full",
			100 * worst->demand.max.v / worst->capacity.value.v);
	else
		(void)snprintf(when, sizeof(when), "is full in %.0f days at the earliest",
			worst->days_left.at_least.v);
	(void)snprintf(text, sizeof(text), "The %s %s %s: make room, or enlarge it.",
		worst->resource == HR_RES_INODES ? "inode table of" : "file system", worst->device,
		when);
	append(a->advice, text);
}
