/* SPDX-License-Identifier: Apache-2.0 */
/* Windows that may be stored already, or may yet be, although they were refused. */
#include "tests/io/courier_world.h"

/* A window in doubt does not put those in doubt that travel with it. */
static void only_what_may_be_stored_is_held(void **state)
{
	struct world *w = *state;
	const struct hr_outbox *box = hr_courier_outbox(w->c);

	answers(w, 500, 0); /* proves nothing */
	window(w);
	work_until(w, 1);
	window(w);
	window_of(w, 2);
	atomic_store(&w->srv.problem, true);
	answers(w, 409, 0);
	work_until(w, 2); /* the same bytes, refused by the collector itself */
	assert_int_equal(waiting(w), 3);
	assert_true(box->item[0].held && !box->item[0].frozen);
	ahead_ns += 301 * HR_NS_PER_S;
	answers(w, 400, 0);
	work_until(w, 3); /* both of that epoch, refused for good */
	assert_int_equal(waiting(w), 3);
	expect(w, 2, 2, 1);
	assert_true(box->item[0].held && !box->item[0].frozen);
	assert_false(box->item[1].held || box->item[1].frozen);
}

/* The first POST, of six windows, is refused as a clone's. */
static void six_clash(struct world *w)
{
	for (int i = 0; i < 6; i++)
		window(w);
	atomic_store(&w->srv.problem, true);
	answers(w, 409, 0);
	work_until(w, 1);
	assert_int_equal(waiting(w), 6);
}

/*
 * What is refused as a clone's may be taken an hour later, and a copy of it, too: merged in between
 * it would overlap.  Found by simulation.
 */
static void what_clashes_comes_again_as_the_same_bytes(void **state)
{
	struct world *w = *state;
	const struct hr_outbox *box = hr_courier_outbox(w->c);

	six_clash(w);
	ahead_ns += 3700 * HR_NS_PER_S; /* what is older than an hour is merged to 5 min */
	window(w);
	work_until(w, 2);
	assert_int_equal(waiting(w), 7);
	assert_int_equal(w->srv.body_len[1], w->srv.body_len[0]);
	assert_memory_equal(w->srv.body[1], w->srv.body[0], w->srv.body_len[0]);
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(box->item[i].span.seq_last, box->item[i].span.seq_first);
	ahead_ns += 301 * HR_NS_PER_S;
	answers(w, 204, 6);
	work_until(w, 3);
	assert_int_equal(waiting(w), 1);
}

/* The older boot's (here: epoch's) windows clash: held, as they are, while the others get through.
 */
static void what_clashes_does_not_block_another_boot(void **state)
{
	struct world *w = *state;
	const struct hr_outbox *box = hr_courier_outbox(w->c);

	six_clash(w);
	window_of(w, 2);
	ahead_ns += 3700 * HR_NS_PER_S;
	work_until(w, 2); /* as before, but now another waits */
	assert_int_equal(waiting(w), 7);
	ahead_ns += 301 * HR_NS_PER_S;
	work_until(w, 3); /* by turns */
	assert_int_equal(waiting(w), 7);
	ahead_ns += 301 * HR_NS_PER_S;
	answers(w, 204, 7);
	work_until(w, 4);
	assert_int_equal(waiting(w), 6);
	for (uint32_t i = 0; i < 6; i++) {
		assert_true(box->item[i].held);
		assert_int_equal(box->item[i].span.seq_last, box->item[i].span.seq_first);
	}
}

static void what_may_be_stored_is_held_when_it_is_refused_later(void **state)
{
	struct world *w = *state;

	w->srv.retry_after = "1";
	answers(w, 500, 0); /* proves nothing */
	window(w);
	work_until(w, 1);
	window_of(w, 2);
	atomic_store(&w->srv.problem, true);
	answers(w, 409, 0);
	work_until(w, 2);
	assert_int_equal(waiting(w), 2);
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
		T(only_what_may_be_stored_is_held),
		T(what_clashes_comes_again_as_the_same_bytes),
		T(what_clashes_does_not_block_another_boot),
		T(what_may_be_stored_is_held_when_it_is_refused_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
