// SPDX-License-Identifier: Apache-2.0
/* Fails at a counted call; see fault_store.h.  Reads are counted too: recovery must bear it. */
#include "tests/failure/fault_store.h"

#include <stdio.h>
#include <stdlib.h>

struct fault_store {
	struct hr_store base;
	struct hr_store_ops ops;
	struct hr_store *inner;
	bool owns;
	struct fault_plan plan;
};

static struct fault_store *of(struct hr_store *s)
{
	return (struct fault_store *)s; /* base is the first member */
}

struct fault_plan *fault_store_plan(struct hr_store *s)
{
	return &of(s)->plan;
}

/* 0: do it.  Else what to return without doing it. */
static int before(struct hr_store *s)
{
	struct fault_plan *p = &of(s)->plan;
	uint64_t n = ++p->calls;
	bool dead = p->kind == FAULT_FOREVER || p->kind == FAULT_DIE_BEFORE;

	if (p->kind == FAULT_NONE || n < p->at || (p->kind == FAULT_DIE_AFTER && n == p->at))
		return 0;
	if (p->kind == FAULT_ONCE && n > p->at)
		return 0;
	if (n > p->at || dead || p->kind == FAULT_ONCE) {
		p->hit = true;
		snprintf(s->error, sizeof(s->error), "call %llu was told to fail",
			(unsigned long long)n);
		return (int)p->result;
	}
	return 0;
}

static int after(struct hr_store *s, int r)
{
	struct fault_store *f = of(s);

	if (r != 0)
		snprintf(s->error, sizeof(s->error), "%s", f->inner->error);
	if (f->plan.kind == FAULT_DIE_AFTER && f->plan.calls == f->plan.at) {
		f->plan.hit = true;
		return HR_STORE_FAILED;
	}
	return r;
}

#define PASS(name, params, args)                                                                   \
	static int f_##name params                                                                 \
	{                                                                                          \
		struct hr_store *in = of(s)->inner;                                                \
		int r = before(s);                                                                 \
                                                                                                   \
		return r ? r : after(s, in->ops->name args);                                       \
	}
PASS(begin, (struct hr_store * s), (in))
PASS(commit, (struct hr_store * s), (in))
PASS(put_host, (struct hr_store * s, const struct hr_store_host *h), (in, h))
PASS(put_boot, (struct hr_store * s, const struct hr_store_boot *b), (in, b))
PASS(forget, (struct hr_store * s, uint32_t no), (in, no))
PASS(purge, (struct hr_store * s, uint32_t no, uint64_t *slot, uint32_t max, uint64_t *rows),
	(in, no, slot, max, rows))
PASS(drop_boot, (struct hr_store * s, uint32_t no, uint64_t boot), (in, no, boot))
PASS(put_row, (struct hr_store * s, const struct hr_store_row *v), (in, v))
PASS(put_facts, (struct hr_store * s, const struct hr_store_event *e), (in, e))
PASS(put_state, (struct hr_store * s, const struct hr_store_state *v), (in, v))
PASS(trim_journal, (struct hr_store * s, uint64_t n, uint32_t max, bool *more), (in, n, max, more))
PASS(expire,
	(struct hr_store * s, uint64_t slot, uint64_t n, uint32_t max, uint32_t *ret,
		uint64_t *windows),
	(in, slot, n, max, ret, windows))
PASS(tally, (struct hr_store * s, struct hr_tally t[HR_TIER_N]), (in, t))
PASS(put_tally, (struct hr_store * s, enum hr_tier tier, const struct hr_tally *t), (in, tier, t))
PASS(put_tier, (struct hr_store * s, enum hr_tier tier, const struct hr_tier_row *v), (in, tier, v))
PASS(tier, (struct hr_store * s, const struct hr_tier_span *span, hr_store_tier_fn fn, void *arg),
	(in, span, fn, arg))
PASS(expire_tier,
	(struct hr_store * s, enum hr_tier tier, uint64_t bin, uint32_t max, uint32_t *ret,
		struct hr_tally *out),
	(in, tier, bin, max, ret, out))
PASS(next_slot, (struct hr_store * s, enum hr_tier tier, uint64_t slot, uint64_t *ret),
	(in, tier, slot, ret))
PASS(put_late, (struct hr_store * s, const struct hr_store_row *v), (in, v))
PASS(late, (struct hr_store * s, uint32_t max, hr_store_row_fn fn, void *arg), (in, max, fn, arg))
PASS(drop_late, (struct hr_store * s, uint64_t n), (in, n))
PASS(quarantine, (struct hr_store * s, const struct hr_store_row *v), (in, v))
PASS(hosts, (struct hr_store * s, hr_store_host_fn fn, void *arg), (in, fn, arg))
PASS(boots, (struct hr_store * s, hr_store_boot_fn fn, void *arg), (in, fn, arg))
PASS(states, (struct hr_store * s, hr_store_state_fn fn, void *arg), (in, fn, arg))
PASS(state, (struct hr_store * s, uint32_t no, hr_store_state_fn fn, void *arg), (in, no, fn, arg))
PASS(journal_heads,
	(struct hr_store * s, uint64_t n, uint32_t max, hr_store_event_fn fn, void *arg),
	(in, n, max, fn, arg))
PASS(put_view, (struct hr_store * s, const struct hr_store_view *v), (in, v))
PASS(views, (struct hr_store * s, hr_store_view_fn fn, void *arg), (in, fn, arg))
PASS(journal, (struct hr_store * s, hr_store_event_fn fn, void *arg), (in, fn, arg))
PASS(facts, (struct hr_store * s, uint32_t no, hr_store_event_fn fn, void *arg), (in, no, fn, arg))
PASS(range,
	(struct hr_store * s, uint32_t no, uint64_t from, uint64_t to, hr_store_row_fn fn,
		void *arg),
	(in, no, from, to, fn, arg))
PASS(last_n, (struct hr_store * s, uint64_t *ret), (in, ret))
PASS(stats, (struct hr_store * s, struct hr_store_stats *ret), (in, ret))
PASS(maintain, (struct hr_store * s), (in))

/* Never fails: a process that died has rolled back as well. */
static void f_rollback(struct hr_store *s)
{
	of(s)->inner->ops->rollback(of(s)->inner);
}

static void f_close(struct hr_store *s)
{
	struct fault_store *f = of(s);

	f->inner->ops->rollback(f->inner);
	if (f->owns)
		f->inner->ops->close(f->inner);
	free(f);
}

/* What a store without tiers lacks is lacking here, too. */
static const struct hr_store_ops ops = {
	.begin = f_begin,
	.commit = f_commit,
	.rollback = f_rollback,
	.put_host = f_put_host,
	.put_boot = f_put_boot,
	.drop_boot = f_drop_boot,
	.forget = f_forget,
	.purge = f_purge,
	.put_row = f_put_row,
	.put_facts = f_put_facts,
	.put_state = f_put_state,
	.trim_journal = f_trim_journal,
	.expire = f_expire,
	.tally = f_tally,
	.put_tally = f_put_tally,
	.put_tier = f_put_tier,
	.tier = f_tier,
	.expire_tier = f_expire_tier,
	.next_slot = f_next_slot,
	.put_late = f_put_late,
	.late = f_late,
	.drop_late = f_drop_late,
	.quarantine = f_quarantine,
	.hosts = f_hosts,
	.boots = f_boots,
	.states = f_states,
	.journal = f_journal,
	.facts = f_facts,
	.state = f_state,
	.journal_heads = f_journal_heads,
	.put_view = f_put_view,
	.views = f_views,
	.range = f_range,
	.last_n = f_last_n,
	.stats = f_stats,
	.maintain = f_maintain,
	.close = f_close,
};

struct hr_store *fault_store_new(struct hr_store *inner, bool owns)
{
	struct fault_store *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->ops = ops;
	if (!inner->ops->tally)
		f->ops.tally = NULL;
	f->base.ops = &f->ops;
	f->inner = inner;
	f->owns = owns;
	return &f->base;
}
