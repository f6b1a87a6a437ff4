/* SPDX-License-Identifier: Apache-2.0 */
/* The ladder of a VM's family as a document: schema headroom.sizes/1 (collector/API.md). */
#pragma once

#include <jansson.h>

#include "collector/core/ladder.h"

/* name, vcpus, memory_bytes, headroom, binding, current, enough, unknown, price; the caller's. */
json_t *hr_ladder_rung_json(const struct hr_ladder_rung *r);

/* host, size, target, next, smaller, ceiling (index into sizes or null), sizes; the caller's. */
json_t *hr_ladder_json(const struct hr_answer *a, const struct hr_ladder_vm *vm, double target,
	const struct hr_ladder_rung *rung, uint32_t n);

/*
 * The document of the VM whose answer is @a, as text (the caller's to free); NULL: out of memory.
 * size is null and sizes empty when its size is not known, not in @c or not what the VM has.
 */
char *hr_ladder_document(const struct hr_answer *a, const struct hr_catalogue *c, double target);
