// SPDX-License-Identifier: Apache-2.0
/* Machines with a courier each: windows that close, kills, reboots, clocks, lost spools. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/failure/sim.h"

#define SECOND 1000000000ULL

/* Runs as @a: its clock, its identity. */
static void enter(struct sim_agent *a)
{
	sim.self = a;
	sim.skew_ms = a->skew_ms;
}

static void leave(void)
{
	sim.self = NULL;
	sim.skew_ms = 0;
}

struct sim_boot *sim_boot_of(const uint8_t id[HR_HOST_ID_LEN], uint64_t boot)
{
	for (uint32_t i = 0; i < sim.n_agents; i++) {
		struct sim_agent *a = &sim.agent[i];

		if (memcmp(a->id, id, HR_HOST_ID_LEN) != 0)
			continue;
		for (uint32_t k = 0; k < a->n_boots; k++) {
			if (a->boot[k].boot == boot)
				return &a->boot[k];
		}
	}
	return NULL;
}

static void new_boot(struct sim_agent *a)
{
	a->boot[a->n_boots++] = (struct sim_boot){.boot = hr_rand_u64(&sim.rnd)};
	a->boot_ns = sim.now_ns;
	a->next_window = 0;
}

static void tell_facts(struct sim_agent *a)
{
	static struct hr_facts f; /* zeroed, padding too */

	memset(&f, 0, sizeof(f));
	f.epoch = a->epoch;
	snprintf(f.name, sizeof(f.name), "sim-%u", a->no);
	f.cpus_online = f.cpus_possible = 2;
	f.mem_total_bytes = 8ULL << 30;
	for (unsigned i = 0; i < HR_SIG_N; i++)
		f.signal[i].rung = HR_RUNG_FILE;
	hr_courier_facts(a->courier, &f);
}

static void start(struct sim_agent *a)
{
	char err[512];
	struct hr_ship_opts opts = {0};
	struct hr_ship *ship;

	enter(a);
	if (hr_ship_open(&ship, &opts, err) < 0)
		sim_fail("ship");
	a->ship = ship;
	if (hr_courier_start(&a->courier, ship, a->dir, sim.weather.spool_bytes, err) < 0)
		sim_fail("agent %u does not start: %s", a->no, err);
	hr_courier_first_free(a->courier, &a->first_free, &a->epoch);
	tell_facts(a);
	sim.total.agent_starts++;
	leave();
}

void sim_agent_stop(struct sim_agent *a)
{
	if (!a->courier)
		return;
	enter(a);
	hr_courier_close(a->courier); /* every record is in the file already: as good as a kill */
	a->courier = NULL;
	leave();
}

static void remember(struct sim_agent *a, uint64_t seq, uint32_t count, uint32_t dur_ms)
{
	struct sim_boot *b = &a->boot[a->n_boots - 1];

	if (seq >= b->cap) {
		uint64_t cap = seq + 1024;

		b->win = realloc(b->win, cap * sizeof(*b->win));
		if (!b->win)
			abort();
		memset(&b->win[b->cap], 0, (cap - b->cap) * sizeof(*b->win));
		b->cap = cap;
	}
	if (b->win[seq].count != 0)
		sim_fail("agent %u made window %llu twice", a->no, (unsigned long long)seq);
	b->win[seq] = (struct sim_window){.count = count, .dur_ms = dur_ms};
	b->n = seq + 1 > b->n ? seq + 1 : b->n;
	sim.total.windows++;
}

static void close_window(struct sim_agent *a, uint64_t seq)
{
	static struct hr_summary s;
	uint32_t count = (uint32_t)sim_between(1, 100000), dur = (uint32_t)sim_between(9900, 10100);

	s.seq_first = s.seq_last = seq;
	s.t_end_ms = SIM_EPOCH_MS + (uint64_t)((int64_t)(sim.now_ns / 1000000) + a->skew_ms);
	s.dur_ms = dur;
	s.epoch = a->epoch;
	s.cpus = 2;
	s.have = HR_SIG_BIT(HR_SIG_CPU_SLOTS) | HR_SIG_BIT(HR_SIG_RUNQ_WAIT);
	s.ctr[HR_CTR_SWITCHES] = count;
	memset(&s.dist[HR_DIST_RUNQ_WAIT], 0, sizeof(s.dist[0]));
	hr_hist_add(&s.dist[HR_DIST_RUNQ_WAIT], count % 5000, count);
	remember(a, seq, count, dur);
	hr_courier_window(a->courier, &s);
}

void sim_agent_tick(struct sim_agent *a)
{
	uint64_t seq;

	if (sim.now_ns < a->up_ns)
		return;
	if (!a->courier)
		start(a);
	enter(a);
	seq = (sim.now_ns - a->boot_ns) / (10 * SECOND);
	if (seq > 0 && seq > a->next_window && !sim.healed) {
		a->next_window = seq;
		if (seq - 1 >= a->first_free)
			close_window(a, seq - 1);
	}
	hr_courier_work(a->courier);
	leave();
}

static void wipe_spool(const struct sim_agent *a)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/spool/spool", a->dir);
	(void)unlink(path);
}

/* Once a minute. */
void sim_agent_weather(struct sim_agent *a)
{
	const struct sim_weather *w = &sim.weather;

	if (sim.now_ns < a->up_ns)
		return; /* down already */
	if (sim_hits(w->cut_off / 60))
		a->cut_ns = sim.now_ns + sim_between(10, w->outage_max_s) * SECOND;
	if (sim_hits(w->denied / 60))
		a->denied_ns = sim.now_ns + sim_between(1, 600) * SECOND;
	if (sim_hits(w->clock_step / 60)) {
		int64_t span = w->skew_max_ms ? w->skew_max_ms : 3600000;

		a->skew_ms += (int64_t)sim_between(0, (uint64_t)(2 * span)) - span;
	}
	if (sim_hits(w->agent_amnesia / 60)) {
		sim_agent_stop(a);
		wipe_spool(a);
		a->amnesia = true;
		a->up_ns = sim.now_ns + sim_between(0, 60) * SECOND;
	} else if (sim_hits(w->agent_rebooted / 60) && a->n_boots < SIM_BOOTS_MAX) {
		sim_agent_stop(a);
		a->up_ns = sim.now_ns + sim_between(5, 120) * SECOND;
		new_boot(a);
		a->boot_ns = a->up_ns;
		sim.total.reboots++;
	} else if (sim_hits(w->agent_killed / 60)) {
		sim_agent_stop(a);
		a->up_ns = sim.now_ns + sim_between(0, 60) * SECOND;
	}
}

void sim_agents_begin(void)
{
	const struct sim_weather *w = &sim.weather;

	sim.n_agents = w->agents;
	for (uint32_t i = 0; i < sim.n_agents; i++) {
		struct sim_agent *a = &sim.agent[i];

		*a = (struct sim_agent){.no = i};
		for (size_t k = 0; k < sizeof(a->id); k++)
			a->id[k] = (uint8_t)hr_rand_u64(&sim.rnd);
		if (w->clones && i == 1)
			memcpy(a->id, sim.agent[0].id, sizeof(a->id));
		snprintf(a->dir, sizeof(a->dir), "%s/agent-%u", sim.dir, i);
		if (mkdir(a->dir, 0700) < 0)
			sim_fail("cannot make %s", a->dir);
		if (w->skew_max_ms)
			a->skew_ms = (int64_t)sim_between(0, (uint64_t)(2 * w->skew_max_ms)) -
				     w->skew_max_ms;
		new_boot(a);
		sim_schedule(sim.now_ns + sim_between(0, 10 * SECOND),
			(struct sim_event){.kind = SIM_TICK, .agent = i});
	}
}

bool sim_agents_drained(void)
{
	for (uint32_t i = 0; i < sim.n_agents; i++) {
		struct hr_courier_status st;

		if (!sim.agent[i].courier)
			return false;
		hr_courier_status(sim.agent[i].courier, &st);
		if (st.waiting > 0)
			return false;
	}
	return true;
}

const struct hr_outbox *sim_outbox(const struct sim_agent *a)
{
	return hr_courier_outbox(a->courier);
}

void sim_agents_end(void)
{
	for (uint32_t i = 0; i < sim.n_agents; i++) {
		struct sim_agent *a = &sim.agent[i];

		sim_agent_stop(a);
		for (uint32_t k = 0; k < a->n_boots; k++)
			free(a->boot[k].win);
	}
}
