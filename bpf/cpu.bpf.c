/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * CPU: one hook, sched_switch.  On-CPU time, run-queue wait and wake-charged work
 * per time slot; wake-to-sleep bursts; no wakeup hook, no map keyed by task
 * (kernel-signals 3.1-3.4, answer-model 4.1).
 *
 * The event comes before the scheduler's own accounting.  So at switch-in a task's
 * run_delay lacks the wait that ends now, and at switch-out it has it: the wait of
 * a stint is known when the stint ends, and lies just before it.
 *
 * Runs with interrupts off and writes only its CPU's cell, so plain stores do.
 */
#include "bpf/kernel.h"
#include "bpf/cell.h"
#include "bpf/compat.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct hr_last hr_last[HR_LAST_N] __attribute__((aligned(64)));

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

/*
 * What an interval is counted as: a 64-bit and a 32-bit field of the slots, each with
 * a bit that says whether it is meant.  So a loop over slots has no branch in it, and
 * a verifier that has to walk all of its turns (5.10, 6.1) sees each turn once and not
 * once for every kind: 6.1 gave up at a million instructions.
 */
#define IN64(field) ((uint32_t) __builtin_offsetof(struct hr_cpu_slot, field) | 1 << 16)
#define IN32(field) (((uint32_t) __builtin_offsetof(struct hr_cpu_slot, field) - 16) << 8 | 1 << 17)
enum kind {
	ONCPU = IN32(oncpu_ns) | IN64(charge_ns), /* the burst never having waited, charged there */
	ONCPU_ONLY = IN32(oncpu_ns),
	WAIT = IN64(wait_ns),
	CHARGE = IN64(charge_ns),
	HOG = IN32(hog_ns),
	UNKNOWN = IN32(unknown_ns),
};
_Static_assert(__builtin_offsetof(struct hr_cpu_slot, charge_ns) == 8 &&
		       __builtin_offsetof(struct hr_cpu_slot, oncpu_ns) == 16 &&
		       __builtin_offsetof(struct hr_cpu_slot, unknown_ns) == 24,
	"two fields of 64 bits, then those of 32");

static __always_inline void add(struct hr_cpu_slot *s, uint32_t k, uint32_t ns)
{
	uint64_t *a = (uint64_t *)((char *)s + (k & 8));
	uint32_t *b = (uint32_t *)((char *)s + 16 + (k >> 8 & 12));

	*a += -(uint64_t)(k >> 16 & 1) & ns;
	*b += -(k >> 17 & 1) & ns;
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
		add(&c->slot[(a >> HR_SLOT_SHIFT) & HR_RING_MASK], k, (uint32_t)(b - a));
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

/* The same for less than a slot. */
static __always_inline void count_short(struct hr_cell_hist *h, uint64_t ns)
{
	if (LIKELY(ns < HR_SMALL * 1000))
		h->n[(ns * 274877907) >> 38]++;
	else
		count_us(h, hr_us(ns));
}

/*
 * The table of tasks off CPU.
 */
#define RD_BITS   36
#define RD_MASK   ((1ULL << RD_BITS) - 1)
#define PART_BITS 26
#define PART_MASK ((1ULL << PART_BITS) - 1)
#define PART_UNIT 10 /* 2^10 ns */

static __always_inline uint64_t part(uint64_t ns)
{
	ns >>= PART_UNIT;
	return ns > PART_MASK ? PART_MASK : ns;
}

static __always_inline uint64_t key(uint32_t pid, uint64_t pcount, uint64_t run_delay)
{
	return ((uint64_t)(pid >> 10) << 52) | ((pcount & 0xffff) << RD_BITS) |
	       (run_delay & RD_MASK);
}

static __always_inline void leave(uint32_t pid, uint64_t pcount, uint64_t run_delay, uint64_t burst)
{
	struct hr_last *e = &hr_last[pid & (HR_LAST_N - 1)];

	e->at = key(pid, pcount, run_delay);
	e->burst = ((uint64_t)(pid >> 10) << 52) | burst;
}

/* Task @pid runs from now on: where did its wait, and its burst, begin? */
static __always_inline void enter(
	struct hr_cpu_cell *c, uint32_t pid, uint64_t pcount, uint64_t run_delay)
{
	struct hr_last *e = &hr_last[pid & (HR_LAST_N - 1)];
	uint64_t at = e->at, burst = e->burst;
	uint64_t d = (run_delay - at) & RD_MASK;

	c->burst_wait = 0;
	c->burst_cpu = 0;
	if (LIKELY(((at ^ key(pid, pcount, 0)) >> RD_BITS) == 0 && burst >> 52 == pid >> 10 &&
		    d >> (RD_BITS - 1) == 0)) {
		c->run_delay = run_delay - d;
		c->burst_wait = ((burst >> PART_BITS) & PART_MASK) << PART_UNIT;
		c->burst_cpu = (burst & PART_MASK) << PART_UNIT;
	} else if ((pcount & 0xffffffff) ==
		   0) { /* first time on a CPU: it waited since its birth */
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

	c->voluntary++;
	if (wait > HR_LATE_NS && wait > cpu)
		c->bursts_late++;
	count(&c->burst_cpu_us, cpu);
	count(&c->burst_wait_us, wait);
	c->slot[(wake >> HR_SLOT_SHIFT) & HR_RING_MASK].wakes++;
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
				(c->burst_wait || c->burst_cpu ? HR_STINT_CONTINUES : 0));
	wait = c->burst_wait + w;
	cpu = c->burst_cpu + (now - since);
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
 * horizon: all of it goes into one slot.  Nine of ten at a rate of switches where it matters.
 */
static __always_inline uint64_t stint(
	struct hr_cpu_cell *c, uint64_t now, uint64_t run_delay, bool sleeps)
{
	uint64_t ran = now - c->since, w = run_delay - c->run_delay;
	uint64_t wait = c->burst_wait + w, cpu = c->burst_cpu + ran, wake = now - wait - cpu;
	struct hr_cpu_slot *s;

	if (UNLIKELY(w >> HR_SLOT_SHIFT || wake < c->plain_from || (wake ^ now) >> HR_SLOT_SHIFT))
		return hr_stint(now, run_delay, sleeps);
	s = &c->slot[(now >> HR_SLOT_SHIFT) & HR_RING_MASK];
	s->wait_ns += w;
	s->charge_ns += ran;
	s->oncpu_ns += (uint32_t)ran;
	count_short(&c->wait, w);
	if (!sleeps)
		return part(wait) << PART_BITS | part(cpu);
	c->voluntary++;
	s->wakes++;
	count_short(&c->burst_cpu_us, cpu);
	count_short(&c->burst_wait_us, wait);
	return 0;
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
 * prev is not the task of the cell: the first event of this CPU, or one was missed.
 * 1 when the stint that ends could be found all the same.
 */
__noinline int hr_resync(uint64_t now, uint32_t pid, uint64_t pcount, uint64_t run_delay)
{
	uint32_t cpu = bpf_get_smp_processor_id();
	struct hr_cpu_cell *c = bpf_map_lookup_elem(&hr_cpu_cells, &cpu);
	uint64_t left;

	if (!c || c->since == 0)
		return 0;
	c->resync++;
	left = hr_missed(now);
	if (!left) {
		put(c, later(c->since, c->horizon), now, UNKNOWN);
		return 0;
	}
	c->since = left;
	if (pid)
		enter(c, pid, pcount - 1, run_delay); /* it has arrived since its last switch-out */
	return 1;
}

/* A clock that has moved this much against the other was set, not slewed. */
#define CLOCK_STEP_NS 1000000000ULL

/*
 * Renews the offset of the two clocks.  A runqueue's clock may be older than the event,
 * never younger, so the smallest offset seen is the right one; it may grow by 0.1 % of
 * the time since, twice what time synchronisation slews.
 */
static __always_inline void calibrate(struct hr_cpu_cell *c, uint64_t clock)
{
	uint64_t mono = bpf_ktime_get_ns(), seen = mono - clock, grown = seen - c->offset, most;

	if (c->since == 0 || (int64_t)grown < 0 || grown > CLOCK_STEP_NS) {
		c->offset = seen;
		return;
	}
	most = (mono - c->since) >> 10;
	c->offset += grown < most ? grown : most;
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
		return bpf_ktime_get_ns();
	clock = hr_rq_clock(next);
	now = clock + c->offset;
	if (UNLIKELY(now >> HR_SLOT_SHIFT != c->since >> HR_SLOT_SHIFT)) {
		calibrate(c, clock);
		now = clock + c->offset;
	}
	return later(now, c->since);
}

static __always_inline int on_switch(
	const bool typed, struct task_struct *prev, struct task_struct *next, bool sleeps)
{
	uint32_t cpu = bpf_get_smp_processor_id(), pid;
	struct hr_cpu_cell *c = bpf_map_lookup_elem(&hr_cpu_cells, &cpu);
	uint64_t now, pcount, run_delay;
	bool known = true;

	if (!c)
		return 0;
	now = time_of(typed, c, next);
	*(volatile uint32_t *)&c->seq = c->seq + 1;
	c->switches++;
	pid = (uint32_t)HR_READ(typed, prev, pid);
	pcount = HR_READ(typed, prev, sched_info.pcount);
	run_delay = HR_READ(typed, prev, sched_info.run_delay);
	if (UNLIKELY(c->task != (uint64_t)prev))
		known = hr_resync(now, pid, pcount, run_delay);
	if (pid)
		leave(pid, pcount, run_delay, LIKELY(known) ? stint(c, now, run_delay, sleeps) : 0);
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
 * Preempted with its state already set, a task stays on the queue: not asleep (pitfall 2).
 * Two programs a rung, and user space loads the one that fits: a constant that says which
 * kernel this is would be read at every event, from one page more.
 */
SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch_btf, bool preempt, struct task_struct *prev, struct task_struct *next,
	unsigned int state)
{
	return on_switch(true, prev, next, !preempt && state != 0);
}

SEC("raw_tp/sched_switch")
int BPF_PROG(on_switch_raw, bool preempt, struct task_struct *prev, struct task_struct *next,
	unsigned int state)
{
	return on_switch(false, prev, next, !preempt && state != 0);
}

/* Three arguments: up to 5.17. */
SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch3_btf, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	return on_switch(true, prev, next, !preempt && hr_task_state(true, prev) != 0);
}

SEC("raw_tp/sched_switch")
int BPF_PROG(on_switch3_raw, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	return on_switch(false, prev, next, !preempt && hr_task_state(false, prev) != 0);
}
