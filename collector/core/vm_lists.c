/* SPDX-License-Identifier: Apache-2.0 */
/* What of the newest minute stands beside the answer: hottest threads and cgroups, own cost. */
#include "collector/core/vm_state.h"

#include <string.h>

static void fill_top(const struct hr_minute *m, struct hr_answer *a)
{
	int serial = hr_serial_candidate(m);
	bool used[HR_USES_MAX] = {false};

	while (a->n_top < HR_ANS_TOP_MAX) {
		const struct hr_use *u;
		int best = serial;

		serial = -1;
		for (int i = 0; best < 0 && i < m->n_use; i++) {
			if (used[i])
				continue;
			best = i;
			for (int j = i + 1; j < m->n_use; j++)
				if (!used[j] && m->use[j].oncpu_ms + (uint64_t)m->use[j].wait_ms >
							m->use[best].oncpu_ms +
								(uint64_t)m->use[best].wait_ms)
					best = j;
		}
		if (best < 0)
			return;
		u = &m->use[best];
		used[best] = true;
		a->top[a->n_top].resource =
			a->n_top == 0 && hr_serial_candidate(m) == best && u->u_max_pm > 500
				? HR_RES_SERIAL
				: HR_RES_CPU;
		a->top[a->n_top].pid = u->pid;
		a->top[a->n_top].tid = u->tid;
		memcpy(a->top[a->n_top].process, u->process, HR_COMM_LEN);
		memcpy(a->top[a->n_top].thread, u->comm, HR_COMM_LEN);
		a->top[a->n_top].share =
			m->covered_ms ? (double)u->oncpu_ms / (double)m->covered_ms : 0;
		a->n_top++;
	}
}

static void fill_groups(const struct hr_minute *m, struct hr_answer *a)
{
	for (uint8_t i = 0; i < m->n_group && m->covered_ms; i++) {
		double share = (double)m->group[i].oncpu_ms / (double)m->covered_ms;
		uint8_t j = a->n_group++;

		for (; j > 0 && a->group[j - 1].share < share; j--)
			a->group[j] = a->group[j - 1];
		memcpy(a->group[j].name, m->group[i].name, HR_GROUP_LEN);
		a->group[j].share = share;
		a->group[j].wait = (double)m->group[i].wait_ms / (double)m->covered_ms;
	}
}

static void fill_cost(const struct hr_vm *vm, struct hr_answer *a)
{
	const struct hr_minute *m = &vm->open;

	if (hr_minute_has(m, HR_SIG_COST) && m->covered_ms) {
		a->cost.cpu_ratio = hr_opt_of(
			(double)(m->ctr[HR_CTR_SELF_CPU_US] + m->ctr[HR_CTR_SELF_HOOK_US]) / 1e3 /
			(double)m->covered_ms);
		a->cost.rss_bytes = hr_opt_of((double)m->ctr[HR_CTR_SELF_RSS_BYTES]);
	}
	if (hr_minute_has(m, HR_SIG_EVENT_NS) && m->ctr[HR_CTR_SELF_BPF_EVENTS])
		a->cost.ns_per_event = hr_opt_of((double)m->ctr[HR_CTR_SELF_BPF_NS] /
						 (double)m->ctr[HR_CTR_SELF_BPF_EVENTS]);
	if (vm->has_facts) {
		if (vm->facts.map_bytes)
			a->cost.map_bytes = hr_opt_of((double)vm->facts.map_bytes);
		a->cost.shed = vm->facts.shed;
	}
}

void hr_vm_lists(const struct hr_vm *vm, struct hr_answer *a)
{
	fill_top(&vm->open, a);
	fill_groups(&vm->open, a);
	fill_cost(vm, a);
}
