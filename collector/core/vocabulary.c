// SPDX-License-Identifier: Apache-2.0
/* The contract's words for the enums of answer.h, both ways (reasons: reason.c). */
#include <string.h>

#include "collector/core/answer.h"

static const char *const kinds[HR_ANSWER_N] = {
	[HR_ANSWER_UNKNOWN] = "unknown",
	[HR_ANSWER_YES] = "yes",
	[HR_ANSWER_RESIZE] = "resize",
	[HR_ANSWER_NO] = "no",
};

static const char *const resources[HR_RES_N] = {
	[HR_RES_NONE] = "none",
	[HR_RES_CPU] = "cpu",
	[HR_RES_SERIAL] = "serial",
	[HR_RES_STEAL] = "steal",
	[HR_RES_MEMORY] = "memory",
	[HR_RES_DISK] = "disk",
	[HR_RES_NETWORK] = "network",
	[HR_RES_SOFTIRQ] = "softirq",
};

static const char *const confidences[] = {
	[HR_CONFIDENCE_NONE] = "none",
	[HR_CONFIDENCE_LOW] = "low",
	[HR_CONFIDENCE_MEDIUM] = "medium",
	[HR_CONFIDENCE_HIGH] = "high",
};

static const char *const cap_sources[] = {
	[HR_CAP_UNKNOWN] = "unknown",
	[HR_CAP_KNOWN] = "known",
	[HR_CAP_CONFIGURED] = "configured",
	[HR_CAP_LEARNED] = "learned",
	[HR_CAP_LOWER_BOUND] = "lower-bound",
};

static const char *const units[HR_UNIT_N] = {
	[HR_UNIT_NONE] = "none",
	[HR_UNIT_CORES] = "cores",
	[HR_UNIT_BYTES] = "bytes",
	[HR_UNIT_IOPS] = "iops",
	[HR_UNIT_BYTES_PER_S] = "bytes_per_second",
	[HR_UNIT_RATIO] = "ratio",
	[HR_UNIT_MS] = "ms",
	[HR_UNIT_COUNT] = "count",
	[HR_UNIT_PER_S] = "per_second",
};

/* Name of @v in a table of @n words, and the word's place in it. */
static const char *word(const char *const *table, size_t n, unsigned v)
{
	return v < n ? table[v] : "?";
}

static bool place(const char *const *table, size_t n, const char *s, unsigned *ret)
{
	for (unsigned i = 0; i < n; i++) {
		if (strcmp(table[i], s) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

#define WORDS(name, type, table)                                                                   \
	const char *hr_##name##_name(type v)                                                       \
	{                                                                                          \
		return word(table, sizeof(table) / sizeof((table)[0]), (unsigned)v);               \
	}                                                                                          \
	bool hr_##name##_parse(const char *s, type *ret)                                           \
	{                                                                                          \
		unsigned v;                                                                        \
                                                                                                   \
		if (!place(table, sizeof(table) / sizeof((table)[0]), s, &v))                      \
			return false;                                                              \
		*ret = (type)v;                                                                    \
		return true;                                                                       \
	}

WORDS(answer_kind, enum hr_answer_kind, kinds)
WORDS(resource, enum hr_resource, resources)
WORDS(confidence, enum hr_confidence, confidences)
WORDS(cap_source, enum hr_cap_source, cap_sources)
WORDS(unit, enum hr_unit, units)
