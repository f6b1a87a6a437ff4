/* SPDX-License-Identifier: Apache-2.0 */
/* Index of windows waiting to be sent; see outbox.h. */
#include "agent/core/outbox.h"

#include <errno.h>
#include <string.h>

static bool same_span(const struct hr_outbox_item *i, uint64_t boot, struct hr_journal_span s)
{
	return i->boot == boot && i->span.seq_first == s.seq_first &&
	       i->span.seq_last == s.seq_last;
}

static bool overlaps(const struct hr_outbox_item *i, uint64_t boot, struct hr_journal_span s)
{
	return i->boot == boot && i->span.seq_first <= s.seq_last &&
	       s.seq_first <= i->span.seq_last;
}

static bool contains(struct hr_journal_span outer, const struct hr_outbox_item *i)
{
	return outer.seq_first <= i->span.seq_first && i->span.seq_last <= outer.seq_last;
}

/* Windows in a span; spans are checked when read, so this is at least 1. */
static uint64_t width(struct hr_journal_span s)
{
	return s.seq_last - s.seq_first + 1;
}

/* Replaces items [at, at + gone) by @with (NULL: nothing). */
static void splice(
	struct hr_outbox *ob, uint32_t at, uint32_t gone, const struct hr_outbox_item *with)
{
	uint32_t put = with ? 1 : 0;

	for (uint32_t i = at; i < at + gone; i++)
		ob->live_bytes -= ob->item[i].len;
	memmove(&ob->item[at + put], &ob->item[at + gone], (ob->n - at - gone) * sizeof *ob->item);
	if (with) {
		ob->item[at] = *with;
		ob->live_bytes += with->len;
	}
	ob->n = ob->n + put - gone;
}

/* Where a window goes: behind the last one of its boot that is older, else at the end. */
static uint32_t place(const struct hr_outbox *ob, uint64_t boot, struct hr_journal_span s)
{
	uint32_t at = ob->n, first = ob->n;

	for (uint32_t i = ob->n; i-- > 0;) {
		if (ob->item[i].boot != boot)
			continue;
		first = i;
		if (ob->item[i].span.seq_last < s.seq_first)
			return i + 1;
	}
	return first < ob->n ? first : at;
}

static int add_window(struct hr_outbox *ob, const struct hr_journal_record *r, uint32_t off)
{
	struct hr_outbox_item item = {.boot = r->boot,
		.span = r->span,
		.t_end_ms = r->t_end_ms,
		.epoch = r->epoch,
		.off = off,
		.len = (uint32_t)r->size};
	uint32_t at = place(ob, r->boot, r->span), gone = 0;

	/* those it overlaps follow each other, from its place on */
	while (at + gone < ob->n && overlaps(&ob->item[at + gone], r->boot, r->span)) {
		const struct hr_outbox_item *i = &ob->item[at + gone];

		if (!contains(r->span, i) || i->frozen || i->held ||
			same_span(i, r->boot, r->span) || i->epoch != r->epoch)
			return -EEXIST;
		gone++;
	}
	if (gone == 0 && ob->n == HR_OUTBOX_MAX)
		return -ENOSPC;
	if (gone > 1)
		ob->merged += gone - 1;
	splice(ob, at, gone, &item);
	if (r->boot == ob->boot) {
		if (r->span.seq_last > ob->seq_last)
			ob->seq_last = r->span.seq_last;
		if (r->epoch > ob->epoch)
			ob->epoch = r->epoch;
	}
	return 0;
}

static bool facts_needed(const struct hr_outbox *ob, const struct hr_outbox_facts *f)
{
	if (f->boot == ob->boot && f->epoch == ob->epoch)
		return true;
	for (uint32_t i = 0; i < ob->n; i++)
		if (ob->item[i].boot == f->boot && ob->item[i].epoch == f->epoch)
			return true;
	return false;
}

/* Facts nobody needs any more leave their place. */
static void forget_facts(struct hr_outbox *ob)
{
	for (uint32_t i = 0; i < HR_OUTBOX_FACTS; i++) {
		struct hr_outbox_facts *f = &ob->facts[i];

		if (f->len == 0 || facts_needed(ob, f))
			continue;
		ob->live_bytes -= f->len;
		*f = (struct hr_outbox_facts){0};
	}
}

static int add_facts(struct hr_outbox *ob, const struct hr_journal_record *r, uint32_t off)
{
	struct hr_outbox_facts *to = NULL;

	for (int pass = 0; !to && pass < 2; pass++) {
		for (uint32_t i = 0; i < HR_OUTBOX_FACTS; i++) {
			struct hr_outbox_facts *f = &ob->facts[i];
			bool same = f->len > 0 && f->boot == r->boot && f->epoch == r->epoch;

			if (same || (!to && f->len == 0))
				to = f;
			if (same)
				break;
		}
		if (!to)
			forget_facts(ob);
	}
	if (!to)
		return -ENOSPC;
	ob->live_bytes += r->size - to->len;
	*to = (struct hr_outbox_facts){
		.boot = r->boot, .epoch = r->epoch, .off = off, .len = (uint32_t)r->size};
	if (r->boot == ob->boot && r->epoch > ob->epoch)
		ob->epoch = r->epoch;
	return 0;
}

static void apply_list(struct hr_outbox *ob, const struct hr_journal_record *r)
{
	for (uint32_t k = 0; k < r->n; k++) {
		for (uint32_t i = 0; i < ob->n; i++) {
			if (!same_span(&ob->item[i], r->boot, r->list[k]))
				continue;
			if (r->type == HR_JOURNAL_FROZEN || r->type == HR_JOURNAL_THAWED ||
				r->type == HR_JOURNAL_HELD) {
				ob->item[i].frozen = r->type == HR_JOURNAL_FROZEN;
				ob->item[i].held =
					r->type == HR_JOURNAL_HELD ||
					(ob->item[i].held && r->type == HR_JOURNAL_FROZEN);
				break;
			}
			if (r->type == HR_JOURNAL_LOST)
				ob->dropped += width(r->list[k]);
			splice(ob, i, 1, NULL);
			break;
		}
	}
	forget_facts(ob);
}

int hr_outbox_apply(struct hr_outbox *ob, const struct hr_journal_record *r, uint32_t off)
{
	switch (r->type) {
	case HR_JOURNAL_HEAD:
		ob->boot = r->boot;
		ob->seq_last = r->span.seq_last;
		ob->epoch = r->epoch;
		ob->dropped = r->dropped;
		ob->merged = r->merged;
		return 0;
	case HR_JOURNAL_WINDOW:
		return add_window(ob, r, off);
	case HR_JOURNAL_FACTS:
		return add_facts(ob, r, off);
	default:
		apply_list(ob, r);
		return 0;
	}
}

static bool same_group(const struct hr_outbox_item *a, const struct hr_outbox_item *b)
{
	return a->boot == b->boot && a->epoch == b->epoch;
}

/* The newest and the oldest window that are not aside; n: there is none. */
static uint32_t newest(const struct hr_outbox *ob)
{
	uint32_t i = ob->n;

	while (i > 0 && ob->item[i - 1].aside)
		i--;
	return i > 0 ? i - 1 : ob->n;
}

static uint32_t oldest(const struct hr_outbox *ob)
{
	uint32_t i = 0;

	while (i < ob->n && ob->item[i].aside)
		i++;
	return i;
}

bool hr_outbox_has_old(const struct hr_outbox *ob)
{
	uint32_t last = newest(ob);

	for (uint32_t i = 0; i < ob->n && i < last; i++)
		if (!ob->item[i].aside && !same_group(&ob->item[i], &ob->item[last]))
			return true;
	return false;
}

static bool pick_frozen(const struct hr_outbox *ob, struct hr_outbox_batch *ret)
{
	const struct hr_outbox_item *first = NULL;

	ret->n = 0;
	for (uint32_t i = 0; i < ob->n && ret->n < HR_JOURNAL_LIST_MAX; i++) {
		if (!ob->item[i].frozen || (first && !same_group(first, &ob->item[i])))
			continue;
		if (!first)
			first = &ob->item[i];
		ret->at[ret->n++] = i;
	}
	return ret->n > 0;
}

/*
 * The newest window and those right before it.  Backwards, so that what the
 * collector lacks stays in one piece, however often the way breaks: it can only
 * remember so many gaps.
 */
static void pick_newest(
	const struct hr_outbox *ob, uint32_t backlog, size_t max_bytes, struct hr_outbox_batch *ret)
{
	uint32_t last = newest(ob), got[HR_JOURNAL_LIST_MAX], n = 0;
	size_t bytes = 0;

	for (uint32_t i = last + 1; i > 0 && same_group(&ob->item[i - 1], &ob->item[last]); i--) {
		const struct hr_outbox_item *it = &ob->item[i - 1];

		if (it->aside)
			continue;
		if (n > 0 &&
			(n > backlog || n == HR_JOURNAL_LIST_MAX || bytes + it->len > max_bytes))
			break;
		bytes += it->len;
		got[n++] = i - 1;
	}
	while (n > 0)
		ret->at[ret->n++] = got[--n];
}

static void pick_old(
	const struct hr_outbox *ob, uint32_t backlog, size_t max_bytes, struct hr_outbox_batch *ret)
{
	uint32_t first = oldest(ob);
	size_t bytes = ob->item[first].len;

	ret->at[ret->n++] = first; /* also when larger than a POST: the collector is to say so */
	for (uint32_t i = first + 1;
		i < ob->n && ret->n < backlog && ret->n < HR_JOURNAL_LIST_MAX - 1 &&
		same_group(&ob->item[first], &ob->item[i]) && bytes + ob->item[i].len <= max_bytes;
		i++) {
		if (ob->item[i].aside)
			continue;
		bytes += ob->item[i].len;
		ret->at[ret->n++] = i;
	}
}

bool hr_outbox_pick(const struct hr_outbox *ob, uint32_t backlog, bool old, size_t max_bytes,
	struct hr_outbox_batch *ret)
{
	if (!pick_frozen(ob, ret)) {
		if (newest(ob) == ob->n)
			return false;
		if (old)
			pick_old(ob, backlog, max_bytes, ret);
		else
			pick_newest(ob, backlog, max_bytes, ret);
	}
	ret->boot = ob->item[ret->at[0]].boot;
	ret->epoch = ob->item[ret->at[0]].epoch;
	for (uint32_t i = 0; i < ret->n; i++)
		ret->span[i] = ob->item[ret->at[i]].span;
	return true;
}

void hr_outbox_plan(const struct hr_outbox *ob, uint64_t now_ms, struct hr_coalesce_item *ret)
{
	for (uint32_t i = 0; i < ob->n; i++) {
		const struct hr_outbox_item *it = &ob->item[i];

		ret[i] = (struct hr_coalesce_item){.boot = it->boot,
			.seq_first = it->span.seq_first,
			.seq_last = it->span.seq_last,
			.epoch = it->epoch,
			.age_ns = now_ms > it->t_end_ms ? (now_ms - it->t_end_ms) * 1000000 : 0,
			.frozen = it->frozen || it->held};
	}
}

const struct hr_outbox_facts *hr_outbox_facts_of(
	const struct hr_outbox *ob, uint64_t boot, uint32_t epoch)
{
	for (uint32_t i = 0; i < HR_OUTBOX_FACTS; i++) {
		const struct hr_outbox_facts *f = &ob->facts[i];

		if (f->len > 0 && f->boot == boot && f->epoch == epoch)
			return f;
	}
	return NULL;
}

bool hr_outbox_find(const struct hr_outbox *ob, uint64_t boot, struct hr_journal_span span,
	struct hr_outbox_batch *ret)
{
	for (uint32_t i = 0; i < ob->n; i++) {
		if (!same_span(&ob->item[i], boot, span))
			continue;
		*ret = (struct hr_outbox_batch){.boot = boot,
			.epoch = ob->item[i].epoch,
			.n = 1,
			.at = {i},
			.span = {span}};
		return true;
	}
	return false;
}

bool hr_outbox_again(
	const struct hr_outbox *ob, const struct hr_outbox_batch *was, struct hr_outbox_batch *ret)
{
	struct hr_outbox_batch one;

	*ret = (struct hr_outbox_batch){.boot = was->boot, .epoch = was->epoch};
	for (uint32_t i = 0; i < was->n; i++) {
		if (!hr_outbox_find(ob, was->boot, was->span[i], &one))
			continue;
		ret->at[ret->n] = one.at[0];
		ret->span[ret->n++] = was->span[i];
	}
	return ret->n > 0;
}

void hr_outbox_aside(struct hr_outbox *ob, const struct hr_outbox_batch *batch)
{
	for (uint32_t k = 0; k < batch->n; k++)
		for (uint32_t i = 0; i < ob->n; i++)
			if (same_span(&ob->item[i], batch->boot, batch->span[k]))
				ob->item[i].aside = true;
}

void hr_outbox_back(struct hr_outbox *ob)
{
	for (uint32_t i = 0; i < ob->n; i++)
		ob->item[i].aside = false;
}

bool hr_outbox_probe(const struct hr_outbox *ob, uint32_t *at, struct hr_outbox_batch *ret)
{
	for (uint32_t k = 0; k < ob->n; k++) {
		uint32_t i = (*at + k) % ob->n;

		if (!ob->item[i].aside)
			continue;
		*at = i + 1;
		return hr_outbox_find(ob, ob->item[i].boot, ob->item[i].span, ret);
	}
	return false;
}

uint32_t hr_outbox_n_aside(const struct hr_outbox *ob)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < ob->n; i++)
		n += ob->item[i].aside;
	return n;
}
