// SPDX-License-Identifier: Apache-2.0
/*
 * See peers.h.  A host's copy here is as stored if and only if its latest event is known
 * (last_n == upto): whoever stores something of a host gives it an event in the same transaction.
 * So a copy is brought up by the same events in the same order as everywhere, and the state that
 * any collector saves is good for all.
 */
#include "collector/peers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store_share.h"
#include "collector/writer_private.h"
#include "proto/base/clock.h"
#include "proto/base/identity.h"
#include "proto/base/log.h"
#include "proto/units.h"

#define FOLLOW_EVERY HR_NS_PER_S
#define HOSTS_EVERY  (30 * HR_NS_PER_S) /* renamed and forgotten ones: a list of all */

struct hr_peers {
	const struct hr_store_shared_ops *ops;
	struct hr_store_claim *claim;
	uint32_t n_claim, cap_claim;
	struct hr_store_want *want;
	uint32_t n_want, cap_want;
	uint64_t follow_ns, hosts_ns;
	bool keeper;
	bool no_memory; /* met by a callback */
};

bool hr_peers_open(struct hr_peers **ret, const struct hr_store *s)
{
	if (!s->shared)
		return true;
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return false;
	(*ret)->ops = s->shared;
	return true;
}

void hr_peers_close(struct hr_peers *p)
{
	if (!p)
		return;
	free(p->claim);
	free(p->want);
	free(p);
}

/* --- bringing copies up --- */

static int no_memory(struct hr_peers *p)
{
	p->no_memory = true;
	return HR_STORE_FULL;
}

static int take_host(void *arg, const struct hr_store_host *h)
{
	struct hr_writer *w = arg;
	struct hr_host *host = hr_hosts_by_no(&w->hosts, h->no);

	if (h->name[0] == '\0')
		return 0; /* being forgotten: the list of all takes it out */
	if (host && memcmp(host->id, h->id, sizeof(h->id)) != 0) {
		hr_writer_drop_host(w, host);
		host = NULL;
	}
	if (!host) {
		/* what is stored is kept, whatever limit this collector has */
		w->hosts.max += w->hosts.n >= w->hosts.max;
		host = hr_hosts_add(&w->hosts, h->id, h->no);
	}
	if (!host)
		return no_memory(w->peers);
	hr_writer_rename(w, host, h->name);
	host->is_stored = true;
	hr_host_drop_boots(host); /* those that are stored follow */
	host->last_ord = 0;
	return 0;
}

static int take_boot(void *arg, const struct hr_store_boot *b)
{
	struct hr_writer *w = arg;
	struct hr_host *host = hr_hosts_by_no(&w->hosts, b->host_no);
	struct hr_boot *boot = host ? hr_host_add_boot(host, b->boot, b->ord) : NULL;

	if (!boot)
		return host ? no_memory(w->peers) : 0;
	if (!hr_boot_set(boot, b))
		return no_memory(w->peers);
	boot->is_stored = true;
	host->heard_ms = b->heard_ms > host->heard_ms ? b->heard_ms : host->heard_ms;
	return 0;
}

/* Events between are gone from the journal: the state that another one saved knows them. */
static int take_state(void *arg, const struct hr_store_state *s)
{
	struct hr_writer *w = arg;
	struct hr_host *host = hr_hosts_by_no(&w->hosts, s->host_no);
	bool out_of_memory = false;
	struct hr_vm *vm = host ? hr_writer_state_vm(w, host, s, &out_of_memory) : NULL;

	if (out_of_memory)
		return no_memory(w->peers);
	if (!host || (!vm && host->vm))
		return 0; /* unreadable: better the model here with a hole than none */
	hr_vm_free(host->vm);
	host->vm = vm;
	hr_turn_weigh(w, host);
	host->upto = s->upto;
	host->unsaved_n = 0;
	hr_writer_answer_soon(w, host);
	return 0;
}

static int64_t offset_of(const struct hr_host *host, uint32_t ord)
{
	for (uint32_t i = host->n_boots; i > 0; i--) {
		if (host->boot[i - 1].now.ord == ord)
			return host->boot[i - 1].now.offset_ms;
	}
	return 0;
}

static int take_event(void *arg, const struct hr_store_event *e)
{
	struct hr_writer *w = arg;
	struct hr_host *host = hr_hosts_by_no(&w->hosts, e->row.host_no);

	if (!host || e->row.n <= host->upto)
		return 0;
	if (!hr_writer_vm(w, host))
		return no_memory(w->peers); /* read again: neither lost nor damaged */
	if (e->facts)
		(void)hr_writer_feed_facts(w, host, e->facts, e->facts_len, e->at_ms);
	else if (e->row.damaged ||
		 !hr_writer_feed(w, host, &e->row, offset_of(host, e->row.boot_ord), false))
		hr_count(w->count, HR_COUNT_DAMAGED, 1); /* a start moves it to quarantine */
	else
		hr_count(w->count, HR_COUNT_FOLLOWED, 1);
	host->upto = e->row.n;
	/* the keeper saves for whoever does not come back */
	if (w->peers->keeper && !host->unsaved_n)
		host->unsaved_n = e->row.n;
	return 0;
}

static bool add_want(struct hr_peers *p, uint32_t no, uint64_t upto)
{
	if (p->n_want == p->cap_want) {
		uint32_t cap = p->cap_want ? 2 * p->cap_want : 64;
		struct hr_store_want *v = realloc(p->want, cap * sizeof(*v));

		if (!v)
			return false;
		p->want = v;
		p->cap_want = cap;
	}
	p->want[p->n_want++] = (struct hr_store_want){.host_no = no, .upto = upto};
	return true;
}

static int bring_up(struct hr_writer *w)
{
	static const struct hr_store_walk walk = {
		.host = take_host, .boot = take_boot, .state = take_state, .event = take_event};
	struct hr_peers *p = w->peers;

	int r;

	if (p->n_want == 0)
		return 0;
	r = p->ops->read(w->store, p->want, p->n_want, &walk, w);
	for (uint32_t i = 0; i < p->n_want && r != 0; i++) {
		struct hr_host *host = hr_hosts_by_no(&w->hosts, p->want[i].host_no);

		if (host) /* half read: by this mark the next claim reads it again */
			host->is_stored = false;
	}
	return r;
}

/* --- storing --- */

static int by_id(const void *a, const void *b)
{
	return memcmp(((const struct hr_store_claim *)a)->id,
		((const struct hr_store_claim *)b)->id, HR_HOST_ID_LEN);
}

/* The hosts of @posts, each once and by id; *ret_new: one of them is not known here. */
static bool collect(struct hr_writer *w, struct hr_work *posts, bool *ret_new)
{
	struct hr_peers *p = w->peers;
	uint32_t n = 0;

	for (struct hr_work *k = posts; k; k = k->next)
		n++;
	if (n > p->cap_claim) {
		struct hr_store_claim *c = realloc(p->claim, n * sizeof(*c));

		if (!c)
			return false;
		p->claim = c;
		p->cap_claim = n;
	}
	p->n_claim = 0;
	for (struct hr_work *k = posts; k; k = k->next) {
		const uint8_t *id = ((struct hr_post *)k)->head.host;

		*ret_new |= !hr_hosts_find(&w->hosts, id);
		memcpy(p->claim[p->n_claim++].id, id, HR_HOST_ID_LEN);
	}
	if (p->n_claim > 1)
		qsort(p->claim, p->n_claim, sizeof(*p->claim), by_id);
	n = p->n_claim > 0 ? 1 : 0;
	for (uint32_t i = 1; i < p->n_claim; i++) { /* one that posted twice in this group */
		if (by_id(&p->claim[i], &p->claim[n - 1]) != 0)
			p->claim[n++] = p->claim[i];
	}
	p->n_claim = n;
	return true;
}

/* A host that is stored: known here, and marked when the copy is old. */
static int match(struct hr_writer *w, const struct hr_store_claim *c)
{
	struct hr_peers *p = w->peers;
	struct hr_host *host = hr_hosts_find(&w->hosts, c->id);

	if (host && host->no != c->no) { /* forgotten by another one, and enrolled anew */
		hr_writer_drop_host(w, host);
		host = NULL;
	}
	if (host && host->upto > c->last_n) { /* a database restored from an older copy */
		hr_vm_free(host->vm);
		host->vm = NULL;
		hr_turn_weigh(w, host);
		host->upto = 0;
		host->unsaved_n = 0;
	}
	if (host && host->upto == c->last_n && host->is_stored)
		return 0;
	return add_want(p, c->no, host ? host->upto : 0) ? 0 : HR_STORE_FULL;
}

/* A host that nobody stored yet. */
static int enter(struct hr_writer *w, const struct hr_store_claim *c)
{
	struct hr_host *host = hr_hosts_find(&w->hosts, c->id);

	if (host) /* forgotten by another one */
		hr_writer_drop_host(w, host);
	if (w->hosts.n >= w->hosts.max || c->no == 0)
		return 0; /* refused by the judge, with its own words */
	host = hr_hosts_add(&w->hosts, c->id, c->no);
	if (!host)
		return HR_STORE_FULL;
	hr_host_id_print(host->id, host->name); /* until it tells its name */
	hr_writer_know(w, host);
	return 0;
}

static int claim(struct hr_writer *w, struct hr_work *posts, bool *again)
{
	struct hr_peers *p = w->peers;
	bool has_new = *again;
	uint64_t n;
	int r;

	*again = false;
	p->n_want = 0;
	if (!collect(w, posts, &has_new))
		return HR_STORE_FULL;
	r = p->ops->claim(w->store, p->claim, p->n_claim, has_new, &n);
	if (r)
		return r;
	for (uint32_t i = 0; i < p->n_claim && r == 0; i++) {
		if (p->claim[i].is_new && !has_new)
			*again = true; /* forgotten meanwhile: begin anew as for a new one */
		else
			r = p->claim[i].is_new ? enter(w, &p->claim[i]) : match(w, &p->claim[i]);
	}
	if (r == 0 && !*again)
		r = bring_up(w);
	if (r == 0)
		w->last_n = n;
	return r ? r : hr_rollup_reload(w);
}

int hr_peers_begin(struct hr_writer *w, struct hr_work *posts)
{
	const struct hr_store_ops *ops = w->store->ops;
	bool again = false;
	int r = ops->begin(w->store);

	if (r != 0 || !w->peers)
		return r;
	r = claim(w, posts, &again);
	if (r == 0 && again) {
		ops->rollback(w->store);
		r = ops->begin(w->store);
		r = r ? r : claim(w, posts, &again);
	}
	if (r != 0) {
		ops->rollback(w->store);
		hr_peers_end(w);
	}
	return r;
}

void hr_peers_end(struct hr_writer *w)
{
	struct hr_peers *p = w->peers;

	for (uint32_t i = 0; p && i < p->n_claim; i++) {
		struct hr_host *host =
			p->claim[i].is_new ? hr_hosts_find(&w->hosts, p->claim[i].id) : NULL;

		if (host && !host->is_stored)
			hr_writer_drop_host(w, host);
	}
	if (p)
		p->n_claim = 0;
}

/* Another collector forgot it: what it had is accounted for, and must not be rolled up any more. */
static int drop_gone(void *arg, const struct hr_store_host *h)
{
	struct hr_writer *w = arg;
	struct hr_host *host = hr_hosts_by_no(&w->hosts, h->no);

	if (host)
		hr_writer_drop_host(w, host);
	return 0;
}

int hr_peers_begin_alone(struct hr_writer *w)
{
	int r = w->peers ? w->store->ops->begin(w->store) : hr_store_begin_lazy(w->store);

	if (r != 0 || !w->peers)
		return r;
	r = w->peers->ops->alone(w->store);
	r = r ? r : w->peers->ops->gone(w->store, drop_gone, w);
	return r ? r : hr_rollup_reload(w);
}

/* --- following --- */

int hr_peers_load_begin(struct hr_writer *w)
{
	return w->peers ? w->peers->ops->snapshot(w->store) : 0;
}

int hr_peers_load_end(struct hr_writer *w)
{
	return w->peers ? w->store->ops->commit(w->store) : 0;
}

static int want_changed(struct hr_writer *w)
{
	struct hr_peers *p = w->peers;
	struct hr_store_want *news = NULL;
	uint32_t n = 0;
	int r = p->ops->changed(w->store, &news, &n);

	p->n_want = 0;
	for (uint32_t i = 0; i < n && r == 0; i++) {
		const struct hr_host *host = hr_hosts_by_no(&w->hosts, news[i].host_no);

		if (host && host->upto >= news[i].upto)
			continue; /* known from an earlier look, or from a claim */
		if (!add_want(p, news[i].host_no, host ? host->upto : 0))
			r = HR_STORE_FULL;
	}
	free(news);
	return r;
}

struct listing {
	struct hr_writer *w;
	uint32_t at; /* hosts before it were seen */
};

/* By number, as the hosts here are: what lies between is not stored any more. */
static int list_host(void *arg, const struct hr_store_host *h)
{
	struct listing *l = arg;
	struct hr_hosts *t = &l->w->hosts;

	while (l->at < t->n && t->by_no[l->at]->no < h->no)
		hr_writer_drop_host(l->w, t->by_no[l->at]);
	if (l->at >= t->n || t->by_no[l->at]->no != h->no)
		return 0; /* a new one: comes with its windows */
	if (h->name[0] == '\0') {
		hr_writer_drop_host(l->w, t->by_no[l->at]);
		return 0;
	}
	hr_writer_rename(l->w, t->by_no[l->at], h->name);
	l->at++;
	return 0;
}

static int list_hosts(struct hr_writer *w, uint64_t now)
{
	struct listing l = {.w = w};
	int r;

	if (now - w->peers->hosts_ns < HOSTS_EVERY)
		return 0;
	r = w->store->ops->hosts(w->store, list_host, &l);
	while (r == 0 && l.at < w->hosts.n)
		hr_writer_drop_host(w, w->hosts.by_no[l.at]);
	if (r == 0)
		w->peers->hosts_ns = now;
	return r;
}

static int follow(struct hr_writer *w, uint64_t now)
{
	const struct hr_store_ops *ops = w->store->ops;
	int r = w->peers->ops->snapshot(w->store);

	r = r ? r : want_changed(w);
	r = r ? r : bring_up(w);
	r = r ? r : list_hosts(w, now);
	r = r ? r : ops->commit(w->store);
	if (r == 0)
		w->peers->ops->seen(w->store);
	else
		ops->rollback(w->store);
	return r;
}

static int be_keeper(struct hr_writer *w)
{
	struct hr_peers *p = w->peers;
	bool is = false;
	int r = p->ops->keeper(w->store, &is);

	if (is != p->keeper)
		hr_log(HR_LOG_NOTICE, is ? "keeper" : "keeper_lost",
			is ? "this collector rolls up and expires" : "another one will");
	/* of those that nobody saves any more nothing is known: once all */
	for (uint32_t i = 0; is && !p->keeper && i < w->hosts.n; i++) {
		struct hr_host *host = w->hosts.by_no[i];

		if (host->vm && !host->unsaved_n)
			host->unsaved_n = host->upto;
	}
	p->keeper = is;
	atomic_store(&w->keeper, is);
	return r;
}

void hr_peers_follow(struct hr_writer *w)
{
	uint64_t now = hr_clock_mono_ns();
	int r;

	if (!w->peers || now - w->peers->follow_ns < FOLLOW_EVERY)
		return;
	w->peers->follow_ns = now;
	r = follow(w, now);
	r = r ? r : be_keeper(w);
	hr_writer_stall(w, HR_STEP_PEERS, now);
	if (r != 0) {
		atomic_store(&w->keeper, false);
		hr_writer_failed(w, r, "following the other collectors");
	} else {
		hr_rollup_look_late(w);
		if (atomic_load(&w->state) == HR_WRITER_AWAY)
			hr_writer_stored(w);
	}
}
