// SPDX-License-Identifier: Apache-2.0
/*
 * Several collectors on one database.  What keeps them right is the row of a host: a transaction
 * that stores windows of it locks that row first, and the row carries the number of the host's
 * latest event, by which a collector sees that its copy is old.  Numbers come from a sequence
 * after the lock, so those of one host ascend in the order in which they become visible.
 *
 * The gate (an advisory lock) lets any number of storing transactions in, or one that changes what
 * is rolled up and expired: no window can slip behind a bin while it is closed.
 */
#include "collector/store_pg.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_BITS 20 /* numbers given to one transaction: more than its rows can be */

static int compare(const void *a, const void *b)
{
	return memcmp(((const struct hr_store_claim *)a)->id,
		((const struct hr_store_claim *)b)->id, HR_HOST_ID_LEN);
}

struct claiming {
	struct hr_store_claim *claim;
	uint32_t n;
	uint64_t block, max_no;
};

static int each_claimed(struct hr_pg *q, const PGresult *r, int row, void *arg)
{
	struct claiming *c = arg;
	struct hr_store_claim key = {0}, *found;
	size_t len;
	const void *id = hr_pg_blob(r, row, 1, &len);

	(void)q;
	if (!id || len != sizeof(key.id))
		return 0;
	memcpy(key.id, id, sizeof(key.id));
	found = bsearch(&key, c->claim, c->n, sizeof(key), compare);
	if (found) {
		found->no = (uint32_t)hr_pg_get(r, row, 0);
		found->last_n = hr_pg_get(r, row, 2);
	}
	return 0;
}

static int each_block(struct hr_pg *q, const PGresult *r, int row, void *arg)
{
	struct claiming *c = arg;

	(void)q;
	c->block = hr_pg_get(r, row, 0);
	c->max_no = hr_pg_get(r, row, 1);
	return 0;
}

static int lock_hosts(struct hr_pg *q, struct claiming *c)
{
	struct hr_pg_batch ids = {0};
	struct hr_pg_args a = {0};
	int r = 0;

	for (uint32_t i = 0; i < c->n; i++) {
		c->claim[i].no = 0;
		c->claim[i].last_n = 0;
		if (!hr_pg_col_bytes(&ids.col[0], c->claim[i].id, HR_HOST_ID_LEN))
			r = HR_STORE_FULL;
	}
	hr_pg_array(&a, &ids.col[0], c->n, true);
	r = r ? r : hr_pg_fetch(q, HR_PG_CLAIM, &a, each_claimed, c);
	free(ids.col[0].p);
	return r;
}

static int claim(
	struct hr_store *s, struct hr_store_claim *claim, uint32_t n, bool has_new, uint64_t *ret_n)
{
	struct hr_pg *q = hr_pg_of(s);
	struct claiming c = {.claim = claim, .n = n};
	int r = hr_pg_exec(q, HR_PG_GATE_SHARED, NULL, NULL);

	/* numbers of new hosts are given by one transaction at a time; taken before any row is
	 * locked, else two would wait for each other */
	if (r == 0 && has_new)
		r = hr_pg_exec(q, HR_PG_NEW_HOSTS, NULL, NULL);
	r = r ? r : lock_hosts(q, &c);
	r = r ? r : hr_pg_fetch(q, HR_PG_NEXT_BLOCK, NULL, each_block, &c);
	if (r)
		return r;
	*ret_n = c.block << BLOCK_BITS;
	for (uint32_t i = 0; i < n; i++) {
		claim[i].is_new = claim[i].no == 0;
		if (claim[i].is_new && has_new && c.max_no < HR_STORE_HOST_MAX)
			claim[i].no = (uint32_t)++c.max_no;
	}
	return 0;
}

static int alone(struct hr_store *s)
{
	return hr_pg_exec(hr_pg_of(s), HR_PG_GATE_ALONE, NULL, NULL);
}

static int gone(struct hr_store *s, hr_store_host_fn fn, void *arg)
{
	struct hr_pg_walker w = {.fn.host = fn, .arg = arg};

	return hr_pg_walk(hr_pg_of(s), HR_PG_GONE, NULL, hr_pg_each_host, &w);
}

static int snapshot(struct hr_store *s)
{
	struct hr_pg *q = hr_pg_of(s);
	int r = hr_pg_connect(q);

	r = r ? r : hr_pg_simple(q, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "begin");
	q->open = r == 0;
	q->read_w10 = true;
	r = r ? r : hr_pg_fetch(q, HR_PG_HORIZON, NULL, hr_pg_each_u64, &q->next_horizon);
	if (r == 0 && q->horizon == 0)
		q->horizon = q->next_horizon;
	return r;
}

struct changes {
	struct hr_store_want *host;
	uint32_t n, cap;
};

static int each_change(struct hr_pg *q, const PGresult *r, int row, void *arg)
{
	struct changes *c = arg;

	(void)q;
	if (c->n == c->cap) {
		uint32_t cap = c->cap ? 2 * c->cap : 64;
		struct hr_store_want *p = realloc(c->host, cap * sizeof(*p));

		if (!p)
			return HR_STORE_FULL;
		c->host = p;
		c->cap = cap;
	}
	c->host[c->n++] = (struct hr_store_want){
		.host_no = (uint32_t)hr_pg_get(r, row, 0), .upto = hr_pg_get(r, row, 1)};
	return 0;
}

static int changed(struct hr_store *s, struct hr_store_want **ret_hosts, uint32_t *ret_n)
{
	struct hr_pg *q = hr_pg_of(s);
	struct changes c = {0};
	struct hr_pg_args a = {0};
	int r;

	hr_pg_u64(&a, q->horizon);
	hr_pg_u64(&a, q->writer);
	r = hr_pg_fetch(q, HR_PG_CHANGED, &a, each_change, &c);
	if (r) {
		free(c.host);
		return r;
	}
	*ret_hosts = c.host;
	*ret_n = c.n;
	return 0;
}

static void seen(struct hr_store *s)
{
	struct hr_pg *q = hr_pg_of(s);

	q->horizon = q->next_horizon;
}

static int read_some(struct hr_store *s, const struct hr_store_want *want, uint32_t n,
	const struct hr_store_walk *walk, void *arg)
{
	struct hr_pg *q = hr_pg_of(s);
	struct hr_pg_walker w = {.fn.host = walk->host, .arg = arg};
	struct hr_pg_col no = {0}, upto = {0};
	struct hr_pg_args hosts = {0}, both = {0};
	bool ok = true;
	int r;

	for (uint32_t i = 0; i < n; i++)
		ok &= hr_pg_col_u64(&no, want[i].host_no) && hr_pg_col_u64(&upto, want[i].upto);
	hr_pg_array(&hosts, &no, n, false);
	hr_pg_array(&both, &no, n, false);
	hr_pg_array(&both, &upto, n, false);
	r = ok ? hr_pg_walk(q, HR_PG_SOME_HOSTS, &hosts, hr_pg_each_host, &w) : HR_STORE_FULL;
	w.fn.boot = walk->boot;
	r = r ? r : hr_pg_walk(q, HR_PG_SOME_BOOTS, &hosts, hr_pg_each_boot, &w);
	w.fn.state = walk->state;
	r = r ? r : hr_pg_walk(q, HR_PG_SOME_STATES, &both, hr_pg_each_state, &w);
	w.fn.event = walk->event;
	q->read_w10 = true;
	r = r ? r : hr_pg_walk(q, HR_PG_SOME_EVENTS, &both, hr_pg_each_event, &w);
	free(no.p);
	free(upto.p);
	return r;
}

static int keeper(struct hr_store *s, bool *ret)
{
	struct hr_pg *q = hr_pg_of(s);
	uint64_t is = 0;
	int r = q->keeper ? 0 : hr_pg_connect(q);

	*ret = q->keeper;
	if (q->keeper || r)
		return r; /* the lock goes with the session, and hr_pg_connect() notes its end */
	r = hr_pg_fetch(q, HR_PG_KEEPER, NULL, hr_pg_each_u64, &is);
	*ret = q->keeper = r == 0 && is == 1;
	return r;
}

const struct hr_store_shared_ops hr_pg_shared = {
	.claim = claim,
	.alone = alone,
	.gone = gone,
	.snapshot = snapshot,
	.changed = changed,
	.seen = seen,
	.read = read_some,
	.keeper = keeper,
};
