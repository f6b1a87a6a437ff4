/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by gen.c (agents, sockets, time) and gen_body.c (what they send). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/limits.h"

#define GEN_POOL 64 /* different windows; a fleet repeats them in another order per agent */

/* Encodes the pool.  @busy_share of it is a VM at work, the rest idle. */
bool gen_body_init(double busy_share);

/* The id of agent @i: its number is readable in it, so that a checker can find it again. */
void gen_host_id(uint32_t i, uint8_t id[HR_HOST_ID_LEN]);

/*
 * The POST of agent @i with windows @seq .. @seq + @n - 1, the last of which ended at
 * @t_end_ms; the same bytes every time, in @buf of HR_BODY_MAX.  Length, 0: does not fit.
 */
size_t gen_body(uint32_t i, uint64_t seq, uint32_t n, uint64_t t_end_ms, bool facts, void *buf);
