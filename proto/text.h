/* SPDX-License-Identifier: Apache-2.0 */
/* Text that may be shown, stored and put into JSON, labels and log lines. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Well-formed UTF-8 (shortest form, no surrogates, <= U+10FFFF) without control
 * characters (C0, DEL, C1), so without NUL.  Empty text is fine.
 */
bool hr_text_ok(const char *s, size_t len);

/*
 * Copies at most @cap - 1 bytes of @s up to its NUL into @to, always terminated,
 * with each byte that hr_text_ok() would refuse (also a sequence cut by @cap)
 * replaced by '?'.  Names of threads come from whoever runs on the VM.
 * @to may be @s.
 */
void hr_text_clean(const char *s, char *to, size_t cap);
