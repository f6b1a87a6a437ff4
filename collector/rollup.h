/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tiers of the store: 10 s windows -> 5 minutes -> hours.  A bin is rolled up when it has been
 * over for a while, host after host, in transactions of some milliseconds between groups; a
 * window that comes after that is noted in its own transaction and folded in soon after.
 * Nothing leaves a tier by age before the next one has it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "collector/store.h"

struct hr_part;
struct hr_writer;
struct hr_rollup;

#define HR_5MIN_MS 300000ULL
#define HR_HOUR_MS 3600000ULL

/* 0, or enum hr_store_result, with *ret NULL for a store without tiers. */
int hr_rollup_open(struct hr_writer *w, struct hr_rollup **ret);
void hr_rollup_close(struct hr_rollup *u); /* NULL is fine */
/* The store's sums were changed by somebody else (a host was forgotten): read them again. */
int hr_rollup_reload(struct hr_writer *w);
/* Others may have noted late windows: look for them in the next step. */
void hr_rollup_look_late(struct hr_writer *w);

/* Of host @host_no the bins of 5 minutes before it are rolled up. */
uint64_t hr_rollup_first_bin(const struct hr_writer *w, uint32_t host_no);
/* Bins before it are over: no window of theirs is to come any more, but for late ones. */
uint64_t hr_rollup_over_bin(const struct hr_writer *w);
/* Sums of bins that are over become what the tier will keep of them. */
void hr_rollup_finish(struct hr_writer *w, struct hr_part *part);

/* In the open transaction: a row was put; a boot goes. */
int hr_rollup_row(struct hr_writer *w, const struct hr_store_row *row);
int hr_rollup_boot_gone(struct hr_writer *w, uint64_t windows);
/* How that transaction ended: @rows count when it is durable. */
void hr_rollup_settle(struct hr_writer *w, bool durable);

/* One piece of work, in its own transaction.  True: there is more at once. */
bool hr_rollup_step(struct hr_writer *w);
/*
 * One piece of expiry in the open transaction, which may have several; RAW first.  *ret_rows >=
 * @max: there may be more.  @below_n: see expire of the store.
 */
int hr_rollup_expire(struct hr_writer *w, uint64_t below_n, uint32_t max, uint32_t *ret_rows);

/* First time (ms) of a tier that is not rolled up yet, for readers: RAW and what is older. */
uint64_t hr_rollup_upto_ms(const struct hr_writer *w, enum hr_tier tier);
