// SPDX-License-Identifier: Apache-2.0
/*
 * The list of the fleet for the board, made in slices.  At 100 000 hosts it takes 30 to 70 ms, as
 * hosts and views lie all over memory, and a group may be due at any time; so the writer makes a
 * part of it in each pass, and takes the one before it apart in the same way.  Views of a list are
 * then up to a second apart, which nobody can see: each is of its own time anyhow.
 *
 * Between two slices hosts may come, which wait for the next list, and be renamed or go, which
 * changes the orders: then the list is begun again, and at last made at one go, so that hosts
 * which are renamed all the time cannot keep it from being made.
 */
#include <stdlib.h>

#include "collector/writer_private.h"
#include "proto/base/clock.h"
#include "proto/units.h"

#define SLICE_NS        (2 * HR_NS_PER_MS)
#define PUBLISH_HOST_NS 100000 /* interval per host of the fleet: 10 s at 100 000 */
#define PUBLISH_FREE    1000   /* hosts whose list is not worth waiting for */
#define HEARD_MS        60000  /* of a cold host the row is renewed, when it was heard since */
#define AT_ONCE         256    /* hosts between two looks at the clock */
#define TRIES           3
#define WHOLE           UINT64_MAX /* instead of an end of the slice */

/*
 * A cold host is heard more often than it is answered for: the row says so once a minute, or it
 * would be taken for silent.
 */
static void hear(struct hr_writer *w, struct hr_host *host)
{
	struct hr_fleet_row row;
	struct hr_view *v;

	if (!host->cold.is || host->heard_ms < host->view->row.heard_ms + HEARD_MS)
		return;
	row = host->view->row;
	row.heard_ms = host->heard_ms;
	v = hr_view_of_row(host->no, &row);
	if (!v)
		return;
	hr_orders_show(&w->orders, host, v);
}

/* It is taken apart as one that was shown; at one go where a reader has that one still. */
static void abandon(struct hr_listing *l)
{
	if (l->old)
		hr_snapshot_unref(l->next);
	else
		l->old = l->next;
	l->next = NULL;
}

static bool is_ours(struct hr_snapshot *s)
{
	return s && atomic_load(&s->refs) == 1;
}

static bool begin(struct hr_writer *w)
{
	struct hr_listing *l = &w->list;

	l->next = hr_snapshot_new(w->hosts.n);
	if (!l->next)
		return false;
	l->step = HR_LIST_VIEWS;
	l->room = w->hosts.n;
	l->n = l->at = l->next_no = 0;
	l->last_no = w->hosts.n > 0 ? w->hosts.by_no[w->hosts.n - 1]->no : 0;
	l->drops = w->orders.drops;
	w->views_changed = false;
	return true;
}

/*
 * Views in order of no, of the next @most hosts, and into the orders who is not there.  False: no
 * memory, or the hosts are no longer those it was begun with.
 */
static bool take_views(struct hr_writer *w, uint32_t most)
{
	struct hr_host **fresh = malloc(((size_t)most + 1) * sizeof(struct hr_host *));
	uint32_t i = hr_hosts_from(&w->hosts, w->list.next_no), n_fresh = 0;
	struct hr_listing *l = &w->list;
	bool ok = fresh != NULL;

	for (; ok && most > 0 && i < w->hosts.n; i++, most--) {
		struct hr_host *host = w->hosts.by_no[i];

		if (host->no > l->last_no)
			break;
		l->next_no = host->no + 1;
		if (!host->view)
			continue;
		ok = l->n < l->room;
		if (!ok)
			break;
		hear(w, host);
		host->place = l->n;
		l->next->view[l->n++] = hr_view_ref(host->view);
		if (!host->in_orders)
			fresh[n_fresh++] = host;
	}
	if (ok && n_fresh > 0)
		ok = hr_orders_add(&w->orders, fresh, n_fresh);
	if (ok && most > 0) {
		ok = w->orders.by_name.n == l->n;
		l->next->n = l->n;
		l->step = HR_LIST_ORDERS;
	}
	free(fresh);
	return ok;
}

/* Orders and keys of ranks from l->at on.  True: all are done. */
static bool take_ranks(struct hr_writer *w, uint32_t most)
{
	struct hr_listing *l = &w->list;
	struct hr_snapshot *s = l->next;
	uint32_t end = s->n - l->at > most ? l->at + most : s->n;

	for (uint32_t r = l->at; r < end && l->step == HR_LIST_ORDERS; r++) {
		s->by_name[r] = w->orders.by_name.host[r]->place;
		s->by_id[r] = w->orders.by_id.host[r]->place;
	}
	if (l->step == HR_LIST_KEYS)
		hr_snapshot_index_some(s, l->at, end);
	l->at = end;
	if (end < s->n)
		return false;
	if (l->step == HR_LIST_KEYS)
		return true;
	l->at = 0;
	l->step = HR_LIST_KEYS;
	return false;
}

/* Parts of the list until @end_ns.  0: it is made; 1: there is more; -1: it has to be begun again.
 */
static int make_some(struct hr_writer *w, uint64_t end_ns)
{
	uint32_t most = end_ns == WHOLE ? w->hosts.n + 1 : AT_ONCE;
	struct hr_listing *l = &w->list;
	bool done = false;

	while (!done) {
		if (l->step < HR_LIST_KEYS && l->drops != w->orders.drops)
			return -1;
		if (l->step == HR_LIST_VIEWS) {
			if (!take_views(w, most))
				return -1;
		} else {
			done = take_ranks(w, most);
		}
		if (!done && end_ns != WHOLE && hr_clock_mono_ns() >= end_ns)
			return 1;
	}
	return 0;
}

/* The one that was shown before is nobody's but ours once its last reader is through with it. */
static void take_apart(struct hr_listing *l, uint64_t end_ns)
{
	if (!is_ours(l->old))
		return;
	while (l->old->n > 0 && hr_clock_mono_ns() < end_ns)
		for (uint32_t k = 0; k < AT_ONCE && l->old->n > 0; k++)
			hr_view_unref(l->old->view[--l->old->n]);
	if (l->old->n > 0)
		return;
	hr_snapshot_unref(l->old);
	l->old = NULL;
}

static void put(struct hr_writer *w)
{
	struct hr_listing *l = &w->list;

	hr_snapshot_unref(l->old); /* a reader takes its time over it */
	l->old = hr_board_swap(w->board, l->next);
	l->next = NULL;
	l->tries = 0;
}

void hr_writer_publish(struct hr_writer *w)
{
	abandon(&w->list);
	w->published_ns = hr_clock_mono_ns();
	if (!begin(w) || make_some(w, WHOLE) != 0) {
		abandon(&w->list);
		w->views_changed = true;
		return; /* the one before stays; tried again */
	}
	put(w);
	hr_snapshot_unref(w->list.old);
	w->list.old = NULL;
}

bool hr_writer_list(struct hr_writer *w)
{
	uint64_t now = hr_clock_mono_ns();
	struct hr_listing *l = &w->list;
	int r;

	if (!l->next) {
		take_apart(l, now + SLICE_NS);
		if (is_ours(l->old))
			return true;
		if (!w->views_changed ||
			(w->hosts.n > PUBLISH_FREE &&
				now - w->published_ns < w->hosts.n * (uint64_t)PUBLISH_HOST_NS))
			return false;
		if (w->hosts.n <= PUBLISH_FREE || l->tries >= TRIES) {
			hr_writer_publish(w);
			return false;
		}
		w->published_ns = now;
		if (!begin(w)) {
			w->views_changed = true;
			return false;
		}
	}
	r = make_some(w, now + SLICE_NS);
	if (r == 0) {
		put(w);
	} else if (r < 0) {
		abandon(l);
		l->tries++;
		w->views_changed = true;
		w->published_ns = 0; /* at once */
	}
	return l->next != NULL;
}

void hr_writer_list_done(struct hr_writer *w)
{
	abandon(&w->list);
	hr_snapshot_unref(w->list.old);
	w->list.old = NULL;
}
