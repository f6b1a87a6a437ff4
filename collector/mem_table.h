/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing table of fixed-size entries, for the store in memory, with one level of undo: of a
 * table that a transaction only appends to its length is kept, of any other a copy.  Out of memory
 * ends the program: it is for tests.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef int (*hr_mem_order_fn)(const void *a, const void *b);

struct hr_mem_table {
	unsigned char *p;
	size_t n, cap, size;
	size_t n_sorted; /* the first so many are in the table's order */
	struct {
		bool is; /* a transaction is open */
		bool copied;
		unsigned char *p; /* the first n entries as they were */
		size_t n, cap, n_sorted;
	} before;
};

static inline void *hr_mem_at(struct hr_mem_table *t, size_t i)
{
	return t->p + i * t->size;
}

void hr_mem_begin(struct hr_mem_table *t);
/* @back: as it was at hr_mem_begin(). */
void hr_mem_end(struct hr_mem_table *t, bool back);
void hr_mem_push(struct hr_mem_table *t, const void *entry);
/* To be called before entries change in place; what orders them does not. */
void hr_mem_change(struct hr_mem_table *t);
/* @n entries from @i on go. */
void hr_mem_drop(struct hr_mem_table *t, size_t i, size_t n);
/* Stable.  A table has one order, always the same; NULL: as they came. */
void hr_mem_sort(struct hr_mem_table *t, hr_mem_order_fn order);
void hr_mem_free(struct hr_mem_table *t);
