/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as in RFC 3629, table 3-7 of the Unicode standard. */
#include "proto/text.h"

/* Length of the valid, printable sequence at @s (1..4), 0 when there is none. */
static size_t sequence(const unsigned char *s, size_t len)
{
	unsigned char lo = 0x80, hi = 0xbf;
	size_t n;

	if (s[0] < 0x20 || s[0] == 0x7f)
		return 0;
	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return 0;
	switch (s[0]) { /* second byte: no overlong form, no surrogate, no C1, not beyond U+10FFFF
			 */
	case 0xc2:
	case 0xe0:
		lo = 0xa0;
		break;
	case 0xed:
		hi = 0x9f;
		break;
	case 0xf0:
		lo = 0x90;
		break;
	case 0xf4:
		hi = 0x8f;
		break;
	default:
		break;
	}
	if (len < n || s[1] < lo || s[1] > hi)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return n;
}

bool hr_text_ok(const char *s, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n = sequence((const unsigned char *)s + i, len - i);

		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

void hr_text_clean(const char *s, char *to, size_t cap)
{
	size_t len = 0, i = 0;

	if (cap == 0)
		return;
	while (len < cap - 1 && s[len] != '\0')
		len++;
	while (i < len) {
		size_t n = sequence((const unsigned char *)s + i, len - i);

		if (n == 0) {
			to[i++] = '?';
			continue;
		}
		for (; n > 0; n--, i++)
			to[i] = s[i];
	}
	to[i] = '\0';
}
