/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * CPU: sched_switch.  On-CPU time, run-queue wait and wake-charged work
 * per time slot; wake-to-sleep bursts; no wakeup hook, no map keyed by task
 * (kernel-signals 3.1-3.4, answer-model 4.1).  And what waited for a thread at work: its
 * reads from TCP, which is here because a burst's age is, and from UNIX sockets beside them.
 *
 * The event comes before the scheduler's own accounting.  So at switch-in a task's
 * run_delay lacks the wait that ends now, and at switch-out it has it: the wait of
 * a stint is known when the stint ends, and lies just before it.
 *
 * The switch runs with interrupts off and writes only its CPU's cell, so plain stores do.
 */
#include "bpf/kernel.h"
#include "bpf/cell.h"
#include "bpf/compat.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct hr_last hr_last[HR_LAST_N] __attribute__((aligned(64)));
struct hr_reader hr_readers[HR_READERS_N] __attribute__((aligned(64)));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* possible CPUs, set before load */
	__type(key, uint32_t);
	__type(value, struct hr_cpu_cell);
} hr_cpu_cells SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, HR_STINT_RING);
} hr_stints SEC(".maps");

uint64_t hr_stints_lost;
uint32_t hr_tick_ns; /* between two jiffies; set before load */

/*
 * What an interval is counted as: which word of the slots it is added to, how far left, and
 * whether it is taken off moved_ns.  So a loop over slots has no branch in it, and a verifier
 * that has to walk all of its turns (5.10, 6.1) sees each turn once and not once for every
 * kind: 6.1 gave up at a million instructions.
 */
enum kind {
	WAIT = 0,
	CHARGE = 1,
	ONCPU = 2, /* the burst never having waited, charged there */
	HOG = 3,
	UNKNOWN = 3 | HR_SLOT_UNKNOWN_SHIFT, /* 32: the upper half */
	ONCPU_ONLY = 2 | 64,
};
_Static_assert(__builtin_offsetof(struct hr_cpu_slot, moved_ns) == 8 &&
		       __builtin_offsetof(struct hr_cpu_slot, oncpu_wakes) == 16 &&
		       __builtin_offsetof(struct hr_cpu_slot, hog_unknown) == 24 &&
		       HR_SLOT_UNKNOWN_SHIFT == 32,
	"the words of a slot as the kinds number them");

static __always_inline void add(struct hr_cpu_slot *s, uint32_t k, uint64_t ns)
{
	uint64_t *word = (uint64_t *)s + (k & 3);

	*word += ns << (k & 32);
	s->moved_ns -= -(uint64_t)(k >> 6 & 1) & ns;
}

/*
 * [a, b) reaches over a slot border: one in some hundred stints.  A global function
 * with scalars only, so that the verifier walks its loop once, not once for every
 * path that leads here (and 5.10 can check it).
 */
__noinline int hr_spread(uint64_t a, uint64_t b, uint32_t k)
{
	uint32_t cpu = bpf_get_smp_processor_id();
	struct hr_cpu_cell *c = bpf_map_lookup_elem(&hr_cpu_cells, &cpu);
	struct hr_span s = hr_span(a, b);

	if (!c || s.n == 0)
		return 0;
	add(&c->slot[s.first & HR_RING_MASK], k, s.head);
	for (uint32_t i = 1; i < HR_SPREAD_MAX - 1; i++) {
		if (i + 1 >= s.n)
			break;
		add(&c->slot[(s.first + i) & HR_RING_MASK], k, HR_SLOT_NS);
	}
	if (s.n > 1)
		add(&c->slot[(s.first + s.n - 1) & HR_RING_MASK], k, s.tail);
	return 0;
}

/* @a already clipped to the horizon. */
static __always_inline void put(struct hr_cpu_cell *c, uint64_t a, uint64_t b, enum kind k)
{
	if (a >= b)
		return;
	if (a >> HR_SLOT_SHIFT == (b - 1) >> HR_SLOT_SHIFT)
		add(&c->slot[(a >> HR_SLOT_SHIFT) & HR_RING_MASK], k, b - a);
	else
		hr_spread(a, b, k);
}

static __always_inline uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Most of a program's time goes into fetching it: what is rare stays out of the way. */
#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* @v from HR_SMALL on.  One copy for all. */
static __noinline void count_us(struct hr_cell_hist *h, uint32_t v)
{
	uint64_t b;

	h->sum += v;
	if (v > h->max)
		h->max = v;
	b = hr_bucket_index(v); /* last: the verifier forgets the paths through it when v is dead */
	if (b < HR_BUCKETS)     /* always; the verifier cannot see it */
		h->n[b]++;
}

static __always_inline void count(struct hr_cell_hist *h, uint64_t ns)
{
	uint32_t v = hr_us(ns);

	if (v < HR_SMALL)
		h->n[v]++;
	else
		count_us(h, v);
}

/*
 * The table of tasks off CPU.  What a task is known by is added to what is kept of it, not packed
 * beside it: the difference to the same sum of the same task is what is new, and that of any other
 * is too large.  burst: pids of one entry differ by a multiple of 1024, so by one of 2^52 here,
 * exactly.  at: another pcount of the same task is off by 68.7 s of waiting each.
 */
#define PID_SHIFT    42
#define PCOUNT_SHIFT 36
#define PART_BITS    HR_LAST_PART_BITS
#define PART_MASK    ((1ULL << PART_BITS) - 1)

static __always_inline uint64_t part(uint64_t ns)
{
	ns >>= HR_LAST_PART_UNIT;
	return ns > PART_MASK ? PART_MASK : ns;
}

static __always_inline void leave(uint32_t pid, uint64_t pcount, uint64_t run_delay, uint64_t burst)
{
	struct hr_last *e = &hr_last[pid & (HR_LAST_N - 1)];
	uint64_t who = (uint64_t)pid << PID_SHIFT;

	e->at = who + (pcount << PCOUNT_SHIFT) + run_delay;
	e->burst = who + burst;
}

/* Task @pid runs from now on: where did its wait, and its burst, begin? */
static __always_inline void enter(
	struct hr_cpu_cell *c, uint32_t pid, uint64_t pcount, uint64_t run_delay)
{
	struct hr_last *e = &hr_last[pid & (HR_LAST_N - 1)];
	uint64_t who = (uint64_t)pid << PID_SHIFT, burst = e->burst - who;
	uint64_t waited = who + (pcount << PCOUNT_SHIFT) + run_delay - e->at;

	if (LIKELY((waited >> (PCOUNT_SHIFT - 1) | burst >> (2 * PART_BITS)) == 0)) {
		c->run_delay = run_delay - waited;
		c->burst = burst;
		return;
	}
	c->burst = 0;
	if ((uint32_t)pcount == 0) { /* first time on a CPU: it waited since its birth */
		c->run_delay = 0;
	} else {
		c->run_delay = run_delay;
		c->broken++;
	}
}

/* A burst went to sleep at @now after @wait and @cpu ns. */
static __always_inline void burst_done(
	struct hr_cpu_cell *c, uint64_t now, uint64_t wait, uint64_t cpu)
{
	uint64_t wake = later(now - wait - cpu, c->horizon);

	if (wait > HR_LATE_NS && wait > cpu)
		c->bursts_late++;
	count(&c->burst_cpu_us, cpu);
	count(&c->burst_wait_us, wait);
	c->slot[(wake >> HR_SLOT_SHIFT) & HR_RING_MASK].oncpu_wakes += HR_SLOT_WAKE;
}

/* Part of a stint [at, now) whose burst was @age old at @at, and is older than a hog at @now. */
__noinline int hr_charge_hog(uint64_t at, uint64_t now, uint64_t age)
{
	uint64_t cut = at;

	if (age < HR_HOG_NS)
		cut = at + (HR_HOG_NS - age);
	if (cut > now)
		cut = now;
	hr_spread(at, cut, CHARGE);
	hr_spread(cut, now, HOG);
	return 0;
}

static __always_inline uint32_t u32_of(uint64_t ns)
{
	return ns >> 32 ? 0xffffffff : (uint32_t)ns;
}

/* While a slice is armed.  Nobody is woken: the reader comes once a second. */
__noinline int hr_record(uint64_t since, uint64_t ran, uint64_t wait, uint64_t pid_flags)
{
	struct hr_stint_rec r = {
		since, u32_of(ran), u32_of(wait), (uint32_t)(pid_flags >> 32), (uint32_t)pid_flags};

	if (bpf_ringbuf_output(&hr_stints, &r, sizeof(r), BPF_RB_NO_WAKEUP) != 0)
		__sync_fetch_and_add(&hr_stints_lost, 1);
	return 0;
}

/*
 * The stint [c->since, @now) ends, of a task that is now at @run_delay; @sleeps: and its burst.
 * The long way: over slot borders, behind the horizon, recorded, late or a hog.
 */
__noinline uint64_t hr_stint(uint64_t now, uint64_t run_delay, uint32_t sleeps)
{
	uint32_t id = bpf_get_smp_processor_id();
	struct hr_cpu_cell *c = bpf_map_lookup_elem(&hr_cpu_cells, &id);
	uint64_t horizon, since, at, from, w, wait, cpu;

	if (!c)
		return 0;
	horizon = c->horizon;
	since = c->since;
	at = later(since, horizon);
	w = run_delay - c->run_delay;
	if ((int64_t)w < 0) {
		c->bad++;
		w = 0;
	}
	if (now < c->record_until)
		hr_record(since, now - since, w,
			(uint64_t)c->pid << 32 | (sleeps ? HR_STINT_SLEEPS : 0) |
				(c->burst ? HR_STINT_CONTINUES : 0));
	wait = HR_BURST_WAIT(c->burst) + w;
	cpu = HR_BURST_CPU(c->burst) + (now - since);
	count(&c->wait, w);
	if (w) {
		from = since - w;
		if (from < horizon)
			c->late_ns += (since < horizon ? since : horizon) - from;
		put(c, later(from, horizon), since, WAIT);
	}
	if (wait == 0 && cpu <= HR_HOG_NS) {
		put(c, at, now, ONCPU);
	} else {
		put(c, at, now, ONCPU_ONLY);
		if (wait + cpu <= HR_HOG_NS) {
			/* as if it had never waited: shifted left, as far as the reader left slots
			 * open */
			from = later(at - wait, horizon);
			put(c, from, from + (now > at ? now - at : 0), CHARGE);
		} else {
			hr_charge_hog(at, now, wait + cpu - (now - at));
		}
	}
	if (!sleeps)
		return part(wait) << PART_BITS | part(cpu);
	burst_done(c, now, wait, cpu);
	return 0;
}

/*
 * The same for a burst that woke in this very slot and is neither recorded nor behind the
 * horizon: all of it goes into one slot.
 */
static __noinline uint64_t stint(
	struct hr_cpu_cell *c, uint64_t now, uint64_t run_delay, uint32_t sleeps)
{
	uint64_t ran = now - c->since, w = run_delay - c->run_delay;
	uint64_t wait = HR_BURST_WAIT(c->burst) + w, cpu = HR_BURST_CPU(c->burst) + ran;
	uint64_t wake = now - wait - cpu;
	struct hr_cpu_slot *s;

	if (w >> HR_SLOT_SHIFT || wake < c->plain_from || (wake ^ now) >> HR_SLOT_SHIFT)
		return hr_stint(now, run_delay, sleeps);
	s = &c->slot[(now >> HR_SLOT_SHIFT) & HR_RING_MASK];
	s->wait_ns += w;
	s->oncpu_wakes += ran;
	count(&c->wait, w);
	if (!sleeps)
		return part(wait) << PART_BITS | part(cpu);
	s->oncpu_wakes += HR_SLOT_WAKE;
	count(&c->burst_cpu_us, cpu);
	count(&c->burst_wait_us, wait);
	return 0;
}

/*
 * And for a whole burst of one stint and a few us, which is what switches at a rate that costs
 * something: false when it is not one.  ns / 1000 by multiplication is exact up to 20,000.
 */
static __always_inline bool quick(struct hr_cpu_cell *c, uint64_t now, uint64_t run_delay)
{
	uint64_t ran = now - c->since, w = run_delay - c->run_delay, wake = c->since - w;
	struct hr_cpu_slot *s;
	uint64_t i;

	if (UNLIKELY(c->burst || w >= HR_SMALL * 1000 || ran >= HR_SMALL * 1000 ||
		     wake < c->plain_from || (wake ^ now) >> HR_SLOT_SHIFT))
		return false;
	s = &c->slot[(now >> HR_SLOT_SHIFT) & HR_RING_MASK];
	s->wait_ns += w;
	s->oncpu_wakes += ran + HR_SLOT_WAKE;
	i = (w * 8389 >> 20 & 7 << HR_BUCKET_BITS) | ran * 8389 >> 23;
	asm volatile("" : "+r"(i)); /* verifiers up to 5.10 want the bound told, clang knows it */
	c->quick[i & (HR_SMALL * HR_SMALL - 1)]++;
	return true;
}

/*
 * Messages read in the stint that ends count where its work is charged from: as if they had come
 * when the burst woke, or as late as its waits explain.  By when they are read they would be fewest
 * where CPUs are full, and a message would seem to cost less the more there are.
 */
static __noinline void charge_reads(struct hr_cpu_cell *c, uint64_t run_delay)
{
	uint64_t w = run_delay - c->run_delay, from;

	if ((int64_t)w < 0)
		w = 0;
	from = later(c->since - HR_BURST_WAIT(c->burst) - w, c->horizon);
	c->slot[(from >> HR_SLOT_SHIFT) & HR_RING_MASK].oncpu_wakes += c->read;
	c->read = 0;
}

/*
 * The switch away from the cell's task was missed: some kernels do not deliver the
 * events of some tasks.  Its own run time says when it left; what came after is
 * @prev's.  Returns that time, or 0 when the task is gone (its memory may be
 * another's by now: the pid and the run time must fit).
 */
__noinline uint64_t hr_missed(uint64_t now)
{
	uint32_t cpu = bpf_get_smp_processor_id();
	struct hr_cpu_cell *c = bpf_map_lookup_elem(&hr_cpu_cells, &cpu);
	struct task_struct *p;
	uint64_t ran, pcount, run_delay;

	if (!c)
		return 0;
	if (c->pid == 0) /* idle until somebody unknown came: nothing says when */
		return 0;
	p = (struct task_struct *)c->task;
	if ((uint32_t)BPF_CORE_READ(p, pid) != c->pid)
		return 0;
	ran = BPF_CORE_READ(p, se.sum_exec_runtime) - c->exec;
	if (ran > now - c->since)
		return 0;
	run_delay = BPF_CORE_READ(p, sched_info.run_delay);
	pcount = BPF_CORE_READ(p, sched_info.pcount);
	hr_stint(c->since + ran, run_delay, true);
	leave(c->pid, pcount, run_delay, 0);
	return c->since + ran;
}

/*
 * prev is not the task of the cell: the first event of this CPU, or one was missed.  The stint
 * that ends is counted if it could be found all the same; returns its burst as hr_stint() does.
 */
__noinline uint64_t hr_resync(
	uint64_t now, uint64_t pid_sleeps, uint64_t pcount, uint64_t run_delay)
{
	uint32_t cpu = bpf_get_smp_processor_id(), pid = (uint32_t)(pid_sleeps >> 1);
	struct hr_cpu_cell *c = bpf_map_lookup_elem(&hr_cpu_cells, &cpu);
	uint64_t left;

	if (!c || c->since == 0)
		return 0;
	c->resync++;
	c->read = 0; /* whose they were nobody knows */
	left = hr_missed(now);
	if (!left) {
		put(c, later(c->since, c->horizon), now, UNKNOWN);
		return 0;
	}
	c->since = left;
	if (!pid)
		return 0;
	enter(c, pid, pcount - 1, run_delay); /* it has arrived since its last switch-out */
	return hr_stint(now, run_delay, pid_sleeps & 1);
}

/* A clock that has moved this much against the other was set, not slewed. */
#define CLOCK_STEP_NS 1000000000ULL

/*
 * Renews the offset of the two clocks and returns the time.  A runqueue's clock may be older than
 * the event, never younger, so the smallest offset seen is the right one; it may grow by 0.1 % of
 * the time since, twice what time synchronisation slews.
 */
static __noinline uint64_t calibrate(struct hr_cpu_cell *c, uint64_t clock)
{
	uint64_t mono = bpf_ktime_get_ns(), seen = mono - clock, grown = seen - c->offset, most;

	if (c->since == 0 || (int64_t)grown < 0 || grown > CLOCK_STEP_NS) {
		c->offset = seen;
	} else {
		most = (mono - c->since) >> 10;
		c->offset += grown < most ? grown : most;
	}
	return later(clock + c->offset, c->since);
}

/*
 * Time of this event.  Reading CLOCK_MONOTONIC costs as much as all the rest of the
 * program (90-130 ns under kvm-clock); the scheduler has just read its own, in which
 * run_delay and sum_exec_runtime are kept as well.  Both are compared once per slot.
 */
static __always_inline uint64_t time_of(
	const bool typed, struct hr_cpu_cell *c, struct task_struct *next)
{
	uint64_t clock, now;

	if (!typed || !hr_has_rq_clock())
		return later(bpf_ktime_get_ns(), c->since);
	clock = hr_rq_clock(next);
	now = clock + c->offset;
	if (UNLIKELY((now ^ c->since) >> HR_SLOT_SHIFT))
		return calibrate(c, clock);
	/* calibrated backwards, what follows at once may still lie before that event */
	return later(now, c->since);
}

/*
 * Whether prev sleeps.  Preempted with its state already set, a task stays on the queue: it does
 * not (pitfall 2).  The arguments are read here, where they are wanted.
 */
static __always_inline bool sleeps(
	const bool typed, const bool state_told, unsigned long long *ctx, struct task_struct *prev)
{
	if ((bool)ctx[0])
		return false;
	return (state_told ? (unsigned int)ctx[3] : hr_task_state(typed, prev)) != 0;
}

static __always_inline int on_switch(
	const bool typed, const bool state_told, unsigned long long *ctx)
{
	uint32_t cpu = bpf_get_smp_processor_id(), pid;
	struct task_struct *prev = (struct task_struct *)ctx[1];
	struct task_struct *next = (struct task_struct *)ctx[2];
	struct hr_cpu_cell *c = bpf_map_lookup_elem(&hr_cpu_cells, &cpu);
	uint64_t now, pcount, run_delay, burst = 0;

	if (!c)
		return 0;
	now = time_of(typed, c, next);
	*(volatile uint32_t *)&c->seq = c->seq + 1;
	pcount = HR_READ(typed, prev, sched_info.pcount);
	run_delay = HR_READ(typed, prev, sched_info.run_delay);
	pid = c->pid; /* not prev's: one line and one page of it less */
	if (UNLIKELY(c->task != (uint64_t)prev)) {
		pid = (uint32_t)HR_READ(typed, prev, pid);
		burst = hr_resync(now,
			(uint64_t)pid << 1 | (sleeps(typed, state_told, ctx, prev) ? 1 : 0), pcount,
			run_delay);
	} else if (pid) {
		bool s = sleeps(typed, state_told, ctx, prev);

		if (UNLIKELY(c->read))
			charge_reads(c, run_delay);
		if (UNLIKELY(!s || !quick(c, now, run_delay)))
			burst = stint(c, now, run_delay, s);
	}
	if (pid)
		leave(pid, pcount, run_delay, burst);
	pid = (uint32_t)HR_READ(typed, next, pid);
	c->pid = pid;
	c->task = (uint64_t)next;
	c->since = now;
	if (pid) {
		c->exec = HR_READ(typed, next, se.sum_exec_runtime);
		enter(c, pid, HR_READ(typed, next, sched_info.pcount),
			HR_READ(typed, next, sched_info.run_delay));
	}
	*(volatile uint32_t *)&c->seq = c->seq + 1;
	return 0;
}

/*
 * Two programs a rung, and user space loads the one that fits: a constant that says which
 * kernel this is would be read at every event, from one page more.
 * Arguments: bool preempt, prev, next, and prev's state from 5.18 on.
 */
SEC("tp_btf/sched_switch")
int on_switch_btf(unsigned long long *ctx)
{
	return on_switch(true, true, ctx);
}

SEC("raw_tp/sched_switch")
int on_switch_raw(unsigned long long *ctx)
{
	return on_switch(false, true, ctx);
}

SEC("tp_btf/sched_switch")
int on_switch3_btf(unsigned long long *ctx)
{
	return on_switch(true, false, ctx);
}

SEC("raw_tp/sched_switch")
int on_switch3_raw(unsigned long long *ctx)
{
	return on_switch(false, false, ctx);
}

/* --- reads from TCP and UNIX sockets ---------------------------------------- */

#include "bpf/reads.h" /* here, since it reads the cells above */

/* Two of this rung as well: hr_data_came(). */
SEC("tp_btf/tcp_rcv_space_adjust")
int on_read_btf(unsigned long long *ctx)
{
	return on_read(true, ctx);
}

SEC("tp_btf/tcp_rcv_space_adjust")
int on_read_probe_btf(unsigned long long *ctx)
{
	return on_read(false, ctx);
}

SEC("raw_tp/tcp_rcv_space_adjust")
int on_read_raw(unsigned long long *ctx)
{
	return on_read(false, ctx);
}

SEC("tp_btf/consume_skb")
int on_unix_btf(unsigned long long *ctx)
{
	return on_unix(true, (struct sk_buff *)ctx[0]);
}

SEC("raw_tp/consume_skb")
int on_unix_raw(unsigned long long *ctx)
{
	return on_unix(false, (struct sk_buff *)ctx[0]);
}
