/* SPDX-License-Identifier: Apache-2.0 */
/* When a host has its turn, by a clock that the test moves. */
#include <stdlib.h>
#include <string.h>

#include "collector/writer_private.h"
#include "proto/base/clock.h"
#include "proto/units.h"
#include "tests/unit/hr_cmocka.h"

#define N     20
#define ROUND (300 * HR_NS_PER_S)
#define CALM  (900 * HR_NS_PER_S)
#define T0    (7 * ROUND + 12345)

struct fleet {
	struct hr_writer w;
	struct hr_host *by_no[N], host[N];
	struct hr_view *view;
};

static int setup(void **state)
{
	struct fleet *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->w.hosts.by_no = f->by_no;
	f->w.hosts.n = N;
	f->w.conf.answer_ns = ROUND;
	f->w.conf.calm_ns = CALM;
	f->w.conf.alert_at_least = 1.1;
	f->w.conf.alert_days = 14;
	f->view = calloc(1, sizeof(*f->view));
	for (unsigned i = 0; i < N; i++) {
		f->by_no[i] = &f->host[i];
		f->host[i] = (struct hr_host){.no = i + 1, .is_stored = true, .view = f->view};
		f->host[i].cold = (struct hr_cold){.is = true, .n_slots = 1, .turned_ns = T0};
	}
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fleet *f = *state;

	free(f->view);
	free(f);
	return 0;
}

static void turn(struct fleet *f, unsigned i, uint8_t calm, uint64_t now)
{
	f->host[i].cold = hr_turn_settled(&f->host[i].cold, calm, now);
	f->host[i].cold.n_slots = 1; /* and the next window waits */
}

/* All had their last turn at once, as after a start. */
static void turns_are_spread_over_the_round_and_each_host_has_one(void **state)
{
	struct fleet *f = *state;
	unsigned turns[N] = {0};

	for (uint64_t k = 1; k <= 100; k++) { /* five rounds, in twentieths */
		uint64_t now = T0 + k * ROUND / 20;
		unsigned due = 0;

		for (unsigned i = 0; i < N; i++) {
			if (!hr_turn_is_due(&f->w, i, now))
				continue;
			assert_true(now - f->host[i].cold.turned_ns <= ROUND + ROUND / 20);
			turn(f, i, HR_CALM_NOT, now);
			assert_false(hr_turn_is_due(&f->w, i, now));
			turns[i]++;
			due++;
		}
		assert_in_range(due, 1, 1);
	}
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(turns[i], 5);
}

static void a_host_that_shows_nothing_yet_does_not_wait_for_its_place(void **state)
{
	struct fleet *f = *state;

	f->host[3].view = NULL;
	assert_true(hr_turn_is_due(&f->w, 3, T0 + 1));
	f->host[3].view = f->view;
	assert_false(hr_turn_is_due(&f->w, 3, T0 + 1));
	f->host[3].cold.turned_ns = 0;
	assert_true(hr_turn_is_due(&f->w, 3, T0 + 1));
	f->host[3].cold.n_slots = 0; /* nothing waits */
	assert_false(hr_turn_is_due(&f->w, 3, T0 + 1));
}

/* Host 1 is calm, host 0, its neighbour, is not: when it is due is when 1 must be with news. */
static void a_calm_host_waits_and_one_with_news_is_due_as_any_other(void **state)
{
	struct fleet *f = *state;
	unsigned plain = 0, calm = 0;

	for (uint64_t k = 1; k <= 3600; k++) { /* an hour and a half, in 1.5 s */
		uint64_t now = T0 + k * ROUND / 200;

		for (unsigned i = 0; i < 2; i++) {
			bool due = hr_turn_is_due(&f->w, i, now);

			if (i == 1 && !due && f->host[1].cold.calm != HR_CALM_NOT) {
				struct hr_cold was = f->host[1].cold;
				uint64_t age = now - was.turned_ns;

				/* whatever comes that is beyond what it knows: at most a round */
				f->host[1].cold.now.level[HR_STRAIN_LATE]++;
				assert_true(hr_turn_is_due(&f->w, 1, now) || age <= ROUND);
				f->host[1].cold = was;
				f->host[1].cold.n_facts = 1;
				assert_true(hr_turn_is_due(&f->w, 1, now) || age <= ROUND);
				f->host[1].cold = was;
				f->host[1].cold.unseen = true;
				assert_true(hr_turn_is_due(&f->w, 1, now) || age <= ROUND);
				f->host[1].cold = was;
			}
			if (!due)
				continue;
			assert_true(now - f->host[i].cold.turned_ns <= hr_turn_longest_ns(&f->w));
			turn(f, i, i == 1 ? HR_CALM_WIDE : HR_CALM_NOT, now);
			plain += i == 0;
			calm += i == 1;
		}
	}
	assert_int_equal(plain, 18);
	assert_in_range(calm, 6, 7); /* the first before it was calm */
	f->w.conf.calm_ns = 0;
	assert_int_equal(hr_turn_longest_ns(&f->w), ROUND);
	assert_true(hr_turn_is_due(&f->w, 1, f->host[1].cold.turned_ns + ROUND));
}

/* All are calm since the same moment. */
static void turns_of_calm_hosts_are_spread_over_their_rounds(void **state)
{
	struct fleet *f = *state;
	unsigned turns[N] = {0};

	for (unsigned i = 0; i < N; i++)
		turn(f, i, HR_CALM_WIDE, T0);
	for (uint64_t k = 1; k <= 3 * 12; k++) { /* quarters of rounds, three times 15 minutes */
		uint64_t now = T0 + k * ROUND / 4;
		unsigned due = 0;

		for (unsigned i = 0; i < N; i++) {
			if (!hr_turn_is_due(&f->w, i, now))
				continue;
			turn(f, i, HR_CALM_WIDE, now);
			turns[i]++;
			due++;
		}
		assert_in_range(due, 1, 2); /* 20 hosts in 12 quarters */
	}
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(turns[i], 3);
}

static void what_is_known_is_what_turns_of_one_kind_found(void **state)
{
	struct fleet *f = *state;
	struct hr_cold *c = &f->host[0].cold;

	c->now.level[HR_STRAIN_BUSY] = 30;
	turn(f, 0, HR_CALM_NOT, T0 + 1);
	assert_int_equal(c->known.level[HR_STRAIN_BUSY], 0); /* not all of it was fine */
	c->now.level[HR_STRAIN_BUSY] = 20;
	turn(f, 0, HR_CALM_WIDE, T0 + 2);
	assert_int_equal(c->known.level[HR_STRAIN_BUSY], 20);
	assert_int_equal(c->now.level[HR_STRAIN_BUSY], 0);
	c->now.level[HR_STRAIN_BUSY] = 10;
	turn(f, 0, HR_CALM_WIDE, T0 + 3);
	assert_int_equal(c->known.level[HR_STRAIN_BUSY], 20);
	c->n_facts = 1; /* of another size, perhaps */
	c->now.level[HR_STRAIN_BUSY] = 5;
	turn(f, 0, HR_CALM_WIDE, T0 + 4);
	assert_int_equal(c->known.level[HR_STRAIN_BUSY], 5);
	c->now.level[HR_STRAIN_BUSY] = 40;
	turn(f, 0, HR_CALM_LOW, T0 + 5);
	c->now.level[HR_STRAIN_BUSY] = 8;
	turn(f, 0, HR_CALM_WIDE, T0 + 6); /* what was known was of a host in need */
	assert_int_equal(c->known.level[HR_STRAIN_BUSY], 8);
}

static void calm_is_who_is_far_from_each_threshold_or_below_already(void **state)
{
	struct fleet *f = *state;
	struct hr_answer *a = calloc(1, sizeof(*a));

	assert_non_null(a);
	assert_int_equal(hr_turn_calm(&f->w, 1.3, a, 8), HR_CALM_NOT); /* nothing is known */
	a->headroom.at_least = (struct hr_opt){true, 1.05};
	assert_int_equal(hr_turn_calm(&f->w, 1.3, a, 8), HR_CALM_LOW);
	a->headroom.at_least.v = 1.1;
	assert_int_equal(hr_turn_calm(&f->w, 1.3, a, 8), HR_CALM_NOT);
	a->headroom.at_least.v = 1.6; /* 1.3 x 1.25 = 1.625 */
	assert_int_equal(hr_turn_calm(&f->w, 1.3, a, 8), HR_CALM_NOT);
	a->headroom.at_least.v = 1.7;
	assert_int_equal(hr_turn_calm(&f->w, 1.3, a, 8), HR_CALM_WIDE);
	assert_int_equal(hr_turn_calm(&f->w, 1.3, a, 1.6), HR_CALM_NOT); /* one minute was not */
	a->days_left.has = true;
	a->days_left.at_least = (struct hr_opt){true, 20};
	assert_int_equal(hr_turn_calm(&f->w, 1.3, a, 8), HR_CALM_NOT);
	a->days_left.at_least.v = 29;
	assert_int_equal(hr_turn_calm(&f->w, 1.3, a, 8), HR_CALM_WIDE);
	f->w.conf.alert_at_least = 0; /* no alert: then nobody is told already */
	a->headroom.at_least.v = 0.5;
	assert_int_equal(hr_turn_calm(&f->w, 1.3, a, 8), HR_CALM_NOT);
	free(a);
}

/* A third of them in each round, and of a large fleet neighbours in the same one. */
static void neighbours_have_their_calm_turns_together(void **state)
{
	struct fleet *f = *state;
	struct hr_host **by_no = calloc(4800, sizeof(struct hr_host *));
	unsigned in_round[3] = {0}, apart = 0;
	uint64_t was = 0;

	assert_non_null(by_no);
	f->host[0].cold.calm = HR_CALM_WIDE;
	for (unsigned i = 0; i < 4800; i++)
		by_no[i] = &f->host[0];
	f->w.hosts.by_no = by_no;
	f->w.hosts.n = 4800;
	for (uint32_t place = 0; place < 4800; place++) {
		uint64_t k = 1;

		while (k < 90 && !hr_turn_is_due(&f->w, place, T0 + k * ROUND / 30))
			k++;
		assert_in_range(k, 1, 90);
		in_round[(T0 + k * ROUND / 30) / ROUND % 3]++;
		apart += place > 0 && (k > was ? k - was : was - k) > 1;
		was = k;
	}
	for (unsigned i = 0; i < 3; i++)
		assert_in_range(in_round[i], 1400, 1800);
	assert_in_range(apart, 200, 4800 / 16);
	free(by_no);
}

/* A small fleet is looked at whole; of a large one so much that all of it takes 10 s. */
static void a_large_fleet_is_looked_at_bit_by_bit(void **state)
{
	struct fleet *f = *state;
	uint64_t at = 0;

	assert_int_equal(hr_writer_look(&f->w, 1000, &at), N);
	f->w.hosts.n = 100000;
	assert_int_equal(hr_writer_look(&f->w, 1000, &at), 1000); /* the first time */
	assert_in_range(hr_writer_look(&f->w, 1000, &at), 0, 500);
	at = hr_clock_mono_ns() - 50 * HR_NS_PER_MS;
	assert_in_range(hr_writer_look(&f->w, 1000, &at), 500, 1000);
	at = hr_clock_mono_ns() - HR_NS_PER_S;
	assert_int_equal(hr_writer_look(&f->w, 1000, &at), 1000);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(turns_are_spread_over_the_round_and_each_host_has_one),
		T(a_host_that_shows_nothing_yet_does_not_wait_for_its_place),
		T(a_calm_host_waits_and_one_with_news_is_due_as_any_other),
		T(turns_of_calm_hosts_are_spread_over_their_rounds),
		T(neighbours_have_their_calm_turns_together),
		T(a_large_fleet_is_looked_at_bit_by_bit),
		T(what_is_known_is_what_turns_of_one_kind_found),
		T(calm_is_who_is_far_from_each_threshold_or_below_already),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
