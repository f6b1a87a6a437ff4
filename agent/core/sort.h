/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sorts in place.  glibc's qsort (up to 2.36) allocates from 1 KiB on, and nothing is allocated
 * while sampling.
 */
#pragma once

#include <stddef.h>

/* @n elements of @size bytes at @base, ascending by @cmp (as for qsort); not stable. */
void hr_sort(void *base, size_t n, size_t size, int (*cmp)(const void *a, const void *b));
