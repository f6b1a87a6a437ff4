/* SPDX-License-Identifier: Apache-2.0 */
/* Heapsort: n log n at worst, no memory of its own. */
#include "agent/core/sort.h"

static void swap(unsigned char *a, unsigned char *b, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = a[i];

		a[i] = b[i];
		b[i] = c;
	}
}

/* The element at @i sinks until both its children are smaller; the heap ends at @n. */
static void sink(
	unsigned char *p, size_t i, size_t n, size_t size, int (*cmp)(const void *a, const void *b))
{
	for (size_t child; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && cmp(p + child * size, p + (child + 1) * size) < 0)
			child++;
		if (cmp(p + i * size, p + child * size) >= 0)
			return;
		swap(p + i * size, p + child * size, size);
	}
}

void hr_sort(void *base, size_t n, size_t size, int (*cmp)(const void *a, const void *b))
{
	unsigned char *p = base;

	for (size_t i = n / 2; i > 0; i--)
		sink(p, i - 1, n, size, cmp);
	for (size_t end = n; end > 1; end--) {
		swap(p, p + (end - 1) * size, size);
		sink(p, 0, end - 1, size, cmp);
	}
}
