// SPDX-License-Identifier: Apache-2.0
/*
 * The tables, as numbered steps: a new file takes all of them, an older one those it lacks, in
 * one transaction.  A step is never changed once a release had it.
 */
#include "collector/store_sqlite.h"

#include <stdio.h>

static const char *const step[HR_SQL_USER_VERSION] = {
	/* 1 */
	"CREATE TABLE host (no INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, name TEXT NOT NULL,"
	" facts BLOB, facts_ms INTEGER) STRICT;"
	"CREATE TABLE seen (host INTEGER NOT NULL, boot INTEGER NOT NULL, ord INTEGER NOT NULL,"
	" high INTEGER NOT NULL, bits INTEGER NOT NULL, floor INTEGER NOT NULL, gaps BLOB NOT NULL,"
	" offset_ms INTEGER NOT NULL, first_ms INTEGER NOT NULL, heard_ms INTEGER NOT NULL,"
	" PRIMARY KEY (host, boot)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE w10 (id INTEGER PRIMARY KEY, boot INTEGER NOT NULL, seq INTEGER NOT NULL,"
	" last INTEGER NOT NULL, n INTEGER NOT NULL, body BLOB NOT NULL) STRICT;"
	"CREATE TABLE w10x (id INTEGER NOT NULL, boot INTEGER NOT NULL, seq INTEGER NOT NULL,"
	" last INTEGER NOT NULL, n INTEGER NOT NULL, body BLOB NOT NULL,"
	" PRIMARY KEY (id, boot, seq)) STRICT;"
	"CREATE TABLE quarantine (id INTEGER NOT NULL, boot INTEGER NOT NULL, seq INTEGER NOT NULL,"
	" last INTEGER NOT NULL, n INTEGER NOT NULL, body BLOB NOT NULL) STRICT;"
	"CREATE TABLE journal (n INTEGER PRIMARY KEY, host INTEGER NOT NULL, id INTEGER,"
	" boot INTEGER, seq INTEGER, at_ms INTEGER, facts BLOB) STRICT;"
	"CREATE TABLE state (host INTEGER PRIMARY KEY, upto INTEGER NOT NULL, body BLOB NOT NULL,"
	" answer TEXT) STRICT;",
	/*
	 * 2: tiers.  What is stored is rolled up from its beginning; of a boot counts what is
	 * still there, and rows of boots that are gone count as theirs (tier 0).
	 */
	"CREATE TABLE r300 (id INTEGER PRIMARY KEY, windows INTEGER NOT NULL,"
	" samples INTEGER NOT NULL, body BLOB NOT NULL) STRICT;"
	"CREATE TABLE r3600 (id INTEGER PRIMARY KEY, windows INTEGER NOT NULL,"
	" samples INTEGER NOT NULL, body BLOB NOT NULL) STRICT;"
	"CREATE TABLE late (n INTEGER PRIMARY KEY, id INTEGER NOT NULL) STRICT;"
	"CREATE TABLE tally (tier INTEGER PRIMARY KEY, bin INTEGER NOT NULL, host INTEGER NOT NULL,"
	" in_windows INTEGER NOT NULL, in_samples INTEGER NOT NULL, out_windows INTEGER NOT NULL,"
	" out_samples INTEGER NOT NULL, bad_windows INTEGER NOT NULL) STRICT;"
	"ALTER TABLE seen ADD COLUMN windows INTEGER NOT NULL DEFAULT 0;"
	"CREATE TEMP TABLE held AS SELECT id & 16777215 AS host, boot AS ord, sum(last-seq+1) AS n"
	" FROM (SELECT id,boot,seq,last FROM w10 UNION ALL SELECT id,boot,seq,last FROM w10x"
	" UNION ALL SELECT id,boot,seq,last FROM quarantine) GROUP BY 1,2;"
	"UPDATE seen SET windows=ifnull((SELECT n FROM held h WHERE h.host=seen.host"
	" AND h.ord=seen.ord),0);"
	"INSERT INTO tally SELECT 0,0,0,ifnull((SELECT sum(n) FROM held),0)"
	"-ifnull((SELECT sum(windows) FROM seen),0),0,0,0,"
	"ifnull((SELECT sum(last-seq+1) FROM quarantine),0);"
	"INSERT INTO tally SELECT 1,0,0,0,0,0,0,bad_windows FROM tally WHERE tier=0;"
	"INSERT INTO tally VALUES(2,0,0,0,0,0,0,0);"
	"DROP TABLE temp.held;",
	/* 3: what the fleet shows of each host, so that a start need not read its model first */
	"CREATE TABLE view (host INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;",
	/* 4: the largest n, so that a start need not look for it in the states of all hosts */
	"CREATE TABLE mark (id INTEGER PRIMARY KEY CHECK (id=0), last_n INTEGER NOT NULL) STRICT;"
	"INSERT INTO mark SELECT 0, max(ifnull((SELECT max(upto) FROM state),0),"
	"ifnull((SELECT max(n) FROM journal),0));",
	/*
	 * 5: windows in the order in which they came.  w10x has been such a table all along, for
	 * windows whose place was taken; the two change names, and what is stored by place stays so
	 * until it is old.
	 */
	"ALTER TABLE w10 RENAME TO w10_by_place;"
	"ALTER TABLE w10x RENAME TO w10;"
	"ALTER TABLE w10_by_place RENAME TO w10x;",
	/* 6: no table changes, but what is summed from now on no collector before it can read */
	"",
	/* 7: packs (store_sqlite_pack.c), of what is summed from now on; what is there gets old */
	"CREATE TABLE w300 (id INTEGER PRIMARY KEY, windows INTEGER NOT NULL, body BLOB NOT NULL)"
	" STRICT;"
	"UPDATE tally SET bin=(SELECT bin FROM tally WHERE tier=1), host=0 WHERE tier=0;",
	/* 8: no table changes, but a row of w10 holds what came together (store_sqlite_rows.c) */
	"",
	/* 9: likewise, but many windows of a row are compressed */
	"",
	/* 10: likewise, but sums of 5 minutes have a form of their own (core/digest.h, sharp) */
	"",
};

/* Steps from @from on; the marks come last, so a file without them is taken for empty. */
static int run(sqlite3 *db, uint64_t from)
{
	char mark[160];
	int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

	for (uint64_t i = from; i < HR_SQL_USER_VERSION && rc == SQLITE_OK; i++)
		rc = sqlite3_exec(db, step[i], NULL, NULL, NULL);
	(void)snprintf(mark, sizeof(mark),
		"PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT", HR_SQL_APPLICATION_ID,
		HR_SQL_USER_VERSION);
	return rc == SQLITE_OK ? sqlite3_exec(db, mark, NULL, NULL, NULL) : rc;
}

int hr_sql_create(sqlite3 *db)
{
	return run(db, 0);
}

int hr_sql_migrate(sqlite3 *db, uint64_t version)
{
	return version < HR_SQL_USER_VERSION ? run(db, version) : SQLITE_OK;
}
