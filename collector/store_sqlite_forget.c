// SPDX-License-Identifier: Apache-2.0
/*
 * Forgetting a host.  Windows lie as they came and are found by time first, so those of one host
 * lie all over the table: they go slot by slot, a piece per transaction.  Until that is done the
 * host's row stays as a tombstone (no name, an id no machine has), which also keeps its number from
 * being given again while anything of it is left.
 */
#include "collector/store_sqlite.h"

#include <string.h>

/* Statements of a rare operation are not kept. */
static int run(struct hr_store_sqlite *q, const char *sql, uint64_t a)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(q->db, sql, -1, &st, NULL);

	if (rc == SQLITE_OK) {
		(void)sqlite3_bind_int64(st, 1, (sqlite3_int64)a);
		rc = sqlite3_step(st);
	}
	sqlite3_finalize(st);
	return hr_sqlite_result(q, rc, "forget");
}

int hr_sqlite_forget(struct hr_store *s, uint32_t host_no)
{
	static const char *const steps[] = {
		/* accounted for as a boot that was dropped, windows that were not rolled up */
		("UPDATE tally SET in_windows=in_windows+(SELECT ifnull(sum(windows),0) FROM seen"
		 " WHERE host=?1), out_windows=out_windows+(SELECT ifnull(sum(last-seq+1),0)"
		 " FROM quarantine WHERE (id&16777215)=?1) WHERE tier=0"),
		("UPDATE tally SET bad_windows=bad_windows"
		 "+(SELECT ifnull(sum(last-seq+1),0) FROM w10"
		 " WHERE id>=((bin+(?1<tally.host))*30)<<24 AND (id&16777215)=?1"
		 " AND n NOT IN (SELECT n FROM late))"
		 "+(SELECT ifnull(sum(last-seq+1),0) FROM w10x"
		 " WHERE id>=((bin+(?1<tally.host))*30)<<24 AND (id&16777215)=?1"
		 " AND n NOT IN (SELECT n FROM late))"
		 "+(SELECT ifnull(sum(w.last-w.seq+1),0) FROM late l JOIN w10 w"
		 " ON w.id=l.id AND w.n=l.n WHERE (l.id&16777215)=?1)"
		 "+(SELECT ifnull(sum(x.last-x.seq+1),0) FROM late l JOIN w10x x"
		 " ON x.id=l.id AND x.n=l.n WHERE (l.id&16777215)=?1) WHERE tier=1"),
		("UPDATE tally SET bad_windows=bad_windows+(SELECT ifnull(sum(windows),0) FROM r300"
		 " WHERE id>=((bin+(?1<tally.host))*12)<<24 AND (id&16777215)=?1) WHERE tier=2"),
		"DELETE FROM late WHERE (id&16777215)=?1",
		"DELETE FROM seen WHERE host=?1",
		"DELETE FROM state WHERE host=?1",
		"DELETE FROM view WHERE host=?1",
		"DELETE FROM journal WHERE host=?1",
		"DELETE FROM quarantine WHERE (id&16777215)=?1",
	};
	struct hr_store_sqlite *q = hr_sqlite_of(s);
	uint8_t id[HR_HOST_ID_LEN] = {0}; /* ids of machines are the output of an HMAC */
	sqlite3_stmt *st = NULL;
	int r = hr_sqlite_write_coming(s), rc;

	if (r != 0)
		return r;
	rc = sqlite3_prepare_v2(q->db,
		"UPDATE host SET id=?2, name='', facts=NULL, facts_ms=NULL WHERE no=?1", -1, &st,
		NULL);

	memcpy(id + sizeof(id) - sizeof(host_no), &host_no, sizeof(host_no));
	if (rc == SQLITE_OK) {
		(void)sqlite3_bind_int64(st, 1, host_no);
		(void)sqlite3_bind_blob(st, 2, id, sizeof(id), SQLITE_STATIC);
		rc = sqlite3_step(st);
	}
	sqlite3_finalize(st);
	r = hr_sqlite_result(q, rc, "forget");
	if (r == 0) /* the last entry of the journal may be this host's */
		r = hr_sqlite_mark(q);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && r == 0; i++)
		r = run(q, steps[i], host_no);
	return r;
}

/*
 * One table of a purge: rows by key, and what goes is accounted for as if by age.  The place is
 * the number of the table in the bits above those of a slot or bin.
 */
static const struct {
	const char *next, *del, *account;
} purges[] = {
	{"SELECT min(id) FROM w10 WHERE id>=?1",
		"DELETE FROM w10 WHERE id=?1 RETURNING last-seq+1,0",
		"UPDATE tally SET out_windows=out_windows+?1 WHERE tier=0"},
	{"SELECT min(id) FROM w10x WHERE id>=?1",
		"DELETE FROM w10x WHERE id=?1 RETURNING last-seq+1,0",
		"UPDATE tally SET out_windows=out_windows+?1 WHERE tier=0"},
	{"SELECT min(id) FROM w300 WHERE id>=?1",
		"DELETE FROM w300 WHERE id=?1 RETURNING windows,0",
		"UPDATE tally SET out_windows=out_windows+?1 WHERE tier=0"},
	{"SELECT min(id) FROM r300 WHERE id>=?1",
		"DELETE FROM r300 WHERE id=?1 RETURNING windows,samples",
		"UPDATE tally SET out_windows=out_windows+?1,out_samples=out_samples+?2"
		" WHERE tier=1"},
	{"SELECT min(id) FROM r3600 WHERE id>=?1",
		"DELETE FROM r3600 WHERE id=?1 RETURNING windows,samples",
		"UPDATE tally SET out_windows=out_windows+?1,out_samples=out_samples+?2"
		" WHERE tier=2"},
};
#define PURGES (sizeof(purges) / sizeof(purges[0]))
enum {
	PLACE_BITS = 38,
	PACKS = 2 /* in purges[] */
};
_Static_assert(HR_STORE_SLOT_MAX == (1ULL << PLACE_BITS) - 1, "a slot or bin and a table");

struct purge {
	struct hr_store_sqlite *q;
	sqlite3_stmt *next, *del;
	uint64_t rows;
	uint64_t windows, samples;
};

/* The next slot or bin >= @at that any host has, HR_STORE_SLOT_MAX + 1: none. */
static int next_place(struct purge *p, uint64_t *at)
{
	int rc;

	(void)sqlite3_bind_int64(p->next, 1, (sqlite3_int64)hr_store_id(0, *at));
	rc = sqlite3_step(p->next);
	if (rc == SQLITE_ROW)
		*at = sqlite3_column_type(p->next, 0) == SQLITE_NULL
			      ? HR_STORE_SLOT_MAX + 1
			      : (uint64_t)sqlite3_column_int64(p->next, 0) >> 24;
	(void)sqlite3_reset(p->next);
	return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int purge_row(struct purge *p, uint64_t id)
{
	int rc;

	(void)sqlite3_bind_int64(p->del, 1, (sqlite3_int64)id);
	while ((rc = sqlite3_step(p->del)) == SQLITE_ROW) {
		p->rows++;
		p->windows += (uint64_t)sqlite3_column_int64(p->del, 0);
		p->samples += (uint64_t)sqlite3_column_int64(p->del, 1);
	}
	(void)sqlite3_reset(p->del);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int account(const struct purge *p, const char *sql)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(p->q->db, sql, -1, &st, NULL);

	if (rc == SQLITE_OK) {
		(void)sqlite3_bind_int64(st, 1, (sqlite3_int64)p->windows);
		(void)sqlite3_bind_int64(st, 2, (sqlite3_int64)p->samples);
		rc = sqlite3_step(st);
	}
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Empty slots are jumped over, however many.  At most *slots of a table. */
static int purge_table(struct purge *p, size_t t, uint32_t host_no, uint64_t *at, uint32_t *slots)
{
	int rc = sqlite3_prepare_v2(p->q->db, purges[t].next, -1, &p->next, NULL);

	p->rows = p->windows = p->samples = 0;
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(p->q->db, purges[t].del, -1, &p->del, NULL);
	for (; *slots > 0 && *at <= HR_STORE_SLOT_MAX && rc == SQLITE_OK; (*slots)--) {
		rc = next_place(p, at);
		if (rc == SQLITE_OK && *at <= HR_STORE_SLOT_MAX)
			rc = purge_row(p, hr_store_id(host_no, (*at)++));
	}
	sqlite3_finalize(p->next);
	sqlite3_finalize(p->del);
	p->next = p->del = NULL;
	return rc == SQLITE_OK && p->rows > 0 ? account(p, purges[t].account) : rc;
}

int hr_sqlite_purge(struct hr_store *s, uint32_t host_no, uint64_t *slot, uint32_t max_slots,
	uint64_t *ret_rows)
{
	struct purge p = {.q = hr_sqlite_of(s)};
	uint64_t at = *slot & HR_STORE_SLOT_MAX, rows = 0;
	size_t t = (size_t)(*slot >> PLACE_BITS);
	int r = hr_sqlite_write_coming(s);

	while (r == 0 && t < PURGES && max_slots > 0) {
		r = hr_sqlite_result(p.q, purge_table(&p, t, host_no, &at, &max_slots), "forget");
		rows += t <= PACKS ? p.windows : 0;
		if (at > HR_STORE_SLOT_MAX) {
			t++;
			at = 0;
		}
	}
	if (r == 0 && t >= PURGES) /* the highest number stays as a tombstone: numbers go on */
		r = run(p.q,
			"DELETE FROM host WHERE no=?1 AND name=''"
			" AND no<(SELECT max(no) FROM host)",
			host_no);
	if (r == 0) {
		*slot = t >= PURGES ? HR_STORE_PURGED : (uint64_t)t << PLACE_BITS | at;
		*ret_rows += rows;
	}
	return r;
}
