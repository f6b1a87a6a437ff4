/* SPDX-License-Identifier: Apache-2.0 */
/* See allowance.h. */
#include "agent/core/allowance.h"

#include <stdbool.h>
#include <string.h>

static bool begins(const char *name, const char *with)
{
	return strncmp(name, with, strlen(with)) == 0;
}

static bool ends(const char *name, const char *with)
{
	size_t n = strlen(name), w = strlen(with);

	return n >= w && strcmp(name + n - w, with) == 0;
}

void hr_allowances_find(const unsigned char *names, uint32_t n, struct hr_allowances *ret)
{
	*ret = (struct hr_allowances){0};
	for (uint32_t i = 0; i < n && ret->n < HR_ALLOWANCES_MAX; i++) {
		char name[HR_STAT_NAME_LEN + 1] = "";

		memcpy(name, names + (size_t)i * HR_STAT_NAME_LEN, HR_STAT_NAME_LEN);
		if (!ends(name, "_allowance_exceeded"))
			continue;
		ret->at[ret->n] = i;
		ret->of[ret->n++] = begins(name, "conntrack_")   ? HR_ALLOWANCE_CONNTRACK
				    : begins(name, "linklocal_") ? HR_ALLOWANCE_LINKLOCAL
								 : HR_ALLOWANCE_SIZE;
	}
}

void hr_allowances_sum(const struct hr_allowances *a, const unsigned char *stats, uint32_t n,
	uint64_t ret[HR_ALLOWANCE_N])
{
	memset(ret, 0, HR_ALLOWANCE_N * sizeof *ret);
	for (uint32_t i = 0; i < a->n; i++) {
		uint64_t v;

		if (a->at[i] >= n)
			continue;
		memcpy(&v, stats + (size_t)a->at[i] * sizeof v, sizeof v);
		ret[a->of[i]] += v;
	}
}
