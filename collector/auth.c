// SPDX-License-Identifier: Apache-2.0
/*
 * One table in memory, sorted by (kind, id), under one mutex; each change is a transaction where
 * it is kept (auth_keep.h) first and then a change of the table.  Changes come one at a time, from
 * people and from agents that hold a good token; a check never waits for their disk or database.
 */
#include "collector/auth.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/auth_keep.h"
#include "collector/core/rate.h"
#include "proto/base/log.h"
#include "proto/base/secure.h"

#define REQUESTS_PER_S 20.0  /* an agent posts every 10 s; a page of ours asks 2/s */
#define REQUESTS_BURST 200.0 /* a dashboard with many panels, or an agent after an outage */

struct hr_auth {
	pthread_mutex_t change; /* one change, or look at others', at a time; taken before lock */
	pthread_mutex_t lock;   /* of the table; whoever holds change reads without it */
	struct hr_auth_keep *keep;
	struct hr_auth_entry **entry;
	uint32_t n, cap;
	uint64_t now_ms; /* of the change or look under way */
	bool reading_all, away;
};

/* --- the table --- */

static int order(const struct hr_auth_entry *e, enum hr_secret_kind kind, const uint8_t *id)
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

static struct hr_auth_entry *find(
	const struct hr_auth *a, enum hr_secret_kind kind, const uint8_t *id)
{
	bool there;
	uint32_t i = place(a, kind, id, &there);

	return there ? a->entry[i] : NULL;
}

/* Takes a copy of @e, in the place of one with its kind and id. */
static bool put(struct hr_auth *a, const struct hr_auth_entry *e)
{
	bool there;
	uint32_t i = place(a, e->info.kind, e->info.id, &there);
	struct hr_auth_entry *copy;

	if (there) {
		struct hr_bucket bucket = a->entry[i]->bucket;

		*a->entry[i] = *e;
		a->entry[i]->bucket = bucket;
		return true;
	}
	if (a->n == a->cap) {
		uint32_t cap = a->cap ? 2 * a->cap : 64;
		struct hr_auth_entry **p = realloc(a->entry, cap * sizeof(struct hr_auth_entry *));

		if (!p)
			return false;
		a->entry = p;
		a->cap = cap;
	}
	copy = malloc(sizeof(*copy));
	if (!copy)
		return false;
	*copy = *e;
	memmove(&a->entry[i + 1], &a->entry[i], (a->n - i) * sizeof(struct hr_auth_entry *));
	a->entry[i] = copy;
	a->n++;
	return true;
}

static void drop(struct hr_auth *a, uint32_t i)
{
	explicit_bzero(a->entry[i]->hash, HR_SHA256_LEN);
	free(a->entry[i]);
	memmove(&a->entry[i], &a->entry[i + 1], (a->n - i - 1) * sizeof(struct hr_auth_entry *));
	a->n--;
}

static bool over(const struct hr_auth_entry *e, uint64_t now_ms)
{
	return (e->info.expires_ms != 0 && e->info.expires_ms <= now_ms) ||
	       (e->info.kind == HR_SECRET_ENROL && e->info.uses == 0);
}

/* --- what others changed, and changes of ours --- */

/* One that is kept, as it is now; also the reading of all at the start. */
static bool take(void *arg, const struct hr_auth_entry *e, bool gone)
{
	struct hr_auth *a = arg;
	bool there = false, fine = true;
	uint32_t i;

	pthread_mutex_lock(&a->lock);
	if (!e) {
		for (i = 0; i < a->n; i++)
			a->entry[i]->stale = true;
		a->reading_all = true;
	} else {
		i = place(a, e->info.kind, e->info.id, &there);
		if (there && gone)
			drop(a, i);
		else if (!gone && (there || !over(e, a->now_ms)))
			fine = put(a, e);
	}
	pthread_mutex_unlock(&a->lock);
	return fine;
}

/* After a reading: what it did not have is no more.  Until then nothing good is refused. */
static bool taken(struct hr_auth *a, bool fine)
{
	pthread_mutex_lock(&a->lock);
	for (uint32_t i = a->n; i > 0 && fine && a->reading_all; i--) {
		if (a->entry[i - 1]->stale)
			drop(a, i - 1);
	}
	a->reading_all = false;
	pthread_mutex_unlock(&a->lock);
	return fine;
}

static bool finish(struct hr_auth *a, bool fine)
{
	if (a->keep->ops->finish(a->keep, fine))
		return true;
	hr_log(HR_LOG_ERR, "auth_store", "%s; nothing was changed", a->keep->error);
	return false;
}

/* With the mutex of changes held; on success up to finish(). */
static bool begin(struct hr_auth *a)
{
	return taken(a, a->keep->ops->begin(a->keep, take, a)) || finish(a, false);
}

static struct hr_auth *open_with(
	struct hr_auth_keep *keep, uint64_t now_ms, char error[HR_AUTH_ERROR_LEN])
{
	struct hr_auth *a = calloc(1, sizeof(*a));

	if (!a) {
		keep->ops->close(keep);
		(void)snprintf(error, HR_AUTH_ERROR_LEN, "out of memory");
		return NULL;
	}
	pthread_mutex_init(&a->lock, NULL);
	pthread_mutex_init(&a->change, NULL);
	a->keep = keep;
	a->now_ms = now_ms;
	if (taken(a, keep->ops->look(keep, take, a)))
		return a;
	(void)snprintf(error, HR_AUTH_ERROR_LEN, "%s", keep->error);
	hr_auth_close(a);
	return NULL;
}

struct hr_auth *hr_auth_open(const char *path, uint64_t now_ms, char error[HR_AUTH_ERROR_LEN])
{
	char why[HR_AUTH_ERROR_LEN];
	struct hr_auth_keep *keep = hr_auth_file_open(path, why);
	struct hr_auth *a = keep ? open_with(keep, now_ms, why) : NULL;

	if (!a)
		(void)snprintf(error, HR_AUTH_ERROR_LEN,
			"%.200s: %.150s; it holds the agents' secrets and is not begun anew by "
			"itself: mend it, or move it away and enrol every agent again",
			path, why);
	return a;
}

struct hr_auth *hr_auth_open_shared(
	struct hr_auth_keep *keep, uint64_t now_ms, char error[HR_AUTH_ERROR_LEN])
{
	return open_with(keep, now_ms, error);
}

void hr_auth_follow(struct hr_auth *a, uint64_t now_ms)
{
	bool fine;

	if (!a->keep->ops->shared)
		return;
	pthread_mutex_lock(&a->change);
	a->now_ms = now_ms;
	fine = taken(a, a->keep->ops->look(a->keep, take, a));
	if (fine != !a->away)
		hr_log(fine ? HR_LOG_NOTICE : HR_LOG_ERR, fine ? "auth_back" : "auth_away", "%s",
			fine ? "credentials are those of the database again" : a->keep->error);
	a->away = !fine;
	pthread_mutex_unlock(&a->change);
}

void hr_auth_close(struct hr_auth *a)
{
	if (!a)
		return;
	while (a->n > 0)
		drop(a, a->n - 1);
	free(a->entry);
	a->keep->ops->close(a->keep);
	pthread_mutex_destroy(&a->lock);
	pthread_mutex_destroy(&a->change);
	free(a);
}

/* --- what is asked --- */

enum hr_auth_result hr_auth_check(
	struct hr_auth *a, const struct hr_secret *s, uint64_t now_ms, uint64_t now_ns)
{
	static const uint8_t nobody[HR_SHA256_LEN];
	enum hr_auth_result r = HR_AUTH_OK;
	uint8_t hash[HR_SHA256_LEN];
	struct hr_auth_entry *e;
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

/* Tokens whose time is over make room: first where they are kept, then here. */
static bool sweep_kept(struct hr_auth *a, uint32_t *ret_n)
{
	bool fine = true;

	*ret_n = 0;
	for (uint32_t i = 0; i < a->n && fine; i++) {
		if (!over(a->entry[i], a->now_ms))
			continue;
		fine = a->keep->ops->drop(a->keep, a->entry[i]);
		++*ret_n;
	}
	return fine;
}

static void sweep(struct hr_auth *a)
{
	for (uint32_t i = a->n; i > 0; i--) {
		if (over(a->entry[i - 1], a->now_ms))
			drop(a, i - 1);
	}
}

/* With the mutex of changes held. */
static enum hr_auth_result add(struct hr_auth *a, const struct hr_auth_entry *e)
{
	enum hr_auth_result r = HR_AUTH_OK;
	uint32_t n_over;
	bool fine;

	if (!begin(a))
		return HR_AUTH_STORE;
	fine = sweep_kept(a, &n_over);
	if (a->n - n_over >= HR_AUTH_MAX)
		r = HR_AUTH_FULL;
	else
		fine = fine && a->keep->ops->put(a->keep, e);
	if (!finish(a, fine))
		return HR_AUTH_STORE;
	pthread_mutex_lock(&a->lock);
	sweep(a);
	if (r == HR_AUTH_OK && !put(a, e))
		r = HR_AUTH_STORE;
	pthread_mutex_unlock(&a->lock);
	return r;
}

enum hr_auth_result hr_auth_add(
	struct hr_auth *a, const struct hr_auth_new *want, uint64_t now_ms, struct hr_secret *ret)
{
	struct hr_auth_entry e = {.info = {.kind = want->kind,
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
	pthread_mutex_lock(&a->change);
	a->now_ms = now_ms;
	r = add(a, &e);
	pthread_mutex_unlock(&a->change);
	if (r == HR_AUTH_OK)
		*ret = s;
	explicit_bzero(&s, sizeof(s));
	return r;
}

/* What becomes of @e: OK with *ret_token NULL is the same request again. */
static enum hr_auth_result judge(const struct hr_auth *a, const struct hr_auth_enrol *e,
	struct hr_auth_entry **ret_token, char holder[HR_NAME_LEN])
{
	const struct hr_auth_entry *have = find(a, HR_SECRET_AGENT, e->host);
	struct hr_auth_entry *token = find(a, HR_SECRET_ENROL, e->token->id);
	bool made_for_it;

	*ret_token = NULL;
	if (have && hr_secret_same(have->hash, e->hash))
		return HR_AUTH_OK;
	if (!token || over(token, a->now_ms))
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
	*ret_token = token;
	return HR_AUTH_OK;
}

/* With the mutex of changes held.  Judged inside the change: another collector may have spent it.
 */
static enum hr_auth_result enrol(
	struct hr_auth *a, const struct hr_auth_enrol *e, char holder[HR_NAME_LEN])
{
	struct hr_auth_entry mine, used, *token;
	enum hr_auth_result r;
	bool fine;

	if (!begin(a))
		return HR_AUTH_STORE;
	r = judge(a, e, &token, holder);
	if (r != HR_AUTH_OK || !token)
		return finish(a, true) ? r : HR_AUTH_STORE;
	mine = (struct hr_auth_entry){.info = {.kind = HR_SECRET_AGENT, .made_ms = a->now_ms}};
	memcpy(mine.info.id, e->host, sizeof(mine.info.id));
	memcpy(mine.info.name, e->name, sizeof(mine.info.name));
	memcpy(mine.hash, e->hash, sizeof(mine.hash));
	used = *token;
	used.info.uses--;
	if (!finish(a, a->keep->ops->put(a->keep, &mine) && a->keep->ops->put(a->keep, &used)))
		return HR_AUTH_STORE;
	pthread_mutex_lock(&a->lock);
	token->info.uses--;
	fine = put(a, &mine);
	pthread_mutex_unlock(&a->lock);
	return fine ? HR_AUTH_OK : HR_AUTH_STORE;
}

enum hr_auth_result hr_auth_enrol(
	struct hr_auth *a, const struct hr_auth_enrol *e, uint64_t now_ms, char holder[HR_NAME_LEN])
{
	enum hr_auth_result r;

	holder[0] = '\0';
	pthread_mutex_lock(&a->change);
	a->now_ms = now_ms;
	r = enrol(a, e, holder);
	pthread_mutex_unlock(&a->change);
	return r;
}

static bool is_meant(const struct hr_auth_entry *e, enum hr_secret_kind kind, const char *what)
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

	pthread_mutex_lock(&a->change);
	fine = begin(a);
	if (fine) {
		for (uint32_t i = 0; i < a->n && fine; i++)
			fine = !is_meant(a->entry[i], kind, what) ||
			       a->keep->ops->drop(a->keep, a->entry[i]);
		fine = finish(a, fine);
	}
	pthread_mutex_lock(&a->lock);
	for (uint32_t i = a->n; i > 0 && fine; i--) {
		if (!is_meant(a->entry[i - 1], kind, what))
			continue;
		drop(a, i - 1);
		n++;
	}
	pthread_mutex_unlock(&a->lock);
	pthread_mutex_unlock(&a->change);
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
