/* SPDX-License-Identifier: Apache-2.0 */
/* Own cost against the budget; see budget.h. */
#include "agent/core/budget.h"

#include <stdio.h>
#include <string.h>

/* Below this share of the limit the count of windows over budget starts again. */
#define CALM 0.8
/* A cost that lies mostly in user space does not go away with a hook. */
#define HOOK_SHARE_MIN 0.25

void hr_budget_init(struct hr_budget *b, double limit_ratio, double cpus_ratio, uint32_t loaded)
{
	memset(b, 0, sizeof(*b));
	b->limit_ratio = limit_ratio;
	b->cpus_ratio = cpus_ratio;
	b->loaded = loaded;
}

/* Time in hooks, ns: by the last measurement of an event, else by the table in budget.h. */
static double hook_ns(const struct hr_budget *b, const struct hr_budget_sample *s)
{
	double ns = 0;

	if (b->ns_per_event > 0)
		return b->ns_per_event * (double)(s->switches + s->packets + s->ios + s->reads);
	if (b->loaded & ~b->shed & 1u << HR_SHED_SCHED)
		ns += (double)s->switches * HR_BUDGET_SWITCH_NS;
	if (b->loaded & ~b->shed & 1u << HR_SHED_NET)
		ns += (double)s->packets * HR_BUDGET_PACKET_NS;
	if (b->loaded & ~b->shed & 1u << HR_SHED_DISK)
		ns += (double)s->ios * HR_BUDGET_IO_NS;
	/* counted while the hook is there, and only then */
	return ns + (double)s->reads * HR_BUDGET_READ_NS;
}

double hr_budget_limit(const struct hr_budget *b, uint32_t cpus)
{
	double all = b->cpus_ratio * cpus;

	return all > b->limit_ratio ? all : b->limit_ratio;
}

double hr_budget_cost(const struct hr_budget *b, const struct hr_budget_sample *s)
{
	double dur_ns = (double)s->dur_ms * 1e6;

	return dur_ns > 0 ? ((double)s->cpu_us * 1e3 + hook_ns(b, s)) / dur_ns : 0;
}

uint64_t hr_budget_hook_us(const struct hr_budget *b, const struct hr_budget_sample *s)
{
	return (uint64_t)(hook_ns(b, s) / 1e3 + 0.5);
}

static bool next_hook(const struct hr_budget *b, enum hr_shed *ret)
{
	for (unsigned i = 0; i < HR_SHED_N; i++)
		if (b->loaded & ~b->shed & 1u << i) {
			*ret = (enum hr_shed)i;
			return true;
		}
	return false;
}

bool hr_budget_window(struct hr_budget *b, const struct hr_budget_sample *s, enum hr_shed *ret,
	char reason[HR_REASON_LEN])
{
	double limit = hr_budget_limit(b, s->cpus), cost;
	enum hr_shed hook;

	if (s->has_bpf && s->bpf_n > 0)
		b->ns_per_event = (double)s->bpf_ns / (double)s->bpf_n + HR_BUDGET_DISPATCH_NS;
	cost = hr_budget_cost(b, s);
	if (cost > limit)
		b->over += cost > limit * HR_BUDGET_FAR_OVER ? 3 : 1;
	else if (cost < limit * CALM)
		b->over = 0;
	if (b->over < HR_BUDGET_OVER_WINDOWS || !next_hook(b, &hook))
		return false;
	if (hook_ns(b, s) < HOOK_SHARE_MIN * cost * (double)s->dur_ms * 1e6)
		return false;
	b->over = 0;
	b->shed |= 1u << hook;
	*ret = hook;
	(void)snprintf(reason, HR_REASON_LEN, "shed: agent cost %.2f %% of a CPU, budget %.2f %%",
		cost * 100, limit * 100);
	return true;
}
