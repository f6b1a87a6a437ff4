/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the collector keeps: hosts, boots with their dedupe state, the windows as
 * received, the model's state per host.  One owner thread: nothing here locks.
 *
 * All writes happen between begin and commit; commit returning 0 means durable.
 * The journal is the list of what was stored after the model's states were last
 * saved: each stored row and each change of facts has a number n (ascending over
 * the store's life); a saved state says up to which n it knows.  Recovery = the
 * saved states, then the journal from there on: nothing missing, nothing twice.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/core/hostseq.h"
#include "proto/cleanup.h"
#include "proto/limits.h"

#define HR_STORE_HOST_MAX 0xffffffu /* host numbers have 24 bits of the row id */
#define HR_STORE_SLOT_MS  10000

/* > 0: why a call did not do its work.  hr_store_error() has the words. */
enum hr_store_result {
	HR_STORE_FULL = 1, /* disk or quota; roll back and go on later */
	HR_STORE_BUSY,     /* another process holds the write lock: foreign */
	HR_STORE_FAILED,   /* I/O error or damage: acknowledge nothing more, restart */
	HR_STORE_AWAY,     /* the server is not reached, or took it back: roll back, go on later */
};

struct hr_store_host {
	uint32_t no; /* 1.. HR_STORE_HOST_MAX, never reused */
	uint8_t id[HR_HOST_ID_LEN];
	char name[HR_NAME_LEN];
	uint64_t last_n; /* reading, of a shared store: n of its latest event, else 0 */
};

struct hr_store_boot {
	uint32_t host_no;
	uint64_t boot;
	uint32_t ord; /* 1.., the boot's short number in rows of this host */
	struct hr_hostseq seq;
	int64_t offset_ms; /* added to the sender's clock */
	uint64_t first_ms; /* begin of its earliest window, our clock */
	uint64_t windows;  /* sequences stored, ever: what the tiers must account for */
	uint64_t heard_ms; /* when it last sent something new */
};

struct hr_store_row {
	uint64_t n;
	uint32_t host_no;
	uint64_t slot; /* end of the window in our clock / HR_STORE_SLOT_MS */
	uint32_t boot_ord;
	uint64_t seq_first, seq_last;
	const void *body; /* Summary as received */
	size_t len;
	bool damaged; /* reading: the checksum does not fit, body is empty */
};

/* One entry of the journal: a row, or facts (row.body NULL). */
struct hr_store_event {
	struct hr_store_row row; /* for facts only n and host_no are set */
	const void *facts;
	size_t facts_len;
	uint64_t at_ms; /* facts: when they came */
};

/*
 * Tiers: the windows of a bin of time as one digest (core/digest.h) per host.  The 10 s rows are
 * tier RAW; the others are made of them by rollup.c.  A bin is the time / its length.
 */
enum hr_tier {
	HR_TIER_RAW = 0,
	HR_TIER_5MIN,
	HR_TIER_HOUR,
	HR_TIER_N,
};
#define HR_TIER_5MIN_SLOTS 30 /* of HR_STORE_SLOT_MS */
#define HR_TIER_HOUR_BINS  12 /* of 5 minutes */

struct hr_tier_row {
	uint32_t host_no;
	uint64_t bin;
	uint64_t windows, samples; /* as of its digest */
	const void *body;
	size_t len;
	bool damaged; /* reading: the checksum does not fit, body is empty */
};

/* Rows of one host with from <= bin <= to. */
struct hr_tier_span {
	enum hr_tier tier; /* not RAW */
	uint32_t host_no;
	uint64_t from, to;
};

/*
 * How far a tier is, and the sums that check it: every window that was stored is in the tier,
 * was taken out by age, could not be read, or is not rolled up yet.
 */
struct hr_tally {
	uint64_t bin;     /* next to be rolled up ... */
	uint32_t host_no; /* ... from this host on */
	uint64_t in_windows, in_samples;
	uint64_t out_windows, out_samples; /* by age */
	uint64_t bad_windows;              /* damaged: never in it, or out of it */
};
/* RAW: in_windows counts those of boots that were dropped since; of the others their boot knows. */

struct hr_store_state {
	uint32_t host_no;
	uint64_t upto;     /* every n <= upto of this host is inside */
	const void *bytes; /* hr_vm_encode */
	size_t len;
	const char
		*answer; /* JSON of the answer at that time, for readers of the file; may be NULL */
};

struct hr_store_stats {
	uint64_t file_bytes, wal_bytes;
	uint64_t collisions;  /* rows put beside another one of their slot and host since opening;
			       * 0 in a store that keeps no place for one only */
	uint64_t quarantined; /* rows held there now */
};

/* What the fleet shows of a host, for the start (core/fleet.h, hr_fleet_row_put). */
struct hr_store_view {
	uint32_t host_no;
	const void *bytes;
	size_t len;
};

/* Callbacks: non-zero ends the walk and is returned.  Pointers live for the call only. */
typedef int (*hr_store_host_fn)(void *arg, const struct hr_store_host *h);
typedef int (*hr_store_boot_fn)(void *arg, const struct hr_store_boot *b);
typedef int (*hr_store_row_fn)(void *arg, const struct hr_store_row *r);
typedef int (*hr_store_event_fn)(void *arg, const struct hr_store_event *e);
typedef int (*hr_store_tier_fn)(void *arg, const struct hr_tier_row *r);
typedef int (*hr_store_state_fn)(void *arg, const struct hr_store_state *s);
typedef int (*hr_store_view_fn)(void *arg, const struct hr_store_view *v);

struct hr_store {
	const struct hr_store_ops *ops;
	const struct hr_store_shared_ops *shared; /* store_share.h; NULL: nobody else uses it */
	char error[256];                          /* what the last failing call met, in words */
};

/* All return 0, or enum hr_store_result, or what a callback returned. */
struct hr_store_ops {
	int (*begin)(struct hr_store *s);
	/*
	 * A transaction nobody is told of (saved states, roll-ups, expiry): its commit may return
	 * before it is durable, if it is durable at the latest with the next one of begin().  After
	 * a power cut either all of it is there or none, and none that came after it.  NULL: begin.
	 */
	int (*begin_lazy)(struct hr_store *s);
	int (*commit)(struct hr_store *s);
	void (*rollback)(struct hr_store *s);
	int (*put_host)(struct hr_store *s, const struct hr_store_host *h); /* new or renamed */
	int (*put_boot)(struct hr_store *s, const struct hr_store_boot *b); /* new or changed */
	int (*drop_boot)(struct hr_store *s, uint32_t host_no, uint64_t boot);
	/*
	 * Forgets a host: boots, state, facts and journal entries go, its row becomes a tombstone
	 * (name "", which hosts() shows) until its windows are purged.
	 */
	int (*forget)(struct hr_store *s, uint32_t host_no);
	/*
	 * Deletes a forgotten host's windows in up to @max_slots slots from *slot (0 at first) on;
	 * *slot moves on, to HR_STORE_PURGED when none is left.  *ret_rows grows by their number.
	 */
	int (*purge)(struct hr_store *s, uint32_t host_no, uint64_t *slot, uint32_t max_slots,
		uint64_t *ret_rows);
	/* And its journal entry.  What keeps it from being written may show with the commit only.
	 */
	int (*put_row)(struct hr_store *s, const struct hr_store_row *r);
	int (*put_facts)(
		struct hr_store *s, const struct hr_store_event *e); /* and its journal entry */
	int (*put_state)(struct hr_store *s, const struct hr_store_state *v); /* replaces */
	/*
	 * Entries n < @below_n, the oldest first and about @max of them; *ret_more: some are left.
	 * Windows that are one row have one entry, which stays as long as that of the last of them.
	 */
	int (*trim_journal)(struct hr_store *s, uint64_t below_n, uint32_t max, bool *ret_more);
	/*
	 * Deletes rows of slots < @slot that are not in the journal (n < @below_n), about @max:
	 * fewer are all there are.  @ret_windows: sequences in them.  A store that keeps days apart
	 * waits for whole ones, and one that keeps what came together in one row for whole bins.
	 */
	int (*expire)(struct hr_store *s, uint64_t slot, uint64_t below_n, uint32_t max,
		uint32_t *ret_rows, uint64_t *ret_windows);
	/*
	 * The windows of a host's 5 minutes, which are rolled up, become one row that takes less
	 * room, unless one of them has n >= @below_n: then *ret_waits, and all stays as it is.
	 * What comes later stays a row of its own, and so may what lies in few rows as it came.
	 * NULL: all stay as they came.
	 */
	int (*pack)(struct hr_store *s, uint32_t host_no, uint64_t bin, uint64_t below_n,
		bool *ret_waits);
	/* Moves a row that cannot be read out of the way, kept for inspection. */
	int (*quarantine)(struct hr_store *s, const struct hr_store_row *r);
	int (*hosts)(struct hr_store *s, hr_store_host_fn fn, void *arg); /* by no */
	int (*boots)(struct hr_store *s, hr_store_boot_fn fn, void *arg); /* by host, ord */
	int (*states)(struct hr_store *s, hr_store_state_fn fn, void *arg);
	int (*journal)(struct hr_store *s, hr_store_event_fn fn, void *arg); /* by n */
	/*
	 * For fleets whose models do not fit in memory (turns.c); all four or NULL in all: then
	 * every model stays in memory.  One host's state: fn is called once or not at all.  The
	 * journal's entries n >= @from_n, at most @max, without the rows' bodies.  Views: put
	 * replaces.  An entry of several windows has the n of the last, and a slot of their bin.
	 */
	int (*state)(struct hr_store *s, uint32_t host_no, hr_store_state_fn fn, void *arg);
	int (*journal_heads)(
		struct hr_store *s, uint64_t from_n, uint32_t max, hr_store_event_fn fn, void *arg);
	int (*put_view)(struct hr_store *s, const struct hr_store_view *v);
	int (*views)(struct hr_store *s, hr_store_view_fn fn, void *arg);
	/* Latest facts of one host: fn is called once or not at all; n is 0. */
	int (*facts)(struct hr_store *s, uint32_t host_no, hr_store_event_fn fn, void *arg);
	/*
	 * Rows of one host with from <= slot <= to, by slot; host 0: of all hosts (tests), as they
	 * lie.  A damaged one may be several, seq_last - seq_first + 1 windows of that slot's bin
	 * (boot 0: of several boots).
	 */
	int (*range)(struct hr_store *s, uint32_t host_no, uint64_t from, uint64_t to,
		hr_store_row_fn fn, void *arg);
	/* Tiers.  A store without them (in memory) has NULL in all of these. */
	int (*tally)(struct hr_store *s, struct hr_tally ret_tally[HR_TIER_N]);
	int (*put_tally)(struct hr_store *s, enum hr_tier tier, const struct hr_tally *t);
	int (*put_tier)(struct hr_store *s, enum hr_tier tier, const struct hr_tier_row *r);
	int (*tier)(struct hr_store *s, const struct hr_tier_span *span, hr_store_tier_fn fn,
		void *arg); /* by bin */
	/* Deletes rows of bins < @bin, at most @max; @ret_out: what was in them. */
	int (*expire_tier)(struct hr_store *s, enum hr_tier tier, uint64_t bin, uint32_t max,
		uint32_t *ret_rows, struct hr_tally *ret_out);
	/* Smallest slot >= @slot, or bin >= @slot of a tier, that has a row; UINT64_MAX: none. */
	int (*next_slot)(struct hr_store *s, enum hr_tier tier, uint64_t slot, uint64_t *ret_slot);
	/*
	 * Windows that came when their bin was rolled up already: noted, each right behind its
	 * put_row(), listed by n, taken off.
	 */
	int (*put_late)(struct hr_store *s, const struct hr_store_row *r);
	int (*late)(struct hr_store *s, uint32_t max, hr_store_row_fn fn, void *arg);
	int (*drop_late)(struct hr_store *s, uint64_t upto_n);
	/* Largest n ever given (0 = none). */
	int (*last_n)(struct hr_store *s, uint64_t *ret_n);
	int (*stats)(struct hr_store *s, struct hr_store_stats *ret_stats);
	/* Between transactions, after the acknowledgements: moves the log into the file when due.
	 */
	int (*maintain)(struct hr_store *s);
	void (*close)(struct hr_store *s);
};

static inline const char *hr_store_error(const struct hr_store *s)
{
	return s->error;
}

static inline int hr_store_begin_lazy(struct hr_store *s)
{
	return s->ops->begin_lazy ? s->ops->begin_lazy(s) : s->ops->begin(s);
}

static inline void hr_store_closep(struct hr_store **s)
{
	if (*s)
		(*s)->ops->close(*s);
}

static inline uint64_t hr_store_id(uint32_t host_no, uint64_t slot)
{
	return slot << 24 | host_no;
}
#define HR_STORE_SLOT_MAX ((1ULL << 38) - 1) /* row ids stay positive */
#define HR_STORE_PURGED   UINT64_MAX

/* In memory, for tests.  NULL: out of memory. */
struct hr_store *hr_store_mem_open(void);
/* The next @n commits fail with @result. */
void hr_store_mem_fail(struct hr_store *s, unsigned n, enum hr_store_result result);

struct hr_store_sqlite_conf {
	const char *path;
	uint64_t max_bytes;   /* quota of the file; 0: none */
	uint64_t cache_bytes; /* 0: 64 MiB */
	bool mover; /* a thread of its own moves the log into the file, beside the owner's work */
};
#define HR_STORE_ERROR_LEN 512
/*
 * Opens or creates the database.  A damaged file is renamed aside with its -wal
 * (said in @note, which is empty otherwise) and a new one begun.  NULL: not
 * possible, @error has what, why and what to do.
 */
struct hr_store *hr_store_sqlite_open(const struct hr_store_sqlite_conf *conf,
	char note[HR_STORE_ERROR_LEN], char error[HR_STORE_ERROR_LEN]);

/* "<database>.lock", held while the descriptor lives.  fd, or -1 with @error. */
int hr_store_lock(const char *db_path, char error[HR_STORE_ERROR_LEN]);
