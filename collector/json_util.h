/* SPDX-License-Identifier: Apache-2.0 */
/* Small pieces of JSON that the HTTP side makes itself; unknown is null, times are RFC 3339 UTC. */
#pragma once

#include <jansson.h>
#include <stdio.h>
#include <time.h>

#include "collector/core/answer.h"

static inline json_t *hr_json_opt(struct hr_opt o)
{
	return o.has ? json_real(o.v) : json_null();
}

/* Unix ms; 0 is "not known". */
static inline json_t *hr_json_time(uint64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	char text[64];
	struct tm tm;

	if (ms == 0 || !gmtime_r(&t, &tm) || strftime(text, sizeof(text), "%FT%TZ", &tm) == 0)
		return json_null();
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
