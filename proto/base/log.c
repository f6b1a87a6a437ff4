/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line per event.  Lines are built whole and written with one write(2), so
 * threads never mix theirs; control characters are replaced, so a value from
 * the network cannot forge a line.
 */
#include "proto/base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/units.h"

#define LINE_MAX_LEN 1024
#define EVENTS_MAX   64 /* distinct events followed; a new one takes the oldest's place */
#define PER_WINDOW   10 /* repeats of one event ... */
#define WINDOW_NS    (60 * HR_NS_PER_S) /* ... a minute */

struct event {
	char name[48];
	uint64_t window_start_ns;
	unsigned n;             /* lines of this window */
	unsigned long left_out; /* since the last line that was written */
};

static struct {
	pthread_mutex_t lock;
	char program[32];
	enum hr_log_prio max;
	struct event events[EVENTS_MAX];
} g_log = {.lock = PTHREAD_MUTEX_INITIALIZER, .max = HR_LOG_INFO};

void hr_log_init(const char *program, enum hr_log_prio max)
{
	pthread_mutex_lock(&g_log.lock);
	snprintf(g_log.program, sizeof(g_log.program), "%s", program);
	g_log.max = max;
	pthread_mutex_unlock(&g_log.lock);
}

static struct event *find_event(const char *name)
{
	struct event *oldest = &g_log.events[0];

	for (unsigned i = 0; i < EVENTS_MAX; i++) {
		struct event *e = &g_log.events[i];

		if (strncmp(e->name, name, sizeof(e->name) - 1) == 0)
			return e;
		if (e->window_start_ns < oldest->window_start_ns)
			oldest = e;
	}
	*oldest = (struct event){0};
	snprintf(oldest->name, sizeof(oldest->name), "%s", name);
	return oldest;
}

/* Whether this line may be written; then @ret_left_out says how many before it were not. */
static bool admit(const char *name, unsigned long *ret_left_out)
{
	uint64_t now_ns = hr_clock_mono_ns();
	struct event *e = find_event(name);

	if (e->window_start_ns == 0 || now_ns - e->window_start_ns >= WINDOW_NS) {
		e->window_start_ns = now_ns;
		e->n = 0;
	}
	if (e->n >= PER_WINDOW) {
		e->left_out++;
		return false;
	}
	e->n++;
	*ret_left_out = e->left_out;
	e->left_out = 0;
	return true;
}

/* Length of the line after a printf that wanted to add @r bytes: cut, never beyond the end. */
static size_t grown(size_t len, int r)
{
	if (r < 0)
		return len;
	return len + (size_t)r < LINE_MAX_LEN ? len + (size_t)r : LINE_MAX_LEN - 1;
}

__attribute__((format(printf, 3, 4))) static size_t append(
	char *line, size_t len, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vsnprintf(line + len, LINE_MAX_LEN - len, fmt, ap);
	va_end(ap);
	return grown(len, r);
}

void hr_log(enum hr_log_prio prio, const char *event, const char *fmt, ...)
{
	char line[LINE_MAX_LEN + 1]; /* and the newline */
	unsigned long left_out = 0;
	size_t len = 0, start;
	va_list ap;

	pthread_mutex_lock(&g_log.lock);
	if (prio > g_log.max || !admit(event, &left_out))
		goto out;
	if (!isatty(STDERR_FILENO))
		len = append(line, len, "<%d>", prio);
	else if (*g_log.program)
		len = append(line, len, "%s: ", g_log.program);
	start = len;
	len = append(line, len, "event=%s", event);
	if (*fmt) {
		len = append(line, len, " ");
		va_start(ap, fmt);
		len = grown(len, vsnprintf(line + len, LINE_MAX_LEN - len, fmt, ap));
		va_end(ap);
	}
	if (left_out)
		len = append(line, len, " left_out=%lu", left_out);
	for (size_t i = start; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0) {
		/* nobody to tell: stderr is where we would say it */
	}
out:
	pthread_mutex_unlock(&g_log.lock);
}
