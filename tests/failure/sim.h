/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deterministic simulation: real couriers (outbox, journal, coalescing, back-off)
 * and the real writer (groups, dedupe, recovery) over either store, in one thread,
 * joined by a simulated network and clock.  One seed is one history, byte for byte.
 *
 * Invariant, checked when a history ends: every window an agent closed is in the
 * store exactly once, with its counts, or still waits in that agent's spool, or was
 * counted as dropped there; and the models hold what the store holds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/courier.h"
#include "collector/work.h"
#include "tests/unit/hr_cmocka.h"

#define SIM_AGENTS_MAX  24
#define SIM_BOOTS_MAX   64
#define SIM_EPOCH_MS    1795528800000ULL /* 2026-11-24: when every history begins */
#define SIM_SPOOL_SMALL 65536            /* a day without a collector does not fit */
#define SIM_TIMEOUT_NS  30000000000ULL   /* of one POST */

/* What goes wrong in one history, and how often: probabilities per event. */
struct sim_weather {
	uint32_t agents;
	uint64_t length_s; /* windows are made this long; then everything heals */
	double request_lost, answer_lost, duplicated, late;
	double proxy_503, proxy_413, proxy_204, proxy_403; /* said by something between the two */
	bool proxy_poison;              /* a 16th of all bodies, whenever they come */
	double store_full, store_crash; /* per group */
	double agent_killed, agent_rebooted, agent_amnesia, cut_off; /* per agent and hour */
	double denied; /* the collector does not know its secret for a while; per agent and hour */
	double outage; /* per hour */
	uint64_t outage_max_s;
	int64_t skew_max_ms;
	double clock_step; /* per agent and hour */
	bool clones;
	bool sqlite, cold;
	uint64_t spool_bytes;
	uint64_t save_ns;
};

/* One window as its agent closed it. */
struct sim_window {
	uint32_t count; /* 0: never made */
	uint32_t dur_ms;
	bool stored;
};

struct sim_boot {
	uint64_t boot;
	uint64_t n, cap; /* windows by number */
	struct sim_window *win;
};

struct sim_agent {
	uint32_t no;
	uint8_t id[HR_HOST_ID_LEN];
	char dir[96];
	struct hr_courier *courier; /* NULL: not running */
	struct hr_ship *ship;
	uint64_t boot_ns;   /* when its machine came up */
	uint64_t up_ns;     /* not running before */
	uint64_t cut_ns;    /* cut off from the collector until then */
	uint64_t denied_ns; /* 401 until then */
	int64_t skew_ms;
	uint64_t next_window, first_free;
	uint32_t epoch;
	bool amnesia; /* its spool was lost once: windows may be missing */
	uint32_t n_boots;
	struct sim_boot boot[SIM_BOOTS_MAX];
};

struct sim_totals {
	uint64_t events; /* messages sent, delivered, lost, doubled, answered */
	uint64_t windows, stored, dropped, waiting;
	uint64_t collector_starts, agent_starts, reboots, faults;
};

struct sim {
	struct hr_rand rnd;
	struct sim_weather weather;
	uint64_t now_ns;
	int64_t skew_ms; /* of whoever runs now */
	struct sim_agent *self;
	bool healed, verbose;
	char dir[64];
	uint32_t n_agents;
	struct sim_agent agent[SIM_AGENTS_MAX];
	struct sim_totals total;
};
extern struct sim sim;

static inline double sim_chance(void)
{
	return (double)(hr_rand_u64(&sim.rnd) >> 11) / 9007199254740992.0;
}

static inline bool sim_hits(double p)
{
	return p > 0 && !sim.healed && sim_chance() < p;
}

/* Uniform in [lo, hi]. */
static inline uint64_t sim_between(uint64_t lo, uint64_t hi)
{
	return lo + hr_rand_below(&sim.rnd, hi - lo + 1);
}

/* A history that went wrong: says what, with the seed, and ends the program. */
__attribute__((format(printf, 1, 2), noreturn)) void sim_fail(const char *fmt, ...);

/* sim_net.c: what lies between; times in simulated nanoseconds */
enum sim_event_kind {
	SIM_TICK = 1, /* an agent's second */
	SIM_ARRIVE,   /* a POST at the collector */
	SIM_ANSWER,   /* its answer at the agent */
	SIM_TIMEOUT,  /* the agent gives a POST up */
	SIM_FLUSH,    /* the collector's writer runs */
	SIM_START,    /* the collector starts */
	SIM_WEATHER,  /* once a minute: does something break? */
};

struct sim_answer {
	unsigned status; /* HTTP; 0: the connection was refused */
	unsigned retry_after_s;
	bool ours; /* problem+json, as the collector says it */
	char ack[128];
};

struct sim_event {
	uint64_t at_ns, no;
	enum sim_event_kind kind;
	uint32_t agent;
	uint64_t conn;
	void *body; /* ARRIVE: owned */
	size_t len;
	uint64_t sent_ms;
	bool copied; /* ARRIVE: one of two */
	struct sim_answer answer;
};

void sim_schedule(uint64_t at_ns, struct sim_event e);
bool sim_next(struct sim_event *ret);
void sim_forget_events(void);
/* The answer of the collector, or of something before it, goes back. */
void sim_reply(uint32_t agent, uint64_t conn, const struct sim_answer *a);

/* sim_shim.c: hr_ship of one agent */
void sim_ship_result(struct hr_ship *s, uint64_t conn, const struct sim_answer *a);
void sim_ship_timeout(struct hr_ship *s, uint64_t conn);

/* sim_agent.c */
void sim_agents_begin(void);
void sim_agent_tick(struct sim_agent *a);
void sim_agent_stop(struct sim_agent *a);
void sim_agent_weather(struct sim_agent *a);
void sim_agents_end(void);
bool sim_agents_drained(void);
const struct hr_outbox *sim_outbox(const struct sim_agent *a);
struct sim_boot *sim_boot_of(const uint8_t id[HR_HOST_ID_LEN], uint64_t boot);

/* sim_collector.c */
void sim_collector_begin(void);
void sim_collector_start(void);
void sim_collector_crash(uint64_t down_ns);
void sim_collector_arrive(struct sim_event *e);
void sim_collector_flush(void);
void sim_collector_end(void);
bool sim_collector_up(void);

/* sim_check.c: the invariant; the collector must be up */
struct hr_writer;
void sim_check(struct hr_writer *w);
/* Only the part about the models, at any time. */
void sim_check_models(struct hr_writer *w);
