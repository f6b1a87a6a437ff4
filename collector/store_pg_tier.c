// SPDX-License-Identifier: Apache-2.0
/* Tiers, late windows, expiry and forgetting in PostgreSQL. */
#include "collector/store_pg.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/core/digest.h"

static int each_tally(struct hr_pg *q, const PGresult *r, int row, void *arg)
{
	struct hr_tally *all = arg;
	uint64_t tier = hr_pg_get(r, row, 0);

	if (tier >= HR_TIER_N) {
		(void)snprintf(q->base.error, sizeof(q->base.error), "tally: damaged entry");
		return HR_STORE_FAILED;
	}
	all[tier] = (struct hr_tally){.bin = hr_pg_get(r, row, 1),
		.host_no = (uint32_t)hr_pg_get(r, row, 2),
		.in_windows = hr_pg_get(r, row, 3),
		.in_samples = hr_pg_get(r, row, 4),
		.out_windows = hr_pg_get(r, row, 5),
		.out_samples = hr_pg_get(r, row, 6),
		.bad_windows = hr_pg_get(r, row, 7)};
	return 0;
}

int hr_pg_tally(struct hr_store *s, struct hr_tally ret_tally[HR_TIER_N])
{
	struct hr_pg *q = hr_pg_of(s);
	int r = q->conn ? 0 : hr_pg_ready(q); /* also while it is made ready */

	memset(ret_tally, 0, HR_TIER_N * sizeof(*ret_tally));
	r = r ? r : hr_pg_fetch(q, HR_PG_TALLY, NULL, each_tally, ret_tally);
	if (r)
		return r;
	memcpy(q->read, ret_tally, sizeof(q->read));
	if (!q->open)
		memcpy(q->kept, q->read, sizeof(q->kept));
	return 0;
}

int hr_pg_put_tally(struct hr_store *s, enum hr_tier tier, const struct hr_tally *t)
{
	struct hr_pg *q = hr_pg_of(s);
	const struct hr_tally *was = &q->read[tier];
	struct hr_pg_args a = {0};
	int r;

	hr_pg_u64(&a, tier);
	hr_pg_u64(&a, t->bin);
	hr_pg_u64(&a, t->host_no);
	hr_pg_u64(&a, t->in_windows - was->in_windows);
	hr_pg_u64(&a, t->in_samples - was->in_samples);
	hr_pg_u64(&a, t->out_windows - was->out_windows);
	hr_pg_u64(&a, t->out_samples - was->out_samples);
	hr_pg_u64(&a, t->bad_windows - was->bad_windows);
	r = hr_pg_exec(q, HR_PG_PUT_TALLY, &a, NULL);
	if (r == 0)
		q->read[tier] = *t;
	return r;
}

int hr_pg_put_tier(struct hr_store *s, enum hr_tier tier, const struct hr_tier_row *r)
{
	enum hr_pg_sql which = tier == HR_TIER_5MIN ? HR_PG_PUT_5MIN : HR_PG_PUT_HOUR;
	struct hr_pg *q = hr_pg_of(s);

	assert(r->len <= HR_DIGEST_MAX && tier != HR_TIER_RAW);
	hr_pg_add_u64(q, which, hr_store_id(r->host_no, r->bin));
	hr_pg_add_u64(q, which, r->windows);
	hr_pg_add_u64(q, which, r->samples);
	hr_pg_add_sealed(q, which, r->body, r->len);
	return hr_pg_added(q, which);
}

static int each_tier(struct hr_pg *q, const PGresult *r, int row, void *arg)
{
	const struct hr_pg_walker *w = arg;
	uint64_t id = hr_pg_get(r, row, 0);
	struct hr_tier_row v = {.host_no = (uint32_t)(id & HR_STORE_HOST_MAX),
		.bin = id >> 24,
		.windows = hr_pg_get(r, row, 1),
		.samples = hr_pg_get(r, row, 2)};

	(void)q;
	v.body = hr_pg_unseal(r, row, 3, HR_DIGEST_MAX, &v.len);
	v.damaged = !v.body;
	return w->fn.tier(w->arg, &v);
}

int hr_pg_tier(struct hr_store *s, const struct hr_tier_span *span, hr_store_tier_fn fn, void *arg)
{
	bool five = span->tier == HR_TIER_5MIN;
	struct hr_pg *q = hr_pg_of(s);
	struct hr_pg_walker w = {.fn.tier = fn, .arg = arg};
	struct hr_pg_args a = {0};
	int r = hr_pg_ready(q);

	hr_pg_u64(&a, span->host_no);
	hr_pg_u64(&a, span->from);
	hr_pg_u64(&a, span->to > HR_STORE_SLOT_MAX ? HR_STORE_SLOT_MAX : span->to);
	r = r ? r : hr_pg_flush(q, five ? HR_PG_PUT_5MIN : HR_PG_PUT_HOUR);
	return r ? r : hr_pg_fetch(q, five ? HR_PG_5MIN : HR_PG_HOUR, &a, each_tier, &w);
}

struct expired {
	uint64_t rows, windows, samples;
};

static int each_expired(struct hr_pg *q, const PGresult *r, int row, void *arg)
{
	struct expired *e = arg;

	(void)q;
	e->rows += hr_pg_get(r, row, 0);
	e->windows += hr_pg_get(r, row, 1);
	e->samples += PQnfields(r) > 2 ? hr_pg_get(r, row, 2) : 0;
	return 0;
}

int hr_pg_expire_tier(struct hr_store *s, enum hr_tier tier, uint64_t bin, uint32_t max,
	uint32_t *ret_rows, struct hr_tally *ret_out)
{
	bool five = tier == HR_TIER_5MIN;
	struct hr_pg *q = hr_pg_of(s);
	struct hr_pg_args a = {0};
	struct expired e = {0};
	int r = hr_pg_flush(q, five ? HR_PG_PUT_5MIN : HR_PG_PUT_HOUR);

	hr_pg_u64(&a, hr_store_id(0, bin));
	hr_pg_u64(&a, max);
	r = r ? r
	      : hr_pg_fetch(q, five ? HR_PG_EXPIRE_5MIN : HR_PG_EXPIRE_HOUR, &a, each_expired, &e);
	*ret_rows = (uint32_t)e.rows;
	*ret_out = (struct hr_tally){.out_windows = e.windows, .out_samples = e.samples};
	return r;
}

/* --- days --- */

struct old_days {
	uint64_t day[HR_PG_DAYS], rows[HR_PG_DAYS], windows[HR_PG_DAYS];
	unsigned n;
};

static int each_old(struct hr_pg *q, const PGresult *r, int row, void *arg)
{
	struct old_days *d = arg;

	(void)q;
	if (d->n < HR_PG_DAYS) {
		d->day[d->n] = hr_pg_get(r, row, 0);
		d->rows[d->n] = hr_pg_get(r, row, 1);
		d->windows[d->n++] = hr_pg_get(r, row, 2);
	}
	return 0;
}

static int drop_day(struct hr_pg *q, uint64_t day)
{
	struct hr_pg_args a = {0};
	char sql[64];
	int r;

	(void)snprintf(sql, sizeof(sql), "DROP TABLE w10_d%" PRIu64, day);
	r = hr_pg_simple(q, sql, "expire");
	hr_pg_u64(&a, day);
	r = r ? r : hr_pg_exec(q, HR_PG_DROP_DAY, &a, NULL);
	r = r ? r : hr_pg_exec(q, HR_PG_DROP_DAY_JOURNAL, &a, NULL); /* states know them */
	return r ? r : hr_pg_days(q);
}

int hr_pg_expire(struct hr_store *s, uint64_t slot, uint64_t below_n, uint32_t max,
	uint32_t *ret_rows, uint64_t *ret_windows)
{
	struct hr_pg *q = hr_pg_of(s);
	struct hr_pg_args a = {0};
	struct old_days d = {0};
	struct expired e = {0};
	int r = hr_pg_flush_all(q);

	*ret_rows = 0;
	*ret_windows = 0;
	hr_pg_u64(&a, slot);
	hr_pg_u64(&a, below_n);
	r = r ? r : hr_pg_fetch(q, HR_PG_OLD_DAYS, &a, each_old, &d);
	for (unsigned i = 0; i < d.n && r == 0 && e.rows < max; i++) {
		r = drop_day(q, d.day[i]);
		e.rows += d.rows[i];
		e.windows += d.windows[i];
	}
	r = r ? r : hr_pg_fetch(q, HR_PG_EXPIRE_BESIDE, &a, each_expired, &e);
	*ret_rows = e.rows < UINT32_MAX ? (uint32_t)e.rows : UINT32_MAX;
	*ret_windows = e.windows;
	return r;
}

int hr_pg_next_slot(struct hr_store *s, enum hr_tier tier, uint64_t slot, uint64_t *ret_slot)
{
	struct hr_pg *q = hr_pg_of(s);
	struct hr_pg_args a = {0};
	uint64_t id = 0;
	int r = hr_pg_ready(q);

	hr_pg_u64(&a, hr_store_id(0, slot));
	r = r ? r : hr_pg_flush(q, tier == HR_TIER_RAW ? HR_PG_PUT_ROW : HR_PG_PUT_5MIN);
	q->read_w10 |= tier == HR_TIER_RAW;
	r = r ? r
	      : hr_pg_fetch(q, tier == HR_TIER_RAW ? HR_PG_NEXT_RAW : HR_PG_NEXT_5MIN, &a,
			hr_pg_each_u64, &id);
	/* ids are never 0: host numbers begin at 1 */
	*ret_slot = id ? id >> 24 : UINT64_MAX;
	return r;
}

int hr_pg_put_late(struct hr_store *s, const struct hr_store_row *r)
{
	struct hr_pg *q = hr_pg_of(s);

	hr_pg_add_u64(q, HR_PG_PUT_LATE, r->n);
	hr_pg_add_u64(q, HR_PG_PUT_LATE, hr_store_id(r->host_no, r->slot));
	return hr_pg_added(q, HR_PG_PUT_LATE);
}

int hr_pg_drop_late(struct hr_store *s, uint64_t upto_n)
{
	struct hr_pg *q = hr_pg_of(s);
	struct hr_pg_args a = {0};
	int r = hr_pg_flush(q, HR_PG_PUT_LATE);

	hr_pg_u64(&a, upto_n);
	hr_pg_u64(&a, 0);
	return r ? r : hr_pg_exec(q, HR_PG_DROP_LATE, &a, NULL);
}
