// SPDX-License-Identifier: Apache-2.0
/* Reading the SQLite store.  The file is input too: what does not fit is damage, with words. */
#include "collector/store_sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/core/crc32.h"

int hr_sql_walk(struct hr_sql_bound *b, int (*each)(struct hr_sql_bound *b, void *arg), void *arg)
{
	int rc, r = 0;

	while (r == 0 && (rc = sqlite3_step(b->st)) == SQLITE_ROW)
		r = each(b, arg);
	if (r == 0)
		r = hr_sqlite_result(b->q, rc, "read");
	sqlite3_reset(b->st);
	return r;
}

struct walker {
	union {
		hr_store_host_fn host;
		hr_store_boot_fn boot;
		hr_store_row_fn row;
		hr_store_event_fn event;
		hr_store_state_fn state;
		hr_store_view_fn view;
	} fn;
	void *arg;
};

static int damaged(struct hr_sql_bound *b, const char *what)
{
	snprintf(b->q->base.error, sizeof(b->q->base.error), "%s: damaged entry", what);
	b->q->corrupt = true; /* the next start reads all */
	return HR_STORE_FAILED;
}

static int each_host(struct hr_sql_bound *b, void *arg)
{
	const struct walker *w = arg;
	struct hr_store_host h = {.no = (uint32_t)hr_sql_col(b, 0)};

	if (hr_sql_col(b, 0) == 0 || hr_sql_col(b, 0) > HR_STORE_HOST_MAX ||
		sqlite3_column_bytes(b->st, 1) != sizeof(h.id))
		return damaged(b, "host");
	memcpy(h.id, sqlite3_column_blob(b->st, 1), sizeof(h.id));
	snprintf(h.name, sizeof(h.name), "%s", (const char *)sqlite3_column_text(b->st, 2));
	return w->fn.host(w->arg, &h);
}

int hr_sqlite_hosts(struct hr_store *s, hr_store_host_fn fn, void *arg)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_HOSTS);

	return hr_sql_walk(&b, each_host, &(struct walker){.fn.host = fn, .arg = arg});
}

static int each_boot(struct hr_sql_bound *b, void *arg)
{
	const struct walker *w = arg;
	struct hr_store_boot v = {.host_no = (uint32_t)hr_sql_col(b, 0),
		.boot = hr_sql_col(b, 1),
		.ord = (uint32_t)hr_sql_col(b, 2),
		.offset_ms = sqlite3_column_int64(b->st, 7),
		.first_ms = hr_sql_col(b, 8),
		.heard_ms = hr_sql_col(b, 9),
		.windows = hr_sql_col(b, 10)};

	if (!hr_hostseq_decode(&v.seq, hr_sql_col(b, 3), hr_sql_col(b, 4), hr_sql_col(b, 5),
		    sqlite3_column_blob(b->st, 6), (size_t)sqlite3_column_bytes(b->st, 6)))
		return damaged(b, "seen");
	return w->fn.boot(w->arg, &v);
}

int hr_sqlite_boots(struct hr_store *s, hr_store_boot_fn fn, void *arg)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_BOOTS);

	return hr_sql_walk(&b, each_boot, &(struct walker){.fn.boot = fn, .arg = arg});
}

static int each_state(struct hr_sql_bound *b, void *arg)
{
	const struct walker *w = arg;

	return w->fn.state(w->arg, &(struct hr_store_state){.host_no = (uint32_t)hr_sql_col(b, 0),
					   .upto = hr_sql_col(b, 1),
					   .bytes = sqlite3_column_blob(b->st, 2),
					   .len = (size_t)sqlite3_column_bytes(b->st, 2),
					   .answer = (const char *)sqlite3_column_text(b->st, 3)});
}

int hr_sqlite_states(struct hr_store *s, hr_store_state_fn fn, void *arg)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_STATES);

	return hr_sql_walk(&b, each_state, &(struct walker){.fn.state = fn, .arg = arg});
}

int hr_sqlite_state(struct hr_store *s, uint32_t host_no, hr_store_state_fn fn, void *arg)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_STATE);

	hr_sql_u64(&b, host_no);
	return hr_sql_walk(&b, each_state, &(struct walker){.fn.state = fn, .arg = arg});
}

static int each_view(struct hr_sql_bound *b, void *arg)
{
	const struct walker *w = arg;

	return w->fn.view(w->arg, &(struct hr_store_view){.host_no = (uint32_t)hr_sql_col(b, 0),
					  .bytes = sqlite3_column_blob(b->st, 1),
					  .len = (size_t)sqlite3_column_bytes(b->st, 1)});
}

int hr_sqlite_views(struct hr_store *s, hr_store_view_fn fn, void *arg)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_VIEWS);

	return hr_sql_walk(&b, each_view, &(struct walker){.fn.view = fn, .arg = arg});
}

const void *hr_sql_unseal(struct hr_sql_bound *b, int i, size_t max, size_t *ret_len)
{
	const uint8_t *p = sqlite3_column_blob(b->st, i);
	size_t len = (size_t)sqlite3_column_bytes(b->st, i);
	uint32_t crc = 0;

	if (!p || len < 4 || len - 4 > max)
		return NULL;
	for (size_t k = 0; k < 4; k++)
		crc |= (uint32_t)p[len - 4 + k] << (8 * k);
	if (hr_crc32(p, len - 4) != crc)
		return NULL;
	*ret_len = len - 4;
	return p;
}

/* Sealed bytes in column @i -> body, or damaged. */
static void unseal(struct hr_sql_bound *b, int i, struct hr_store_row *r)
{
	r->body = hr_sql_unseal(b, i, HR_PACK_MAX, &r->len);
	r->damaged = !r->body;
}

static int tell_event(void *arg, const struct hr_store_row *row)
{
	const struct walker *w = arg;

	return w->fn.event(w->arg, &(struct hr_store_event){.row = *row});
}

static int each_event(struct hr_sql_bound *b, void *arg)
{
	const struct walker *w = arg;
	struct hr_store_event e = {
		.row = {.n = hr_sql_col(b, 0), .host_no = (uint32_t)hr_sql_col(b, 1)}};

	if (sqlite3_column_type(b->st, 2) == SQLITE_NULL) {
		e.at_ms = hr_sql_col(b, 5);
		e.facts = sqlite3_column_blob(b->st, 6);
		e.facts_len = (size_t)sqlite3_column_bytes(b->st, 6);
	} else {
		int beside = sqlite3_column_type(b->st, 8) == SQLITE_NULL ? 2 : 0;

		e.row.slot = hr_sql_col(b, 2) >> 24;
		e.row.boot_ord = (uint32_t)hr_sql_col(b, 3);
		e.row.seq_first = hr_sql_col(b, 4);
		e.row.seq_last = hr_sql_col(b, 7 + beside);
		unseal(b, 8 + beside, &e.row);
		return hr_sql_windows(b->q, &e.row, tell_event, arg);
	}
	return w->fn.event(w->arg, &e);
}

int hr_sqlite_journal(struct hr_store *s, hr_store_event_fn fn, void *arg)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_JOURNAL);
	int r = hr_sqlite_write_coming(s);

	return r ? r : hr_sql_walk(&b, each_event, &(struct walker){.fn.event = fn, .arg = arg});
}

static int each_span(struct hr_sql_bound *b, void *arg)
{
	uint64_t *span = arg;

	span[0] = hr_sql_col(b, 0);
	span[1] = hr_sql_col(b, 1);
	return sqlite3_column_type(b->st, 1) == SQLITE_INTEGER ? 0 : damaged(b, "mark");
}

int hr_sqlite_span(struct hr_store_sqlite *q, uint64_t *ret_first, uint64_t *ret_last)
{
	struct hr_sql_bound b = hr_sql_use(&q->base, HR_SQL_SPAN);
	uint64_t span[2] = {0, 0};
	int r = hr_sql_walk(&b, each_span, span);

	*ret_first = span[0];
	*ret_last = span[1];
	return r;
}

static int each_head(struct hr_sql_bound *b, void *arg)
{
	const struct walker *w = arg;
	struct hr_store_event e = {
		.row = {.n = hr_sql_col(b, 0), .host_no = (uint32_t)hr_sql_col(b, 1)}};

	if (sqlite3_column_type(b->st, 2) == SQLITE_NULL) {
		e.at_ms = hr_sql_col(b, 3);
		e.facts = sqlite3_column_blob(b->st, 4);
		e.facts_len = (size_t)sqlite3_column_bytes(b->st, 4);
	} else {
		e.row.slot = hr_sql_col(b, 2) >> 24;
	}
	return w->fn.event(w->arg, &e);
}

int hr_sqlite_heads(
	struct hr_store *s, uint64_t from_n, uint32_t max, hr_store_event_fn fn, void *arg)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_HEADS);
	int r = hr_sqlite_write_coming(s);

	if (r != 0)
		return r;
	hr_sql_u64(&b, from_n);
	hr_sql_u64(&b, max);
	return hr_sql_walk(&b, each_head, &(struct walker){.fn.event = fn, .arg = arg});
}

static int each_facts(struct hr_sql_bound *b, void *arg)
{
	const struct walker *w = arg;

	return w->fn.event(w->arg, &(struct hr_store_event){.facts = sqlite3_column_blob(b->st, 0),
					   .facts_len = (size_t)sqlite3_column_bytes(b->st, 0),
					   .at_ms = hr_sql_col(b, 1)});
}

int hr_sqlite_facts(struct hr_store *s, uint32_t host_no, hr_store_event_fn fn, void *arg)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_FACTS);

	hr_sql_u64(&b, host_no);
	return hr_sql_walk(&b, each_facts, &(struct walker){.fn.event = fn, .arg = arg});
}

static int tell_within(void *arg, const struct hr_store_row *r)
{
	const struct hr_packed *v = arg;

	return r->damaged || (r->slot >= v->from && r->slot <= v->to) ? v->fn(v->arg, r) : 0;
}

static int each_row(struct hr_sql_bound *b, void *arg)
{
	struct hr_store_row r = hr_sql_row(b, 0);

	return hr_sql_windows(b->q, &r, tell_within, arg);
}

static int by_slot(const void *a, const void *b)
{
	const struct hr_store_row *x = &((const struct hr_sql_found *)a)->row;
	const struct hr_store_row *y = &((const struct hr_sql_found *)b)->row;

	if (x->slot != y->slot)
		return x->slot < y->slot ? -1 : 1;
	return (x->n > y->n) - (x->n < y->n);
}

/* What was found in w10 and w10x, each behind the packed ones before it. */
static int tell_found(struct hr_sql_finds *f, struct hr_packed *v)
{
	int r = 0;

	if (f->n > 1) /* rows of two POSTs may lie across each other */
		qsort(f->item, f->n, sizeof(*f->item), by_slot);
	for (size_t i = 0; i < f->n && r == 0; i++) {
		struct hr_store_row *row = &f->item[i].row;

		row->body = row->damaged ? NULL : f->bytes + f->item[i].at;
		r = hr_sqlite_packed_upto(v, row->slot, row->n);
		if (r == 0)
			r = v->fn(v->arg, row);
	}
	return r;
}

static int range_of_all(
	struct hr_store *s, uint64_t from, uint64_t to, hr_store_row_fn fn, void *arg)
{
	struct hr_packed v = {.fn = fn, .arg = arg, .from = from, .to = to};
	struct hr_sql_bound b;
	int r = hr_sqlite_packs(s, &v);

	if (r)
		return r;
	b = hr_sql_use(s, HR_SQL_RANGE);
	hr_sql_u64(&b, hr_store_id(0, from - from % HR_TIER_5MIN_SLOTS));
	hr_sql_u64(&b, hr_store_id(HR_STORE_HOST_MAX, to));
	return hr_sql_walk(&b, each_row, &v);
}

int hr_sqlite_range(struct hr_store *s, uint32_t host_no, uint64_t from, uint64_t to,
	hr_store_row_fn fn, void *arg)
{
	struct hr_packed v = {.fn = fn, .arg = arg};
	int r = hr_sqlite_write_coming(s);

	to = to > HR_STORE_SLOT_MAX ? HR_STORE_SLOT_MAX : to;
	if (r == 0 && host_no == 0)
		return range_of_all(s, from, to, fn, arg);
	for (; from <= to && r == 0; from = v.to + 1) {
		uint64_t bin = from / HR_TIER_5MIN_SLOTS, last = (bin + 1) * HR_TIER_5MIN_SLOTS - 1;

		v.from = from;
		v.to = last < to ? last : to;
		r = hr_sqlite_find(s, host_no, bin, v.from, v.to);
		if (r == 0)
			r = hr_sqlite_packed(s, hr_store_id(host_no, bin), &v);
		if (r == 0)
			r = tell_found(&hr_sqlite_of(s)->finds, &v);
		if (r == 0)
			r = hr_sqlite_packed_upto(&v, UINT64_MAX, UINT64_MAX);
	}
	return r;
}

static int each_late(struct hr_sql_bound *b, void *arg)
{
	const struct walker *w = arg;
	int at = sqlite3_column_type(b->st, 5) == SQLITE_NULL ? 6 : 2; /* w10x, w10 */
	struct hr_store_row r = {.n = hr_sql_col(b, 0),
		.slot = hr_sql_col(b, 1) >> 24,
		.host_no = (uint32_t)(hr_sql_col(b, 1) & HR_STORE_HOST_MAX),
		.boot_ord = (uint32_t)hr_sql_col(b, at),
		.seq_first = hr_sql_col(b, at + 1),
		.seq_last = hr_sql_col(b, at + 2)};

	unseal(b, at + 3, &r);
	return hr_sql_windows(b->q, &r, w->fn.row, w->arg);
}

int hr_sqlite_late(struct hr_store *s, uint32_t max, hr_store_row_fn fn, void *arg)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_LATE);
	int r = hr_sqlite_write_coming(s);

	if (r != 0)
		return r;
	hr_sql_u64(&b, max);
	return hr_sql_walk(&b, each_late, &(struct walker){.fn.row = fn, .arg = arg});
}
