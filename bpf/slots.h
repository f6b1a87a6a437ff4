/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/*
 * Time slots: slot number = ns >> HR_SLOT_SHIFT, kept in a ring.  Spreading an
 * interval over the slots it covers makes the sum over slots the time-weighted
 * concurrency (Little's law).  Same lines in BPF, agent and tests; the includer
 * provides uint32_t, uint64_t.
 */
#pragma once

#include "proto/limits.h"

#define HR_RING_MASK (HR_RING_SLOTS - 1)

/* Most slots one interval is spread over: a whole ring, less the slot where it would meet itself.
 */
#define HR_SPREAD_MAX (HR_RING_SLOTS - 1)

/*
 * An interval in slots: @head ns in slot @first, HR_SLOT_NS in each one between,
 * @tail ns in slot @first + @n - 1 if @n > 1.  head + (n - 2) slots + tail = its length.
 */
struct hr_span {
	uint64_t first; /* absolute slot number */
	uint32_t n;     /* 0: empty */
	uint32_t head, tail;
};

/* Slots of [a, b); the older end is cut off where it would not fit the ring. */
static inline __attribute__((always_inline)) struct hr_span hr_span(uint64_t a, uint64_t b)
{
	struct hr_span s = {0, 0, 0, 0};
	uint64_t last;

	if (a >= b)
		return s;
	last = (b - 1) >> HR_SLOT_SHIFT;
	s.first = a >> HR_SLOT_SHIFT;
	if (last - s.first >= HR_SPREAD_MAX) {
		s.first = last - (HR_SPREAD_MAX - 1);
		a = s.first << HR_SLOT_SHIFT;
	}
	s.n = (uint32_t)(last - s.first) + 1;
	if (s.n == 1) {
		s.head = (uint32_t)(b - a);
	} else {
		s.head = (uint32_t)(HR_SLOT_NS - (a & (HR_SLOT_NS - 1)));
		s.tail = (uint32_t)((b - 1) & (HR_SLOT_NS - 1)) + 1;
	}
	return s;
}
