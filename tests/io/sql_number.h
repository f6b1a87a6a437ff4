/* SPDX-License-Identifier: Apache-2.0 */
/* A number from an SQLite file, by a connection of its own: what is committed. */
#pragma once

#include "tests/unit/hr_cmocka.h"

#include <sqlite3.h>

static inline int64_t sql_number(const char *path, const char *sql)
{
	sqlite3_stmt *st;
	sqlite3 *db;
	int64_t n;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}
