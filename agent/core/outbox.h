/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Index of the spool: which windows wait to be sent, in order, and which of them
 * travel together.  The bytes stay on disk.  Invariant: no window number of
 * one boot is in two items, so no window can be sent under two identities.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/coalesce.h"
#include "agent/core/journal.h"

/* 512 KiB of the smallest windows we encode (~250 bytes); 128 KiB of index when full. */
#define HR_OUTBOX_MAX   2048
#define HR_OUTBOX_FACTS 32 /* boots and epochs whose facts are kept */

struct hr_outbox_item {
	uint64_t boot;
	struct hr_journal_span span;
	uint64_t t_end_ms;
	uint32_t epoch;
	uint32_t off, len; /* its record in the file */
	bool frozen;       /* travels before anything else, as it is */
	bool held;         /* may be stored already: waits its turn, but as it is */
	bool aside;        /* passed over for now; not in the file: a restart tries it again */
};

struct hr_outbox_facts {
	uint64_t boot;
	uint32_t epoch;
	uint32_t off, len; /* its record in the file; len 0: free */
};

struct hr_outbox {
	uint32_t n;
	struct hr_outbox_item item[HR_OUTBOX_MAX]; /* boots by arrival, windows ascending */
	struct hr_outbox_facts facts[HR_OUTBOX_FACTS];
	uint64_t live_bytes; /* of items and facts */
	/* of the current boot */
	uint64_t boot;
	uint64_t seq_last; /* highest number ever used, 0 none */
	uint32_t epoch;    /* highest ever used, 0 none */
	/* since the spool was created */
	uint64_t dropped, merged; /* windows */
};

/*
 * Applies one record found at file offset @off.  0; -EEXIST: a window that is
 * there already, wholly or in part (a merged window may replace whole unfrozen
 * ones); -ENOSPC: no room in the index.  *ob is unchanged on failure.  Only HEAD changes
 * which boot is the current one.
 */
int hr_outbox_apply(struct hr_outbox *ob, const struct hr_journal_record *r, uint32_t off);

/* What one POST carries: items [at[0]], ... ascending, of one boot and epoch. */
struct hr_outbox_batch {
	uint64_t boot;
	uint32_t epoch;
	uint32_t n;
	uint32_t at[HR_JOURNAL_LIST_MAX];                 /* until the index changes */
	struct hr_journal_span span[HR_JOURNAL_LIST_MAX]; /* the same windows, for good */
};

/*
 * Chooses the next POST: frozen windows first and alone; else the newest window
 * and with it at most @backlog of those before it, of its boot and epoch; with @old, the
 * oldest windows of the oldest boot and epoch instead (at most @backlog, at least 1).
 * @max_bytes bounds the sum of record lengths.  Windows aside are passed over.  False: nothing to
 * send.
 */
bool hr_outbox_pick(const struct hr_outbox *ob, uint32_t backlog, bool old, size_t max_bytes,
	struct hr_outbox_batch *ret);

/* A batch of this one window; false: it waits no more. */
bool hr_outbox_find(const struct hr_outbox *ob, uint64_t boot, struct hr_journal_span span,
	struct hr_outbox_batch *ret);

/* Those windows of @was that still wait, each as it was; false: none does. */
bool hr_outbox_again(
	const struct hr_outbox *ob, const struct hr_outbox_batch *was, struct hr_outbox_batch *ret);

/* Whether windows of another boot or epoch wait before those of the newest. */
bool hr_outbox_has_old(const struct hr_outbox *ob);

/*
 * Windows that something on the way refuses step aside, so that they block nobody.  _back: all of
 * them are in the queue again.  _probe: a batch of the next one aside from item *@at on, round and
 * round, so that one which is always refused does not hide the others; false: none is.
 */
void hr_outbox_aside(struct hr_outbox *ob, const struct hr_outbox_batch *batch);
void hr_outbox_back(struct hr_outbox *ob);
bool hr_outbox_probe(const struct hr_outbox *ob, uint32_t *at, struct hr_outbox_batch *ret);
uint32_t hr_outbox_n_aside(const struct hr_outbox *ob);

/* Fills @ret[0..n) for the planner in coalesce.h; @now_ms is wall time. */
void hr_outbox_plan(const struct hr_outbox *ob, uint64_t now_ms, struct hr_coalesce_item *ret);

/* The facts of an item's boot and epoch, NULL when they are gone. */
const struct hr_outbox_facts *hr_outbox_facts_of(
	const struct hr_outbox *ob, uint64_t boot, uint32_t epoch);
