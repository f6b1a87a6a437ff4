/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The burst recorder against an application's own clocks: a worker wakes every 25 ms and burns
 * 3 ms of its CPU time on a CPU that a blocker wants for 5 ms at the same time, and gets first.
 * What it waited is the time from its wake to its end less its CPU time.  Both are real-time, so
 * that the load of others does not matter.
 */
#include "tests/unit/hr_cmocka.h"

#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "agent/core/stints.h"
#include "tests/bpf/live.h"

#define MS     UINT64_C(1000000)
#define NAME   "hr-burst-test"
#define ROUNDS 100
#define PERIOD (25 * MS)
#define WORK   (3 * MS)
#define BLOCK  (5 * MS)

static struct {
	uint32_t tid; /* as the kernel numbers it: this test may run in a pid namespace */
	volatile bool refused;
	uint64_t first; /* when the first round wakes */
	uint64_t end[ROUNDS], cpu[ROUNDS];
} app;

static struct hr_stints all, mine;

static uint64_t cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Only on CPU 0, before everything of a lower @priority.  False: not allowed here. */
static bool be_real_time(int priority)
{
	const struct sched_param p = {.sched_priority = priority};
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	return sched_setaffinity(0, sizeof(set), &set) == 0 &&
	       sched_setscheduler(0, SCHED_FIFO, &p) == 0;
}

static void burn(uint64_t ns)
{
	uint64_t cpu = cpu_now();

	while (cpu_now() < cpu + ns)
		;
}

static void *block(void *arg)
{
	(void)arg;
	app.refused |= !be_real_time(2);
	for (int i = 0; i < ROUNDS && !app.refused; i++) {
		live_sleep_until(app.first + (uint64_t)i * PERIOD);
		burn(BLOCK);
	}
	return NULL;
}

static void *work(void *arg)
{
	(void)arg;
	app.refused |= !be_real_time(1);
	(void)prctl(PR_SET_NAME, NAME);
	for (int i = 0; i < ROUNDS && !app.refused; i++) {
		uint64_t cpu;

		live_sleep_until(app.first + (uint64_t)i * PERIOD);
		cpu = cpu_now();
		burn(WORK);
		app.cpu[i] = cpu_now() - cpu;
		app.end[i] = live_now();
	}
	return NULL;
}

static void find_worker(struct hr_bpf *b)
{
	static struct hr_task task[4096];
	uint32_t n = 0;
	bool cut;

	app.tid = 0;
	for (int tries = 0; tries < 1000 && app.tid == 0; tries++) {
		live_sleep_until(live_now() + 10 * MS);
		assert_int_equal(hr_bpf_tasks(b, task, 4096, &n, &cut), 0);
		for (uint32_t i = 0; i < n; i++)
			if (strcmp(task[i].comm, NAME) == 0)
				app.tid = task[i].tid;
	}
	assert_true(app.tid != 0);
}

static void take(const struct hr_stint_rec *r, void *arg)
{
	(void)arg;
	hr_stints_add(&all, r);
	if (r->pid == app.tid)
		hr_stints_add(&mine, r);
}

/* The recorded burst that woke nearest to @at (ns since the begin of the recording), within half a
 * period. */
static const struct hr_burst *burst_at(uint64_t at)
{
	const struct hr_burst *best = NULL;
	uint64_t least = PERIOD / 2;

	for (uint32_t i = 0; i < mine.n; i++) {
		uint64_t wake = mine.burst[i].wake_ns, d = wake > at ? wake - at : at - wake;

		if (d < least) {
			least = d;
			best = &mine.burst[i];
		}
	}
	return best;
}

static bool record(void)
{
	struct hr_bpf_opts o = {.disks = 1, .nics = 1};
	struct hr_signal_state signal[HR_SIG_N];
	struct hr_bpf *b;
	uint64_t lost, from, until;
	pthread_t worker, blocker;

	assert_int_equal(hr_bpf_open(&b, &o, signal), 0);
	assert_int_not_equal(signal[HR_SIG_REPLAY].rung, HR_RUNG_MISSING);
	from = live_now();
	app.first = from + 250 * MS;
	until = app.first + ROUNDS * PERIOD + 200 * MS;
	hr_stints_begin(&all, from, until);
	hr_stints_begin(&mine, from, until);
	assert_int_equal(pthread_create(&worker, NULL, work, NULL), 0);
	assert_int_equal(pthread_create(&blocker, NULL, block, NULL), 0);
	find_worker(b);
	hr_bpf_record(b, until);
	lost = 0;
	while (live_now() < until) {
		live_sleep_until(live_now() + 50 * MS);
		lost += hr_bpf_stints(b, take, NULL);
	}
	pthread_join(worker, NULL);
	pthread_join(blocker, NULL);
	hr_bpf_record(b, 0);
	hr_bpf_close(b);
	print_message("%u bursts of all, %u of ours, %u cut, %llu stints lost\n", all.n, mine.n,
		mine.cut, (unsigned long long)lost);
	return lost == 0;
}

static void bursts_are_those_of_the_applications_clock(void **state)
{
	double cpu_app = 0, cpu_rec = 0, wait_app = 0, wait_rec = 0;
	bool whole = false;
	int found = 0;

	(void)state;
	for (int i = 0; i < 2 && !whole; i++)
		whole = record();
	if (!whole) { /* a load of others filled the ring twice */
		print_message("the ring overflowed: too many switches on this machine now\n");
		skip();
	}
	if (app.refused) {
		print_message("SCHED_FIFO is not allowed here\n");
		skip();
	}
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t wake = app.first + (uint64_t)i * PERIOD;
		const struct hr_burst *b;

		/* late by more than a period: it never slept, and went on with the same burst */
		if (app.end[i] > wake + PERIOD - MS || (i > 0 && app.end[i - 1] > wake - MS))
			continue;
		b = burst_at(wake - mine.from);
		if (!b)
			continue;
		found++;
		cpu_app += (double)app.cpu[i] / 1e6;
		wait_app += (double)(app.end[i] - wake - app.cpu[i]) / 1e6;
		cpu_rec += (double)b->cpu_ns / 1e6;
		wait_rec += (double)(b->wait_ns + b->wake_ns + mine.from - wake) / 1e6;
	}
	print_message(
		"%d rounds: CPU %.1f ms, by its own clock %.1f; wait %.1f ms, by its own clock "
		"%.1f\n",
		found, cpu_rec, cpu_app, wait_rec, wait_app);
	assert_true(found >= ROUNDS / 4);
	assert_true(cpu_rec > 0.9 * cpu_app && cpu_rec < 1.1 * cpu_app);
	assert_true(wait_rec > 0.9 * wait_app && wait_rec < 1.1 * wait_app);
}

static void nothing_is_recorded_unless_armed(void **state)
{
	struct hr_bpf_opts o = {.disks = 1, .nics = 1};
	struct hr_signal_state signal[HR_SIG_N];
	struct hr_bpf *b;

	(void)state;
	assert_int_equal(hr_bpf_open(&b, &o, signal), 0);
	hr_stints_begin(&all, live_now(), UINT64_MAX);
	live_sleep_until(live_now() + 200 * MS);
	assert_int_equal(hr_bpf_stints(b, take, NULL), 0);
	assert_int_equal(all.n + all.cut + all.nr_open, 0);
	hr_bpf_close(b);
}

/* Two threads of one CPU that wake each other as fast as they can: more than the ring holds. */
static struct {
	int there[2], back[2];
	uint64_t until;
	uint32_t n;
	uint64_t sleeps[1 << 20]; /* of the first one, by its own clock */
} pong;

static void *ping(void *arg)
{
	char c = 0;

	(void)arg;
	app.refused |= !be_real_time(1);
	(void)prctl(PR_SET_NAME, NAME);
	live_sleep_until(app.first);
	while (pong.n < 1 << 20 && live_now() < pong.until && write(pong.there[1], &c, 1) == 1) {
		pong.sleeps[pong.n++] = live_now();
		if (read(pong.back[0], &c, 1) != 1)
			break;
	}
	(void)close(pong.there[1]);
	return NULL;
}

static void *answer(void *arg)
{
	char c;

	(void)arg;
	app.refused |= !be_real_time(1);
	while (read(pong.there[0], &c, 1) == 1)
		if (write(pong.back[1], &c, 1) != 1)
			break;
	return NULL;
}

static struct {
	uint32_t n, bursts;
	uint64_t end;
} read_first;

static void count(const struct hr_stint_rec *r, void *arg)
{
	(void)arg;
	if (read_first.n == HR_STINT_READ)
		return;
	read_first.n++;
	read_first.end = r->since + r->ran_ns;
	read_first.bursts += r->pid == app.tid && r->flags & HR_STINT_SLEEPS;
}

static void what_a_full_ring_held_has_no_gaps(void **state)
{
	struct hr_bpf_opts o = {.disks = 1, .nics = 1};
	struct hr_signal_state signal[HR_SIG_N];
	pthread_t first, second;
	uint32_t slept = 0;
	struct hr_bpf *b;

	(void)state;
	memset(&app, 0, sizeof(app));
	assert_int_equal(hr_bpf_open(&b, &o, signal), 0);
	assert_int_equal(pipe(pong.there) | pipe(pong.back), 0);
	app.first = live_now() + 400 * MS;
	pong.until = app.first + 500 * MS;
	assert_int_equal(pthread_create(&first, NULL, ping, NULL), 0);
	assert_int_equal(pthread_create(&second, NULL, answer, NULL), 0);
	find_worker(b);
	hr_bpf_record(b, UINT64_MAX);
	live_sleep_until(app.first - 50 * MS);
	(void)hr_bpf_stints(b, count, NULL);
	assert_false(hr_bpf_stints_lost(b));
	memset(&read_first, 0, sizeof(read_first));
	live_sleep_until(pong.until + 20 * MS);
	if (!app.refused)
		assert_true(hr_bpf_stints_lost(b));
	(void)hr_bpf_stints(b, count, NULL);
	assert_false(hr_bpf_stints_lost(b));
	pthread_join(first, NULL);
	pthread_join(second, NULL);
	hr_bpf_record(b, 0);
	hr_bpf_close(b);
	if (app.refused) {
		print_message("SCHED_FIFO is not allowed here\n");
		skip();
	}
	while (slept < pong.n && pong.sleeps[slept] < read_first.end)
		slept++;
	print_message("of %u sleeps %u were in the ring when it was full, by their own clock %u\n",
		pong.n, read_first.bursts, slept);
	assert_int_equal(read_first.n, HR_STINT_READ);
	assert_true(read_first.bursts <= slept + 2 && slept <= read_first.bursts + 2);
	if (slept <= 1000) {
		print_message(
			"others filled most of the ring: too many switches on this machine now\n");
		skip();
	}
	assert_true(pong.n > 2 * slept);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_recorded_unless_armed),
		cmocka_unit_test(bursts_are_those_of_the_applications_clock),
		cmocka_unit_test(what_a_full_ring_held_has_no_gaps),
	};

	(void)argc;
	live_need_kernel(argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
