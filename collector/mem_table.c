// SPDX-License-Identifier: Apache-2.0
/* See mem_table.h. */
#include "collector/mem_table.h"

#include <stdlib.h>
#include <string.h>

static void make_room(unsigned char **p, size_t *cap, size_t n, size_t size)
{
	if (n <= *cap)
		return;
	*cap = *cap ? *cap : 64;
	while (*cap < n)
		*cap *= 2;
	*p = realloc(*p, *cap * size);
	if (!*p)
		abort();
}

void hr_mem_begin(struct hr_mem_table *t)
{
	t->before.is = true;
	t->before.copied = false;
	t->before.n = t->n;
}

void hr_mem_end(struct hr_mem_table *t, bool back)
{
	t->before.is = false;
	if (!back)
		return;
	t->n = t->before.n;
	if (t->before.copied) {
		unsigned char *p = t->p;
		size_t cap = t->cap;

		t->p = t->before.p;
		t->cap = t->before.cap;
		t->n_sorted = t->before.n_sorted;
		t->before.p = p;
		t->before.cap = cap;
	}
	t->n_sorted = t->n_sorted < t->n ? t->n_sorted : t->n;
}

void hr_mem_push(struct hr_mem_table *t, const void *entry)
{
	make_room(&t->p, &t->cap, t->n + 1, t->size);
	memcpy(hr_mem_at(t, t->n++), entry, t->size);
}

void hr_mem_change(struct hr_mem_table *t)
{
	if (!t->before.is || t->before.copied)
		return;
	t->before.copied = true;
	t->before.n_sorted = t->n_sorted; /* what was appended since has not moved yet */
	make_room(&t->before.p, &t->before.cap, t->before.n, t->size);
	if (t->before.n > 0)
		memcpy(t->before.p, t->p, t->before.n * t->size);
}

void hr_mem_drop(struct hr_mem_table *t, size_t i, size_t n)
{
	size_t sorted = t->n_sorted > i ? t->n_sorted - i : 0;

	if (n == 0)
		return;
	hr_mem_change(t);
	memmove(hr_mem_at(t, i), hr_mem_at(t, i + n), (t->n - i - n) * t->size);
	t->n -= n;
	t->n_sorted -= sorted < n ? sorted : n;
}

/* Where the first entry behind the sorted part belongs: behind its equals. */
static size_t place(struct hr_mem_table *t, hr_mem_order_fn order)
{
	const void *e = hr_mem_at(t, t->n_sorted);
	size_t lo = 0, hi = t->n_sorted;

	if (hi > 0 && order(hr_mem_at(t, hi - 1), e) <= 0)
		return hi; /* as nearly always */
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (order(hr_mem_at(t, mid), e) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void hr_mem_sort(struct hr_mem_table *t, hr_mem_order_fn order)
{
	for (; order && t->n_sorted < t->n; t->n_sorted++) {
		size_t i = place(t, order);

		if (i == t->n_sorted)
			continue;
		hr_mem_change(t);
		make_room(&t->p, &t->cap, t->n + 1, t->size);
		memcpy(hr_mem_at(t, t->n), hr_mem_at(t, t->n_sorted), t->size);
		memmove(hr_mem_at(t, i + 1), hr_mem_at(t, i), (t->n_sorted - i) * t->size);
		memcpy(hr_mem_at(t, i), hr_mem_at(t, t->n), t->size);
	}
}

void hr_mem_free(struct hr_mem_table *t)
{
	free(t->p);
	free(t->before.p);
}
