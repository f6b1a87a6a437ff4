// SPDX-License-Identifier: Apache-2.0
/*
 * The tables, as numbered steps in one transaction: a new schema takes all of them, an older one
 * those it lacks.  A step is never changed once a release had it.  An advisory lock lets one
 * collector at a time look and change; the others then find it done.
 */
#include "collector/store_pg.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/num.h"
#include "proto/units.h"

#define VERSION     HR_PG_VERSION
#define AHEAD_EVERY (600 * HR_NS_PER_S)

#define ROW_TABLE                                                                                  \
	"(id bigint NOT NULL, boot bigint NOT NULL, seq bigint NOT NULL, last bigint NOT NULL,"    \
	" n bigint NOT NULL, body bytea NOT NULL"

static const char *const step[VERSION] = {
	/* 1.  Names are bytes: what an agent sends must not fail a transaction by its encoding. */
	"CREATE TABLE host (no bigint PRIMARY KEY, id bytea NOT NULL UNIQUE, name bytea NOT NULL,"
	" last_n bigint NOT NULL DEFAULT 0) WITH (fillfactor=50);"
	"CREATE INDEX host_gone ON host (no) WHERE name=''::bytea;"
	"CREATE TABLE facts (host bigint PRIMARY KEY, facts bytea NOT NULL, at_ms bigint NOT NULL);"
	"CREATE TABLE seen (host bigint NOT NULL, boot bigint NOT NULL, ord bigint NOT NULL,"
	" high bigint NOT NULL, bits bigint NOT NULL, floor bigint NOT NULL, gaps bytea NOT NULL,"
	" offset_ms bigint NOT NULL, first_ms bigint NOT NULL, heard_ms bigint NOT NULL,"
	" windows bigint NOT NULL, PRIMARY KEY (host,boot)) WITH (fillfactor=50);"
	"CREATE TABLE w10 " ROW_TABLE ", PRIMARY KEY (id)) PARTITION BY RANGE (id);"
	"CREATE TABLE w10x " ROW_TABLE ", PRIMARY KEY (id,boot,seq));"
	"CREATE TABLE w10_day (day bigint NOT NULL, writer bigint NOT NULL, rows bigint NOT NULL,"
	" windows bigint NOT NULL, PRIMARY KEY (day,writer)) WITH (fillfactor=50);"
	"CREATE TABLE quarantine " ROW_TABLE ");"
	"CREATE TABLE journal (host bigint NOT NULL, n bigint NOT NULL, id bigint, boot bigint,"
	" seq bigint, at_ms bigint, facts bytea, writer bigint NOT NULL,"
	" xid xid8 NOT NULL DEFAULT pg_current_xact_id(), PRIMARY KEY (host,n))"
	" WITH (autovacuum_vacuum_scale_factor=0.02);"
	"CREATE INDEX journal_xid ON journal (xid);"
	"CREATE TABLE state (host bigint PRIMARY KEY, upto bigint NOT NULL, body bytea NOT NULL,"
	" answer bytea);"
	"CREATE TABLE r300 (id bigint PRIMARY KEY, windows bigint NOT NULL,"
	" samples bigint NOT NULL, body bytea NOT NULL);"
	"CREATE TABLE r3600 (id bigint PRIMARY KEY, windows bigint NOT NULL,"
	" samples bigint NOT NULL, body bytea NOT NULL);"
	"CREATE TABLE late (n bigint PRIMARY KEY, id bigint NOT NULL);"
	"CREATE TABLE tally (tier bigint PRIMARY KEY, bin bigint NOT NULL, host bigint NOT NULL,"
	" in_windows bigint NOT NULL, in_samples bigint NOT NULL, out_windows bigint NOT NULL,"
	" out_samples bigint NOT NULL, bad_windows bigint NOT NULL) WITH (fillfactor=50);"
	"INSERT INTO tally SELECT t,0,0,0,0,0,0,0 FROM generate_series(0,2) t;"
	"CREATE SEQUENCE block;", /* of numbers n, 2^20 each */
	/* 2.  What collectors share beside windows: store_pg_side.c. */
	"CREATE TABLE credential (kind bigint NOT NULL, id bytea NOT NULL, hash bytea NOT NULL,"
	" name bytea NOT NULL, made_ms bigint NOT NULL, expires_ms bigint NOT NULL,"
	" uses bigint NOT NULL, host bytea NOT NULL, n bigint NOT NULL, gone bigint NOT NULL,"
	" PRIMARY KEY (kind,id));"
	"CREATE INDEX credential_n_index ON credential (n);"
	"CREATE TABLE credential_n (n bigint NOT NULL) WITH (fillfactor=50);"
	"INSERT INTO credential_n VALUES (0);"
	"CREATE TABLE alerts (text bytea NOT NULL);"
	"INSERT INTO alerts VALUES (''::bytea);",
	/* 3: no table changes, but what is summed from now on no collector before it can read */
	"SELECT 1",
	/* 4: likewise, sums of 5 minutes (core/digest.h, sharp) */
	"SELECT 1",
};

#define LOCK_4 "SELECT pg_advisory_xact_lock(hashtext(current_schema()||'.headroom'),4)"

static int version(struct hr_pg *q, uint64_t *ret)
{
	PGresult *r = hr_pg_query(q, "SELECT version FROM headroom_schema");
	int e = PQresultStatus(r) == PGRES_TUPLES_OK ? 0 : hr_pg_failed(q, r, "schema version");

	if (e == 0 && (PQntuples(r) != 1 || !hr_num_u64(PQgetvalue(r, 0, 0), 0, 100000, ret))) {
		(void)snprintf(q->base.error, sizeof(q->base.error),
			"table headroom_schema: damaged entry");
		e = HR_STORE_FAILED;
	}
	PQclear(r);
	return e;
}

static int steps(struct hr_pg *q)
{
	char mark[80];
	uint64_t have;
	int r = hr_pg_simple(q,
		"CREATE TABLE IF NOT EXISTS headroom_schema (version bigint);"
		"INSERT INTO headroom_schema SELECT 0 WHERE NOT EXISTS"
		" (SELECT FROM headroom_schema)",
		"creating tables");

	r = r ? r : version(q, &have);
	if (r)
		return r;
	if (have > VERSION) {
		(void)snprintf(q->base.error, sizeof(q->base.error),
			"the tables have version %" PRIu64 ", this program knows %d: run the "
			"headroom-collector that wrote them, or name another database or schema",
			have, VERSION);
		return HR_STORE_FAILED;
	}
	for (uint64_t i = have; i < VERSION && r == 0; i++)
		r = hr_pg_simple(q, step[i], "creating tables");
	(void)snprintf(mark, sizeof(mark), "UPDATE headroom_schema SET version=%d", VERSION);
	return r || have == VERSION ? r : hr_pg_simple(q, mark, "creating tables");
}

int hr_pg_migrate(struct hr_pg *q)
{
	unsigned patience_ms = q->patience_ms;
	int r = hr_pg_simple(q, "BEGIN", "creating tables");

	q->patience_ms = HR_PG_PATIENCE_MIGRATE_MS;
	r = r ? r : hr_pg_simple(q, LOCK_4, "creating tables");
	r = r ? r : steps(q);
	r = r ? r : hr_pg_simple(q, "COMMIT", "creating tables");
	if (r) {
		char kept[sizeof(q->base.error)];

		memcpy(kept, q->base.error, sizeof(kept));
		(void)hr_pg_simple(q, "ROLLBACK", "rollback");
		memcpy(q->base.error, kept, sizeof(kept));
	}
	q->patience_ms = patience_ms;
	return r;
}

bool hr_pg_has_day(const struct hr_pg *q, uint64_t day)
{
	for (unsigned i = 0; i < q->n_days; i++) {
		if (q->day[i] == day)
			return true;
	}
	return false;
}

/* The newest ones: rows of older days lie beside, which is only slower. */
static int each_day(struct hr_pg *q, const PGresult *r, int row, void *arg)
{
	(void)arg;
	if (q->n_days < HR_PG_DAYS)
		q->day[q->n_days++] = hr_pg_get(r, row, 0);
	return 0;
}

int hr_pg_days(struct hr_pg *q)
{
	q->n_days = 0;
	return hr_pg_fetch(q, HR_PG_DAYS_THERE, NULL, each_day, NULL);
}

int hr_pg_make_day(struct hr_pg *q, uint64_t day)
{
	char sql[200];
	int r = hr_pg_simple(q, LOCK_4, "partition"); /* two makers at once would collide */

	(void)snprintf(sql, sizeof(sql),
		"CREATE TABLE IF NOT EXISTS w10_d%" PRIu64
		" PARTITION OF w10 FOR VALUES FROM (%" PRIu64 ") TO (%" PRIu64 ")",
		day, (day * HR_PG_DAY_SLOTS) << 24, ((day + 1) * HR_PG_DAY_SLOTS) << 24);
	r = r ? r : hr_pg_simple(q, sql, "partition");
	if (r == 0 && !hr_pg_has_day(q, day)) {
		/* a full table forgets its oldest */
		memmove(&q->day[1], &q->day[0],
			(q->n_days < HR_PG_DAYS ? q->n_days : HR_PG_DAYS - 1) * sizeof(q->day[0]));
		q->day[0] = day;
		q->n_days += q->n_days < HR_PG_DAYS;
	}
	return r;
}

int hr_pg_days_ahead(struct hr_pg *q)
{
	uint64_t now = hr_clock_mono_ns();
	uint64_t today = hr_clock_wall_ms() / HR_STORE_SLOT_MS / HR_PG_DAY_SLOTS;
	int r;

	if (q->ahead_ns != 0 && now - q->ahead_ns < AHEAD_EVERY)
		return 0;
	r = hr_pg_simple(q, "BEGIN", "partition");
	r = r ? r : hr_pg_days(q);
	for (uint64_t day = today; day <= today + 1 && r == 0; day++) {
		if (!hr_pg_has_day(q, day))
			r = hr_pg_make_day(q, day);
	}
	r = r ? r : hr_pg_simple(q, "COMMIT", "partition");
	if (r) {
		(void)hr_pg_simple(q, "ROLLBACK", "partition");
		q->n_days = 0;
		return r;
	}
	q->ahead_ns = now;
	return 0;
}
