/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Disk: one hook, block_rq_complete, and the request's own time stamps; no map
 * keyed by request (kernel-signals 4.1).  A request's residence, start to
 * completion, is spread over the slots it covers: the sum over slots is the mean
 * number of requests in flight.
 *
 * Completions come from hard and soft interrupts and from tasks, and may nest on a
 * CPU: atomic adds.  5.10 has no guard against a nested run; the only scratch is
 * the stack.
 */
#include "bpf/kernel.h"
#include "bpf/cell.h"
#include "bpf/compat.h"

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

/* Adds [a, b) of direction @dir, which reaches over a slot border, to the in-flight time. */
__noinline int hr_spread(uint32_t index, uint64_t a, uint64_t b, uint32_t dir)
{
	struct hr_disk_cell *c = bpf_map_lookup_elem(&hr_disk_cells, &index);
	struct hr_span s = hr_span(a, b);

	if (!c || s.n == 0)
		return 0;
	dir &= 1;
	INC(c->slot[s.first & HR_RING_MASK].inflight[dir], (s.head + 32) >> HR_INFLIGHT_SHIFT);
	for (uint32_t i = 1; i < HR_SPREAD_MAX - 1; i++) {
		if (i + 1 >= s.n)
			break;
		INC(c->slot[(s.first + i) & HR_RING_MASK].inflight[dir],
			(uint32_t)(HR_SLOT_NS >> HR_INFLIGHT_SHIFT));
	}
	if (s.n > 1)
		INC(c->slot[(s.first + s.n - 1) & HR_RING_MASK].inflight[dir],
			(s.tail + 32) >> HR_INFLIGHT_SHIFT);
	return 0;
}

static __always_inline void count(struct hr_cell_hist *h, uint64_t ns)
{
	uint32_t v = hr_us(ns);
	uint64_t b;

	if (v > h->max) /* two at once may lose the larger one: the reader bounds it by its bucket
			 */
		h->max = v;
	b = hr_bucket_index(v);
	if (b < HR_BUCKETS)
		INC(h->n[b], 1);
}

/* Device of the cells, or HR_DISKS_MAX. */
static __always_inline uint32_t which(uint32_t major, uint32_t minor)
{
	for (uint32_t i = 0; i < HR_DISKS_MAX; i++)
		if (hr_disk_ids[i].minor == minor && hr_disk_ids[i].major == major)
			return i;
	return HR_DISKS_MAX;
}

/* @start 1: a part of a request, whose bytes count and which is no request of its own. */
#define A_PART 1

static __always_inline void transfer(struct hr_disk_cell *c, uint32_t index, uint32_t flags,
	uint64_t bytes, uint64_t start, uint32_t dir)
{
	uint64_t now = bpf_ktime_get_ns(), ns = now - start;
	struct hr_disk_slot *s = &c->slot[(now >> HR_SLOT_SHIFT) & HR_RING_MASK];

	if (start == A_PART) {
		INC(s->sum[dir], bytes >> 9);
		return;
	}
	INC(s->sum[dir], 1ULL << HR_DISK_OPS_SHIFT | bytes >> 9);
	if (start == 0 || start > now) {
		INC(c->unstamped[dir], 1);
		return;
	}
	INC(c->res_ns[dir], ns);
	if (dir ? !(flags & hr_flags_sync) : flags & hr_flags_ahead)
		INC(c->lazy_ns, ns);
	count(&c->lat[dir], ns);
	if ((start ^ now) >> HR_SLOT_SHIFT == 0 && start >= hr_ctl.horizon)
		INC(s->inflight[dir], (uint32_t)(ns + 32) >> HR_INFLIGHT_SHIFT);
	else
		hr_spread(index, start > hr_ctl.horizon ? start : hr_ctl.horizon, now, dir);
}

static __always_inline int on_complete(
	const bool typed, struct request *rq, bool failed, uint32_t nr_bytes)
{
	uint32_t len = HR_READ(typed, rq, __data_len), disk, index;
	struct hr_disk_cell *c;
	struct gendisk *gd;
	uint32_t op, flags;
	bool part;

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
	part = nr_bytes < len; /* the event comes before the length shrinks */
	if (failed)
		INC(c->errors, 1);
	flags = HR_READ(typed, rq, cmd_flags);
	op = flags & ((1u << HR_OP_BITS) - 1);
	op = op < HR_OPS_N ? hr_op_class[op] : HR_OP_OTHER;
	if (op == HR_OP_DISCARD)
		INC(c->discards, !part);
	else if (op == HR_OP_FLUSH)
		INC(c->flushes, !part);
	else if (op != HR_OP_OTHER && len > 0) /* an empty write only carries a flush */
		transfer(c, index, flags, part ? nr_bytes : len,
			part ? A_PART : HR_READ(typed, rq, start_time_ns), op == HR_OP_WRITE);
	return 0;
}

/* @error: errno on 5.10, blk_status_t later; only "not 0" means the same on both. */
SEC("tp_btf/block_rq_complete")
int BPF_PROG(on_complete_btf, struct request *rq, int error, unsigned int nr_bytes)
{
	return on_complete(true, rq, error != 0, nr_bytes);
}

SEC("raw_tp/block_rq_complete")
int BPF_PROG(on_complete_raw, struct request *rq, int error, unsigned int nr_bytes)
{
	return on_complete(false, rq, error != 0, nr_bytes);
}
