// SPDX-License-Identifier: Apache-2.0
/*
 * Forgetting a host.  Windows are keyed by time first, so those of one host lie all over
 * the table: they go slot by slot, a piece per transaction.  Until that is done the host's
 * row stays as a tombstone (no name, an id no machine has), which also keeps its number
 * from being given again while anything of it is left.
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
		"DELETE FROM seen WHERE host=?1",
		"DELETE FROM state WHERE host=?1",
		"DELETE FROM journal WHERE host=?1",
		"DELETE FROM quarantine WHERE (id&16777215)=?1",
	};
	struct hr_store_sqlite *q = hr_sqlite_of(s);
	uint8_t id[HR_HOST_ID_LEN] = {0}; /* ids of machines are the output of an HMAC */
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(q->db,
		"UPDATE host SET id=?2, name='', facts=NULL, facts_ms=NULL WHERE no=?1", -1, &st,
		NULL);
	int r;

	memcpy(id + sizeof(id) - sizeof(host_no), &host_no, sizeof(host_no));
	if (rc == SQLITE_OK) {
		(void)sqlite3_bind_int64(st, 1, host_no);
		(void)sqlite3_bind_blob(st, 2, id, sizeof(id), SQLITE_STATIC);
		rc = sqlite3_step(st);
	}
	sqlite3_finalize(st);
	r = hr_sqlite_result(q, rc, "forget");
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && r == 0; i++)
		r = run(q, steps[i], host_no);
	return r;
}

/* The statements of a purge, prepared together and dropped together. */
struct purge {
	sqlite3_stmt *next, *del[2];
};

static int prepare(struct hr_store_sqlite *q, struct purge *p)
{
	/* an end of the key each: empty slots are jumped over, however many */
	static const char next[] = "SELECT min(a) FROM (SELECT min(id) a FROM w10 WHERE id>=?1"
				   " UNION ALL SELECT min(id) FROM w10x WHERE id>=?1)";
	int rc = sqlite3_prepare_v2(q->db, next, -1, &p->next, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(q->db, "DELETE FROM w10 WHERE id=?1", -1, &p->del[0], NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(
			q->db, "DELETE FROM w10x WHERE id=?1", -1, &p->del[1], NULL);
	return rc;
}

/* The next slot that holds a window of any host, or HR_STORE_PURGED. */
static int next_slot(struct purge *p, uint64_t *slot)
{
	int rc;

	(void)sqlite3_bind_int64(p->next, 1, (sqlite3_int64)hr_store_id(0, *slot));
	rc = sqlite3_step(p->next);
	if (rc == SQLITE_ROW)
		*slot = sqlite3_column_type(p->next, 0) == SQLITE_NULL
				? HR_STORE_PURGED
				: (uint64_t)sqlite3_column_int64(p->next, 0) >> 24;
	(void)sqlite3_reset(p->next);
	return rc;
}

static int purge_slot(struct hr_store_sqlite *q, struct purge *p, sqlite3_int64 id, uint64_t *rows)
{
	int rc = SQLITE_DONE;

	for (size_t t = 0; t < 2 && rc == SQLITE_DONE; t++) {
		(void)sqlite3_bind_int64(p->del[t], 1, id);
		rc = sqlite3_step(p->del[t]);
		*rows += rc == SQLITE_DONE ? (uint64_t)sqlite3_changes(q->db) : 0;
		(void)sqlite3_reset(p->del[t]);
	}
	return rc;
}

int hr_sqlite_purge(struct hr_store *s, uint32_t host_no, uint64_t *slot, uint32_t max_slots,
	uint64_t *ret_rows)
{
	struct hr_store_sqlite *q = hr_sqlite_of(s);
	struct purge p = {0};
	uint64_t at = *slot, rows = 0;
	int rc = prepare(q, &p), r;

	for (uint32_t i = 0;
		i < max_slots && at <= HR_STORE_SLOT_MAX && (rc == SQLITE_OK || rc == SQLITE_DONE);
		i++) {
		rc = next_slot(&p, &at);
		if (rc == SQLITE_ROW && at <= HR_STORE_SLOT_MAX)
			rc = purge_slot(q, &p, (sqlite3_int64)hr_store_id(host_no, at++), &rows);
	}
	r = hr_sqlite_result(q, rc, "forget");
	sqlite3_finalize(p.next);
	sqlite3_finalize(p.del[0]);
	sqlite3_finalize(p.del[1]);
	if (r == 0 && at > HR_STORE_SLOT_MAX) {
		/* the highest number stays as a tombstone: numbers go up from it */
		at = HR_STORE_PURGED;
		r = run(q,
			"DELETE FROM host WHERE no=?1 AND name=''"
			" AND no<(SELECT max(no) FROM host)",
			host_no);
	}
	if (r == 0) {
		*slot = at;
		*ret_rows += rows;
	}
	return r;
}
