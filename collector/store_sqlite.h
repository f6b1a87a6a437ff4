/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the files of the SQLite store: schema, opening, working, reading, tiers. */
#pragma once

#include <sqlite3.h>

#include "collector/core/pack.h"
#include "collector/store.h"

enum hr_sql {
	HR_SQL_BEGIN,
	HR_SQL_COMMIT,
	HR_SQL_ROLLBACK,
	HR_SQL_PUT_HOST,
	HR_SQL_PUT_BOOT,
	HR_SQL_DROP_BOOT,
	HR_SQL_PUT_ROW,
	HR_SQL_PUT_EVENT,
	HR_SQL_SET_FACTS,
	HR_SQL_PUT_STATE,
	HR_SQL_TRIM,
	HR_SQL_SPAN,
	HR_SQL_MARK,
	HR_SQL_EXPIRE,
	HR_SQL_EXPIRE_OLDER,
	HR_SQL_MOVE,
	HR_SQL_MOVE_OLDER,
	HR_SQL_DELETE,
	HR_SQL_DELETE_OLDER,
	HR_SQL_EXPIRE_PACK,
	HR_SQL_BIN,
	HR_SQL_BIN_OLDER,
	HR_SQL_COUNT_BIN,
	HR_SQL_DROP_ROW,
	HR_SQL_CONTAINING,
	HR_SQL_IS_OLDER,
	HR_SQL_DROP_EVENT,
	HR_SQL_SPLIT_JOURNAL,
	HR_SQL_RENAME_JOURNAL,
	HR_SQL_HAS_PACK,
	HR_SQL_PUT_PACK,
	HR_SQL_DROP_PACK,
	HR_SQL_PACK,
	HR_SQL_PACKS,
	HR_SQL_ASIDE,
	HR_SQL_PACK_ASIDE,
	HR_SQL_HOSTS,
	HR_SQL_BOOTS,
	HR_SQL_STATES,
	HR_SQL_JOURNAL,
	HR_SQL_STATE,
	HR_SQL_HEADS,
	HR_SQL_PUT_VIEW,
	HR_SQL_VIEWS,
	HR_SQL_FACTS,
	HR_SQL_ROW,
	HR_SQL_RANGE,
	HR_SQL_TALLY,
	HR_SQL_PUT_TALLY,
	HR_SQL_PUT_5MIN,
	HR_SQL_PUT_HOUR,
	HR_SQL_5MIN,
	HR_SQL_HOUR,
	HR_SQL_EXPIRE_5MIN,
	HR_SQL_EXPIRE_HOUR,
	HR_SQL_NEXT_RAW,
	HR_SQL_NEXT_5MIN,
	HR_SQL_PUT_LATE,
	HR_SQL_LATE,
	HR_SQL_DROP_LATE,
	HR_SQL_DROP_LATE_ONE,
	HR_SQL_QUARANTINED,
	HR_SQL_N
};
extern const char *const hr_sql_text[HR_SQL_N];

struct hr_sqlite_mover;

/* Windows of one POST that lie behind each other in one bin of one boot: they will be one row. */
struct hr_sql_coming {
	uint32_t host_no;
	uint64_t bin;
	struct hr_pack pack; /* n 0: none */
	uint8_t *raw;        /* [HR_PACK_RAW], their bodies */
	size_t len;
};

/* Windows of a bin that are being read, in no order; their bodies behind each other. */
struct hr_sql_found {
	struct hr_store_row row; /* body: not set */
	size_t at;
};
struct hr_sql_finds {
	struct hr_sql_found *item;
	size_t n, cap;
	uint8_t *bytes;
	size_t len, room;
};

struct hr_store_sqlite {
	struct hr_store base;
	sqlite3 *db;
	sqlite3_stmt *st[HR_SQL_N];
	char *path;
	int index_fd;                  /* of the log's index, where its blocks are held; -1 */
	int wal_pages;                 /* as the last commit left it */
	struct hr_sqlite_mover *mover; /* NULL: the log is moved by who calls maintain() */
	unsigned moves;                /* of the mover, since the log began */
	bool anew; /* the log began anew, without the writer having a hand in it */
	struct hr_packer *packer;
	struct hr_sql_coming coming;
	struct hr_sql_finds finds;
	uint8_t *pack_raw;  /* [HR_PACK_MAX + 4], and likewise */
	uint8_t *pack_room; /* [HR_PACK_MAX + 4] */
	uint64_t quarantined;
	uint64_t last_n;  /* largest n given, as of the last commit: the journal's, or marked */
	uint64_t group_n; /* and in the open transaction; 0: none */
	bool older;     /* windows that are rows by their own place: of a version before this one */
	bool lazy;      /* the open transaction is not worth an fsync of its own */
	bool corrupt;   /* damage was met: the next start looks at all of the file */
	bool first_due; /* the first checkpoint met a full disk: no write before it is done */
};

extern const struct hr_store_ops hr_store_sqlite_ops;

/*
 * "<database>.suspect": damage was met at work.  Without it a collector whose damage lies where no
 * start looks would start, meet it and end, for ever.
 */
void hr_sqlite_suspect(const struct hr_store_sqlite *q);

/* Maps a result code and keeps its words; 0 for OK, ROW, DONE.  _of: words of another connection.
 */
int hr_sqlite_result_of(struct hr_store_sqlite *q, int rc, const char *what, const char *words);
int hr_sqlite_result(struct hr_store_sqlite *q, int rc, const char *what);

static inline struct hr_store_sqlite *hr_sqlite_of(struct hr_store *s)
{
	return (struct hr_store_sqlite *)s; /* base is the first member */
}

/*
 * The checkpoint before the first acknowledgement: what a failed fsync of an earlier life left only
 * in the page cache becomes durable here, or this fails.  0 or enum hr_store_result.
 */
int hr_sqlite_first_checkpoint(struct hr_store_sqlite *q);

/* Of this connection, and what held the blocks of the log's index for it. */
void hr_sqlite_close(struct hr_store_sqlite *q);

/* Between transactions: the next ones are worth no fsync of their own. */
int hr_sqlite_set_lazy(struct hr_store_sqlite *q, bool lazy);
/* Of the file, or "-wal" beside it; 0: it is not there. */
uint64_t hr_sqlite_size_of(const char *path, const char *suffix);

int hr_sqlite_maintain(struct hr_store *s); /* store_sqlite_move.c */
/*
 * A thread and a connection of its own that move the log into the file.  NULL: they cannot be had.
 */
struct hr_sqlite_mover *hr_sqlite_mover_start(const char *path);
void hr_sqlite_mover_stop(struct hr_sqlite_mover *v); /* NULL is fine */
struct hr_sqlite_moved {
	int rc;    /* extended; SQLITE_OK also when another process was at it */
	int pages; /* of the log that are in the file */
	char words[128];
};
/* Whether a move has ended, with what it did; when none is under way one is begun. */
bool hr_sqlite_mover_take(struct hr_sqlite_mover *v, struct hr_sqlite_moved *ret_moved);
void hr_sqlite_mover_ask(struct hr_sqlite_mover *v); /* after _take was true: another one */

/* A statement with its parameters; binding fails only when memory is gone, which run() then meets.
 */
struct hr_sql_bound {
	struct hr_store_sqlite *q;
	sqlite3_stmt *st;
	int at;
};

static inline struct hr_sql_bound hr_sql_use(struct hr_store *s, enum hr_sql which)
{
	struct hr_store_sqlite *q = hr_sqlite_of(s);

	sqlite3_clear_bindings(q->st[which]);
	return (struct hr_sql_bound){.q = q, .st = q->st[which]};
}

static inline void hr_sql_u64(struct hr_sql_bound *b, uint64_t v)
{
	sqlite3_bind_int64(b->st, ++b->at, (sqlite3_int64)v);
}

static inline void hr_sql_blob(struct hr_sql_bound *b, const void *p, size_t len)
{
	/* STATIC: every caller runs the statement before its bytes go away */
	if (p)
		sqlite3_bind_blob(b->st, ++b->at, p, (int)len, SQLITE_STATIC);
	else
		b->at++;
}

/* Ops in store_sqlite_forget.c. */
int hr_sqlite_forget(struct hr_store *s, uint32_t host_no);
int hr_sqlite_purge(struct hr_store *s, uint32_t host_no, uint64_t *slot, uint32_t max_slots,
	uint64_t *ret_rows);

/* In the open transaction: the largest n given outlives the journal's entry of it. */
int hr_sqlite_mark(struct hr_store_sqlite *q);
/* The journal's first n (0: it is empty), and the largest n ever given. */
int hr_sqlite_span(struct hr_store_sqlite *q, uint64_t *ret_first, uint64_t *ret_last);

/* Runs a bound statement without rows. */
int hr_sql_run(struct hr_sql_bound *b, const char *what);
/* Appends the checksum that hr_sql_unseal() looks for; @to has room for 4 bytes more. */
void hr_sql_seal(const void *body, size_t len, uint8_t *to);
/* Sealed bytes in column @i; NULL: damaged. */
const void *hr_sql_unseal(struct hr_sql_bound *b, int i, size_t max, size_t *ret_len);
/* Walks a bound statement; @each turns the current row into a call. */
int hr_sql_walk(struct hr_sql_bound *b, int (*each)(struct hr_sql_bound *b, void *arg), void *arg);

static inline uint64_t hr_sql_col(struct hr_sql_bound *b, int i)
{
	return (uint64_t)sqlite3_column_int64(b->st, i);
}

/* store_sqlite_schema.c: creates the tables, or brings those of an older version up to this one. */
#define HR_SQL_APPLICATION_ID 0x68647231 /* "hdr1" */
#define HR_SQL_USER_VERSION   10
int hr_sql_create(sqlite3 *db);                    /* SQLite result code; own transaction */
int hr_sql_migrate(sqlite3 *db, uint64_t version); /* likewise; version >= 1 */

/*
 * store_sqlite_rows.c.  A row of w10 is a pack (core/pack.h), plain or not, of what came together:
 * its place is that of its bin's first slot, its n that of its last window, its sequences are those
 * of all.  A row that an older version wrote is one window, in the place of its own slot.
 */
int hr_sqlite_put_row(struct hr_store *s, const struct hr_store_row *r);
int hr_sqlite_put_late(struct hr_store *s, const struct hr_store_row *r);
/* What was put becomes a row: before a commit, and before windows are read or taken out. */
int hr_sqlite_write_coming(struct hr_store *s);
/* Whether rows of older versions are there. */
int hr_sqlite_look_older(struct hr_store_sqlite *q);
/* Columns id, boot, seq, last, n, body, the first of them number @at. */
struct hr_store_row hr_sql_row(struct hr_sql_bound *b, int at);
/* Tells the windows of a row of w10 or w10x; a damaged row is told as one. */
int hr_sql_windows(
	struct hr_store_sqlite *q, const struct hr_store_row *row, hr_store_row_fn fn, void *arg);
/* The rows of a host's bin, with their rowid before the columns of hr_sql_row(). */
struct hr_sql_bound hr_sql_use_bin(struct hr_store *s, uint32_t host_no, uint64_t bin);
/* The windows of a host's bin between two slots that are in w10 and w10x, into q->finds. */
int hr_sqlite_find(struct hr_store *s, uint32_t host_no, uint64_t bin, uint64_t from, uint64_t to);
/*
 * In the open transaction: a window out of a row of several is set aside.  *ret_row_n: n of the row
 * that it was in; 0: it is in none.
 */
int hr_sqlite_row_of_window(struct hr_store *s, const struct hr_store_row *r, uint64_t *ret_row_n);
int hr_sqlite_aside_one(struct hr_store *s, const struct hr_store_row *r);
/* The journal's entry of a row that is gone: who read it would set it aside again. */
int hr_sqlite_drop_event(struct hr_store *s, uint64_t n);
int hr_sql_put_aside(struct hr_store *s, const struct hr_store_row *r);

/* store_sqlite_pack.c */
struct hr_store_row hr_sql_packed_row(uint32_t host_no, uint64_t bin, const struct hr_pack_row *r);
int hr_sqlite_pack(
	struct hr_store *s, uint32_t host_no, uint64_t bin, uint64_t below_n, bool *ret_waits);
/* A pack that is read: its rows from slot @from to @to, told to @fn. */
struct hr_packed {
	hr_store_row_fn fn;
	void *arg;
	uint64_t from, to;
	/* set by reading */
	bool is, damaged;
	uint64_t id, windows;
	uint32_t at; /* rows before it were told */
	struct hr_pack pack;
};
/* The pack of one host and bin, if there is one. */
int hr_sqlite_packed(struct hr_store *s, uint64_t id, struct hr_packed *v);
/* Its rows up to a slot and n; UINT64_MAX: all that are left. */
int hr_sqlite_packed_upto(struct hr_packed *v, uint64_t slot, uint64_t n);
/* Those of all hosts, pack after pack. */
int hr_sqlite_packs(struct hr_store *s, struct hr_packed *v);
/* In the open transaction: a window that is in no table of single ones is set aside. */
int hr_sqlite_aside_packed(struct hr_store *s, const struct hr_store_row *r);

/* Ops in store_sqlite_tier.c. */
int hr_sqlite_tally(struct hr_store *s, struct hr_tally ret_tally[HR_TIER_N]);
int hr_sqlite_put_tally(struct hr_store *s, enum hr_tier tier, const struct hr_tally *t);
int hr_sqlite_put_tier(struct hr_store *s, enum hr_tier tier, const struct hr_tier_row *r);
int hr_sqlite_tier(
	struct hr_store *s, const struct hr_tier_span *span, hr_store_tier_fn fn, void *arg);
int hr_sqlite_expire_tier(struct hr_store *s, enum hr_tier tier, uint64_t bin, uint32_t max,
	uint32_t *ret_rows, struct hr_tally *ret_out);
int hr_sqlite_next_slot(struct hr_store *s, enum hr_tier tier, uint64_t slot, uint64_t *ret_slot);
int hr_sqlite_drop_late(struct hr_store *s, uint64_t upto_n);
int hr_sqlite_drop_late_one(struct hr_store *s, uint64_t n);

/* Ops in store_sqlite_read.c. */
int hr_sqlite_late(struct hr_store *s, uint32_t max, hr_store_row_fn fn, void *arg);
int hr_sqlite_hosts(struct hr_store *s, hr_store_host_fn fn, void *arg);
int hr_sqlite_boots(struct hr_store *s, hr_store_boot_fn fn, void *arg);
int hr_sqlite_states(struct hr_store *s, hr_store_state_fn fn, void *arg);
int hr_sqlite_journal(struct hr_store *s, hr_store_event_fn fn, void *arg);
int hr_sqlite_state(struct hr_store *s, uint32_t host_no, hr_store_state_fn fn, void *arg);
int hr_sqlite_heads(
	struct hr_store *s, uint64_t from_n, uint32_t max, hr_store_event_fn fn, void *arg);
int hr_sqlite_views(struct hr_store *s, hr_store_view_fn fn, void *arg);
int hr_sqlite_facts(struct hr_store *s, uint32_t host_no, hr_store_event_fn fn, void *arg);
int hr_sqlite_range(struct hr_store *s, uint32_t host_no, uint64_t from, uint64_t to,
	hr_store_row_fn fn, void *arg);
