/* SPDX-License-Identifier: Apache-2.0 */
/* Spool, courier and POST together, against a server that fails in each way; for the tests of it.
 */
#pragma once

#include "tests/unit/hr_cmocka.h"

#include <time.h>

#include "agent/courier.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/units.h"
#include "proto/wire.h"
#include "tests/io/http_server.h"
#include "tests/io/spool_dir.h"

/* The clock of this program: ahead of the machine's as a test wants it. */
static uint64_t ahead_ns;

static inline uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	assert_int_equal(clock_gettime(id, &ts), 0);
	return (uint64_t)ts.tv_sec * HR_NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t hr_clock_mono_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC) + ahead_ns;
}

uint64_t hr_clock_wall_ms(void)
{
	return (clock_ns(CLOCK_REALTIME) + ahead_ns) / 1000000;
}

struct world {
	struct http_server srv;
	struct hr_courier *c;
	char dir[64], url[64];
	uint64_t seq;
	struct hr_wire_arena arena;
	struct hr_summary sum;
};

static inline void start(struct world *w)
{
	const struct hr_ship_opts o = {
		.url = w->url, .token_file = "", .ca_file = "", .timeout_ns = 2 * HR_NS_PER_S};
	struct hr_facts f = {.epoch = 1, .name = "vm", .cpus_online = 2, .cpus_possible = 2};
	struct hr_ship *ship;
	char err[512];

	if (hr_ship_open(&ship, &o, err) < 0 ||
		hr_courier_start(&w->c, ship, w->dir, 1 << 20, err) < 0)
		fail_msg("%s", err);
	hr_courier_facts(w->c, &f);
}

static inline int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!w || !http_start(&w->srv, 0))
		return -1;
	hr_log_init("test_courier", HR_LOG_ERR);
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/hr-courier-XXXXXX");
	if (!mkdtemp(w->dir))
		return -1;
	(void)snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%u", w->srv.port);
	w->srv.ack = "auto";
	start(w);
	*state = w;
	return 0;
}

static inline int teardown(void **state)
{
	struct world *w = *state;

	hr_courier_close(w->c);
	http_stop(&w->srv);
	remove_state(w->dir);
	free(w);
	return 0;
}

static inline void window_of(struct world *w, uint32_t epoch)
{
	w->seq++;
	memset(&w->sum, 0, sizeof(w->sum));
	w->sum.seq_first = w->sum.seq_last = w->seq;
	w->sum.t_end_ms = hr_clock_wall_ms();
	w->sum.dur_ms = 10000;
	w->sum.epoch = epoch;
	w->sum.cpus = 2;
	w->sum.have = HR_SIG_BIT(HR_SIG_CPU_SLOTS);
	w->sum.ctr[HR_CTR_SWITCHES] = w->seq;
	hr_courier_window(w->c, &w->sum);
}

static inline void window(struct world *w)
{
	window_of(w, 1);
}

/* The server acknowledges whatever last window a body holds: told beforehand. */
static inline void answers(struct world *w, unsigned status, uint64_t seq)
{
	atomic_store(&w->srv.seq, seq);
	atomic_store(&w->srv.status, status);
}

/* Works until @posts POSTs came and were answered, at most 15 s. */
static inline void work_until(struct world *w, unsigned posts)
{
	uint64_t end = hr_clock_mono_ns() + 15 * HR_NS_PER_S;

	while (atomic_load(&w->srv.posts) < posts || hr_courier_busy(w->c)) {
		if (hr_clock_mono_ns() > end)
			fail_msg(
				"%u POSTs in 15 s, expected %u", atomic_load(&w->srv.posts), posts);
		hr_courier_work(w->c);
		(void)hr_ship_wait(hr_courier_ship(w->c), NULL, 0, 20);
	}
}

static inline uint32_t waiting(struct world *w)
{
	struct hr_courier_status st;

	hr_courier_end(w->c); /* takes the result, starts nothing */
	hr_courier_status(w->c, &st);
	return st.waiting;
}

/* Windows and facts of POST @i. */
static inline uint32_t in_post(struct world *w, unsigned i, bool *ret_facts, uint64_t seq[64])
{
	struct hr_wire_batch b;

	if (hr_wire_open(&w->arena, w->srv.body[i], w->srv.body_len[i], &b) != HR_WIRE_OK)
		fail_msg("POST %u is malformed", i);
	*ret_facts = b.head.has_facts;
	for (uint32_t k = 0; k < b.head.n_summaries; k++) {
		hr_wire_summary(&b, k, &w->sum);
		seq[k] = w->sum.seq_last;
	}
	return b.head.n_summaries;
}

static inline void expect(struct world *w, unsigned post, uint32_t n, uint64_t first)
{
	uint64_t seq[64];
	bool facts;

	assert_int_equal(in_post(w, post, &facts, seq), n);
	assert_int_equal(seq[0], first);
}
