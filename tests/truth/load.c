/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load whose truth is its own clock.
 *
 *   open    jobs at planned instants, each held by a worker of a pool that sleeps
 *           until then: the timer's interrupt wakes it, as a packet's would, and
 *           arrivals wait for no CPU.  It spins until its own thread's CPU clock has
 *           advanced by the job's size.  One worker makes a single-threaded server.
 *           With --disk, --touch-mb, --read-mb or --http-port a job does that instead of spinning,
 *           and is late when all of it took longer than X; what is not done by the end is, too.
 *           With --counted a job is as many turns of a loop as fill its size where no CPU is
 *           stolen: a thread's clock goes on while its vCPU stands still.
 *   closed  threads that sleep and spin in turn; counts their cycles, and those that came late.
 *           SIGTERM ends it early.
 *   stat    no load: the first line of /proc/stat once a second, at next to no cost.
 *   stalls  no load: on each CPU a thread of real-time priority that wants to run every 2 ms;
 *           how long it could not.  No load of the fair class does that.
 *
 * Prints one JSON object.  A job is late when sojourn - CPU time > max(X, CPU
 * time), the service level headroom states for the CPU.
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "act.h"
#include "plan.h"

#define THREADS_MAX 512
#define SECONDS_MAX 3600

struct args {
	struct plan_opts plan;
	bool closed, counted;
	unsigned threads;
	double late_s; /* X */
	double sleep_s;
	struct act_opts act;
	double lock_s; /* of each job's or cycle's CPU time, under one lock */
	const char *name;
};

struct run {
	const struct args *a;
	struct job *job;
	size_t n;
	atomic_size_t next;
	uint64_t start_ns, end_ns;
	pthread_mutex_t lock;
	atomic_ulong cycles, late, failed;
	bool acts;        /* jobs do what act_once() does */
	double per_ns;    /* turns of the loop, 0: jobs end by the thread's clock */
	double busiest_s; /* most CPU time of a single worker in a second */
	atomic_bool over;
};

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static void sleep_until(uint64_t at_ns)
{
	const struct timespec t = {(time_t)(at_ns / 1000000000ULL), (long)(at_ns % 1000000000ULL)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

/* Spins for @ns of this thread's CPU time; returns what it really was. */
static uint64_t spin(uint64_t ns)
{
	uint64_t from = clock_ns(CLOCK_THREAD_CPUTIME_ID), now;

	do {
		for (volatile unsigned i = 0; i < 200; i++)
			;
		now = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	} while (now - from < ns);
	return now - from;
}

static void turns(double n)
{
	for (volatile unsigned long i = 0; (double)i < n; i++)
		;
}

#define TRIES 40 /* the quickest of them: stolen time makes some slower, none quicker */
#define TRIAL 20000

static double turns_per_ns(void)
{
	double best = 0;

	for (int i = 0; i < TRIES; i++) {
		uint64_t from = clock_ns(CLOCK_THREAD_CPUTIME_ID), took;

		turns(TRIAL);
		took = clock_ns(CLOCK_THREAD_CPUTIME_ID) - from;
		if (took > 0)
			best = fmax(best, TRIAL / (double)took);
	}
	return best;
}

static uint64_t work(struct run *r, uint64_t ns)
{
	uint64_t locked = (uint64_t)(r->a->lock_s * 1e9), took;

	if (r->per_ns > 0) {
		turns((double)ns * r->per_ns);
		return ns;
	}
	if (locked == 0)
		return spin(ns);
	locked = locked < ns ? locked : ns;
	took = ns > locked ? spin(ns - locked) : 0;
	pthread_mutex_lock(&r->lock);
	took += spin(locked);
	pthread_mutex_unlock(&r->lock);
	return took;
}

static void *open_worker(void *arg)
{
	struct run *r = arg;
	uint64_t second = 0, used_ns = 0;

	prctl(PR_SET_NAME, r->a->name);
	prctl(PR_SET_TIMERSLACK, 1); /* 50 us by default: two arrivals would become one wake-up */
	for (;;) {
		size_t i = atomic_fetch_add(&r->next, 1);
		struct job *j;

		if (i >= r->n)
			return NULL;
		j = &r->job[i];
		sleep_until(r->start_ns + j->at_ns);
		if (!r->acts)
			j->took_ns = work(r, j->cpu_ns);
		else if ((double)(clock_ns(CLOCK_MONOTONIC) - r->start_ns) > r->a->plan.for_s * 1e9)
			return NULL; /* far behind: the run has its length all the same */
		else if (!act_once(r->a->plan.seed << 32 | i))
			atomic_fetch_add(&r->failed, 1);
		j->end_ns = clock_ns(CLOCK_MONOTONIC) - r->start_ns;
		if (j->end_ns / 1000000000ULL != second) {
			second = j->end_ns / 1000000000ULL;
			used_ns = 0;
		}
		used_ns += j->took_ns;
		if (r->a->threads == 1)
			r->busiest_s = fmax(r->busiest_s, (double)used_ns / 1e9);
	}
}

/* splitmix64: threads that begin at neighbouring numbers draw nothing alike. */
static double draw_cycle(uint64_t *s, double mean)
{
	uint64_t z = *s += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	z ^= z >> 31;
	return -mean * log(((double)(z >> 11) + 0.5) / 9007199254740992.0);
}

static void *closed_worker(void *arg)
{
	struct run *r = arg;
	uint64_t s = r->a->plan.seed * 1000003 + 7919 * atomic_fetch_add(&r->next, 1);

	prctl(PR_SET_NAME, r->a->name);
	while (!atomic_load(&r->over)) {
		double z = draw_cycle(&s, r->a->sleep_s), wait, took;
		uint64_t at = clock_ns(CLOCK_MONOTONIC);

		if (z > 0)
			sleep_until(at += (uint64_t)(z * 1e9));
		took = (double)work(r, (uint64_t)(draw_cycle(&s, r->a->plan.mean_s) * 1e9)) / 1e9;
		wait = (double)(clock_ns(CLOCK_MONOTONIC) - at) / 1e9 - took;
		atomic_fetch_add(&r->cycles, 1);
		if (wait > r->a->late_s && wait > took)
			atomic_fetch_add(&r->late, 1);
	}
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void report_open(const struct run *r)
{
	double *wait = calloc(r->n + 1, sizeof(*wait)), cpu = 0, sojourn = 0, wanted = 0;
	size_t late = 0, done = 0, row = 0, clumps2 = 0;

	if (!wait)
		return;
	for (size_t i = 0; i < r->n; i++) {
		const struct job *j = &r->job[i];
		double took = (double)j->took_ns / 1e9;

		if (j->end_ns > 0)
			wait[i] = (double)(j->end_ns - j->at_ns) / 1e9 - took;
		/* a row of n late ones adds n^2, one after another: 1, 3, 5 .. */
		row = j->end_ns == 0 || (wait[i] > r->a->late_s && wait[i] > took) ? row + 1 : 0;
		late += row > 0;
		clumps2 += row > 0 ? 2 * row - 1 : 0;
		if (j->end_ns == 0)
			continue;
		done++;
		cpu += took;
		wanted += (double)j->cpu_ns / 1e9;
		sojourn += wait[i] + took;
	}
	qsort(wait, r->n, sizeof(*wait), by_value);
	printf("{\"jobs\": %zu, \"late\": %zu, \"clumps2\": %zu, \"late_share\": %.6f, "
	       "\"cpu_s\": %.4f, "
	       "\"wanted_s\": %.4f, \"wall_s\": %.3f, \"sojourn_mean_s\": %.6f, \"wait_p99_s\": "
	       "%.6f, \"busiest_s\": %.4f, \"per_s\": %.3f, \"failed\": %lu}\n",
		r->n, late, clumps2, r->n ? (double)late / (double)r->n : 0, cpu, wanted,
		(double)(r->end_ns - r->start_ns) / 1e9, done ? sojourn / (double)done : 0,
		r->n ? wait[(size_t)(0.99 * (double)(r->n - 1))] : 0, r->busiest_s,
		(double)done / ((double)(r->end_ns - r->start_ns) / 1e9), atomic_load(&r->failed));
	free(wait);
}

static bool start(struct run *r, pthread_t *thread, void *(*body)(void *))
{
	for (unsigned i = 0; i < r->a->threads; i++)
		if (pthread_create(&thread[i], NULL, body, r) != 0)
			return false;
	return true;
}

static int run_open(struct run *r)
{
	pthread_t thread[THREADS_MAX] = {0};

	r->job = plan_make(&r->a->plan, &r->n);
	if (!r->job || !act_begin(&r->a->act, &r->acts))
		return 1;
	r->per_ns = r->a->counted ? turns_per_ns() : 0;
	r->start_ns = clock_ns(CLOCK_MONOTONIC) + 50000000ULL; /* until the pool waits */
	if (!start(r, thread, open_worker))
		return 1;
	for (unsigned i = 0; i < r->a->threads; i++)
		pthread_join(thread[i], NULL);
	r->end_ns = clock_ns(CLOCK_MONOTONIC);
	report_open(r);
	free(r->job);
	return 0;
}

static volatile sig_atomic_t told_to_end;

static void end_early(int signo)
{
	(void)signo;
	told_to_end = 1;
}

static int run_closed(struct run *r)
{
	pthread_t thread[THREADS_MAX] = {0};
	unsigned long cycles, late;
	double wall = 0;

	signal(SIGTERM, end_early);
	r->start_ns = clock_ns(CLOCK_MONOTONIC);
	if (!start(r, thread, closed_worker))
		return 1;
	while (!told_to_end && wall < r->a->plan.for_s) {
		sleep_until(clock_ns(CLOCK_MONOTONIC) + 50000000);
		wall = (double)(clock_ns(CLOCK_MONOTONIC) - r->start_ns) / 1e9;
	}
	atomic_store(&r->over, true);
	cycles = atomic_load(&r->cycles);
	late = atomic_load(&r->late);
	printf("{\"cycles\": %lu, \"late\": %lu, \"late_share\": %.6f, \"wall_s\": %.3f, "
	       "\"per_s\": %.4f}\n",
		cycles, late, (double)late / fmax((double)cycles, 1), wall, (double)cycles / wall);
	for (unsigned i = 0; i < r->a->threads; i++)
		pthread_join(thread[i], NULL);
	return 0;
}

static int run_stat(const struct args *a)
{
	uint64_t start_ns = clock_ns(CLOCK_MONOTONIC);
	char text[256];

	for (unsigned i = 0; i <= a->plan.for_s; i++) {
		FILE *f = fopen("/proc/stat", "re");

		if (!f || !fgets(text, sizeof(text), f))
			return 1;
		fclose(f);
		fputs(text, stdout);
		fflush(stdout); /* it may be told to end */
		sleep_until(start_ns + (i + 1) * 1000000000ULL);
	}
	return 0;
}

#define STALL_TICK_NS 2000000
#define STALL_MIN_NS  5000000 /* later than this a thread that outranks all others did not run */

struct stalls {
	size_t cpu;
	double for_s, stalled_s, longest_s;
	bool ok;
};

static void *stalls_worker(void *arg)
{
	struct stalls *s = arg;
	const struct sched_param first = {.sched_priority = 90};
	uint64_t start_ns = clock_ns(CLOCK_MONOTONIC), at = start_ns, now = start_ns;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(s->cpu, &set);
	s->ok = pthread_setaffinity_np(pthread_self(), sizeof(set), &set) == 0 &&
		pthread_setschedparam(pthread_self(), SCHED_FIFO, &first) == 0;
	while (s->ok && !told_to_end && (double)(now - start_ns) < s->for_s * 1e9) {
		at = now + STALL_TICK_NS;
		sleep_until(at);
		now = clock_ns(CLOCK_MONOTONIC);
		if (now - at < STALL_MIN_NS)
			continue;
		s->stalled_s += (double)(now - at) / 1e9;
		s->longest_s = fmax(s->longest_s, (double)(now - at) / 1e9);
	}
	return NULL;
}

/* The CPU that stood still longest: {"stalled_s", "longest_ms"}. */
static int run_stalls(const struct args *a)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	struct stalls s[THREADS_MAX] = {0}, most = {.ok = true};
	pthread_t thread[THREADS_MAX];

	signal(SIGTERM, end_early);
	n = n < THREADS_MAX ? n : THREADS_MAX;
	for (long i = 0; i < n; i++) {
		s[i] = (struct stalls){.cpu = (size_t)i, .for_s = a->plan.for_s};
		if (pthread_create(&thread[i], NULL, stalls_worker, &s[i]) != 0)
			return 1;
	}
	for (long i = 0; i < n; i++) {
		pthread_join(thread[i], NULL);
		most.ok = most.ok && s[i].ok;
		most.stalled_s = fmax(most.stalled_s, s[i].stalled_s);
		most.longest_s = fmax(most.longest_s, s[i].longest_s);
	}
	printf("{\"stalled_s\": %.6f, \"longest_ms\": %.3f}\n", most.stalled_s,
		1e3 * most.longest_s);
	return most.ok ? 0 : 1;
}

static const char usage[] =
	"usage: load open|closed|stat|stalls [--arrive poisson|mmpp|batch|tick] [--size "
	"exp|lognormal|bimodal|fixed]\n"
	"  [--grow inside|copies] [--rate PER_S] [--mean-ms CPU_MS] [--k FACTOR] [--other FACTOR] "
	"[--for S] [--seed N]\n"
	"  [--threads N] [--late-ms X] [--sleep-ms Z] [--lock-ms CPU_MS] [--name THREAD_NAME]\n"
	"  [--disk DEVICE [--block-kb N]] [--touch-mb N] [--cold-mb N] [--http-port N]\n"
	"  [--read DEVICE --read-mb N [--once-mb N]] [--counted]\n";

static int choice(const char *v, const char *const *names, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(v, names[i]) == 0)
			return i;
	return -1;
}

static bool set(struct args *a, int c, const char *v)
{
	static const char *const arrive[] = {"poisson", "mmpp", "batch", "tick"};
	static const char *const size[] = {"exp", "lognormal", "bimodal", "fixed"};
	static const char *const grow[] = {"inside", "copies"};
	double *number[128] = {['r'] = &a->plan.rate_per_s,
		['m'] = &a->plan.mean_s,
		['k'] = &a->plan.k,
		['o'] = &a->plan.other,
		['f'] = &a->plan.for_s,
		['x'] = &a->late_s,
		['z'] = &a->sleep_s,
		['l'] = &a->lock_s,
		['M'] = &a->act.touch_mb,
		['C'] = &a->act.cold_mb,
		['R'] = &a->act.read_mb,
		['O'] = &a->act.once_mb};
	char *end;
	double d;
	int i;

	switch (c) {
	case 'a':
		i = choice(v, arrive, ARRIVE_N);
		a->plan.arrive = (enum arrive)i;
		return i >= 0;
	case 's':
		i = choice(v, size, SIZE_N);
		a->plan.size = (enum size)i;
		return i >= 0;
	case 'g':
		i = choice(v, grow, GROW_N);
		a->plan.grow = (enum grow)i;
		return i >= 0;
	case 'c':
		a->counted = true;
		return true;
	case 'n':
		a->name = v;
		return true;
	case 'D':
		a->act.disk = v;
		return true;
	case 'F':
		a->act.read = v;
		return true;
	default:
		break;
	}
	d = strtod(v, &end);
	if (end == v || *end || !(d >= 0) || d > 1e9)
		return false;
	if (c == 't')
		a->threads = (unsigned)d;
	else if (c == 'H')
		a->act.http_port = (unsigned)d;
	else if (c == 'B' && (unsigned)d % 4 == 0)
		a->act.block_kb = (unsigned)d;
	else if (c == 'e')
		a->plan.seed = (uint64_t)d;
	else if (c > 0 && c < 128 && number[c])
		*number[c] = strchr("mxzl", c) ? d / 1e3 : d;
	else
		return false;
	return true;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {{"arrive", 1, NULL, 'a'}, {"size", 1, NULL, 's'},
		{"grow", 1, NULL, 'g'}, {"rate", 1, NULL, 'r'}, {"mean-ms", 1, NULL, 'm'},
		{"k", 1, NULL, 'k'}, {"other", 1, NULL, 'o'}, {"for", 1, NULL, 'f'},
		{"seed", 1, NULL, 'e'}, {"threads", 1, NULL, 't'}, {"late-ms", 1, NULL, 'x'},
		{"sleep-ms", 1, NULL, 'z'}, {"lock-ms", 1, NULL, 'l'}, {"name", 1, NULL, 'n'},
		{"disk", 1, NULL, 'D'}, {"block-kb", 1, NULL, 'B'}, {"touch-mb", 1, NULL, 'M'},
		{"http-port", 1, NULL, 'H'}, {"cold-mb", 1, NULL, 'C'}, {"read", 1, NULL, 'F'},
		{"read-mb", 1, NULL, 'R'}, {"once-mb", 1, NULL, 'O'}, {"counted", 0, NULL, 'c'},
		{NULL, 0, NULL, 0}};
	struct args a = {
		.plan = {.rate_per_s = 100, .mean_s = 0.002, .for_s = 10, .k = 1, .seed = 1},
		.threads = 64,
		.late_s = 0.010,
		.sleep_s = 0,
		.name = "load"};
	struct run r = {.a = &a, .lock = PTHREAD_MUTEX_INITIALIZER};
	bool ok = true;
	int c;

	while (ok && (c = getopt_long(argc, argv, "", longs, NULL)) != -1)
		ok = set(&a, c, optarg ? optarg : "");
	ok = ok && optind + 1 == argc && a.threads >= 1 && a.threads <= THREADS_MAX &&
	     a.plan.for_s > 0 && a.plan.for_s <= SECONDS_MAX && a.plan.rate_per_s > 0;
	if (ok && strcmp(argv[optind], "stat") == 0)
		return run_stat(&a);
	if (ok && strcmp(argv[optind], "stalls") == 0)
		return run_stalls(&a);
	if (ok && strcmp(argv[optind], "closed") == 0)
		a.closed = true;
	else if (!ok || strcmp(argv[optind], "open") != 0) {
		fputs(usage, stderr);
		return 2;
	}
	return a.closed ? run_closed(&r) : run_open(&r);
}
