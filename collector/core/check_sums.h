/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be equal in a database, and what it says: the conservation of windows and samples
 * through the tiers.  The statements are the same for SQLite and PostgreSQL, but for what only
 * SQLite has: packs.
 */
#pragma once

struct hr_check_sum {
	const char *what;         /* "windows acknowledged = ..." */
	const char *left, *right; /* SELECTs of one number each */
};

#define HR_CHECK_SUMS 7
/* In SQLite: what packs add to the right of the first. */
#define HR_CHECK_PACKED "SELECT coalesce(sum(windows),0) FROM w300"
extern const struct hr_check_sum hr_check_sum[HR_CHECK_SUMS];
