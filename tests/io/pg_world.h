/* SPDX-License-Identifier: Apache-2.0 */
/* A schema of its own in the server of tests/lib/with_postgres; only where the build has libpq. */
#pragma once

#ifdef HR_HAVE_PG
#include "tests/unit/hr_cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "collector/store_pg.h"

/* Statements beside the store, on a connection of their own. */
static inline void pg_sql(const char *conninfo, const char *sql)
{
	PGconn *c = PQconnectdb(conninfo);
	PGresult *r = PQexec(c, sql);

	if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(c));
	PQclear(r);
	PQfinish(c);
}

static inline void pg_schema(char conninfo[256])
{
	static unsigned n;
	char sql[64];

	snprintf(sql, sizeof(sql), "CREATE SCHEMA t%d_%u", (int)getpid(), ++n);
	pg_sql(getenv("HR_TEST_PG"), sql);
	snprintf(conninfo, 256, "%s options='-c search_path=t%d_%u'", getenv("HR_TEST_PG"),
		(int)getpid(), n);
}
#endif
