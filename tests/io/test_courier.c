/* SPDX-License-Identifier: Apache-2.0 */
/* Spool, courier and POST together, against a server that fails in each way. */
#include "tests/io/courier_world.h"

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

/*
 * The token was not known when it came, and a copy that something on the way made may come when it
 * is: the windows that were in it are not merged, the same bytes come again.
 */
static void what_the_collector_denies_comes_again_as_it_was(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 3; i++)
		window(w);
	atomic_store(&w->srv.problem, true);
	answers(w, 401, 0);
	work_until(w, 1);
	assert_int_equal(waiting(w), 3);
	window(w); /* newer, and yet it waits */
	ahead_ns += 301 * HR_NS_PER_S;
	answers(w, 204, 3);
	work_until(w, 2);
	assert_int_equal(waiting(w), 1);
	assert_int_equal(w->srv.body_len[1], w->srv.body_len[0]);
	assert_memory_equal(w->srv.body[1], w->srv.body[0], w->srv.body_len[0]);
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
		T(a_collector_without_room_gets_everything_later),
		T(the_backlog_goes_at_the_granted_rate_behind_the_newest),
		T(a_403_on_the_way_blocks_nothing),
		T(what_the_collector_denies_comes_again_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
