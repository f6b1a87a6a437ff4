/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/core/ladder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "collector/core/model.h"

#define ONE_CPU                                                                                    \
	0.8 /* stage 1 with one vCPU: x1.44 of error against x1.22 with more (answer-model 4.5) */

static void scale(struct hr_bounds *b, double by)
{
	struct hr_opt *o[3] = {&b->at_least, &b->likely, &b->at_most};

	for (unsigned i = 0; i < 3; i++)
		if (o[i]->has)
			o[i]->v *= by;
	b->capped = b->capped && by >= 1;
}

/* An estimate at its cap says "8 or more": scaled down it is still at least that share of 8. */
static void cpu(const struct hr_ladder_vm *vm, const struct hr_size_row *to, struct hr_bounds *b)
{
	double ratio = (double)to->vcpus / vm->vcpus;
	bool capped = b->capped;

	scale(b, ratio);
	if (to->vcpus == 1 && vm->vcpus > 1 && b->at_least.has)
		b->at_least.v *= ONE_CPU;
	if (capped && ratio < 1) /* how far beyond 8 is not known */
		b->at_most = (struct hr_opt){0};
}

/*
 * at_least = 1 + left / anonymous (model_memory.c), so one more byte of RAM is one more that is
 * left: that and anonymous are back-computed from it and the demand.
 */
static bool memory(const struct hr_res_answer *r, const struct hr_ladder_vm *vm,
	const struct hr_size_row *to, struct hr_bounds *b)
{
	double sold = vm->size && vm->size->mem_bytes ? (double)vm->size->mem_bytes
						      : (double)vm->mem_bytes;
	double more = (double)to->mem_bytes - sold, used, available, anon;

	if (!to->mem_bytes || !vm->mem_bytes)
		return false;
	if (!b->at_least.has || !r->demand.max.has || b->at_least.v <= 1)
		return false; /* short already: by how much nothing here measures */
	used = r->demand.max.v;
	available = fmax((double)vm->mem_bytes - used, 0);
	anon = available / (b->at_least.v - 1);
	if (b->capped && more < 0)
		anon = fmax(anon, used); /* at the cap only an upper limit of it is known */
	b->at_least.v = anon > 0 ? fmax(1 + (available + more) / anon, HR_K_MIN) : HR_K_MAX;
	b->likely = b->likely.has && more >= 0 ? b->likely : (struct hr_opt){0};
	b->at_most = (struct hr_opt){0};
	return true;
}

/* Ratio of the sustained limits, else of the largest; false: one of them is not known. */
static bool ratio_of(
	const struct hr_size_row *from, const struct hr_size_row *to, unsigned base, double *ret)
{
	for (unsigned i = base; from && i < base + 2; i++)
		if (from->limit[i] > 0 && to->limit[i] > 0) {
			*ret = to->limit[i] / from->limit[i];
			return true;
		}
	return false;
}

static bool device(const struct hr_res_answer *r, const struct hr_ladder_vm *vm,
	const struct hr_size_row *to, struct hr_bounds *b)
{
	double by = 1, bytes = 1;

	if (r->resource == HR_RES_NETWORK) {
		if (!ratio_of(vm->size, to, HR_SIZE_NET_BASE, &by))
			return false;
	} else {
		if (!ratio_of(vm->size, to, HR_SIZE_DISK_BASE_IOPS, &by) ||
			!ratio_of(vm->size, to, HR_SIZE_DISK_BASE_BYTES, &bytes))
			return false;
		by = fmin(by, bytes);
	}
	if (by > 1) { /* the volume's or the link's own cap may stay: only the upper end moves */
		if (b->likely.has)
			b->likely.v *= by;
		if (b->at_most.has)
			b->at_most.v *= by;
	} else {
		scale(b, by);
	}
	return true;
}

static void take_min(struct hr_opt *all, const struct hr_opt *one, bool *first, bool *ret_less)
{
	*ret_less = one->has && (*first || !all->has || one->v < all->v);
	if (*ret_less)
		*all = *one;
	*first = false;
}

void hr_ladder_rung(const struct hr_answer *a, const struct hr_ladder_vm *vm,
	const struct hr_size_row *to, double load, struct hr_ladder_rung *ret)
{
	bool first[3] = {true, true, true};
	bool likely_known = true;

	memset(ret, 0, sizeof(*ret));
	ret->size = to;
	ret->current = vm->size == to;
	if (ret->current && a->headroom.has) { /* not predicted: this is where it was measured */
		ret->headroom = a->headroom;
		ret->binding = a->binding.resource;
		memcpy(ret->device, a->binding.device, sizeof(ret->device));
		scale(&ret->headroom, 1 / load);
		hr_bounds_tidy(&ret->headroom);
		return;
	}
	for (uint8_t i = 0; i < a->n_res && vm->vcpus; i++) {
		const struct hr_res_answer *r = &a->res[i];
		struct hr_bounds b = r->headroom;
		bool less, known = true;

		if (!b.has)
			continue;
		if (r->resource == HR_RES_CPU && !ret->current)
			cpu(vm, to, &b);
		else if (r->resource == HR_RES_MEMORY && !ret->current)
			known = memory(r, vm, to, &b);
		else if ((r->resource == HR_RES_DISK || r->resource == HR_RES_NETWORK) &&
			 !ret->current)
			known = device(r, vm, to, &b);
		if (!known)
			ret->unknown |= 1U << r->resource;
		scale(&b, 1 / load);
		hr_bounds_tidy(&b);
		likely_known &= b.likely.has || r->resource == HR_RES_MEMORY;
		take_min(&ret->headroom.at_least, &b.at_least, &first[0], &less);
		if (less) {
			ret->binding = r->resource;
			memcpy(ret->device, r->device, sizeof(ret->device));
		}
		take_min(&ret->headroom.likely, &b.likely, &first[1], &less);
		take_min(&ret->headroom.at_most, &b.at_most, &first[2], &less);
	}
	if (!likely_known)
		ret->headroom.likely = (struct hr_opt){0};
	ret->headroom.has = ret->headroom.at_least.has || ret->headroom.likely.has;
	hr_bounds_tidy(&ret->headroom);
}

uint32_t hr_ladder_climb(const struct hr_answer *a, const struct hr_ladder_vm *vm,
	const struct hr_catalogue *c, double load, double target,
	struct hr_ladder_rung ret[HR_LADDER_MAX])
{
	const struct hr_size_row *row;
	uint32_t n = 0, all;

	if (!c || !vm->size)
		return 0;
	row = hr_catalogue_family(c, vm->size, &all);
	for (uint32_t i = 0; i < all && n < HR_LADDER_MAX; i++) {
		if (strcmp(row[i].arch, vm->size->arch) != 0)
			continue;
		hr_ladder_rung(a, vm, &row[i], load, &ret[n]);
		ret[n].enough =
			ret[n].headroom.at_least.has && ret[n].headroom.at_least.v >= target;
		n++;
	}
	return n;
}

struct hr_ladder_picks hr_ladder_pick(const struct hr_ladder_rung *rung, uint32_t n)
{
	struct hr_ladder_picks p = {-1, -1, -1, -1};

	for (uint32_t i = 0; i < n; i++)
		if (rung[i].current)
			p.current = (int)i;
	if (p.current < 0)
		return p;
	for (uint32_t i = 0; i < n; i++) {
		const struct hr_size_row *s = rung[i].size, *now = rung[p.current].size;
		/* unknown memory (0) is compared as equal */
		bool more_memory = s->mem_bytes > now->mem_bytes;

		if (s->vcpus > now->vcpus && s->mem_bytes >= now->mem_bytes && p.next < 0)
			p.next = (int)i;
		if (s->vcpus > now->vcpus || (s->vcpus == now->vcpus && more_memory))
			p.ceiling = (int)i;
		if (s->vcpus < now->vcpus && rung[i].enough && p.smaller < 0)
			p.smaller = (int)i;
	}
	return p;
}

static const struct hr_res_answer *res_of(const struct hr_answer *a, enum hr_resource r)
{
	for (uint8_t i = 0; i < a->n_res; i++)
		if (a->res[i].resource == r)
			return &a->res[i];
	return NULL;
}

/* 1 / (1/k_a + (C_b / C_a) / k_b): both at their tightest at once. */
static struct hr_opt both(const struct hr_res_answer *a, const struct hr_res_answer *b)
{
	double ratio;

	if (!a || !b || !a->headroom.at_least.has || !b->headroom.at_least.has ||
		!a->capacity.value.has || !b->capacity.value.has || a->capacity.value.v <= 0)
		return (struct hr_opt){0};
	ratio = b->capacity.value.v / a->capacity.value.v;
	return (struct hr_opt){.has = true,
		.v = 1 / (1 / a->headroom.at_least.v + ratio / b->headroom.at_least.v)};
}

struct hr_bounds hr_ladder_merge(const struct hr_answer *a, const struct hr_answer *b)
{
	struct hr_opt c = both(res_of(a, HR_RES_CPU), res_of(b, HR_RES_CPU));
	struct hr_opt m = both(res_of(a, HR_RES_MEMORY), res_of(b, HR_RES_MEMORY));
	struct hr_bounds k = {0};

	if (!c.has || !m.has)
		return k;
	k.at_least = (struct hr_opt){.has = true, .v = fmin(c.v, m.v)};
	hr_bounds_tidy(&k);
	return k;
}
