/* SPDX-License-Identifier: Apache-2.0 */
/* Every host's state: identity, boots with their dedupe state, the model.  The writer's alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/core/strain.h"
#include "collector/core/vm.h"
#include "collector/store.h"

#define HR_BOOTS_MAX    64 /* boots of one host whose sequences are known; the oldest goes first */
#define HR_BOOT_KEEP_MS (7 * 86400000ULL) /* but not before its spool can have gone stale */

/*
 * A struct hr_store_boot with room for the gaps that it has and no more: nearly all have none, and
 * room for as many as there may be would be 8 KB, for each VM.
 */
struct hr_boot_kept {
	uint64_t boot;
	uint64_t high, bits, floor; /* core/hostseq.h */
	int64_t offset_ms;
	uint64_t first_ms, windows, heard_ms;
	struct hr_hostseq_gap *gap; /* [n_gaps], never changed in place; NULL: none */
	uint32_t ord;
	uint16_t n_gaps;
	bool any;
};

struct hr_boot {
	struct hr_boot_kept now;     /* as of the open transaction */
	struct hr_boot_kept *before; /* as committed, while an open transaction changes it */
	bool is_stored, touched;
	bool going; /* makes room for another: gone when the open transaction is durable */
};

struct hr_view;

/* Slots [lo, hi] in which windows lie that the saved state of a cold host lacks. */
struct hr_pending {
	uint32_t lo, hi;
};
#define HR_PENDING_MAX 4 /* one more is joined to its neighbour: then more slots are looked at */

/*
 * A host whose model is in the store, not in memory (turns.c): its windows wait there for the
 * host's turn.
 */
struct hr_cold {
	bool is; /* cold */
	uint8_t n_slots, n_facts;
	bool facts_many; /* the last of facts_n is the newest; between are some it has no room for
			  */
	struct hr_pending slots[HR_PENDING_MAX];
	uint64_t facts_n[HR_PENDING_MAX]; /* n of its facts that wait, in order */
	uint64_t turned_ns;               /* monotonic, last turn; 0: none yet */
	uint8_t calm;                     /* enum hr_calm, as of that turn */
	bool unseen;                      /* windows wait whose strain is not known */
	struct hr_strain now;             /* of the windows that wait */
	struct hr_strain known;           /* the most that a turn has found to be as calm */
};

/* What a host's last turn has found, and its windows since may only confirm. */
enum hr_calm {
	HR_CALM_NOT = 0, /* something can change soon */
	HR_CALM_LOW,     /* its headroom is below the threshold of the alert, which can come once */
	HR_CALM_WIDE,    /* it is far from all thresholds, and so was each of its minutes */
};

struct hr_host {
	uint32_t no;
	uint32_t place; /* in the snapshot that is being made */
	bool in_orders;
	uint8_t id[HR_HOST_ID_LEN];
	char name[HR_NAME_LEN];
	bool is_stored; /* its row in the store is as here */
	bool in_group;  /* has touched boots in the open transaction */
	bool has_state; /* recovery: the model came from a saved state */
	bool answer_due;
	struct hr_boot *boot; /* in order of ord */
	uint32_t n_boots, cap_boots;
	uint32_t last_ord;
	uint32_t vm_bytes; /* counted in the writer's hot_bytes */
	struct hr_vm *vm;  /* NULL: none yet, or cold */
	uint64_t rules;    /* sections [host "PATTERN"] that name it (core/host_rules.h) */
	struct hr_cold cold;
	uint64_t upto;                  /* every n <= upto is in the model */
	uint64_t unsaved_n;             /* smallest n that is not in the saved state; 0: none */
	uint64_t saved_ns, answered_ns; /* monotonic */
	struct hr_host *next_due;       /* behind it in the writer's queue */
	uint64_t heard_ms;              /* last new window */
	uint64_t clone_ms;              /* last evidence of a second machine with this id; 0 none */
	struct hr_view *view;           /* latest answer; snapshot.h */
};

struct hr_hosts {
	struct hr_host **by_no; /* [0 .. n-1], in order of no */
	uint32_t n, cap, max;
	uint32_t next_no;
	uint32_t *slot;   /* hash of id -> index + 1 */
	uint32_t n_slots; /* power of two */
};

/*
 * Hosts that the fleet shows, in an order that is kept: new ones are sorted among themselves and
 * merged, so that 100 000 names are not sorted at each look.
 */
struct hr_order {
	struct hr_host **host;
	uint32_t n, cap;
};
struct hr_orders {
	struct hr_order by_name, by_id;
	uint64_t drops; /* so far */
};
/* @fresh, each with a view, are sorted in place.  False, and no change: out of memory. */
bool hr_orders_add(struct hr_orders *o, struct hr_host **fresh, uint32_t n);
/* Before @host goes; it may come again. */
void hr_orders_drop(struct hr_orders *o, struct hr_host *host);
/* @v, taken over, is what is shown of @host from now on.  By another name it is to be added anew.
 */
void hr_orders_show(struct hr_orders *o, struct hr_host *host, struct hr_view *v);
void hr_orders_done(struct hr_orders *o);

int hr_hosts_init(struct hr_hosts *h, uint32_t max); /* 0 or -ENOMEM */
void hr_hosts_done(struct hr_hosts *h);
struct hr_host *hr_hosts_find(const struct hr_hosts *h, const uint8_t id[HR_HOST_ID_LEN]);
struct hr_host *hr_hosts_by_no(const struct hr_hosts *h, uint32_t no);
/* The place in by_no of the first host with @no or a higher number; n: none has. */
uint32_t hr_hosts_from(const struct hr_hosts *h, uint32_t no);
/* A new host; @no 0: the next free number.  NULL: the table is full or memory is out. */
struct hr_host *hr_hosts_add(struct hr_hosts *h, const uint8_t id[HR_HOST_ID_LEN], uint32_t no);

/* Takes back the last hr_hosts_add, when nothing was added after it. */
void hr_hosts_undo_add(struct hr_hosts *h);

/* Takes @host out and frees it; its number is not given again. */
void hr_hosts_remove(struct hr_hosts *h, struct hr_host *host);

/*
 * How often each of @hosts posts: every @least_ms, and in a large fleet less often, in steps of a
 * window, so that no more than 1000 POSTs/s come until the period is 100 s (100 000 hosts).
 */
uint64_t hr_hosts_period_ms(uint32_t hosts, uint64_t least_ms);

/*
 * When in the period host @no of @hosts posts, as told with each acknowledgement: 64 hosts post in
 * the order of their rows, one after the other; the blocks of 64 lie in the period by the reversed
 * bits of their number, so they are spread over all of it at each size of the fleet, and a fleet
 * that grows moves nobody to another block's time.
 */
uint64_t hr_hosts_phase_ms(uint32_t no, uint32_t hosts, uint64_t period_ms);

/* Correction of the clock of the boot with this ord. */
int64_t hr_host_offset(const struct hr_host *host, uint32_t boot_ord);
struct hr_boot *hr_host_boot(const struct hr_host *host, uint64_t boot);
/* All that is kept of @b; and @v instead of it.  False, and no change: out of memory. */
void hr_boot_get(const struct hr_host *host, const struct hr_boot *b, struct hr_store_boot *ret_v);
bool hr_boot_set(struct hr_boot *b, const struct hr_store_boot *v);
/* Keeps what is committed of @b until hr_boot_settle(); false: out of memory. */
bool hr_boot_hold(struct hr_boot *b);
/* The transaction that touched @b is durable, or is undone: so is @b. */
void hr_boot_settle(struct hr_boot *b, bool durable);
/* A new boot, @ord 0: the next.  NULL: HR_BOOTS_MAX reached and none is going, or out of memory. */
struct hr_boot *hr_host_add_boot(struct hr_host *host, uint64_t boot, uint32_t ord);
/* The boot that may be forgotten to make room, or NULL. */
struct hr_boot *hr_host_oldest_boot(const struct hr_host *host, uint64_t now_ms);
void hr_host_drop_boot(struct hr_host *host, uint64_t boot);
void hr_host_drop_boots(struct hr_host *host); /* all of them */
