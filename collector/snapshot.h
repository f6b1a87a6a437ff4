/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What HTTP threads may see of the hosts: an immutable list of immutable answers,
 * exchanged whole under one mutex.  The writer makes them; readers hold a
 * reference while they use one.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "collector/core/answer.h"
#include "collector/core/fleet.h"

struct hr_view {
	_Atomic uint32_t refs;
	uint32_t no;
	struct hr_fleet_row row;
	void *packed; /* the answer, owned; hr_view_answer */
	size_t packed_len;
};

struct hr_snapshot {
	_Atomic uint32_t refs;
	uint32_t n;
	uint64_t serial;       /* of the board's, in the order in which they were put; from 1 on */
	struct hr_fleet fleet; /* of all */
	/* By rank: places in view[] in order of name, then id; then what a question looks at. */
	uint32_t *by_name;
	uint32_t *by_id;                /* places in view[] in order of id */
	uint64_t *key[HR_FLEET_SORT_N]; /* hr_fleet_key; NULL for names, the rank is the key */
	uint8_t *kind;
	struct hr_view *view[]; /* in order of no */
};

struct hr_board {
	pthread_mutex_t lock;
	struct hr_snapshot *current; /* never NULL after init */
	uint64_t serial;             /* given last */
};

int hr_board_init(struct hr_board *b); /* 0 or -ENOMEM */
void hr_board_done(struct hr_board *b);
/* A reference to the current snapshot; give it back with hr_snapshot_unref. */
struct hr_snapshot *hr_board_get(struct hr_board *b);
/* Hosts of the current snapshot, and which one it is. */
uint32_t hr_board_look(struct hr_board *b, uint64_t *ret_serial);
/* Takes over one reference to @s. */
void hr_board_put(struct hr_board *b, struct hr_snapshot *s);
/* Likewise, and gives the board's reference to the one before. */
struct hr_snapshot *hr_board_swap(struct hr_board *b, struct hr_snapshot *s);

/* An empty snapshot for @n views, to be filled before it is put.  NULL: out of memory. */
struct hr_snapshot *hr_snapshot_new(uint32_t n);
/* When views and both orders are in: counts and keys, and those of ranks [@from, @end). */
void hr_snapshot_index(struct hr_snapshot *s);
void hr_snapshot_index_some(struct hr_snapshot *s, uint32_t from, uint32_t end);
void hr_snapshot_unref(struct hr_snapshot *s);

/*
 * Packs @answer, in @room of HR_ANSWER_PACK_MAX; both stay the caller's.  @room NULL: only the
 * row is kept.  NULL: out of memory.
 */
struct hr_view *hr_view_new(
	uint32_t no, const struct hr_answer *answer, uint64_t heard_ms, void *room);
/* A view with this row and no more. */
struct hr_view *hr_view_of_row(uint32_t no, const struct hr_fleet_row *row);
/*
 * The whole answer, the caller's to free; NULL: out of memory.  Of a view that is only a row
 * (packed NULL), what the row says: the writer has the rest.
 */
struct hr_answer *hr_view_answer(const struct hr_view *v);
/* The same into *@ret_a, whatever was there.  False: the bytes are not ours. */
bool hr_view_answer_into(const struct hr_view *v, struct hr_answer *ret_a);
struct hr_view *hr_view_ref(struct hr_view *v);
void hr_view_unref(struct hr_view *v); /* NULL is fine */

enum hr_find {
	HR_FIND_ONE = 0,
	HR_FIND_NONE,
	HR_FIND_SEVERAL, /* the name is not unique */
};
/* By 32 hex digits or host name. */
enum hr_find hr_snapshot_find(
	const struct hr_snapshot *s, const char *id, struct hr_view **ret_view);
