// SPDX-License-Identifier: Apache-2.0
/* The tables of the store in memory, against the plain way: all copied, all sorted. */
#include "tests/unit/hr_cmocka.h"

#include <string.h>

#include "collector/mem_table.h"

#define MAX 400

struct entry {
	uint32_t key, no; /* no tells equals apart */
};

struct plain {
	struct entry e[MAX];
	size_t n;
};

static int by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

/* The slowest stable sort there is. */
static void sort_plainly(struct plain *p)
{
	for (size_t i = 1; i < p->n; i++)
		for (size_t k = i; k > 0 && by_key(&p->e[k - 1], &p->e[k]) > 0; k--) {
			struct entry e = p->e[k];

			p->e[k] = p->e[k - 1];
			p->e[k - 1] = e;
		}
}

static void do_something(struct hr_mem_table *t, struct plain *p, struct hr_rand *r)
{
	static uint32_t last_no;
	struct entry e = {(uint32_t)hr_rand_below(r, 50), ++last_no};
	size_t i = p->n ? (size_t)hr_rand_below(r, p->n) : 0, n;

	switch (hr_rand_below(r, 8)) {
	case 0: /* some go */
		n = p->n ? 1 + (size_t)hr_rand_below(r, p->n - i) : 0;
		n = n > 3 ? 3 : n;
		hr_mem_drop(t, i, n);
		memmove(&p->e[i], &p->e[i + n], (p->n - i - n) * sizeof(e));
		p->n -= n;
		break;
	case 1: /* one changes, not its place in the order */
		if (p->n == 0)
			break;
		hr_mem_change(t);
		((struct entry *)hr_mem_at(t, i))->no = p->e[i].no = e.no;
		break;
	case 2:
		hr_mem_sort(t, by_key);
		sort_plainly(p);
		break;
	default:
		if (p->n == MAX)
			break;
		hr_mem_push(t, &e);
		p->e[p->n++] = e;
	}
}

static void what_is_taken_back_is_as_it_was(void **state)
{
	struct hr_rand r = hr_rand_seeded("mem_table");
	struct hr_mem_table t = {.size = sizeof(struct entry)};
	static struct plain now, then;

	(void)state;
	for (int turn = 0; turn < 5000; turn++) {
		bool transaction = hr_rand_below(&r, 4) > 0, back = hr_rand_below(&r, 2);

		then = now;
		if (transaction)
			hr_mem_begin(&t);
		for (uint64_t k = hr_rand_below(&r, 12); k > 0; k--)
			do_something(&t, &now, &r);
		if (transaction)
			hr_mem_end(&t, back);
		if (transaction && back)
			now = then;
		assert_int_equal(t.n, now.n);
		if (now.n)
			assert_memory_equal(t.p, now.e, now.n * sizeof(now.e[0]));
	}
	hr_mem_sort(&t, by_key);
	sort_plainly(&now);
	assert_memory_equal(t.p, now.e, now.n * sizeof(now.e[0]));
	hr_mem_free(&t);
}

/* What is only appended is not copied: this is what makes a transaction cheap. */
static void an_appended_table_is_not_copied(void **state)
{
	struct hr_mem_table t = {.size = sizeof(struct entry)};

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		hr_mem_begin(&t);
		hr_mem_push(&t, &(struct entry){i, i});
		hr_mem_sort(&t, by_key);
		hr_mem_end(&t, false);
		assert_null(t.before.p);
	}
	hr_mem_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_taken_back_is_as_it_was),
		cmocka_unit_test(an_appended_table_is_not_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
