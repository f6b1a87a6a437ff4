// SPDX-License-Identifier: Apache-2.0
/* References are counted with atomics; the mutex only guards which snapshot is the current one. */
#include "collector/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/core/answer_pack.h"

int hr_board_init(struct hr_board *b)
{
	b->current = hr_snapshot_new(0);
	if (!b->current)
		return -ENOMEM;
	pthread_mutex_init(&b->lock, NULL);
	return 0;
}

void hr_board_done(struct hr_board *b)
{
	hr_snapshot_unref(b->current);
	b->current = NULL;
	pthread_mutex_destroy(&b->lock);
}

struct hr_snapshot *hr_board_get(struct hr_board *b)
{
	struct hr_snapshot *s;

	pthread_mutex_lock(&b->lock);
	s = b->current;
	atomic_fetch_add(&s->refs, 1);
	pthread_mutex_unlock(&b->lock);
	return s;
}

uint32_t hr_board_look(struct hr_board *b, uint64_t *ret_serial)
{
	uint32_t n;

	pthread_mutex_lock(&b->lock);
	n = b->current->n;
	*ret_serial = b->current->serial;
	pthread_mutex_unlock(&b->lock);
	return n;
}

struct hr_snapshot *hr_board_swap(struct hr_board *b, struct hr_snapshot *s)
{
	struct hr_snapshot *old;

	pthread_mutex_lock(&b->lock);
	s->serial = ++b->serial;
	old = b->current;
	b->current = s;
	pthread_mutex_unlock(&b->lock);
	return old;
}

void hr_board_put(struct hr_board *b, struct hr_snapshot *s)
{
	hr_snapshot_unref(hr_board_swap(b, s));
}

/* One piece of memory, largest members first. */
struct hr_snapshot *hr_snapshot_new(uint32_t n)
{
	size_t views = sizeof(struct hr_snapshot) + n * sizeof(struct hr_view *);
	size_t each = 2 * sizeof(uint64_t) + 2 * sizeof(uint32_t) + 1;
	struct hr_snapshot *s = calloc(1, views + n * each);
	unsigned char *p = (unsigned char *)s + views;

	if (!s)
		return NULL;
	atomic_init(&s->refs, 1);
	s->n = n;
	s->key[HR_FLEET_BY_HEADROOM] = (uint64_t *)(void *)p;
	s->key[HR_FLEET_BY_DAYS] = s->key[HR_FLEET_BY_HEADROOM] + n;
	s->by_name = (uint32_t *)(s->key[HR_FLEET_BY_DAYS] + n);
	s->by_id = s->by_name + n;
	s->kind = (uint8_t *)(s->by_id + n);
	return s;
}

void hr_snapshot_index_some(struct hr_snapshot *s, uint32_t from, uint32_t end)
{
	for (uint32_t r = from; r < end; r++) {
		const struct hr_fleet_row *row = &s->view[s->by_name[r]]->row;

		hr_fleet_count(&s->fleet, row);
		s->kind[r] = (uint8_t)row->kind;
		for (enum hr_fleet_sort by = 0; by < HR_FLEET_SORT_N; by++)
			if (s->key[by])
				s->key[by][r] = hr_fleet_key(row, by, r);
	}
}

void hr_snapshot_index(struct hr_snapshot *s)
{
	hr_snapshot_index_some(s, 0, s->n);
}

void hr_snapshot_unref(struct hr_snapshot *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	for (uint32_t i = 0; i < s->n; i++)
		hr_view_unref(s->view[i]);
	free(s);
}

struct hr_view *hr_view_new(
	uint32_t no, const struct hr_answer *answer, uint64_t heard_ms, void *room)
{
	struct hr_view *v = calloc(1, sizeof(*v));
	size_t len = room ? hr_answer_pack(answer, room) : 0;

	if (!v || (room && !(v->packed = malloc(len)))) {
		free(v);
		return NULL;
	}
	if (room)
		memcpy(v->packed, room, len);
	v->packed_len = len;
	atomic_init(&v->refs, 1);
	v->no = no;
	hr_fleet_row(answer, &v->row);
	v->row.heard_ms = heard_ms;
	return v;
}

struct hr_view *hr_view_of_row(uint32_t no, const struct hr_fleet_row *row)
{
	struct hr_view *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	atomic_init(&v->refs, 1);
	v->no = no;
	v->row = *row;
	return v;
}

/* What the row says, as far as an answer has room for it. */
static void answer_of_row(const struct hr_fleet_row *row, struct hr_answer *a)
{
	memcpy(a->host_id, row->id, sizeof(a->host_id));
	memcpy(a->host, row->name, sizeof(a->host));
	a->at_ms = row->at_ms;
	a->kind = row->kind;
	a->reason = row->reason;
	a->binding.resource = row->binding;
	memcpy(a->binding.device, row->device, sizeof(a->binding.device));
	a->headroom = row->headroom;
	a->days_left.has = row->has_days;
	a->days_left.agreed = row->days_agreed;
	a->days_left.at_least = row->days_at_least;
	a->days_left.likely = row->days_likely;
}

struct hr_answer *hr_view_answer(const struct hr_view *v)
{
	struct hr_answer *a = calloc(1, sizeof(*a));

	if (a && !v->packed) {
		answer_of_row(&v->row, a);
		return a;
	}
	if (a && !hr_answer_unpack(v->packed, v->packed_len, true, a)) {
		free(a);
		return NULL;
	}
	return a;
}

bool hr_view_answer_into(const struct hr_view *v, struct hr_answer *ret_a)
{
	if (v->packed)
		return hr_answer_unpack(v->packed, v->packed_len, false, ret_a);
	memset(ret_a, 0, sizeof(*ret_a));
	answer_of_row(&v->row, ret_a);
	return true;
}

struct hr_view *hr_view_ref(struct hr_view *v)
{
	atomic_fetch_add(&v->refs, 1);
	return v;
}

void hr_view_unref(struct hr_view *v)
{
	if (!v || atomic_fetch_sub(&v->refs, 1) != 1)
		return;
	free(v->packed);
	free(v);
}

static const char *name_at(const struct hr_snapshot *s, uint32_t rank)
{
	return s->view[s->by_name[rank]]->row.name;
}

enum hr_find hr_snapshot_find(
	const struct hr_snapshot *s, const char *id, struct hr_view **ret_view)
{
	uint32_t lo = 0, hi = s->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (strcmp(s->view[s->by_id[mid]]->row.id, id) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < s->n && strcmp(s->view[s->by_id[lo]]->row.id, id) == 0) {
		*ret_view = s->view[s->by_id[lo]];
		return HR_FIND_ONE;
	}
	for (lo = 0, hi = s->n; lo < hi;) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (strcmp(name_at(s, mid), id) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == s->n || strcmp(name_at(s, lo), id) != 0)
		return HR_FIND_NONE;
	if (lo + 1 < s->n && strcmp(name_at(s, lo + 1), id) == 0)
		return HR_FIND_SEVERAL;
	*ret_view = s->view[s->by_name[lo]];
	return HR_FIND_ONE;
}
