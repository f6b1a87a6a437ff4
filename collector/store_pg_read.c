// SPDX-License-Identifier: Apache-2.0
/* Reading the PostgreSQL store.  What does not fit is damage, with words. */
#include "collector/store_pg.h"

#include <stdio.h>
#include <string.h>

static int damaged(struct hr_pg *q, const char *what)
{
	(void)snprintf(q->base.error, sizeof(q->base.error), "%s: damaged entry", what);
	return HR_STORE_FAILED;
}

int hr_pg_ready(struct hr_pg *q)
{
	return q->open ? 0 : hr_pg_connect(q);
}

int hr_pg_each_u64(struct hr_pg *q, const PGresult *r, int row, void *arg)
{
	(void)q;
	*(uint64_t *)arg = hr_pg_get(r, row, 0);
	return 0;
}

int hr_pg_each_host(struct hr_pg *q, const PGresult *r, int row, void *arg)
{
	const struct hr_pg_walker *w = arg;
	uint64_t no = hr_pg_get(r, row, 0);
	struct hr_store_host h = {.no = (uint32_t)no};
	size_t id_len, name_len;
	const void *id = hr_pg_blob(r, row, 1, &id_len), *name = hr_pg_blob(r, row, 2, &name_len);

	if (no == 0 || no > HR_STORE_HOST_MAX || !id || id_len != sizeof(h.id) || !name)
		return damaged(q, "host");
	memcpy(h.id, id, sizeof(h.id));
	memcpy(h.name, name, name_len < sizeof(h.name) ? name_len : sizeof(h.name) - 1);
	h.last_n = hr_pg_get(r, row, 3);
	return w->fn.host(w->arg, &h);
}

int hr_pg_hosts(struct hr_store *s, hr_store_host_fn fn, void *arg)
{
	struct hr_pg *q = hr_pg_of(s);
	struct hr_pg_walker w = {.fn.host = fn, .arg = arg};
	int r = hr_pg_ready(q);

	r = r ? r : hr_pg_flush(q, HR_PG_PUT_HOST);
	return r ? r : hr_pg_walk(q, HR_PG_HOSTS, NULL, hr_pg_each_host, &w);
}

int hr_pg_each_boot(struct hr_pg *q, const PGresult *r, int row, void *arg)
{
	const struct hr_pg_walker *w = arg;
	struct hr_store_boot v = {.host_no = (uint32_t)hr_pg_get(r, row, 0),
		.boot = hr_pg_get(r, row, 1),
		.ord = (uint32_t)hr_pg_get(r, row, 2),
		.offset_ms = (int64_t)hr_pg_get(r, row, 7),
		.first_ms = hr_pg_get(r, row, 8),
		.heard_ms = hr_pg_get(r, row, 9),
		.windows = hr_pg_get(r, row, 10)};
	size_t len;
	const void *gaps = hr_pg_blob(r, row, 6, &len);

	if (!hr_hostseq_decode(&v.seq, hr_pg_get(r, row, 3), hr_pg_get(r, row, 4),
		    hr_pg_get(r, row, 5), gaps, len))
		return damaged(q, "seen");
	return w->fn.boot(w->arg, &v);
}

int hr_pg_boots(struct hr_store *s, hr_store_boot_fn fn, void *arg)
{
	struct hr_pg *q = hr_pg_of(s);
	struct hr_pg_walker w = {.fn.boot = fn, .arg = arg};
	int r = hr_pg_ready(q);

	r = r ? r : hr_pg_flush(q, HR_PG_PUT_BOOT);
	return r ? r : hr_pg_walk(q, HR_PG_BOOTS, NULL, hr_pg_each_boot, &w);
}

int hr_pg_each_state(struct hr_pg *q, const PGresult *r, int row, void *arg)
{
	const struct hr_pg_walker *w = arg;
	struct hr_store_state v = {
		.host_no = (uint32_t)hr_pg_get(r, row, 0), .upto = hr_pg_get(r, row, 1)};

	(void)q;
	v.bytes = hr_pg_blob(r, row, 2, &v.len);
	v.answer = PQgetisnull(r, row, 3) ? NULL : PQgetvalue(r, row, 3); /* libpq adds a NUL */
	return w->fn.state(w->arg, &v);
}

int hr_pg_states(struct hr_store *s, hr_store_state_fn fn, void *arg)
{
	struct hr_pg *q = hr_pg_of(s);
	struct hr_pg_walker w = {.fn.state = fn, .arg = arg};
	int r = hr_pg_ready(q);

	r = r ? r : hr_pg_flush(q, HR_PG_PUT_STATE);
	return r ? r : hr_pg_walk(q, HR_PG_STATES, NULL, hr_pg_each_state, &w);
}

int hr_pg_each_event(struct hr_pg *q, const PGresult *r, int row, void *arg)
{
	const struct hr_pg_walker *w = arg;
	struct hr_store_event e = {
		.row = {.n = hr_pg_get(r, row, 0), .host_no = (uint32_t)hr_pg_get(r, row, 1)}};

	(void)q;
	if (PQgetisnull(r, row, 2)) {
		e.at_ms = hr_pg_get(r, row, 5);
		e.facts = hr_pg_blob(r, row, 6, &e.facts_len);
	} else {
		e.row.slot = hr_pg_get(r, row, 2) >> 24;
		e.row.boot_ord = (uint32_t)hr_pg_get(r, row, 3);
		e.row.seq_first = hr_pg_get(r, row, 4);
		e.row.seq_last = hr_pg_get(r, row, 7);
		e.row.body = hr_pg_unseal(r, row, 8, HR_BODY_MAX, &e.row.len);
		e.row.damaged = !e.row.body;
	}
	return w->fn.event(w->arg, &e);
}

int hr_pg_journal(struct hr_store *s, hr_store_event_fn fn, void *arg)
{
	struct hr_pg *q = hr_pg_of(s);
	struct hr_pg_walker w = {.fn.event = fn, .arg = arg};
	int r = hr_pg_ready(q);

	r = r ? r : hr_pg_flush_all(q);
	q->read_w10 = true;
	return r ? r : hr_pg_walk(q, HR_PG_JOURNAL, NULL, hr_pg_each_event, &w);
}

static int each_facts(struct hr_pg *q, const PGresult *r, int row, void *arg)
{
	const struct hr_pg_walker *w = arg;
	struct hr_store_event e = {.at_ms = hr_pg_get(r, row, 1)};

	(void)q;
	e.facts = hr_pg_blob(r, row, 0, &e.facts_len);
	return w->fn.event(w->arg, &e);
}

int hr_pg_facts(struct hr_store *s, uint32_t host_no, hr_store_event_fn fn, void *arg)
{
	struct hr_pg *q = hr_pg_of(s);
	struct hr_pg_walker w = {.fn.event = fn, .arg = arg};
	struct hr_pg_args a = {0};
	int r = hr_pg_ready(q);

	hr_pg_u64(&a, host_no);
	r = r ? r : hr_pg_flush(q, HR_PG_PUT_FACTS);
	return r ? r : hr_pg_fetch(q, HR_PG_FACTS, &a, each_facts, &w);
}

static void row_of(const PGresult *r, int row, int col, struct hr_store_row *to)
{
	to->boot_ord = (uint32_t)hr_pg_get(r, row, col);
	to->seq_first = hr_pg_get(r, row, col + 1);
	to->seq_last = hr_pg_get(r, row, col + 2);
}

static int each_row(struct hr_pg *q, const PGresult *r, int row, void *arg)
{
	const struct hr_pg_walker *w = arg;
	uint64_t id = hr_pg_get(r, row, 0);
	struct hr_store_row v = {.slot = id >> 24,
		.host_no = (uint32_t)(id & HR_STORE_HOST_MAX),
		.n = hr_pg_get(r, row, 4)};

	(void)q;
	row_of(r, row, 1, &v);
	v.body = hr_pg_unseal(r, row, 5, HR_BODY_MAX, &v.len);
	v.damaged = !v.body;
	return w->fn.row(w->arg, &v);
}

int hr_pg_range(struct hr_store *s, uint32_t host_no, uint64_t from, uint64_t to,
	hr_store_row_fn fn, void *arg)
{
	struct hr_pg *q = hr_pg_of(s);
	struct hr_pg_walker w = {.fn.row = fn, .arg = arg};
	struct hr_pg_args a = {0};
	int r = hr_pg_ready(q);

	to = to > HR_STORE_SLOT_MAX ? HR_STORE_SLOT_MAX : to;
	if (host_no == 0) {
		hr_pg_u64(&a, hr_store_id(0, from));
		hr_pg_u64(&a, hr_store_id(HR_STORE_HOST_MAX, to));
	} else {
		hr_pg_u64(&a, host_no);
		hr_pg_u64(&a, from);
		hr_pg_u64(&a, to);
	}
	r = r ? r : hr_pg_flush(q, HR_PG_PUT_ROW);
	q->read_w10 = true;
	if (r)
		return r;
	return host_no == 0 ? hr_pg_walk(q, HR_PG_RANGE, &a, each_row, &w)
			    : hr_pg_fetch(q, HR_PG_ROW, &a, each_row, &w);
}

static int each_late(struct hr_pg *q, const PGresult *r, int row, void *arg)
{
	const struct hr_pg_walker *w = arg;
	uint64_t id = hr_pg_get(r, row, 1);
	struct hr_store_row v = {.n = hr_pg_get(r, row, 0),
		.slot = id >> 24,
		.host_no = (uint32_t)(id & HR_STORE_HOST_MAX)};

	(void)q;
	row_of(r, row, 2, &v);
	v.body = hr_pg_unseal(r, row, 5, HR_BODY_MAX, &v.len);
	v.damaged = !v.body;
	return w->fn.row(w->arg, &v);
}

int hr_pg_late(struct hr_store *s, uint32_t max, hr_store_row_fn fn, void *arg)
{
	struct hr_pg *q = hr_pg_of(s);
	struct hr_pg_walker w = {.fn.row = fn, .arg = arg};
	struct hr_pg_args a = {0};
	int r = hr_pg_ready(q);

	hr_pg_u64(&a, max);
	r = r ? r : hr_pg_flush(q, HR_PG_PUT_ROW);
	r = r ? r : hr_pg_flush(q, HR_PG_PUT_LATE);
	q->read_w10 = true;
	return r ? r : hr_pg_fetch(q, HR_PG_LATE, &a, each_late, &w);
}
