/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memset to 0 of a large table that is mostly 0 already.  What is 0 is read and not written: a page
 * of fresh memory that nobody writes is the kernel's one page of zeros, and costs nothing.
 * The tables are for the largest VM; a small one touches a tenth of them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HR_CLEAR_STEP 512 /* divides a page */

static inline void hr_clear(void *p, size_t n)
{
	unsigned char *at = p;

	while (n > 0) {
		size_t step = n < HR_CLEAR_STEP ? n : HR_CLEAR_STEP;
		uint64_t any = 0, word;
		size_t i = 0;

		for (; i + sizeof(word) <= step; i += sizeof(word)) {
			memcpy(&word, at + i, sizeof(word));
			any |= word;
		}
		for (; i < step; i++)
			any |= at[i];
		if (any)
			memset(at, 0, step);
		at += step;
		n -= step;
	}
}
