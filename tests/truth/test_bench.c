/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the bench makes of its runs: loads (plan.c), answers summed up (tally.c), minutes and where
 * a load breaks (breaks.c).  Expected values by hand, and by the waiting time of M/D/1.
 */
#include "tests/unit/hr_cmocka.h"

#include <math.h>
#include <stdlib.h>

#include "tests/truth/breaks.h"
#include "tests/truth/tally.h"

static void near(double got, double want, double tolerance)
{
	if (!(fabs(got - want) <= tolerance))
		fail_msg("%.6f, wanted %.6f", got, want);
}

static struct hr_answer answer(enum hr_answer_kind kind, double least, double likely, double most)
{
	struct hr_answer a = {.kind = kind};

	a.headroom.at_least = (struct hr_opt){least > 0, least};
	a.headroom.likely = (struct hr_opt){likely > 0, likely};
	a.headroom.at_most = (struct hr_opt){most > 0, most};
	return a;
}

static struct tally judged(double inside, double apart, enum hr_answer_kind kind, double least,
	double likely, double most)
{
	struct hr_answer a = answer(kind, least, likely, most);
	struct tally t = {0};

	tally_judge(&t, inside, apart, &a);
	return t;
}

static void a_yes_that_is_right(void **state)
{
	struct tally t = judged(4, 6, HR_ANSWER_YES, 2, 5, 8);

	(void)state;
	assert_int_equal(t.n, 1);
	assert_int_equal(t.over, 0);
	assert_int_equal(t.covered, 1);
	assert_int_equal(t.clear, 1);
	assert_int_equal(t.right, 1);
	assert_int_equal(t.wrong + t.unknown, 0);
	assert_int_equal(t.fits, 1);
	assert_int_equal(t.yes, 1);
	assert_int_equal(t.lacks, 0);
	near(t.ln_err, log(6.0 / 5), 1e-12); /* likely is about independent growth */
	near(t.ln_low, log(2.0 / 4), 1e-12); /* at_least about the worse of the two */
}

static void a_resize_that_is_right(void **state)
{
	struct tally t = judged(0.8, 0.8, HR_ANSWER_RESIZE, 0.7, 0.9, 1);

	(void)state;
	assert_int_equal(t.covered, 1);
	assert_int_equal(t.clear, 1);
	assert_int_equal(t.right, 1);
	assert_int_equal(t.lacks, 1);
	assert_int_equal(t.low, 1);
	assert_int_equal(t.fits, 0);
	near(t.ln_err, log(0.9 / 0.8), 1e-12);
}

/* 1.3 where 1 fits is 30 % too much, one of 25 is none. */
static void a_promise_above_a_quarter_more_is_too_much(void **state)
{
	struct tally t = judged(1, 1.5, HR_ANSWER_UNKNOWN, 1.3, 1.4, 2);

	(void)state;
	assert_int_equal(t.over, 1);
	assert_int_equal(t.covered, 0);
	assert_int_equal(t.clear, 0); /* neither 2.03 fits nor does 0.8 break it */
	assert_int_equal(t.wrong + t.right + t.unknown, 0);
	assert_int_equal(judged(1, 1.5, HR_ANSWER_UNKNOWN, 1.25, 1.4, 2).over, 0);
}

static void what_is_not_clear_can_still_be_wrong(void **state)
{
	(void)state;
	/* no headroom, and a yes */
	assert_int_equal(judged(0.9, 1.2, HR_ANSWER_YES, 1.3, 1.4, 2).wrong, 1);
	assert_int_equal(judged(1.01, 1.2, HR_ANSWER_YES, 1.3, 1.4, 2).wrong, 0);
	/* 1.7 fits, the target of 1.3 and a quarter, and a resize */
	assert_int_equal(judged(1.5, 1.7, HR_ANSWER_RESIZE, 1, 1, 1).wrong, 1);
	assert_int_equal(judged(1.5, 1.6, HR_ANSWER_NO, 1, 1, 1).wrong, 0);
	/* clear ones told the other way */
	assert_int_equal(judged(3, 3, HR_ANSWER_NO, 1, 1, 1).wrong, 1);
	assert_int_equal(judged(0.8, 0.8, HR_ANSWER_YES, 1.3, 2, 3).wrong, 1);
}

static void clear_and_unknown(void **state)
{
	struct tally t = judged(2.04, 3, HR_ANSWER_UNKNOWN, 1.2, 2, 4);

	(void)state;
	assert_int_equal(t.clear, 1); /* 1.3 x 1.25 x 1.25 = 2.03125 */
	assert_int_equal(t.unknown, 1);
	assert_int_equal(t.fits, 1);
	assert_int_equal(t.yes, 0);
	t = judged(2.02, 3, HR_ANSWER_UNKNOWN, 1.2, 2, 4);
	assert_int_equal(t.clear, 0);
	assert_int_equal(t.fits, 1);
	assert_int_equal(judged(1.62, 3, HR_ANSWER_UNKNOWN, 1.2, 2, 4).fits, 0); /* 1.625 */
}

static void no_claim_is_larger_than_8(void **state)
{
	struct tally t = judged(12, 20, HR_ANSWER_YES, 8, 8, 8);

	(void)state;
	assert_int_equal(t.over, 0);
	assert_int_equal(t.covered, 1);
	near(t.ln_err, 0, 0);
	near(t.ln_low, 0, 0);
	assert_int_equal(judged(2, 9, HR_ANSWER_UNKNOWN, 1, 2, 7.9).covered, 0);
}

/* What claims nothing covers all, and is in neither mean. */
static void bounds_that_are_not_there(void **state)
{
	struct tally t = judged(0.5, 5, HR_ANSWER_UNKNOWN, 0, 0, 0);

	(void)state;
	assert_int_equal(t.covered, 1);
	assert_int_equal(t.over, 0);
	assert_int_equal(t.likely_n, 0);
	assert_int_equal(t.low_n, 0);
}

static void sums_of_tallies(void **state)
{
	struct tally t = judged(4, 6, HR_ANSWER_YES, 2, 5, 8);
	struct tally more = judged(0.8, 0.8, HR_ANSWER_YES, 1.3, 0, 2);

	(void)state;
	tally_add(&t, &more);
	assert_int_equal(t.n, 2);
	assert_int_equal(t.over, 1);
	assert_int_equal(t.covered, 1);
	assert_int_equal(t.clear, 2);
	assert_int_equal(t.right, 1);
	assert_int_equal(t.wrong, 1);
	assert_int_equal(t.fits, 1);
	assert_int_equal(t.yes, 1);
	assert_int_equal(t.lacks, 1);
	assert_int_equal(t.low, 0);
	assert_int_equal(t.likely_n, 1);
	assert_int_equal(t.low_n, 2);
	near(t.ln_low, log(0.5) + log(1.3 / 0.8), 1e-12);
}

#define MS 1000000ULL
#define S  (1000 * MS)

static struct job ran(uint64_t end_ns, uint64_t wait_ns, uint64_t took_ns)
{
	return (struct job){
		.at_ns = end_ns - wait_ns - took_ns, .end_ns = end_ns, .took_ns = took_ns};
}

static void a_job_counts_in_the_minute_in_which_it_ended(void **state)
{
	const struct job job[] = {
		ran(2 * S - 1, 50 * MS, MS),      /* before the first minute */
		ran(2 * S, 10 * MS, MS),          /* 10 ms are not late */
		ran(62 * S - 1, 10 * MS + 1, MS), /* more are */
		ran(62 * S, 11 * MS, 12 * MS),    /* not longer than it ran */
		ran(62 * S, 13 * MS, 12 * MS),    /* longer */
		ran(602 * S - 1, 50 * MS, MS),    /* the tenth minute's last */
		ran(602 * S, 50 * MS, MS),        /* behind it */
	};
	double bursts[BREAKS_PIECE] = {0}, late[BREAKS_PIECE] = {0};

	(void)state;
	breaks_count(job, sizeof(job) / sizeof(*job), bursts, late);
	near(bursts[0], 2, 0);
	near(late[0], 1, 0);
	near(bursts[1], 2, 0);
	near(late[1], 1, 0);
	near(bursts[9], 1, 0);
	near(late[9], 1, 0);
	for (unsigned i = 2; i < 9; i++)
		near(bursts[i] + late[i], 0, 0);
}

/*
 * Poisson arrivals of jobs of 1 / 1.4 ms, less than a slice, so that none is interrupted and they
 * run nearly in turn (who wakes as another leaves may go before one that waits): M/D/1, where
 *   P(wait <= n D) = (1 - r) sum_(i <= n) (-r (n - i))^i / i! exp(r (n - i)).
 * With n = 14 it is 99 % at r = 0.84794, 16.9588 times a twentieth.  By minutes: BAD are those with
 * more than 712 + 5 sqrt(712) = 846 late, 1.19 %, which r = 0.85337 has: 0.6 % more;
 * the least lucky of ten minutes at up to 3 % less.
 */
static void short_jobs_break_where_md1_says(void **state)
{
	struct plan_opts o = {.arrive = ARRIVE_POISSON,
		.size = SIZE_FIXED,
		.mean_s = 1 / 1400.0,
		.rate_per_s = 70,
		.grow = GROW_INSIDE,
		.k = 1,
		.seed = 5};
	struct breaks b = breaks_of(&o, false, 1, 10);

	(void)state;
	near(b.long_run, 16.9588, 0.04 * 16.9588);
	near(b.minutes, 1.006 * b.long_run, 0.04 * b.long_run);
}

/* The stream of a seed is not that of another, begun at a later number. */
static void each_seed_has_arrivals_of_its_own(void **state)
{
	struct plan_opts o = {.rate_per_s = 100, .mean_s = 0.001, .for_s = 10, .k = 1, .seed = 7};
	size_t n, m, same = 0;
	struct job *a = plan_make(&o, &n), *b;

	(void)state;
	o.seed = 8;
	b = plan_make(&o, &m);
	assert_non_null(a);
	assert_non_null(b);
	assert_in_range(n, 800, 1200);
	assert_in_range(m, 800, 1200);
	for (size_t i = 1; i + 1 < n && i + 1 < m; i++)
		for (size_t j = i - 1; j <= i + 1; j++) {
			double gap = (double)(a[j].at_ns - (j ? a[j - 1].at_ns : 0));
			double other = (double)(b[i].at_ns - b[i - 1].at_ns);

			same += fabs(gap - other) < 3; /* ns, rounded twice */
		}
	assert_in_range(same, 0, 5);
	free(a);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_yes_that_is_right),
		cmocka_unit_test(a_resize_that_is_right),
		cmocka_unit_test(a_promise_above_a_quarter_more_is_too_much),
		cmocka_unit_test(what_is_not_clear_can_still_be_wrong),
		cmocka_unit_test(clear_and_unknown),
		cmocka_unit_test(no_claim_is_larger_than_8),
		cmocka_unit_test(bounds_that_are_not_there),
		cmocka_unit_test(sums_of_tallies),
		cmocka_unit_test(each_seed_has_arrivals_of_its_own),
		cmocka_unit_test(a_job_counts_in_the_minute_in_which_it_ended),
		cmocka_unit_test(short_jobs_break_where_md1_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
