/* SPDX-License-Identifier: Apache-2.0 */
/* The size a VM has, and the ones that its answer should name: next, largest, smaller. */
#include "collector/core/vm_state.h"

#include <stdio.h>
#include <string.h>

#include "collector/core/ladder.h"

static const struct hr_size_row *size_of(const struct hr_vm *vm)
{
	const struct hr_size_row *row;

	if (!vm->conf.catalogue || !vm->has_facts)
		return NULL;
	row = hr_catalogue_find(vm->conf.catalogue, vm->facts.provider, vm->facts.instance_type);
	if (row && !hr_catalogue_fits(row, vm->facts.cpus_online, vm->facts.mem_total_bytes))
		return NULL; /* an instance_type of somebody's file, or a resize by hot-plugging */
	return row;
}

void hr_vm_ceiling(const struct hr_vm *vm, struct hr_model_conf *conf)
{
	const struct hr_size_row *own = size_of(vm);

	if (!own || conf->max_vcpus || conf->max_mem_bytes)
		return; /* the operator's word counts more */
	for (uint32_t i = 0; i < conf->catalogue->n; i++) {
		const struct hr_size_row *r = &conf->catalogue->row[i];

		if (strcmp(r->provider, own->provider) != 0 || strcmp(r->arch, own->arch) != 0)
			continue;
		if (r->vcpus > conf->max_vcpus)
			conf->max_vcpus = r->vcpus;
		if (r->mem_bytes > conf->max_mem_bytes)
			conf->max_mem_bytes = r->mem_bytes;
	}
}

static void name(const struct hr_ladder_rung *rung, int i, struct hr_rung_answer *ret)
{
	const struct hr_ladder_rung *r = rung + i;

	if (i < 0)
		return;
	ret->has = true;
	memcpy(ret->name, r->size->name, sizeof(ret->name));
	ret->vcpus = r->size->vcpus;
	ret->mem_bytes = r->size->mem_bytes;
	ret->headroom = r->headroom;
	ret->binding = r->binding;
	ret->unknown = r->unknown;
}

void hr_vm_size(const struct hr_vm *vm, struct hr_answer *a)
{
	struct hr_ladder_rung rung[HR_LADDER_MAX];
	struct hr_ladder_vm v = {.size = size_of(vm)};
	struct hr_ladder_picks p;
	uint32_t n;

	if (!vm->has_facts)
		return;
	v.vcpus = vm->facts.cpus_online;
	v.mem_bytes = vm->facts.mem_total_bytes;
	a->size.has = true;
	memcpy(a->size.provider, vm->facts.provider, sizeof(a->size.provider));
	memcpy(a->size.name, vm->facts.instance_type, sizeof(a->size.name));
	a->size.vcpus = v.vcpus;
	a->size.mem_bytes = v.mem_bytes;
	a->size.in_catalogue = v.size != NULL;
	n = hr_ladder_climb(a, &v, vm->conf.catalogue, 1, vm->conf.k_target, rung);
	if (n == 0)
		return;
	p = hr_ladder_pick(rung, n);
	name(rung, p.next, &a->size.next);
	name(rung, p.ceiling, &a->size.largest);
	name(rung, p.smaller, &a->size.smaller);
}

static void append(char *s, const char *more)
{
	size_t n = strlen(s);

	if (n + strlen(more) + 2 <= HR_TEXT_LEN)
		(void)snprintf(s + n, HR_TEXT_LEN - n, " %s", more);
}

void hr_vm_size_advice(struct hr_answer *a)
{
	const struct hr_rung_answer *r = a->reason == HR_REASON_BIGGER_SIZE_HELPS ? &a->size.next
					 : a->reason == HR_REASON_HEADROOM_LEFT   ? &a->size.smaller
										  : NULL;
	char text[160];

	if (!r || !r->has || !r->headroom.at_least.has)
		return;
	if (r == &a->size.next)
		(void)snprintf(text, sizeof(text),
			"Next size: %s, predicted at least %.1fx today's load (%s binds there).",
			r->name, r->headroom.at_least.v, hr_resource_name(r->binding));
	else
		(void)snprintf(text, sizeof(text),
			"A smaller size would do, too: %s, predicted at least %.1fx.", r->name,
			r->headroom.at_least.v);
	append(a->advice, text);
}
