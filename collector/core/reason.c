/* SPDX-License-Identifier: Apache-2.0 */
/* Reason codes: spelling, line and paragraph, from reason.def. */
#include "collector/core/answer.h"

#include <string.h>

static const struct {
	const char *name, *line, *paragraph;
} reason_of[HR_REASON_N] = {
#define X(code, spelling, text, long_text) [HR_REASON_##code] = {spelling, text, long_text},
#include "collector/core/reason.def"
#undef X
};

const char *hr_reason_name(enum hr_reason r)
{
	return (unsigned)r < HR_REASON_N ? reason_of[r].name : "?";
}

const char *hr_reason_line(enum hr_reason r)
{
	return (unsigned)r < HR_REASON_N ? reason_of[r].line : "?";
}

const char *hr_reason_paragraph(enum hr_reason r)
{
	return (unsigned)r < HR_REASON_N ? reason_of[r].paragraph : "?";
}

bool hr_reason_parse(const char *s, enum hr_reason *ret)
{
	for (unsigned i = 0; i < HR_REASON_N; i++) {
		if (strcmp(s, reason_of[i].name) != 0)
			continue;
		*ret = (enum hr_reason)i;
		return true;
	}
	return false;
}
