// SPDX-License-Identifier: Apache-2.0
/*
 * Three questions to a database, in one read transaction: is the file whole, does every stored
 * body fit its checksum and its sums, and do the sums of the tiers account for what was
 * acknowledged.  It changes nothing and needs none of the writer's code.
 */
#include "collector/check_store.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <string.h>

#include "collector/core/check_sums.h"
#include "collector/core/crc32.h"
#include "collector/core/digest.h"
#include "collector/core/pack.h"
#include "collector/store_sqlite.h"
#include "proto/limits.h"

struct checking {
	sqlite3 *db;
	FILE *to;
	bool bad, unreadable;
	struct hr_digest digest;
	struct hr_packer *packer;
	struct hr_pack pack;
};

static void complain(struct checking *c, const char *what)
{
	(void)fprintf(c->to, "bad: %s\n", what);
	c->bad = true;
}

static sqlite3_stmt *prepare(struct checking *c, const char *sql)
{
	sqlite3_stmt *st = NULL;

	if (sqlite3_prepare_v2(c->db, sql, -1, &st, NULL) == SQLITE_OK)
		return st;
	complain(c, sqlite3_errmsg(c->db));
	c->unreadable = true;
	return NULL;
}

/* First column of the first row; 0 and a complaint when it cannot be read. */
static int64_t number(struct checking *c, const char *sql)
{
	sqlite3_stmt *st = prepare(c, sql);
	int64_t v = 0;

	if (st && sqlite3_step(st) == SQLITE_ROW) {
		v = sqlite3_column_int64(st, 0);
	} else if (st) {
		complain(c, sqlite3_errmsg(c->db));
		c->unreadable = true;
	}
	sqlite3_finalize(st);
	return v;
}

static void check_file(struct checking *c)
{
	sqlite3_stmt *st = prepare(c, "PRAGMA integrity_check(10)");

	while (st && sqlite3_step(st) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(st, 0);

		if (!text || strcmp(text, "ok") != 0)
			complain(c, text ? text : "integrity_check says nothing");
	}
	sqlite3_finalize(st);
}

static const uint8_t *unsealed(sqlite3_stmt *st, int i, size_t *ret_len)
{
	const uint8_t *p = sqlite3_column_blob(st, i);
	size_t len = (size_t)sqlite3_column_bytes(st, i);
	uint32_t crc = 0;

	if (!p || len < 4)
		return NULL;
	for (size_t k = 0; k < 4; k++)
		crc |= (uint32_t)p[len - 4 + k] << (8 * k);
	*ret_len = len - 4;
	return hr_crc32(p, len - 4) == crc ? p : NULL;
}

/* As many windows in a row as it says. */
static bool is_whole_row(struct checking *c, sqlite3_stmt *st)
{
	uint64_t windows = (uint64_t)sqlite3_column_int64(st, 0);
	size_t len;
	const uint8_t *p = unsealed(st, 1, &len);

	if (!p || !hr_pack_is(p, len))
		return p; /* an older version's: one window, and what it stands for */
	return hr_pack_decode(c->packer, p, len, &c->pack) && hr_pack_windows(&c->pack) == windows;
}

static void check_windows(struct checking *c, const char *sql)
{
	sqlite3_stmt *st = prepare(c, sql);
	uint64_t rows = 0, damaged = 0, windows = 0;

	while (st && sqlite3_step(st) == SQLITE_ROW) {
		rows++;
		windows += (uint64_t)sqlite3_column_int64(st, 0);
		damaged += !is_whole_row(c, st);
	}
	sqlite3_finalize(st);
	(void)fprintf(c->to, "windows: %" PRIu64 " in %" PRIu64 " rows\n", windows, rows);
	if (damaged > 0) {
		(void)fprintf(c->to, "bad: %" PRIu64 " of those rows are damaged\n", damaged);
		c->bad = true;
	}
}

static void check_sums(struct checking *c, const char *name, const char *sql)
{
	sqlite3_stmt *st = prepare(c, sql);
	uint64_t rows = 0, damaged = 0, wrong = 0;

	while (st && sqlite3_step(st) == SQLITE_ROW) {
		size_t len;
		const uint8_t *p = unsealed(st, 2, &len);

		rows++;
		hr_digest_clear(&c->digest);
		if (!p || hr_digest_decode(&c->digest, p, len) != HR_DIGEST_OK)
			damaged++;
		else
			wrong += c->digest.windows != (uint64_t)sqlite3_column_int64(st, 0) ||
				 c->digest.samples != (uint64_t)sqlite3_column_int64(st, 1);
	}
	sqlite3_finalize(st);
	(void)fprintf(c->to, "%s: %" PRIu64 " rows\n", name, rows);
	if (damaged > 0 || wrong > 0) {
		(void)fprintf(c->to,
			"bad: %s: %" PRIu64 " rows damaged, %" PRIu64 " with other sums\n", name,
			damaged, wrong);
		c->bad = true;
	}
}

/* As many windows in a pack as it says. */
static bool is_whole(struct checking *c, sqlite3_stmt *st)
{
	size_t len;
	const uint8_t *p = unsealed(st, 1, &len);

	return p && hr_pack_decode(c->packer, p, len, &c->pack) &&
	       hr_pack_windows(&c->pack) == (uint64_t)sqlite3_column_int64(st, 0);
}

static void check_packs(struct checking *c)
{
	sqlite3_stmt *st = prepare(c, "SELECT windows,body FROM w300");
	uint64_t packs = 0, damaged = 0, windows = 0;

	while (st && sqlite3_step(st) == SQLITE_ROW) {
		packs++;
		windows += (uint64_t)sqlite3_column_int64(st, 0);
		damaged += !is_whole(c, st);
	}
	sqlite3_finalize(st);
	(void)fprintf(c->to, "packed: %" PRIu64 " windows in %" PRIu64 " rows\n", windows, packs);
	if (damaged > 0) {
		(void)fprintf(c->to, "bad: %" PRIu64 " of those rows are damaged\n", damaged);
		c->bad = true;
	}
}

static void check_equal(struct checking *c)
{
	for (size_t i = 0; i < HR_CHECK_SUMS && !c->unreadable; i++) {
		int64_t left = number(c, hr_check_sum[i].left),
			right = number(c, hr_check_sum[i].right);

		if (i == 0)
			right += number(c, HR_CHECK_PACKED);
		if (c->unreadable)
			return;
		(void)fprintf(c->to, "%s: %s: %" PRId64 "%s%" PRId64 "\n",
			left == right ? "ok" : "bad", hr_check_sum[i].what, left,
			left == right ? " = " : " is not ", right);
		c->bad |= left != right;
	}
}

bool hr_check_store(const char *path, FILE *to)
{
	struct checking c = {.to = to};

	if (sqlite3_open_v2(path, &c.db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
		sqlite3_busy_timeout(c.db, 5000) != SQLITE_OK ||
		sqlite3_exec(c.db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK) {
		(void)fprintf(to, "bad: %s: %s\n", path, sqlite3_errmsg(c.db));
		sqlite3_close(c.db);
		return false;
	}
	c.packer = hr_packer_new();
	if (!c.packer) {
		complain(&c, "out of memory");
	} else if (number(&c, "PRAGMA application_id") != HR_SQL_APPLICATION_ID) {
		complain(&c, "this is no database of headroom-collector");
	} else if (number(&c, "PRAGMA user_version") < HR_SQL_USER_VERSION) {
		complain(&c, "the file is of an older version: start headroom-collector once");
	} else {
		check_file(&c);
		check_windows(&c, "SELECT last-seq+1,body FROM w10"
				  " UNION ALL SELECT last-seq+1,body FROM w10x");
		check_packs(&c);
		check_sums(&c, "5 min", "SELECT windows,samples,body FROM r300");
		check_sums(&c, "hours", "SELECT windows,samples,body FROM r3600");
		check_equal(&c);
	}
	hr_digest_done(&c.digest);
	hr_packer_free(c.packer);
	sqlite3_close(c.db);
	(void)fprintf(to, "%s: %s\n", path, c.bad ? "damaged or incomplete" : "sound");
	return !c.bad;
}
