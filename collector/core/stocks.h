/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM's file systems: the newest sample of each and one value a day, 181 days, for
 * stock.h to date.  A file system that is no longer among the samples is kept for two
 * weeks, then forgotten.  Takes 1.4 KiB a file system with half a year of days.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/core/stock.h"
#include "proto/summary.h"

#define HR_STOCKS_DAYS       (HR_STOCK_DAYS_MAX + 1)
#define HR_STOCKS_FORGET_MS  (14 * 86400000ULL)
#define HR_STOCKS_CURRENT_MS 3600000 /* samples come every 5 minutes; older: not mounted now */
/* Of what an unprivileged program may use; from here on writes begin to fail (answer-model 9). */
#define HR_STOCKS_FULL 0.95

struct hr_stocks_day {
	float bytes, inodes; /* used at the day's last sample; NaN: no sample on that day */
};

struct hr_stocks_fs {
	struct hr_fs now; /* newest sample */
	uint64_t seen_ms; /* its time */
	uint16_t day;     /* of the newest value, since 1970 */
	uint16_t n, cap;  /* days, oldest first, without holes: NaN fills them */
	struct hr_stocks_day *v;
};

struct hr_stocks {
	uint8_t n;
	struct hr_stocks_fs fs[HR_FS_MAX]; /* each is the owner of its v */
};

void hr_stocks_done(struct hr_stocks *s);
size_t hr_stocks_bytes(const struct hr_stocks *s);

/* A sample of @t_ms.  False: older than what is there, no room, or out of memory. */
bool hr_stocks_add(struct hr_stocks *s, const struct hr_fs *f, uint64_t t_ms);

/* A day's values again, from persisted bytes; days ascend. */
bool hr_stocks_day(struct hr_stocks_fs *f, uint16_t day, struct hr_stocks_day v);

/* Space, or inodes, of @f dated; @drop: as it would have been said that many days before. */
void hr_stocks_fit(
	const struct hr_stocks_fs *f, bool inodes, unsigned drop, struct hr_stock *ret_fit);
