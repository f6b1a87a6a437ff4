// SPDX-License-Identifier: Apache-2.0
/*
 * usage: sim [--events N] [--seconds N] [--seed N] [--one] [--verbose]
 * Runs histories, each from a seed of its own, until N messages were seen (default
 * 1e6) or N seconds have passed.  --one runs the history of --seed alone.
 * Exit status 1: a history broke the invariant; its seed is printed, and
 * "sim --one --seed S --verbose" shows it again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/failure/sim.h"

#define SECOND 1000000000ULL

struct sim sim;
static uint64_t seed_now;

void sim_fail(const char *fmt, ...)
{
	va_list ap;

	printf("FAILED after %.3f s of history: ", (double)sim.now_ns / 1e9);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\nagain: sim --one --seed %llu --verbose\nHR_SEED=%llu\n",
		(unsigned long long)seed_now, (unsigned long long)seed_now);
	exit(1);
}

/* @p with half a chance, else never: histories differ in kind, not only in dice. */
static double maybe(double p)
{
	return sim_chance() < 0.5 ? p * sim_chance() : 0;
}

static struct sim_weather draw_weather(void)
{
	struct sim_weather w = {.agents = (uint32_t)sim_between(2, 16),
		.length_s = sim_between(1200, 7200),
		.request_lost = maybe(0.2),
		.answer_lost = maybe(0.3),
		.duplicated = maybe(0.3),
		.late = maybe(0.1),
		.proxy_503 = maybe(0.05),
		.proxy_413 = maybe(0.02),
		.proxy_204 = maybe(0.1),
		.store_full = maybe(0.2),
		.store_crash = maybe(0.05),
		.agent_killed = maybe(4),
		.agent_rebooted = maybe(2),
		.agent_amnesia = maybe(0.5),
		.cut_off = maybe(2),
		.outage = maybe(3),
		.outage_max_s = sim_between(30, 3600),
		.skew_max_ms = sim_chance() < 0.3 ? (int64_t)sim_between(1000, 172800000) : 0,
		.clock_step = sim_chance() < 0.2 ? sim_chance() * 2 : 0,
		.clones = sim_chance() < 0.1,
		.sqlite = sim_chance() < 0.25,
		.spool_bytes = sim_chance() < 0.3 ? SIM_SPOOL_SMALL : 524288,
		.save_ns = sim_between(5, 300) * SECOND};

	w.cold =
		w.save_ns / SECOND % 3 == 0; /* no draw of its own: old seeds stay what they were */
	w.proxy_poison = w.save_ns / SECOND % 5 == 0;
	if (sim_chance() < 0.03) { /* a day without a collector */
		w.agents = 2;
		w.length_s = 100000;
		w.outage = 1;
		w.outage_max_s = 90000;
	}
	if (sim.verbose)
		printf("agents %u, %llu s, skew %lld ms, steps %.2f, clones %d, %s, models %s\n",
			w.agents, (unsigned long long)w.length_s, (long long)w.skew_max_ms,
			w.clock_step, w.clones, w.sqlite ? "sqlite" : "memory",
			w.cold ? "cold" : "kept");
	return w;
}

static void minute(void)
{
	for (uint32_t i = 0; i < sim.n_agents; i++)
		sim_agent_weather(&sim.agent[i]);
	if (sim_hits(sim.weather.outage / 60))
		sim_collector_crash(sim_between(1, sim.weather.outage_max_s) * SECOND);
	sim_schedule(sim.now_ns + 60 * SECOND, (struct sim_event){.kind = SIM_WEATHER});
}

static void happen(struct sim_event *e)
{
	struct sim_agent *a = &sim.agent[e->agent];

	switch (e->kind) {
	case SIM_TICK:
		sim_agent_tick(a);
		sim_schedule(sim.now_ns + SECOND, *e);
		break;
	case SIM_ARRIVE:
		sim_collector_arrive(e);
		break;
	case SIM_ANSWER:
		sim_ship_result(a->ship, e->conn, &e->answer);
		break;
	case SIM_TIMEOUT:
		sim_ship_timeout(a->ship, e->conn);
		break;
	case SIM_FLUSH:
		sim_collector_flush();
		break;
	case SIM_START:
		sim_collector_start();
		break;
	case SIM_WEATHER:
		minute();
		break;
	}
}

/* After the weather everything heals, and what can arrive has to within hours. */
static void live(void)
{
	uint64_t heal_ns = sim.weather.length_s * SECOND, end_ns = heal_ns + 6 * 3600 * SECOND;
	/* a clone or a clock that runs ahead is refused by right; its windows wait */
	bool may_wait = sim.weather.clones;
	struct sim_event e;

	while (sim_next(&e)) {
		sim.now_ns = e.at_ns;
		if (!sim.healed && sim.now_ns >= heal_ns) {
			sim.healed = true;
			for (uint32_t i = 0; i < sim.n_agents; i++)
				sim.agent[i].cut_ns = 0;
			sim_collector_start();
		}
		happen(&e);
		if (e.kind == SIM_WEATHER && sim.healed && sim_collector_up() &&
			sim.now_ns > heal_ns + 600 * SECOND && sim_agents_drained())
			break;
		if (sim.now_ns > end_ns && sim_collector_up()) {
			if (!may_wait)
				sim_fail("windows still wait hours after all was well");
			break;
		}
	}
}

static void history(uint64_t seed)
{
	char cmd[128];
	struct sim_totals keep = sim.total;
	bool verbose = sim.verbose;

	seed_now = seed;
	memset(&sim, 0, sizeof(sim));
	sim.total = keep;
	sim.verbose = verbose;
	sim.rnd.s = seed;
	sim.weather = draw_weather();
	snprintf(sim.dir, sizeof(sim.dir), "%s/hr-sim-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(sim.dir))
		sim_fail("mkdtemp: %s", strerror(errno));
	sim_agents_begin();
	sim_collector_begin();
	sim_schedule(60 * SECOND, (struct sim_event){.kind = SIM_WEATHER});
	live();
	for (uint32_t i = 0; i < sim.n_agents; i++) /* an agent may be down for its restart */
		if (!sim.agent[i].courier)
			sim_agent_tick(&sim.agent[i]);
	sim_collector_end();
	sim_agents_end();
	sim_forget_events();
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", sim.dir);
	if (system(cmd) != 0)
		printf("left: %s\n", sim.dir);
}

int main(int argc, char **argv)
{
	uint64_t events = 1000000, seconds = 0, histories = 0;
	struct hr_rand base = hr_rand_seeded("sim");
	time_t t = time(NULL);
	bool one = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--events") == 0 && i + 1 < argc)
			events = (uint64_t)strtod(argv[++i], NULL);
		else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
			seconds = strtoull(argv[++i], NULL, 0);
		else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			base.s = strtoull(argv[++i], NULL, 0);
		else if (strcmp(argv[i], "--one") == 0)
			one = true;
		else if (strcmp(argv[i], "--verbose") == 0)
			sim.verbose = true;
		else
			return printf("see the top of sim.c\n"), 2;
	}
	do {
		history(one ? base.s : hr_rand_u64(&base));
		histories++;
	} while (!one && sim.total.events < events &&
		 (seconds == 0 || (uint64_t)(time(NULL) - t) < seconds));
	printf("%llu histories, %llu message events, %llu windows (last history: %llu stored, %llu "
	       "dropped, %llu waiting), %llu collector starts, %llu agent starts, %llu reboots, "
	       "%llu store faults, %lld s: conserved\n",
		(unsigned long long)histories, (unsigned long long)sim.total.events,
		(unsigned long long)sim.total.windows, (unsigned long long)sim.total.stored,
		(unsigned long long)sim.total.dropped, (unsigned long long)sim.total.waiting,
		(unsigned long long)sim.total.collector_starts,
		(unsigned long long)sim.total.agent_starts, (unsigned long long)sim.total.reboots,
		(unsigned long long)sim.total.faults, (long long)(time(NULL) - t));
	return 0;
}
