/* SPDX-License-Identifier: Apache-2.0 */
/* Two threads, two CPUs, one loop; see core_probe.h. */
#include "agent/core_probe.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agent/caps.h"
#include "agent/host_facts.h"
#include "proto/base/clock.h"
#include "proto/units.h"

#define TRIES_OPEN 16 /* pairs tried at the start: all of up to 17 CPUs, in some 30 ms */
#define RUNS       8  /* of each kind a pair */
#define PART_TURNS 500

#define AGAIN_NS HR_NS_PER_S          /* the next pair */
#define BUSY_NS  (10 * HR_NS_PER_S)   /* after one that nothing could be learnt from */
#define ROUND_NS (3600 * HR_NS_PER_S) /* the next round: a VM may have been moved */

#define WAKE_NS    (500 * HR_NS_PER_US) /* for the other thread to come up on its CPU */
#define LEAVE_NS   (200 * HR_NS_PER_US) /* and to be gone from it */
#define PEER_PARTS 2500                 /* 1 ms: if nobody stops it, it stops itself */

#define STACK_BYTES 65536

enum {
	PEER_WAITS,
	PEER_RUNS,
	PEER_ENDS,
};

struct hr_core_probe {
	const struct hr_bpf *bpf;
	pthread_t peer;
	_Atomic uint32_t order; /* PEER_*, and the futex it waits on */
	_Atomic uint32_t parts; /* of the loop, done by the peer */
	_Atomic int tid;        /* of the peer; 0 not up yet, -1 it has kept rights */
	uint64_t next_ns, wait_ns;
	uint32_t last; /* pair tried last */
	double slower;
	struct hr_cores cores;
	uint16_t cpu[CPU_SETSIZE]; /* numbers of the cores.n CPUs */
};

#if defined(__x86_64__)
#define ADD(k, r) "add $" #k ", %" #r "\n\t"
#elif defined(__aarch64__)
#define ADD(k, r) "add %" #r ", %" #r ", #" #k "\n\t"
#endif

#ifdef ADD
/* Six chains of two additions a turn: up to seven a cycle, more than most cores can. */
static void burn(unsigned turns)
{
	uint64_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6;

	while (turns-- > 0)
		__asm__ volatile(ADD(3, 0) ADD(5, 1) ADD(7, 2) ADD(9, 3) ADD(11, 4) ADD(13, 5) ADD(
			3, 0) ADD(5, 1) ADD(7, 2) ADD(9, 3) ADD(11, 4) ADD(13, 5)
				 : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f)
				 :
				 : "cc");
}
#define CAN_BURN true
#else
static void burn(unsigned turns)
{
	(void)turns;
}
#define CAN_BURN false
#endif

static void futex(_Atomic uint32_t *at, int op, uint32_t value)
{
	(void)syscall(SYS_futex, at, op | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static void *peer_main(void *arg)
{
	struct hr_core_probe *p = arg;
	uint32_t order;

	/* rights belong to a thread: hr_caps_drop() of the agent's leaves those of this one */
	p->tid = hr_caps_drop() == 0 ? (int)gettid() : -1;
	while ((order = p->order) != PEER_ENDS) {
		if (order == PEER_WAITS) {
			futex(&p->order, FUTEX_WAIT, PEER_WAITS);
			continue;
		}
		for (uint32_t i = 0; i < PEER_PARTS && p->order == PEER_RUNS; i++) {
			burn(PART_TURNS);
			p->parts++;
		}
		order = PEER_RUNS;
		(void)atomic_compare_exchange_strong(&p->order, &order, PEER_WAITS);
	}
	return NULL;
}

static void give_order(struct hr_core_probe *p, uint32_t order)
{
	p->order = order;
	futex(&p->order, FUTEX_WAKE, 1);
}

static bool pin(int tid, unsigned cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return sched_setaffinity(tid, sizeof one, &one) == 0;
}

static void nap(uint64_t ns)
{
	const struct timespec t = {.tv_nsec = (long)ns};

	(void)nanosleep(&t, NULL);
}

/* What runs on the two CPUs before and after a run: undisturbed if neither has switched. */
struct sight {
	uint32_t seq[2], pid[2];
	bool seen;
};

static struct sight look(const struct hr_core_probe *p, const unsigned cpu[2])
{
	struct sight s;

	s.seen = hr_bpf_running(p->bpf, cpu[0], &s.seq[0], &s.pid[0]) &&
		 hr_bpf_running(p->bpf, cpu[1], &s.seq[1], &s.pid[1]);
	return s;
}

static struct hr_cores_run run(struct hr_core_probe *p, const unsigned cpu[2], bool together)
{
	const struct sight before = look(p, cpu);
	const uint32_t parts = p->parts;
	const uint64_t begin = hr_clock_mono_ns();
	struct hr_cores_run r;
	struct sight after;

	burn(HR_CORES_PARTS * PART_TURNS);
	r.ns = hr_clock_mono_ns() - begin;
	r.peer = p->parts - parts;
	after = look(p, cpu);
	r.undisturbed = before.seen && after.seen && before.seq[0] == after.seq[0] &&
			before.seq[1] == after.seq[1] && (before.pid[1] != 0) == together;
	return r;
}

static void runs_together(
	struct hr_core_probe *p, const unsigned cpu[2], struct hr_cores_pair *pair)
{
	const uint32_t parts = p->parts;
	const uint64_t end = hr_clock_mono_ns() + WAKE_NS;

	give_order(p, PEER_RUNS);
	while (p->parts == parts && hr_clock_mono_ns() < end)
		;
	for (unsigned i = 0; i < RUNS && p->parts != parts; i++) {
		const struct hr_cores_run r = run(p, cpu, true);

		hr_cores_together(pair, &r);
	}
	give_order(p, PEER_WAITS);
}

static void runs_alone(struct hr_core_probe *p, const unsigned cpu[2], struct hr_cores_pair *pair)
{
	nap(LEAVE_NS);
	burn(HR_CORES_PARTS * PART_TURNS); /* a CPU that slept is slow for a moment */
	for (unsigned i = 0; i < RUNS; i++) {
		const struct hr_cores_run r = run(p, cpu, false);

		hr_cores_alone(pair, &r);
	}
}

/* The pair of index @other.  True: the verdict changed. */
static bool try_pair(struct hr_core_probe *p, uint32_t other, struct hr_cores_pair *pair)
{
	const unsigned cpu[2] = {p->cpu[0], p->cpu[other]};
	cpu_set_t home;
	bool changed = false;

	if (p->tid <= 0 || sched_getaffinity(0, sizeof home, &home) < 0)
		return false;
	if (pin(p->tid, cpu[1]) && pin(0, cpu[0])) {
		runs_alone(p, cpu, pair);
		runs_together(p, cpu, pair);
		changed = hr_cores_take(&p->cores, other, pair);
	}
	(void)sched_setaffinity(0, sizeof home, &home);
	if (pair->alone_ns && pair->together_ns) {
		const double slower = (double)pair->together_ns / (double)pair->alone_ns;

		if (slower > p->slower)
			p->slower = slower;
	}
	return changed;
}

static void begin(struct hr_core_probe *p, uint32_t cpus)
{
	cpu_set_t mine;
	uint32_t n = 0;

	CPU_ZERO(&mine);
	if (sched_getaffinity(0, sizeof mine, &mine) == 0)
		for (unsigned cpu = 0; cpu < CPU_SETSIZE && n < HR_CPUS_MAX; cpu++)
			if (CPU_ISSET(cpu, &mine))
				p->cpu[n++] = (uint16_t)cpu;
	p->slower = 0;
	p->last = 0;
	hr_cores_begin(&p->cores, n == cpus ? n : 0); /* some are not ours: nothing can be told */
}

/* Tries the pair that is next.  True: the verdict changed. */
static bool step(struct hr_core_probe *p)
{
	struct hr_cores_pair pair = {0};
	bool changed;

	if (p->cores.left == 0)
		begin(p, p->cores.n);
	p->last = hr_cores_next(&p->cores, p->last);
	changed = p->last != 0 && try_pair(p, p->last, &pair);
	p->wait_ns = p->cores.left == 0 || p->cores.verdict == HR_CORES_SHARED ? ROUND_NS
		     : hr_cores_judge(&pair) == HR_CORES_OWN                   ? AGAIN_NS
									       : BUSY_NS;
	return changed;
}

bool hr_core_probe_tick(struct hr_core_probe *p, uint64_t now_ns)
{
	bool changed;

	if (now_ns < p->next_ns || p->cores.n < 2)
		return false;
	changed = step(p);
	p->next_ns = now_ns + p->wait_ns;
	return changed;
}

void hr_core_probe_cpus(struct hr_core_probe *p, uint32_t cpus)
{
	p->cores.n = 0; /* as many as before may be others: what was found is not theirs */
	begin(p, cpus);
	p->next_ns = 0;
}

void hr_core_probe_facts(const struct hr_core_probe *p, struct hr_facts *facts)
{
	char why[HR_REASON_LEN];

	switch (p->cores.verdict) {
	case HR_CORES_UNKNOWN:
		facts->threads_per_core = 0;
		hr_host_facts_signal(facts, HR_SIG_TOPOLOGY, HR_RUNG_MISSING,
			p->tid < 0 ? "hidden by the hypervisor; the thread to measure it kept its "
				     "rights"
				   : "hidden by the hypervisor, and no two vCPUs were idle at once "
				     "to measure");
		return;
	case HR_CORES_OWN:
		facts->threads_per_core = 1;
		break;
	case HR_CORES_SHARED:
		facts->threads_per_core = 2;
		break;
	}
	(void)snprintf(
		why, sizeof why, "measured: two vCPUs at work each take x%.2f as long", p->slower);
	hr_host_facts_signal(facts, HR_SIG_TOPOLOGY, HR_RUNG_FILE, why);
}

static int start_peer(struct hr_core_probe *p)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int r;

	if (pthread_attr_init(&attr) != 0)
		return -ENOMEM;
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all); /* signals are the agent's thread's */
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&p->peer, &attr, peer_main, p);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	(void)pthread_attr_destroy(&attr);
	return -r;
}

int hr_core_probe_open(struct hr_core_probe **ret_probe, const struct hr_bpf *bpf, uint32_t cpus)
{
	struct hr_core_probe *p;
	int r;

	if (!CAN_BURN || cpus < 2 || cpus > CPU_SETSIZE)
		return -EOPNOTSUPP;
	p = calloc(1, sizeof *p);
	if (!p)
		return -ENOMEM;
	p->bpf = bpf;
	begin(p, cpus);
	r = p->cores.n < 2 ? -EOPNOTSUPP : start_peer(p);
	if (r < 0) {
		free(p);
		return r;
	}
	for (int i = 0; i < 100 && p->tid == 0; i++)
		nap(LEAVE_NS);
	for (int i = 0; i < TRIES_OPEN && p->cores.left > 0 && p->cores.verdict == HR_CORES_UNKNOWN;
		i++)
		(void)step(p);
	p->next_ns = hr_clock_mono_ns() + p->wait_ns;
	*ret_probe = p;
	return 0;
}

void hr_core_probe_close(struct hr_core_probe *p)
{
	if (!p)
		return;
	give_order(p, PEER_ENDS);
	(void)pthread_join(p->peer, NULL);
	free(p);
}
