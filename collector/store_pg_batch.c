// SPDX-License-Identifier: Apache-2.0
/*
 * Writes of the open transaction, gathered as columns.  A binary array is: dimensions (1), whether
 * it may hold NULL, type, number of elements, lower bound; then each element with its length, -1
 * for NULL; all big endian (PostgreSQL, array_recv).
 */
#include "collector/store_pg.h"

#include <stdlib.h>
#include <string.h>

#include "collector/core/crc32.h"

#define HEAD     20
#define OID_INT8 20
#define OID_BYTE 17
#define NEW_DAYS 4                  /* partitions made in one transaction */
#define BIG      (32 * 1024 * 1024) /* a batch that grew beyond it gives its memory back */

static void be32(uint8_t *to, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		to[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint8_t *room(struct hr_pg_col *c, size_t need)
{
	uint8_t *at;

	if (c->len == 0)
		c->len = HEAD;
	if (c->len + need > c->cap) {
		size_t cap = c->cap ? c->cap : 4096;
		uint8_t *p;

		while (cap < c->len + need)
			cap *= 2;
		p = realloc(c->p, cap);
		if (!p)
			return NULL;
		c->p = p;
		c->cap = cap;
	}
	at = c->p + c->len;
	c->len += need;
	return at;
}

bool hr_pg_col_u64(struct hr_pg_col *c, uint64_t v)
{
	uint8_t *p = room(c, 12);

	if (!p)
		return false;
	be32(p, 8);
	hr_pg_be64(p + 4, v);
	return true;
}

bool hr_pg_col_bytes(struct hr_pg_col *c, const void *p, size_t len)
{
	uint8_t *to = room(c, 4 + (p ? len : 0));

	if (!to)
		return false;
	be32(to, p ? (uint32_t)len : UINT32_MAX);
	if (p)
		memcpy(to + 4, p, len);
	return true;
}

void hr_pg_array(struct hr_pg_args *a, struct hr_pg_col *col, uint32_t n, bool bytes)
{
	static const uint8_t empty[2][12] = {{[11] = OID_INT8}, {[11] = OID_BYTE}};

	if (!col->p) { /* no element: no dimension */
		hr_pg_bytes(a, empty[bytes], sizeof(empty[0]));
		return;
	}
	be32(col->p, 1);
	be32(col->p + 4, 1);
	be32(col->p + 8, bytes ? OID_BYTE : OID_INT8);
	be32(col->p + 12, n);
	be32(col->p + 16, 1);
	hr_pg_bytes(a, col->p, col->len);
}

void hr_pg_add_u64(struct hr_pg *q, enum hr_pg_sql which, uint64_t v)
{
	struct hr_pg_batch *b = &q->batch[which];

	q->no_memory |= !hr_pg_col_u64(&b->col[b->at++], v);
}

void hr_pg_add_bytes(struct hr_pg *q, enum hr_pg_sql which, const void *p, size_t len)
{
	struct hr_pg_batch *b = &q->batch[which];

	q->no_memory |= !hr_pg_col_bytes(&b->col[b->at++], p, len);
}

void hr_pg_add_sealed(struct hr_pg *q, enum hr_pg_sql which, const void *p, size_t len)
{
	struct hr_pg_batch *b = &q->batch[which];
	uint32_t crc = hr_crc32(p, len);
	uint8_t *to = room(&b->col[b->at++], 4 + len + 4);

	if (!to) {
		q->no_memory = true;
		return;
	}
	be32(to, (uint32_t)len + 4);
	memcpy(to + 4, p, len);
	for (unsigned i = 0; i < 4; i++) /* little endian, as in every store */
		to[4 + len + i] = (uint8_t)(crc >> (8 * i));
}

int hr_pg_added(struct hr_pg *q, enum hr_pg_sql which)
{
	q->batch[which].n++;
	q->batch[which].at = 0;
	if (!q->no_memory)
		return 0;
	(void)snprintf(q->base.error, sizeof(q->base.error), "out of memory");
	return HR_STORE_FULL;
}

static void reset(struct hr_pg_batch *b)
{
	for (unsigned i = 0; i < HR_PG_COLS; i++) {
		if (b->col[i].cap > BIG) {
			free(b->col[i].p);
			b->col[i] = (struct hr_pg_col){0};
		}
		b->col[i].len = 0;
	}
	b->n = b->at = 0;
}

/* Which columns are bytes, by statement; the others are numbers. */
static unsigned bytes_in(enum hr_pg_sql which)
{
	static const unsigned mask[HR_PG_BATCHES] = {
		[HR_PG_PUT_HOST] = 1U << 1 | 1U << 2,
		[HR_PG_PUT_BOOT] = 1U << 6,
		[HR_PG_PUT_ROW] = 1U << 5,
		[HR_PG_PUT_EVENT] = 1U << 6,
		[HR_PG_PUT_FACTS] = 1U << 1,
		[HR_PG_PUT_STATE] = 1U << 2 | 1U << 3,
		[HR_PG_PUT_5MIN] = 1U << 3,
		[HR_PG_PUT_HOUR] = 1U << 3,
	};

	return mask[which];
}

static unsigned cols_in(enum hr_pg_sql which)
{
	static const unsigned n[HR_PG_BATCHES] = {
		[HR_PG_PUT_HOST] = 3,
		[HR_PG_PUT_BOOT] = 11,
		[HR_PG_PUT_ROW] = 6,
		[HR_PG_PUT_EVENT] = 7,
		[HR_PG_PUT_FACTS] = 3,
		[HR_PG_PUT_STATE] = 4,
		[HR_PG_PUT_LATE] = 2,
		[HR_PG_PUT_5MIN] = 4,
		[HR_PG_PUT_HOUR] = 4,
	};

	return n[which];
}

/* Ids of the gathered rows lie in column 0, 12 bytes each behind the head. */
static uint64_t day_of_row(const struct hr_pg_batch *b, uint32_t i)
{
	const uint8_t *p = b->col[0].p + HEAD + 12 * (size_t)i + 4;
	uint64_t id = 0;

	for (unsigned k = 0; k < 8; k++)
		id = id << 8 | p[k];
	return (id >> 24) / HR_PG_DAY_SLOTS;
}

/*
 * Days of the gathered rows that have no partition get one, but only while the transaction holds
 * no lock on w10: two that read it and then both want to change it would wait for each other.
 */
static int make_days(struct hr_pg *q)
{
	const struct hr_pg_batch *b = &q->batch[HR_PG_PUT_ROW];
	unsigned made = 0;
	int r = 0;

	for (uint32_t i = 0; i < b->n && r == 0; i++) {
		uint64_t day = day_of_row(b, i);

		if (hr_pg_has_day(q, day))
			continue;
		if (q->read_w10 || made++ >= NEW_DAYS)
			return 0;
		r = hr_pg_make_day(q, day);
	}
	return r;
}

static int send_rows(struct hr_pg *q, struct hr_pg_args *a)
{
	struct hr_pg_col days = {0};
	PGresult *res = NULL;
	uint64_t beside;
	int r = make_days(q);

	for (unsigned i = 0; i < q->n_days && r == 0; i++) {
		if (!hr_pg_col_u64(&days, q->day[i]))
			r = HR_STORE_FULL;
	}
	if (r == 0) {
		hr_pg_u64(a, q->writer);
		hr_pg_array(a, &days, q->n_days, false);
		r = hr_pg_exec(q, HR_PG_PUT_ROW, a, &res);
	}
	free(days.p);
	if (r)
		return r;
	beside = strtoull(PQcmdTuples(res), NULL, 10);
	q->collisions += beside;
	q->read_w10 = true;
	PQclear(res);
	return 0;
}

int hr_pg_flush(struct hr_pg *q, enum hr_pg_sql which)
{
	struct hr_pg_batch *b = &q->batch[which];
	struct hr_pg_args a = {0};
	int r;

	if (b->n == 0)
		return 0;
	for (unsigned i = 0; i < cols_in(which); i++)
		hr_pg_array(&a, &b->col[i], b->n, bytes_in(which) >> i & 1);
	if (which == HR_PG_PUT_ROW) {
		r = send_rows(q, &a);
	} else {
		if (which == HR_PG_PUT_EVENT)
			hr_pg_u64(&a, q->writer);
		if (which == HR_PG_PUT_STATE) { /* the generation before the last one goes */
			struct hr_pg_args t = {0};

			hr_pg_array(&t, &b->col[0], b->n, false);
			r = hr_pg_exec(q, HR_PG_TRIM_HOSTS, &t, NULL);
		} else {
			r = 0;
		}
		r = r ? r : hr_pg_exec(q, which, &a, NULL);
	}
	reset(b);
	return r;
}

int hr_pg_flush_all(struct hr_pg *q)
{
	int r = 0;

	for (int i = 0; i < HR_PG_BATCHES && r == 0; i++)
		r = hr_pg_flush(q, (enum hr_pg_sql)i);
	return r;
}

void hr_pg_drop_batches(struct hr_pg *q)
{
	for (unsigned i = 0; i < HR_PG_BATCHES; i++)
		reset(&q->batch[i]);
	q->no_memory = false;
}

void hr_pg_free_batches(struct hr_pg *q)
{
	for (unsigned i = 0; i < HR_PG_BATCHES; i++) {
		for (unsigned k = 0; k < HR_PG_COLS; k++)
			free(q->batch[i].col[k].p);
	}
}
