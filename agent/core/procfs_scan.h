/* SPDX-License-Identifier: Apache-2.0 */
/* Scanner shared by procfs.c and procfs_kv.c: a line, its words, its numbers.  Never reads past
 * @end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "agent/core/procfs.h"
#include "proto/num.h"

/* What is left of one line, without its newline. */
struct scan {
	const char *p, *end;
};

struct scan_word {
	const char *p;
	size_t n;
};

/* Takes the next line; false at the end of the text. */
static inline bool scan_line(struct hr_procfs_rows *r, struct scan *ret)
{
	const char *nl;

	if (r->p >= r->end)
		return false;
	nl = memchr(r->p, '\n', (size_t)(r->end - r->p));
	*ret = (struct scan){r->p, nl ? nl : r->end};
	r->p = nl ? nl + 1 : r->end;
	return true;
}

/* Takes the next word; false when only blanks are left. */
static inline bool scan_word(struct scan *s, struct scan_word *ret)
{
	const char *p = s->p;

	while (p < s->end && (*p == ' ' || *p == '\t'))
		p++;
	ret->p = p;
	while (p < s->end && *p != ' ' && *p != '\t')
		p++;
	ret->n = (size_t)(p - ret->p);
	s->p = p;
	return ret->n > 0;
}

/* Takes the next word, which must be a decimal number. */
static inline bool scan_u64(struct scan *s, uint64_t *ret)
{
	struct scan_word w;

	return scan_word(s, &w) && hr_num_u64_n(w.p, w.n, ret);
}

static inline bool scan_u32(struct scan *s, uint32_t *ret)
{
	uint64_t v;

	if (!scan_u64(s, &v) || v > UINT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

/* @n numbers in a row. */
static inline bool scan_u64s(struct scan *s, uint64_t *const *ret, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!scan_u64(s, ret[i]))
			return false;
	return true;
}

static inline bool word_is(const struct scan_word *w, const char *name)
{
	/* not strncmp: a NUL inside the word would end it early and read behind @name */
	return strlen(name) == w->n && memcmp(w->p, name, w->n) == 0;
}

/* Copies a word with NUL; false when it does not fit. */
static inline bool word_copy(const struct scan_word *w, char *ret, size_t cap)
{
	if (w->n == 0 || w->n >= cap || memchr(w->p, '\0', w->n))
		return false;
	memcpy(ret, w->p, w->n);
	ret[w->n] = '\0';
	return true;
}
