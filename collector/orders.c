// SPDX-License-Identifier: Apache-2.0
/* Hosts in order of name and of id; see hosts.h. */
#include <stdlib.h>
#include <string.h>

#include "collector/hosts.h"
#include "collector/snapshot.h"

typedef int (*order_fn)(const void *, const void *);

static int by_id(const void *a, const void *b)
{
	const struct hr_host *x = *(struct hr_host *const *)a, *y = *(struct hr_host *const *)b;

	return memcmp(x->id, y->id, sizeof(x->id)); /* the order of the hex digits, too */
}

/* By what is shown: a reader searches the list for a name with the rows that it has. */
static int by_name(const void *a, const void *b)
{
	const struct hr_host *x = *(struct hr_host *const *)a, *y = *(struct hr_host *const *)b;
	int c = strcmp(x->view->row.name, y->view->row.name);

	return c != 0 ? c : by_id(a, b);
}

static bool grow(struct hr_order *o, uint32_t n)
{
	uint32_t cap = n + n / 4 + 64;
	struct hr_host **p;

	if (n <= o->cap)
		return true;
	p = realloc(o->host, cap * sizeof(struct hr_host *));
	if (!p)
		return false;
	o->host = p;
	o->cap = cap;
	return true;
}

/* The first of @n that is behind @host. */
static uint32_t behind(
	const struct hr_order *o, uint32_t n, struct hr_host *const *host, order_fn before)
{
	uint32_t lo = 0, hi = n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (before(&o->host[mid], host) > 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

/*
 * From the end, where there is room.  Who is there already is moved without a look at it: hosts
 * lie all over memory.
 */
static void merge(struct hr_order *o, struct hr_host **fresh, uint32_t n, order_fn before)
{
	uint32_t old = o->n;

	qsort(fresh, n, sizeof(struct hr_host *), before);
	for (; n > 0; n--) {
		uint32_t to = behind(o, old, &fresh[n - 1], before);

		memmove(&o->host[to + n], &o->host[to], (old - to) * sizeof(struct hr_host *));
		o->host[to + n - 1] = fresh[n - 1];
		old = to;
	}
}

bool hr_orders_add(struct hr_orders *o, struct hr_host **fresh, uint32_t n)
{
	if (!grow(&o->by_name, o->by_name.n + n) || !grow(&o->by_id, o->by_id.n + n))
		return false;
	merge(&o->by_name, fresh, n, by_name);
	merge(&o->by_id, fresh, n, by_id);
	o->by_name.n += n;
	o->by_id.n += n;
	for (uint32_t i = 0; i < n; i++)
		fresh[i]->in_orders = true;
	return true;
}

static void drop(struct hr_order *o, const struct hr_host *host)
{
	uint32_t i = 0;

	while (i < o->n && o->host[i] != host)
		i++;
	if (i == o->n)
		return;
	memmove(&o->host[i], &o->host[i + 1], (o->n - i - 1) * sizeof(struct hr_host *));
	o->n--;
}

void hr_orders_drop(struct hr_orders *o, struct hr_host *host)
{
	if (!host->in_orders)
		return;
	drop(&o->by_name, host);
	drop(&o->by_id, host);
	host->in_orders = false;
	o->drops++;
}

void hr_orders_show(struct hr_orders *o, struct hr_host *host, struct hr_view *v)
{
	struct hr_view *before = host->view;

	if (before && strcmp(before->row.name, v->row.name) != 0)
		hr_orders_drop(o, host);
	host->view = v;
	hr_view_unref(before);
}

void hr_orders_done(struct hr_orders *o)
{
	free(o->by_name.host);
	free(o->by_id.host);
	*o = (struct hr_orders){0};
}
