// SPDX-License-Identifier: Apache-2.0
/*
 * Rows of w10.  Windows that come in one POST are one row for each bin that they lie in: one entry
 * of the table, of the index of places and of the journal instead of six, and one read and delete
 * later on.  What is put is held back until the next window does not go on where the last one
 * ended, and written at the latest with the commit; several windows compressed.
 */
#include "collector/store_sqlite.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMPRESS_FROM 4 /* windows in a row: 0.7 of their bytes, of ten 0.65 */

static uint64_t place_of(uint32_t host_no, uint64_t bin)
{
	return hr_store_id(host_no, bin * HR_TIER_5MIN_SLOTS);
}

/* --- writing --- */

/* Few windows have little in common; without memory they are kept as they are, too. */
static size_t encode(struct hr_store *s, const struct hr_pack *p, uint8_t *room)
{
	size_t len = 0;

	if (p->n >= COMPRESS_FROM)
		len = hr_pack_encode(hr_sqlite_of(s)->packer, p, room);
	return len ? len : hr_pack_encode_plain(p, room);
}

/* One row, and then its bodies may go. */
static int write_row(struct hr_store *s, uint64_t place, const struct hr_pack *p, uint8_t *room)
{
	const struct hr_pack_row *first = &p->row[0], *last = &p->row[p->n - 1];
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_PUT_ROW);
	size_t len = encode(s, p, room);

	hr_sql_seal(room, len, room);
	hr_sql_u64(&b, place);
	hr_sql_u64(&b, first->boot_ord);
	hr_sql_u64(&b, first->seq_first);
	hr_sql_u64(&b, last->seq_last);
	hr_sql_u64(&b, last->n);
	hr_sql_blob(&b, room, len + 4);
	return hr_sql_run(&b, "row");
}

int hr_sqlite_write_coming(struct hr_store *s)
{
	struct hr_store_sqlite *q = hr_sqlite_of(s);
	struct hr_sql_coming *c = &q->coming;
	uint64_t place = place_of(c->host_no, c->bin);
	const struct hr_pack_row *last;
	struct hr_sql_bound b;
	int r;

	if (c->pack.n == 0)
		return 0;
	last = &c->pack.row[c->pack.n - 1];
	r = write_row(s, place, &c->pack, q->pack_room);
	if (r != 0)
		return r;
	b = hr_sql_use(s, HR_SQL_PUT_EVENT);
	hr_sql_u64(&b, last->n);
	hr_sql_u64(&b, c->host_no);
	hr_sql_u64(&b, place);
	hr_sql_u64(&b, last->boot_ord);
	hr_sql_u64(&b, c->pack.row[0].seq_first);
	r = hr_sql_run(&b, "journal");
	if (r == 0)
		c->pack.n = 0;
	return r;
}

/* Whether @r goes on where the last window ended. */
static bool goes_on(const struct hr_sql_coming *c, const struct hr_store_row *r)
{
	const struct hr_pack_row *last = &c->pack.row[c->pack.n ? c->pack.n - 1 : 0];

	return c->pack.n > 0 && c->pack.n < HR_PACK_ROWS && r->len <= HR_PACK_RAW - c->len &&
	       r->host_no == c->host_no && r->slot / HR_TIER_5MIN_SLOTS == c->bin &&
	       r->boot_ord == last->boot_ord && r->seq_first == last->seq_last + 1 &&
	       r->n == last->n + 1 && r->slot % HR_TIER_5MIN_SLOTS >= last->at;
}

int hr_sqlite_put_row(struct hr_store *s, const struct hr_store_row *r)
{
	struct hr_store_sqlite *q = hr_sqlite_of(s);
	struct hr_sql_coming *c = &q->coming;
	int e = 0;

	assert(r->len <= HR_PACK_RAW && r->slot <= HR_STORE_SLOT_MAX);
	if (!goes_on(c, r)) {
		e = hr_sqlite_write_coming(s);
		c->host_no = r->host_no;
		c->bin = r->slot / HR_TIER_5MIN_SLOTS;
		c->pack.n = 0;
		c->len = 0;
	}
	if (e != 0)
		return e;
	c->pack.row[c->pack.n++] =
		(struct hr_pack_row){.at = (uint8_t)(r->slot % HR_TIER_5MIN_SLOTS),
			.boot_ord = r->boot_ord,
			.seq_first = r->seq_first,
			.seq_last = r->seq_last,
			.n = r->n,
			.body = c->raw + c->len,
			.len = r->len};
	memcpy(c->raw + c->len, r->body, r->len);
	c->len += r->len;
	if (r->n > q->group_n)
		q->group_n = r->n;
	return 0;
}

/*
 * The window that was put last is late.  It gets a row of its own: a late one is known by the n of
 * its row, and is in no sum by itself.
 */
int hr_sqlite_put_late(struct hr_store *s, const struct hr_store_row *r)
{
	struct hr_sql_coming *c = &hr_sqlite_of(s)->coming;
	struct hr_sql_bound b;
	int e = 0;

	if (c->pack.n > 1) {
		struct hr_pack_row last = c->pack.row[c->pack.n - 1];

		c->pack.n--;
		e = hr_sqlite_write_coming(s);
		if (e != 0)
			return e;
		c->pack.row[0] = last;
		c->pack.n = 1;
	}
	e = hr_sqlite_write_coming(s);
	if (e != 0)
		return e;
	b = hr_sql_use(s, HR_SQL_PUT_LATE);
	hr_sql_u64(&b, r->n);
	hr_sql_u64(&b, place_of(r->host_no, r->slot / HR_TIER_5MIN_SLOTS));
	return hr_sql_run(&b, "late");
}

/* --- reading --- */

struct hr_store_row hr_sql_row(struct hr_sql_bound *b, int at)
{
	struct hr_store_row r = {.slot = hr_sql_col(b, at) >> 24,
		.host_no = (uint32_t)(hr_sql_col(b, at) & HR_STORE_HOST_MAX),
		.boot_ord = (uint32_t)hr_sql_col(b, at + 1),
		.seq_first = hr_sql_col(b, at + 2),
		.seq_last = hr_sql_col(b, at + 3),
		.n = hr_sql_col(b, at + 4)};

	r.body = hr_sql_unseal(b, at + 5, HR_PACK_MAX, &r.len);
	r.damaged = !r.body;
	return r;
}

/* The file is input: a row's columns, which are what is counted, are those of its windows. */
static bool decode(struct hr_store_sqlite *q, const struct hr_store_row *row, struct hr_pack *p)
{
	const struct hr_pack_row *last;

	if (!hr_pack_decode(q->packer, row->body, row->len, p))
		return false;
	last = &p->row[p->n - 1];
	for (uint32_t i = 0; i < p->n; i++)
		if (p->row[i].boot_ord != row->boot_ord ||
			(i > 0 && p->row[i].seq_first != p->row[i - 1].seq_last + 1))
			return false;
	return row->slot % HR_TIER_5MIN_SLOTS == 0 && p->row[0].seq_first == row->seq_first &&
	       last->seq_last == row->seq_last && last->n == row->n;
}

int hr_sql_windows(
	struct hr_store_sqlite *q, const struct hr_store_row *row, hr_store_row_fn fn, void *arg)
{
	struct hr_pack p;
	int r = 0;

	if (row->damaged || !hr_pack_is(row->body, row->len))
		return fn(arg, row);
	if (!decode(q, row, &p)) {
		struct hr_store_row bad = *row;

		bad.damaged = true;
		bad.body = NULL;
		return fn(arg, &bad);
	}
	for (uint32_t i = 0; i < p.n && r == 0; i++) {
		struct hr_store_row w =
			hr_sql_packed_row(row->host_no, row->slot / HR_TIER_5MIN_SLOTS, &p.row[i]);

		r = fn(arg, &w);
	}
	return r;
}

struct hr_sql_bound hr_sql_use_bin(struct hr_store *s, uint32_t host_no, uint64_t bin)
{
	bool older = hr_sqlite_of(s)->older;
	struct hr_sql_bound b = hr_sql_use(s, older ? HR_SQL_BIN_OLDER : HR_SQL_BIN);

	hr_sql_u64(&b, place_of(host_no, bin));
	if (older)
		hr_sql_u64(&b, place_of(host_no, bin + 1) - 1);
	return b;
}

struct finding {
	struct hr_sql_finds *f;
	uint64_t from, to;
};

static bool has_room(struct hr_sql_finds *f, size_t len)
{
	if (f->n == f->cap) {
		size_t cap = f->cap ? 2 * f->cap : HR_PACK_ROWS;
		struct hr_sql_found *p = realloc(f->item, cap * sizeof(*p));

		if (!p)
			return false;
		f->item = p;
		f->cap = cap;
	}
	if (!f->bytes || len > f->room - f->len) {
		size_t room = 2 * (f->len + len) + HR_PACK_RAW;
		uint8_t *p = realloc(f->bytes, room);

		if (!p)
			return false;
		f->bytes = p;
		f->room = room;
	}
	return true;
}

static int find_window(void *arg, const struct hr_store_row *row)
{
	const struct finding *g = arg;
	struct hr_sql_finds *f = g->f;
	size_t len = row->damaged ? 0 : row->len;

	/* a damaged row may hold any window of its bin */
	if (!row->damaged && (row->slot < g->from || row->slot > g->to))
		return 0;
	if (!has_room(f, len))
		return HR_STORE_FULL;
	f->item[f->n++] = (struct hr_sql_found){.row = *row, .at = f->len};
	if (len > 0)
		memcpy(f->bytes + f->len, row->body, len);
	f->len += len;
	return 0;
}

static int each_found(struct hr_sql_bound *b, void *arg)
{
	struct hr_store_row row = hr_sql_row(b, 1);

	return hr_sql_windows(b->q, &row, find_window, arg);
}

/* An older version's rows lie in the place of their slot, in either table. */
static int find_older(struct hr_store *s, uint32_t host_no, uint64_t bin, struct finding *g)
{
	uint64_t first = bin * HR_TIER_5MIN_SLOTS;
	int r = 0;

	for (uint64_t slot = first; slot <= g->to && r == 0; slot++) {
		struct hr_sql_bound b = hr_sql_use(s, HR_SQL_ROW);

		if (slot != first && slot < g->from)
			slot = g->from;
		hr_sql_u64(&b, hr_store_id(host_no, slot));
		r = hr_sql_walk(&b, each_found, g);
	}
	return r;
}

int hr_sqlite_find(struct hr_store *s, uint32_t host_no, uint64_t bin, uint64_t from, uint64_t to)
{
	struct hr_store_sqlite *q = hr_sqlite_of(s);
	struct finding g = {&q->finds, from, to};
	struct hr_sql_bound b;
	int r;

	q->finds.n = q->finds.len = 0;
	if (q->older) {
		r = find_older(s, host_no, bin, &g);
	} else {
		b = hr_sql_use_bin(s, host_no, bin);
		r = hr_sql_walk(&b, each_found, &g);
	}
	if (r == HR_STORE_FULL)
		(void)snprintf(s->error, sizeof(s->error), "reading windows: out of memory");
	return r;
}

static int note(struct hr_sql_bound *b, void *arg)
{
	*(bool *)arg = hr_sql_col(b, 0) != 0;
	return 0;
}

int hr_sqlite_look_older(struct hr_store_sqlite *q)
{
	struct hr_sql_bound b = hr_sql_use(&q->base, HR_SQL_IS_OLDER);

	return hr_sql_walk(&b, note, &q->older);
}

/* --- setting one aside --- */

int hr_sqlite_drop_event(struct hr_store *s, uint64_t n)
{
	struct hr_sql_bound b;
	int r = hr_sqlite_mark(hr_sqlite_of(s)); /* it may be the largest */

	if (r != 0)
		return r;
	b = hr_sql_use(s, HR_SQL_DROP_EVENT);
	hr_sql_u64(&b, n);
	return hr_sql_run(&b, "journal");
}

int hr_sql_put_aside(struct hr_store *s, const struct hr_store_row *r)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_ASIDE);
	struct hr_store_sqlite *q = b.q;

	hr_sql_seal(r->body, r->len, q->pack_raw);
	hr_sql_u64(&b, hr_store_id(r->host_no, r->slot));
	hr_sql_u64(&b, r->boot_ord);
	hr_sql_u64(&b, r->seq_first);
	hr_sql_u64(&b, r->seq_last);
	hr_sql_u64(&b, r->n);
	hr_sql_blob(&b, q->pack_raw, r->len + 4);
	return hr_sql_run(&b, "quarantine");
}

struct containing {
	sqlite3_int64 rowid;
	struct hr_store_row row;
	struct hr_pack pack; /* n 0: none; its bodies lie in q->pack_room */
	uint32_t at;         /* of the window */
	uint64_t window_n;
};

static int each_containing(struct hr_sql_bound *b, void *arg)
{
	struct containing *c = arg;

	c->rowid = sqlite3_column_int64(b->st, 0);
	c->row = hr_sql_row(b, 1);
	c->pack.n = 0;
	if (c->row.damaged || !hr_pack_is(c->row.body, c->row.len))
		return 0;
	c->row.body = memcpy(b->q->pack_room, c->row.body, c->row.len);
	if (!decode(b->q, &c->row, &c->pack))
		c->pack.n = 0;
	for (c->at = 0; c->at < c->pack.n && c->pack.row[c->at].n != c->window_n;)
		c->at++;
	if (c->at == c->pack.n)
		c->pack.n = 0;
	return 0;
}

static int find_containing(struct hr_store *s, const struct hr_store_row *r, struct containing *c)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_CONTAINING);

	c->pack.n = 0;
	c->window_n = r->n;
	hr_sql_u64(&b, place_of(r->host_no, r->slot / HR_TIER_5MIN_SLOTS));
	hr_sql_u64(&b, r->n);
	return hr_sql_walk(&b, each_containing, c);
}

int hr_sqlite_row_of_window(struct hr_store *s, const struct hr_store_row *r, uint64_t *ret_row_n)
{
	struct containing c;
	int e = find_containing(s, r, &c);

	*ret_row_n = e == 0 && c.pack.n > 0 ? c.row.n : 0;
	return e;
}

/* Windows @from to @to of a row become one of their own. */
static int write_piece(struct hr_store *s, const struct containing *c, uint32_t from, uint32_t to)
{
	struct hr_pack piece = {.n = to - from};

	if (piece.n == 0)
		return 0;
	memcpy(piece.row, c->pack.row + from, piece.n * sizeof(piece.row[0]));
	return write_row(
		s, hr_store_id(c->row.host_no, c->row.slot), &piece, hr_sqlite_of(s)->pack_raw);
}

/*
 * The row's entry of the journal, if it is there, is that of the windows behind the one set aside;
 * those before it get one, or the row's if there are no others.  Without any it goes.
 */
static int split_journal(struct hr_store *s, const struct containing *c)
{
	bool before = c->at > 0, behind = c->at + 1 < c->pack.n;
	struct hr_sql_bound b;

	if (!before)
		return behind ? 0 : hr_sqlite_drop_event(s, c->row.n);
	b = hr_sql_use(s, behind ? HR_SQL_SPLIT_JOURNAL : HR_SQL_RENAME_JOURNAL);
	hr_sql_u64(&b, c->row.n);
	hr_sql_u64(&b, c->pack.row[c->at - 1].n);
	return hr_sql_run(&b, "quarantine");
}

int hr_sqlite_aside_one(struct hr_store *s, const struct hr_store_row *r)
{
	struct containing c;
	struct hr_store_row one;
	struct hr_sql_bound b;
	int e = find_containing(s, r, &c);

	if (e != 0 || c.pack.n == 0)
		return e;
	one = hr_sql_packed_row(c.row.host_no, c.row.slot / HR_TIER_5MIN_SLOTS, &c.pack.row[c.at]);
	e = hr_sql_put_aside(s, &one);
	b = hr_sql_use(s, HR_SQL_DROP_ROW);
	hr_sql_u64(&b, (uint64_t)c.rowid);
	e = e ? e : hr_sql_run(&b, "quarantine");
	e = e ? e : write_piece(s, &c, 0, c.at);
	e = e ? e : write_piece(s, &c, c.at + 1, c.pack.n);
	return e ? e : split_journal(s, &c);
}
