// SPDX-License-Identifier: Apache-2.0
/*
 * The store in memory, for tests of what stands above it.  Bytes are kept until it is closed.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/mem_table.h"
#include "collector/store.h"

struct row {
	struct hr_store_row r;
};

struct facts {
	uint32_t host_no;
	const void *bytes;
	size_t len;
	uint64_t at_ms;
};

enum {
	HOSTS,
	BOOTS,
	ROWS,
	EVENTS,
	STATES,
	FACTS,
	QUARANTINE,
	VIEWS,
	TABLES
};
static const size_t entry_size[TABLES] = {
	[HOSTS] = sizeof(struct hr_store_host),
	[BOOTS] = sizeof(struct hr_store_boot),
	[ROWS] = sizeof(struct row),
	[EVENTS] = sizeof(struct hr_store_event),
	[STATES] = sizeof(struct hr_store_state),
	[FACTS] = sizeof(struct facts),
	[QUARANTINE] = sizeof(struct row),
	[VIEWS] = sizeof(struct hr_store_view),
};

struct hr_store_mem {
	struct hr_store base;
	struct hr_mem_table t[TABLES];
	void **bytes; /* every copy handed out, freed at close */
	size_t n_bytes, cap_bytes;
	bool in_transaction;
	uint8_t taken[65536]; /* by hash of a row's id: 0 means nothing is there */
	uint64_t last_n, collisions;
	unsigned fail_n;
	enum hr_store_result fail_with;
};

static struct hr_store_mem *mem_of(struct hr_store *s)
{
	return (struct hr_store_mem *)s;
}

static void *must(void *p)
{
	if (!p)
		abort(); /* tests only: no memory is no result */
	return p;
}

static const void *keep(struct hr_store_mem *m, const void *p, size_t len)
{
	void *copy = must(malloc(len ? len : 1));

	if (m->n_bytes == m->cap_bytes) {
		m->cap_bytes = m->cap_bytes ? 2 * m->cap_bytes : 64;
		m->bytes = must(realloc(m->bytes, m->cap_bytes * sizeof(*m->bytes)));
	}
	m->bytes[m->n_bytes++] = copy;
	return memcpy(copy, p, len);
}

static int begin(struct hr_store *s)
{
	struct hr_store_mem *m = mem_of(s);

	assert(!m->in_transaction);
	m->in_transaction = true;
	for (int i = 0; i < TABLES; i++)
		hr_mem_begin(&m->t[i]);
	return 0;
}

static void end(struct hr_store_mem *m, bool back)
{
	if (!m->in_transaction)
		return;
	m->in_transaction = false;
	for (int i = 0; i < TABLES; i++)
		hr_mem_end(&m->t[i], back);
}

static void rollback(struct hr_store *s)
{
	end(mem_of(s), true);
}

static int commit(struct hr_store *s)
{
	struct hr_store_mem *m = mem_of(s);

	assert(m->in_transaction);
	if (m->fail_n > 0) {
		m->fail_n--;
		snprintf(s->error, sizeof(s->error), "commit: told to fail");
		return (int)m->fail_with;
	}
	end(m, false);
	return 0;
}

static int put_host(struct hr_store *s, const struct hr_store_host *h)
{
	struct hr_mem_table *t = &mem_of(s)->t[HOSTS];

	for (size_t i = 0; i < t->n; i++) {
		struct hr_store_host *have = hr_mem_at(t, i);

		if (have->no == h->no) {
			hr_mem_change(t);
			*have = *h;
			return 0;
		}
	}
	hr_mem_push(t, h);
	return 0;
}

static int drop_boot(struct hr_store *s, uint32_t host_no, uint64_t boot)
{
	struct hr_mem_table *t = &mem_of(s)->t[BOOTS];

	for (size_t i = 0; i < t->n; i++) {
		struct hr_store_boot *have = hr_mem_at(t, i);

		if (have->host_no == host_no && have->boot == boot) {
			hr_mem_drop(t, i, 1);
			return 0;
		}
	}
	return 0;
}

static int put_boot(struct hr_store *s, const struct hr_store_boot *b)
{
	(void)drop_boot(s, b->host_no, b->boot);
	hr_mem_push(&mem_of(s)->t[BOOTS], b);
	return 0;
}

static void put_event(struct hr_store_mem *m, const struct hr_store_event *e)
{
	m->last_n = e->row.n > m->last_n ? e->row.n : m->last_n;
	hr_mem_push(&m->t[EVENTS], e);
}

static int put_row(struct hr_store *s, const struct hr_store_row *r)
{
	struct hr_store_mem *m = mem_of(s);
	struct row row = {.r = *r};

	assert(m->in_transaction);
	row.r.body = keep(m, r->body, r->len);
	uint8_t *taken = &m->taken[hr_store_id(r->host_no, r->slot) * 0x9e3779b97f4a7c15ULL >> 48];

	for (size_t i = 0; *taken && i < m->t[ROWS].n; i++) {
		const struct row *o = hr_mem_at(&m->t[ROWS], i);

		m->collisions += o->r.slot == r->slot && o->r.host_no == r->host_no;
	}
	*taken = 1;
	hr_mem_push(&m->t[ROWS], &row);
	put_event(m, &(struct hr_store_event){.row = row.r});
	return 0;
}

static int put_facts(struct hr_store *s, const struct hr_store_event *e)
{
	struct hr_store_mem *m = mem_of(s);
	struct hr_store_event copy = *e;
	struct facts f = {.host_no = e->row.host_no, .len = e->facts_len, .at_ms = e->at_ms};

	copy.facts = f.bytes = keep(m, e->facts, e->facts_len);
	for (size_t i = 0; i < m->t[FACTS].n; i++) {
		if (((struct facts *)hr_mem_at(&m->t[FACTS], i))->host_no == f.host_no)
			hr_mem_drop(&m->t[FACTS], i--, 1);
	}
	hr_mem_push(&m->t[FACTS], &f);
	put_event(m, &copy);
	return 0;
}

static int put_state(struct hr_store *s, const struct hr_store_state *v)
{
	struct hr_store_mem *m = mem_of(s);
	struct hr_store_state copy = *v;

	copy.bytes = keep(m, v->bytes, v->len);
	if (v->answer)
		copy.answer = keep(m, v->answer, strlen(v->answer) + 1);
	for (size_t i = 0; i < m->t[STATES].n; i++) {
		if (((struct hr_store_state *)hr_mem_at(&m->t[STATES], i))->host_no == v->host_no)
			hr_mem_drop(&m->t[STATES], i--, 1);
	}
	hr_mem_push(&m->t[STATES], &copy);
	m->last_n = v->upto > m->last_n ? v->upto : m->last_n;
	return 0;
}

static int by_event_n(const void *a, const void *b)
{
	uint64_t i = ((const struct hr_store_event *)a)->row.n;
	uint64_t k = ((const struct hr_store_event *)b)->row.n;

	return (i > k) - (i < k);
}

static int trim_journal(struct hr_store *s, uint64_t below_n, uint32_t max, bool *ret_more)
{
	struct hr_mem_table *t = &mem_of(s)->t[EVENTS];
	size_t gone = 0;

	hr_mem_sort(t, by_event_n);
	while (gone < t->n && gone < max &&
		((struct hr_store_event *)hr_mem_at(t, gone))->row.n < below_n)
		gone++;
	*ret_more = gone < t->n && ((struct hr_store_event *)hr_mem_at(t, gone))->row.n < below_n;
	hr_mem_drop(t, 0, gone);
	return 0;
}

static int expire(struct hr_store *s, uint64_t slot, uint64_t below_n, uint32_t max,
	uint32_t *ret_rows, uint64_t *ret_windows)
{
	struct hr_mem_table *t = &mem_of(s)->t[ROWS];
	uint64_t windows = 0;
	uint32_t rows = 0;

	for (size_t i = 0; i < t->n && rows < max;) {
		const struct row *r = hr_mem_at(t, i);

		if (r->r.slot < slot && r->r.n < below_n) {
			windows += r->r.seq_last - r->r.seq_first + 1;
			hr_mem_drop(t, i, 1);
			rows++;
		} else {
			i++;
		}
	}
	*ret_rows = rows;
	*ret_windows = windows;
	return 0;
}

static int quarantine(struct hr_store *s, const struct hr_store_row *r)
{
	struct hr_store_mem *m = mem_of(s);

	for (size_t i = 0; i < m->t[ROWS].n; i++) {
		struct row *have = hr_mem_at(&m->t[ROWS], i);

		if (have->r.n == r->n) {
			hr_mem_push(&m->t[QUARANTINE], have);
			hr_mem_drop(&m->t[ROWS], i, 1);
			break;
		}
	}
	return 0;
}

static int by_key(const void *a, const void *b)
{
	const struct hr_store_row *x = &((const struct row *)a)->r,
				  *y = &((const struct row *)b)->r;
	uint64_t i = hr_store_id(x->host_no, x->slot), k = hr_store_id(y->host_no, y->slot);

	return i != k ? (i > k) - (i < k) : (x->n > y->n) - (x->n < y->n);
}

static int by_no(const void *a, const void *b)
{
	uint32_t i = ((const struct hr_store_host *)a)->no,
		 k = ((const struct hr_store_host *)b)->no;

	return (i > k) - (i < k);
}

static int by_ord(const void *a, const void *b)
{
	const struct hr_store_boot *x = a, *y = b;

	return x->host_no != y->host_no ? (x->host_no > y->host_no) - (x->host_no < y->host_no)
					: (x->ord > y->ord) - (x->ord < y->ord);
}

#define WALK(name, fn_type, entry_type, which, order)                                              \
	static int name(struct hr_store *s, fn_type fn, void *arg)                                 \
	{                                                                                          \
		struct hr_mem_table *t = &mem_of(s)->t[which];                                     \
                                                                                                   \
		hr_mem_sort(t, order);                                                             \
		for (size_t i = 0; i < t->n; i++) {                                                \
			entry_type e = *(entry_type *)hr_mem_at(t, i);                             \
			int r = fn(arg, &e);                                                       \
                                                                                                   \
			if (r)                                                                     \
				return r;                                                          \
		}                                                                                  \
		return 0;                                                                          \
	}
WALK(hosts, hr_store_host_fn, struct hr_store_host, HOSTS, by_no)
WALK(boots, hr_store_boot_fn, struct hr_store_boot, BOOTS, by_ord)
WALK(states, hr_store_state_fn, struct hr_store_state, STATES, NULL)
WALK(journal, hr_store_event_fn, struct hr_store_event, EVENTS, by_event_n)

WALK(views, hr_store_view_fn, struct hr_store_view, VIEWS, NULL)

static int put_view(struct hr_store *s, const struct hr_store_view *v)
{
	struct hr_store_mem *m = mem_of(s);
	struct hr_store_view copy = *v;

	copy.bytes = keep(m, v->bytes, v->len);
	for (size_t i = 0; i < m->t[VIEWS].n; i++) {
		if (((struct hr_store_view *)hr_mem_at(&m->t[VIEWS], i))->host_no == v->host_no)
			hr_mem_drop(&m->t[VIEWS], i--, 1);
	}
	hr_mem_push(&m->t[VIEWS], &copy);
	return 0;
}

static int state(struct hr_store *s, uint32_t host_no, hr_store_state_fn fn, void *arg)
{
	struct hr_mem_table *t = &mem_of(s)->t[STATES];

	for (size_t i = 0; i < t->n; i++) {
		const struct hr_store_state *have = hr_mem_at(t, i);

		if (have->host_no == host_no)
			return fn(arg, have);
	}
	return 0;
}

static int journal_heads(
	struct hr_store *s, uint64_t from_n, uint32_t max, hr_store_event_fn fn, void *arg)
{
	struct hr_mem_table *t = &mem_of(s)->t[EVENTS];
	uint32_t n = 0;

	hr_mem_sort(t, by_event_n);
	for (size_t i = 0; i < t->n && n < max; i++) {
		struct hr_store_event e = *(struct hr_store_event *)hr_mem_at(t, i);
		int r;

		if (e.row.n < from_n)
			continue;
		e.row.body = NULL;
		e.row.len = 0;
		n++;
		r = fn(arg, &e);
		if (r)
			return r;
	}
	return 0;
}

static int facts(struct hr_store *s, uint32_t host_no, hr_store_event_fn fn, void *arg)
{
	struct hr_mem_table *t = &mem_of(s)->t[FACTS];

	for (size_t i = 0; i < t->n; i++) {
		const struct facts *f = hr_mem_at(t, i);

		if (f->host_no == host_no)
			return fn(arg,
				&(struct hr_store_event){
					.facts = f->bytes, .facts_len = f->len, .at_ms = f->at_ms});
	}
	return 0;
}

static int range(struct hr_store *s, uint32_t host_no, uint64_t from, uint64_t to,
	hr_store_row_fn fn, void *arg)
{
	struct hr_mem_table *t = &mem_of(s)->t[ROWS];
	size_t i = 0, above = t->n;

	hr_mem_sort(t, by_key);
	while (i < above) { /* the first of slot @from */
		size_t mid = i + (above - i) / 2;

		if (((const struct row *)hr_mem_at(t, mid))->r.slot < from)
			i = mid + 1;
		else
			above = mid;
	}
	for (; i < t->n; i++) {
		const struct row *row = hr_mem_at(t, i);
		int r;

		if (row->r.slot > to)
			break;
		if (host_no != 0 && row->r.host_no != host_no)
			continue;
		r = fn(arg, &row->r);
		if (r)
			return r;
	}
	return 0;
}

static int forget(struct hr_store *s, uint32_t host_no)
{
	struct hr_store_mem *m = mem_of(s);

	for (size_t i = 0; i < m->t[HOSTS].n; i++) {
		struct hr_store_host *h = hr_mem_at(&m->t[HOSTS], i);

		if (h->no == host_no) {
			hr_mem_change(&m->t[HOSTS]);
			memset(h->id, 0, sizeof(h->id));
			memset(h->name, 0, sizeof(h->name));
		}
	}
#define DROP(which, type, field)                                                                   \
	for (size_t i = 0; i < m->t[which].n;) {                                                   \
		if (((type *)hr_mem_at(&m->t[which], i))->field == host_no)                        \
			hr_mem_drop(&m->t[which], i, 1);                                           \
		else                                                                               \
			i++;                                                                       \
	}
	DROP(BOOTS, struct hr_store_boot, host_no)
	DROP(STATES, struct hr_store_state, host_no)
	DROP(VIEWS, struct hr_store_view, host_no)
	DROP(FACTS, struct facts, host_no)
	DROP(EVENTS, struct hr_store_event, row.host_no)
	DROP(QUARANTINE, struct row, r.host_no)
#undef DROP
	return 0;
}

/* All at once: the slots only bound the time a real store takes. */
static int purge(struct hr_store *s, uint32_t host_no, uint64_t *slot, uint32_t max_slots,
	uint64_t *ret_rows)
{
	struct hr_mem_table *t = &mem_of(s)->t[ROWS];

	(void)max_slots;
	for (size_t i = 0; i < t->n;) {
		if (((struct row *)hr_mem_at(t, i))->r.host_no == host_no) {
			hr_mem_drop(t, i, 1);
			(*ret_rows)++;
		} else {
			i++;
		}
	}
	*slot = HR_STORE_PURGED;
	return 0;
}

static int last_n(struct hr_store *s, uint64_t *ret_n)
{
	*ret_n = mem_of(s)->last_n;
	return 0;
}

static int stats(struct hr_store *s, struct hr_store_stats *ret_stats)
{
	*ret_stats = (struct hr_store_stats){
		.collisions = mem_of(s)->collisions, .quarantined = mem_of(s)->t[QUARANTINE].n};
	return 0;
}

static int maintain(struct hr_store *s)
{
	(void)s;
	return 0;
}

static void close_store(struct hr_store *s)
{
	struct hr_store_mem *m = mem_of(s);

	end(m, true);
	for (int i = 0; i < TABLES; i++)
		hr_mem_free(&m->t[i]);
	for (size_t i = 0; i < m->n_bytes; i++)
		free(m->bytes[i]);
	free(m->bytes);
	free(m);
}

static const struct hr_store_ops ops = {
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
	.put_host = put_host,
	.put_boot = put_boot,
	.drop_boot = drop_boot,
	.forget = forget,
	.purge = purge,
	.put_row = put_row,
	.put_facts = put_facts,
	.put_state = put_state,
	.trim_journal = trim_journal,
	.expire = expire,
	.quarantine = quarantine,
	.hosts = hosts,
	.boots = boots,
	.states = states,
	.journal = journal,
	.facts = facts,
	.state = state,
	.journal_heads = journal_heads,
	.put_view = put_view,
	.views = views,
	.range = range,
	.last_n = last_n,
	.stats = stats,
	.maintain = maintain,
	.close = close_store,
};

struct hr_store *hr_store_mem_open(void)
{
	struct hr_store_mem *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->base.ops = &ops;
	for (int i = 0; i < TABLES; i++)
		m->t[i].size = entry_size[i];
	return &m->base;
}

void hr_store_mem_fail(struct hr_store *s, unsigned n, enum hr_store_result result)
{
	mem_of(s)->fail_n = n;
	mem_of(s)->fail_with = result;
}
