/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to numbers, with mandatory bounds: the only caller of strto*.  All parse
 * the whole string (no sign for unsigned, no spaces, no trailing text) and
 * return false, without touching *ret, when it is not exactly that.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool hr_num_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret);
bool hr_num_hex_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret);
bool hr_num_f64(const char *s, double min, double max, double *ret); /* never NaN or infinity */
/* "10s" "500ms" "2m" "24h" "14d" -> ns; a bare number is refused except 0. */
bool hr_num_duration(const char *s, uint64_t min_ns, uint64_t max_ns, uint64_t *ret_ns);
/* "64K" "512M" "2G" "100" -> bytes, powers of 1024. */
bool hr_num_bytes(const char *s, uint64_t min, uint64_t max, uint64_t *ret);
/* "80%" or "0.8" -> 0.8 */
bool hr_num_ratio(const char *s, double min, double max, double *ret);
/* Like hr_num_u64 but from @len bytes without NUL (parsers of /proc). */
bool hr_num_u64_n(const char *s, size_t len, uint64_t *ret);
