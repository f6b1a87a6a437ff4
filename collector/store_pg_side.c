// SPDX-License-Identifier: Apache-2.0
/*
 * See store_side.h.  Every change of a credential gets the next number of one row, whose lock is
 * held until it commits: so changes are one at a time among all collectors, their numbers ascend
 * in the order in which they become visible, and "what is newer than the last one seen" is all
 * that is to be read.  What ended stays as a mark without its hash, for those that look later.
 */
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store_pg.h"
#include "collector/store_side.h"

#define KEEP_GONE                                                                                  \
	100000 /* marks; who was away for longer reads all, as after any lost connection */

#define PATIENCE_MS 6000 /* more than its statements may take */

struct side {
	struct hr_side base;
	pthread_mutex_t lock; /* held through a change of credentials */
	struct hr_pg q;
	uint64_t seen, n; /* last change taken in; of the change under way */
	bool all_read;    /* on this connection */
	bool failed;      /* in the change under way */
};

static struct side *of_auth(struct hr_auth_keep *k)
{
	return (struct side *)((char *)k - offsetof(struct side, base.auth));
}

static struct side *of_side(struct hr_side *s)
{
	return (struct side *)s; /* base is the first member */
}

static bool fine(struct side *s, int r)
{
	if (r != 0)
		(void)snprintf(
			s->base.auth.error, sizeof(s->base.auth.error), "%s", s->q.base.error);
	return r == 0;
}

/* A connection that answers soon or is given up: checks of tokens never wait for it. */
static bool ready(struct side *s)
{
	uint64_t was = s->q.writer;
	int r = hr_pg_connect(&s->q);

	if (r == 0 && s->q.writer != was) {
		s->all_read = false;
		r = hr_pg_simple(&s->q, "SET statement_timeout='5s'", "session");
	}
	return fine(s, r);
}

/* --- credentials --- */

struct taking {
	struct side *s;
	hr_auth_take_fn fn;
	void *arg;
};

static bool is_len(const PGresult *r, int row, int col, int len)
{
	return PQgetlength(r, row, col) == len;
}

/* kind, id, hash, name, made_ms, expires_ms, uses, host, n, gone */
static int each_credential(struct hr_pg *q, const PGresult *r, int row, void *arg)
{
	struct taking *t = arg;
	uint64_t kind = hr_pg_get(r, row, 0);
	struct hr_auth_entry e = {.info = {.kind = (enum hr_secret_kind)kind}};
	bool gone = hr_pg_get(r, row, 9) != 0;

	(void)q;
	if ((kind != HR_SECRET_AGENT && kind != HR_SECRET_READ && kind != HR_SECRET_ENROL) ||
		!is_len(r, row, 1, HR_HOST_ID_LEN) ||
		!is_len(r, row, 2, gone ? 0 : HR_SHA256_LEN)) {
		(void)snprintf(q->base.error, sizeof(q->base.error),
			"table credential: an entry is damaged");
		return HR_STORE_FAILED;
	}
	memcpy(e.info.id, PQgetvalue(r, row, 1), HR_HOST_ID_LEN);
	memcpy(e.hash, PQgetvalue(r, row, 2), gone ? 0 : HR_SHA256_LEN);
	(void)snprintf(e.info.name, sizeof(e.info.name), "%.*s", PQgetlength(r, row, 3),
		PQgetvalue(r, row, 3));
	e.info.made_ms = hr_pg_get(r, row, 4);
	e.info.expires_ms = hr_pg_get(r, row, 5);
	e.info.uses = (uint32_t)hr_pg_get(r, row, 6);
	e.has_host = is_len(r, row, 7, HR_HOST_ID_LEN);
	if (e.has_host)
		memcpy(e.host, PQgetvalue(r, row, 7), HR_HOST_ID_LEN);
	if (!t->fn(t->arg, &e, gone))
		return HR_STORE_FULL;
	t->s->seen = hr_pg_get(r, row, 8);
	return 0;
}

/* What is newer than the last one seen; all, on a new connection. */
static int bring_up(struct side *s, hr_auth_take_fn fn, void *arg)
{
	struct taking t = {.s = s, .fn = fn, .arg = arg};
	struct hr_pg_args a = {0};
	bool all = !s->all_read;
	int r;

	if (all)
		s->seen = 0;
	if (all && !fn(arg, NULL, false))
		return HR_STORE_FULL;
	hr_pg_u64(&a, s->seen);
	r = hr_pg_fetch(&s->q, HR_PG_CREDENTIALS, &a, each_credential, &t);
	s->all_read = r == 0; /* half taken in: all again */
	return r;
}

static bool side_look(struct hr_auth_keep *k, hr_auth_take_fn fn, void *arg)
{
	struct side *s = of_auth(k);
	bool ok;

	pthread_mutex_lock(&s->lock);
	ok = ready(s) && fine(s, bring_up(s, fn, arg));
	pthread_mutex_unlock(&s->lock);
	return ok;
}

/* The lock is held until finish(), which is called in any case. */
static bool side_begin(struct hr_auth_keep *k, hr_auth_take_fn fn, void *arg)
{
	struct side *s = of_auth(k);
	struct hr_pg_args a = {0};
	int r;

	pthread_mutex_lock(&s->lock);
	s->failed = !ready(s);
	if (s->failed)
		return false;
	r = hr_pg_simple(&s->q, "BEGIN", "credentials");
	r = r ? r : hr_pg_fetch(&s->q, HR_PG_CREDENTIAL_N, NULL, hr_pg_each_u64, &s->n);
	if (r == 0 && s->n % KEEP_GONE == 0) {
		hr_pg_u64(&a, s->n - KEEP_GONE);
		r = hr_pg_exec(&s->q, HR_PG_CREDENTIAL_TIDY, &a, NULL);
	}
	r = r ? r : bring_up(s, fn, arg);
	s->failed = !fine(s, r);
	return !s->failed;
}

static bool side_put(struct hr_auth_keep *k, const struct hr_auth_entry *e)
{
	struct side *s = of_auth(k);
	struct hr_pg_args a = {0};

	if (s->failed)
		return false;
	hr_pg_u64(&a, e->info.kind);
	hr_pg_bytes(&a, e->info.id, HR_HOST_ID_LEN);
	hr_pg_bytes(&a, e->hash, HR_SHA256_LEN);
	hr_pg_bytes(&a, e->info.name, strlen(e->info.name));
	hr_pg_u64(&a, e->info.made_ms);
	hr_pg_u64(&a, e->info.expires_ms);
	hr_pg_u64(&a, e->info.uses);
	hr_pg_bytes(
		&a, e->has_host ? e->host : (const uint8_t *)"", e->has_host ? HR_HOST_ID_LEN : 0);
	hr_pg_u64(&a, s->n);
	s->failed = !fine(s, hr_pg_exec(&s->q, HR_PG_PUT_CREDENTIAL, &a, NULL));
	return !s->failed;
}

static bool side_drop(struct hr_auth_keep *k, const struct hr_auth_entry *e)
{
	struct side *s = of_auth(k);
	struct hr_pg_args a = {0};

	if (s->failed)
		return false;
	hr_pg_u64(&a, e->info.kind);
	hr_pg_bytes(&a, e->info.id, HR_HOST_ID_LEN);
	hr_pg_u64(&a, s->n);
	s->failed = !fine(s, hr_pg_exec(&s->q, HR_PG_DROP_CREDENTIAL, &a, NULL));
	return !s->failed;
}

static bool side_finish(struct hr_auth_keep *k, bool well)
{
	struct side *s = of_auth(k);
	bool ok = well && !s->failed && fine(s, hr_pg_simple(&s->q, "COMMIT", "credentials"));

	if (!ok && s->q.conn) {
		(void)hr_pg_simple(&s->q, "ROLLBACK", "credentials");
		s->all_read = false; /* what was committed is not known: it is read */
	}
	pthread_mutex_unlock(&s->lock);
	return ok;
}

static void side_auth_close(struct hr_auth_keep *k)
{
	(void)k; /* with the side */
}

static const struct hr_auth_keep_ops auth_ops = {
	.shared = true,
	.look = side_look,
	.begin = side_begin,
	.put = side_put,
	.drop = side_drop,
	.finish = side_finish,
	.close = side_auth_close,
};

/* --- alerts --- */

static bool elected(struct hr_side *base)
{
	struct side *s = of_side(base);
	uint64_t is = 0;
	bool there;

	pthread_mutex_lock(&s->lock);
	/* the lock goes with the session, and hr_pg_connect() notes its end */
	there = ready(s);
	if (there && !s->q.keeper)
		s->q.keeper =
			fine(s, hr_pg_fetch(&s->q, HR_PG_TELLER, NULL, hr_pg_each_u64, &is)) &&
			is == 1;
	there = there && s->q.keeper;
	pthread_mutex_unlock(&s->lock);
	return there;
}

struct text {
	char *p;
	size_t len;
};

static int each_text(struct hr_pg *q, const PGresult *r, int row, void *arg)
{
	struct text *t = arg;
	const void *p = hr_pg_blob(r, row, 0, &t->len);

	(void)q;
	free(t->p);
	t->p = calloc(1, t->len + 1);
	if (!t->p)
		return HR_STORE_FULL;
	memcpy(t->p, p ? p : "", p ? t->len : 0);
	return 0;
}

static char *alerts(struct hr_side *base, size_t *ret_len)
{
	struct side *s = of_side(base);
	struct text t = {0};

	pthread_mutex_lock(&s->lock);
	if (!ready(s) || !fine(s, hr_pg_fetch(&s->q, HR_PG_ALERTS, NULL, each_text, &t))) {
		free(t.p);
		t.p = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	*ret_len = t.len;
	return t.p;
}

static bool put_alerts(struct hr_side *base, const char *text, size_t len)
{
	struct side *s = of_side(base);
	struct hr_pg_args a = {0};
	bool ok;

	hr_pg_bytes(&a, text, len);
	pthread_mutex_lock(&s->lock);
	ok = s->q.conn && s->q.keeper && fine(s, hr_pg_exec(&s->q, HR_PG_PUT_ALERTS, &a, NULL));
	pthread_mutex_unlock(&s->lock);
	return ok;
}

static void close_side(struct hr_side *base)
{
	struct side *s = of_side(base);

	PQfinish(s->q.conn);
	free(s->q.conninfo);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static const struct hr_side_ops side_ops = {
	.elected = elected, .alerts = alerts, .put_alerts = put_alerts, .close = close_side};

struct hr_side *hr_side_pg_open(const char *conninfo, char error[HR_STORE_ERROR_LEN])
{
	struct side *s = calloc(1, sizeof(*s));

	if (!s || !(s->q.conninfo = strdup(conninfo))) {
		free(s);
		(void)snprintf(error, HR_STORE_ERROR_LEN, "out of memory");
		return NULL;
	}
	pthread_mutex_init(&s->lock, NULL);
	s->base.ops = &side_ops;
	s->base.auth.ops = &auth_ops;
	s->q.base.ops = &hr_store_pg_ops;
	s->q.patience_ms = PATIENCE_MS;
	if (ready(s))
		return &s->base;
	(void)snprintf(error, HR_STORE_ERROR_LEN,
		"the database of [collector] cannot be used: %.250s", s->q.base.error);
	close_side(&s->base);
	return NULL;
}
