// SPDX-License-Identifier: Apache-2.0
/* Statements of the PostgreSQL store: prepared at first use, parameters and results binary. */
#include "collector/store_pg.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "collector/core/crc32.h"
#include "proto/base/clock.h"
#include "proto/units.h"

uint64_t hr_pg_get(const PGresult *r, int row, int col)
{
	const uint8_t *p = (const uint8_t *)PQgetvalue(r, row, col);
	uint64_t v = 0;

	if (PQgetisnull(r, row, col) || PQgetlength(r, row, col) != 8)
		return 0;
	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

const void *hr_pg_unseal(const PGresult *r, int row, int col, size_t max, size_t *ret_len)
{
	size_t len;
	const uint8_t *p = hr_pg_blob(r, row, col, &len);
	uint32_t crc = 0;

	if (!p || len < 4 || len - 4 > max)
		return NULL;
	for (size_t k = 0; k < 4; k++)
		crc |= (uint32_t)p[len - 4 + k] << (8 * k);
	if (hr_crc32(p, len - 4) != crc)
		return NULL;
	*ret_len = len - 4;
	return p;
}

/* SQLSTATE classes: PostgreSQL's manual, appendix A. */
static int kind_of(const struct hr_pg *q, const char *state)
{
	if (PQstatus(q->conn) != CONNECTION_OK || !state)
		return HR_STORE_AWAY;
	if (strncmp(state, "53", 2) == 0 && strcmp(state, "53300") != 0)
		return HR_STORE_FULL; /* disk_full, out_of_memory, configuration_limit_exceeded */
	if (strncmp(state, "08", 2) == 0 || strncmp(state, "57", 2) == 0 ||
		strncmp(state, "40", 2) == 0 || strcmp(state, "53300") == 0 ||
		strcmp(state, "55P03") == 0 || strcmp(state, "25006") == 0 ||
		strcmp(state, "25P03") == 0)
		return HR_STORE_AWAY; /* shut down, deadlock, lock timeout, a standby: later again
				       */
	return HR_STORE_FAILED;
}

/* First line only: the rest (DETAIL) may show what agents sent. */
static int line_of(const char *text)
{
	return (int)strcspn(text, "\n");
}

int hr_pg_failed(struct hr_pg *q, const PGresult *r, const char *what)
{
	const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
	const char *text = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	int kind = kind_of(q, state);

	text = text && !q->hung ? text
	       : q->hung        ? "the server does not answer"
				: PQerrorMessage(q->conn);
	(void)snprintf(q->base.error, sizeof(q->base.error), "%.40s: %.*s (PostgreSQL %s)%s", what,
		line_of(text) < 150 ? line_of(text) : 150, text, state ? state : "connection",
		state && strcmp(state, "25006") == 0 ? "; it is a standby: name the primary" : "");
	return kind;
}

/*
 * A server that hangs keeps its connections open: its kernel answers keepalives, and libpq would
 * wait for ever.  False: nothing until @until_ns, the connection is given up.
 */
static bool wait_for(struct hr_pg *q, short events, uint64_t until_ns)
{
	struct pollfd f = {.fd = PQsocket(q->conn), .events = events};
	uint64_t now;
	int n;

	do {
		now = hr_clock_mono_ns();
		n = poll(&f, 1, now < until_ns ? (int)hr_ns_to_ms(until_ns - now) + 1 : 0);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		return true;
	q->hung = true;
	(void)shutdown(f.fd, SHUT_RDWR); /* libpq reads the end and says so */
	return false;
}

/* PQgetResult() with an end. */
static PGresult *next_result(struct hr_pg *q, unsigned ms)
{
	uint64_t until = hr_clock_mono_ns() + (q->patience_ms ? q->patience_ms : ms) * HR_NS_PER_MS;

	while (PQflush(q->conn) == 1 && wait_for(q, POLLIN | POLLOUT, until)) {
		if (!PQconsumeInput(q->conn))
			break;
	}
	while (PQisBusy(q->conn) && wait_for(q, POLLIN, until)) {
		if (!PQconsumeInput(q->conn))
			break;
	}
	return PQgetResult(q->conn);
}

/* The last result, as PQexec() gives it. */
static PGresult *last_result(struct hr_pg *q, int sent)
{
	PGresult *last = NULL, *r;

	while (sent && (r = next_result(q, HR_PG_PATIENCE_MS)) != NULL) {
		PQclear(last);
		last = r;
	}
	return last;
}

PGresult *hr_pg_query(struct hr_pg *q, const char *sql)
{
	return last_result(q, PQsendQuery(q->conn, sql));
}

int hr_pg_simple(struct hr_pg *q, const char *sql, const char *what)
{
	PGresult *r = hr_pg_query(q, sql);
	ExecStatusType st = PQresultStatus(r);
	int e = st == PGRES_COMMAND_OK || st == PGRES_TUPLES_OK ? 0 : hr_pg_failed(q, r, what);

	PQclear(r);
	return e;
}

int hr_pg_once(struct hr_pg *q, const char *sql, const struct hr_pg_args *a, const char *what)
{
	PGresult *r = last_result(
		q, PQsendQueryParams(q->conn, sql, a->n, NULL, a->v, a->len, a->fmt, 1));
	ExecStatusType st = PQresultStatus(r);
	int e = st == PGRES_COMMAND_OK || st == PGRES_TUPLES_OK ? 0 : hr_pg_failed(q, r, what);

	PQclear(r);
	return e;
}

static int prepare(struct hr_pg *q, enum hr_pg_sql which, char name[16])
{
	PGresult *r;
	int e;

	(void)snprintf(name, 16, "s%d", which);
	if (q->prepared[which])
		return 0;
	r = last_result(q, PQsendPrepare(q->conn, name, hr_pg_text[which], 0, NULL));
	e = PQresultStatus(r) == PGRES_COMMAND_OK ? 0 : hr_pg_failed(q, r, "prepare");
	q->prepared[which] = e == 0;
	PQclear(r);
	return e;
}

int hr_pg_exec(struct hr_pg *q, enum hr_pg_sql which, const struct hr_pg_args *a, PGresult **ret)
{
	static const struct hr_pg_args none;
	char name[16];
	PGresult *r;
	int e = prepare(q, which, name);

	if (e)
		return e;
	a = a ? a : &none;
	r = last_result(q, PQsendQueryPrepared(q->conn, name, a->n, a->v, a->len, a->fmt, 1));
	if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
		e = hr_pg_failed(q, r, "statement");
	if (e == 0 && ret)
		*ret = r;
	else
		PQclear(r);
	return e;
}

int hr_pg_fetch(struct hr_pg *q, enum hr_pg_sql which, const struct hr_pg_args *a, hr_pg_each each,
	void *arg)
{
	PGresult *r = NULL;
	int e = hr_pg_exec(q, which, a, &r);

	if (e)
		return e;
	for (int i = 0; i < PQntuples(r) && e == 0; i++)
		e = each(q, r, i, arg);
	PQclear(r);
	return e;
}

int hr_pg_walk(struct hr_pg *q, enum hr_pg_sql which, const struct hr_pg_args *a, hr_pg_each each,
	void *arg)
{
	static const struct hr_pg_args none;
	char name[16];
	PGresult *r;
	int e = prepare(q, which, name);

	if (e)
		return e;
	a = a ? a : &none;
	if (!PQsendQueryPrepared(q->conn, name, a->n, a->v, a->len, a->fmt, 1) ||
		!PQsetSingleRowMode(q->conn))
		return hr_pg_failed(q, NULL, "read");
	while ((r = next_result(q, HR_PG_PATIENCE_WALK_MS)) != NULL) {
		ExecStatusType st = PQresultStatus(r);

		if (st == PGRES_SINGLE_TUPLE && e == 0)
			e = each(q, r, 0, arg);
		else if (st != PGRES_SINGLE_TUPLE && st != PGRES_TUPLES_OK && e == 0)
			e = hr_pg_failed(q, r, "read");
		PQclear(r);
	}
	return e;
}
