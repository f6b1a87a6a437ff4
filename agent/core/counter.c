/* SPDX-License-Identifier: Apache-2.0 */
/* Growth of running counters; see counter.h for the rules. */
#include "agent/core/counter.h"

static const char *const why_name[HR_COUNTER_WHY_N] = {
	[HR_COUNTER_OK] = "ok",
	[HR_COUNTER_FIRST] = "first sight",
	[HR_COUNTER_MISSING] = "missing",
	[HR_COUNTER_BACK] = "went back",
};

const char *hr_counter_why_name(enum hr_counter_why why)
{
	return (unsigned)why < HR_COUNTER_WHY_N ? why_name[why] : "?";
}

/* From the top quarter into the bottom one: less than half the range in one step, so no reset. */
static bool wrapped_32(uint64_t last, uint64_t now)
{
	return last <= UINT32_MAX && last >= 3ULL << 30 && now < 1ULL << 30;
}

int hr_counter_delta(
	struct hr_counter *c, bool have, uint64_t now, unsigned bits, uint64_t *ret_delta)
{
	uint64_t last = c->last;
	bool seen = c->seen;

	if (!have) {
		c->seen = false;
		return HR_COUNTER_MISSING;
	}
	c->last = now;
	c->seen = true;
	if (!seen)
		return HR_COUNTER_FIRST;
	if (now >= last) {
		*ret_delta = now - last;
		return HR_COUNTER_OK;
	}
	if (bits == 32 && wrapped_32(last, now)) {
		*ret_delta = (uint32_t)((uint32_t)now - (uint32_t)last);
		return HR_COUNTER_OK;
	}
	return HR_COUNTER_BACK;
}
