// SPDX-License-Identifier: Apache-2.0
/* The PostgreSQL store at work; see store_pg.h for what lies where. */
#include "collector/store_pg.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/clock.h"

static int begin(struct hr_store *s)
{
	struct hr_pg *q = hr_pg_of(s);
	int r = hr_pg_connect(q);

	r = r ? r : hr_pg_simple(q, "BEGIN", "begin");
	if (r && q->conn && PQstatus(q->conn) != CONNECTION_OK) {
		/* a server that was started anew is found at once */
		r = hr_pg_connect(q);
		r = r ? r : hr_pg_simple(q, "BEGIN", "begin");
	}
	q->open = r == 0;
	q->read_w10 = false;
	return r;
}

static int commit(struct hr_store *s)
{
	struct hr_pg *q = hr_pg_of(s);
	PGresult *res;
	int r = hr_pg_flush_all(q);

	if (r)
		return r;
	res = hr_pg_query(q, "COMMIT");
	if (PQresultStatus(res) != PGRES_COMMAND_OK) {
		r = hr_pg_failed(q, res, "commit");
	} else if (strcmp(PQcmdStatus(res), "COMMIT") != 0) {
		/* a transaction that had failed ends so, without an error */
		(void)snprintf(s->error, sizeof(s->error), "commit: the server rolled back");
		r = HR_STORE_AWAY;
	}
	PQclear(res);
	if (r)
		return r;
	q->open = false;
	memcpy(q->kept, q->read, sizeof(q->kept));
	return 0;
}

static void rollback(struct hr_store *s)
{
	struct hr_pg *q = hr_pg_of(s);
	char kept[sizeof(s->error)];

	memcpy(kept, s->error, sizeof(kept)); /* the caller has yet to say why */
	hr_pg_drop_batches(q);
	memcpy(q->read, q->kept, sizeof(q->read));
	if (q->open && q->conn && PQstatus(q->conn) == CONNECTION_OK) {
		(void)hr_pg_simple(q, "ROLLBACK", "rollback");
		q->n_days = 0; /* a partition made in it is gone with it */
		(void)hr_pg_days(q);
	}
	q->open = false;
	memcpy(s->error, kept, sizeof(kept));
}

static int put_host(struct hr_store *s, const struct hr_store_host *h)
{
	struct hr_pg *q = hr_pg_of(s);

	hr_pg_add_u64(q, HR_PG_PUT_HOST, h->no);
	hr_pg_add_bytes(q, HR_PG_PUT_HOST, h->id, sizeof(h->id));
	hr_pg_add_bytes(q, HR_PG_PUT_HOST, h->name, strlen(h->name));
	return hr_pg_added(q, HR_PG_PUT_HOST);
}

static int put_boot(struct hr_store *s, const struct hr_store_boot *v)
{
	struct hr_pg *q = hr_pg_of(s);
	uint8_t gaps[HR_HOSTSEQ_BLOB_MAX];
	const uint64_t first[] = {
		v->host_no, v->boot, v->ord, v->seq.high, v->seq.bits, v->seq.floor};
	const uint64_t last[] = {(uint64_t)v->offset_ms, v->first_ms, v->heard_ms, v->windows};

	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
		hr_pg_add_u64(q, HR_PG_PUT_BOOT, first[i]);
	hr_pg_add_bytes(q, HR_PG_PUT_BOOT, gaps, hr_hostseq_gaps_encode(&v->seq, gaps));
	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++)
		hr_pg_add_u64(q, HR_PG_PUT_BOOT, last[i]);
	return hr_pg_added(q, HR_PG_PUT_BOOT);
}

static int drop_boot(struct hr_store *s, uint32_t host_no, uint64_t boot)
{
	struct hr_pg *q = hr_pg_of(s);
	struct hr_pg_args a = {0};
	int r = hr_pg_flush(q, HR_PG_PUT_BOOT);

	hr_pg_u64(&a, host_no);
	hr_pg_u64(&a, boot);
	return r ? r : hr_pg_exec(q, HR_PG_DROP_BOOT, &a, NULL);
}

static int put_event(struct hr_pg *q, const struct hr_store_event *e)
{
	hr_pg_add_u64(q, HR_PG_PUT_EVENT, e->row.n);
	hr_pg_add_u64(q, HR_PG_PUT_EVENT, e->row.host_no);
	if (e->facts) {
		for (int i = 0; i < 3; i++)
			hr_pg_add_bytes(q, HR_PG_PUT_EVENT, NULL, 0);
		hr_pg_add_u64(q, HR_PG_PUT_EVENT, e->at_ms);
		hr_pg_add_bytes(q, HR_PG_PUT_EVENT, e->facts, e->facts_len);
	} else {
		hr_pg_add_u64(q, HR_PG_PUT_EVENT, hr_store_id(e->row.host_no, e->row.slot));
		hr_pg_add_u64(q, HR_PG_PUT_EVENT, e->row.boot_ord);
		hr_pg_add_u64(q, HR_PG_PUT_EVENT, e->row.seq_first);
		hr_pg_add_bytes(q, HR_PG_PUT_EVENT, NULL, 0);
		hr_pg_add_bytes(q, HR_PG_PUT_EVENT, NULL, 0);
	}
	if (e->row.n > q->last_n)
		q->last_n = e->row.n;
	return hr_pg_added(q, HR_PG_PUT_EVENT);
}

static int put_row(struct hr_store *s, const struct hr_store_row *r)
{
	struct hr_pg *q = hr_pg_of(s);
	const uint64_t v[] = {
		hr_store_id(r->host_no, r->slot), r->boot_ord, r->seq_first, r->seq_last, r->n};
	int e;

	assert(r->len <= HR_BODY_MAX && r->slot <= HR_STORE_SLOT_MAX);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		hr_pg_add_u64(q, HR_PG_PUT_ROW, v[i]);
	hr_pg_add_sealed(q, HR_PG_PUT_ROW, r->body, r->len);
	e = hr_pg_added(q, HR_PG_PUT_ROW);
	return e ? e : put_event(q, &(struct hr_store_event){.row = *r});
}

static int put_facts(struct hr_store *s, const struct hr_store_event *e)
{
	struct hr_pg *q = hr_pg_of(s);
	int r;

	hr_pg_add_u64(q, HR_PG_PUT_FACTS, e->row.host_no);
	hr_pg_add_bytes(q, HR_PG_PUT_FACTS, e->facts, e->facts_len);
	hr_pg_add_u64(q, HR_PG_PUT_FACTS, e->at_ms);
	r = hr_pg_added(q, HR_PG_PUT_FACTS);
	return r ? r : put_event(q, e);
}

static int put_state(struct hr_store *s, const struct hr_store_state *v)
{
	struct hr_pg *q = hr_pg_of(s);

	hr_pg_add_u64(q, HR_PG_PUT_STATE, v->host_no);
	hr_pg_add_u64(q, HR_PG_PUT_STATE, v->upto);
	hr_pg_add_bytes(q, HR_PG_PUT_STATE, v->bytes, v->len);
	hr_pg_add_bytes(q, HR_PG_PUT_STATE, v->answer, v->answer ? strlen(v->answer) : 0);
	if (v->upto > q->last_n)
		q->last_n = v->upto;
	return hr_pg_added(q, HR_PG_PUT_STATE);
}

/* A deletion is only a mark here: all at once. */
static int trim_journal(struct hr_store *s, uint64_t below_n, uint32_t max, bool *ret_more)
{
	struct hr_pg *q = hr_pg_of(s);
	struct hr_pg_args a = {0};
	int r = hr_pg_flush_all(q);

	(void)max;
	*ret_more = false;
	hr_pg_u64(&a, below_n);
	return r ? r : hr_pg_exec(q, HR_PG_TRIM, &a, NULL);
}

/* And its entry of the journal: who read that would set it aside again. */
static int quarantine(struct hr_store *s, const struct hr_store_row *r)
{
	struct hr_pg *q = hr_pg_of(s);
	struct hr_pg_args tally = {0}, late = {0}, beside = {0}, event = {0}, move;
	int e = hr_pg_flush_all(q);

	hr_pg_u64(&tally, r->n);
	hr_pg_u64(&tally, r->seq_last - r->seq_first + 1);
	hr_pg_u64(&tally, r->slot / HR_TIER_5MIN_SLOTS);
	hr_pg_u64(&tally, r->host_no);
	hr_pg_u64(&late, r->n);
	hr_pg_u64(&late, r->n);
	hr_pg_u64(&beside, hr_store_id(r->host_no, r->slot));
	hr_pg_u64(&beside, r->n);
	e = e ? e : hr_pg_exec(q, HR_PG_QUARANTINED, &tally, NULL);
	e = e ? e : hr_pg_exec(q, HR_PG_DROP_LATE, &late, NULL);
	hr_pg_u64(&event, r->host_no);
	hr_pg_u64(&event, r->n);
	e = e ? e : hr_pg_exec(q, HR_PG_MOVE_BESIDE, &beside, NULL);
	e = e ? e : hr_pg_exec(q, HR_PG_DROP_EVENT, &event, NULL);
	move = (struct hr_pg_args){0};
	hr_pg_u64(&move, hr_store_id(r->host_no, r->slot));
	hr_pg_u64(&move, r->n);
	hr_pg_u64(&move, q->writer);
	return e ? e : hr_pg_exec(q, HR_PG_MOVE, &move, NULL);
}

static int last_n(struct hr_store *s, uint64_t *ret_n)
{
	*ret_n = hr_pg_of(s)->last_n;
	return 0;
}

static int each_stat(struct hr_pg *q, const PGresult *r, int row, void *arg)
{
	struct hr_store_stats *st = arg;

	st->file_bytes = hr_pg_get(r, row, 0);
	st->quarantined = hr_pg_get(r, row, 1);
	st->collisions = q->collisions;
	return 0;
}

static int stats(struct hr_store *s, struct hr_store_stats *ret_stats)
{
	struct hr_pg *q = hr_pg_of(s);

	*ret_stats = (struct hr_store_stats){0};
	if (!q->conn)
		return HR_STORE_AWAY;
	return hr_pg_fetch(q, HR_PG_STATS, NULL, each_stat, ret_stats);
}

static int maintain(struct hr_store *s)
{
	struct hr_pg *q = hr_pg_of(s);

	if (!q->conn || PQstatus(q->conn) != CONNECTION_OK)
		return 0; /* begin() connects, and says so when it cannot */
	return hr_pg_days_ahead(q);
}

static void close_store(struct hr_store *s)
{
	struct hr_pg *q = hr_pg_of(s);

	PQfinish(q->conn);
	hr_pg_free_batches(q);
	free(q->conninfo);
	free(q);
}

const struct hr_store_ops hr_store_pg_ops = {
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
	.put_host = put_host,
	.put_boot = put_boot,
	.drop_boot = drop_boot,
	.forget = hr_pg_forget,
	.purge = hr_pg_purge,
	.put_row = put_row,
	.put_facts = put_facts,
	.put_state = put_state,
	.trim_journal = trim_journal,
	.expire = hr_pg_expire,
	.quarantine = quarantine,
	.hosts = hr_pg_hosts,
	.boots = hr_pg_boots,
	.states = hr_pg_states,
	.journal = hr_pg_journal,
	.facts = hr_pg_facts,
	.range = hr_pg_range,
	.tally = hr_pg_tally,
	.put_tally = hr_pg_put_tally,
	.put_tier = hr_pg_put_tier,
	.tier = hr_pg_tier,
	.expire_tier = hr_pg_expire_tier,
	.next_slot = hr_pg_next_slot,
	.put_late = hr_pg_put_late,
	.late = hr_pg_late,
	.drop_late = hr_pg_drop_late,
	.last_n = last_n,
	.stats = stats,
	.maintain = maintain,
	.close = close_store,
};
