/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of JSON that several documents share; unknown is null, times are RFC 3339 UTC. */
#pragma once

#include <jansson.h>
#include <math.h>

#include "collector/core/answer.h"
#include "collector/core/answer_json.h"

static inline json_t *hr_json_opt(struct hr_opt o)
{
	return o.has && isfinite(o.v) ? json_real(o.v) : json_null();
}

/* Unix ms; 0 is "not known". */
static inline json_t *hr_json_time(uint64_t ms)
{
	char text[HR_RFC3339_LEN];

	if (ms == 0)
		return json_null();
	hr_rfc3339(ms, text);
	return json_string(text);
}

static inline json_t *hr_json_bounds(const struct hr_bounds *b)
{
	json_t *o;

	if (!b->has)
		return json_null();
	o = json_object();
	json_object_set_new(o, "at_least", hr_json_opt(b->at_least));
	json_object_set_new(o, "likely", hr_json_opt(b->likely));
	json_object_set_new(o, "at_most", hr_json_opt(b->at_most));
	if (b->capped)
		json_object_set_new(o, "capped", json_true());
	return o;
}
