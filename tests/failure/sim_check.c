// SPDX-License-Identifier: Apache-2.0
/* The conservation invariant: what agents closed against what the store and the models hold. */
#include <stdlib.h>
#include <string.h>

#include "collector/core/vm_state.h"
#include "collector/writer_private.h"
#include "tests/failure/sim.h"

struct checking {
	struct hr_writer *w;
	uint64_t *dur_ms; /* stored, by index of host */
};

static const struct hr_boot *boot_by_ord(const struct hr_host *host, uint32_t ord)
{
	for (uint32_t i = 0; i < host->n_boots; i++) {
		if (host->boot[i].now.ord == ord)
			return &host->boot[i];
	}
	return NULL;
}

static uint64_t hist_n(const struct hr_hist *h)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < HR_BUCKETS; i++)
		n += h->n[i];
	return n;
}

static int check_row(void *arg, const struct hr_store_row *r)
{
	struct checking *c = arg;
	struct hr_host *host = hr_hosts_by_no(&c->w->hosts, r->host_no);
	const struct hr_boot *boot = host ? boot_by_ord(host, r->boot_ord) : NULL;
	struct sim_boot *truth = boot ? sim_boot_of(host->id, boot->now.boot) : NULL;
	uint64_t count = 0, dur = 0;

	if (r->damaged || !truth)
		sim_fail("row %llu (host %u, boot %u%s) belongs to nobody: %s",
			(unsigned long long)r->n, r->host_no, r->boot_ord,
			r->damaged ? ", damaged" : "",
			!host   ? "no host"
			: !boot ? "no boot"
				: "");
	if (hr_wire_decode_summary(c->w->arena, r->body, r->len, c->w->summary) != HR_WIRE_OK)
		sim_fail("row %llu does not decode", (unsigned long long)r->n);
	for (uint64_t s = r->seq_first; s <= r->seq_last; s++) {
		struct sim_window *win = s < truth->n ? &truth->win[s] : NULL;

		if (!win || win->count == 0)
			sim_fail("window %llu was never made", (unsigned long long)s);
		if (win->stored)
			sim_fail("window %llu of %s is stored twice", (unsigned long long)s,
				host->name);
		win->stored = true;
		count += win->count;
		dur += win->dur_ms;
	}
	if (c->w->summary->ctr[HR_CTR_SWITCHES] != count ||
		hist_n(&c->w->summary->dist[HR_DIST_RUNQ_WAIT]) != count ||
		c->w->summary->dur_ms != dur)
		sim_fail("windows %llu-%llu of %s hold %llu, made were %llu",
			(unsigned long long)r->seq_first, (unsigned long long)r->seq_last,
			host->name, (unsigned long long)c->w->summary->ctr[HR_CTR_SWITCHES],
			(unsigned long long)count);
	for (uint32_t i = 0; i < c->w->hosts.n; i++) {
		if (c->w->hosts.by_no[i] == host)
			c->dur_ms[i] += dur;
	}
	return 0;
}

static void check_models(const struct checking *c)
{
	while (c->w->scan_n) /* a start without models: what waits is not known yet */
		hr_writer_turns(c->w);
	for (uint32_t i = 0; i < c->w->hosts.n; i++) {
		struct hr_host *host = c->w->hosts.by_no[i];
		struct hr_vm *vm = host->cold.is ? hr_turn_peek(c->w, host) : host->vm;
		uint64_t in_model = vm ? vm->covered_ms : 0;

		if (host->cold.is)
			hr_vm_free(vm);
		if (in_model != c->dur_ms[i])
			sim_fail("the model of %s holds %llu ms, the store %llu ms", host->name,
				(unsigned long long)in_model, (unsigned long long)c->dur_ms[i]);
	}
}

static bool waits(const struct hr_outbox *box, uint64_t boot, uint64_t seq)
{
	for (uint32_t i = 0; i < box->n; i++) {
		const struct hr_outbox_item *it = &box->item[i];

		if (it->boot == boot && it->span.seq_first <= seq && seq <= it->span.seq_last)
			return true;
	}
	return false;
}

static void check_agent(const struct sim_agent *a)
{
	const struct hr_outbox *box = sim_outbox(a);
	uint64_t missing = 0;

	for (uint32_t k = 0; k < a->n_boots; k++) {
		const struct sim_boot *b = &a->boot[k];

		for (uint64_t s = 0; s < b->n; s++) {
			const struct sim_window *win = &b->win[s];

			sim.total.stored += win->count && win->stored;
			if (win->count && !win->stored) {
				bool waiting = waits(box, b->boot, s);

				sim.total.waiting += waiting;
				missing += !waiting;
				if (!waiting && sim.verbose)
					printf("agent %u boot %u window %llu is missing\n", a->no,
						k, (unsigned long long)s);
			}
		}
	}
	sim.total.dropped += box->dropped;
	/*
	 * Where a day fits nothing is dropped, whatever happened.  Elsewhere an agent may count a
	 * window as lost that an earlier try had stored: dropped for room while in doubt.
	 */
	bool fits = sim.weather.spool_bytes > SIM_SPOOL_SMALL;

	if (!a->amnesia && (missing > box->dropped || (fits && box->dropped > 0)))
		sim_fail("agent %u: %llu windows are gone, it counted %llu", a->no,
			(unsigned long long)missing, (unsigned long long)box->dropped);
}

void sim_check_models(struct hr_writer *w)
{
	struct checking c = {.w = w, .dur_ms = calloc(w->hosts.n + 1, sizeof(uint64_t))};

	if (!c.dur_ms)
		abort();
	for (uint32_t i = 0; i < sim.n_agents; i++) {
		for (uint32_t k = 0; k < sim.agent[i].n_boots; k++) {
			struct sim_boot *b = &sim.agent[i].boot[k];

			for (uint64_t s = 0; s < b->n; s++)
				b->win[s].stored = false;
		}
	}
	if (w->store->ops->range(w->store, 0, 0, HR_STORE_SLOT_MAX, check_row, &c) != 0)
		sim_fail("the store cannot be read: %s", hr_store_error(w->store));
	check_models(&c);
	free(c.dur_ms);
}

void sim_check(struct hr_writer *w)
{
	sim_check_models(w);
	sim.total.stored = sim.total.waiting = sim.total.dropped = 0;
	for (uint32_t i = 0; i < sim.n_agents; i++)
		check_agent(&sim.agent[i]);
}
