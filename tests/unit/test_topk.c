/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hr_cmocka.h"

#include <stdio.h>
#include <string.h>

#include "agent/core/topk.h"

#define MS UINT64_C(1000000)

static struct hr_topk t; /* 1.5 MiB */
static struct hr_topk_result r;

static struct hr_task task(
	uint32_t pid, uint32_t tid, uint64_t oncpu_ms, uint64_t wait_ms, const char *comm)
{
	struct hr_task k = {.pid = pid,
		.tid = tid,
		.start_ns = 1000 + tid,
		.oncpu_ns = oncpu_ms * MS,
		.wait_ns = wait_ms * MS};

	strncpy(k.comm, comm, sizeof(k.comm) - 1);
	return k;
}

/* 323 s of wait in a window of 10 s cannot be: a sleep was taken for it.  9 s can. */
static void a_wait_longer_than_the_window_is_no_wait(void **state)
{
	struct hr_task a[] = {task(1, 1, 100, 0, "slept"), task(2, 2, 100, 0, "starved")};
	struct hr_task b[] = {task(1, 1, 150, 323000, "slept"), task(2, 2, 1000, 9000, "starved")};

	(void)state;
	hr_topk_init(&t, 9);
	hr_topk_fold(&t, a, 2, false, &r);
	t.span_us = 10000000;
	assert_true(hr_topk_fold(&t, b, 2, false, &r));
	assert_int_equal(r.n, 2);
	assert_int_equal(r.top[0].tid, 2);
	assert_int_equal(r.top[0].wait_ms, 9000);
	assert_int_equal(r.top[1].oncpu_ms, 50);
	assert_int_equal(r.top[1].wait_ms, 0);
}

static void the_first_snapshot_knows_nobody(void **state)
{
	struct hr_task k[] = {task(1, 1, 5000, 0, "init")};

	(void)state;
	hr_topk_init(&t, 9);
	assert_false(hr_topk_fold(&t, k, 1, false, &r));
	assert_int_equal(r.n, 0);
	assert_int_equal(r.unknown, 1);
}

static void threads_rank_by_cpu_and_wait_with_their_process(void **state)
{
	struct hr_task a[] = {task(10, 10, 100, 0, "db"), task(10, 11, 100, 0, "writer"),
		task(10, 12, 0, 0, "idle"), task(20, 20, 50, 50, "starved"),
		task(30, 30, 7, 7, "x")};
	struct hr_task b[] = {task(10, 10, 300, 0, "db"), task(10, 11, 1100, 20, "writer"),
		task(10, 12, 0, 0, "idle"), task(20, 20, 150, 1250, "starved"),
		task(30, 30, 7, 7, "x")};

	(void)state;
	hr_topk_init(&t, 9);
	hr_topk_fold(&t, a, 5, false, &r);
	assert_true(hr_topk_fold(&t, b, 5, false, &r));
	assert_int_equal(r.n, 3); /* idle ones are left out */
	/* starved: 100 on CPU + 1200 waiting = 1300 > 1020 */
	assert_int_equal(r.top[0].tid, 20);
	assert_int_equal(r.top[0].oncpu_ms, 100);
	assert_int_equal(r.top[0].wait_ms, 1200);
	assert_int_equal(r.top[0].peers, 0);
	assert_string_equal(r.top[0].process, "starved");
	assert_int_equal(r.top[1].tid, 11);
	assert_int_equal(r.top[1].pid, 10);
	assert_string_equal(r.top[1].comm, "writer");
	assert_string_equal(r.top[1].process, "db"); /* name of the leader */
	assert_int_equal(r.top[1].process_oncpu_ms, 1200);
	assert_int_equal(r.top[1].peers, 0); /* 200 of the leader are less than half of 1020 */
	assert_int_equal(r.top[2].tid, 10);
	assert_int_equal(r.top[2].peers, 1); /* seen from the leader the writer is a peer */
}

static void a_thread_with_less_than_a_thousandth_of_the_window_is_not_hot(void **state)
{
	struct hr_task a[] = {task(1, 1, 0, 0, "a"), task(2, 2, 0, 0, "b")};
	struct hr_task b[] = {task(1, 1, 4, 5, "a"), task(2, 2, 4, 6, "b")};

	(void)state;
	hr_topk_init(&t, 9);
	hr_topk_fold(&t, a, 2, false, &r);
	assert_true(
		hr_topk_fold(&t, b, 2, false, &r)); /* an idle VM: nobody hot, and that is known */
	assert_int_equal(r.n, 1);
	assert_int_equal(r.top[0].tid, 2);
}

static void a_pool_shows_its_peers(void **state)
{
	struct hr_task a[4], b[4];

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		a[i] = task(7, 7 + i, 10, 0, "worker");
		b[i] = task(7, 7 + i, 510 + i, 0, "worker");
	}
	hr_topk_init(&t, 9);
	hr_topk_fold(&t, a, 4, false, &r);
	assert_true(hr_topk_fold(&t, b, 4, false, &r));
	assert_int_equal(r.n, 4);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(r.top[i].peers, 3);
		assert_int_equal(r.top[i].process_oncpu_ms, 500 + 501 + 502 + 503);
	}
	assert_int_equal(r.top[0].oncpu_ms, 503);
}

static void a_thread_born_in_the_window_counts_whole(void **state)
{
	struct hr_task a[] = {task(1, 1, 10, 0, "old")};
	struct hr_task b[] = {task(1, 1, 10, 0, "old"), task(2, 2, 700, 0, "new")};

	(void)state;
	hr_topk_init(&t, 9);
	hr_topk_fold(&t, a, 1, false, &r);
	assert_true(hr_topk_fold(&t, b, 2, false, &r));
	assert_int_equal(r.n, 1);
	assert_int_equal(r.top[0].tid, 2);
	assert_int_equal(r.top[0].oncpu_ms, 700);
}

static void a_reused_tid_is_a_new_thread(void **state)
{
	struct hr_task a[] = {task(5, 5, 9000, 0, "old")}, b[] = {task(5, 5, 30, 0, "new")};

	(void)state;
	b[0].start_ns = 777777;
	hr_topk_init(&t, 9);
	hr_topk_fold(&t, a, 1, false, &r);
	assert_true(hr_topk_fold(&t, b, 1, false, &r));
	assert_int_equal(r.top[0].oncpu_ms, 30); /* not an underflow of 30 - 9000 */
	assert_string_equal(r.top[0].comm, "new");
}

static void the_agent_is_never_hot(void **state)
{
	struct hr_task a[] = {
		task(9, 9, 0, 0, "agent"), task(9, 91, 0, 0, "agent2"), task(1, 1, 0, 0, "x")};
	struct hr_task b[] = {
		task(9, 9, 500, 0, "agent"), task(9, 91, 400, 0, "agent2"), task(1, 1, 10, 0, "x")};

	(void)state;
	hr_topk_init(&t, 9);
	hr_topk_fold(&t, a, 3, false, &r);
	assert_true(hr_topk_fold(&t, b, 3, false, &r));
	assert_int_equal(r.n, 1);
	assert_int_equal(r.top[0].tid, 1);
}

/* 60 + 55 ms of one cgroup are 1 % of a CPU, 99 of another are less; the agent's own is not told.
 */
static void cgroups_are_sums_of_their_threads(void **state)
{
	struct hr_task a[] = {task(1, 1, 0, 0, "a"), task(2, 2, 0, 0, "b"), task(3, 3, 0, 0, "c"),
		task(4, 4, 0, 0, "d"), task(9, 9, 0, 0, "agent"), task(5, 5, 0, 0, "e")};
	struct hr_task b[] = {task(1, 1, 60, 0, "a"), task(2, 2, 15, 40, "b"),
		task(3, 3, 99, 0, "c"), task(4, 4, 0, 400, "d"), task(9, 9, 900, 0, "agent"),
		task(5, 5, 800, 0, "e")};
	static const uint64_t id[] = {7, 7, 8, 1, 9, 0}; /* the last: not known */

	(void)state;
	for (int i = 0; i < 6; i++) {
		b[i].cgroup = id[i];
		(void)snprintf(
			b[i].group, sizeof(b[i].group), "%s", id[i] == 7 ? "db.service" : "");
	}
	hr_topk_init(&t, 9);
	hr_topk_fold(&t, a, 6, false, &r);
	assert_true(hr_topk_fold(&t, b, 6, false, &r));
	assert_int_equal(r.n_group, 2);
	assert_string_equal(r.group[0].name, "/");
	assert_int_equal(r.group[0].oncpu_ms, 0);
	assert_int_equal(r.group[0].wait_ms, 400);
	assert_string_equal(r.group[1].name, "db.service");
	assert_int_equal(r.group[1].oncpu_ms, 75);
	assert_int_equal(r.group[1].wait_ms, 40);
	assert_true(hr_topk_fold(&t, b, 6, false, &r)); /* nobody ran since */
	assert_int_equal(r.n_group, 0);
}

/* The four hottest of ten, and none where more cgroups ran than are held apart. */
static void of_many_cgroups_the_hottest_or_none(void **state)
{
	static struct hr_task a[600], b[600];

	(void)state;
	for (uint32_t i = 0; i < 600; i++) {
		a[i] = task(1000 + i, 1000 + i, 0, 0, "p");
		b[i] = task(1000 + i, 1000 + i, 100 + (i * 7) % 10, 0, "p"); /* 100..109 */
		b[i].cgroup = 1000 + i;
		(void)snprintf(b[i].group, sizeof(b[i].group), "g%u", (i * 7) % 10);
	}
	hr_topk_init(&t, 9);
	hr_topk_fold(&t, a, 10, false, &r);
	assert_true(hr_topk_fold(&t, b, 10, false, &r));
	assert_int_equal(r.n_group, HR_GROUP_MAX);
	for (uint32_t i = 0; i < HR_GROUP_MAX; i++) {
		assert_int_equal(r.group[i].oncpu_ms, 109 - i);
		assert_int_equal(r.group[i].name[1], '9' - (char)i);
	}
	hr_topk_init(&t, 9);
	hr_topk_fold(&t, a, 600, false, &r);
	assert_true(hr_topk_fold(&t, b, 600, false, &r));
	assert_int_equal(r.n, HR_TOP_MAX);
	assert_int_equal(r.n_group, 0);
}

static void only_the_hottest_six_are_kept_in_order(void **state)
{
	struct hr_task a[20], b[20];

	(void)state;
	for (uint32_t i = 0; i < 20; i++) {
		a[i] = task(100 + i, 100 + i, 0, 0, "p");
		b[i] = task(100 + i, 100 + i, 1 + (i * 7) % 20, 0, "p"); /* 1..20, shuffled */
	}
	hr_topk_init(&t, 9);
	hr_topk_fold(&t, a, 20, false, &r);
	assert_true(hr_topk_fold(&t, b, 20, false, &r));
	assert_int_equal(r.n, HR_TOP_MAX);
	for (uint32_t i = 0; i < HR_TOP_MAX; i++)
		assert_int_equal(r.top[i].oncpu_ms, 20 - i);
}

static void a_cut_snapshot_is_not_believed_nor_the_next_newcomer(void **state)
{
	struct hr_task a[] = {task(1, 1, 10, 0, "a")};
	struct hr_task b[] = {task(1, 1, 30, 0, "a"), task(2, 2, 900, 0, "b")};

	(void)state;
	hr_topk_init(&t, 9);
	assert_false(hr_topk_fold(&t, a, 1, true, &r));
	/* 2 may have been there all along, with years of CPU time */
	assert_false(hr_topk_fold(&t, b, 2, false, &r));
	assert_int_equal(r.unknown, 1);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.top[0].tid, 1);
	/* the third is whole again */
	b[1].oncpu_ns += 50 * MS;
	assert_true(hr_topk_fold(&t, b, 2, false, &r));
	assert_int_equal(r.top[0].tid, 2);
	assert_int_equal(r.top[0].oncpu_ms, 50);
}

static void a_thread_listed_twice_counts_once(void **state)
{
	struct hr_task a[] = {task(1, 1, 10, 0, "a")};
	struct hr_task b[] = {task(1, 1, 30, 0, "a"), task(1, 1, 30, 0, "a")};

	(void)state;
	hr_topk_init(&t, 9);
	hr_topk_fold(&t, a, 1, false, &r);
	assert_true(hr_topk_fold(&t, b, 2, false, &r));
	assert_int_equal(r.n, 1);
	assert_int_equal(r.top[0].oncpu_ms, 20);
	assert_int_equal(r.top[0].peers, 0);
	assert_int_equal(r.top[0].process_oncpu_ms, 20);
}

static void totals_that_went_back_are_no_growth(void **state)
{
	struct hr_task a[] = {task(1, 1, 10, 10, "a")}, b[] = {task(1, 1, 5, 32, "a")};

	(void)state;
	hr_topk_init(&t, 9);
	hr_topk_fold(&t, a, 1, false, &r);
	assert_true(hr_topk_fold(&t, b, 1, false, &r));
	assert_int_equal(r.top[0].oncpu_ms, 0);
	assert_int_equal(r.top[0].wait_ms, 22);
}

/* They are growth already, and say nothing of who is hot. */
static void reads_go_with_their_thread(void **state)
{
	struct hr_task a[] = {
		task(1, 1, 0, 0, "reads"), task(2, 2, 0, 0, "computes"), task(3, 3, 0, 0, "cold")};

	(void)state;
	hr_topk_init(&t, 9);
	a[0].reads = 999;
	hr_topk_fold(&t, a, 3, false, &r);
	a[0].oncpu_ns = 100 * MS;
	a[0].reads = 40;
	a[0].reads_late = 3;
	a[1].oncpu_ns = 200 * MS;
	a[2].oncpu_ns = 7 * MS;
	a[2].reads = 100000;
	assert_true(hr_topk_fold(&t, a, 3, false, &r));
	assert_int_equal(r.n, 2);
	assert_int_equal(r.top[0].tid, 2);
	assert_int_equal(r.top[0].reads, 0);
	assert_int_equal(r.top[1].reads, 40);
	assert_int_equal(r.top[1].reads_late, 3);
	assert_int_equal(r.reader_us, 107000); /* the cold one as well */
}

static void names_of_the_full_length_end_in_a_nul(void **state)
{
	struct hr_task a[] = {task(1, 1, 0, 0, "")}, b[] = {task(1, 1, 19, 0, "")};

	(void)state;
	memset(b[0].comm, 'x', sizeof(b[0].comm));
	hr_topk_init(&t, 9);
	hr_topk_fold(&t, a, 1, false, &r);
	assert_true(hr_topk_fold(&t, b, 1, false, &r));
	assert_int_equal(strlen(r.top[0].comm), HR_COMM_LEN - 1);
	assert_int_equal(strlen(r.top[0].process), HR_COMM_LEN - 1);
}

/* 8192 threads, as many as the engine hands in, are all held; churn frees the places of the dead.
 */
static void the_table_holds_what_the_engine_hands_in(void **state)
{
	static struct hr_task k[8192];
	struct hr_rand rnd = hr_rand_seeded("topk");

	(void)state;
	hr_topk_init(&t, 9);
	for (int round = 0; round < 5; round++) {
		for (uint32_t i = 0; i < 8192; i++)
			k[i] = task(100 + i, (uint32_t)(100 + i + hr_rand_below(&rnd, 2) * 4000000),
				1, 0, "t");
		(void)hr_topk_fold(&t, k, 8192, false, &r);
		assert_int_equal(r.unheld, 0);
	}
}

/* 200 threads, then 5000: the table moves, and the old ones keep what they had. */
static void a_table_that_grows_forgets_nobody(void **state)
{
	static struct hr_task k[5000];

	(void)state;
	hr_topk_init(&t, 0);
	for (uint32_t i = 0; i < 5000; i++)
		k[i] = task(1 + i, 1 + i, 1000, 0, "t");
	assert_false(hr_topk_fold(&t, k, 200, false, &r));
	k[7].oncpu_ns += 300 * MS;
	for (uint32_t i = 200; i < 5000; i++)
		k[i].oncpu_ns = i == 4000 ? 200 * MS : 0; /* born since */
	assert_true(hr_topk_fold(&t, k, 5000, false, &r));
	assert_int_equal(r.n, 2);
	assert_int_equal(r.unknown, 0);
	assert_int_equal(r.top[0].tid, 8);
	assert_int_equal(r.top[0].oncpu_ms, 300);
	assert_int_equal(r.top[1].tid, 4001);
	assert_int_equal(r.top[1].oncpu_ms, 200);
}

/* Twice as many as places: counted, not overwritten, no endless probing. */
static void a_full_table_refuses_and_counts(void **state)
{
	static struct hr_task k[2 * HR_TOPK_SLOTS];

	(void)state;
	for (uint32_t i = 0; i < 2 * HR_TOPK_SLOTS; i++)
		k[i] = task(1 + i, 1 + i, 1, 0, "t");
	hr_topk_init(&t, 0);
	assert_false(hr_topk_fold(&t, k, 2 * HR_TOPK_SLOTS, false, &r));
	assert_true(r.unheld >= HR_TOPK_SLOTS);
	assert_false(hr_topk_fold(&t, k, 2 * HR_TOPK_SLOTS, false, &r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_snapshot_knows_nobody),
		cmocka_unit_test(a_table_that_grows_forgets_nobody),
		cmocka_unit_test(a_wait_longer_than_the_window_is_no_wait),
		cmocka_unit_test(threads_rank_by_cpu_and_wait_with_their_process),
		cmocka_unit_test(a_thread_with_less_than_a_thousandth_of_the_window_is_not_hot),
		cmocka_unit_test(a_pool_shows_its_peers),
		cmocka_unit_test(a_thread_born_in_the_window_counts_whole),
		cmocka_unit_test(a_reused_tid_is_a_new_thread),
		cmocka_unit_test(the_agent_is_never_hot),
		cmocka_unit_test(cgroups_are_sums_of_their_threads),
		cmocka_unit_test(of_many_cgroups_the_hottest_or_none),
		cmocka_unit_test(only_the_hottest_six_are_kept_in_order),
		cmocka_unit_test(a_cut_snapshot_is_not_believed_nor_the_next_newcomer),
		cmocka_unit_test(a_thread_listed_twice_counts_once),
		cmocka_unit_test(totals_that_went_back_are_no_growth),
		cmocka_unit_test(reads_go_with_their_thread),
		cmocka_unit_test(names_of_the_full_length_end_in_a_nul),
		cmocka_unit_test(the_table_holds_what_the_engine_hands_in),
		cmocka_unit_test(a_full_table_refuses_and_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
