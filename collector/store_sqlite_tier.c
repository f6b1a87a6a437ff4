// SPDX-License-Identifier: Apache-2.0
/* Tiers in SQLite: one row per bin and host, keyed as the windows are, bin << 24 | host. */
#include "collector/store_sqlite.h"

#include <assert.h>
#include <stdio.h>

#include "collector/core/digest.h"

static int each_tally(struct hr_sql_bound *b, void *arg)
{
	struct hr_tally *all = arg;
	uint64_t tier = hr_sql_col(b, 0);

	if (tier >= HR_TIER_N) {
		snprintf(b->q->base.error, sizeof(b->q->base.error), "tally: damaged entry");
		return HR_STORE_FAILED;
	}
	all[tier] = (struct hr_tally){.bin = hr_sql_col(b, 1),
		.host_no = (uint32_t)hr_sql_col(b, 2),
		.in_windows = hr_sql_col(b, 3),
		.in_samples = hr_sql_col(b, 4),
		.out_windows = hr_sql_col(b, 5),
		.out_samples = hr_sql_col(b, 6),
		.bad_windows = hr_sql_col(b, 7)};
	return 0;
}

int hr_sqlite_tally(struct hr_store *s, struct hr_tally ret_tally[HR_TIER_N])
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_TALLY);

	for (int i = 0; i < HR_TIER_N; i++)
		ret_tally[i] = (struct hr_tally){0};
	return hr_sql_walk(&b, each_tally, ret_tally);
}

int hr_sqlite_put_tally(struct hr_store *s, enum hr_tier tier, const struct hr_tally *t)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_PUT_TALLY);

	hr_sql_u64(&b, tier);
	hr_sql_u64(&b, t->bin);
	hr_sql_u64(&b, t->host_no);
	hr_sql_u64(&b, t->in_windows);
	hr_sql_u64(&b, t->in_samples);
	hr_sql_u64(&b, t->out_windows);
	hr_sql_u64(&b, t->out_samples);
	hr_sql_u64(&b, t->bad_windows);
	return hr_sql_run(&b, "tally");
}

int hr_sqlite_put_tier(struct hr_store *s, enum hr_tier tier, const struct hr_tier_row *r)
{
	struct hr_sql_bound b =
		hr_sql_use(s, tier == HR_TIER_5MIN ? HR_SQL_PUT_5MIN : HR_SQL_PUT_HOUR);
	uint8_t sealed[HR_DIGEST_MAX + 4];

	assert(r->len <= HR_DIGEST_MAX && tier != HR_TIER_RAW);
	hr_sql_seal(r->body, r->len, sealed);
	hr_sql_u64(&b, hr_store_id(r->host_no, r->bin));
	hr_sql_u64(&b, r->windows);
	hr_sql_u64(&b, r->samples);
	hr_sql_blob(&b, sealed, r->len + 4);
	return hr_sql_run(&b, "tier");
}

struct tier_walk {
	hr_store_tier_fn fn;
	void *arg;
};

static int each_tier(struct hr_sql_bound *b, void *arg)
{
	const struct tier_walk *w = arg;
	struct hr_tier_row r = {.host_no = (uint32_t)(hr_sql_col(b, 0) & HR_STORE_HOST_MAX),
		.bin = hr_sql_col(b, 0) >> 24,
		.windows = hr_sql_col(b, 1),
		.samples = hr_sql_col(b, 2)};

	r.body = hr_sql_unseal(b, 3, HR_DIGEST_MAX, &r.len);
	r.damaged = !r.body;
	return w->fn(w->arg, &r);
}

int hr_sqlite_tier(
	struct hr_store *s, const struct hr_tier_span *span, hr_store_tier_fn fn, void *arg)
{
	uint64_t to = span->to > HR_STORE_SLOT_MAX ? HR_STORE_SLOT_MAX : span->to;
	struct tier_walk w = {fn, arg};

	for (uint64_t bin = span->from; bin <= to; bin++) {
		struct hr_sql_bound b =
			hr_sql_use(s, span->tier == HR_TIER_5MIN ? HR_SQL_5MIN : HR_SQL_HOUR);
		int r;

		hr_sql_u64(&b, hr_store_id(span->host_no, bin));
		r = hr_sql_walk(&b, each_tier, &w);
		if (r)
			return r;
	}
	return 0;
}

struct expired {
	uint32_t rows;
	struct hr_tally *out;
};

static int each_expired(struct hr_sql_bound *b, void *arg)
{
	struct expired *e = arg;

	e->rows++;
	e->out->out_windows += hr_sql_col(b, 0);
	e->out->out_samples += hr_sql_col(b, 1);
	return 0;
}

int hr_sqlite_expire_tier(struct hr_store *s, enum hr_tier tier, uint64_t bin, uint32_t max,
	uint32_t *ret_rows, struct hr_tally *ret_out)
{
	struct hr_sql_bound b =
		hr_sql_use(s, tier == HR_TIER_5MIN ? HR_SQL_EXPIRE_5MIN : HR_SQL_EXPIRE_HOUR);
	struct hr_tally out = {0};
	struct expired e = {.out = &out};
	int r;

	hr_sql_u64(&b, hr_store_id(0, bin));
	hr_sql_u64(&b, max);
	r = hr_sql_walk(&b, each_expired, &e);
	if (r)
		return r;
	*ret_rows = e.rows;
	*ret_out = out;
	return 0;
}

static int each_id(struct hr_sql_bound *b, void *arg)
{
	uint64_t *slot = arg;

	if (sqlite3_column_type(b->st, 0) != SQLITE_NULL)
		*slot = hr_sql_col(b, 0) >> 24;
	return 0;
}

int hr_sqlite_next_slot(struct hr_store *s, enum hr_tier tier, uint64_t slot, uint64_t *ret_slot)
{
	struct hr_sql_bound b =
		hr_sql_use(s, tier == HR_TIER_RAW ? HR_SQL_NEXT_RAW : HR_SQL_NEXT_5MIN);

	int r = hr_sqlite_write_coming(s);

	*ret_slot = UINT64_MAX;
	if (r != 0)
		return r;
	hr_sql_u64(&b, hr_store_id(0, slot));
	return hr_sql_walk(&b, each_id, ret_slot);
}

int hr_sqlite_drop_late(struct hr_store *s, uint64_t upto_n)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_DROP_LATE);

	hr_sql_u64(&b, upto_n);
	return hr_sql_run(&b, "late");
}

int hr_sqlite_drop_late_one(struct hr_store *s, uint64_t n)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_DROP_LATE_ONE);

	hr_sql_u64(&b, n);
	return hr_sql_run(&b, "late");
}
