/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to the files of the PostgreSQL store.  Tables and row ids are those of SQLite (slot << 24
 * | host), so that the sums of --check-store are the same statements; what differs is said here.
 *
 *  - w10 is partitioned by day.  A row whose place is taken, or whose day has no partition and
 *    cannot get one in the open transaction, goes to w10x beside it.
 *  - w10_day counts what lies in each day, per collector, so that a day can be dropped whole and
 *    still be accounted for.
 *  - Writes are gathered and sent as arrays, one statement per table, when a read needs them or at
 *    commit: the round trips of a transaction do not grow with its rows.
 *  - Several collectors: store_pg_share.c.
 */
#pragma once

#include <libpq-fe.h>
#include <stdio.h>

#include "collector/store_share.h"

#define HR_PG_VERSION   4    /* of the tables */
#define HR_PG_DAY_SLOTS 8640 /* of HR_STORE_SLOT_MS */
#define HR_PG_COLS      11
#define HR_PG_DAYS      16 /* days known to have a partition */
/*
 * Longer than the 10 s for which a statement waits for a lock.  Reading all of a table may sort it
 * first, and a migration rewrites it.
 */
#define HR_PG_PATIENCE_MS         20000
#define HR_PG_PATIENCE_WALK_MS    120000
#define HR_PG_PATIENCE_MIGRATE_MS 600000

enum hr_pg_sql {
	HR_PG_PUT_HOST,
	HR_PG_PUT_BOOT,
	HR_PG_PUT_ROW,
	HR_PG_PUT_EVENT,
	HR_PG_PUT_FACTS,
	HR_PG_PUT_STATE,
	HR_PG_PUT_LATE,
	HR_PG_PUT_5MIN,
	HR_PG_PUT_HOUR,
	HR_PG_BATCHES, /* the ones above are gathered */
	HR_PG_TRIM_HOSTS = HR_PG_BATCHES,
	HR_PG_DROP_BOOT,
	HR_PG_TRIM,
	HR_PG_OLD_DAYS,
	HR_PG_DROP_DAY,
	HR_PG_DROP_DAY_JOURNAL,
	HR_PG_EXPIRE_BESIDE,
	HR_PG_MOVE,
	HR_PG_MOVE_BESIDE,
	HR_PG_DROP_EVENT,
	HR_PG_QUARANTINED,
	HR_PG_HOSTS,
	HR_PG_BOOTS,
	HR_PG_STATES,
	HR_PG_JOURNAL,
	HR_PG_FACTS,
	HR_PG_ROW,
	HR_PG_RANGE,
	HR_PG_TALLY,
	HR_PG_PUT_TALLY,
	HR_PG_5MIN,
	HR_PG_HOUR,
	HR_PG_EXPIRE_5MIN,
	HR_PG_EXPIRE_HOUR,
	HR_PG_NEXT_RAW,
	HR_PG_NEXT_5MIN,
	HR_PG_NEXT_HOUR,
	HR_PG_NEXT_RAW_ONLY,
	HR_PG_NEXT_BESIDE,
	HR_PG_PURGE_RAW,
	HR_PG_PURGE_BESIDE,
	HR_PG_PURGE_5MIN,
	HR_PG_PURGE_HOUR,
	HR_PG_BURY,
	HR_PG_TOMBSTONE,
	HR_PG_LATE,
	HR_PG_DROP_LATE,
	HR_PG_LAST_N,
	HR_PG_STATS,
	HR_PG_DAYS_THERE,
	HR_PG_GATE_SHARED,
	HR_PG_GATE_ALONE,
	HR_PG_NEW_HOSTS,
	HR_PG_CLAIM,
	HR_PG_NEXT_BLOCK,
	HR_PG_KEEPER,
	HR_PG_HORIZON,
	HR_PG_GONE,
	HR_PG_CHANGED,
	HR_PG_SOME_HOSTS,
	HR_PG_SOME_BOOTS,
	HR_PG_SOME_STATES,
	HR_PG_SOME_EVENTS,
	HR_PG_CREDENTIALS,
	HR_PG_CREDENTIAL_N,
	HR_PG_CREDENTIAL_TIDY,
	HR_PG_PUT_CREDENTIAL,
	HR_PG_DROP_CREDENTIAL,
	HR_PG_TELLER,
	HR_PG_ALERTS,
	HR_PG_PUT_ALERTS,
	HR_PG_SQL_N
};
extern const char *const hr_pg_text[HR_PG_SQL_N];

/* One column of a batch: a binary array as PostgreSQL takes it, its head filled in when sent. */
struct hr_pg_col {
	uint8_t *p;
	size_t len, cap;
};

struct hr_pg_batch {
	uint32_t n;  /* rows */
	unsigned at; /* next column */
	struct hr_pg_col col[HR_PG_COLS];
};

struct hr_pg_args {
	int n;
	const char *v[HR_PG_COLS];
	int len[HR_PG_COLS], fmt[HR_PG_COLS];
	uint8_t num[HR_PG_COLS][8];
};

struct hr_pg {
	struct hr_store base;
	PGconn *conn;
	char *conninfo;
	bool prepared[HR_PG_SQL_N];
	bool open;            /* a transaction */
	bool no_memory;       /* gathering a batch */
	bool read_w10;        /* in the open transaction: no partition can be made any more */
	bool hung;            /* the connection was given up: no answer in time */
	unsigned patience_ms; /* for an answer; 0: HR_PG_PATIENCE_MS */
	uint64_t retry_ns;    /* not before it a new connection is tried (monotonic) */
	uint64_t writer;      /* this collector, for its life of a connection */
	uint64_t last_n;      /* largest n given */
	uint64_t collisions, quarantined;
	uint64_t day[HR_PG_DAYS];
	unsigned n_days;
	uint64_t ahead_ns; /* partitions of today and tomorrow were last looked after */
	bool keeper;       /* holds the lock of the one that keeps house */
	uint64_t horizon;  /* oldest transaction that was open at the last look for changes */
	uint64_t next_horizon;
	struct hr_tally read[HR_TIER_N], kept[HR_TIER_N]; /* as last read or put; as committed */
	struct hr_pg_batch batch[HR_PG_BATCHES];
};

extern const struct hr_store_ops hr_store_pg_ops;
extern const struct hr_store_shared_ops hr_pg_shared;

static inline struct hr_pg *hr_pg_of(struct hr_store *s)
{
	return (struct hr_pg *)s; /* base is the first member */
}

/* --- store_pg_exec.c: statements and their results --- */

static inline void hr_pg_bytes(struct hr_pg_args *a, const void *p, size_t len)
{
	a->v[a->n] = p;
	a->len[a->n] = (int)len;
	a->fmt[a->n++] = 1;
}

static inline void hr_pg_be64(uint8_t to[8], uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		to[i] = (uint8_t)(v >> (56 - 8 * i));
}

static inline void hr_pg_u64(struct hr_pg_args *a, uint64_t v)
{
	hr_pg_be64(a->num[a->n], v);
	hr_pg_bytes(a, a->num[a->n], 8);
}

/* A bigint; 0 when it is NULL or anything else. */
uint64_t hr_pg_get(const PGresult *r, int row, int col);
static inline const void *hr_pg_blob(const PGresult *r, int row, int col, size_t *ret_len)
{
	*ret_len = (size_t)PQgetlength(r, row, col);
	return PQgetisnull(r, row, col) ? NULL : PQgetvalue(r, row, col);
}
/* Sealed bytes in column @col; NULL: damaged. */
const void *hr_pg_unseal(const PGresult *r, int row, int col, size_t max, size_t *ret_len);

/* What a failed call means: enum hr_store_result, with its words kept. */
int hr_pg_failed(struct hr_pg *q, const PGresult *r, const char *what);
/* Text without parameters: the last result, PQclear() it; NULL: it could not be sent. */
PGresult *hr_pg_query(struct hr_pg *q, const char *sql);
/* Text without parameters or result, such as BEGIN. */
int hr_pg_simple(struct hr_pg *q, const char *sql, const char *what);
/* One that is not kept, with parameters. */
int hr_pg_once(struct hr_pg *q, const char *sql, const struct hr_pg_args *a, const char *what);
/* Runs a statement; @ret NULL: its result is not wanted, else PQclear() it. */
int hr_pg_exec(struct hr_pg *q, enum hr_pg_sql which, const struct hr_pg_args *a, PGresult **ret);
/* Row by row as they come; @each must not use the store.  Its non-zero value ends the walk. */
typedef int (*hr_pg_each)(struct hr_pg *q, const PGresult *r, int row, void *arg);
int hr_pg_walk(struct hr_pg *q, enum hr_pg_sql which, const struct hr_pg_args *a, hr_pg_each each,
	void *arg);
/* The same with all rows fetched first: @each may use the store. */
int hr_pg_fetch(struct hr_pg *q, enum hr_pg_sql which, const struct hr_pg_args *a, hr_pg_each each,
	void *arg);

/* --- store_pg_batch.c --- */

void hr_pg_add_u64(struct hr_pg *q, enum hr_pg_sql which, uint64_t v);
void hr_pg_add_bytes(
	struct hr_pg *q, enum hr_pg_sql which, const void *p, size_t len); /* or NULL */
/* With a checksum behind it. */
void hr_pg_add_sealed(struct hr_pg *q, enum hr_pg_sql which, const void *p, size_t len);
/* A row of the batch is complete. */
int hr_pg_added(struct hr_pg *q, enum hr_pg_sql which);
/* Sends one batch, all of them, or drops them. */
int hr_pg_flush(struct hr_pg *q, enum hr_pg_sql which);
int hr_pg_flush_all(struct hr_pg *q);
void hr_pg_drop_batches(struct hr_pg *q);
void hr_pg_free_batches(struct hr_pg *q);
/* An array as a parameter; @col lives until the statement has run. */
void hr_pg_array(struct hr_pg_args *a, struct hr_pg_col *col, uint32_t n, bool bytes);
bool hr_pg_col_u64(struct hr_pg_col *c, uint64_t v);                  /* false: out of memory */
bool hr_pg_col_bytes(struct hr_pg_col *c, const void *p, size_t len); /* p NULL: NULL */

/* --- store_pg_open.c, store_pg_schema.c --- */

/* A connection that works, or enum hr_store_result; at most one try a second. */
int hr_pg_connect(struct hr_pg *q);
/* Creates the tables or brings them up to this version; one collector at a time. */
int hr_pg_migrate(struct hr_pg *q);
/* Reads of the ops may come outside a transaction: then a connection must be found first. */
int hr_pg_ready(struct hr_pg *q);
/* Makes the partition of @day, in the open transaction. */
int hr_pg_make_day(struct hr_pg *q, uint64_t day);
bool hr_pg_has_day(const struct hr_pg *q, uint64_t day);
int hr_pg_days(struct hr_pg *q); /* reads which are there */
/* Makes those of today and tomorrow when due; in its own transaction. */
int hr_pg_days_ahead(struct hr_pg *q);

/* As struct hr_store_module has it. */
struct hr_store *hr_store_pg_open(const char *conninfo, char error[HR_STORE_ERROR_LEN]);
bool hr_store_pg_check(const char *conninfo, FILE *to);
struct hr_side;
struct hr_side *hr_side_pg_open(const char *conninfo, char error[HR_STORE_ERROR_LEN]);

/* --- ops --- */
int hr_pg_hosts(struct hr_store *s, hr_store_host_fn fn, void *arg);
int hr_pg_boots(struct hr_store *s, hr_store_boot_fn fn, void *arg);
int hr_pg_states(struct hr_store *s, hr_store_state_fn fn, void *arg);
int hr_pg_journal(struct hr_store *s, hr_store_event_fn fn, void *arg);
int hr_pg_facts(struct hr_store *s, uint32_t host_no, hr_store_event_fn fn, void *arg);
int hr_pg_range(struct hr_store *s, uint32_t host_no, uint64_t from, uint64_t to,
	hr_store_row_fn fn, void *arg);
int hr_pg_late(struct hr_store *s, uint32_t max, hr_store_row_fn fn, void *arg);
int hr_pg_tally(struct hr_store *s, struct hr_tally ret_tally[HR_TIER_N]);
int hr_pg_put_tally(struct hr_store *s, enum hr_tier tier, const struct hr_tally *t);
int hr_pg_put_tier(struct hr_store *s, enum hr_tier tier, const struct hr_tier_row *r);
int hr_pg_tier(struct hr_store *s, const struct hr_tier_span *span, hr_store_tier_fn fn, void *arg);
int hr_pg_expire_tier(struct hr_store *s, enum hr_tier tier, uint64_t bin, uint32_t max,
	uint32_t *ret_rows, struct hr_tally *ret_out);
int hr_pg_next_slot(struct hr_store *s, enum hr_tier tier, uint64_t slot, uint64_t *ret_slot);
int hr_pg_put_late(struct hr_store *s, const struct hr_store_row *r);
int hr_pg_drop_late(struct hr_store *s, uint64_t upto_n);
int hr_pg_expire(struct hr_store *s, uint64_t slot, uint64_t below_n, uint32_t max,
	uint32_t *ret_rows, uint64_t *ret_windows);
int hr_pg_forget(struct hr_store *s, uint32_t host_no);
int hr_pg_purge(struct hr_store *s, uint32_t host_no, uint64_t *slot, uint32_t max_slots,
	uint64_t *ret_rows);

/* Rows as callbacks; for the walks of all and of some. */
struct hr_pg_walker {
	union {
		hr_store_host_fn host;
		hr_store_boot_fn boot;
		hr_store_row_fn row;
		hr_store_event_fn event;
		hr_store_state_fn state;
		hr_store_tier_fn tier;
	} fn;
	void *arg;
};
int hr_pg_each_host(struct hr_pg *q, const PGresult *r, int row, void *arg);
int hr_pg_each_boot(struct hr_pg *q, const PGresult *r, int row, void *arg);
int hr_pg_each_state(struct hr_pg *q, const PGresult *r, int row, void *arg);
int hr_pg_each_event(struct hr_pg *q, const PGresult *r, int row, void *arg);
int hr_pg_each_u64(struct hr_pg *q, const PGresult *r, int row, void *arg); /* of column 0 */
