// SPDX-License-Identifier: Apache-2.0
/*
 * The SQLite store at work.  Windows lie in the order in which they came, those of a POST in one
 * row (store_sqlite_rows.c), so that a commit writes whole pages at the end of w10, whoever posted
 * in it; their place, slot << 24 | host, is an index of 25 bytes a row.  Kept in the order of
 * places instead, the windows of an agent have a page nearly to themselves, written twice.  w10x:
 * windows that an older version kept by place.  w300: windows that are rolled up, all of a bin in a
 * row (store_sqlite_pack.c).
 */
#include "collector/store_sqlite.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/core/crc32.h"

#define ROW_COLS "id,boot,seq,last,n,body"

const char *const hr_sql_text[HR_SQL_N] = {
	[HR_SQL_BEGIN] = "BEGIN IMMEDIATE",
	[HR_SQL_COMMIT] = "COMMIT",
	[HR_SQL_ROLLBACK] = "ROLLBACK",
	[HR_SQL_PUT_HOST] = "INSERT INTO host(no,id,name) VALUES(?1,?2,?3)"
			    " ON CONFLICT(no) DO UPDATE SET name=?3",
	[HR_SQL_PUT_BOOT] =
		"INSERT OR REPLACE INTO seen(host,boot,ord,high,bits,floor,gaps,offset_ms,"
		"first_ms,heard_ms,windows) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
	[HR_SQL_DROP_BOOT] = "DELETE FROM seen WHERE host=?1 AND boot=?2",
	[HR_SQL_PUT_ROW] = "INSERT INTO w10(" ROW_COLS ") VALUES(?1,?2,?3,?4,?5,?6)",
	[HR_SQL_PUT_EVENT] =
		"INSERT INTO journal(n,host,id,boot,seq,at_ms,facts) VALUES(?1,?2,?3,?4,?5,?6,?7)",
	[HR_SQL_SET_FACTS] = "UPDATE host SET facts=?2, facts_ms=?3 WHERE no=?1",
	[HR_SQL_PUT_STATE] =
		"INSERT OR REPLACE INTO state(host,upto,body,answer) VALUES(?1,?2,?3,?4)",
	[HR_SQL_TRIM] = "DELETE FROM journal WHERE n<?1",
	[HR_SQL_SPAN] = "SELECT ifnull((SELECT min(n) FROM journal),0),"
			"max(ifnull((SELECT max(n) FROM journal),0),(SELECT last_n FROM mark))",
	[HR_SQL_MARK] = "UPDATE mark SET last_n=?1",
	/* by place: the rows of a bin came together, so they lie together */
	[HR_SQL_EXPIRE] = "DELETE FROM w10 WHERE rowid IN (SELECT rowid FROM w10"
			  " WHERE id<?1 AND n<?2 ORDER BY id LIMIT ?3) RETURNING last-seq+1",
	[HR_SQL_EXPIRE_OLDER] = "DELETE FROM w10x WHERE id IN"
				" (SELECT id FROM w10x WHERE id<?1 AND n<?2 LIMIT ?3)"
				" RETURNING last-seq+1",
	[HR_SQL_EXPIRE_PACK] = "DELETE FROM w300 WHERE id IN"
			       " (SELECT id FROM w300 WHERE id<?1 ORDER BY id LIMIT ?2)"
			       " RETURNING windows",
	[HR_SQL_BIN] = "SELECT rowid," ROW_COLS " FROM w10 WHERE id=?1",
	/* one look-up per slot: a scan would read the rows of every other host too */
	[HR_SQL_BIN_OLDER] = "WITH RECURSIVE s(i) AS (VALUES(?1) UNION ALL SELECT i+16777216 FROM s"
			     " WHERE i+16777216<=?2) SELECT w.rowid," ROW_COLS
			     " FROM s CROSS JOIN w10 w ON id=i",
	[HR_SQL_COUNT_BIN] = "SELECT count(*) FROM w10 WHERE id=?1",
	[HR_SQL_DROP_ROW] = "DELETE FROM w10 WHERE rowid=?1",
	[HR_SQL_CONTAINING] = "SELECT rowid," ROW_COLS " FROM w10 WHERE id=?1 AND n>=?2"
			      " ORDER BY n LIMIT 1",
	/* an older version's rows were there before all others; a hundred: the first may be damaged
	 */
	[HR_SQL_IS_OLDER] = "SELECT EXISTS(SELECT 1 FROM w10x) OR EXISTS(SELECT 1 FROM (SELECT body"
			    " FROM w10 ORDER BY rowid LIMIT 100) WHERE hex(substr(body,1,1))>'02')",
	[HR_SQL_DROP_EVENT] = "DELETE FROM journal WHERE n=?1",
	[HR_SQL_SPLIT_JOURNAL] =
		"INSERT INTO journal(n,host,id,boot,seq) SELECT ?2,host,id,boot,seq"
		" FROM journal WHERE n=?1",
	[HR_SQL_RENAME_JOURNAL] = "UPDATE journal SET n=?2 WHERE n=?1",
	[HR_SQL_HAS_PACK] = "SELECT 1 FROM w300 WHERE id=?1",
	[HR_SQL_PUT_PACK] = "INSERT INTO w300(id,windows,body) VALUES(?1,?2,?3)",
	[HR_SQL_DROP_PACK] = "DELETE FROM w300 WHERE id=?1",
	[HR_SQL_PACK] = "SELECT id,windows,body FROM w300 WHERE id=?1",
	[HR_SQL_PACKS] = "SELECT id,windows,body FROM w300 WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
	[HR_SQL_ASIDE] = "INSERT INTO quarantine(" ROW_COLS ") VALUES(?1,?2,?3,?4,?5,?6)",
	[HR_SQL_PACK_ASIDE] = "INSERT INTO quarantine(" ROW_COLS ") SELECT"
			      " (id>>24)*30<<24|(id&16777215),0,1,windows,1,body FROM w300"
			      " WHERE id=?1",
	[HR_SQL_MOVE] = "INSERT INTO quarantine(" ROW_COLS ") SELECT " ROW_COLS
			" FROM w10 WHERE id=?1 AND n=?2",
	[HR_SQL_MOVE_OLDER] = "INSERT INTO quarantine(" ROW_COLS ") SELECT " ROW_COLS
			      " FROM w10x WHERE id=?1 AND n=?2",
	[HR_SQL_DELETE] = "DELETE FROM w10 WHERE id=?1 AND n=?2",
	[HR_SQL_DELETE_OLDER] = "DELETE FROM w10x WHERE id=?1 AND n=?2",
	[HR_SQL_HOSTS] = "SELECT no,id,name FROM host ORDER BY no",
	[HR_SQL_BOOTS] = "SELECT host,boot,ord,high,bits,floor,gaps,offset_ms,first_ms,heard_ms,"
			 "windows FROM seen ORDER BY host,ord",
	[HR_SQL_STATES] = "SELECT host,upto,body,answer FROM state ORDER BY host",
	[HR_SQL_JOURNAL] =
		"SELECT j.n,j.host,j.id,j.boot,ifnull(w.seq,j.seq),j.at_ms,j.facts,w.last,w.body,"
		"x.last,x.body"
		" FROM journal j LEFT JOIN w10 w ON w.id=j.id AND w.n=j.n"
		" LEFT JOIN w10x x ON x.id=j.id AND x.n=j.n ORDER BY j.n",
	[HR_SQL_STATE] = "SELECT host,upto,body,answer FROM state WHERE host=?1",
	[HR_SQL_HEADS] =
		"SELECT n,host,id,at_ms,facts FROM journal WHERE n>=?1 ORDER BY n LIMIT ?2",
	[HR_SQL_PUT_VIEW] = "INSERT OR REPLACE INTO view(host,body) VALUES(?1,?2)",
	[HR_SQL_VIEWS] = "SELECT host,body FROM view ORDER BY host",
	[HR_SQL_FACTS] = "SELECT facts,facts_ms FROM host WHERE no=?1 AND facts IS NOT NULL",
	[HR_SQL_ROW] =
		"SELECT rowid," ROW_COLS " FROM w10 WHERE id=?1 UNION ALL SELECT rowid," ROW_COLS
		" FROM w10x WHERE id=?1",
	[HR_SQL_RANGE] = "SELECT " ROW_COLS " FROM w10 WHERE id BETWEEN ?1 AND ?2"
			 " UNION ALL SELECT " ROW_COLS " FROM w10x WHERE id BETWEEN ?1 AND ?2"
			 " ORDER BY 1,5",
	[HR_SQL_TALLY] = "SELECT tier,bin,host,in_windows,in_samples,out_windows,out_samples,"
			 "bad_windows FROM tally",
	[HR_SQL_PUT_TALLY] = "INSERT OR REPLACE INTO tally(tier,bin,host,in_windows,in_samples,"
			     "out_windows,out_samples,bad_windows)"
			     " VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
	[HR_SQL_PUT_5MIN] =
		"INSERT OR REPLACE INTO r300(id,windows,samples,body) VALUES(?1,?2,?3,?4)",
	[HR_SQL_PUT_HOUR] =
		"INSERT OR REPLACE INTO r3600(id,windows,samples,body) VALUES(?1,?2,?3,?4)",
	[HR_SQL_5MIN] = "SELECT id,windows,samples,body FROM r300 WHERE id=?1",
	[HR_SQL_HOUR] = "SELECT id,windows,samples,body FROM r3600 WHERE id=?1",
	[HR_SQL_EXPIRE_5MIN] = "DELETE FROM r300 WHERE id IN"
			       " (SELECT id FROM r300 WHERE id<?1 ORDER BY id LIMIT ?2)"
			       " RETURNING windows,samples",
	[HR_SQL_EXPIRE_HOUR] = "DELETE FROM r3600 WHERE id IN"
			       " (SELECT id FROM r3600 WHERE id<?1 ORDER BY id LIMIT ?2)"
			       " RETURNING windows,samples",
	[HR_SQL_NEXT_RAW] = "SELECT min(id) FROM (SELECT min(id) AS id FROM w10 WHERE id>=?1"
			    " UNION ALL SELECT min(id) FROM w10x WHERE id>=?1)",
	[HR_SQL_NEXT_5MIN] = "SELECT min(id) FROM r300 WHERE id>=?1",
	[HR_SQL_PUT_LATE] = "INSERT INTO late(n,id) VALUES(?1,?2)",
	[HR_SQL_LATE] = "SELECT l.n,l.id,w.boot,w.seq,w.last,w.body,x.boot,x.seq,x.last,x.body"
			" FROM late l LEFT JOIN w10 w ON w.id=l.id AND w.n=l.n"
			" LEFT JOIN w10x x ON x.id=l.id AND x.n=l.n ORDER BY l.n LIMIT ?1",
	[HR_SQL_QUARANTINED] =
		"UPDATE tally SET bad_windows=bad_windows+?2 WHERE tier=1"
		" AND (EXISTS(SELECT 1 FROM late WHERE n=?1) OR ?3>bin OR (?3=bin AND ?4>=host))",
	[HR_SQL_DROP_LATE_ONE] = "DELETE FROM late WHERE n=?1",
	[HR_SQL_DROP_LATE] = "DELETE FROM late WHERE n<=?1",
};

int hr_sqlite_result_of(struct hr_store_sqlite *q, int rc, const char *what, const char *words)
{
	int prim = rc & 0xff;

	if (prim == SQLITE_OK || prim == SQLITE_ROW || prim == SQLITE_DONE)
		return 0;
	snprintf(q->base.error, sizeof(q->base.error), "%s: %s (SQLite %d)", what, words, rc);
	if (prim == SQLITE_CORRUPT || prim == SQLITE_NOTADB)
		q->corrupt = true;
	if (prim == SQLITE_FULL)
		return HR_STORE_FULL;
	if (prim == SQLITE_BUSY || prim == SQLITE_LOCKED)
		return HR_STORE_BUSY;
	return HR_STORE_FAILED;
}

int hr_sqlite_result(struct hr_store_sqlite *q, int rc, const char *what)
{
	return hr_sqlite_result_of(q, rc, what, sqlite3_errmsg(q->db));
}

static void text(struct hr_sql_bound *b, const char *t)
{
	sqlite3_bind_text(b->st, ++b->at, t, -1, SQLITE_STATIC);
}

/* Runs a statement without rows; the extended result code. */
static int run_rc(struct hr_sql_bound *b)
{
	int rc = sqlite3_step(b->st);

	sqlite3_reset(b->st);
	return rc;
}

int hr_sql_run(struct hr_sql_bound *b, const char *what)
{
	return hr_sqlite_result(b->q, run_rc(b), what);
}

int hr_sqlite_first_checkpoint(struct hr_store_sqlite *q)
{
	int rc = sqlite3_wal_checkpoint_v2(q->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

	/* BUSY: a reader holds it open; the passive ones will do */
	return (rc & 0xff) == SQLITE_BUSY ? 0 : hr_sqlite_result(q, rc, "first checkpoint");
}

/*
 * The log is one file, written in order: the fsync of the next FULL commit makes the lazy ones
 * before it durable too.  Only between transactions.
 */
int hr_sqlite_set_lazy(struct hr_store_sqlite *q, bool lazy)
{
	int r;

	if (q->lazy == lazy)
		return 0;
	r = hr_sqlite_result(q,
		sqlite3_exec(q->db, lazy ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL",
			NULL, NULL, NULL),
		"synchronous");
	if (r == 0)
		q->lazy = lazy;
	return r;
}

static int begin_as(struct hr_store *s, bool lazy)
{
	struct hr_store_sqlite *q = hr_sqlite_of(s);
	struct hr_sql_bound b;
	int r = hr_sqlite_set_lazy(q, lazy);

	if (r != 0)
		return r;
	if (q->first_due) {
		r = hr_sqlite_first_checkpoint(q);
		if (r != 0)
			return r;
		q->first_due = false;
	}
	b = hr_sql_use(s, HR_SQL_BEGIN);
	return hr_sql_run(&b, "begin");
}

static int begin(struct hr_store *s)
{
	return begin_as(s, false);
}

static int begin_lazy(struct hr_store *s)
{
	return begin_as(s, true);
}

static int commit(struct hr_store *s)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_COMMIT);
	int r = hr_sqlite_write_coming(s);

	if (r == 0)
		r = hr_sql_run(&b, "commit");
	if (r == 0 && b.q->group_n > b.q->last_n)
		b.q->last_n = b.q->group_n;
	if (r == 0)
		b.q->group_n = 0;
	return r;
}

static void rollback(struct hr_store *s)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_ROLLBACK);

	b.q->group_n = 0;
	b.q->coming.pack.n = 0;
	/* SQLite may have rolled back by itself (FULL, IOERR) */
	if (!sqlite3_get_autocommit(b.q->db))
		(void)run_rc(&b);
}

static int put_host(struct hr_store *s, const struct hr_store_host *h)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_PUT_HOST);

	hr_sql_u64(&b, h->no);
	hr_sql_blob(&b, h->id, sizeof(h->id));
	text(&b, h->name);
	return hr_sql_run(&b, "host");
}

static int put_boot(struct hr_store *s, const struct hr_store_boot *v)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_PUT_BOOT);
	uint8_t gaps[HR_HOSTSEQ_BLOB_MAX];

	hr_sql_u64(&b, v->host_no);
	hr_sql_u64(&b, v->boot);
	hr_sql_u64(&b, v->ord);
	hr_sql_u64(&b, v->seq.high);
	hr_sql_u64(&b, v->seq.bits);
	hr_sql_u64(&b, v->seq.floor);
	hr_sql_blob(&b, gaps, hr_hostseq_gaps_encode(&v->seq, gaps));
	hr_sql_u64(&b, (uint64_t)v->offset_ms);
	hr_sql_u64(&b, v->first_ms);
	hr_sql_u64(&b, v->heard_ms);
	hr_sql_u64(&b, v->windows);
	return hr_sql_run(&b, "boot");
}

static int drop_boot(struct hr_store *s, uint32_t host_no, uint64_t boot)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_DROP_BOOT);

	hr_sql_u64(&b, host_no);
	hr_sql_u64(&b, boot);
	return hr_sql_run(&b, "drop boot");
}

/* Of facts; that of windows is written with their row. */
static int put_event(struct hr_store *s, const struct hr_store_event *e)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_PUT_EVENT);

	hr_sql_u64(&b, e->row.n);
	hr_sql_u64(&b, e->row.host_no);
	b.at += 3;
	hr_sql_u64(&b, e->at_ms);
	hr_sql_blob(&b, e->facts, e->facts_len);
	if (e->row.n > b.q->group_n)
		b.q->group_n = e->row.n;
	return hr_sql_run(&b, "journal");
}

void hr_sql_seal(const void *body, size_t len, uint8_t *to)
{
	uint32_t crc = hr_crc32(body, len);

	if (to != body) /* it may be there already */
		memcpy(to, body, len);
	for (unsigned i = 0; i < 4; i++)
		to[len + i] = (uint8_t)(crc >> (8 * i));
}

static int put_facts(struct hr_store *s, const struct hr_store_event *e)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_SET_FACTS);
	int r;

	hr_sql_u64(&b, e->row.host_no);
	hr_sql_blob(&b, e->facts, e->facts_len);
	hr_sql_u64(&b, e->at_ms);
	r = hr_sql_run(&b, "facts");
	return r ? r : put_event(s, e);
}

static uint64_t given(const struct hr_store_sqlite *q)
{
	return q->group_n > q->last_n ? q->group_n : q->last_n;
}

int hr_sqlite_mark(struct hr_store_sqlite *q)
{
	struct hr_sql_bound b = hr_sql_use(&q->base, HR_SQL_MARK);

	hr_sql_u64(&b, given(q));
	return hr_sql_run(&b, "mark");
}

static int put_state(struct hr_store *s, const struct hr_store_state *v)
{
	struct hr_store_sqlite *q = hr_sqlite_of(s);
	struct hr_sql_bound b;
	int r = 0;

	/* numbers of transactions that were taken back: no entry has them, and none may get them */
	if (v->upto > given(q)) {
		q->group_n = v->upto;
		r = hr_sqlite_mark(q);
	}
	if (r != 0)
		return r;
	b = hr_sql_use(s, HR_SQL_PUT_STATE);
	hr_sql_u64(&b, v->host_no);
	hr_sql_u64(&b, v->upto);
	hr_sql_blob(&b, v->bytes, v->len);
	if (v->answer)
		text(&b, v->answer);
	return hr_sql_run(&b, "state");
}

static int put_view(struct hr_store *s, const struct hr_store_view *v)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_PUT_VIEW);

	hr_sql_u64(&b, v->host_no);
	hr_sql_blob(&b, v->bytes, v->len);
	return hr_sql_run(&b, "view");
}

static int trim_journal(struct hr_store *s, uint64_t below_n, uint32_t max, bool *ret_more)
{
	struct hr_store_sqlite *q = hr_sqlite_of(s);
	struct hr_sql_bound b;
	uint64_t first, last;
	int r = hr_sqlite_write_coming(s);

	if (r == 0)
		r = hr_sqlite_span(q, &first, &last);
	*ret_more = r == 0 && first != 0 && first + max < below_n;
	if (r != 0 || first == 0 || first >= below_n)
		return r;
	if (below_n > last)
		r = hr_sqlite_mark(q);
	if (r != 0)
		return r;
	b = hr_sql_use(s, HR_SQL_TRIM);
	hr_sql_u64(&b, *ret_more ? first + max : below_n);
	return hr_sql_run(&b, "trim journal");
}

struct expired {
	uint32_t rows, packs;
	uint64_t windows;
};

static int each_expired(struct hr_sql_bound *b, void *arg)
{
	struct expired *e = arg;

	e->rows++;
	e->windows += hr_sql_col(b, 0);
	return 0;
}

/* A pack weighs as much as the windows in it. */
static int each_pack(struct hr_sql_bound *b, void *arg)
{
	struct expired *e = arg;

	e->packs++;
	e->rows += (uint32_t)hr_sql_col(b, 0);
	e->windows += hr_sql_col(b, 0);
	return 0;
}

/* Packs may have fewer windows than slots, so that one statement is not all of it. */
static int expire_packs(struct hr_store *s, uint64_t slot, uint32_t max, struct expired *e)
{
	uint32_t want;
	int r;

	do {
		struct hr_sql_bound b = hr_sql_use(s, HR_SQL_EXPIRE_PACK);

		want = e->packs + (max - e->rows + HR_TIER_5MIN_SLOTS - 1) / HR_TIER_5MIN_SLOTS;
		hr_sql_u64(&b, hr_store_id(0, slot / HR_TIER_5MIN_SLOTS));
		hr_sql_u64(&b, want - e->packs);
		r = hr_sql_walk(&b, each_pack, e);
	} while (r == 0 && e->packs == want && e->rows < max);
	return r;
}

static int expire(struct hr_store *s, uint64_t slot, uint64_t below_n, uint32_t max,
	uint32_t *ret_rows, uint64_t *ret_windows)
{
	const enum hr_sql which[] = {HR_SQL_EXPIRE_OLDER, HR_SQL_EXPIRE};
	struct expired e = {0};
	int r = hr_sqlite_write_coming(s);

	slot -= slot % HR_TIER_5MIN_SLOTS; /* a row may hold any slot of its bin */
	if (r == 0)
		r = expire_packs(s, slot, max, &e);
	if (r)
		return r;
	for (size_t i = 0; i < sizeof(which) / sizeof(which[0]) && e.rows < max; i++) {
		struct hr_sql_bound b = hr_sql_use(s, which[i]);

		hr_sql_u64(&b, hr_store_id(0, slot));
		hr_sql_u64(&b, below_n);
		hr_sql_u64(&b, max - e.rows);
		r = hr_sql_walk(&b, each_expired, &e);
		if (r)
			return r;
	}
	*ret_rows = e.rows;
	*ret_windows = e.windows;
	return hr_sqlite_of(s)->older ? hr_sqlite_look_older(hr_sqlite_of(s)) : 0;
}

static int move_row(struct hr_store *s, const struct hr_store_row *r)
{
	const enum hr_sql steps[] = {
		HR_SQL_MOVE, HR_SQL_MOVE_OLDER, HR_SQL_DELETE, HR_SQL_DELETE_OLDER};
	int moved = 0;

	for (size_t i = 0; i < 4; i++) {
		struct hr_sql_bound b = hr_sql_use(s, steps[i]);
		int e;

		hr_sql_u64(&b, hr_store_id(r->host_no, r->slot));
		hr_sql_u64(&b, r->n);
		e = hr_sql_run(&b, "quarantine");
		if (e)
			return e;
		moved += sqlite3_changes(b.q->db);
	}
	return moved > 0 ? hr_sqlite_drop_event(s, r->n) : hr_sqlite_aside_packed(s, r);
}

/* One that was not rolled up yet never will be. */
static int quarantine(struct hr_store *s, const struct hr_store_row *r)
{
	struct hr_sql_bound b = hr_sql_use(s, HR_SQL_QUARANTINED);
	uint64_t row_n = 0;
	int e = hr_sqlite_write_coming(s);

	if (e == 0 && !r->damaged)
		e = hr_sqlite_row_of_window(s, r, &row_n);
	if (e)
		return e;
	hr_sql_u64(&b, row_n ? row_n : r->n);
	hr_sql_u64(&b, r->seq_last - r->seq_first + 1);
	hr_sql_u64(&b, r->slot / HR_TIER_5MIN_SLOTS);
	hr_sql_u64(&b, r->host_no);
	e = hr_sql_run(&b, "quarantine");
	if (e == 0)
		e = hr_sqlite_drop_late_one(s, row_n ? row_n : r->n);
	if (e == 0)
		e = row_n ? hr_sqlite_aside_one(s, r) : move_row(s, r);
	if (e == 0)
		hr_sqlite_of(s)->quarantined++; /* a failure of the commit ends the program */
	return e;
}

static int last_n(struct hr_store *s, uint64_t *ret_n)
{
	*ret_n = hr_sqlite_of(s)->last_n;
	return 0;
}

uint64_t hr_sqlite_size_of(const char *path, const char *suffix)
{
	char name[4096];
	struct stat st;

	/* stat only: opening the file beside SQLite would drop its locks */
	if (snprintf(name, sizeof(name), "%s%s", path, suffix) >= (int)sizeof(name) ||
		stat(name, &st) < 0)
		return 0;
	return (uint64_t)st.st_size;
}

static int stats(struct hr_store *s, struct hr_store_stats *ret_stats)
{
	struct hr_store_sqlite *q = hr_sqlite_of(s);

	*ret_stats = (struct hr_store_stats){.file_bytes = hr_sqlite_size_of(q->path, ""),
		.wal_bytes = hr_sqlite_size_of(q->path, "-wal"),
		.quarantined = q->quarantined};
	return 0;
}

static void close_store(struct hr_store *s)
{
	struct hr_store_sqlite *q = hr_sqlite_of(s);

	hr_sqlite_mover_stop(q->mover);
	for (size_t i = 0; i < HR_SQL_N; i++)
		sqlite3_finalize(q->st[i]);
	hr_sqlite_close(q);
	if (q->corrupt)
		hr_sqlite_suspect(q);
	hr_packer_free(q->packer);
	free(q->coming.raw);
	free(q->finds.item);
	free(q->finds.bytes);
	free(q->pack_raw);
	free(q->pack_room);
	free(q->path);
	free(q);
}

const struct hr_store_ops hr_store_sqlite_ops = {
	.begin = begin,
	.begin_lazy = begin_lazy,
	.commit = commit,
	.rollback = rollback,
	.put_host = put_host,
	.put_boot = put_boot,
	.drop_boot = drop_boot,
	.forget = hr_sqlite_forget,
	.purge = hr_sqlite_purge,
	.put_row = hr_sqlite_put_row,
	.put_facts = put_facts,
	.put_state = put_state,
	.trim_journal = trim_journal,
	.expire = expire,
	.pack = hr_sqlite_pack,
	.quarantine = quarantine,
	.hosts = hr_sqlite_hosts,
	.boots = hr_sqlite_boots,
	.states = hr_sqlite_states,
	.journal = hr_sqlite_journal,
	.facts = hr_sqlite_facts,
	.state = hr_sqlite_state,
	.journal_heads = hr_sqlite_heads,
	.put_view = put_view,
	.views = hr_sqlite_views,
	.range = hr_sqlite_range,
	.tally = hr_sqlite_tally,
	.put_tally = hr_sqlite_put_tally,
	.put_tier = hr_sqlite_put_tier,
	.tier = hr_sqlite_tier,
	.expire_tier = hr_sqlite_expire_tier,
	.next_slot = hr_sqlite_next_slot,
	.put_late = hr_sqlite_put_late,
	.late = hr_sqlite_late,
	.drop_late = hr_sqlite_drop_late,
	.last_n = last_n,
	.stats = stats,
	.maintain = hr_sqlite_maintain,
	.close = close_store,
};
