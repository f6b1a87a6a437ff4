/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer as it is kept between two questions: struct hr_answer has room for
 * every device and all evidence, 69 KB of it mostly zeros; packed it takes a few KB.
 * Only for memory of one process: not a format of files or wires.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "collector/core/answer.h"

/* Bytes needed at most. */
#define HR_ANSWER_PACK_MAX (sizeof(struct hr_answer) * 2)

/* Packs @a into @buf of HR_ANSWER_PACK_MAX.  Length. */
size_t hr_answer_pack(const struct hr_answer *a, void *buf);

/*
 * The answer again, all of it, padding too.  @is_zero: *ret_a is zeroed already
 * (fresh from calloc), so that its unused pages stay untouched.  False: not packed by us.
 */
bool hr_answer_unpack(const void *buf, size_t len, bool is_zero, struct hr_answer *ret_a);
