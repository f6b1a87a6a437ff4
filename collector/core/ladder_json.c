/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/core/ladder_json.h"

#include <stdlib.h>

#include "collector/core/json_util.h"

json_t *hr_ladder_rung_json(const struct hr_ladder_rung *r)
{
	json_t *o = json_object(), *unknown = json_array();

	/* no name: the VM as it is, and the catalogue does not have it */
	json_object_set_new(o, "name", r->size->name[0] ? json_string(r->size->name) : json_null());
	json_object_set_new(
		o, "vcpus", r->size->vcpus ? json_integer(r->size->vcpus) : json_null());
	json_object_set_new(o, "memory_bytes",
		r->size->mem_bytes ? json_integer((json_int_t)r->size->mem_bytes) : json_null());
	json_object_set_new(o, "headroom", hr_json_bounds(&r->headroom));
	json_object_set_new(
		o, "binding", r->binding ? json_string(hr_resource_name(r->binding)) : json_null());
	json_object_set_new(o, "current", json_boolean(r->current));
	json_object_set_new(o, "enough", json_boolean(r->enough));
	for (unsigned i = 1; i < HR_RES_N; i++)
		if (r->unknown & 1U << i)
			json_array_append_new(
				unknown, json_string(hr_resource_name((enum hr_resource)i)));
	json_object_set_new(o, "unknown", unknown);
	json_object_set_new(o, "price",
		r->size->price > 0 ? json_pack("{s:f, s:s}", "value", r->size->price, "unit",
					     r->size->price_unit)
				   : json_null());
	return o;
}

static json_t *pick(int i)
{
	return i < 0 ? json_null() : json_integer(i);
}

json_t *hr_ladder_json(const struct hr_answer *a, const struct hr_ladder_vm *vm, double target,
	const struct hr_ladder_rung *rung, uint32_t n)
{
	struct hr_ladder_picks p = hr_ladder_pick(rung, n);
	json_t *list = json_array();

	for (uint32_t i = 0; i < n; i++)
		json_array_append_new(list, hr_ladder_rung_json(&rung[i]));
	return json_pack("{s:s, s:s, s:s?, s:f, s:o, s:o, s:o, s:o}", "schema", "headroom.sizes/1",
		"host", a->host, "size", vm->size ? vm->size->name : NULL, "target", target, "next",
		pick(p.next), "smaller", pick(p.smaller), "ceiling", pick(p.ceiling), "sizes",
		list);
}

char *hr_ladder_document(const struct hr_answer *a, const struct hr_catalogue *c, double target)
{
	struct hr_ladder_rung rung[HR_LADDER_MAX];
	struct hr_ladder_vm vm = {.vcpus = a->size.vcpus, .mem_bytes = a->size.mem_bytes};
	uint32_t n;
	json_t *o;
	char *text;

	if (a->size.has)
		vm.size = hr_catalogue_find(c, a->size.provider, a->size.name);
	if (vm.size && !hr_catalogue_fits(vm.size, vm.vcpus, vm.mem_bytes))
		vm.size = NULL;
	n = hr_ladder_climb(a, &vm, c, 1, target, rung);
	o = hr_ladder_json(a, &vm, target, rung, n);
	text = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(8)) : NULL;
	json_decref(o);
	return text;
}
