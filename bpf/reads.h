/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a thread reads from TCP and from UNIX sockets, and whether the former waited for the
 * thread's work: part of cpu.bpf.c, whose cells it reads.
 */
#pragma once

/*
 * Age of the burst of the cell's task.  In its first stint: since it got the CPU; what came
 * while it slept and waited for that is the run queue's matter.  In a later one the waits in its
 * midst count, and with them, since they are not told apart any more, the first: who is preempted
 * between waking and reading has that wait counted by both.
 */
static __always_inline uint64_t burst_age(const struct hr_cpu_cell *c)
{
	struct task_struct *p = (struct task_struct *)c->task;
	uint64_t ran = bpf_ktime_get_ns() - c->since, w;

	if ((int64_t)ran < 0) /* the runqueue's clock is ahead by what is left of its calibration */
		ran = 0;
	if (!c->burst)
		return ran;
	w = BPF_CORE_READ(p, sched_info.run_delay) - c->run_delay;
	if ((int64_t)w < 0)
		w = 0;
	return ran + w + HR_BURST_WAIT(c->burst) + HR_BURST_CPU(c->burst);
}

/*
 * Whether what the cell's thread reads now and came @ticks ago waited for its work, all that time.
 * Ticks are coarse: one of slack.
 */
static __noinline uint32_t waited_for_work(const struct hr_cpu_cell *c, uint32_t ticks)
{
	uint64_t waited = (uint64_t)ticks * hr_tick_ns;

	if (waited <= HR_LATE_NS || waited > HR_READ_MOST_NS)
		return 0;
	if ((uint32_t)bpf_get_current_pid_tgid() != c->pid) /* its switch-in was missed */
		return 0;
	return waited <= burst_age(c) + hr_tick_ns;
}

/* Time since @e was written last, ns. */
static __always_inline uint64_t silent_for(const struct hr_reader *e, uint32_t tick)
{
	return (uint64_t)(uint16_t)(tick - e->at) * hr_tick_ns;
}

/* False: the place of @tid is another's who still reads. */
static __noinline uint32_t take_place(uint32_t tid, uint32_t tick)
{
	struct hr_reader *e = &hr_readers[tid & (HR_READERS_N - 1)];

	if (silent_for(e, tick) < HR_READER_KEEP_NS)
		return 0;
	e->sock = 0;
	e->n = 0;
	e->late = 0;
	*(volatile uint32_t *)&e->tid = tid; /* last: who sees it sees the other two */
	return 1;
}

/* Counts one in the stint of the CPU's thread and returns the thread's place; NULL: it has none. */
static __always_inline struct hr_reader *count_read(struct hr_cpu_cell *c, uint32_t tick)
{
	uint32_t tid = c->pid;
	struct hr_reader *e = &hr_readers[tid & (HR_READERS_N - 1)];

	c->read += HR_SLOT_READ;
	if (UNLIKELY(e->tid != tid) && !take_place(tid, tick))
		return NULL;
	return e;
}

/*
 * The current thread copies a piece of what TCP received: once for each segment, or for each read
 * of a part of one.  The socket has the time of the last segment that came, so a piece behind
 * which more came looks younger than it is.  What came no later than this thread's last read of
 * the same socket is the rest of what it is at work on, and waits for nobody.  Both make late ones
 * too few.  Whose thread it is says the cell, in half the time of the helper.
 */
static __always_inline int on_read(const bool cast, unsigned long long *ctx)
{
	uint32_t cpu = bpf_get_smp_processor_id(), tick = (uint32_t)bpf_jiffies64(), waited;
	uint32_t came, at = (uint32_t)ctx[0];
	uint16_t last, sock;
	struct hr_cpu_cell *c = bpf_map_lookup_elem(&hr_cpu_cells, &cpu);
	struct hr_reader *e;
	bool again;

	/*
	 * Idle: an interrupt reads for somebody (kTLS, sockmap); what it reads while a thread runs
	 * counts as that one's.
	 */
	if (!c || UNLIKELY(!c->pid))
		return 0;
	asm volatile(
		""
		: "+r"(at)); /* half a pointer is a number to the verifier, a shifted one not */
	sock = HR_READER_SOCK(at);
	e = count_read(c, tick);
	if (UNLIKELY(!e))
		return 0;
	came = hr_data_came(cast, (void *)ctx[0]);
	waited = tick - came;
	last = e->at;
	again = e->sock == sock;
	e->at = (uint16_t)tick;
	e->sock = sock;
	e->n++;
	/* two ticks are 10 ms at 100 a second, and nothing needs to be read to know it */
	if (UNLIKELY(waited > 1) && !(again && (int16_t)(came - last) <= 0) &&
		waited_for_work(c, waited))
		e->late++;
	return 0;
}

#define AF_UNIX 1

/*
 * Somebody is done with @skb.  When the socket that sent it is a UNIX one, that is the current
 * thread, which has read all of it; a connection, which it has accepted, is empty.  What a reader
 * did not take is not consumed but freed.  Most events are none of that: packets a NIC has sent,
 * which have a socket of TCP or none any more.
 *
 * Who reads from TCP as well is told by that alone: of it some may be late, and its time tells the
 * rest of a message from what came later.
 */
static __always_inline int on_unix(const bool typed, struct sk_buff *skb)
{
	struct sock *sk = HR_READ(typed, skb, sk);
	uint32_t cpu, tick;
	struct hr_cpu_cell *c;
	struct hr_reader *e;

	if (!sk || HR_READ(typed, sk, __sk_common.skc_family) != AF_UNIX)
		return 0;
	if (HR_READ(typed, skb, len) == 0)
		return 0;
	cpu = bpf_get_smp_processor_id();
	c = bpf_map_lookup_elem(&hr_cpu_cells, &cpu);
	if (!c || UNLIKELY(!c->pid))
		return 0;
	tick = (uint32_t)bpf_jiffies64();
	e = count_read(c, tick);
	if (UNLIKELY(!e) || (e->sock && silent_for(e, tick) < HR_READER_KEEP_NS / 2))
		return 0;
	e->at = (uint16_t)tick;
	e->sock = 0;
	e->n++;
	return 0;
}
