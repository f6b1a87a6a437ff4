// SPDX-License-Identifier: Apache-2.0
/*
 * Connecting, again and again: the session's settings, the tables, the partitions.  A server that
 * is away is no end: windows are refused with 503 meanwhile, and agents keep them.
 */
#include "collector/store_pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "proto/base/clock.h"
#include "proto/units.h"

#define RETRY_NS HR_NS_PER_S

/* On the server's side a dead collector's locks go with its session: soon, not after two hours. */
static const char session[] =
	"SET client_min_messages=error;"
	"SET lock_timeout='10s';"
	"SET idle_in_transaction_session_timeout='60s';"
	"SET tcp_keepalives_idle=10; SET tcp_keepalives_interval=5; SET tcp_keepalives_count=3;"
	"SET jit=off;"
	"SELECT set_config('synchronous_commit','on',false)"
	" WHERE current_setting('synchronous_commit')='off'";

static void quiet(void *arg, const char *message)
{
	(void)arg;
	(void)message;
}

static int connect_once(struct hr_pg *q)
{
	/* the last one of a key counts: what the configuration says stands over these */
	const char *const key[] = {"fallback_application_name", "connect_timeout",
		"tcp_user_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count",
		"dbname", "client_encoding", NULL};
	const char *const value[] = {
		"headroom-collector", "5", "10000", "10", "5", "3", q->conninfo, "UTF8", NULL};

	PQfinish(q->conn);
	q->conn = PQconnectdbParams(key, value, 1);
	memset(q->prepared, 0, sizeof(q->prepared));
	q->hung = false;
	q->keeper = q->open = false;
	q->ahead_ns = 0;
	if (PQstatus(q->conn) != CONNECTION_OK) {
		int len = (int)strcspn(PQerrorMessage(q->conn), "\n");

		(void)snprintf(q->base.error, sizeof(q->base.error), "%.*s", len < 200 ? len : 200,
			PQerrorMessage(q->conn));
		return HR_STORE_AWAY;
	}
	(void)PQsetNoticeProcessor(q->conn, quiet, NULL);
	if (PQsetnonblocking(q->conn, 1) != 0)
		return hr_pg_failed(q, NULL, "connection");
	return hr_pg_simple(q, session, "session");
}

/* What an acknowledgement promises must hold after a power cut of the server. */
static int check_server(struct hr_pg *q)
{
	PGresult *r = hr_pg_query(q, "SELECT current_setting('fsync')='on',"
				     "pg_is_in_recovery(),current_schema() IS NOT NULL");
	int e = PQresultStatus(r) == PGRES_TUPLES_OK ? 0 : hr_pg_failed(q, r, "server");

	if (e == 0 && PQserverVersion(q->conn) < 130000) {
		(void)snprintf(q->base.error, sizeof(q->base.error),
			"the server is PostgreSQL %d; 13 or later is needed",
			PQserverVersion(q->conn) / 10000);
		e = HR_STORE_FAILED;
	} else if (e == 0 && PQgetvalue(r, 0, 0)[0] != 't') {
		(void)snprintf(q->base.error, sizeof(q->base.error),
			"the server has fsync=off: an acknowledgement would not survive a power "
			"cut; set fsync = on there");
		e = HR_STORE_FAILED;
	} else if (e == 0 && PQgetvalue(r, 0, 1)[0] != 'f') {
		(void)snprintf(q->base.error, sizeof(q->base.error),
			"the server is a standby: name the primary (several hosts with "
			"target_session_attrs=read-write find it)");
		e = HR_STORE_AWAY;
	} else if (e == 0 && PQgetvalue(r, 0, 2)[0] != 't') {
		(void)snprintf(q->base.error, sizeof(q->base.error),
			"this user has no schema: CREATE SCHEMA headroom AUTHORIZATION headroom");
		e = HR_STORE_FAILED;
	}
	PQclear(r);
	return e;
}

static int get_ready(struct hr_pg *q)
{
	struct hr_tally t[HR_TIER_N];
	int r = connect_once(q);

	r = r ? r : check_server(q);
	r = r ? r : hr_pg_migrate(q);
	r = r ? r : hr_pg_days(q);
	r = r ? r : hr_pg_fetch(q, HR_PG_LAST_N, NULL, hr_pg_each_u64, &q->last_n);
	r = r ? r : hr_pg_tally(&q->base, t);
	if (r == 0) {
		/* rows of the life before count as another's: it may have ended in a commit whose
		 * outcome is not known here */
		if (getrandom(&q->writer, sizeof(q->writer), 0) != sizeof(q->writer))
			q->writer = hr_clock_mono_ns();
		q->writer >>= 1;
	}
	return r;
}

int hr_pg_connect(struct hr_pg *q)
{
	uint64_t now = hr_clock_mono_ns();
	int r;

	if (q->conn && PQstatus(q->conn) == CONNECTION_OK)
		return 0;
	if (now < q->retry_ns)
		return HR_STORE_AWAY; /* with the words of the last try */
	r = get_ready(q);
	if (r) {
		q->retry_ns = hr_clock_mono_ns() + RETRY_NS;
		/* half ready is not ready */
		PQfinish(q->conn);
		q->conn = NULL;
	}
	return r;
}

/* A password in the configuration would be read by many: the file, --print-config, backups. */
static bool has_password(const char *conninfo, char error[HR_STORE_ERROR_LEN])
{
	char *why = NULL;
	PQconninfoOption *o = PQconninfoParse(conninfo, &why);
	bool found = false;

	if (!o) {
		(void)snprintf(error, HR_STORE_ERROR_LEN,
			"database in [collector]: %.200s; expected is such as "
			"postgresql://headroom@db.example/headroom",
			why ? why : "out of memory");
		PQfreemem(why);
		return true;
	}
	for (const PQconninfoOption *i = o; i->keyword; i++)
		found |= strcmp(i->keyword, "password") == 0 && i->val;
	PQconninfoFree(o);
	if (found)
		(void)snprintf(error, HR_STORE_ERROR_LEN,
			"database in [collector] has a password: put it into a file of mode 0600 "
			"and "
			"name that with passfile=, see headroom-collector.conf(5)");
	return found;
}

struct hr_store *hr_store_pg_open(const char *conninfo, char error[HR_STORE_ERROR_LEN])
{
	struct hr_pg *q;
	int r;

	if (has_password(conninfo, error))
		return NULL;
	q = calloc(1, sizeof(*q));
	if (!q || !(q->conninfo = strdup(conninfo))) {
		free(q);
		(void)snprintf(error, HR_STORE_ERROR_LEN, "out of memory");
		return NULL;
	}
	q->base.ops = &hr_store_pg_ops;
	q->base.shared = &hr_pg_shared;
	r = hr_pg_connect(q);
	if (r == 0)
		return &q->base;
	(void)snprintf(error, HR_STORE_ERROR_LEN,
		"the database of [collector] cannot be used: %.250s%s", q->base.error,
		r == HR_STORE_AWAY ? "; start it, or mend its address, user or passfile" : "");
	q->base.ops->close(&q->base);
	return NULL;
}
