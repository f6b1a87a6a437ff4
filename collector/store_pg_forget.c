// SPDX-License-Identifier: Apache-2.0
/*
 * Forgetting a host in PostgreSQL, with the accounts of store_sqlite_forget.c: first its name and
 * what was not rolled up yet, then its windows in pieces; a tombstone stays until they are gone.
 */
#include "collector/store_pg.h"

#include <stdlib.h>
#include <string.h>

#define NO      "$1::bigint"
#define HOST    "(id&16777215)=" NO
#define WINDOWS "coalesce(sum(last-seq+1),0)"
#define LATE_OF(t)                                                                                 \
	"(SELECT coalesce(sum(w.last-w.seq+1),0) FROM late l JOIN " t                              \
	" w ON w.id=l.id AND w.n=l.n"                                                              \
	" WHERE (l.id&16777215)=" NO ")"
#define OPEN_OF(t)                                                                                 \
	"(SELECT " WINDOWS " FROM " t " WHERE id>=((bin+(" NO                                      \
	"<tally.host)::int)*30)<<24 AND " HOST " AND n NOT IN (SELECT n FROM late))"

/* $1 is the host. */
static const char *const steps[] = {
	"UPDATE tally SET in_windows=in_windows+(SELECT coalesce(sum(windows),0) FROM seen"
	" WHERE host=" NO "),out_windows=out_windows+(SELECT " WINDOWS
	" FROM quarantine WHERE " HOST ") WHERE tier=0",
	"UPDATE tally SET bad_windows=bad_windows+" OPEN_OF("w10") " WHERE tier=1",
	"UPDATE tally SET bad_windows=bad_windows+" OPEN_OF("w10x") " WHERE tier=1",
	"UPDATE tally SET bad_windows=bad_windows+" LATE_OF("w10") "+" LATE_OF(
		"w10x") " WHERE tier=1",
	"UPDATE tally SET bad_windows=bad_windows+(SELECT coalesce(sum(windows),0) FROM r300"
	" WHERE id>=((bin+(" NO "<tally.host)::int)*12)<<24 AND " HOST ") WHERE tier=2",
	"DELETE FROM late WHERE " HOST,
	"DELETE FROM seen WHERE host=" NO,
	"DELETE FROM state WHERE host=" NO,
	"DELETE FROM facts WHERE host=" NO,
	"DELETE FROM journal WHERE host=" NO,
	"DELETE FROM quarantine WHERE " HOST,
};

int hr_pg_forget(struct hr_store *s, uint32_t host_no)
{
	struct hr_pg *q = hr_pg_of(s);
	uint8_t id[HR_HOST_ID_LEN] = {0}; /* ids of machines are the output of an HMAC */
	struct hr_pg_args a = {0};
	int r = hr_pg_flush_all(q);

	memcpy(id + sizeof(id) - sizeof(host_no), &host_no, sizeof(host_no));
	hr_pg_u64(&a, host_no);
	hr_pg_bytes(&a, id, sizeof(id));
	r = r ? r : hr_pg_exec(q, HR_PG_TOMBSTONE, &a, NULL);
	q->read_w10 = true;
	a = (struct hr_pg_args){0};
	hr_pg_u64(&a, host_no);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && r == 0; i++)
		r = hr_pg_once(q, steps[i], &a, "forget");
	return r;
}

/* The place is the number of the table in the bits above those of a slot or bin. */
static const struct {
	enum hr_pg_sql next, del;
} purges[] = {
	{HR_PG_NEXT_RAW_ONLY, HR_PG_PURGE_RAW},
	{HR_PG_NEXT_BESIDE, HR_PG_PURGE_BESIDE},
	{HR_PG_NEXT_5MIN, HR_PG_PURGE_5MIN},
	{HR_PG_NEXT_HOUR, HR_PG_PURGE_HOUR},
};
#define PURGES (sizeof(purges) / sizeof(purges[0]))
enum {
	PLACE_BITS = 38
};

/* Rows of @host_no in @n slots or bins from @at on. */
static int purge_span(
	struct hr_pg *q, size_t t, uint32_t host_no, uint64_t at, uint32_t n, uint64_t *ret_rows)
{
	struct hr_pg_col ids = {0};
	struct hr_pg_args a = {0};
	uint64_t rows = 0;
	bool ok = true;
	int r;

	for (uint32_t i = 0; i < n && at + i <= HR_STORE_SLOT_MAX; i++)
		ok &= hr_pg_col_u64(&ids, hr_store_id(host_no, at + i));
	hr_pg_array(&a, &ids, (uint32_t)((ids.len - 20) / 12), false);
	if (purges[t].del == HR_PG_PURGE_RAW) {
		hr_pg_u64(&a, 0);
		hr_pg_u64(&a, q->writer);
	}
	r = ok ? hr_pg_fetch(q, purges[t].del, &a, hr_pg_each_u64, &rows) : HR_STORE_FULL;
	free(ids.p);
	*ret_rows += t < 2 ? rows : 0; /* the caller reports windows */
	return r;
}

int hr_pg_purge(struct hr_store *s, uint32_t host_no, uint64_t *slot, uint32_t max_slots,
	uint64_t *ret_rows)
{
	struct hr_pg *q = hr_pg_of(s);
	uint64_t at = *slot & HR_STORE_SLOT_MAX, rows = 0;
	size_t t = (size_t)(*slot >> PLACE_BITS);
	struct hr_pg_args bury = {0};
	int r = hr_pg_flush_all(q);

	q->read_w10 = true;
	while (r == 0 && t < PURGES) {
		struct hr_pg_args a = {0};
		uint64_t id = 0;

		hr_pg_u64(&a, hr_store_id(0, at));
		r = hr_pg_fetch(q, purges[t].next, &a, hr_pg_each_u64, &id);
		if (r == 0 && id == 0) { /* no host has a row from here on */
			t++;
			at = 0;
			continue;
		}
		if (r == 0)
			r = purge_span(q, t, host_no, id >> 24, max_slots, &rows);
		at = (id >> 24) + max_slots;
		if (at > HR_STORE_SLOT_MAX) {
			t++;
			at = 0;
		}
		break;
	}
	hr_pg_u64(&bury, host_no);
	if (r == 0 && t >= PURGES)
		r = hr_pg_exec(q, HR_PG_BURY, &bury, NULL);
	if (r == 0) {
		*slot = t >= PURGES ? HR_STORE_PURGED : (uint64_t)t << PLACE_BITS | at;
		*ret_rows += rows;
	}
	return r;
}
