/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded text with wrapping and optional colour; see out.h. */
#include "collector/core/out.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void hr_out_init(struct hr_out *o, char *buf, size_t cap, unsigned width, bool color)
{
	*o = (struct hr_out){.buf = buf,
		.cap = cap,
		.width = width < HR_WIDTH_MIN   ? HR_WIDTH_MIN
			 : width > HR_WIDTH_MAX ? HR_WIDTH_MAX
						: width,
		.color = color};
	buf[0] = '\0';
}

void hr_out_say(struct hr_out *o, const char *fmt, ...)
{
	size_t room = o->cap - o->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(o->buf + o->len, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		o->len += (size_t)n < room ? (size_t)n : room - 1;
}

void hr_out_cell(struct hr_out *o, const char *s, unsigned least, unsigned most)
{
	unsigned at = 0;
	size_t len = 0;

	for (; s[len]; len++) {
		bool begins = ((unsigned char)s[len] & 0xc0) != 0x80;

		if (begins && at == most)
			break;
		at += begins;
	}
	hr_out_say(o, "%.*s%*s", (int)len, s, at < least ? (int)(least - at) : 0, "");
}

void hr_out_tone(struct hr_out *o, enum hr_tone tone)
{
	static const char *const code[] = {
		[HR_TONE_PLAIN] = "0",
		[HR_TONE_GOOD] = "1;32",
		[HR_TONE_WARN] = "1;33",
		[HR_TONE_BAD] = "1;31",
		[HR_TONE_DIM] = "2",
		[HR_TONE_BOLD] = "1",
	};

	if (o->color)
		hr_out_say(o, "\033[%sm", code[tone]);
}

unsigned hr_out_columns(const char *s)
{
	unsigned n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static unsigned columns_n(const char *s, size_t len)
{
	unsigned n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

void hr_out_hang(struct hr_out *o, const char *first, unsigned indent, const char *text)
{
	unsigned at = hr_out_columns(first);
	bool begun = false;

	hr_out_say(o, "%s", first);
	for (const char *p = text; *p;) {
		size_t len = strcspn(p, " ");
		unsigned cols = columns_n(p, len);

		if (begun && at + 1 + cols > o->width) {
			hr_out_say(o, "\n%*s", (int)indent, "");
			at = indent;
		} else if (begun) {
			hr_out_say(o, " ");
			at++;
		}
		hr_out_say(o, "%.*s", (int)len, p);
		at += cols;
		begun = true;
		p += len;
		p += strspn(p, " ");
	}
	hr_out_say(o, "\n");
}

void hr_out_wrap(struct hr_out *o, const char *first, const char *text)
{
	hr_out_hang(o, first, hr_out_columns(first), text);
}
