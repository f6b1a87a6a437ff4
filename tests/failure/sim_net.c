// SPDX-License-Identifier: Apache-2.0
/* The events to come, in a heap by time and then by order of making, so that a seed repeats. */
#include <stdlib.h>

#include "tests/failure/sim.h"

static struct sim_event *heap;
static size_t n_heap, cap_heap;
static uint64_t last_no;

static bool sooner(const struct sim_event *a, const struct sim_event *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->no < b->no;
}

static void swap(size_t i, size_t k)
{
	struct sim_event t = heap[i];

	heap[i] = heap[k];
	heap[k] = t;
}

void sim_schedule(uint64_t at_ns, struct sim_event e)
{
	if (n_heap == cap_heap) {
		cap_heap = cap_heap ? 2 * cap_heap : 256;
		heap = realloc(heap, cap_heap * sizeof(*heap));
		if (!heap)
			abort();
	}
	e.at_ns = at_ns;
	e.no = ++last_no;
	heap[n_heap] = e;
	for (size_t i = n_heap++; i > 0 && sooner(&heap[i], &heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(i, (i - 1) / 2);
}

bool sim_next(struct sim_event *ret)
{
	if (n_heap == 0)
		return false;
	*ret = heap[0];
	heap[0] = heap[--n_heap];
	for (size_t i = 0;;) {
		size_t least = i;

		for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < n_heap; k++)
			least = sooner(&heap[k], &heap[least]) ? k : least;
		if (least == i)
			return true;
		swap(i, least);
		i = least;
	}
}

void sim_forget_events(void)
{
	for (size_t i = 0; i < n_heap; i++)
		free(heap[i].body);
	free(heap);
	heap = NULL;
	n_heap = cap_heap = 0;
}

void sim_reply(uint32_t agent, uint64_t conn, const struct sim_answer *a)
{
	struct sim_event e = {.kind = SIM_ANSWER, .agent = agent, .conn = conn, .answer = *a};

	sim.total.events += 2; /* sent; lost or delivered */
	if (sim_hits(sim.weather.answer_lost) || sim.now_ns < sim.agent[agent].cut_ns)
		return;
	if (a->status == 204 && sim_hits(sim.weather.proxy_204))
		e.answer.ack[0] = '\0';
	else if (sim_hits(sim.weather.proxy_503))
		e.answer = (struct sim_answer){.status = 503, .retry_after_s = 5};
	else if (sim_hits(sim.weather.proxy_403))
		e.answer = (struct sim_answer){.status = 403};
	sim_schedule(sim.now_ns + sim_between(100000, 80000000), e);
}
