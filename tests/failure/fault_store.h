/* SPDX-License-Identifier: Apache-2.0 */
/* A store in front of another one that fails when told to; everything else passes. */
#pragma once

#include "collector/store.h"

enum fault_kind {
	FAULT_NONE = 0,
	FAULT_ONCE,    /* the call fails with @result and does nothing */
	FAULT_FOREVER, /* it and every later one */
	/* the process dies at this call: it has or has not had its effect, later ones have none */
	FAULT_DIE_BEFORE,
	FAULT_DIE_AFTER,
};

struct fault_plan {
	enum fault_kind kind;
	uint64_t at; /* the call that fails, counted from 1 after the plan was set */
	enum hr_store_result result;
	uint64_t calls; /* made since */
	bool hit;
};

/* Takes over @inner when @owns; else close() leaves it open.  NULL: out of memory. */
struct hr_store *fault_store_new(struct hr_store *inner, bool owns);
struct fault_plan *fault_store_plan(struct hr_store *s);
