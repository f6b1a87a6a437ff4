/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where credentials are kept: auth_file.c (auth.db, of this collector alone) or store_pg_side.c (a
 * database that other collectors change, too).  auth.c calls with its mutex of changes held.
 */
#pragma once

#include "collector/auth.h"
#include "collector/core/rate.h"
#include "proto/base/secure.h"

struct hr_auth_entry {
	struct hr_auth_info info;
	uint8_t hash[HR_SHA256_LEN];
	bool has_host;
	uint8_t host[HR_HOST_ID_LEN];
	/* auth.c's own, not kept */
	struct hr_bucket bucket;
	bool stale; /* not seen in the reading of all that is under way */
};

/* @e as it is now; @gone: no more.  @e NULL: what follows is all there is.  False: no memory. */
typedef bool (*hr_auth_take_fn)(void *arg, const struct hr_auth_entry *e, bool gone);

struct hr_auth_keep {
	const struct hr_auth_keep_ops *ops;
	char error[256]; /* of the last call that returned false */
};

struct hr_auth_keep_ops {
	bool shared; /* others change it, too */
	/* What changed since the last look; the first one, and one after a lost connection: all. */
	bool (*look)(struct hr_auth_keep *k, hr_auth_take_fn fn, void *arg);
	/* A change begins: nobody else's until it ends, and @fn has what others changed before. */
	bool (*begin)(struct hr_auth_keep *k, hr_auth_take_fn fn, void *arg);
	bool (*put)(struct hr_auth_keep *k, const struct hr_auth_entry *e);
	bool (*drop)(struct hr_auth_keep *k, const struct hr_auth_entry *e);
	/* Commits, durably, when @fine and all went well; else takes it back and is false. */
	bool (*finish)(struct hr_auth_keep *k, bool fine);
	void (*close)(struct hr_auth_keep *k);
};

/* auth.db; NULL: @error has why. */
struct hr_auth_keep *hr_auth_file_open(const char *path, char error[HR_AUTH_ERROR_LEN]);
