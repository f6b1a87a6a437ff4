/* SPDX-License-Identifier: Apache-2.0 */
/* Spool, courier and POST together, against a server that fails in each way. */
#include "tests/unit/hr_cmocka.h"

#include <dirent.h>
#include <time.h>

#include "agent/courier.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/units.h"
#include "proto/wire.h"
#include "tests/io/http_server.h"

/* The clock of this program: ahead of the machine's as a test wants it. */
static uint64_t ahead_ns;

static uint64_t clock_ns(clockid_t id)
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

static void start(struct world *w)
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

static int setup(void **state)
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

static int teardown(void **state)
{
	struct world *w = *state;
	char spool[96];
	struct dirent *e;
	DIR *d;

	hr_courier_close(w->c);
	http_stop(&w->srv);
	(void)snprintf(spool, sizeof(spool), "%s/spool", w->dir);
	d = opendir(spool);
	while (d && (e = readdir(d)))
		(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		(void)closedir(d);
	(void)rmdir(spool);
	(void)rmdir(w->dir);
	free(w);
	return 0;
}

static void window_of(struct world *w, uint32_t epoch)
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

static void window(struct world *w)
{
	window_of(w, 1);
}

/* The server acknowledges whatever last window a body holds: told beforehand. */
static void answers(struct world *w, unsigned status, uint64_t seq)
{
	atomic_store(&w->srv.seq, seq);
	atomic_store(&w->srv.status, status);
}

/* Works until @posts POSTs came and were answered, at most 15 s. */
static void work_until(struct world *w, unsigned posts)
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

static uint32_t waiting(struct world *w)
{
	struct hr_courier_status st;

	hr_courier_end(w->c); /* takes the result, starts nothing */
	hr_courier_status(w->c, &st);
	return st.waiting;
}

/* Windows and facts of POST @i. */
static uint32_t in_post(struct world *w, unsigned i, bool *ret_facts, uint64_t seq[64])
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

static void a_window_leaves_when_it_is_durable_and_facts_go_once(void **state)
{
	struct world *w = *state;
	uint64_t seq[64];
	bool facts;

	answers(w, 204, 1);
	window(w);
	work_until(w, 1);
	assert_int_equal(waiting(w), 0);
	assert_int_equal(in_post(w, 0, &facts, seq), 1);
	assert_true(facts);
	answers(w, 204, 2);
	window(w);
	work_until(w, 2);
	assert_int_equal(waiting(w), 0);
	assert_int_equal(in_post(w, 1, &facts, seq), 1);
	assert_int_equal(seq[0], 2);
	assert_false(facts);
}

static void without_an_answer_the_same_bytes_come_again_before_anything(void **state)
{
	struct world *w = *state;
	uint64_t seq[64];
	bool facts;

	answers(w, 0, 0);
	window(w);
	work_until(w, 1);
	assert_int_equal(waiting(w), 1);
	window(w); /* newer, and yet it waits */
	answers(w, 204, 1);
	work_until(w, 2);
	assert_int_equal(waiting(w), 1);
	assert_int_equal(w->srv.body_len[1], w->srv.body_len[0]);
	assert_memory_equal(w->srv.body[1], w->srv.body[0], w->srv.body_len[0]);
	answers(w, 204, 2);
	work_until(w, 3);
	assert_int_equal(waiting(w), 0);
	assert_int_equal(in_post(w, 2, &facts, seq), 1);
	assert_int_equal(seq[0], 2);
}

static void a_restarted_agent_repeats_the_unanswered_windows_alone(void **state)
{
	struct world *w = *state;
	uint64_t seq[64], first;
	uint32_t epoch;
	bool facts;

	answers(w, 0, 0);
	window(w);
	window(w);
	work_until(w, 1);
	hr_courier_close(w->c);
	start(w);
	hr_courier_first_free(w->c, &first, &epoch);
	assert_int_equal(first, 3);
	assert_int_equal(epoch, 2);
	window(w);
	answers(w, 204, 2);
	work_until(w, 2);
	assert_int_equal(waiting(w), 1);
	assert_int_equal(in_post(w, 1, &facts, seq), 2);
	assert_int_equal(seq[0], 1);
	assert_int_equal(seq[1], 2);
	assert_true(facts); /* whom it talks to may have been restarted, too */
}

static void a_refused_post_is_sent_window_by_window(void **state)
{
	struct world *w = *state;
	struct hr_courier_status st;
	uint64_t seq[64];
	bool facts;

	atomic_store(&w->srv.problem, true);
	for (int i = 0; i < 3; i++)
		window(w);
	answers(w, 400, 0);
	work_until(w, 1);
	assert_int_equal(waiting(w), 3);
	answers(w, 204, 1);
	work_until(w, 2);
	assert_int_equal(waiting(w), 2);
	answers(w, 400, 0); /* window 2 is what the collector cannot take */
	work_until(w, 3);
	assert_int_equal(waiting(w), 1);
	answers(w, 204, 3);
	work_until(w, 4);
	assert_int_equal(waiting(w), 0);
	for (unsigned i = 1; i < 4; i++) {
		assert_int_equal(in_post(w, i, &facts, seq), 1);
		assert_int_equal(seq[0], i);
	}
	hr_courier_status(w->c, &st);
	assert_int_equal(st.refused, 1);
	assert_int_equal(st.dropped, 1);
	assert_int_equal(st.durable, 2);
}

static void expect(struct world *w, unsigned post, uint32_t n, uint64_t first)
{
	uint64_t seq[64];
	bool facts;

	assert_int_equal(in_post(w, post, &facts, seq), n);
	assert_int_equal(seq[0], first);
}

/*
 * 413 without the collector's own words, as a proxy says it: nothing is lost, nothing is blocked.
 * The limit is lifted later; one window finds that out for all.
 */
static void what_a_proxy_refuses_steps_aside_and_comes_again(void **state)
{
	struct world *w = *state;
	struct hr_courier_status st;

	for (int i = 0; i < 2; i++)
		window(w);
	answers(w, 413, 0);
	work_until(w, 3); /* both, then each alone */
	assert_int_equal(waiting(w), 2);
	hr_courier_status(w->c, &st);
	assert_int_equal(st.aside, 2);
	window(w);
	answers(w, 204, 3);
	work_until(w, 4);
	assert_int_equal(waiting(w), 2);
	expect(w, 3, 1, 3);
	ahead_ns += 601 * HR_NS_PER_S;
	answers(w, 413, 0);
	work_until(w, 5); /* one of them, in vain */
	assert_int_equal(waiting(w), 2);
	expect(w, 4, 1, 1);
	ahead_ns += 601 * HR_NS_PER_S;
	answers(w, 204, 2);
	work_until(w, 6); /* the other one */
	assert_int_equal(waiting(w), 1);
	expect(w, 5, 1, 2);
	answers(w, 204, 1);
	work_until(w, 7); /* and the first at once */
	assert_int_equal(waiting(w), 0);
	expect(w, 6, 1, 1);
	hr_courier_status(w->c, &st);
	assert_int_equal(st.aside, 0);
	assert_int_equal(st.refused, 0);
	assert_int_equal(st.dropped, 0);
	assert_int_equal(st.durable, 3);
}

/*
 * A proxy that refuses everything: windows that were never sent can still be merged, so no more of
 * them are tried than one in two probes.
 */
static void a_way_that_refuses_all_is_tried_with_few(void **state)
{
	struct world *w = *state;
	uint32_t held = 0;

	for (int i = 0; i < 3; i++)
		window(w);
	answers(w, 413, 0);
	work_until(w, 4);
	assert_int_equal(waiting(w), 3);
	for (int i = 0; i < 5; i++)
		window(w); /* 4 to 8 */
	for (int i = 0; i < 50; i++) {
		hr_courier_work(w->c);
		assert_false(hr_courier_busy(w->c));
	}
	ahead_ns += 601 * HR_NS_PER_S;
	work_until(w, 5);
	assert_int_equal(waiting(w), 8);
	expect(w, 4, 1, 1); /* one of those aside */
	for (uint32_t i = 0; i < 8; i++)
		held += hr_courier_outbox(w->c)->item[i].held;
	assert_int_equal(held, 3);
	ahead_ns += 601 * HR_NS_PER_S;
	work_until(w, 6);
	assert_int_equal(waiting(w), 8);
	expect(w, 5, 1, 8); /* the newest: only those three may be what is refused */
	ahead_ns += 601 * HR_NS_PER_S;
	answers(w, 204, 2);
	work_until(w, 7);
	expect(w, 6, 1, 2);
	answers(w, 204, 8);
	work_until(w, 8); /* the way is free: all at once */
	assert_int_equal(waiting(w), 0);
	expect(w, 7, 7, 1);
}

/* A firewall's 403 is about one body; the collector's own is about the token, so everything waits.
 */
static void a_403_on_the_way_blocks_nothing(void **state)
{
	struct world *w = *state;
	struct hr_courier_status st;

	window(w);
	answers(w, 403, 0);
	work_until(w, 1);
	assert_int_equal(waiting(w), 1);
	window(w);
	answers(w, 204, 2);
	work_until(w, 2);
	assert_int_equal(waiting(w), 1);
	expect(w, 1, 1, 2);
	window(w);
	atomic_store(&w->srv.problem, true);
	answers(w, 403, 0);
	work_until(w, 3);
	assert_int_equal(waiting(w), 2);
	hr_courier_status(w->c, &st);
	assert_int_equal(st.aside, 1);
	assert_int_equal(st.last, HR_SHIP_DENIED);
}

/* What a proxy answers with 404 for ever holds up neither live windows nor its companions. */
static void a_body_that_never_comes_through_blocks_nothing(void **state)
{
	struct world *w = *state;
	struct hr_courier_status st;

	window(w);
	window(w);
	answers(w, 404, 0);
	for (unsigned i = 1; i <= 6; i++) {
		work_until(w, i); /* the same bytes */
		assert_int_equal(waiting(w), 2);
		expect(w, i - 1, 2, 1);
		ahead_ns += 11 * HR_NS_PER_S; /* the longest pause on this machine, and more */
	}
	hr_courier_status(w->c, &st);
	assert_int_equal(st.aside, 2);
	assert_true(hr_courier_outbox(w->c)->item[0].held && hr_courier_outbox(w->c)->item[1].held);
	window(w);
	answers(w, 204, 3);
	work_until(w, 7);
	assert_int_equal(waiting(w), 2);
	expect(w, 6, 1, 3);
	answers(w, 404, 0);
	for (unsigned i = 8; i <= 13; i++) {
		work_until(w, i); /* the first of them alone: it is the one */
		assert_int_equal(waiting(w), 2);
		expect(w, i - 1, 1, 1);
		ahead_ns += 11 * HR_NS_PER_S;
	}
	window(w);
	answers(w, 204, 4);
	work_until(w, 14);
	assert_int_equal(waiting(w), 2);
	expect(w, 13, 1, 4);
	answers(w, 204, 2);
	work_until(w, 15);
	assert_int_equal(waiting(w), 1);
	expect(w, 14, 1, 2);
	for (int i = 0; i < 50; i++) {
		hr_courier_work(w->c);
		assert_false(hr_courier_busy(w->c));
	}
	ahead_ns += 601 * HR_NS_PER_S;
	answers(w, 204, 1);
	work_until(w, 16);
	assert_int_equal(waiting(w), 0);
	hr_courier_status(w->c, &st);
	assert_int_equal(st.durable, 4);
	assert_int_equal(st.dropped, 0);
}

/* What is tried in its place is the newest window, whosever turn it was. */
static void behind_a_body_aside_the_newest_is_next(void **state)
{
	struct world *w = *state;

	window(w);
	answers(w, 404, 0);
	for (unsigned i = 1; i <= 6; i++) {
		work_until(w, i);
		assert_int_equal(waiting(w), 1);
		ahead_ns += 11 * HR_NS_PER_S;
	}
	window(w);
	window_of(w, 2); /* window 2 is of an older epoch, and its turn has come */
	answers(w, 204, 3);
	work_until(w, 7);
	expect(w, 6, 1, 3);
}

/* A window in doubt does not put those in doubt that travel with it. */
static void only_what_may_be_stored_is_held(void **state)
{
	struct world *w = *state;
	const struct hr_outbox *box = hr_courier_outbox(w->c);

	answers(w, 500, 0); /* proves nothing */
	window(w);
	work_until(w, 1);
	window(w);
	atomic_store(&w->srv.problem, true);
	answers(w, 409, 0);
	work_until(w, 2); /* the same bytes, refused by the collector itself */
	assert_int_equal(waiting(w), 2);
	ahead_ns += 301 * HR_NS_PER_S;
	work_until(w, 3); /* both, refused by it again */
	assert_int_equal(waiting(w), 2);
	expect(w, 2, 2, 1);
	assert_true(box->item[0].held && !box->item[0].frozen);
	assert_false(box->item[1].held || box->item[1].frozen);
}

static void a_collector_without_room_gets_everything_later(void **state)
{
	struct world *w = *state;
	uint64_t seq[64];
	bool facts;

	w->srv.retry_after = "1";
	answers(w, 503, 0);
	window(w);
	work_until(w, 1);
	assert_int_equal(waiting(w), 1);
	window(w);
	answers(w, 204, 1);
	work_until(w, 2);
	assert_int_equal(in_post(w, 1, &facts, seq), 1); /* the same bytes: a copy may arrive yet */
	assert_int_equal(seq[0], 1);
	answers(w, 204, 2);
	work_until(w, 3);
	if (waiting(w) > 0) /* the third came while 1 was still acknowledged */
		work_until(w, 4);
	assert_int_equal(waiting(w), 0);
	assert_int_equal(in_post(w, 2, &facts, seq), 1);
	assert_int_equal(seq[0], 2);
}

static void the_backlog_goes_at_the_granted_rate_behind_the_newest(void **state)
{
	struct world *w = *state;
	uint64_t seq[64];
	bool facts;

	w->srv.ack = "seq=10; backlog=2";
	for (int i = 0; i < 10; i++)
		window(w);
	answers(w, 204, 10);
	work_until(w, 1); /* before it is told: all at once */
	assert_int_equal(waiting(w), 0);
	w->srv.ack = "seq=20; backlog=2";
	for (int i = 0; i < 10; i++)
		window(w);
	work_until(w, 2);
	assert_int_equal(waiting(w), 7);
	assert_int_equal(in_post(w, 1, &facts, seq), 3);
	assert_int_equal(seq[0], 18);
	assert_int_equal(seq[1], 19);
	assert_int_equal(seq[2], 20);
}

static void what_may_be_stored_is_held_when_it_is_refused_later(void **state)
{
	struct world *w = *state;

	w->srv.retry_after = "1";
	answers(w, 500, 0); /* proves nothing */
	window(w);
	work_until(w, 1);
	atomic_store(&w->srv.problem, true);
	answers(w, 409, 0);
	work_until(w, 2);
	assert_int_equal(waiting(w), 1);
	assert_true(hr_courier_outbox(w->c)->item[0].held);
	assert_false(hr_courier_outbox(w->c)->item[0].frozen);
	hr_courier_close(w->c);
	start(w);
	assert_true(hr_courier_outbox(w->c)->item[0].held);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_window_leaves_when_it_is_durable_and_facts_go_once),
		T(without_an_answer_the_same_bytes_come_again_before_anything),
		T(a_restarted_agent_repeats_the_unanswered_windows_alone),
		T(a_refused_post_is_sent_window_by_window),
		T(what_a_proxy_refuses_steps_aside_and_comes_again),
		T(a_way_that_refuses_all_is_tried_with_few),
		T(a_body_that_never_comes_through_blocks_nothing),
		T(behind_a_body_aside_the_newest_is_next),
		T(only_what_may_be_stored_is_held),
		T(a_collector_without_room_gets_everything_later),
		T(the_backlog_goes_at_the_granted_rate_behind_the_newest),
		T(a_403_on_the_way_blocks_nothing),
		T(what_may_be_stored_is_held_when_it_is_refused_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
