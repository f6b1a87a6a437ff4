/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The read hook on connections over the loopback device.  Usage: test_reads tp_btf|raw_tp.
 * Mostly one thread sends to itself, so that what it did between data and read is its own choice.
 */
#include "tests/unit/hr_cmocka.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/fsio.h"
#include "tests/bpf/live.h"

#define MS 1000000ULL

static enum hr_rung arg_rung = HR_RUNG_UNKNOWN;
static struct live_record *live;

/* --- a connection, and times ------------------------------------------------- */

struct pair {
	int in, out; /* what is sent into @out comes out of @in */
};

static struct pair connect_to_ourselves(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	struct pair p = {.out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	assert_true(door >= 0 && p.out >= 0);
	assert_return_code(bind(door, (struct sockaddr *)&at, sizeof(at)), errno);
	assert_return_code(listen(door, 1), errno);
	assert_return_code(getsockname(door, (struct sockaddr *)&at, &len), errno);
	assert_return_code(connect(p.out, (struct sockaddr *)&at, sizeof(at)), errno);
	p.in = accept4(door, NULL, NULL, SOCK_CLOEXEC);
	assert_return_code(p.in, errno);
	assert_return_code(setsockopt(p.out, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), errno);
	close(door);
	return p;
}

static void hang_up(struct pair p)
{
	close(p.in);
	close(p.out);
}

static void send_one(struct pair p)
{
	assert_int_equal(send(p.out, "x", 1, 0), 1);
}

static void read_one(struct pair p)
{
	char c;

	assert_int_equal(recv(p.in, &c, 1, 0), 1);
}

/* Waited for a CPU so far, ns. */
static uint64_t own_wait(void)
{
	unsigned long long ran, waited;
	char text[96];

	assert_true(hr_fs_read("/proc/thread-self/schedstat", text, sizeof(text)) > 0);
	assert_int_equal(sscanf(text, "%llu %llu", &ran, &waited), 2);
	return waited;
}

static uint32_t own_tid(void)
{
	return (uint32_t)syscall(SYS_gettid);
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

/* --- threads whose reads are counted ------------------------------------------ */

/* What thread @tid read since the last call. */
static struct hr_task reads_of(uint32_t tid)
{
	struct hr_task t = {.tid = tid};

	(void)hr_bpf_reads(live->b, &t, 1);
	return t;
}

/* True: this thread has a place in the table, which was no other's lately. */
static bool has_place(void)
{
	struct pair p = connect_to_ourselves();
	struct hr_task t;

	(void)reads_of(own_tid());
	send_one(p);
	read_one(p);
	t = reads_of(own_tid());
	hang_up(p);
	return t.reads > 0;
}

struct reader {
	void (*fn)(void);
	bool had_place;
};

static void *reader_main(void *arg)
{
	struct reader *r = arg;

	r->had_place = has_place();
	if (r->had_place)
		r->fn();
	return NULL;
}

/*
 * A switch that the development VM does not deliver (bpf/README.md) leaves another thread in the
 * CPU's cell until the next one, and what ours reads meanwhile is that one's.  A try of that kind
 * says nothing; three in a row are a fault, and in a guest (HR_TEST_EXACT) one is.
 */
static int missed;
static bool again;

/* Runs @fn in a thread of its own that is counted: one in some hundreds is not. */
static void as_reader(void (*fn)(void))
{
	missed = 0;
	for (int tries = 0; tries < 30; tries++) {
		struct reader r = {.fn = fn};
		pthread_t t;

		again = false;
		assert_int_equal(pthread_create(&t, NULL, reader_main, &r), 0);
		assert_int_equal(pthread_join(t, NULL), 0);
		if (r.had_place && !again)
			return;
		/* the development VM has stretches of some ten seconds without any event of a CPU
		 */
		if (!getenv("HR_TEST_EXACT"))
			live_sleep_until(live_now() + 1000 * MS);
	}
	fail_msg("no thread got a place");
}

/* A host that stops one CPU for a while stops the ticks of all: one in ten may go by unseen. */
static void said(const char *what, struct hr_task t, uint32_t reads, uint32_t late)
{
	print_message("%s: %u reads, %u late; expected %u, %u\n", what, t.reads, t.reads_late,
		reads, late);
	if (t.reads < reads && missed < 2 && !getenv("HR_TEST_EXACT")) {
		missed++;
		again = true;
		return;
	}
	assert_int_equal(t.reads + live_lost(t.reads, reads), reads);
	assert_true(t.reads_late + (reads - t.reads) >= late - late / 10);
	assert_true(t.reads_late <= late);
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

static void a_place_is_whose_who_reads_first(void **state)
{
	(void)state;
	as_reader(share_a_place);
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

static int start(void **state)
{
	enum hr_rung want = arg_rung == HR_RUNG_RAW_TP ? HR_RUNG_RAW_TP : HR_RUNG_TP_BTF;

	(void)state;
	live = live_start(arg_rung, NULL, 0);
	print_message("reads: rung %d, %s\n", live->signal[HR_SIG_READS].rung,
		live->signal[HR_SIG_READS].reason);
	return live->signal[HR_SIG_READS].rung == want ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	live_stop(live);
	return 0;
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

	live_need_kernel(argv);
	arg_rung = argc > 1 && strcmp(argv[1], "raw_tp") == 0 ? HR_RUNG_RAW_TP : HR_RUNG_UNKNOWN;
	return cmocka_run_group_tests(tests, start, stop);
}
