// SPDX-License-Identifier: Apache-2.0
/* What is old leaves its tier, when the next one has it. */
#include "collector/rollup_private.h"
#include "collector/writer_private.h"
#include "proto/base/clock.h"

static int expire_raw(struct hr_writer *w, uint64_t below_n, uint32_t max, uint32_t *ret_rows)
{
	uint64_t keep_from = (hr_clock_wall_ms() - w->conf.windows_ms) / HR_STORE_SLOT_MS, windows;
	struct hr_rollup *u = w->rollup;
	int r;

	if (u && keep_from > u->now[HR_TIER_5MIN].bin * HR_TIER_5MIN_SLOTS)
		keep_from = u->now[HR_TIER_5MIN].bin * HR_TIER_5MIN_SLOTS;
	if (u && u->has_late)
		return 0; /* soon done */
	r = w->store->ops->expire(w->store, keep_from, below_n, max, ret_rows, &windows);
	if (r != 0 || !u || *ret_rows == 0)
		return r;
	u->now[HR_TIER_RAW].out_windows += windows;
	return w->store->ops->put_tally(w->store, HR_TIER_RAW, &u->now[HR_TIER_RAW]);
}

static int expire_tier(
	struct hr_writer *w, enum hr_tier tier, uint64_t bin, uint32_t max, uint32_t *ret_rows)
{
	struct hr_tally out, *t = &w->rollup->now[tier];
	int r = w->store->ops->expire_tier(w->store, tier, bin, max, ret_rows, &out);

	if (r != 0 || *ret_rows == 0)
		return r;
	t->out_windows += out.out_windows;
	t->out_samples += out.out_samples;
	return w->store->ops->put_tally(w->store, tier, t);
}

int hr_rollup_expire(struct hr_writer *w, uint64_t below_n, uint32_t max, uint32_t *ret_rows)
{
	uint64_t now = hr_clock_wall_ms(), bin;
	struct hr_rollup *u = w->rollup;
	uint32_t rows = 0;
	int r = expire_raw(w, below_n, max, &rows);

	*ret_rows = rows;
	if (r != 0 || !u || rows >= max)
		return r;
	bin = (now - w->conf.five_min_ms) / HR_5MIN_MS;
	if (bin > u->now[HR_TIER_HOUR].bin * HR_TIER_HOUR_BINS)
		bin = u->now[HR_TIER_HOUR].bin * HR_TIER_HOUR_BINS;
	rows = 0;
	r = expire_tier(w, HR_TIER_5MIN, bin, max, &rows);
	*ret_rows = rows > *ret_rows ? rows : *ret_rows;
	if (r != 0 || rows >= max)
		return r;
	rows = 0;
	r = expire_tier(w, HR_TIER_HOUR, (now - w->conf.hours_ms) / HR_HOUR_MS, max, &rows);
	*ret_rows = rows > *ret_rows ? rows : *ret_rows;
	return r;
}
