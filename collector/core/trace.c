/* SPDX-License-Identifier: Apache-2.0 */
/* Text sink of `headroom explain`: a buffer that is cut, never overrun. */
#include "collector/core/trace.h"

#include <stdarg.h>
#include <stdio.h>

void hr_trace_say(struct hr_trace *t, const char *fmt, ...)
{
	va_list ap;
	size_t room;
	int n;

	if (!t || t->cap == 0 || t->len + 2 > t->cap)
		return;
	room = t->cap - t->len - 1; /* one byte kept for the newline */
	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, room, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	t->len += (size_t)n < room ? (size_t)n : room - 1;
	t->buf[t->len++] = '\n';
	t->buf[t->len] = '\0';
}
