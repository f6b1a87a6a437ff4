// SPDX-License-Identifier: Apache-2.0
/*
 * One transaction:
 *  1. each POST is judged window by window against the dedupe state as this
 *     transaction will leave it; a POST that is refused changes nothing;
 *  2. the new windows are written, with facts and dedupe state;
 *  3. commit: durable, or all of it is undone in memory too;
 *  4. the models take the windows in, in the order of n, which is the order a
 *     recovery would replay them.  The caller then gives the POSTs back.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/writer_private.h"
#include "proto/base/clock.h"
#include "proto/base/identity.h"
#include "proto/base/log.h"
#include "proto/units.h"

#define FUTURE_MS 600000 /* a window may end this far ahead of our clock */

static const struct hr_refusal store_busy = {
	503, "store", "The collector cannot store at the moment; send it again.", 10};

/* Judging changes a copy; the host takes it over only when the whole POST is fine. */
struct judged {
	struct hr_store_boot boot;
	uint32_t stored, duplicate;
	uint64_t forgotten;
};

static const struct hr_refusal *refusal_of(enum hr_hostseq_result r, enum hr_count *ret_count)
{
	static const struct hr_refusal overlap = {400, "overlap",
					       "A window overlaps one that is stored, in part.", 0},
				       forgotten = {400, "forgotten",
					       "A window lies where gaps were given up.", 0},
				       invalid = {
					       400, "sequence", "A sequence is out of range.", 0};

	switch (r) {
	case HR_HOSTSEQ_OVERLAP:
		*ret_count = HR_COUNT_REFUSED_OVERLAP;
		return &overlap;
	case HR_HOSTSEQ_FORGOTTEN:
		*ret_count = HR_COUNT_REFUSED_FORGOTTEN;
		return &forgotten;
	case HR_HOSTSEQ_INVALID:
		*ret_count = HR_COUNT_REFUSED_SEQUENCE;
		return &invalid;
	case HR_HOSTSEQ_NEW:
	case HR_HOSTSEQ_DUPLICATE:
		break;
	}
	return NULL;
}

static void refuse(
	struct hr_writer *w, struct hr_post *p, const struct hr_refusal *why, enum hr_count counter)
{
	p->refused = *why;
	hr_count(w->count, counter, p->n_rows);
}

/*
 * Their clock -> ours.  False: beyond what a row id or good sense can hold.  A window
 * measured before its sender's clock was put right may seem to end in the future: it
 * has ended by now, whatever its clock said, and *ret_known is false.
 */
static bool our_time(const struct hr_post *p, const struct hr_post_row *r, int64_t offset_ms,
	uint64_t *ret_ms, bool *ret_known)
{
	int64_t t;

	if (r->t_end_ms > INT64_MAX ||
		__builtin_add_overflow((int64_t)r->t_end_ms, offset_ms, &t) || t < 0)
		return false;
	*ret_ms = (uint64_t)t;
	*ret_known = *ret_ms <= p->received_ms + FUTURE_MS;
	if (*ret_known)
		return true;
	*ret_ms = p->received_ms;
	return p->has_sent;
}

/* The clock of a running machine was moved (NTP after a bad start, a resumed snapshot). */
static void follow_clock(struct hr_writer *w, const struct hr_post *p, struct judged *j)
{
	int64_t off;

	if (!p->has_sent || !j->boot.seq.any)
		return;
	off = hr_hostseq_offset(p->received_ms, p->sent_ms);
	if (llabs(off - j->boot.offset_ms) <= HR_CLOCK_TOLERANCE_MS)
		return;
	j->boot.offset_ms = off;
	hr_count(w->count, HR_COUNT_CLOCK_STEPS, 1);
}

/* Another machine with this id?  Only the newest other boot can say so. */
static bool is_clone(
	const struct hr_host *host, const struct judged *j, uint64_t end_ms, uint64_t now_ms)
{
	for (uint32_t i = 0; i < host->n_boots; i++) {
		const struct hr_boot_kept *o = &host->boot[i].now;
		struct hr_boot_life life = {
			.boot = o->boot, .first_ms = o->first_ms, .heard_ms = o->heard_ms};

		if (o->any &&
			hr_hostseq_clone(j->boot.boot, j->boot.first_ms, end_ms, &life, now_ms))
			return true;
	}
	return false;
}

/* Judges every window of @p.  True: all may be stored or are known. */
static bool judge(struct hr_writer *w, struct hr_host *host, struct hr_post *p, struct judged *j)
{
	static const struct hr_refusal clock_wrong = {409, "clock",
		"A window ends in the future: set the clock, or send Headroom-Sent.", 0};
	static const struct hr_refusal clone = {409, "clone",
		"Another machine reports with this host id: give each its own machine-id.", 0};

	follow_clock(w, p, j);
	for (uint32_t i = 0; i < p->n_rows; i++) {
		const struct hr_post_row *r = &p->row[i];
		uint64_t forgotten, end_ms, begin_ms;
		bool known;
		enum hr_count counter = HR_COUNT_REFUSED_STORE;
		enum hr_hostseq_result s =
			hr_hostseq_add(&j->boot.seq, r->seq_first, r->seq_last, &forgotten);
		const struct hr_refusal *why = refusal_of(s, &counter);

		if (why) {
			refuse(w, p, why, counter);
			return false;
		}
		if (s == HR_HOSTSEQ_DUPLICATE) {
			j->duplicate++;
			continue;
		}
		if (!our_time(p, r, j->boot.offset_ms, &end_ms, &known)) {
			refuse(w, p, &clock_wrong, HR_COUNT_REFUSED_CLOCK);
			return false;
		}
		begin_ms = end_ms > r->dur_ms ? end_ms - r->dur_ms : 0;
		if (j->boot.first_ms == 0 || begin_ms < j->boot.first_ms)
			j->boot.first_ms = begin_ms;
		if (known && is_clone(host, j, end_ms, p->received_ms)) {
			host->clone_ms = p->received_ms;
			hr_writer_answer_soon(w, host);
			refuse(w, p, &clone, HR_COUNT_REFUSED_CLONE);
			return false;
		}
		j->forgotten += forgotten;
		j->stored++;
		j->boot.windows += r->seq_last - r->seq_first + 1;
		w->row[w->n_rows++] = (struct hr_group_row){.host = host,
			.post = p,
			.offset_ms = j->boot.offset_ms,
			.row = {.host_no = host->no,
				.slot = end_ms / HR_STORE_SLOT_MS,
				.boot_ord = j->boot.ord,
				.seq_first = r->seq_first,
				.seq_last = r->seq_last,
				.body = r->bytes,
				.len = r->len}};
	}
	return true;
}

static struct hr_host *host_of(struct hr_writer *w, struct hr_post *p)
{
	static const struct hr_refusal full = {503, "hosts",
		"The table of hosts is full: raise hosts= in [limits] or forget some.", 300};
	struct hr_host *host = hr_hosts_find(&w->hosts, p->head.host);

	if (host)
		return host;
	host = hr_hosts_add(&w->hosts, p->head.host, 0);
	if (!host) {
		refuse(w, p, &full, HR_COUNT_REFUSED_BUSY);
		hr_log(HR_LOG_WARNING, "hosts_full", "hosts=%" PRIu32, w->hosts.n);
		return NULL;
	}
	/* until it tells its name, its id is one */
	hr_host_id_print(host->id, host->name);
	hr_writer_know(w, host);
	return host;
}

/*
 * The oldest boot makes room for a new one, but not before this transaction is durable: until
 * then its sequences are what tells a resend from news.  *ret_going: its number, if one goes.
 */
static struct hr_boot *boot_of(
	struct hr_writer *w, struct hr_host *host, struct hr_post *p, uint64_t *ret_going)
{
	static const struct hr_refusal full = {
		503, "boots", "This host has rebooted too often to keep its sequences apart.", 300};
	struct hr_boot *b = hr_host_boot(host, p->head.boot);

	if (b && !b->going)
		return b;
	if (!b && host->n_boots >= HR_BOOTS_MAX) {
		struct hr_boot *old = hr_host_oldest_boot(host, p->received_ms);

		if (old) {
			old->going = true;
			*ret_going = old->now.boot;
		}
	}
	b = b ? NULL : hr_host_add_boot(host, p->head.boot, 0);
	if (!b) {
		refuse(w, p, &full, HR_COUNT_REFUSED_BUSY);
		return NULL;
	}
	if (p->has_sent)
		b->now.offset_ms = hr_hostseq_offset(p->received_ms, p->sent_ms);
	return b;
}

static void touch(struct hr_writer *w, struct hr_host *host, struct hr_boot *b)
{
	b->touched = true;
	if (!host->in_group) {
		host->in_group = true;
		w->touched[w->n_touched++] = host;
	}
}

static void take_facts(struct hr_writer *w, struct hr_host *host, struct hr_post *p)
{
	w->facts[w->n_facts++] = (struct hr_group_facts){.host = host, .n = ++w->last_n, .post = p};
	if (p->name[0] != '\0' && strcmp(host->name, p->name) != 0) {
		hr_writer_rename(w, host, p->name);
		host->is_stored = false;
	}
}

/* The boot is as judged.  False: there is no memory for it, and it is as before. */
static bool take_judged(struct hr_writer *w, struct hr_post *p, struct hr_boot *b, struct judged *j)
{
	if (j->stored > 0)
		j->boot.heard_ms = p->received_ms;
	if (hr_boot_set(b, &j->boot))
		return true;
	refuse(w, p, &store_busy, HR_COUNT_REFUSED_BUSY);
	return false;
}

/* Step 1 for one POST.  A refused one leaves nothing behind, not even the name of its host. */
static void judge_post(struct hr_writer *w, struct hr_post *p)
{
	uint32_t hosts_before = w->hosts.n, rows_before = w->n_rows, boots_before;
	struct hr_host *host = host_of(w, p);
	uint64_t going = 0;
	struct judged j; /* 8 KB of gaps that there may be: not cleared for each POST */
	struct hr_boot *b;

	if (!host)
		return;
	boots_before = host->n_boots;
	j.stored = j.duplicate = 0;
	j.forgotten = 0;
	b = boot_of(w, host, p, &going);
	if (b)
		hr_boot_get(host, b, &j.boot);
	if (b && !hr_boot_hold(b)) {
		refuse(w, p, &store_busy, HR_COUNT_REFUSED_BUSY);
		b = NULL;
	}
	if (!b || !judge(w, host, p, &j) || !take_judged(w, p, b, &j)) {
		w->n_rows = rows_before;
		if (b && !b->touched)
			hr_boot_settle(b, false);
		if (w->hosts.n > hosts_before)
			hr_hosts_undo_add(&w->hosts);
		else if (host->n_boots > boots_before)
			hr_host_drop_boot(host, p->head.boot);
		if (going)
			hr_host_boot(host, going)->going = false;
		return;
	}
	touch(w, host, b);
	if (p->facts)
		take_facts(w, host, p);
	for (uint32_t i = rows_before; i < w->n_rows; i++)
		w->row[i].row.n = ++w->last_n;
	if (j.stored > 0)
		host->heard_ms = p->received_ms;
	hr_count(w->count, HR_COUNT_DUPLICATE, j.duplicate);
	hr_count(w->count, HR_COUNT_FORGOTTEN, j.forgotten);
	for (uint32_t i = 0; i < p->n_rows; i++)
		hr_count(w->count, HR_COUNT_LOST, p->row[i].lost);
}

static int by_id(const void *a, const void *b)
{
	const struct hr_store_row *x = &((const struct hr_group_row *)a)->row;
	const struct hr_store_row *y = &((const struct hr_group_row *)b)->row;
	uint64_t i = hr_store_id(x->host_no, x->slot), k = hr_store_id(y->host_no, y->slot);

	return i != k ? (i > k) - (i < k) : (x->n > y->n) - (x->n < y->n);
}

static int by_n(const void *a, const void *b)
{
	const struct hr_store_row *x = &((const struct hr_group_row *)a)->row;
	const struct hr_store_row *y = &((const struct hr_group_row *)b)->row;

	return (x->n > y->n) - (x->n < y->n);
}

static int drop_boot(struct hr_writer *w, const struct hr_host *host, const struct hr_boot *b)
{
	int r = w->store->ops->drop_boot(w->store, host->no, b->now.boot);

	return r ? r : hr_rollup_boot_gone(w, b->is_stored ? b->now.windows : 0);
}

static int put_boot(struct hr_writer *w, const struct hr_host *host, const struct hr_boot *b)
{
	struct hr_store_boot v;

	hr_boot_get(host, b, &v);
	return w->store->ops->put_boot(w->store, &v);
}

/* Step 2. */
static int write_hosts(struct hr_writer *w)
{
	struct hr_store *s = w->store;
	int r = 0;

	for (uint32_t i = 0; i < w->n_touched && r == 0; i++) {
		struct hr_host *host = w->touched[i];

		if (!host->is_stored) {
			struct hr_store_host h = {.no = host->no};

			memcpy(h.id, host->id, sizeof(h.id));
			memcpy(h.name, host->name, sizeof(h.name));
			r = s->ops->put_host(s, &h);
		}
		for (uint32_t k = 0; k < host->n_boots && r == 0; k++) {
			if (host->boot[k].going)
				r = drop_boot(w, host, &host->boot[k]);
			/* a boot without a window has nothing to remember */
			if (r == 0 && host->boot[k].touched && host->boot[k].now.any)
				r = put_boot(w, host, &host->boot[k]);
		}
	}
	return r;
}

static int write_all(struct hr_writer *w)
{
	struct hr_store *s = w->store;
	int r;

	/* by place where others write the same tables: who waits for whom is then never a circle */
	if (w->store->shared && w->n_rows > 1)
		qsort(w->row, w->n_rows, sizeof(*w->row), by_id);
	r = write_hosts(w);
	for (uint32_t i = 0; i < w->n_facts && r == 0; i++) {
		const struct hr_group_facts *f = &w->facts[i];

		r = s->ops->put_facts(
			s, &(struct hr_store_event){.row = {.n = f->n, .host_no = f->host->no},
				   .facts = f->post->facts,
				   .facts_len = f->post->facts_len,
				   .at_ms = f->post->received_ms});
	}
	for (uint32_t i = 0; i < w->n_rows && r == 0; i++) {
		r = s->ops->put_row(s, &w->row[i].row);
		if (r == 0)
			r = hr_rollup_row(w, &w->row[i].row);
	}
	return r;
}

static int commit(struct hr_writer *w)
{
	uint64_t t = hr_clock_mono_ns();
	int r = w->store->ops->commit(w->store);

	if (r == 0) {
		hr_count(w->count, HR_COUNT_COMMITS, 1);
		hr_count(w->count, HR_COUNT_COMMIT_US, hr_ns_to_us(hr_clock_mono_ns() - t));
	}
	return r;
}

/* Boots that went, or the new ones for which none went after all: they come again. */
static void make_room(struct hr_host *host, bool durable)
{
	for (uint32_t k = host->n_boots; k > 0; k--) {
		struct hr_boot *b = &host->boot[k - 1];

		if (durable ? b->going : !b->is_stored && host->n_boots > HR_BOOTS_MAX)
			hr_host_drop_boot(host, b->now.boot);
		else
			b->going = false;
	}
}

/* Step 3, in memory: the dedupe state follows what the store did. */
static void settle(struct hr_writer *w, bool durable)
{
	for (uint32_t i = 0; i < w->n_touched; i++) {
		struct hr_host *host = w->touched[i];

		host->in_group = false;
		if (durable)
			host->is_stored = true;
		for (uint32_t k = 0; k < host->n_boots; k++) {
			struct hr_boot *b = &host->boot[k];

			if (b->touched)
				hr_boot_settle(b, durable);
		}
		if (!durable)
			host->is_stored = false; /* name and row are written again next time */
		make_room(host, durable);
	}
}

static void acknowledge(struct hr_writer *w, struct hr_post *p)
{
	const struct hr_host *host = hr_hosts_find(&w->hosts, p->head.host);
	uint64_t period_ms = hr_hosts_period_ms(w->hosts.n, hr_ns_to_ms(w->conf.period_ns));
	uint64_t last = 0;

	for (uint32_t i = 0; i < p->n_rows; i++)
		last = p->row[i].seq_last > last ? p->row[i].seq_last : last;
	snprintf(p->ack, sizeof(p->ack),
		"seq=%" PRIu64 "; phase=%" PRIu64 "; period=%" PRIu64 "; backlog=%" PRIu32, last,
		hr_hosts_phase_ms(host->no, w->hosts.next_no - 1, period_ms), period_ms,
		w->conf.backlog);
}

/* Step 4: facts before the rows that came with them. */
static void feed(struct hr_writer *w)
{
	uint32_t f = 0;

	if (w->store->shared && w->n_rows > 1)
		qsort(w->row, w->n_rows, sizeof(*w->row), by_n);
	for (uint32_t i = 0; i <= w->n_rows; i++) {
		uint64_t n = i < w->n_rows ? w->row[i].row.n : UINT64_MAX;

		for (; f < w->n_facts && w->facts[f].n < n; f++) {
			const struct hr_post *p = w->facts[f].post;
			struct hr_host *host = w->facts[f].host;

			if (hr_turn_chill(w, host)) {
				hr_turn_note_facts(host, w->facts[f].n);
				continue;
			}
			(void)hr_writer_feed_facts(w, host, p->facts, p->facts_len, p->received_ms);
			host->upto = w->facts[f].n;
			host->unsaved_n = host->unsaved_n ? host->unsaved_n : w->facts[f].n;
		}
		if (i == w->n_rows)
			break;
		struct hr_host *host = w->row[i].host;

		if (hr_turn_chill(w, host)) {
			hr_turn_note_row(host, n, w->row[i].row.slot, &w->row[i].post->strain);
			continue;
		}
		(void)hr_writer_feed(w, host, &w->row[i].row, w->row[i].offset_ms, true);
		host->upto = n;
		host->unsaved_n = host->unsaved_n ? host->unsaved_n : n;
	}
}

static struct hr_post *post_of(struct hr_work *work)
{
	return (struct hr_post *)work; /* first member */
}

static void finish(struct hr_writer *w, struct hr_work *posts, bool durable)
{
	for (struct hr_work *k = posts; k; k = k->next) {
		struct hr_post *p = post_of(k);

		if (p->refused.status != 0)
			continue;
		if (durable)
			acknowledge(w, p);
		else
			refuse(w, p, &store_busy, HR_COUNT_REFUSED_STORE);
	}
}

static bool grow(struct hr_writer *w, uint32_t posts)
{
	struct hr_group_facts *f;
	struct hr_host **t;

	if (posts <= w->cap_posts)
		return true;
	f = realloc(w->facts, posts * sizeof(*f));
	if (f)
		w->facts = f;
	t = realloc(w->touched, posts * sizeof(struct hr_host *));
	if (t)
		w->touched = t;
	if (!f || !t)
		return false;
	w->cap_posts = posts;
	return true;
}

void hr_group_run(struct hr_writer *w, struct hr_work *posts)
{
	uint64_t duplicates_were = atomic_load(&w->count->v[HR_COUNT_DUPLICATE]);
	uint32_t n = 0;
	bool durable = false;
	int r;

	for (struct hr_work *k = posts; k; k = k->next) {
		hr_count(w->count, HR_COUNT_RECEIVED, post_of(k)->n_rows);
		n++;
	}
	w->n_rows = w->n_facts = w->n_touched = 0;
	r = grow(w, n) ? hr_peers_begin(w, posts) : HR_STORE_FULL;
	if (r == 0) {
		for (struct hr_work *k = posts; k; k = k->next)
			judge_post(w, post_of(k));
		r = write_all(w);
		if (r == 0)
			r = commit(w);
		durable = r == 0;
		if (!durable) {
			w->store->ops->rollback(w->store);
			/* these POSTs end refused as a whole */
			atomic_store(&w->count->v[HR_COUNT_DUPLICATE], duplicates_were);
		}
		settle(w, durable);
		hr_rollup_settle(w, durable);
	}
	if (!durable)
		hr_writer_failed(w, r, "storing windows");
	finish(w, posts, durable);
	if (durable) {
		hr_count(w->count, HR_COUNT_STORED, w->n_rows);
		feed(w);
		hr_writer_stored(w);
	}
	hr_peers_end(w);
}
