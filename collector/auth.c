// SPDX-License-Identifier: Apache-2.0
/*
 * One table in memory, sorted by (kind, id), under one mutex; each change is a transaction in
 * auth.db first and then a change of the table.  Changes come from people and from agents
 * that hold a good token: their fsync may keep a mutex for some milliseconds.
 */
#include "collector/auth.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/core/rate.h"
#include "proto/base/log.h"
#include "proto/base/secure.h"

#define REQUESTS_PER_S 20.0  /* an agent posts every 10 s; a page of ours asks 2/s */
#define REQUESTS_BURST 200.0 /* a dashboard with many panels, or an agent after an outage */

struct entry {
	struct hr_auth_info info;
	uint8_t hash[HR_SHA256_LEN];
	bool has_host;
	uint8_t host[HR_HOST_ID_LEN];
	struct hr_bucket bucket;
};

struct hr_auth {
	pthread_mutex_t lock;
	sqlite3 *db;
	struct entry **entry;
	uint32_t n, cap;
};

/* --- the table --- */

static int order(const struct entry *e, enum hr_secret_kind kind, const uint8_t *id)
{
	return e->info.kind != kind ? (e->info.kind > kind) - (e->info.kind < kind)
				    : memcmp(e->info.id, id, HR_HOST_ID_LEN);
}

/* Where it is, or would be; *ret_there says which. */
static uint32_t place(
	const struct hr_auth *a, enum hr_secret_kind kind, const uint8_t *id, bool *ret_there)
{
	uint32_t lo = 0, hi = a->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int o = order(a->entry[mid], kind, id);

		if (o == 0) {
			*ret_there = true;
			return mid;
		}
		if (o < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret_there = false;
	return lo;
}

static struct entry *find(const struct hr_auth *a, enum hr_secret_kind kind, const uint8_t *id)
{
	bool there;
	uint32_t i = place(a, kind, id, &there);

	return there ? a->entry[i] : NULL;
}

/* Takes a copy of @e, in the place of one with its kind and id. */
static bool put(struct hr_auth *a, const struct entry *e)
{
	bool there;
	uint32_t i = place(a, e->info.kind, e->info.id, &there);
	struct entry *copy;

	if (there) {
		*a->entry[i] = *e;
		return true;
	}
	if (a->n == a->cap) {
		uint32_t cap = a->cap ? 2 * a->cap : 64;
		struct entry **p = realloc(a->entry, cap * sizeof(struct entry *));

		if (!p)
			return false;
		a->entry = p;
		a->cap = cap;
	}
	copy = malloc(sizeof(*copy));
	if (!copy)
		return false;
	*copy = *e;
	memmove(&a->entry[i + 1], &a->entry[i], (a->n - i) * sizeof(struct entry *));
	a->entry[i] = copy;
	a->n++;
	return true;
}

static void drop(struct hr_auth *a, uint32_t i)
{
	explicit_bzero(a->entry[i]->hash, HR_SHA256_LEN);
	free(a->entry[i]);
	memmove(&a->entry[i], &a->entry[i + 1], (a->n - i - 1) * sizeof(struct entry *));
	a->n--;
}

static bool over(const struct entry *e, uint64_t now_ms)
{
	return (e->info.expires_ms != 0 && e->info.expires_ms <= now_ms) ||
	       (e->info.kind == HR_SECRET_ENROL && e->info.uses == 0);
}

/* --- the file --- */

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS credential (kind INTEGER NOT NULL, id BLOB NOT NULL,"
	" hash BLOB NOT NULL, name TEXT NOT NULL, made_ms INTEGER NOT NULL,"
	" expires_ms INTEGER NOT NULL, uses INTEGER NOT NULL, host BLOB,"
	" PRIMARY KEY (kind, id)) STRICT, WITHOUT ROWID";

static bool sql_put(struct hr_auth *a, const struct entry *e)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(a->db,
		"INSERT OR REPLACE INTO credential VALUES(?1,?2,?3,?4,?5,?6,?7,?8)", -1, &st, NULL);

	if (rc == SQLITE_OK) {
		(void)sqlite3_bind_int(st, 1, (int)e->info.kind);
		(void)sqlite3_bind_blob(st, 2, e->info.id, HR_HOST_ID_LEN, SQLITE_STATIC);
		(void)sqlite3_bind_blob(st, 3, e->hash, HR_SHA256_LEN, SQLITE_STATIC);
		(void)sqlite3_bind_text(st, 4, e->info.name, -1, SQLITE_STATIC);
		(void)sqlite3_bind_int64(st, 5, (sqlite3_int64)e->info.made_ms);
		(void)sqlite3_bind_int64(st, 6, (sqlite3_int64)e->info.expires_ms);
		(void)sqlite3_bind_int64(st, 7, (sqlite3_int64)e->info.uses);
		if (e->has_host)
			(void)sqlite3_bind_blob(st, 8, e->host, HR_HOST_ID_LEN, SQLITE_STATIC);
		rc = sqlite3_step(st);
	}
	sqlite3_finalize(st);
	return rc == SQLITE_DONE;
}

static bool sql_drop(struct hr_auth *a, const struct entry *e)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(
		a->db, "DELETE FROM credential WHERE kind=?1 AND id=?2", -1, &st, NULL);

	if (rc == SQLITE_OK) {
		(void)sqlite3_bind_int(st, 1, (int)e->info.kind);
		(void)sqlite3_bind_blob(st, 2, e->info.id, HR_HOST_ID_LEN, SQLITE_STATIC);
		rc = sqlite3_step(st);
	}
	sqlite3_finalize(st);
	return rc == SQLITE_DONE;
}

static bool begin(struct hr_auth *a)
{
	return sqlite3_exec(a->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;
}

/* Commits what went well, else takes it back, says so and is false. */
static bool finish(struct hr_auth *a, bool fine)
{
	if (fine && sqlite3_exec(a->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
		return true;
	hr_log(HR_LOG_ERR, "auth_store", "%s; nothing was changed", sqlite3_errmsg(a->db));
	if (!sqlite3_get_autocommit(a->db))
		(void)sqlite3_exec(a->db, "ROLLBACK", NULL, NULL, NULL);
	return false;
}

static bool load_one(sqlite3_stmt *st, struct entry *e)
{
	const unsigned char *name = sqlite3_column_text(st, 3);
	int kind = sqlite3_column_int(st, 0);

	*e = (struct entry){.info.kind = (enum hr_secret_kind)kind};
	if ((kind != HR_SECRET_AGENT && kind != HR_SECRET_READ && kind != HR_SECRET_ENROL) ||
		sqlite3_column_bytes(st, 1) != HR_HOST_ID_LEN ||
		sqlite3_column_bytes(st, 2) != HR_SHA256_LEN || !name)
		return false;
	memcpy(e->info.id, sqlite3_column_blob(st, 1), HR_HOST_ID_LEN);
	memcpy(e->hash, sqlite3_column_blob(st, 2), HR_SHA256_LEN);
	(void)snprintf(e->info.name, sizeof(e->info.name), "%s", (const char *)name);
	e->info.made_ms = (uint64_t)sqlite3_column_int64(st, 4);
	e->info.expires_ms = (uint64_t)sqlite3_column_int64(st, 5);
	e->info.uses = (uint32_t)sqlite3_column_int64(st, 6);
	e->has_host = sqlite3_column_bytes(st, 7) == HR_HOST_ID_LEN;
	if (e->has_host)
		memcpy(e->host, sqlite3_column_blob(st, 7), HR_HOST_ID_LEN);
	return true;
}

static bool load(struct hr_auth *a, uint64_t now_ms)
{
	sqlite3_stmt *st = NULL;
	struct entry e;
	int rc = sqlite3_prepare_v2(a->db,
		"SELECT kind,id,hash,name,made_ms,expires_ms,uses,host FROM credential"
		" ORDER BY kind,id",
		-1, &st, NULL);

	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW && (!load_one(st, &e) || (!over(&e, now_ms) && !put(a, &e))))
			rc = SQLITE_CORRUPT;
	}
	sqlite3_finalize(st);
	return rc == SQLITE_DONE;
}

struct hr_auth *hr_auth_open(const char *path, uint64_t now_ms, char error[HR_AUTH_ERROR_LEN])
{
	struct hr_auth *a = calloc(1, sizeof(*a));
	mode_t mask;
	int rc;

	if (!a) {
		(void)snprintf(error, HR_AUTH_ERROR_LEN, "out of memory");
		return NULL;
	}
	pthread_mutex_init(&a->lock, NULL);
	mask = umask(0077);
	rc = sqlite3_open_v2(path, &a->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(a->db,
			"PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL;"
			" PRAGMA secure_delete=ON; PRAGMA trusted_schema=OFF;"
			" PRAGMA cell_size_check=ON",
			NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(a->db, schema, NULL, NULL, NULL);
	(void)umask(mask);
	if (rc == SQLITE_OK && load(a, now_ms))
		return a;
	(void)snprintf(error, HR_AUTH_ERROR_LEN,
		"%.200s: %.150s; it holds the agents' secrets and is not begun anew by itself: "
		"mend it, or move it away and enrol every agent again",
		path, rc == SQLITE_OK ? "an entry is damaged" : sqlite3_errmsg(a->db));
	hr_auth_close(a);
	return NULL;
}

void hr_auth_close(struct hr_auth *a)
{
	if (!a)
		return;
	while (a->n > 0)
		drop(a, a->n - 1);
	free(a->entry);
	sqlite3_close(a->db);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

/* --- what is asked --- */

enum hr_auth_result hr_auth_check(
	struct hr_auth *a, const struct hr_secret *s, uint64_t now_ms, uint64_t now_ns)
{
	static const uint8_t nobody[HR_SHA256_LEN];
	enum hr_auth_result r = HR_AUTH_OK;
	uint8_t hash[HR_SHA256_LEN];
	struct entry *e;
	bool same;

	if (!hr_secret_hash(s->secret, hash))
		return HR_AUTH_UNKNOWN;
	pthread_mutex_lock(&a->lock);
	e = find(a, s->kind, s->id);
	/* the same work for an id that nobody has */
	same = hr_secret_same(e ? e->hash : nobody, hash);
	if (!e || !same)
		r = HR_AUTH_UNKNOWN;
	else if (over(e, now_ms))
		r = HR_AUTH_EXPIRED;
	else if (!hr_bucket_take(&e->bucket, now_ns, REQUESTS_PER_S, REQUESTS_BURST, 1))
		r = HR_AUTH_RATE;
	pthread_mutex_unlock(&a->lock);
	return r;
}

bool hr_auth_has_agent(struct hr_auth *a, const uint8_t host[HR_HOST_ID_LEN])
{
	bool has;

	pthread_mutex_lock(&a->lock);
	has = find(a, HR_SECRET_AGENT, host) != NULL;
	pthread_mutex_unlock(&a->lock);
	return has;
}

/* Tokens whose time is over make room. */
static void sweep(struct hr_auth *a, uint64_t now_ms)
{
	for (uint32_t i = a->n; i > 0; i--) {
		if (over(a->entry[i - 1], now_ms) && sql_drop(a, a->entry[i - 1]))
			drop(a, i - 1);
	}
}

enum hr_auth_result hr_auth_add(
	struct hr_auth *a, const struct hr_auth_new *want, uint64_t now_ms, struct hr_secret *ret)
{
	struct entry e = {.info = {.kind = want->kind,
				  .made_ms = now_ms,
				  .expires_ms = want->expires_ms,
				  .uses = want->uses},
		.has_host = want->has_host};
	struct hr_secret s = {.kind = want->kind};
	enum hr_auth_result r = HR_AUTH_STORE;

	memcpy(e.info.name, want->name, sizeof(e.info.name));
	memcpy(e.host, want->host, sizeof(e.host));
	if (hr_random(s.id, sizeof(s.id)) < 0 || hr_random(s.secret, sizeof(s.secret)) < 0 ||
		!hr_secret_hash(s.secret, e.hash))
		return r;
	memcpy(e.info.id, s.id, sizeof(e.info.id));
	pthread_mutex_lock(&a->lock);
	sweep(a, now_ms);
	if (a->n >= HR_AUTH_MAX)
		r = HR_AUTH_FULL;
	else if (begin(a) && finish(a, sql_put(a, &e)) && put(a, &e))
		r = HR_AUTH_OK;
	pthread_mutex_unlock(&a->lock);
	if (r == HR_AUTH_OK)
		*ret = s;
	explicit_bzero(&s, sizeof(s));
	return r;
}

/* With the lock held. */
static enum hr_auth_result enrol(
	struct hr_auth *a, const struct hr_auth_enrol *e, uint64_t now_ms, char holder[HR_NAME_LEN])
{
	struct entry *have = find(a, HR_SECRET_AGENT, e->host), mine, used;
	struct entry *token = find(a, HR_SECRET_ENROL, e->token->id);
	bool made_for_it;

	if (have && hr_secret_same(have->hash, e->hash))
		return HR_AUTH_OK; /* the same request again */
	if (!token || over(token, now_ms))
		return HR_AUTH_EXPIRED;
	made_for_it = token->has_host && memcmp(token->host, e->host, HR_HOST_ID_LEN) == 0;
	if (token->has_host && !made_for_it)
		return HR_AUTH_UNKNOWN;
	if ((have || e->known) && !made_for_it) {
		(void)snprintf(holder, HR_NAME_LEN, "%s", have ? have->info.name : e->name);
		return HR_AUTH_TAKEN;
	}
	if (!have && a->n >= HR_AUTH_MAX)
		return HR_AUTH_FULL;
	mine = (struct entry){.info = {.kind = HR_SECRET_AGENT, .made_ms = now_ms}};
	memcpy(mine.info.id, e->host, sizeof(mine.info.id));
	memcpy(mine.info.name, e->name, sizeof(mine.info.name));
	memcpy(mine.hash, e->hash, sizeof(mine.hash));
	used = *token;
	used.info.uses--;
	if (!begin(a) || !finish(a, sql_put(a, &mine) && sql_put(a, &used)))
		return HR_AUTH_STORE;
	token->info.uses--;
	return put(a, &mine) ? HR_AUTH_OK : HR_AUTH_STORE;
}

enum hr_auth_result hr_auth_enrol(
	struct hr_auth *a, const struct hr_auth_enrol *e, uint64_t now_ms, char holder[HR_NAME_LEN])
{
	enum hr_auth_result r;

	holder[0] = '\0';
	pthread_mutex_lock(&a->lock);
	r = enrol(a, e, now_ms, holder);
	pthread_mutex_unlock(&a->lock);
	return r;
}

static bool is_meant(const struct entry *e, enum hr_secret_kind kind, const char *what)
{
	char id[HR_HEX_LEN(HR_HOST_ID_LEN)];

	hr_hex_print(e->info.id, sizeof(e->info.id), id);
	return (kind == HR_SECRET_NONE || kind == e->info.kind) &&
	       (strcmp(id, what) == 0 || strcmp(e->info.name, what) == 0);
}

enum hr_auth_result hr_auth_revoke(
	struct hr_auth *a, enum hr_secret_kind kind, const char *what, unsigned *ret_n)
{
	bool fine;
	unsigned n = 0;

	pthread_mutex_lock(&a->lock);
	fine = begin(a);
	for (uint32_t i = 0; i < a->n && fine; i++)
		fine = !is_meant(a->entry[i], kind, what) || sql_drop(a, a->entry[i]);
	fine = finish(a, fine);
	for (uint32_t i = a->n; i > 0 && fine; i--) {
		if (!is_meant(a->entry[i - 1], kind, what))
			continue;
		drop(a, i - 1);
		n++;
	}
	pthread_mutex_unlock(&a->lock);
	*ret_n = n;
	return fine ? HR_AUTH_OK : HR_AUTH_STORE;
}

struct hr_auth_info *hr_auth_list(struct hr_auth *a, uint32_t *ret_n)
{
	struct hr_auth_info *list;

	pthread_mutex_lock(&a->lock);
	list = calloc(a->n + 1, sizeof(*list));
	for (uint32_t i = 0; list && i < a->n; i++)
		list[i] = a->entry[i]->info;
	*ret_n = a->n;
	pthread_mutex_unlock(&a->lock);
	return list;
}
