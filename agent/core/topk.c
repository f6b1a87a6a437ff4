/* SPDX-License-Identifier: Apache-2.0 */
/* Hottest threads between two snapshots; the table keeps each thread's last totals. */
#include "agent/core/topk.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "proto/units.h"

#define SPAN_SLACK_US 500000 /* snapshots take their time on a busy VM */

void hr_topk_init(struct hr_topk *t, uint32_t self_pid)
{
	/* from the smallest table to the one in use: the others are untouched */
	if (t->slots)
		memset(&t->e[HR_TOPK_LEAST], 0, (2 * t->slots - HR_TOPK_LEAST) * sizeof(t->e[0]));
	memset(t, 0, offsetof(struct hr_topk, e));
	t->slots = HR_TOPK_LEAST;
	t->self_pid = self_pid;
}

/* Fibonacci hashing: neighbouring tids land far apart. */
static uint32_t home(uint32_t tid)
{
	return (uint32_t)((tid * 0x9e3779b97f4a7c15ULL) >> 40);
}

/*
 * Entry of @tid, or a free one to put it in (*ret_known tells), or NULL.  Entries
 * not written by the last snapshot belong to dead threads; they are free, but a
 * probe goes on past them, since the thread may sit behind.
 */
static struct hr_topk_entry *find(struct hr_topk *t, uint32_t tid, bool *ret_known)
{
	struct hr_topk_entry *spare = NULL;

	for (uint32_t i = 0; i < HR_TOPK_PROBES; i++) {
		struct hr_topk_entry *e = &t->e[t->slots + ((home(tid) + i) & (t->slots - 1))];
		bool live = e->tid != 0 && t->gen - e->gen <= 1;

		if (live && e->tid == tid) {
			*ret_known = true;
			return e;
		}
		if (!live && !spare)
			spare = e;
	}
	*ret_known = false;
	return spare;
}

/* Room for @n threads: everybody of the last snapshot moves into a table that nobody has used yet.
 */
static void grow(struct hr_topk *t, uint32_t n)
{
	uint32_t old = t->slots;
	bool known;

	while (t->slots < HR_TOPK_SLOTS && t->slots / 2 < n)
		t->slots *= 2;
	for (uint32_t i = old; t->slots != old && i < 2 * old; i++) {
		struct hr_topk_entry *to;

		if (t->e[i].tid == 0 || t->e[i].gen != t->gen)
			continue;
		to = find(t, t->e[i].tid, &known);
		if (to)
			*to = t->e[i];
		else
			t->complete = false; /* it will look newly born and is not */
	}
}

/* What note() made of row @i of this snapshot; NULL when it was not held or stood there twice. */
static struct hr_topk_entry *find_row(struct hr_topk *t, const struct hr_task *task, uint32_t i)
{
	bool known;
	struct hr_topk_entry *e = find(t, task[i].tid, &known);

	return known && e->gen == t->gen && e->row == i ? e : NULL;
}

/* Totals of a thread never go back; an iterator that read a torn value may say so: no growth then.
 */
static uint32_t growth_us(uint64_t now_ns, uint64_t last_ns)
{
	uint64_t us = now_ns > last_ns ? hr_ns_to_us(now_ns - last_ns) : 0;

	return us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static void note(struct hr_topk *t, const struct hr_task *task, uint32_t i, bool had_base,
	struct hr_topk_result *r)
{
	const struct hr_task *k = &task[i];
	bool known;
	struct hr_topk_entry *e = find(t, k->tid, &known);

	if (!e) {
		r->unheld++;
		return;
	}
	if (known && e->gen == t->gen)
		return; /* listed twice: the list moved under the iterator */
	if (known && e->start_ns == k->start_ns) {
		e->d_oncpu_us = growth_us(k->oncpu_ns, e->oncpu_ns);
		e->d_wait_us = growth_us(k->wait_ns, e->wait_ns);
	} else if (had_base) { /* born since the last snapshot: all of it is growth */
		e->d_oncpu_us = growth_us(k->oncpu_ns, 0);
		e->d_wait_us = growth_us(k->wait_ns, 0);
	} else {
		r->unknown++;
		e->d_oncpu_us = 0;
		e->d_wait_us = 0;
	}
	/*
	 * More than there was time for: Linux 6.12 and later may take a sleep for a wait (delayed
	 * dequeue; 323 s seen in a window of 10 s), and then nothing of the wait is known.
	 */
	if (t->span_us &&
		(uint64_t)e->d_oncpu_us + e->d_wait_us > (uint64_t)t->span_us + SPAN_SLACK_US)
		e->d_wait_us = 0;
	e->tid = k->tid;
	e->gen = t->gen;
	e->row = i;
	e->start_ns = k->start_ns;
	e->oncpu_ns = k->oncpu_ns;
	e->wait_ns = k->wait_ns;
}

static uint32_t to_ms(uint64_t us)
{
	uint64_t ms = us / 1000;

	return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

static uint64_t time_us(const struct hr_topk_entry *e)
{
	return (uint64_t)e->d_oncpu_us + e->d_wait_us;
}

/* A candidate: its growth, and its row in the snapshot. */
struct hot {
	uint64_t time_us;
	uint32_t oncpu_us, wait_us;
	uint32_t row;
};

/* Insertion into a list of HR_TOP_MAX, largest first; ties keep the order of the snapshot. */
static void rank(struct hot hot[HR_TOP_MAX], uint8_t *n, const struct hot *c)
{
	int i = *n < HR_TOP_MAX ? (*n)++ : HR_TOP_MAX;

	while (i > 0 && hot[i - 1].time_us < c->time_us) {
		if (i < HR_TOP_MAX)
			hot[i] = hot[i - 1];
		i--;
	}
	if (i < HR_TOP_MAX)
		hot[i] = *c;
}

/* Process totals and peers of each hot thread: one more pass over the snapshot. */
static void fill_process(struct hr_topk *t, const struct hr_task *task, uint32_t n,
	const struct hot *hot, struct hr_top *top, uint8_t n_top)
{
	uint64_t process_us[HR_TOP_MAX] = {0};

	for (uint32_t i = 0; i < n; i++)
		for (uint8_t k = 0; k < n_top; k++) {
			const struct hr_topk_entry *e;

			if (task[i].pid != top[k].pid)
				continue;
			if (task[i].tid == task[i].pid)
				memcpy(top[k].process, task[i].comm, HR_COMM_LEN);
			e = find_row(t, task, i);
			if (!e)
				continue;
			process_us[k] += e->d_oncpu_us;
			if (task[i].tid != top[k].tid && time_us(e) * 2 >= hot[k].time_us)
				top[k].peers++;
		}
	for (uint8_t k = 0; k < n_top; k++) {
		top[k].process_oncpu_ms = to_ms(process_us[k]);
		top[k].process[HR_COMM_LEN - 1] = '\0';
	}
}

/* False: there are more cgroups than places. */
static bool add_to_group(
	struct hr_topk *t, uint64_t id, const struct hr_topk_entry *e, uint32_t row)
{
	uint32_t at = (uint32_t)(id * 0x9e3779b97f4a7c15ULL >> 40);

	if (id == 0 || time_us(e) == 0)
		return true;
	for (uint32_t i = 0; i < HR_TOPK_PROBES; i++) {
		struct hr_topk_group *g = &t->group[(at + i) & (HR_TOPK_GROUPS - 1)];

		if (g->id != 0 && g->id != id)
			continue;
		g->id = id;
		g->oncpu_us += e->d_oncpu_us;
		g->wait_us += e->d_wait_us;
		g->row = row;
		return true;
	}
	return false;
}

/* The hottest cgroups, as rank() does it with threads. */
static void rank_groups(
	const struct hr_topk *t, const struct hr_task *task, struct hr_topk_result *ret)
{
	const struct hr_topk_group *best[HR_GROUP_MAX + 1];
	int n = 0;

	for (uint32_t i = 0; i < HR_TOPK_GROUPS; i++) {
		const struct hr_topk_group *g = &t->group[i];
		int j = n;

		if (g->id == 0 || g->oncpu_us + g->wait_us < HR_TOPK_GROUP_MIN_US)
			continue;
		for (; j > 0 &&
			best[j - 1]->oncpu_us + best[j - 1]->wait_us < g->oncpu_us + g->wait_us;
			j--)
			best[j] = best[j - 1];
		best[j] = g;
		n += n < HR_GROUP_MAX;
	}
	for (int i = 0; i < n; i++) {
		struct hr_top_group *to = &ret->group[i];

		to->oncpu_ms = to_ms(best[i]->oncpu_us);
		to->wait_ms = to_ms(best[i]->wait_us);
		snprintf(to->name, sizeof(to->name), "%s",
			task[best[i]->row].group[0] ? task[best[i]->row].group : "/");
	}
	ret->n_group = (uint8_t)n;
}

bool hr_topk_fold(struct hr_topk *t, const struct hr_task *task, uint32_t n, bool cut,
	struct hr_topk_result *ret)
{
	struct hot hot[HR_TOP_MAX] = {{0}};
	bool first = t->gen == 0, had_base, held = true;

	memset(ret, 0, sizeof(*ret));
	memset(t->group, 0, sizeof(t->group));
	grow(t, n);
	had_base = t->complete;
	t->gen++;
	for (uint32_t i = 0; i < n; i++)
		note(t, task, i, had_base, ret);
	t->complete = !cut && ret->unheld == 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct hr_topk_entry *e;
		struct hot c;

		if (task[i].pid == t->self_pid)
			continue;
		e = find_row(t, task, i);
		if (!e)
			continue;
		if (task[i].reads)
			ret->reader_us += e->d_oncpu_us;
		c = (struct hot){time_us(e), e->d_oncpu_us, e->d_wait_us, i};
		if (c.time_us >= HR_TOPK_MIN_US)
			rank(hot, &ret->n, &c);
		held = add_to_group(t, task[i].cgroup, e, i) && held;
	}
	if (held)
		rank_groups(t, task, ret);
	for (uint8_t k = 0; k < ret->n; k++) {
		const struct hr_task *hottest = &task[hot[k].row];
		struct hr_top *top = &ret->top[k];

		top->pid = hottest->pid;
		top->tid = hottest->tid;
		top->oncpu_ms = to_ms(hot[k].oncpu_us);
		top->wait_ms = to_ms(hot[k].wait_us);
		top->reads = hottest->reads;
		top->reads_late = hottest->reads_late;
		memcpy(top->comm, hottest->comm, HR_COMM_LEN);
		top->comm[HR_COMM_LEN - 1] = '\0';
	}
	fill_process(t, task, n, hot, ret->top, ret->n);
	return !first && t->complete && ret->unknown == 0;
}
