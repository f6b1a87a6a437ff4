// SPDX-License-Identifier: Apache-2.0
/*
 * Hosts whose models do not fit in memory.  What is here of such a cold host is its dedupe state,
 * the row that the fleet shows, and where its windows wait: they are stored and acknowledged like
 * all others, and in the host's turn its saved state is read, takes in what waits in the order in
 * which it was stored, answers, is saved and leaves memory.  So a model has seen each window
 * exactly once: the state says up to which n, the journal has the rest.  What the turn decodes is
 * also added up for the roll-up of its bin, and kept with the state until then (core/part.h).
 */
#include <stdlib.h>
#include <string.h>

#include "collector/writer_private.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/units.h"

#define TURNS_AT_ONCE 64   /* states in one transaction */
#define TURN_LOOK     1000 /* hosts looked at in a pass */
#define TURN_SLICE_NS (10 * HR_NS_PER_MS)
#define MODEL_BYTES   16384 /* of one, as long as none is known */
#define FEW_HOT       4     /* times what there is room for: whoever is in memory is an exception */
#define FACTS_ROWS    20000 /* entries of the journal in a pass */

/* One event that waits: a window, or facts (body NULL). */
struct waiting {
	struct hr_store_row row;
	size_t at;      /* of the body in bytes */
	uint64_t at_ms; /* facts: when they came; windows: 0 */
	bool is_facts;
};

struct turn {
	struct hr_writer *w;
	struct hr_host *host;
	struct hr_vm *vm;
	uint64_t upto; /* of the saved state */
	bool lost;     /* there was a state, but it cannot be read */
	bool no_memory;
	uint64_t seen_n; /* facts_many: read up to here */
	struct waiting *item;
	size_t n, cap;
	unsigned char *bytes;
	size_t len, room;
};

void hr_turn_weigh(struct hr_writer *w, struct hr_host *host)
{
	size_t is = host->vm ? hr_vm_bytes(host->vm) : 0;

	if (host->vm && host->view)
		is += host->view->packed_len;
	w->n_hot += is > 0;
	w->n_hot -= host->vm_bytes > 0;
	w->hot_bytes += is - host->vm_bytes;
	host->vm_bytes = (uint32_t)is;
}

void hr_turn_cool(struct hr_writer *w, struct hr_host *host)
{
	struct hr_view *v = host->view ? hr_view_of_row(host->no, &host->view->row) : NULL;

	hr_vm_free(host->vm);
	host->vm = NULL;
	host->cold = (struct hr_cold){.is = true, .turned_ns = hr_clock_mono_ns()};
	if (v) {
		hr_orders_show(&w->orders, host, v);
		w->views_changed = true;
	}
	hr_turn_weigh(w, host);
}

uint64_t hr_turn_room(struct hr_writer *w)
{
	uint64_t each = w->n_hot > 0 ? w->hot_bytes / w->n_hot : MODEL_BYTES;
	uint64_t all = each * w->hosts.n, room = w->conf.model_bytes;

	if (!room)
		return UINT64_MAX;
	w->few_hot = all / (w->few_hot ? FEW_HOT - 1 : FEW_HOT) > room;
	return w->few_hot ? room / 8 : room;
}

/* A margin, so that models which grow do not come and go. */
static bool has_room(struct hr_writer *w, size_t bytes)
{
	return w->hot_bytes + bytes < hr_turn_room(w) / 8 * 7;
}

bool hr_turn_chill(struct hr_writer *w, struct hr_host *host)
{
	if (!host->cold.is && !host->vm &&
		(!has_room(w, 0) || (w->store->ops->state && !hr_writer_vm(w, host))))
		host->cold.is = true; /* without memory for a model the host waits for one */
	return host->cold.is;
}

/* --- reading --- */

static uint64_t first_bin(const struct turn *t)
{
	return t->w->rollup ? hr_rollup_first_bin(t->w, t->host->no) : UINT64_MAX;
}

static int take_state(void *arg, const struct hr_store_state *s)
{
	struct turn *t = arg;
	struct hr_writer *w = t->w;

	t->vm = hr_writer_state_vm(w, t->host, s, &t->no_memory);
	if (t->no_memory)
		return 1; /* the state is as good as it was: tried again */
	t->lost = !t->vm;
	t->upto = t->vm ? s->upto : 0;
	/* what a state without a part knows is in no sum */
	if (t->lost || hr_part_decode(w->part, first_bin(t), s->bytes, s->len) != HR_PART_OK)
		hr_part_clear(w->part, t->vm ? hr_vm_last_ms(t->vm) / HR_5MIN_MS + 1 : UINT64_MAX);
	return 0;
}

static int keep(struct turn *t, const struct hr_store_row *row, const void *body, size_t len)
{
	if (t->n == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 64;
		struct waiting *p = realloc(t->item, cap * sizeof(*p));

		if (!p)
			return -1;
		t->item = p;
		t->cap = cap;
	}
	if (t->len + len > t->room) {
		size_t room = 2 * (t->len + len) + 4096;
		unsigned char *p = realloc(t->bytes, room);

		if (!p)
			return -1;
		t->bytes = p;
		t->room = room;
	}
	if (len > 0)
		memcpy(t->bytes + t->len, body, len);
	t->item[t->n] = (struct waiting){.row = *row, .at = t->len};
	t->item[t->n++].row.len = len;
	t->len += len;
	return 0;
}

static int take_row(void *arg, const struct hr_store_row *row)
{
	struct turn *t = arg;

	if (row->n <= t->upto)
		return 0;
	t->no_memory |= keep(t, row, row->body, row->damaged ? 0 : row->len) != 0;
	return t->no_memory;
}

static int take_facts(void *arg, const struct hr_store_event *e)
{
	struct turn *t = arg;

	t->seen_n = e->row.n;
	if (!e->facts || e->row.host_no != t->host->no || e->row.n <= t->upto)
		return 0;
	t->no_memory |= keep(t, &e->row, e->facts, e->facts_len) != 0;
	if (t->no_memory)
		return 1;
	t->item[t->n - 1].is_facts = true;
	t->item[t->n - 1].at_ms = e->at_ms;
	return 0;
}

/* The facts as they were last, before all windows that are left. */
static int take_last_facts(void *arg, const struct hr_store_event *e)
{
	struct turn *t = arg;
	struct hr_store_row row = {.host_no = t->host->no};

	t->no_memory |= keep(t, &row, e->facts, e->facts_len) != 0;
	if (t->no_memory)
		return 1;
	t->item[t->n - 1].is_facts = true;
	t->item[t->n - 1].at_ms = e->at_ms;
	return 0;
}

/* More facts than their numbers were kept of. */
static int read_many_facts(struct turn *t)
{
	const struct hr_store_ops *ops = t->w->store->ops;
	const struct hr_cold *c = &t->host->cold;
	uint64_t from = c->facts_n[0], last = c->facts_n[c->n_facts - 1];
	int r = 0;

	while (from <= last && r == 0) {
		uint64_t left = last - from + 1;

		t->seen_n = 0;
		r = ops->journal_heads(t->w->store, from,
			left < FACTS_ROWS ? (uint32_t)left : FACTS_ROWS, take_facts, t);
		if (t->seen_n < from)
			break; /* nothing is behind it */
		from = t->seen_n + 1;
	}
	return r;
}

static int read_waiting(struct turn *t)
{
	const struct hr_store_ops *ops = t->w->store->ops;
	const struct hr_cold *c = &t->host->cold;
	struct hr_store *s = t->w->store;
	int r = 0;

	if (t->lost) {
		uint64_t now = hr_clock_wall_ms() / HR_STORE_SLOT_MS;
		uint64_t keep_slots = t->w->conf.windows_ms / HR_STORE_SLOT_MS + 360;

		r = ops->facts(s, t->host->no, take_last_facts, t);
		return r ? r
			 : ops->range(s, t->host->no, now > keep_slots ? now - keep_slots : 0,
				   now + 360, take_row, t);
	}
	if (c->facts_many)
		r = read_many_facts(t);
	for (unsigned i = 0; i < c->n_facts && !c->facts_many && r == 0; i++)
		r = ops->journal_heads(s, c->facts_n[i], 1, take_facts, t);
	for (unsigned i = 0; i < c->n_slots && r == 0; i++)
		r = ops->range(s, t->host->no, c->slots[i].lo, c->slots[i].hi, take_row, t);
	return r;
}

static int by_n(const void *a, const void *b)
{
	const struct waiting *x = a, *y = b;

	return (x->row.n > y->row.n) - (x->row.n < y->row.n);
}

/* In the order in which it was stored.  Ranges are apart, so nothing is there twice. */
static void feed(struct turn *t)
{
	struct hr_writer *w = t->w;

	if (t->n > 1)
		qsort(t->item, t->n, sizeof(*t->item), by_n);
	for (size_t i = 0; i < t->n; i++) {
		struct waiting *it = &t->item[i];
		int64_t offset = hr_host_offset(t->host, it->row.boot_ord);

		it->row.body = t->bytes + it->at;
		if (it->is_facts) {
			if (hr_wire_decode_facts(w->arena, it->row.body, it->row.len,
				    w->facts_scratch) == HR_WIRE_OK)
				hr_vm_facts(t->vm, w->facts_scratch, it->at_ms);
			continue;
		}
		if (it->row.damaged || !hr_writer_window(w, &it->row, offset, false)) {
			it->row.damaged = true;
			continue;
		}
		hr_vm_add(t->vm, w->summary);
		hr_part_add(w->part, it->row.slot / HR_TIER_5MIN_SLOTS, it->row.boot_ord,
			it->row.seq_last - it->row.seq_first + 1, w->summary);
	}
}

static void turn_done(struct turn *t)
{
	free(t->item);
	free(t->bytes);
}

/* t->vm: the model with all that waits.  Not 0: it could not be had, t->vm is NULL. */
static int turn_load(struct hr_writer *w, struct hr_host *host, struct turn *t)
{
	struct hr_model_conf c;
	int r;

	*t = (struct turn){.w = w, .host = host};
	hr_part_clear(w->part, 0);
	r = w->store->ops->state(w->store, host->no, take_state, t);
	if (r == 0)
		r = read_waiting(t);
	if (r == 0 && !t->vm)
		t->vm = hr_vm_new(hr_writer_model(w, host, &c));
	if (t->no_memory || r != 0) {
		hr_vm_free(t->vm);
		t->vm = NULL;
	}
	if (!t->vm)
		return r && !t->no_memory ? r : HR_STORE_FULL;
	hr_part_leave(w->part, first_bin(t));
	feed(t);
	if (t->lost) /* which windows it knew before is not known */
		hr_part_clear(w->part, hr_vm_last_ms(t->vm) / HR_5MIN_MS + 1);
	return 0;
}

struct hr_vm *hr_turn_peek(struct hr_writer *w, struct hr_host *host)
{
	struct turn t;

	(void)turn_load(w, host, &t);
	turn_done(&t);
	return t.vm;
}

/* --- turns --- */

struct taken {
	struct hr_host *host;
	struct hr_vm *vm;
	struct hr_view *view;
	uint8_t calm;
};

struct batch {
	struct hr_writer *w;
	struct taken t[TURNS_AT_ONCE];
	uint32_t n;
	struct hr_store_row *bad; /* rows to quarantine */
	uint32_t n_bad, n_damaged;
};

static void set_aside(struct batch *b, const struct hr_store_row *row)
{
	struct hr_store_row *p = realloc(b->bad, (b->n_bad + 1) * sizeof(*p));

	b->n_damaged++;
	if (!p)
		return; /* counted; it stays where it is */
	b->bad = p;
	b->bad[b->n_bad++] = *row;
}

/* The state of a model that had its turn just now, in state_room.  0: too long. */
static size_t encode(struct hr_writer *w, const struct hr_vm *vm)
{
	unsigned char *room = w->state_room;
	size_t part = 0, len;

	if (w->rollup) {
		hr_rollup_finish(w, w->part);
		part = hr_part_encode(w->part, room, HR_PART_MAX);
	}
	len = hr_vm_encode(vm, room + part, HR_STATE_MAX);
	return len <= HR_STATE_MAX ? part + len : 0;
}

static int put_one(struct hr_writer *w, const struct taken *t, size_t len)
{
	int r = w->store->ops->put_state(w->store, &(struct hr_store_state){.host_no = t->host->no,
							   .upto = w->last_n,
							   .bytes = w->state_room,
							   .len = len});

	return r == 0 ? hr_writer_put_view(w, t->view) : r;
}

/* The model with all that waits, in @ret_vm. */
static int load(struct batch *b, struct hr_host *host, struct hr_vm **ret_vm)
{
	struct hr_writer *w = b->w;
	struct turn t;
	int r = turn_load(w, host, &t);

	for (size_t i = 0; r == 0 && i < t.n; i++) {
		if (!t.item[i].row.damaged || t.item[i].is_facts)
			continue;
		/* a damaged row is told with any slot of its bin, so by two ranges twice */
		if (i == 0 || t.item[i - 1].row.n != t.item[i].row.n)
			set_aside(b, &t.item[i].row);
	}
	if (r == 0 && t.lost) {
		hr_count(w->count, HR_COUNT_STATES_LOST, 1);
		hr_log(HR_LOG_WARNING, "state_unreadable",
			"host=%s: the model starts afresh from the windows still stored",
			host->name);
	}
	turn_done(&t);
	*ret_vm = t.vm;
	return r;
}

/* Its turn, whose state is put in the transaction in which it was read.  *ret_none: no memory. */
static int take(struct batch *b, struct hr_host *host, bool *ret_none)
{
	struct hr_writer *w = b->w;
	struct taken *to = &b->t[b->n];
	struct hr_vm *vm;
	int r = load(b, host, &vm);
	size_t len = r == 0 ? encode(w, vm) : 0;

	*ret_none = r == HR_STORE_FULL || (r == 0 && len == 0);
	if (*ret_none || r != 0) {
		hr_vm_free(vm);
		return *ret_none ? 0 : r; /* its windows go on waiting */
	}
	*to = (struct taken){.host = host,
		.vm = vm,
		.view = hr_writer_view(w, host, vm, has_room(w, hr_vm_bytes(vm)))};
	to->calm = to->view ? hr_turn_calm(w, hr_vm_target(vm), w->answer, hr_vm_worst(vm))
			    : HR_CALM_NOT;
	b->n++;
	return put_one(w, to, len);
}

static int finish(struct batch *b)
{
	struct hr_store *s = b->w->store;
	int r = 0;

	for (uint32_t i = 0; i < b->n_bad && r == 0; i++)
		r = s->ops->quarantine(s, &b->bad[i]);
	return r ? r : s->ops->commit(s);
}

/* Durable, or as if nothing had been. */
static void settle(struct batch *b, bool durable)
{
	struct hr_writer *w = b->w;
	uint64_t now = hr_clock_mono_ns();

	if (durable)
		hr_count(w->count, HR_COUNT_DAMAGED, b->n_damaged); /* else they are met again */
	for (uint32_t i = 0; i < b->n; i++) {
		struct taken *t = &b->t[i];
		struct hr_host *host = t->host;
		bool stays = durable && t->view && t->view->packed;

		if (durable) {
			host->cold = hr_turn_settled(&host->cold, t->calm, now);
			host->cold.is = !stays;
			host->upto = w->last_n;
			host->unsaved_n = 0;
			host->saved_ns = host->answered_ns = now;
		}
		if (durable && t->view) {
			hr_orders_show(&w->orders, host, t->view);
			t->view = NULL;
			w->views_changed = true;
		}
		if (stays)
			host->vm = t->vm;
		else
			hr_vm_free(t->vm);
		hr_view_unref(t->view);
		hr_turn_weigh(w, host);
	}
	if (durable)
		hr_count(w->count, HR_COUNT_STATES_SAVED, b->n);
	if (durable && b->n_bad > 0 &&
		hr_rollup_reload(w) != 0) /* setting aside changes its sums */
		hr_writer_failed(w, HR_STORE_FAILED, "reading the sums of the tiers");
}

/* The next host that is due, looking at *@look more.  NULL: none. */
static struct hr_host *next_due(struct hr_writer *w, uint64_t now, uint32_t *look)
{
	while (*look > 0) {
		--*look;
		w->turn_at = w->turn_at + 1 < w->hosts.n ? w->turn_at + 1 : 0;
		if (hr_turn_is_due(w, w->turn_at, now))
			return w->hosts.by_no[w->turn_at];
	}
	return NULL;
}

/* @host and those behind it, for a slice of time; no memory for one: those before it go on. */
static int take_some(struct batch *b, struct hr_host *host, uint64_t now, uint32_t look)
{
	bool none = false;
	int r = 0;

	for (; host && r == 0 && !none; host = next_due(b->w, now, &look)) {
		r = take(b, host, &none);
		if (b->n == TURNS_AT_ONCE ||
			(b->n > 0 && hr_clock_mono_ns() >= now + TURN_SLICE_NS))
			break;
	}
	return r;
}

void hr_writer_turns(struct hr_writer *w)
{
	uint64_t now = hr_clock_mono_ns();
	uint32_t look;
	struct batch b = {.w = w};
	struct hr_host *host;
	int r;

	if (w->scan_n) {
		hr_turn_scan(w);
		return;
	}
	look = hr_writer_look(w, TURN_LOOK, &w->turn_look_ns);
	host = w->n_hot < w->hosts.n ? next_due(w, now, &look) : NULL;
	if (!host)
		return;
	/* around the reading too: alone each of some ten reads of a host locks the file */
	r = hr_store_begin_lazy(w->store);
	if (r == 0)
		r = take_some(&b, host, now, look);
	if (r == 0)
		r = finish(&b);
	if (r != 0)
		w->store->ops->rollback(w->store);
	if (b.n > 0 || b.n_damaged > 0)
		settle(&b, r == 0);
	w->behind |= b.n > 0;
	free(b.bad);
	hr_writer_stall(w, HR_STEP_TURNS, now);
	if (r != 0)
		hr_writer_failed(w, r, "turns of hosts");
}
