/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by writer.c (thread and upkeep), group.c (one transaction), recover.c (start), ask.c. */
#pragma once

#include <pthread.h>

#include "collector/core/part.h"
#include "collector/hosts.h"
#include "collector/peers.h"
#include "collector/rollup.h"
#include "collector/writer.h"

#define HR_STATE_MAX  (4 * 1024 * 1024) /* bytes of one host's state, refused above */
#define HR_GROUP_ROWS 5000 /* 30-40 ms of SQLite; a longer transaction would hold up the acks */

/* A window of the open transaction, and of the model's work after it. */
struct hr_group_row {
	struct hr_host *host;
	struct hr_store_row row;
	int64_t offset_ms;
	const struct hr_post *post;
};

/* Facts of the open transaction; n orders them among the rows. */
struct hr_group_facts {
	struct hr_host *host;
	uint64_t n;
	const struct hr_post *post;
};

/* publish.c: the list of the fleet that is being made, and the one it takes the place of. */
struct hr_listing {
	struct hr_snapshot *next; /* NULL: none is being made */
	struct hr_snapshot *old;  /* shown before, to be given back */
	enum {
		HR_LIST_VIEWS, /* of hosts next_no to last_no */
		HR_LIST_ORDERS,
		HR_LIST_KEYS, /* and the counts */
	} step;
	uint32_t next_no, last_no;
	uint32_t n, room; /* views in it, and so many at most */
	uint32_t at;      /* the rank at which orders and keys go on */
	uint64_t drops;   /* from the orders, when it was begun */
	unsigned tries;   /* that came to nothing one after the other */
};

struct hr_writer {
	struct hr_writer_conf conf; /* the thread's copy */
	struct hr_store *store;
	struct hr_counters *count;
	struct hr_board *board;
	struct hr_hosts hosts;
	struct hr_orders orders;  /* of those that have a view */
	struct hr_rollup *rollup; /* NULL: a store without tiers */
	struct hr_peers *peers;   /* NULL: nobody else uses the store */
	_Atomic bool keeper;
	uint64_t last_n;    /* given last */
	_Atomic int state;  /* enum hr_writer_state */
	bool full_in_store; /* DISK_FULL was met by a write, not seen before it: a commit ends it */
	uint64_t next_expire_ns, stats_ns;

	uint64_t hot_bytes; /* models and whole answers in memory */
	uint32_t n_hot;     /* hosts that have one */
	bool few_hot;       /* the fleet would take several times the room there is */
	uint32_t turn_at;   /* where turns go on */
	uint64_t scan_n;    /* the journal is read up to here (a start with cold hosts); 0: all */
	uint64_t open_ns;   /* when loading began */
	uint64_t first_unsaved, first_unsaved_ns; /* of a large fleet, as of then */

	struct hr_host *due, **due_end; /* hosts whose answer is due, in order of arrival */
	uint32_t n_due;
	bool behind;           /* a job of upkeep has more to do at once */
	uint32_t job_at;       /* where upkeep goes on */
	bool views_changed;    /* since the list on the board, or the one that is made, was begun */
	uint64_t published_ns; /* when that was */
	struct hr_listing list;
	uint32_t save_at;                    /* where saving goes on */
	uint64_t save_look_ns, turn_look_ns; /* hr_writer_look */

	/* the open transaction */
	struct hr_group_row *row;
	uint32_t n_rows;
	struct hr_group_facts *facts;
	uint32_t n_facts;
	struct hr_host **touched;
	uint32_t n_touched;
	uint32_t cap_posts; /* room in facts and touched; rows have HR_GROUP_ROWS + HR_BATCH_MAX */

	/* scratch: too large for a stack */
	struct hr_wire_arena *arena;
	struct hr_summary *summary;
	struct hr_facts *facts_scratch;
	struct hr_answer *answer;
	void *pack_room;
	void *state_room;     /* [HR_PART_MAX + HR_STATE_MAX], of which a state touches some KB */
	struct hr_part *part; /* of the host whose turn it is */

	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t wake;
	struct hr_work *first, **last;
	uint64_t first_ns; /* when first came */
	bool asked;        /* there is a question: it waits for no group */
	bool stop;
	bool has_new_conf;
	struct hr_writer_conf new_conf;
};

/* group.c: one transaction over @posts (chained by work.next); fills each post's result. */
void hr_group_run(struct hr_writer *w, struct hr_work *posts);
/* writer.c: one pass of the thread's loop over @list; for the thread, and for tests without one. */
void hr_writer_step(struct hr_writer *w, struct hr_work *list);
/* recover.c */
int hr_recover(struct hr_writer *w, char error[HR_STORE_ERROR_LEN]);
/* ask.c */
void hr_ask_run(struct hr_writer *w, struct hr_ask *ask);
/* forget.c: the whole of it; and the windows of a host that is a tombstone already. */
void hr_writer_forget(struct hr_writer *w, struct hr_ask *ask);
int hr_writer_purge(struct hr_writer *w, uint32_t host_no, uint64_t *ret_windows);
/* Out of memory only, with its place in the queue; no pointer to it may be in use. */
void hr_writer_drop_host(struct hr_writer *w, struct hr_host *host);

/*
 * Gives one stored window, or facts, to a host's model; false: it could not be decoded.
 * @checked: the bytes came through hr_wire_open in this process, not from the disk.
 */
bool hr_writer_feed(struct hr_writer *w, struct hr_host *host, const struct hr_store_row *row,
	int64_t offset_ms, bool checked);
bool hr_writer_feed_facts(
	struct hr_writer *w, struct hr_host *host, const void *facts, size_t len, uint64_t at_ms);
/* The model of a saved state, as hr_vm_decode() has it, whether or not a part stands before it. */
struct hr_vm *hr_writer_state_vm(const struct hr_writer *w, const struct hr_host *host,
	const struct hr_store_state *s, bool *ret_no_memory);
/* @host has a name, or another one: which sections [host "PATTERN"] are its own. */
void hr_writer_know(const struct hr_writer *w, struct hr_host *host);
/* The constants that @host is judged with, in *room if they are its own. */
const struct hr_model_conf *hr_writer_model(
	const struct hr_writer *w, const struct hr_host *host, struct hr_model_conf *room);
/* The host's model, made when there is none; NULL: out of memory. */
struct hr_vm *hr_writer_vm(struct hr_writer *w, struct hr_host *host);

/* The window in w->summary, in our clock.  False: it could not be decoded. */
bool hr_writer_window(
	struct hr_writer *w, const struct hr_store_row *row, int64_t offset_ms, bool checked);

/*
 * turns.c: hosts whose models do not fit in memory.  _chill: @host's model is (not) to be kept
 * here from now on, before its windows are fed; true: it is cold.
 */
bool hr_turn_chill(struct hr_writer *w, struct hr_host *host);
/* @strain: of this window at least. */
void hr_turn_note_row(
	struct hr_host *host, uint64_t n, uint64_t slot, const struct hr_strain *strain);
/* Windows of which only one slot of their bin is known. */
void hr_turn_note_bin(struct hr_host *host, uint64_t n, uint64_t slot);
void hr_turn_note_facts(struct hr_host *host, uint64_t n);
/* A cold host's model with all that is stored, the caller's to free; NULL: no memory, or the store
 * cannot be read. */
struct hr_vm *hr_turn_peek(struct hr_writer *w, struct hr_host *host);
/* turns_due.c: whether it is the turn of the host at @place of the table. */
bool hr_turn_is_due(const struct hr_writer *w, uint32_t place, uint64_t now);
/* The longest that a window waits for a turn, but for a writer that is behind; 0: none does. */
uint64_t hr_turn_longest_ns(const struct hr_writer *w);
/* What a turn that ended in @a found; @worst: the least headroom of one of its minutes; @target:
 * its host's. */
uint8_t hr_turn_calm(
	const struct hr_writer *w, double target, const struct hr_answer *a, double worst);
/* A host that was @was, after that turn. */
struct hr_cold hr_turn_settled(const struct hr_cold *was, uint8_t calm, uint64_t now);
/* Turns of hosts that are due, for a slice of time. */
void hr_writer_turns(struct hr_writer *w);
/*
 * Bytes of models that may be in memory: what is configured, as long as a part of the fleet worth
 * having fits, and an eighth of it for a fleet that would take four times as much (three, once it
 * is so).  There nearly every host waits for its turn, and a few that do not are memory for
 * nothing.
 */
uint64_t hr_turn_room(struct hr_writer *w);
/* After a change of host->vm or host->view: what they take. */
void hr_turn_weigh(struct hr_writer *w, struct hr_host *host);
/* @host's model, whose state is stored as it is here, leaves memory. */
void hr_turn_cool(struct hr_writer *w, struct hr_host *host);
/* A start with cold hosts: what they showed last, and then the journal in pieces. */
int hr_turn_recover(struct hr_writer *w);
/* A piece of the journal.  Windows that came since the start are noted already: ranges do not mind.
 */
void hr_turn_scan(struct hr_writer *w);
/* The bytes of put_view for @host's view, in the open transaction. */
int hr_writer_put_view(struct hr_writer *w, const struct hr_view *v);
/* A view of what @vm says now; NULL: out of memory. */
struct hr_view *hr_writer_view(
	struct hr_writer *w, struct hr_host *host, struct hr_vm *vm, bool whole);

/*
 * Hosts to be looked at in a pass of a job: all of a small fleet, of a large one at most @most, and
 * so many that each is looked at in some 10 s.  *at_ns: of the job, when it was asked last.
 */
uint32_t hr_writer_look(const struct hr_writer *w, uint32_t most, uint64_t *at_ns);
/* A group waits that has had its time to fill, or a question, or the end. */
bool hr_writer_is_due(struct hr_writer *w);
/* upkeep.c: one pass; the last one, at the end. */
void hr_writer_upkeep(struct hr_writer *w);
/* The store's own upkeep, when due; also between groups of a long queue, or its log would grow. */
void hr_writer_maintain(struct hr_writer *w);
void hr_writer_upkeep_last(struct hr_writer *w);
/* One transaction of expiry: the journal trimmed, old rows removed.  True: there may be more. */
bool hr_writer_expire(struct hr_writer *w);
void hr_writer_gauges(struct hr_writer *w);
/* There is news of @host: its answer is made in one of the next passes. */
void hr_writer_answer_soon(struct hr_writer *w, struct hr_host *host);
/* The fleet shows @host by @name with its next answer at the latest. */
void hr_writer_rename(struct hr_writer *w, struct hr_host *host, const char *name);
/* At the start: the answers of a small fleet at once, of a large one as far as time allows. */
void hr_writer_answer_first(struct hr_writer *w);
/* publish.c: the board's list anew, all of it; a slice, when it is time: true, there is more. */
void hr_writer_publish(struct hr_writer *w);
bool hr_writer_list(struct hr_writer *w);
void hr_writer_list_done(struct hr_writer *w);
/* A step of upkeep that began at @from_ns is over: groups may have waited for it. */
void hr_writer_stall(struct hr_writer *w, enum hr_step step, uint64_t from_ns);
/* Enough free disk to take windows; follows it in the writer's state. */
bool hr_writer_space_left(struct hr_writer *w);
/* A commit was durable: whatever kept the writer from storing is over. */
void hr_writer_stored(struct hr_writer *w);
/* Decides what a store's failure means for the writer, logs it, counts it. */
void hr_writer_failed(struct hr_writer *w, int result, const char *doing);
