/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What truth_compare compares with: the arrival envelope by the worked examples of answer-model 13
 * (4 and 5) and against the virtual queue on the same slots; the block bootstrap, slices that are
 * full, and CPUs with one queue, by hand.
 */
#include "tests/unit/hr_cmocka.h"

#include <math.h>
#include <stdlib.h>

#include "agent/core/vqueue.h"
#include "tests/truth/envelope.h"
#include "tests/truth/feed.h"
#include "tests/truth/resample.h"
#include "tests/truth/sched.h"

#define MS 1000000ULL

static void near(double got, double want, double tolerance)
{
	if (!(fabs(got - want) <= tolerance))
		fail_msg("%.6f, wanted %.6f", got, want);
}

static const double work[] = {4, 0, 16, 12, 0, 0, 2, 0};
static const uint32_t wakes[] = {2, 0, 4, 3, 0, 0, 1, 0};

/* Examples 3 and 4: the worst case is that of the virtual queue, 30 / 28. */
static void an_envelope_that_never_breaks(void **state)
{
	const double want[] = {16, 28, 32, 34};
	double e[ENVELOPE_TAUS];

	(void)state;
	envelope_of(work, wakes, 8, 0, e);
	for (unsigned j = 0; j < ENVELOPE_TAUS; j++)
		near(e[j], want[j < 3 ? j : 3], 0);
	near(envelope_k(e, 10, 1, 10), 30.0 / 28, 1e-12);
	near(envelope_k(e, 10, 2, 10), 60.0 / 28, 1e-12);
	e[1] = 0; /* no such length: the next tightest, 20 / 16 */
	near(envelope_k(e, 10, 1, 10), 1.25, 1e-12);
}

/* 4 of 10 wake in the slot of 16, 3 in that of 12. */
static void an_envelope_that_breaks_for_some(void **state)
{
	double e[ENVELOPE_TAUS];

	(void)state;
	envelope_of(work, wakes, 8, 0.4, e);
	near(e[0], 12, 0);
	envelope_of(work, wakes, 8, 0.3, e);
	near(e[0], 16, 0);
}

/* Example 5: 3000 a second, 10 ms. */
static void an_envelope_of_a_disk(void **state)
{
	const double e[ENVELOPE_TAUS] = {40, 60, 90, 150, 240, 420, 780, 1450, 2700, 5100, 9800};

	(void)state;
	near(envelope_k(e, 0.008388608, 3000, 0.01), 1.3389, 1e-4);
}

/*
 * Slots of 10 ms, 10 ms tolerated.  At 2^(1/3) the slot of 16 has 20.2 > 20, on which 4 woke, and
 * two slots 35.3 > 30, at whose end 3 did: 4 late by the envelope, 7 by the queue.  At 2 the slots
 * of 16 and 12 both break; not on two CPUs.
 */
static void counts_at_the_loads_of_the_grid(void **state)
{
	struct envelope *e = malloc(sizeof(*e));
	uint32_t bad[HR_VQ_ROWS][HR_VQ_GRID];

	(void)state;
	assert_non_null(e);
	envelope_init(e, 1, 10.0 * MS, 10.0 * MS);
	for (unsigned i = 0; i < 8; i++)
		envelope_slot(e, work[i] * MS, wakes[i]);
	envelope_take(e, ENVELOPE_EPS, bad);
	assert_int_equal(bad[0][2], 0);
	assert_int_equal(bad[0][3], 4);
	assert_int_equal(bad[0][5], 7);
	assert_int_equal(bad[1][5], 0);
	assert_int_equal(bad[HR_VQ_SPREAD][2], 0); /* one stream is today's load */
	envelope_take(e, ENVELOPE_EPS, bad);       /* told already */
	assert_int_equal(bad[0][5], 0);
	envelope_slot(e, 0, 1); /* 11 times one that is late, of 11 in all */
	envelope_take(e, ENVELOPE_SAFE, bad);
	assert_int_equal(bad[0][3], 11 - 4);
	free(e);
}

/* Each length by itself breaks no more often than all of them together, which is the queue. */
static void an_envelope_counts_no_more_than_the_queue(void **state)
{
	struct envelope *e = malloc(sizeof(*e));
	struct hr_vqueue *q = calloc(1, sizeof(*q));
	uint32_t bad[HR_VQ_ROWS][HR_VQ_GRID], of_queue[HR_VQ_ROWS][HR_VQ_GRID] = {0};
	unsigned seed = 5, some = 0;

	(void)state;
	assert_non_null(e);
	assert_non_null(q);
	envelope_init(e, 2, (double)HR_SLOT_NS, HR_VQUEUE_X_NS);
	for (unsigned i = 0; i < 3000; i++) {
		double ns = rand_r(&seed) % 8 ? 1e6 : 3e7 * (rand_r(&seed) % 100) / 100;
		uint32_t n = (uint32_t)rand_r(&seed) % 4;
		struct hr_vqueue_slot s = {ns, ns, 0, 0, (double)HR_SLOT_NS, n};

		hr_vqueue_add(q, 2, &s, of_queue);
		envelope_slot(e, ns, n);
	}
	envelope_take(e, ENVELOPE_EPS, bad);
	for (unsigned r = 0; r < HR_VQ_ROWS; r++)
		for (unsigned g = 0; g < HR_VQ_GRID; g++) {
			assert_true(bad[r][g] <= of_queue[r][g]);
			some += bad[r][g] > 0 && bad[r][g] < of_queue[r][g];
		}
	assert_true(some > 0);
	free(e);
	free(q);
}

/*
 * Example 3: 0.004 at 1.26 and 0.03 at 1.59: w = 0.454005 of a third of an octave.  The example's
 * 1.399264 leaves the 1e-5 that stand for none out of ln eps; with them w = 0.454504, 1.399425.
 */
static struct resample_unit unit_of(unsigned less, unsigned more)
{
	struct resample_unit u;

	for (unsigned g = 0; g < HR_VQ_GRID; g++) {
		u.tot[g] = 1000;
		u.late[g] = g < 3 ? 0 : g == 3 ? less : more;
	}
	return u;
}

static void blocks_that_are_alike_leave_nothing_to_chance(void **state)
{
	struct resample_unit u[20];
	struct resample r;

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		u[i] = unit_of(4, 30);
	r = resample_k(u, 20, 1, 0.01, 7);
	near(r.k, 1.399425, 1e-6);
	near(r.lo, r.k, 1e-12);
	near(r.hi, r.k, 1e-12);
}

/* Quiet and busy ones in turn: what is drawn two by two has as many of both. */
static void blocks_keep_neighbours_together(void **state)
{
	struct resample_unit u[20];
	struct resample one, two;

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		u[i] = i % 2 ? unit_of(8, 60) : unit_of(0, 0);
	two = resample_k(u, 20, 2, 0.01, 7);
	near(two.k, 1.399425, 1e-6);
	near(two.lo, two.k, 1e-12);
	near(two.hi, two.k, 1e-12);
	one = resample_k(u, 20, 1, 0.01, 7);
	near(one.k, two.k, 1e-12);
	assert_true(one.lo < 0.98 * one.k);
	assert_true(one.hi > 1.02 * one.k);
}

/* Two a millisecond: 5000 have come after 2.5 s. */
static void a_slice_ends_where_it_is_full(void **state)
{
	static struct hr_burst burst[HR_BURSTS_MAX];
	struct job *job = calloc(8000, sizeof(*job));
	struct hr_replay_in in;
	struct feed f;

	(void)state;
	assert_non_null(job);
	for (size_t i = 0; i < 8000; i++)
		job[i] = (struct job){.at_ns = i * MS / 2, .cpu_ns = 10000};
	f = feed_of(job, 8000, 1, 5);
	assert_int_equal(feed_slice(&f, 0, burst, NULL, &in), 0);
	assert_int_equal(in.n, 5000);
	assert_int_equal(in.length_ns, 2500 * MS);
	assert_int_equal(feed_slice(&f, 2000 * MS, burst, NULL, &in), 0);
	assert_int_equal(in.n, 4000);
	assert_int_equal(in.length_ns, 5000 * MS);
	feed_free(&f);
}

static uint64_t first_end(const struct job *job, size_t n)
{
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < n; i++)
		least = job[i].end_ns < least ? job[i].end_ns : least;
	return least;
}

/*
 * Three jobs of 30 ms on two CPUs: with a queue each, one has a CPU of its own and is done after
 * 30; with one queue all go on at 2/3.  Either way the last is done after 45.
 */
static void one_queue_shares_the_cpus_among_all(void **state)
{
	struct job job[3] = {{.cpu_ns = 30 * MS}, {.cpu_ns = 30 * MS}, {.cpu_ns = 30 * MS}};

	(void)state;
	sched_run(job, 3, 2, NULL, NULL);
	near((double)first_end(job, 3), 30.0 * MS, 0);
	sched_run_shared(job, 3, 2);
	assert_true(first_end(job, 3) >= 36 * MS);
	for (size_t i = 0; i < 3; i++)
		assert_true(job[i].end_ns <= 54 * MS);
}

static void one_cpu_has_one_queue(void **state)
{
	struct plan_opts o = {.rate_per_s = 300, .mean_s = 0.003, .for_s = 5, .k = 1, .seed = 7};
	size_t n;
	struct job *job = plan_make(&o, &n);
	uint64_t *end;

	(void)state;
	assert_non_null(job);
	end = calloc(n, sizeof(*end));
	assert_non_null(end);
	sched_run(job, n, 1, NULL, NULL);
	for (size_t i = 0; i < n; i++)
		end[i] = job[i].end_ns;
	sched_run_shared(job, n, 1);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(job[i].end_ns, end[i]);
	free(end);
	free(job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_envelope_that_never_breaks),
		cmocka_unit_test(an_envelope_that_breaks_for_some),
		cmocka_unit_test(an_envelope_of_a_disk),
		cmocka_unit_test(counts_at_the_loads_of_the_grid),
		cmocka_unit_test(an_envelope_counts_no_more_than_the_queue),
		cmocka_unit_test(blocks_that_are_alike_leave_nothing_to_chance),
		cmocka_unit_test(blocks_keep_neighbours_together),
		cmocka_unit_test(a_slice_ends_where_it_is_full),
		cmocka_unit_test(one_queue_shares_the_cpus_among_all),
		cmocka_unit_test(one_cpu_has_one_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
