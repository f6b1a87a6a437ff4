// SPDX-License-Identifier: Apache-2.0
/* The contract's spellings of the answer's words, and back. */
#include "collector/core/answer.h"

#include <string.h>

static const char *const kind_name[HR_ANSWER_N] = {
	[HR_ANSWER_UNKNOWN] = "unknown",
	[HR_ANSWER_YES] = "yes",
	[HR_ANSWER_RESIZE] = "resize",
	[HR_ANSWER_NO] = "no",
};

static const char *const resource_name[HR_RES_N] = {
	[HR_RES_NONE] = "none",
	[HR_RES_CPU] = "cpu",
	[HR_RES_SERIAL] = "serial",
	[HR_RES_STEAL] = "steal",
	[HR_RES_MEMORY] = "memory",
	[HR_RES_DISK] = "disk",
	[HR_RES_NETWORK] = "network",
	[HR_RES_SOFTIRQ] = "softirq",
	[HR_RES_FILESYSTEM] = "filesystem",
	[HR_RES_INODES] = "inodes",
};

static const char *const confidence_name[] = {
	[HR_CONFIDENCE_NONE] = "none",
	[HR_CONFIDENCE_LOW] = "low",
	[HR_CONFIDENCE_MEDIUM] = "medium",
	[HR_CONFIDENCE_HIGH] = "high",
};

static const char *const cap_source_name[] = {
	[HR_CAP_UNKNOWN] = "unknown",
	[HR_CAP_KNOWN] = "known",
	[HR_CAP_CONFIGURED] = "configured",
	[HR_CAP_LEARNED] = "learned",
	[HR_CAP_LOWER_BOUND] = "lower-bound",
};

static const char *const unit_name[HR_UNIT_N] = {
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

#define N(a) (sizeof(a) / sizeof((a)[0]))

static const char *name_of(const char *const *names, unsigned n, unsigned i)
{
	return i < n ? names[i] : "?";
}

/* The index of @s, or -1. */
static int index_of(const char *const *names, unsigned n, const char *s)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(names[i], s) == 0)
			return (int)i;
	return -1;
}

#define NAMES(type, word)                                                                          \
	const char *hr_##word##_name(enum type v)                                                  \
	{                                                                                          \
		return name_of(word##_name, N(word##_name), (unsigned)v);                          \
	}                                                                                          \
	bool hr_##word##_parse(const char *s, enum type *ret)                                      \
	{                                                                                          \
		int i = index_of(word##_name, N(word##_name), s);                                  \
                                                                                                   \
		if (i < 0)                                                                         \
			return false;                                                              \
		*ret = (enum type)i;                                                               \
		return true;                                                                       \
	}

NAMES(hr_resource, resource)
NAMES(hr_confidence, confidence)
NAMES(hr_cap_source, cap_source)
NAMES(hr_unit, unit)

const char *hr_answer_kind_name(enum hr_answer_kind k)
{
	return name_of(kind_name, N(kind_name), (unsigned)k);
}

bool hr_answer_kind_parse(const char *s, enum hr_answer_kind *ret)
{
	int i = index_of(kind_name, N(kind_name), s);

	if (i < 0)
		return false;
	*ret = (enum hr_answer_kind)i;
	return true;
}
