// SPDX-License-Identifier: Apache-2.0
/*
 * Windows that are rolled up and in every saved state become one compressed row of their host's
 * five minutes (core/pack.h), w300: six tenths of the bytes, no room left over in their pages, no
 * entries in the index of places, and a day later one row to delete instead of thirty.  A window is
 * in w10 or in a pack, and moves from one to the other in one transaction.  What comes late stays
 * a row of its own.
 */
#include "collector/store_sqlite.h"

#include <string.h>

#define LEAST 2 /* of one window nothing is the same as in another */

struct packing {
	struct hr_pack pack;
	sqlite3_int64 rowid[HR_PACK_ROWS];
	uint64_t below_n, first_slot;
	size_t len;
	bool waits;
};

static int each_single(struct hr_sql_bound *b, void *arg)
{
	struct packing *g = arg;
	struct hr_pack_row *r = &g->pack.row[g->pack.n];
	const void *body;
	size_t len;

	g->waits |= hr_sql_col(b, 5) >= g->below_n;
	body = hr_sql_unseal(b, 6, HR_BODY_MAX, &len);
	if (!body || len == 0 || g->pack.n == HR_PACK_ROWS || len > HR_PACK_RAW - g->len)
		return 0; /* damaged, or no room: it stays as it is */
	*r = (struct hr_pack_row){.at = (uint8_t)((hr_sql_col(b, 1) >> 24) - g->first_slot),
		.boot_ord = (uint32_t)hr_sql_col(b, 2),
		.seq_first = hr_sql_col(b, 3),
		.seq_last = hr_sql_col(b, 4),
		.n = hr_sql_col(b, 5),
		.body = memcpy(b->q->pack_raw + g->len, body, len),
		.len = len};
	g->rowid[g->pack.n++] = sqlite3_column_int64(b->st, 0);
	g->len += len;
	return 0;
}

static int put_pack(struct hr_store *s, uint64_t id, const struct hr_pack *p)
{
	struct hr_store_sqlite *q = hr_sqlite_of(s);
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_PUT_PACK);
	size_t len = hr_pack_encode(q->packer, p, q->pack_room);

	if (len == 0)
		return HR_STORE_FULL; /* no memory: tried again later */
	hr_sql_seal(q->pack_room, len, q->pack_room);
	hr_sql_u64(&b, id);
	hr_sql_u64(&b, hr_pack_windows(p));
	hr_sql_blob(&b, q->pack_room, len + 4);
	return hr_sql_run(&b, "pack");
}

static int note_pack(struct hr_sql_bound *b, void *arg)
{
	(void)b;
	*(bool *)arg = true;
	return 0;
}

/* One is there already when a place was gone back to: the rest stays as it is. */
static int has_pack(struct hr_store *s, uint64_t id, bool *ret_has)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_HAS_PACK);

	*ret_has = false;
	hr_sql_u64(&b, id);
	return hr_sql_walk(&b, note_pack, ret_has);
}

int hr_sqlite_pack(
	struct hr_store *s, uint32_t host_no, uint64_t bin, uint64_t below_n, bool *ret_waits)
{
	static const uint64_t slots = HR_TIER_5MIN_SLOTS;
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_SINGLES);
	struct packing g;
	bool has = false;
	int r;

	g.pack.n = 0;
	g.len = 0;
	g.waits = false;
	g.below_n = below_n;
	g.first_slot = bin * slots;
	hr_sql_u64(&b, hr_store_id(host_no, g.first_slot));
	hr_sql_u64(&b, hr_store_id(host_no, g.first_slot + slots - 1));
	r = hr_sql_walk(&b, each_single, &g);
	*ret_waits = r == 0 && g.waits;
	if (r == 0 && !g.waits && g.pack.n >= LEAST)
		r = has_pack(s, hr_store_id(host_no, bin), &has);
	if (r != 0 || g.waits || g.pack.n < LEAST || has)
		return r;
	for (uint32_t i = 0; i < g.pack.n && r == 0; i++) {
		b = hr_sql_use(s, HR_SQL_DROP_SINGLE);
		hr_sql_u64(&b, (uint64_t)g.rowid[i]);
		r = hr_sql_run(&b, "pack");
	}
	hr_pack_sort(&g.pack);
	return r ? r : put_pack(s, hr_store_id(host_no, bin), &g.pack);
}

/* --- reading --- */

static struct hr_store_row row_of(uint64_t id, const struct hr_pack_row *r)
{
	return (struct hr_store_row){.host_no = (uint32_t)(id & HR_STORE_HOST_MAX),
		.slot = (id >> 24) * HR_TIER_5MIN_SLOTS + r->at,
		.boot_ord = r->boot_ord,
		.seq_first = r->seq_first,
		.seq_last = r->seq_last,
		.n = r->n,
		.body = r->body,
		.len = r->len};
}

/* A damaged pack is one row of no boot, as wide as its windows. */
static struct hr_store_row damaged_row(uint64_t id, uint64_t windows)
{
	return (struct hr_store_row){.host_no = (uint32_t)(id & HR_STORE_HOST_MAX),
		.slot = (id >> 24) * HR_TIER_5MIN_SLOTS,
		.seq_first = 1,
		.seq_last = windows,
		.n = 1,
		.damaged = true};
}

static int each_pack(struct hr_sql_bound *b, void *arg)
{
	struct hr_packed *v = arg;
	size_t len;
	const void *bytes = hr_sql_unseal(b, 2, HR_PACK_MAX, &len);

	v->id = hr_sql_col(b, 0);
	v->windows = hr_sql_col(b, 1);
	v->is = true;
	v->at = 0;
	v->damaged = !bytes || !hr_pack_decode(b->q->packer, bytes, len, &v->pack);
	if (v->damaged)
		v->pack.n = 0;
	return v->fn ? hr_sqlite_packed_upto(v, UINT64_MAX, UINT64_MAX) : 0;
}

int hr_sqlite_packed(struct hr_store *s, uint64_t id, struct hr_packed *v)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_PACK);
	hr_store_row_fn fn = v->fn;
	int r;

	v->fn = NULL; /* its rows are not told before they are asked for */
	v->is = false;
	hr_sql_u64(&b, id);
	r = hr_sql_walk(&b, each_pack, v);
	v->fn = fn;
	return r;
}

int hr_sqlite_packed_upto(struct hr_packed *v, uint64_t slot, uint64_t n)
{
	int r = 0;

	if (!v->is)
		return 0;
	if (v->damaged) {
		struct hr_store_row row = damaged_row(v->id, v->windows);

		v->is = false;
		return v->fn(v->arg, &row);
	}
	for (; v->at < v->pack.n && r == 0; v->at++) {
		struct hr_store_row row = row_of(v->id, &v->pack.row[v->at]);

		if (row.slot > slot || (row.slot == slot && row.n > n))
			break;
		if (row.slot >= v->from && row.slot <= v->to)
			r = v->fn(v->arg, &row);
	}
	return r;
}

int hr_sqlite_packs(struct hr_store *s, struct hr_packed *v)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_PACKS);
	uint64_t last = v->to / HR_TIER_5MIN_SLOTS;

	hr_sql_u64(&b, hr_store_id(0, v->from / HR_TIER_5MIN_SLOTS));
	hr_sql_u64(&b, hr_store_id(HR_STORE_HOST_MAX, last));
	return hr_sql_walk(&b, each_pack, v);
}

/* --- setting aside --- */

static int aside(struct hr_store *s, const struct hr_store_row *r)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_ASIDE);
	struct hr_store_sqlite *q = b.q;

	hr_sql_seal(r->body, r->len, q->pack_room);
	hr_sql_u64(&b, hr_store_id(r->host_no, r->slot));
	hr_sql_u64(&b, r->boot_ord);
	hr_sql_u64(&b, r->seq_first);
	hr_sql_u64(&b, r->seq_last);
	hr_sql_u64(&b, r->n);
	hr_sql_blob(&b, q->pack_room, r->len + 4);
	return hr_sql_run(&b, "quarantine");
}

static int drop_pack(struct hr_store *s, enum hr_sql which, uint64_t id)
{
	struct hr_sql_bound b = hr_sql_use(s, which);

	hr_sql_u64(&b, id);
	return hr_sql_run(&b, "quarantine");
}

int hr_sqlite_aside_packed(struct hr_store *s, const struct hr_store_row *r)
{
	uint64_t id = hr_store_id(r->host_no, r->slot / HR_TIER_5MIN_SLOTS);
	struct hr_packed v = {.to = UINT64_MAX};
	uint32_t at = 0;
	int e = hr_sqlite_packed(s, id, &v);

	if (e != 0 || !v.is || v.damaged != (r->boot_ord == 0))
		return e;
	if (v.damaged) { /* all of it, as it is */
		e = drop_pack(s, HR_SQL_PACK_ASIDE, id);
		return e ? e : drop_pack(s, HR_SQL_DROP_PACK, id);
	}
	while (at < v.pack.n &&
		(v.pack.row[at].n != r->n || row_of(id, &v.pack.row[at]).slot != r->slot))
		at++;
	if (at == v.pack.n)
		return 0;
	e = aside(s, &(struct hr_store_row){.host_no = r->host_no,
			     .slot = r->slot,
			     .boot_ord = r->boot_ord,
			     .seq_first = r->seq_first,
			     .seq_last = r->seq_last,
			     .n = r->n,
			     .body = v.pack.row[at].body,
			     .len = v.pack.row[at].len});
	if (e == 0)
		e = drop_pack(s, HR_SQL_DROP_PACK, id);
	v.pack.n--;
	memmove(&v.pack.row[at], &v.pack.row[at + 1], (v.pack.n - at) * sizeof(v.pack.row[0]));
	if (e != 0 || v.pack.n == 0)
		return e;
	return put_pack(s, id, &v.pack);
}
