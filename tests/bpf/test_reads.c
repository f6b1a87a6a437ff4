/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The read hook on connections over the loopback device.  Usage: test_reads tp_btf|raw_tp.
 * Mostly one thread sends to itself, so that what it did between data and read is its own choice.
 */
#include "tests/bpf/readers.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/socket.h>

#include "proto/base/fsio.h"

/* --- times -------------------------------------------------------------------- */

/* Waited for a CPU so far, ns. */
static uint64_t own_wait(void)
{
	unsigned long long ran, waited;
	char text[96];

	assert_true(hr_fs_read("/proc/thread-self/schedstat", text, sizeof(text)) > 0);
	assert_int_equal(sscanf(text, "%llu %llu", &ran, &waited), 2);
	return waited;
}

static void run_on(int cpu, int policy)
{
	struct sched_param param = {.sched_priority = policy == SCHED_FIFO ? 1 : 0};
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	assert_return_code(sched_setaffinity(0, sizeof(set), &set), errno);
	assert_return_code(sched_setscheduler(0, policy, &param), errno);
}

/* --- what is counted, and what is late ----------------------------------------- */

static void read_at_once(void)
{
	struct pair p = connect_to_ourselves();
	uint64_t waited = own_wait();
	struct hr_task t;

	for (int i = 0; i < 500; i++) {
		send_one(p);
		read_one(p);
	}
	t = reads_of(own_tid());
	waited = own_wait() - waited;
	print_message("waited %.1f ms for a CPU\n", (double)waited / 1e6);
	if (waited > 5 * MS) /* kept from its CPU between the two: then late is late */
		t.reads_late = 0;
	said("read at once", t, 500, 0);
	hang_up(p);
}

/* Longer than a tick: what comes in the tick of the last read may be the rest of what was read. */
#define TICKS_ON (21 * MS)

static void work_first(void)
{
	struct pair p = connect_to_ourselves();

	for (int i = 0; i < 10; i++) {
		live_burn(TICKS_ON);
		send_one(p);
		live_burn(30 * MS);
		read_one(p);
	}
	said("worked 30 ms first", reads_of(own_tid()), 10, 10);
	hang_up(p);
}

static void sleep_first(void)
{
	struct pair p = connect_to_ourselves();

	for (int i = 0; i < 10; i++) {
		send_one(p);
		live_sleep_until(live_now() + 30 * MS);
		read_one(p);
	}
	said("slept 30 ms first", reads_of(own_tid()), 10, 0);
	hang_up(p);
}

/* Each piece by itself, and a piece read in parts once for each part. */
static void read_in_parts(void)
{
	struct pair p = connect_to_ourselves();
	char half[2];

	for (int i = 0; i < 20; i++) {
		assert_int_equal(send(p.out, "abcd", 4, 0), 4);
		assert_int_equal(recv(p.in, half, 2, 0), 2);
		assert_int_equal(recv(p.in, half, 2, 0), 2);
	}
	said("read in two parts", reads_of(own_tid()), 40, 0);
	hang_up(p);
}

/* The second part waits for nobody: the thread is at work on what it belongs to. */
static void work_in_the_midst(void)
{
	struct pair p = connect_to_ourselves();
	char half[2];

	for (int i = 0; i < 10; i++) {
		assert_int_equal(send(p.out, "abcd", 4, 0), 4);
		assert_int_equal(recv(p.in, half, 2, 0), 2);
		live_burn(30 * MS);
		assert_int_equal(recv(p.in, half, 2, 0), 2);
	}
	said("worked 30 ms between two parts", reads_of(own_tid()), 20, 0);
	hang_up(p);
}

/* But behind another connection's work it waits. */
static void work_on_another(void)
{
	struct pair p = connect_to_ourselves(), q = connect_to_ourselves();

	for (int i = 0; i < 10; i++) {
		send_one(p);
		send_one(q);
		read_one(p);
		live_burn(30 * MS);
		read_one(q);
	}
	said("worked 30 ms on another one first", reads_of(own_tid()), 20, 10);
	hang_up(p);
	hang_up(q);
}

static void each_read_is_counted_and_none_is_late(void **state)
{
	(void)state;
	as_reader(read_at_once);
	as_reader(read_in_parts);
}

static void data_that_waited_for_work_are_late(void **state)
{
	(void)state;
	as_reader(work_first);
	as_reader(work_on_another);
}

static void the_rest_of_a_message_waits_for_nobody(void **state)
{
	(void)state;
	as_reader(work_in_the_midst);
}

static void data_that_came_before_a_sleep_are_not(void **state)
{
	(void)state;
	as_reader(sleep_first);
}

/* --- in turns with another thread, on one CPU ------------------------------------ */

/* A thread that takes the CPU from everybody for a while, each time it is asked to. */
struct bully {
	pthread_t thread;
	sem_t go, done;
	struct pair to; /* .out >= 0: waits until others sleep, and sends them one first */
	bool stop;
};

static void *bully_main(void *arg)
{
	struct bully *b = arg;

	run_on(0, SCHED_FIFO);
	sem_post(&b->done);
	for (;;) {
		sem_wait(&b->go);
		if (b->stop)
			return NULL;
		if (b->to.out >= 0) {
			live_sleep_until(live_now() + 3 * MS);
			send_one(b->to);
		}
		live_burn(30 * MS);
		sem_post(&b->done);
	}
}

static void bully_start(struct bully *b, struct pair to)
{
	*b = (struct bully){.to = to};
	sem_init(&b->go, 0, 0);
	sem_init(&b->done, 0, 0);
	assert_int_equal(pthread_create(&b->thread, NULL, bully_main, b), 0);
	run_on(0, SCHED_OTHER);
	sem_wait(&b->done); /* and by the time we run, it sleeps */
}

static void bully_end(struct bully *b)
{
	b->stop = true;
	sem_post(&b->go);
	assert_int_equal(pthread_join(b->thread, NULL), 0);
}

static void be_kept_from_the_cpu(void)
{
	struct pair p = connect_to_ourselves();
	struct bully b;

	bully_start(&b, (struct pair){-1, -1});
	for (int i = 0; i < 10; i++) {
		live_burn(TICKS_ON);
		send_one(p);
		sem_post(&b.go); /* it runs at once, and we wait */
		read_one(p);
		sem_wait(&b.done);
	}
	said("kept from the CPU for 30 ms", reads_of(own_tid()), 10, 10);
	bully_end(&b);
	hang_up(p);
}

static void wait_in_line_first(void)
{
	struct pair p = connect_to_ourselves();
	struct bully b;

	bully_start(&b, p);
	for (int i = 0; i < 10; i++) {
		struct pollfd in = {.fd = p.in, .events = POLLIN};

		sem_post(&b.go);
		assert_int_equal(poll(&in, 1, 1000), 1);
		read_one(p);
		sem_wait(&b.done);
	}
	said("waited for a CPU after it woke", reads_of(own_tid()), 10, 0);
	bully_end(&b);
	hang_up(p);
}

static void waits_in_the_midst_of_a_burst_count(void **state)
{
	(void)state;
	as_reader(be_kept_from_the_cpu);
}

static void waits_before_a_burst_are_the_run_queues(void **state)
{
	(void)state;
	as_reader(wait_in_line_first);
}

/* --- two threads in one place ----------------------------------------------------- */

struct rival {
	sem_t go, done;
	uint32_t want; /* place */
	uint32_t tid;
	bool fits, stop;
};

static void read_some(int n)
{
	struct pair p = connect_to_ourselves();

	for (int i = 0; i < n; i++) {
		send_one(p);
		read_one(p);
	}
	hang_up(p);
}

static void *rival_main(void *arg)
{
	struct rival *r = arg;

	r->tid = own_tid();
	r->fits = (r->tid & (HR_READERS_N - 1)) == r->want;
	sem_post(&r->done);
	while (r->fits) {
		sem_wait(&r->go);
		if (r->stop)
			break;
		read_some(7);
		sem_post(&r->done);
	}
	return NULL;
}

/* A thread whose number ends as ours; false: none came. */
static bool find_rival(struct rival *r, pthread_t *ret)
{
	*r = (struct rival){.want = own_tid() & (HR_READERS_N - 1)};
	sem_init(&r->go, 0, 0);
	sem_init(&r->done, 0, 0);
	for (int tries = 0; tries < 8 * HR_READERS_N; tries++) {
		assert_int_equal(pthread_create(ret, NULL, rival_main, r), 0);
		sem_wait(&r->done);
		if (r->fits)
			return true;
		assert_int_equal(pthread_join(*ret, NULL), 0);
	}
	return false;
}

static bool no_rival;

static void share_a_place(void)
{
	uint32_t own = own_tid();
	struct rival r;
	pthread_t t;

	if (!find_rival(&r, &t)) {
		no_rival = true;
		return;
	}
	read_some(5);
	sem_post(&r.go);
	sem_wait(&r.done);
	read_some(5);
	said("holds its place", reads_of(own), 10, 0);
	read_some(1);
	sem_post(&r.go);
	sem_wait(&r.done);
	assert_int_equal(reads_of(r.tid).reads, 0);
	live_sleep_until(live_now() + HR_READER_KEEP_NS + 50 * MS);
	sem_post(&r.go);
	sem_wait(&r.done);
	said("takes it over from one who is silent", reads_of(r.tid), 7, 0);
	assert_int_equal(reads_of(own).reads, 0);
	r.stop = true;
	sem_post(&r.go);
	assert_int_equal(pthread_join(t, NULL), 0);
}

/* A message of a UNIX socket keeps it, long after the last read from TCP. */
static void keep_a_place(void)
{
	struct pair p = unix_pair(SOCK_STREAM);
	struct hr_task t[2];
	struct rival r;
	pthread_t thread;

	if (!find_rival(&r, &thread)) {
		no_rival = true;
		return;
	}
	live_sleep_until(live_now() + HR_READER_KEEP_NS + 50 * MS);
	(void)reads_of(own_tid());
	for (int i = 0; i < 5; i++) {
		send_one(p);
		read_one(p);
	}
	sem_post(&r.go);
	sem_wait(&r.done);
	t[0] = (struct hr_task){.tid = own_tid()};
	t[1] = (struct hr_task){.tid = r.tid};
	(void)hr_bpf_reads(live->b, t, 2);
	r.stop = true;
	sem_post(&r.go);
	assert_int_equal(pthread_join(thread, NULL), 0);
	said("keeps its place by messages", t[0], 5, 0);
	said("comes for it in vain", t[1], 0, 0);
	hang_up(p);
}

static void a_place_is_whose_who_reads_first(void **state)
{
	(void)state;
	as_reader(share_a_place);
	if (!no_rival)
		as_reader(keep_a_place);
	if (no_rival) {
		print_message("no thread of the same place to be had\n");
		skip();
	}
}

/* --- as a whole ---------------------------------------------------------------------- */

static void read_a_hundred(void)
{
	uint64_t all;

	(void)hr_bpf_reads(live->b, NULL, 0);
	read_some(100);
	all = hr_bpf_reads(live->b, NULL, 0);
	said("of all threads", (struct hr_task){.reads = all < 100 ? (uint32_t)all : 100}, 100, 0);
}

static void all_reads_are_summed(void **state)
{
	(void)state;
	as_reader(read_a_hundred);
}

static void without_the_hook_nothing_is_claimed(void **state)
{
	struct hr_task t;

	(void)state;
	assert_int_equal(hr_bpf_shed(live->b, HR_SHED_NET),
		HR_SIG_BIT(HR_SIG_NET_IO) | HR_SIG_BIT(HR_SIG_READS));
	(void)reads_of(own_tid());
	read_some(10);
	t = reads_of(own_tid());
	assert_int_equal(t.reads, 0);
	assert_int_equal(hr_bpf_take(live->b, live_now(), live->take), 0);
	assert_false(live->take->have & HR_SIG_BIT(HR_SIG_READS));
	assert_true(live->take->have & HR_SIG_BIT(HR_SIG_CPU_SLOTS));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_read_is_counted_and_none_is_late),
		cmocka_unit_test(data_that_waited_for_work_are_late),
		cmocka_unit_test(the_rest_of_a_message_waits_for_nobody),
		cmocka_unit_test(data_that_came_before_a_sleep_are_not),
		cmocka_unit_test(waits_in_the_midst_of_a_burst_count),
		cmocka_unit_test(waits_before_a_burst_are_the_run_queues),
		cmocka_unit_test(a_place_is_whose_who_reads_first),
		cmocka_unit_test(all_reads_are_summed),
		cmocka_unit_test(without_the_hook_nothing_is_claimed), /* last: it goes */
	};

	(void)argc;
	return readers_main(argv, tests, sizeof(tests) / sizeof(*tests));
}
