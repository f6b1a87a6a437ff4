/* SPDX-License-Identifier: Apache-2.0 */
/* Threads whose reads are counted, and sockets whose ends are both their own. */
#pragma once

#include "tests/unit/hr_cmocka.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/bpf/live.h"

#define MS 1000000ULL

struct pair {
	int in, out; /* what is sent into @out comes out of @in */
};

struct pair connect_to_ourselves(void); /* over TCP */
struct pair unix_pair(int type);
void hang_up(struct pair p);
void send_one(struct pair p); /* byte */
void read_one(struct pair p);

uint32_t own_tid(void);

extern struct live_record *live; /* with its hooks, while tests run */

/* What thread @tid read since the last call. */
struct hr_task reads_of(uint32_t tid);

/* Runs @fn in a thread of its own that is counted: one in some hundreds is not. */
void as_reader(void (*fn)(void));

/* Asserts what a thread of as_reader() read.  Where the host stood still @fn runs once more, twice
 * at most. */
void said(const char *what, struct hr_task t, uint32_t reads, uint32_t late);
extern bool again; /* it will */

/* As main of a program "tp_btf|raw_tp". */
int readers_main(char **argv, const struct CMUnitTest *tests, size_t n);
