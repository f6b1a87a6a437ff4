/* SPDX-License-Identifier: Apache-2.0 */
/* What one message more costs: the agent's sums, and what the model makes of them. */
#include "tests/unit/estimate_fixture.h"

#include <math.h>

#include "agent/core/marginal.h"
#include "collector/core/model_cpu.h"

/* A block whose groups have 10, 13, 7 and 10 messages, of @us[] us of work. */
static void add_block(struct hr_marginal *m, const uint64_t us[4], uint64_t *ctr)
{
	static const uint32_t n[4] = {10, 13, 7, 10};

	for (unsigned i = 0; i < HR_MARGINAL_GROUPS * HR_MARGINAL_SLOTS; i++) {
		unsigned g = i / HR_MARGINAL_SLOTS, first = i % HR_MARGINAL_SLOTS == 0;

		hr_marginal_add(m, first ? n[g] : 0, us[g] * 1000 / HR_MARGINAL_SLOTS, ctr);
	}
}

/* Messages deviate by 0, 3, -3, 0 from their mean, work by 0, 150, -150, 0 us: 4 (9 + 9) = 72. */
static void a_block_adds_its_squares_about_its_mean(void **state)
{
	static const uint64_t us[4] = {1000, 1150, 850, 1000};
	uint64_t ctr[HR_CTR_N] = {0};
	struct hr_marginal m = {0};

	(void)state;
	add_block(&m, us, ctr);
	assert_int_equal(ctr[HR_CTR_READ_BLOCK_N], 1);
	assert_int_equal(ctr[HR_CTR_READ_N], 40);
	assert_int_equal(ctr[HR_CTR_READ_WORK_US], 4000);
	assert_int_equal(ctr[HR_CTR_READ_N2], 72);
	assert_int_equal(ctr[HR_CTR_READ_WORK_US2], 180000);
	assert_int_equal(ctr[HR_CTR_READ_BOTH2], 187272); /* 153 twice: 72 + 180000 + 2 x 3600 */
}

/* What is left of an open block does not go into the next. */
static void a_hole_begins_a_block_anew(void **state)
{
	static const uint64_t us[4] = {1000, 1150, 850, 1000};
	uint64_t ctr[HR_CTR_N] = {0};
	struct hr_marginal m = {0};

	(void)state;
	for (int i = 0; i < 15; i++)
		hr_marginal_add(&m, 1000, HR_SLOT_NS, ctr);
	assert_int_equal(ctr[HR_CTR_READ_BLOCK_N], 0);
	hr_marginal_reset(&m);
	add_block(&m, us, ctr);
	assert_int_equal(ctr[HR_CTR_READ_N], 40);
	assert_int_equal(ctr[HR_CTR_READ_WORK_US2], 180000);
}

/* 400 such blocks on @cpus vCPUs, of threads that did all of the work. */
static void minute(struct bench *b, const uint64_t us[4])
{
	struct hr_marginal m = {0};

	b->m.have |= HR_SIG_BIT(HR_SIG_READS);
	for (int i = 0; i < 400; i++)
		add_block(&m, us, b->m.ctr);
	b->m.ctr[HR_CTR_ONCPU_NS] = b->m.ctr[HR_CTR_READ_WORK_US] * 1000;
	b->m.ctr[HR_CTR_READER_MS] = b->m.ctr[HR_CTR_READ_WORK_US] / 1000;
}

/* 50 us a message more, where one costs 100: a half; and 100 where it costs 100: all. */
static void the_slope_is_told_as_a_share_of_the_mean(void **state)
{
	static const uint64_t half[4] = {1000, 1150, 850, 1000}, all[4] = {1000, 1300, 700, 1000};
	struct bench *b = *state;
	struct hr_marginal_cost c;

	assert_false(hr_marginal_cost(&b->m).has);
	minute(b, half);
	c = hr_marginal_cost(&b->m);
	assert_true(c.has);
	fx_near(c.cost, 0.5, 1e-9);
	fx_near(c.dev, 0, 1e-9);
	fx_near(c.chance, 18.0 / 3 / 10, 1e-9);
	memset(b->m.ctr, 0, sizeof(b->m.ctr));
	minute(b, all);
	fx_near(hr_marginal_cost(&b->m).cost, 1, 1e-9);
}

/*
 * Work that the messages do not explain, 20 us up in one group and down in another, is doubt: 800
 * a block beside 18 of messages, so sqrt(800 x 400 / 1199 / 7200) us of 100.
 */
static void what_they_do_not_explain_is_doubt(void **state)
{
	static const uint64_t us[4] = {1020, 1150, 850, 980};
	struct bench *b = *state;
	struct hr_marginal_cost c;

	minute(b, us);
	c = hr_marginal_cost(&b->m);
	fx_near(c.cost, 0.5, 1e-9);
	fx_near(c.dev, sqrt(800.0 * 400 / 1199 / 7200) / 100, 1e-9);
}

/* A fifth of the work is of threads that read nothing: all of that grows, 0.2 + 0.5. */
static void work_of_others_grows(void **state)
{
	static const uint64_t us[4] = {1000, 1150, 850, 1000};
	struct bench *b = *state;

	minute(b, us);
	b->m.ctr[HR_CTR_READER_MS] = b->m.ctr[HR_CTR_READER_MS] * 4 / 5;
	fx_near(hr_marginal_cost(&b->m).cost, 0.7, 1e-9);
	b->m.ctr[HR_CTR_READER_MS] = 0; /* nobody known */
	fx_near(hr_marginal_cost(&b->m).cost, 1, 1e-9);
}

static void few_blocks_say_nothing(void **state)
{
	static const uint64_t us[4] = {1000, 1150, 850, 1000};
	struct bench *b = *state;

	minute(b, us);
	b->m.ctr[HR_CTR_READ_BLOCK_N] = 39;
	assert_false(hr_marginal_cost(&b->m).has);
	b->m.ctr[HR_CTR_READ_BLOCK_N] = 400;
	b->m.have &= ~HR_SIG_BIT(HR_SIG_READS);
	assert_false(hr_marginal_cost(&b->m).has);
}

/* Facts of @busy of two vCPUs whose bursts are so many that all of the work may be idle CPUs'. */
static struct hr_cpu_facts facts(double busy)
{
	return (struct hr_cpu_facts){.has_slots = true,
		.has_bursts = true,
		.c = 2,
		.t_s = 10,
		.work_s = 20 * busy,
		.busy = busy,
		.bursts = 1e6};
}

/*
 * cost(u) = 1 - a (u - 0.6) of today's has the slope 1 / (1 + 0.6 a): 0.8 is a = 0.417.  0.5 would
 * be 1.67, more than all: 1 is likely, and told for sure up to what is sure.
 */
static void what_stays_away_follows_from_the_slope(void **state)
{
	static const uint64_t us[4] = {1000, 1240, 760, 1000};
	static const uint64_t half[4] = {1000, 1150, 850, 1000};
	struct bench *b = *state;
	struct hr_cpu_facts f = facts(0.6);
	struct hr_away a;

	a = hr_work_away(&b->x, &f); /* nothing known: as before it was measured */
	fx_near(a.least, 0, 0);
	fx_near(a.likely, HR_IDLE_LIKELY, 0);
	fx_near(a.most, 1, 0);
	minute(b, us);
	a = hr_work_away(&b->x, &f);
	fx_near(a.least, 0.25 / 0.6, 1e-9);
	fx_near(a.likely, 0.25 / 0.6, 1e-9);
	fx_near(a.most, 1, 0); /* what others' programs may */
	memset(b->m.ctr, 0, sizeof(b->m.ctr));
	minute(b, half);
	a = hr_work_away(&b->x, &f);
	fx_near(a.least, 1, 0);
	fx_near(a.likely, 1, 0);
	fx_near(a.most, 1 / 0.6, 1e-9);
	/* full CPUs decide themselves how many messages are read */
	f = facts(0.9);
	a = hr_work_away(&b->x, &f);
	fx_near(a.least, 0, 0);
	fx_near(a.most, 1, 0);
}

/* In clumps, or as even as a closed loop, messages are not what the load is: nothing is learned. */
static void messages_that_are_not_of_chance_say_nothing(void **state)
{
	static const uint64_t half[4] = {1000, 1150, 850, 1000};
	struct bench *b = *state;
	struct hr_cpu_facts f = facts(0.6);
	struct hr_away a;

	minute(b, half);
	b->m.ctr[HR_CTR_READ_N] *= 2; /* the same deviations of twice as many */
	a = hr_work_away(&b->x, &f);
	fx_near(a.of.chance, 0.3, 1e-9);
	fx_near(a.least, 0, 0);
	fx_near(a.likely, HR_IDLE_LIKELY, 0);
	fx_near(a.most, 1, 0);
	b->m.ctr[HR_CTR_READ_N] /= 16;
	a = hr_work_away(&b->x, &f);
	fx_near(a.of.chance, 4.8, 1e-9);
	fx_near(a.least, 0, 0);
}

/* A slope that is known badly moves what is likely little, and proves nothing. */
static void doubt_leaves_what_is_usual(void **state)
{
	static const uint64_t us[4] = {4000, 1100, 900, 0};
	struct bench *b = *state;
	struct hr_cpu_facts f = facts(0.6);
	struct hr_away a;

	minute(b, us);
	for (int c = HR_CTR_READ_BLOCK_N; c <= HR_CTR_READER_MS; c++)
		b->m.ctr[c] /= 10; /* 40 blocks */
	b->m.ctr[HR_CTR_ONCPU_NS] /= 10;
	a = hr_work_away(&b->x, &f);
	assert_true(a.of.dev > 0.4);
	fx_near(a.least, 0, 0);
	fx_near(a.most, 1, 0);
	assert_true(a.likely > HR_IDLE_LIKELY && a.likely < 0.8);
}

/*
 * 40 blocks of 100 us a message with a slope of 10, off by @doubt_us up and down where no message
 * is.
 */
static struct hr_away away_by(struct bench *b, uint64_t doubt_us)
{
	const uint64_t us[4] = {1000 + doubt_us, 1030, 970, 1000 - doubt_us};
	struct hr_cpu_facts f = facts(0.6);

	memset(b->m.ctr, 0, sizeof(b->m.ctr));
	minute(b, us);
	for (int c = HR_CTR_READ_BLOCK_N; c <= HR_CTR_READER_MS; c++)
		b->m.ctr[c] /= 10;
	b->m.ctr[HR_CTR_ONCPU_NS] /= 10;
	return hr_work_away(&b->x, &f);
}

/*
 * The slope is known to sqrt(2 d^2 x 40 / 119 / 720) us of 100: 13.7 % for 450, 15.9 % for 520.
 * More than the bound stays away where it is known to 15 %, and no more than twice.
 */
static void no_more_than_twice_the_bound_stays_away(void **state)
{
	struct hr_away a = away_by(*state, 0);

	fx_near(a.of.cost, 0.1, 1e-9);
	fx_near(a.most, 2, 0);
	a = away_by(*state, 450);
	fx_near(a.of.dev, 450 * sqrt(2.0 * 40 / 119 / 720) / 100, 1e-9);
	fx_near(a.most, 2, 0);
	a = away_by(*state, 520);
	fx_near(a.of.dev, 520 * sqrt(2.0 * 40 / 119 / 720) / 100, 1e-9);
	fx_near(a.most, 1, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_adds_its_squares_about_its_mean),
		cmocka_unit_test(a_hole_begins_a_block_anew),
		T(the_slope_is_told_as_a_share_of_the_mean),
		T(what_they_do_not_explain_is_doubt),
		T(work_of_others_grows),
		T(few_blocks_say_nothing),
		T(what_stays_away_follows_from_the_slope),
		T(messages_that_are_not_of_chance_say_nothing),
		T(doubt_leaves_what_is_usual),
		T(no_more_than_twice_the_bound_stays_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
