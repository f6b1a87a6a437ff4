/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer among others on one database (store_share.h).  Every collector follows what the others
 * store, so that each can answer for all hosts; one of them, the keeper, also rolls up and expires.
 * With a store of its own a collector is its own keeper, and all of this does nothing.
 */
#pragma once

#include <stdbool.h>

#include "collector/store.h"
#include "collector/work.h"

struct hr_host;
struct hr_peers;
struct hr_writer;

/* For a store that others use too; else *ret stays NULL.  False: out of memory. */
bool hr_peers_open(struct hr_peers **ret, const struct hr_store *s);
void hr_peers_close(struct hr_peers *p); /* NULL is fine */

/* begin, and the hosts of @posts are this transaction's, known as they are stored. */
int hr_peers_begin(struct hr_writer *w, struct hr_work *posts);
/* After that transaction: new hosts of which nothing was stored after all are gone again. */
void hr_peers_end(struct hr_writer *w);
/* begin, for what changes tiers, expires or forgets: nobody stores meanwhile. */
int hr_peers_begin_alone(struct hr_writer *w);

/* At the start, around the reading of everything: all of it as of one moment. */
int hr_peers_load_begin(struct hr_writer *w);
int hr_peers_load_end(struct hr_writer *w);

/* Between groups; about once a second it follows the others and tries to be the keeper. */
void hr_peers_follow(struct hr_writer *w);
