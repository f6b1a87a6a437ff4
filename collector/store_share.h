/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a store adds that several collectors use at once (store_pg_share.c); store.h's part is
 * complete without it.  Events of one host ascend in n in the order in which they become visible.
 */
#pragma once

#include "collector/store.h"

struct hr_store_claim {
	uint8_t id[HR_HOST_ID_LEN];
	uint32_t no;     /* 0: not stored, and none could be given */
	uint64_t last_n; /* of its latest event */
	bool is_new;     /* not stored yet; @no is this transaction's to use */
};

/* A host, and what is known of it: events up to n = upto. */
struct hr_store_want {
	uint32_t host_no;
	uint64_t upto;
};

/* Called in this order: every host, their boots, states and events newer than wanted, by n. */
struct hr_store_walk {
	hr_store_host_fn host;
	hr_store_boot_fn boot;
	hr_store_state_fn state;
	hr_store_event_fn event;
};

/* All return 0, or enum hr_store_result, or what a callback returned. */
struct hr_store_shared_ops {
	/*
	 * In the open transaction, before it judges anything: no other collector stores windows of
	 * these hosts until it ends.  @claim is by id, each once.  @has_new: numbers are given to
	 * those not stored.  *ret_n: numbers of its events begin after it.
	 */
	int (*claim)(struct hr_store *s, struct hr_store_claim *claim, uint32_t n, bool has_new,
		uint64_t *ret_n);
	/* In the open transaction: nobody stores windows of any host until it ends. */
	int (*alone)(struct hr_store *s);
	/* Hosts that are being forgotten. */
	int (*gone)(struct hr_store *s, hr_store_host_fn fn, void *arg);
	/* A transaction that reads as of one moment; ended by commit or rollback. */
	int (*snapshot)(struct hr_store *s);
	/*
	 * In a snapshot: hosts (the caller's to free) of which others stored something since the
	 * snapshot that seen() spoke of last, or the first one; upto is n of their latest event.
	 */
	int (*changed)(struct hr_store *s, struct hr_store_want **ret_hosts, uint32_t *ret_n);
	void (*seen)(struct hr_store *s);
	/* In a transaction: all that is newer than @want says.  Callbacks do not use the store. */
	int (*read)(struct hr_store *s, const struct hr_store_want *want, uint32_t n,
		const struct hr_store_walk *walk, void *arg);
	/* Whether this collector is the one that rolls up and expires; tries to become it. */
	int (*keeper)(struct hr_store *s, bool *ret);
};
