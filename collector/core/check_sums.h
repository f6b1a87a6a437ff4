/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be equal in a database, and what it says: the conservation of windows and samples
 * through the tiers.  The statements are the same for SQLite and PostgreSQL.
 */
#pragma once

struct hr_check_sum {
	const char *what;         /* "windows acknowledged = ..." */
	const char *left, *right; /* SELECTs of one number each */
};

#define HR_CHECK_SUMS 7
extern const struct hr_check_sum hr_check_sum[HR_CHECK_SUMS];
