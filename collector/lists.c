// SPDX-License-Identifier: Apache-2.0
/*
 * GET /v1/fleet and /v1/hosts.  A page of 1000 rows takes some 6 ms to write, 50 ms where 100 000
 * hosts report, in which an HTTP thread would acknowledge nothing, and those who look at a fleet
 * ask for the same page again and again.  So pages of a large fleet are made by the scribe while
 * who asks waits suspended, a page is kept for a second, one text for all who ask for it, and of a
 * page that is asked for repeatedly the scribe makes the next one before that second is over.  "at"
 * in the page says when it was made.
 */
#include <stdlib.h>
#include <string.h>

#include "collector/core/fleet_json.h"
#include "collector/serve_private.h"
#include "proto/base/clock.h"
#include "proto/units.h"

#define KEEP_NS  HR_NS_PER_S
#define AGAIN_NS (600 * HR_NS_PER_MS) /* the scribe looks four times a second */
#define WARM_NS  (30 * HR_NS_PER_S)   /* without a question; a page in a browser asks more often */
/* Hosts up to which a page is never older than the latest answer: writing it takes a millisecond */
#define SMALL 200

/* One text under way to any number of clients. */
struct hr_list {
	_Atomic uint32_t refs;
	struct MHD_Response *response;
};

void hr_list_unref(struct hr_list *l)
{
	if (!l || atomic_fetch_sub(&l->refs, 1) != 1)
		return;
	MHD_destroy_response(l->response);
	free(l);
}

/* A text that MHD is through with; it is longer in use than its struct hr_list. */
struct text {
	atomic_uint *texts; /* of struct hr_lists */
	char *bytes;
};

static void free_text(void *arg)
{
	struct text *t = arg;

	atomic_fetch_sub(t->texts, 1);
	free(t->bytes);
	free(t);
}

static struct hr_list *list_of(struct hr_lists *ls, char *bytes)
{
	struct hr_list *l = bytes ? calloc(1, sizeof(*l)) : NULL;
	struct text *t = l ? malloc(sizeof(*t)) : NULL;

	if (t) {
		*t = (struct text){&ls->texts, bytes};
		l->response = MHD_create_response_from_buffer_with_free_callback_cls(
			strlen(bytes), bytes, free_text, t);
	}
	if (!t || !l->response) {
		free(t);
		free(bytes);
		free(l);
		return NULL;
	}
	atomic_fetch_add(&ls->texts, 1);
	atomic_init(&l->refs, 1);
	/* all of them now: nobody may change what others are being sent */
	(void)MHD_add_response_header(l->response, "Content-Type", "application/json");
	hr_reply_headers(l->response);
	return l;
}

/*
 * The page of rows that fit the filter, in @ret_page->row (the caller's to free).  False: out of
 * memory.  The snapshot has a key per host, so that a question to 100 000 is one scan over 0.8 MB.
 */
static bool pick(
	const struct hr_snapshot *snap, const struct hr_query_fleet *q, struct hr_fleet_page *page)
{
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
	const struct hr_fleet_row **rows = calloc(q->limit, sizeof(*rows));
	uint64_t *key = malloc((snap->n + 1) * sizeof(*key));
	const uint64_t *keys = snap->key[q->sort];
	size_t n = 0, count = 0;

	for (uint32_t r = 0; rows && key && r < snap->n; r++)
		if (!q->has_answer || snap->kind[r] == q->answer)
			key[n++] = keys ? keys[r] : r;
	if (rows && key && q->cursor < n) {
		count = n - q->cursor < q->limit ? n - q->cursor : q->limit;
		hr_fleet_select(key, n, q->cursor, count);
	}
	for (size_t i = 0; i < count; i++)
		rows[i] = &snap->view[snap->by_name[(uint32_t)key[q->cursor + i]]]->row;
	page->matches = (uint32_t)n;
	page->row = rows;
	page->n = count;
	page->has_next = q->cursor + count < n;
	page->next = q->cursor + (uint32_t)count;
	if (!key) {
		free(rows);
		rows = NULL;
	}
	free(key);
	return rows != NULL;
}

static char *text_of(const struct hr_snapshot *snap, const struct hr_list_key *key, double target)
{
	struct hr_fleet_page page = {
		.at_ms = hr_clock_wall_ms(), .target = target, .fleet = &snap->fleet};
	char *text;

	if (!pick(snap, &key->q, &page))
		return NULL;
	text = key->route == HR_ROUTE_HOSTS ? hr_fleet_hosts_json(&page) : hr_fleet_json(&page);
	free((void *)page.row);
	return text;
}

static bool same(const struct hr_list_key *a, const struct hr_list_key *b)
{
	return a->route == b->route && a->q.has_answer == b->q.has_answer &&
	       a->q.answer == b->q.answer && a->q.sort == b->q.sort && a->q.limit == b->q.limit &&
	       a->q.cursor == b->q.cursor;
}

static struct hr_list_slot *slot_of(struct hr_lists *ls, const struct hr_list_key *key)
{
	for (unsigned i = 0; i < HR_LISTS; i++)
		if (ls->slot[i].list && same(&ls->slot[i].key, key))
			return &ls->slot[i];
	return NULL;
}

/* Puts @l, made at @made_ns of snapshot @serial, in its slot or in the one unused for longest. */
static void put(struct hr_lists *ls, const struct hr_list_key *key, struct hr_list *l,
	uint64_t serial, uint64_t made_ns)
{
	struct hr_list_slot *to = slot_of(ls, key);

	if (!to) {
		to = &ls->slot[0];
		for (unsigned i = 1; i < HR_LISTS; i++)
			if (ls->slot[i].asked_ns < to->asked_ns)
				to = &ls->slot[i];
		hr_list_unref(to->list);
		*to = (struct hr_list_slot){.key = *key, .asked_ns = made_ns};
	} else {
		hr_list_unref(to->list);
	}
	atomic_fetch_add(&l->refs, 1);
	to->list = l;
	to->serial = serial;
	to->made_ns = made_ns;
}

/*
 * There is room for another text.  Several threads may see the last place: one text more for each.
 */
static bool has_room(struct hr_lists *ls)
{
	return atomic_load(&ls->texts) < HR_LIST_TEXTS;
}

/* A reference to a new page, which is kept; NULL: out of memory. */
static struct hr_list *make(struct hr_serve *s, const struct hr_list_key *key)
{
	struct hr_snapshot *snap = hr_board_get(s->board);
	uint64_t made_ns = hr_clock_mono_ns(), serial = snap->serial;
	struct hr_list *l = list_of(&s->lists, text_of(snap, key, s->conf.target));

	hr_snapshot_unref(snap);
	if (!l)
		return NULL;
	pthread_mutex_lock(&s->lists.lock);
	put(&s->lists, key, l, serial, made_ns);
	pthread_mutex_unlock(&s->lists.lock);
	return l;
}

/* A reference to the page that is kept, if it is still true; NULL: none is. */
static struct hr_list *kept(struct hr_serve *s, const struct hr_list_key *key)
{
	uint64_t now = hr_clock_mono_ns(), serial;
	bool large = hr_board_look(s->board, &serial) > SMALL;
	struct hr_list *l = NULL;
	struct hr_list_slot *at;

	pthread_mutex_lock(&s->lists.lock);
	at = slot_of(&s->lists, key);
	if (at) {
		at->again = true;
		at->asked_ns = now;
		if (now - at->made_ns < KEEP_NS && (at->serial == serial || large)) {
			l = at->list;
			atomic_fetch_add(&l->refs, 1);
		}
	}
	pthread_mutex_unlock(&s->lists.lock);
	return l;
}

static struct hr_list_key key_of(const struct hr_request *r)
{
	return (struct hr_list_key){.route = r->v.route, .q = r->u.ask.fleet};
}

/* Of those who wait for one page the first has it made, the others get it. */
void hr_lists_make(struct hr_request *r)
{
	static const struct hr_refusal busy = {
		503, "busy", "Too many pages are under way to slow readers; come again.", 2};
	const struct hr_list_key key = key_of(r);
	struct hr_serve *s = r->door->serve;
	struct hr_ask *k = &r->u.ask;

	k->list = kept(s, &key);
	if (k->list)
		return;
	if (!has_room(&s->lists)) {
		k->refused = busy;
		return;
	}
	k->list = make(s, &key);
	hr_scribe_watch(&s->scribe);
}

enum MHD_Result hr_lists_reply(struct hr_request *r)
{
	struct hr_list *l = r->u.ask.list;

	if (r->u.ask.refused.status != 0)
		return hr_reply_problem(r, &r->u.ask.refused);
	/* the reference is given back when the request is over */
	return l ? hr_reply_shared(r, 200, l->response) : hr_reply_json(r, NULL);
}

enum MHD_Result hr_lists_get(struct hr_request *r, const struct hr_query_fleet *q)
{
	static const struct hr_refusal stopping = {
		503, "stopping", "The collector is stopping.", 5};
	struct hr_serve *s = r->door->serve;
	struct hr_list_key key;
	uint64_t serial;

	r->u.ask.fleet = *q;
	key = key_of(r);
	r->u.ask.list = kept(s, &key);
	if (!r->u.ask.list && hr_board_look(s->board, &serial) > SMALL)
		return hr_serve_hold(r, HR_WORK_LIST) ? MHD_YES : hr_reply_problem(r, &stopping);
	if (!r->u.ask.list)
		hr_lists_make(r);
	return hr_lists_reply(r);
}

bool hr_lists_again(struct hr_serve *s)
{
	uint64_t now = hr_clock_mono_ns(), serial;
	bool large = hr_board_look(s->board, &serial) > SMALL, any = false;

	for (unsigned i = 0; i < HR_LISTS; i++) {
		struct hr_list_slot *at = &s->lists.slot[i];
		struct hr_list_key key;
		bool due;

		pthread_mutex_lock(&s->lists.lock);
		if (at->list && now - at->asked_ns >= WARM_NS) {
			hr_list_unref(at->list);
			*at = (struct hr_list_slot){0};
		}
		due = at->list && at->again && large;
		due = due && now - at->made_ns >= AGAIN_NS;
		any |= at->list != NULL;
		key = at->key;
		pthread_mutex_unlock(&s->lists.lock);
		if (due && has_room(&s->lists))
			hr_list_unref(make(s, &key));
	}
	return any;
}

void hr_lists_init(struct hr_lists *ls)
{
	pthread_mutex_init(&ls->lock, NULL);
}

void hr_lists_done(struct hr_lists *ls)
{
	for (unsigned i = 0; i < HR_LISTS; i++)
		hr_list_unref(ls->slot[i].list);
	pthread_mutex_destroy(&ls->lock);
}
