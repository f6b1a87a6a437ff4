/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growth of a running counter, or the reason why it is not known.  A counter
 * that was missing once starts afresh: growth over a gap belongs to no window.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Positive outcomes of hr_counter_delta(): no growth is known, the counter is re-based. */
enum hr_counter_why {
	HR_COUNTER_OK = 0,
	HR_COUNTER_FIRST,   /* first sight, or first after a gap */
	HR_COUNTER_MISSING, /* not delivered */
	HR_COUNTER_BACK, /* smaller than before and no wrap: reset, replaced, or a kernel quirk */
	HR_COUNTER_WHY_N,
};
const char *hr_counter_why_name(enum hr_counter_why why);

struct hr_counter {
	uint64_t last;
	bool seen;
};

/*
 * Growth of @c up to @now.  @bits: width at which the source wraps, 32 or 64.
 * A 32-bit decrease is a wrap only from the top quarter into the bottom one;
 * 64-bit counters do not wrap in the life of a machine.  0 and *ret_delta, or a
 * positive enum hr_counter_why.
 */
int hr_counter_delta(
	struct hr_counter *c, bool have, uint64_t now, unsigned bits, uint64_t *ret_delta);

/* The same for sums of several counters: the growth of a 64-bit one, or 0 and *ok = false. */
static inline uint64_t hr_counter_grow(struct hr_counter *c, bool have, uint64_t now, bool *ok)
{
	uint64_t d = 0;

	if (hr_counter_delta(c, have, now, 64, &d) != HR_COUNTER_OK)
		*ok = false;
	return d;
}
