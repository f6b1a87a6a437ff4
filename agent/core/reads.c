/* SPDX-License-Identifier: Apache-2.0 */
/* Growth of the table of readers. */
#include "agent/core/reads.h"

#include <stdbool.h>

/* A place as it is; false: it was taken over while we looked. */
static bool look(const struct hr_reader *e, uint32_t *ret_tid, uint32_t *ret_n, uint32_t *ret_late)
{
	*ret_tid = __atomic_load_n(&e->tid, __ATOMIC_ACQUIRE);
	/* late first: it is counted after its read */
	*ret_late = __atomic_load_n(&e->late, __ATOMIC_ACQUIRE);
	*ret_n = __atomic_load_n(&e->n, __ATOMIC_ACQUIRE);
	return __atomic_load_n(&e->tid, __ATOMIC_RELAXED) == *ret_tid;
}

uint64_t hr_reads_take(struct hr_reads *r, const struct hr_reader *live)
{
	uint64_t all = 0;

	for (uint32_t i = 0; i < HR_READERS_N; i++) {
		uint32_t tid = 0, n = 0, late = 0, was_n, was_late;
		bool same;

		r->place[i].d_n = r->place[i].d_late = 0;
		if (!live || !look(&live[i], &tid, &n, &late))
			continue;
		same = r->place[i].tid == tid;
		was_n = same ? r->place[i].n : 0;
		was_late = same ? r->place[i].late : 0;
		if (n < was_n || late < was_late) /* it lost its place and took it again */
			was_n = was_late = 0;
		r->place[i].tid = tid;
		r->place[i].n = n;
		r->place[i].late = late;
		r->place[i].d_n = n - was_n;
		r->place[i].d_late = late - was_late < n - was_n ? late - was_late : n - was_n;
		all += n - was_n;
	}
	return all;
}

void hr_reads_tell(const struct hr_reads *r, struct hr_task *task, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = task[i].tid & (HR_READERS_N - 1);
		bool known = r->place[k].tid == task[i].tid;

		task[i].reads = known ? r->place[k].d_n : 0;
		task[i].reads_late = known ? r->place[k].d_late : 0;
	}
}
