/* SPDX-License-Identifier: Apache-2.0 */
/* Planner of merges; see coalesce.h.  One pass per width, oldest first. */
#include "agent/core/coalesce.h"

/* Item lies wholly in one aligned group of @width windows. */
static bool in_group(const struct hr_coalesce_item *i, uint64_t width)
{
	return !i->frozen && i->seq_first / width == i->seq_last / width;
}

static bool joins(
	const struct hr_coalesce_item *a, const struct hr_coalesce_item *b, uint64_t width)
{
	return in_group(b, width) && a->boot == b->boot && a->epoch == b->epoch &&
	       a->seq_last != UINT64_MAX && b->seq_first == a->seq_last + 1 &&
	       a->seq_first / width == b->seq_first / width;
}

/* First run of two or more in one group whose youngest member is at least @age_ns old. */
static bool find_run(const struct hr_coalesce_item *item, size_t n, uint64_t width, uint64_t age_ns,
	size_t *ret_at, size_t *ret_count)
{
	for (size_t i = 0, end; i < n; i = end) {
		end = i + 1;
		if (!in_group(&item[i], width))
			continue;
		while (end < n && joins(&item[end - 1], &item[end], width))
			end++;
		if (end - i >= 2 && item[end - 1].age_ns >= age_ns) {
			*ret_at = i;
			*ret_count = end - i;
			return true;
		}
	}
	return false;
}

bool hr_coalesce_next(const struct hr_coalesce_item *item, size_t n, bool pressure, size_t *ret_at,
	size_t *ret_count)
{
	/* the coarse step first: what is old enough for it need not pass through the fine one */
	static const struct {
		uint64_t width, age_ns;
	} step[] = {
		{HR_COALESCE_2_WINDOWS, HR_COALESCE_2_AGE_NS},
		{HR_COALESCE_1_WINDOWS, HR_COALESCE_1_AGE_NS},
	};
	static const uint64_t squeeze[] = {
		HR_COALESCE_1_WINDOWS, HR_COALESCE_2_WINDOWS, HR_COALESCE_3_WINDOWS};

	for (size_t k = 0; k < sizeof(step) / sizeof(step[0]); k++)
		if (find_run(item, n, step[k].width, step[k].age_ns, ret_at, ret_count))
			return true;
	for (size_t k = 0; pressure && k < sizeof(squeeze) / sizeof(squeeze[0]); k++)
		if (find_run(item, n, squeeze[k], 0, ret_at, ret_count))
			return true;
	return false;
}
