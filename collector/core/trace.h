/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the model did, step by step, as text for `headroom explain`.  The
 * estimators say each step through it while they compute, so that what is
 * printed is what was done and not a second version of it.  NULL = say nothing.
 */
#pragma once

#include <stddef.h>

struct hr_trace {
	char *buf;
	size_t cap; /* with NUL */
	size_t len; /* written, without NUL; < cap when cap > 0 */
};

/* Appends one line; the newline is added.  Cut at cap, never beyond it. */
__attribute__((format(printf, 2, 3))) void hr_trace_say(struct hr_trace *t, const char *fmt, ...);
