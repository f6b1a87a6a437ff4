/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what: agents' secrets and tokens, as SHA-256 only, in memory for the checks and
 * in auth.db (mode 0600, beside headroom.db) so that a restart knows them.  A file of its own:
 * a damaged history must not lock every agent out.  Threads may call at the same time.  A
 * check touches no disk, whether it succeeds or fails.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "proto/secret.h"

struct hr_auth;

#define HR_AUTH_ERROR_LEN 512
#define HR_AUTH_MAX       200000 /* credentials of all kinds */
#define HR_AUTH_USES_MAX  100000

/* Opens or makes @path.  NULL: @error has what, why and what to do. */
struct hr_auth *hr_auth_open(const char *path, uint64_t now_ms, char error[HR_AUTH_ERROR_LEN]);
/* The same with what other collectors change, too (auth_keep.h), closed with it. */
struct hr_auth_keep;
struct hr_auth *hr_auth_open_shared(
	struct hr_auth_keep *keep, uint64_t now_ms, char error[HR_AUTH_ERROR_LEN]);
/* Once a second: takes in what others changed.  Without a database it does nothing. */
void hr_auth_follow(struct hr_auth *a, uint64_t now_ms);
void hr_auth_close(struct hr_auth *a); /* NULL is fine */

enum hr_auth_result {
	HR_AUTH_OK = 0,
	HR_AUTH_UNKNOWN, /* no such credential, or another secret */
	HR_AUTH_EXPIRED, /* a token whose time or uses are over */
	HR_AUTH_RATE,    /* good, and asking too often */
	HR_AUTH_TAKEN,   /* another machine has this host id */
	HR_AUTH_FULL,    /* HR_AUTH_MAX */
	HR_AUTH_STORE,   /* auth.db could not be written; see the log */
};

/* Is @s known, in time, and within its rate of requests? */
enum hr_auth_result hr_auth_check(
	struct hr_auth *a, const struct hr_secret *s, uint64_t now_ms, uint64_t now_ns);
/* Has this host a secret of its own? */
bool hr_auth_has_agent(struct hr_auth *a, const uint8_t host[HR_HOST_ID_LEN]);

struct hr_auth_new {
	enum hr_secret_kind kind; /* READ or ENROL */
	char name[HR_NAME_LEN];   /* whom it is for, for lists */
	uint64_t expires_ms;      /* 0: never (READ) */
	uint32_t uses;            /* ENROL */
	bool has_host; /* ENROL: only for this machine, also when it is enrolled already */
	uint8_t host[HR_HOST_ID_LEN];
};
/* Makes a token; the secret is in *ret and nowhere else. */
enum hr_auth_result hr_auth_add(
	struct hr_auth *a, const struct hr_auth_new *want, uint64_t now_ms, struct hr_secret *ret);

/*
 * The machine @host takes the secret with @hash, by one use of the enrol token @token (checked
 * before).  The same request again costs no use: its answer may have been lost.  @known: the
 * host has history here without a secret, so that only a token made for it will do.  TAKEN
 * leaves the name of the one that has it in @holder.
 */
struct hr_auth_enrol {
	const struct hr_secret *token;
	uint8_t host[HR_HOST_ID_LEN];
	uint8_t hash[32];
	char name[HR_NAME_LEN];
	bool known;
};
enum hr_auth_result hr_auth_enrol(struct hr_auth *a, const struct hr_auth_enrol *e, uint64_t now_ms,
	char holder[HR_NAME_LEN]);

/* Ends credentials of @kind (NONE: any) whose id or name is @what; *ret_n: how many. */
enum hr_auth_result hr_auth_revoke(
	struct hr_auth *a, enum hr_secret_kind kind, const char *what, unsigned *ret_n);

struct hr_auth_info {
	enum hr_secret_kind kind;
	uint8_t id[HR_HOST_ID_LEN];
	char name[HR_NAME_LEN];
	uint64_t made_ms, expires_ms;
	uint32_t uses; /* left */
};
/* A copy of what is known but the hashes, the caller's to free(); *ret_n entries.  NULL: no memory.
 */
struct hr_auth_info *hr_auth_list(struct hr_auth *a, uint32_t *ret_n);
