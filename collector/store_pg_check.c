// SPDX-License-Identifier: Apache-2.0
/*
 * check_store.c's questions to PostgreSQL, in one snapshot: do stored bodies fit their checksums
 * and sums, is a window stored twice, and do the sums account for what was acknowledged.  Whether
 * its pages are whole is the server's own to say (data checksums, pg_amcheck).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collector/core/check_sums.h"
#include "collector/core/digest.h"
#include "collector/store_pg.h"
#include "proto/num.h"

struct checking {
	PGconn *conn;
	FILE *to;
	bool bad, unreadable;
	struct hr_digest digest;
	uint64_t rows, damaged, wrong;
};

static void unreadable(struct checking *c)
{
	(void)fprintf(c->to, "bad: %s", PQerrorMessage(c->conn));
	c->bad = c->unreadable = true;
}

static void run(struct checking *c, const char *sql)
{
	PGresult *r = PQexec(c->conn, sql);

	if (PQresultStatus(r) != PGRES_COMMAND_OK)
		unreadable(c);
	PQclear(r);
}

/* A bigint; 0 and a complaint when it cannot be read. */
static int64_t number(struct checking *c, const char *sql)
{
	PGresult *r = PQexec(c->conn, sql);
	const char *text = PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 1
				   ? PQgetvalue(r, 0, 0)
				   : "";
	bool below = text[0] == '-'; /* a sum that is wrong may be */
	uint64_t v = 0;

	if (!hr_num_u64(text + below, 0, INT64_MAX, &v))
		unreadable(c);
	PQclear(r);
	return below ? -(int64_t)v : (int64_t)v;
}

static void one_window(struct checking *c, const PGresult *r)
{
	size_t len;

	c->damaged += !hr_pg_unseal(r, 0, 0, HR_BODY_MAX, &len);
}

static void one_sum(struct checking *c, const PGresult *r)
{
	size_t len;
	const void *p = hr_pg_unseal(r, 0, 2, HR_DIGEST_MAX, &len);

	hr_digest_clear(&c->digest);
	if (!p || hr_digest_decode(&c->digest, p, len) != HR_DIGEST_OK)
		c->damaged++;
	else
		c->wrong += c->digest.windows != hr_pg_get(r, 0, 0) ||
			    c->digest.samples != hr_pg_get(r, 0, 1);
}

/* Row by row: a day of a large fleet does not fit into memory. */
static void check_rows(struct checking *c, const char *name, const char *sql,
	void (*each)(struct checking *, const PGresult *))
{
	PGresult *r;

	c->rows = c->damaged = c->wrong = 0;
	if (!PQsendQueryParams(c->conn, sql, 0, NULL, NULL, NULL, NULL, 1) ||
		!PQsetSingleRowMode(c->conn)) {
		unreadable(c);
		return;
	}
	while ((r = PQgetResult(c->conn)) != NULL) {
		if (PQresultStatus(r) == PGRES_SINGLE_TUPLE) {
			c->rows++;
			each(c, r);
		} else if (PQresultStatus(r) != PGRES_TUPLES_OK) {
			unreadable(c);
		}
		PQclear(r);
	}
	(void)fprintf(c->to, "%s: %" PRIu64 " rows\n", name, c->rows);
	if (c->damaged > 0 || c->wrong > 0) {
		(void)fprintf(c->to,
			"bad: %s: %" PRIu64 " rows damaged, %" PRIu64 " with other sums\n", name,
			c->damaged, c->wrong);
		c->bad = true;
	}
}

static void equal(struct checking *c, const char *what, int64_t left, int64_t right)
{
	if (c->unreadable)
		return;
	(void)fprintf(c->to, "%s: %s: %" PRId64 "%s%" PRId64 "\n", left == right ? "ok" : "bad",
		what, left, left == right ? " = " : " is not ", right);
	c->bad |= left != right;
}

static int64_t sum_of(struct checking *c, const char *select)
{
	char sql[2048];

	(void)snprintf(sql, sizeof(sql), "SELECT (%s)::bigint", select);
	return number(c, sql);
}

static void check_all(struct checking *c)
{
	run(c, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
	if (c->unreadable || number(c, "SELECT version FROM headroom_schema") != HR_PG_VERSION ||
		c->unreadable) {
		(void)fprintf(c->to, "bad: there are no tables of this version: start "
				     "headroom-collector once\n");
		c->bad = true;
		return;
	}
	check_rows(
		c, "windows", "SELECT body FROM w10 UNION ALL SELECT body FROM w10x", one_window);
	check_rows(c, "5 min", "SELECT windows,samples,body FROM r300", one_sum);
	check_rows(c, "hours", "SELECT windows,samples,body FROM r3600", one_sum);
	equal(c, "windows stored twice",
		number(c, "SELECT count(*) FROM w10 w JOIN w10x x USING (id,boot,seq)"), 0);
	equal(c, "windows in days = windows counted by day",
		number(c, "SELECT coalesce(sum(last-seq+1),0)::bigint FROM w10"),
		number(c, "SELECT coalesce(sum(windows),0)::bigint FROM w10_day"));
	for (size_t i = 0; i < HR_CHECK_SUMS && !c->unreadable; i++) {
		int64_t left = sum_of(c, hr_check_sum[i].left);

		equal(c, hr_check_sum[i].what, left, sum_of(c, hr_check_sum[i].right));
	}
}

bool hr_store_pg_check(const char *conninfo, FILE *to)
{
	struct checking c = {.to = to, .conn = PQconnectdb(conninfo)};

	if (PQstatus(c.conn) != CONNECTION_OK)
		unreadable(&c);
	else
		check_all(&c);
	hr_digest_done(&c.digest);
	(void)fprintf(to, "%s: %s\n", c.conn && PQdb(c.conn) ? PQdb(c.conn) : "database",
		c.bad ? "damaged or incomplete" : "sound");
	PQfinish(c.conn);
	return !c.bad;
}
