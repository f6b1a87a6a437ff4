/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Disk: one hook, block_rq_complete, and the request's own time stamps; no map
 * keyed by request (kernel-signals 4.1).  A request's residence, start to
 * completion, is spread over the slots it covers: the sum over slots is the mean
 * number of requests in flight.
 *
 * Completions come from hard and soft interrupts and from tasks, and may nest on a
 * CPU.  5.10 has no guard against a nested run, and the only scratch is the stack:
 * atomic adds.  Where the kernel refuses a nested run plain ones do, and at a high rate the clock,
 * dearer than all the rest, is read for a sample of them (gate.h).
 */
#include "bpf/kernel.h"
#include "bpf/cell.h"
#include "bpf/compat.h"
#include "bpf/gate.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Set before load.  No constants: those lie on a page of their own, see cell.h. */
uint32_t hr_disks;             /* stride of hr_disk_cells */
uint8_t hr_op_class[HR_OPS_N]; /* enum hr_op of each operation of this kernel */

/*
 * Bits of cmd_flags, looked up by name.  A write with one of the first is one that its
 * submitter wants done (O_DIRECT, fsync, journal), whether it sleeps for it or, with libaio and
 * io_uring, does not; without, it is write-back.  A read with the second is a guess ahead.
 */
uint32_t hr_flags_sync, hr_flags_ahead;

struct hr_ctl hr_ctl;
struct hr_disk_id hr_disk_ids[HR_DISKS_MAX]; /* index = device of the cells */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* possible CPUs x disks, set before load */
	__type(key, uint32_t);
	__type(value, struct hr_disk_cell);
} hr_disk_cells SEC(".maps");

#define INC(x, by) __sync_fetch_and_add(&(x), by)

/*
 * Adds [a, b), which reaches over a slot border, to the in-flight time.  @how: its direction, and
 * above that bit how often it counts.
 */
__noinline int hr_spread(uint32_t index, uint64_t a, uint64_t b, uint32_t how)
{
	struct hr_disk_cell *c = bpf_map_lookup_elem(&hr_disk_cells, &index);
	struct hr_span s = hr_span(a, b);
	uint32_t dir = how & 1, weight = how >> 1;

	if (!c || s.n == 0)
		return 0;
	INC(c->slot[s.first & HR_RING_MASK].inflight[dir],
		((s.head + 32) >> HR_INFLIGHT_SHIFT) * weight);
	for (uint32_t i = 1; i < HR_SPREAD_MAX - 1; i++) {
		if (i + 1 >= s.n)
			break;
		INC(c->slot[(s.first + i) & HR_RING_MASK].inflight[dir],
			(uint32_t)(HR_SLOT_NS >> HR_INFLIGHT_SHIFT) * weight);
	}
	if (s.n > 1)
		INC(c->slot[(s.first + s.n - 1) & HR_RING_MASK].inflight[dir],
			((s.tail + 32) >> HR_INFLIGHT_SHIFT) * weight);
	return 0;
}

/*
 * @alone: no second run of this program can begin on this CPU (5.12 on for fentry, 6.1 on for
 * tracepoints).  Five atomic additions took 14 ns of 60, the clock apart.
 */
static __always_inline void add64(const bool alone, uint64_t *x, uint64_t by)
{
	if (alone)
		*x += by;
	else
		INC(*x, by);
}

static __always_inline void add32(const bool alone, uint32_t *x, uint32_t by)
{
	if (alone)
		*x += by;
	else
		INC(*x, by);
}

static __always_inline void count(
	const bool alone, struct hr_cell_hist *h, uint64_t ns, uint32_t weight)
{
	uint32_t v = hr_us(ns);
	uint64_t b;

	if (v > h->max) /* two at once may lose the larger one: the reader bounds it by its bucket
			 */
		h->max = v;
	b = hr_bucket_index(v);
	if (b < HR_BUCKETS)
		add32(alone, &h->n[b], weight);
	add64(alone, &h->sum, 1);
}

/* Device of the cells, or HR_DISKS_MAX. */
static __always_inline uint32_t which(uint32_t major, uint32_t minor)
{
	for (uint32_t i = 0; i < HR_DISKS_MAX; i++)
		if (hr_disk_ids[i].minor == minor && hr_disk_ids[i].major == major)
			return i;
	return HR_DISKS_MAX;
}

/* What is done with a request: bits of @how. */
#define WRITE 1 /* the index of its direction */
#define PART  2 /* of a request: its bytes count, and it is no request of its own */
#define LAZY  4 /* nobody asked for it */
#define TIMES 3 /* the bits above these: how often it counts in what is measured */

/* Adds a request that was measured. */
static __always_inline void measured(const bool alone, struct hr_disk_cell *c, uint32_t index,
	uint32_t how, uint64_t start, uint64_t now)
{
	uint64_t ns = now - start;
	uint32_t dir = how & WRITE, weight = how >> TIMES;

	if (start == 0 || start > now) /* no time stamp: counted, latency unknown */
		return;
	if (alone)
		hr_gate_mean(c, ns);
	count(alone, &c->lat[dir], ns, weight);
	if ((start ^ now) >> HR_SLOT_SHIFT == 0 && start >= hr_ctl.horizon)
		add32(alone, &c->slot[(now >> HR_SLOT_SHIFT) & HR_RING_MASK].inflight[dir],
			((uint32_t)(ns + 32) >> HR_INFLIGHT_SHIFT) * weight);
	else
		hr_spread(index, start > hr_ctl.horizon ? start : hr_ctl.horizon, now,
			dir | weight << 1);
	ns *= weight;
	add64(alone, &c->res_ns[dir], ns);
	if (how & LAZY)
		add64(alone, &c->lazy_ns, ns);
}

/* A transfer for which the clock is read. */
static __always_inline int read_clock(const bool alone, struct hr_disk_cell *c, uint32_t index,
	uint32_t how, uint32_t bytes, uint64_t start)
{
	uint64_t now = bpf_ktime_get_ns();
	struct hr_disk_slot *s = &c->slot[(now >> HR_SLOT_SHIFT) & HR_RING_MASK];
	uint32_t dir = how & WRITE, weight = 1;

	if (how & PART) {
		add64(alone, &s->sum[dir], bytes >> 9);
		return 0;
	}
	if (alone)
		weight = hr_gate_pass(c, dir, (uint32_t)bpf_jiffies64(), start, now);
	else
		INC(c->gate[dir], HR_GATE_ONE);
	add64(alone, &s->sum[dir], 1ULL << HR_DISK_OPS_SHIFT | bytes >> 9);
	measured(alone, c, index, how | weight << TIMES, start, now);
	return 0;
}

/* Apart, so that the others need few registers. */
static __noinline int read_clock_alone(
	struct hr_disk_cell *c, uint32_t index, uint32_t how, uint32_t bytes, uint64_t start)
{
	return read_clock(true, c, index, how, bytes, start);
}

static __noinline int read_clock_nested(
	struct hr_disk_cell *c, uint32_t index, uint32_t how, uint32_t bytes, uint64_t start)
{
	return read_clock(false, c, index, how, bytes, start);
}

static __always_inline int on_complete(
	const bool typed, const bool alone, struct request *rq, bool failed, uint32_t nr_bytes)
{
	uint32_t tick =
		alone ? (uint32_t)bpf_jiffies64() : 0; /* first: a call spares few registers */
	uint32_t len, disk, op, index, flags, how;
	uint64_t start;
	struct hr_disk_cell *c;
	struct gendisk *gd;

	gd = hr_request_disk(typed, rq);
	if (!gd) /* passthrough */
		return 0;
	disk = which(
		(uint32_t)HR_READ(typed, gd, major), (uint32_t)HR_READ(typed, gd, first_minor));
	if (disk >= HR_DISKS_MAX)
		return 0;
	index = bpf_get_smp_processor_id() * hr_disks + disk;
	c = bpf_map_lookup_elem(&hr_disk_cells, &index);
	if (!c)
		return 0;
	len = HR_READ(typed, rq, __data_len);
	how = nr_bytes < len ? PART : 0; /* the event comes before the length shrinks */
	flags = HR_READ(typed, rq, cmd_flags);
	op = flags & ((1u << HR_OP_BITS) - 1);
	op = op < HR_OPS_N ? hr_op_class[op] : HR_OP_OTHER;
	if (failed)
		add64(alone, &c->errors, 1);
	if (op == HR_OP_READ || op == HR_OP_WRITE) {
		if (len == 0) /* an empty write only carries a flush */
			return 0;
		how |= op == HR_OP_WRITE;
		start = HR_READ(typed, rq, start_time_ns);
		if (alone && !(how & PART) && hr_gate_skips(c, how & WRITE, tick, start)) {
			c->slot[c->last & HR_RING_MASK].sum[how & WRITE] +=
				1ULL << HR_DISK_OPS_SHIFT | len >> 9;
			return 0;
		}
		if (how & WRITE ? !(flags & hr_flags_sync) : flags & hr_flags_ahead)
			how |= LAZY;
		if (how & PART)
			len = nr_bytes;
		if (alone)
			read_clock_alone(c, index, how, len, start);
		else
			read_clock_nested(c, index, how, len, start);
	} else if (op == HR_OP_DISCARD) {
		add64(alone, &c->discards, !(how & PART));
	} else if (op == HR_OP_FLUSH) {
		add64(alone, &c->flushes, !(how & PART));
	}
	return 0;
}

/* @error: errno on 5.10, blk_status_t later; only "not 0" means the same on both. */
SEC("tp_btf/block_rq_complete")
int BPF_PROG(on_complete_btf, struct request *rq, int error, unsigned int nr_bytes)
{
	return on_complete(true, true, rq, error != 0, nr_bytes);
}

/* Where runs may nest; user space loads the one that fits (agent/bpf_attach.c). */
SEC("tp_btf/block_rq_complete")
int BPF_PROG(on_complete_nested_btf, struct request *rq, int error, unsigned int nr_bytes)
{
	return on_complete(true, false, rq, error != 0, nr_bytes);
}

SEC("raw_tp/block_rq_complete")
int BPF_PROG(on_complete_raw, struct request *rq, int error, unsigned int nr_bytes)
{
	return on_complete(false, false, rq, error != 0, nr_bytes);
}
