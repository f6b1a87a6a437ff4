// SPDX-License-Identifier: Apache-2.0
/*
 * Windows that are rolled up and in every saved state become one compressed row of their host's
 * five minutes (core/pack.h), w300: six tenths of the bytes, no room left over in their pages, no
 * entries in the index of places, and a day later one row to delete instead of many.  A window is
 * in w10 or in a pack, and moves from one to the other in one transaction.  What comes late stays
 * in w10, and so do the windows of a large fleet's POSTs, which are 100 s apart (of some bins those
 * 80 and 90 s apart): their rows are compressed as they are written.  They leave more room over in
 * their pages (6.0 MB a day of a busy VM in place of 4.9), but to move them would cost more than
 * all the rest of their storing.
 */
#include "collector/store_sqlite.h"

#include <string.h>

#define LEAST    2 /* of one window nothing is the same as in another */
#define FEW_ROWS 4 /* of a bin: those of POSTs 100 s apart are no more, wherever they begin */

struct packing {
	struct hr_pack pack;
	sqlite3_int64 rowid[HR_PACK_ROWS];
	uint32_t n_rows;
	uint64_t below_n;
	uint8_t *raw;
	size_t len;
	bool waits;
};

/* Not 0: it is damaged, or there is no room. */
static int add_window(void *arg, const struct hr_store_row *row)
{
	struct packing *g = arg;
	struct hr_pack_row *r = &g->pack.row[g->pack.n];

	if (row->damaged || row->len == 0 || g->pack.n == HR_PACK_ROWS ||
		row->len > HR_PACK_RAW - g->len)
		return 1;
	*r = (struct hr_pack_row){.at = (uint8_t)(row->slot % HR_TIER_5MIN_SLOTS),
		.boot_ord = row->boot_ord,
		.seq_first = row->seq_first,
		.seq_last = row->seq_last,
		.n = row->n,
		.body = memcpy(g->raw + g->len, row->body, row->len),
		.len = row->len};
	g->pack.n++;
	g->len += row->len;
	return 0;
}

/* All of a row, or it stays as it is: damaged, or without room. */
static int each_row(struct hr_sql_bound *b, void *arg)
{
	struct packing *g = arg;
	struct hr_store_row row = hr_sql_row(b, 1);
	uint32_t n = g->pack.n;
	size_t len = g->len;

	g->waits |= row.n >= g->below_n;
	if (hr_sql_windows(b->q, &row, add_window, g) != 0) {
		g->pack.n = n;
		g->len = len;
		return 0;
	}
	g->rowid[g->n_rows++] = sqlite3_column_int64(b->st, 0);
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

static int note_rows(struct hr_sql_bound *b, void *arg)
{
	*(uint64_t *)arg = hr_sql_col(b, 0);
	return 0;
}

/* As their number tells, which the index of places knows without reading a row. */
static int has_few_rows(struct hr_store *s, uint32_t host_no, uint64_t bin, bool *ret_few)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_COUNT_BIN);
	uint64_t n = 0;
	int r;

	hr_sql_u64(&b, hr_store_id(host_no, bin * HR_TIER_5MIN_SLOTS));
	r = hr_sql_walk(&b, note_rows, &n);
	*ret_few = n <= FEW_ROWS && !b.q->older; /* whose rows lie in other places, too */
	return r;
}

int hr_sqlite_pack(
	struct hr_store *s, uint32_t host_no, uint64_t bin, uint64_t below_n, bool *ret_waits)
{
	int r = hr_sqlite_write_coming(s);
	struct hr_sql_bound b = hr_sql_use_bin(s, host_no, bin);
	struct packing g;
	bool has = false, few = true;

	*ret_waits = false;
	if (r == 0)
		r = has_few_rows(s, host_no, bin, &few);
	if (r != 0 || few)
		return r;
	g.pack.n = g.n_rows = 0;
	g.len = 0;
	g.raw = b.q->pack_raw;
	g.waits = false;
	g.below_n = below_n;
	r = hr_sql_walk(&b, each_row, &g);
	*ret_waits = r == 0 && g.waits;
	if (r == 0 && !g.waits && g.pack.n >= LEAST)
		r = has_pack(s, hr_store_id(host_no, bin), &has);
	if (r != 0 || g.waits || g.pack.n < LEAST || has)
		return r;
	for (uint32_t i = 0; i < g.n_rows && r == 0; i++) {
		b = hr_sql_use(s, HR_SQL_DROP_ROW);
		hr_sql_u64(&b, (uint64_t)g.rowid[i]);
		r = hr_sql_run(&b, "pack");
	}
	hr_pack_sort(&g.pack);
	return r ? r : put_pack(s, hr_store_id(host_no, bin), &g.pack);
}

/* --- reading --- */

struct hr_store_row hr_sql_packed_row(uint32_t host_no, uint64_t bin, const struct hr_pack_row *r)
{
	return (struct hr_store_row){.host_no = host_no,
		.slot = bin * HR_TIER_5MIN_SLOTS + r->at,
		.boot_ord = r->boot_ord,
		.seq_first = r->seq_first,
		.seq_last = r->seq_last,
		.n = r->n,
		.body = r->body,
		.len = r->len};
}

static struct hr_store_row row_of(uint64_t id, const struct hr_pack_row *r)
{
	return hr_sql_packed_row((uint32_t)(id & HR_STORE_HOST_MAX), id >> 24, r);
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
	struct hr_store_row one;
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
	one = row_of(id, &v.pack.row[at]);
	e = hr_sql_put_aside(s, &one);
	if (e == 0)
		e = drop_pack(s, HR_SQL_DROP_PACK, id);
	v.pack.n--;
	memmove(&v.pack.row[at], &v.pack.row[at + 1], (v.pack.n - at) * sizeof(v.pack.row[0]));
	if (e != 0 || v.pack.n == 0)
		return e;
	return put_pack(s, id, &v.pack);
}
