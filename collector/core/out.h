/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text for a terminal, built in a caller's buffer: cut at its end, never beyond it.
 * Columns are counted in characters of UTF-8, one column each.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define HR_WIDTH_MIN 40  /* narrower terminals wrap by themselves */
#define HR_WIDTH_MAX 100 /* longer lines are hard to read */

struct hr_out {
	char *buf;
	size_t cap;     /* with NUL, > 0 */
	size_t len;     /* written, without NUL */
	unsigned width; /* columns of a line */
	bool color;
};

/* @width is brought into HR_WIDTH_MIN..HR_WIDTH_MAX. */
void hr_out_init(struct hr_out *o, char *buf, size_t cap, unsigned width, bool color);

__attribute__((format(printf, 2, 3))) void hr_out_say(struct hr_out *o, const char *fmt, ...);

/* @s in a column: filled up to @least columns, cut after @most; a character is whole or left out.
 */
void hr_out_cell(struct hr_out *o, const char *s, unsigned least, unsigned most);

/* Colours by meaning; nothing without color. */
enum hr_tone {
	HR_TONE_PLAIN = 0,
	HR_TONE_GOOD,
	HR_TONE_WARN,
	HR_TONE_BAD,
	HR_TONE_DIM,
	HR_TONE_BOLD,
};
void hr_out_tone(struct hr_out *o, enum hr_tone tone);

/*
 * @text as a paragraph of lines not longer than the width, the first begun with
 * @first, the others with as many spaces.  Ends with a newline.
 */
void hr_out_wrap(struct hr_out *o, const char *first, const char *text);
/* The same with @indent spaces before the second and later lines. */
void hr_out_hang(struct hr_out *o, const char *first, unsigned indent, const char *text);

/* Columns of @s: bytes that begin a character. */
unsigned hr_out_columns(const char *s);
