// SPDX-License-Identifier: Apache-2.0
/* Credentials in auth.db; see auth_keep.h. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "collector/auth_keep.h"

struct file {
	struct hr_auth_keep base;
	sqlite3 *db;
};

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS credential (kind INTEGER NOT NULL, id BLOB NOT NULL,"
	" hash BLOB NOT NULL, name TEXT NOT NULL, made_ms INTEGER NOT NULL,"
	" expires_ms INTEGER NOT NULL, uses INTEGER NOT NULL, host BLOB,"
	" PRIMARY KEY (kind, id)) STRICT, WITHOUT ROWID";

static struct file *of(struct hr_auth_keep *k)
{
	return (struct file *)k; /* base is the first member */
}

static bool file_put(struct hr_auth_keep *k, const struct hr_auth_entry *e)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(of(k)->db,
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

static bool file_drop(struct hr_auth_keep *k, const struct hr_auth_entry *e)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(
		of(k)->db, "DELETE FROM credential WHERE kind=?1 AND id=?2", -1, &st, NULL);

	if (rc == SQLITE_OK) {
		(void)sqlite3_bind_int(st, 1, (int)e->info.kind);
		(void)sqlite3_bind_blob(st, 2, e->info.id, HR_HOST_ID_LEN, SQLITE_STATIC);
		rc = sqlite3_step(st);
	}
	sqlite3_finalize(st);
	return rc == SQLITE_DONE;
}

/* Nobody else writes to the file: nothing is to be brought up. */
static bool file_begin(struct hr_auth_keep *k, hr_auth_take_fn fn, void *arg)
{
	(void)fn;
	(void)arg;
	return sqlite3_exec(of(k)->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;
}

static bool file_finish(struct hr_auth_keep *k, bool fine)
{
	sqlite3 *db = of(k)->db;

	if (fine && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
		return true;
	(void)snprintf(k->error, sizeof(k->error), "auth.db: %.200s", sqlite3_errmsg(db));
	if (!sqlite3_get_autocommit(db))
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return false;
}

static bool load_one(sqlite3_stmt *st, struct hr_auth_entry *e)
{
	const unsigned char *name = sqlite3_column_text(st, 3);
	int kind = sqlite3_column_int(st, 0);

	*e = (struct hr_auth_entry){.info.kind = (enum hr_secret_kind)kind};
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

/* Called once, at the start. */
static bool file_look(struct hr_auth_keep *k, hr_auth_take_fn fn, void *arg)
{
	sqlite3_stmt *st = NULL;
	struct hr_auth_entry e;
	bool sound = fn(arg, NULL, false);
	int rc = sqlite3_prepare_v2(of(k)->db,
		"SELECT kind,id,hash,name,made_ms,expires_ms,uses,host FROM credential"
		" ORDER BY kind,id",
		-1, &st, NULL);

	while (sound && (rc == SQLITE_OK || rc == SQLITE_ROW)) {
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW)
			sound = load_one(st, &e) && fn(arg, &e, false);
	}
	if (!sound || rc != SQLITE_DONE)
		(void)snprintf(k->error, sizeof(k->error), "%.150s",
			sound ? sqlite3_errmsg(of(k)->db) : "an entry is damaged");
	sqlite3_finalize(st);
	return sound && rc == SQLITE_DONE;
}

static void file_close(struct hr_auth_keep *k)
{
	sqlite3_close(of(k)->db);
	free(k);
}

static const struct hr_auth_keep_ops file_ops = {
	.look = file_look,
	.begin = file_begin,
	.put = file_put,
	.drop = file_drop,
	.finish = file_finish,
	.close = file_close,
};

struct hr_auth_keep *hr_auth_file_open(const char *path, char error[HR_AUTH_ERROR_LEN])
{
	struct file *f = calloc(1, sizeof(*f));
	mode_t mask;
	int rc;

	if (!f) {
		(void)snprintf(error, HR_AUTH_ERROR_LEN, "out of memory");
		return NULL;
	}
	f->base.ops = &file_ops;
	mask = umask(0077);
	rc = sqlite3_open_v2(path, &f->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(f->db,
			"PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL;"
			" PRAGMA secure_delete=ON; PRAGMA trusted_schema=OFF;"
			" PRAGMA cell_size_check=ON",
			NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(f->db, schema, NULL, NULL, NULL);
	(void)umask(mask);
	if (rc == SQLITE_OK)
		return &f->base;
	(void)snprintf(error, HR_AUTH_ERROR_LEN, "%.150s", sqlite3_errmsg(f->db));
	file_close(&f->base);
	return NULL;
}
