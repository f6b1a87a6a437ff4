/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct hr_answer <-> the contract's JSON (headroom.answer/1): the server, the
 * command line and the tests share these two functions.  An unknown number is
 * null, never 0; NaN and infinity cannot be written and become null, too.
 * Members that the contract may gain are skipped on the way in.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/core/answer.h"

/* Allocates: the text is the caller's to free(); NULL: out of memory.  @pretty: indented lines. */
char *hr_answer_json(const struct hr_answer *a, bool pretty);

/* False, *ret untouched and the reason in @err: not an answer of schema 1. */
bool hr_answer_from_json(const char *text, size_t len, struct hr_answer *ret_answer, char err[160]);

/* Unix ms <-> "2026-11-23T17:00:00Z" (seconds; the fraction is cut).  @to holds 21 bytes. */
#define HR_RFC3339_LEN 24
void hr_rfc3339(uint64_t unix_ms, char to[HR_RFC3339_LEN]);
bool hr_rfc3339_parse(const char *s, uint64_t *ret_unix_ms);
