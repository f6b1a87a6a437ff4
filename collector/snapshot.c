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

void hr_board_put(struct hr_board *b, struct hr_snapshot *s)
{
	struct hr_snapshot *old;

	pthread_mutex_lock(&b->lock);
	old = b->current;
	b->current = s;
	pthread_mutex_unlock(&b->lock);
	hr_snapshot_unref(old);
}

struct hr_snapshot *hr_snapshot_new(uint32_t n)
{
	struct hr_snapshot *s = calloc(1, sizeof(*s) + n * sizeof(struct hr_view *));

	if (s) {
		atomic_init(&s->refs, 1);
		s->n = n;
	}
	return s;
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

enum hr_find hr_snapshot_find(
	const struct hr_snapshot *s, const char *id, struct hr_view **ret_view)
{
	struct hr_view *found = NULL;

	for (uint32_t i = 0; i < s->n; i++) {
		if (strcmp(s->view[i]->row.id, id) == 0) {
			*ret_view = s->view[i];
			return HR_FIND_ONE;
		}
	}
	for (uint32_t i = 0; i < s->n; i++) {
		if (strcmp(s->view[i]->row.name, id) != 0)
			continue;
		if (found)
			return HR_FIND_SEVERAL;
		found = s->view[i];
	}
	if (!found)
		return HR_FIND_NONE;
	*ret_view = found;
	return HR_FIND_ONE;
}
