/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cells -> take.  Everything mapped changes under our eyes: counters are read
 * once each with relaxed atomic loads and only grow; slots before the published
 * horizon are frozen; the running stint is read under its sequence number.
 *
 * The copy holds sums over CPUs, not every CPU's numbers: 16 KiB instead of the
 * size of the maps.  Parts of a word wrap, so at most 64 CPUs share a sum (64 x 8.39
 * ms = 0.5e9 < 2^32 ns; 64 x 1023 wakes < 2^16).
 */
#include <assert.h>
#include <string.h>

#include "agent/core/cells.h"

#define GROUP 64

#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)

/* A histogram as of the last take, summed over CPUs. */
struct prev_hist {
	uint64_t sum;
	uint32_t max;
	uint32_t n[HR_BUCKETS];
};

struct prev_cpu {
	uint32_t switches; /* modulo 2^31 */
	uint64_t resync, bad, late_ns, bursts_late, broken;
	struct prev_hist wait, burst_cpu, burst_wait;
};

struct prev_disk {
	uint64_t res_ns[2], lazy_ns, errors, discards, flushes;
	uint32_t n[2];
	struct prev_hist lat[2];
};

struct prev_mem {
	uint64_t reclaims, reclaim_ns;
	struct prev_hist reclaim;
};

struct hr_cells {
	uint32_t cpus, groups, disks, nics;
	uint32_t live; /* CPUs up to the last that is online or has switched: the others wrote
			  nothing */
	bool based;    /* a first take has been */
	bool lapped;
	uint32_t touched;          /* bit per device number that a take has written to */
	uint64_t horizon, planned; /* ns, multiples of a slot */
	struct prev_cpu cpu;
	struct prev_mem mem;
	struct prev_disk disk[HR_DISKS_MAX];
	/* behind this struct: [groups][HR_RING_SLOTS], devices outermost */
	struct hr_cpu_slot *cpu_slot;
	struct hr_disk_slot *disk_slot;
	struct hr_nic_slot *nic_slot;
};

static size_t groups_of(uint32_t cpus)
{
	return (cpus + GROUP - 1) / GROUP;
}

size_t hr_cells_size(uint32_t cpus, uint32_t disks, uint32_t nics)
{
	size_t per_group = sizeof(struct hr_cpu_slot) + disks * sizeof(struct hr_disk_slot) +
			   nics * sizeof(struct hr_nic_slot);

	return sizeof(struct hr_cells) + groups_of(cpus) * HR_RING_SLOTS * per_group;
}

void hr_cells_init(struct hr_cells *c, uint32_t cpus, uint32_t disks, uint32_t nics)
{
	size_t ring = groups_of(cpus) * HR_RING_SLOTS;

	assert(disks <= HR_DISKS_MAX && nics <= HR_NICS_MAX);
	c->cpus = cpus;
	c->groups = (uint32_t)groups_of(cpus);
	c->disks = disks;
	c->nics = nics;
	c->cpu_slot = (struct hr_cpu_slot *)(c + 1);
	c->disk_slot = (struct hr_disk_slot *)(c->cpu_slot + ring);
	c->nic_slot = (struct hr_nic_slot *)(c->disk_slot + ring * disks);
}

uint64_t hr_cells_plan(struct hr_cells *c, uint64_t now_ns)
{
	uint64_t now = now_ns >> HR_SLOT_SHIFT, old = c->horizon >> HR_SLOT_SHIFT;

	c->lapped = c->based && now > old + HR_TAKE_LAG + HR_TAKE_MAX;
	if (!c->based || c->lapped)
		c->planned = (now + 1) << HR_SLOT_SHIFT;
	else if (now > old + HR_TAKE_LAG)
		c->planned = (now - HR_TAKE_LAG) << HR_SLOT_SHIFT;
	else
		c->planned = c->horizon;
	return c->planned;
}

/* Growth of a 64-bit counter; the copy moves on. */
static uint64_t grown(uint64_t now, uint64_t *prev)
{
	uint64_t d = now - *prev;

	*prev = now;
	return d;
}

static uint32_t grown32(uint32_t now, uint32_t *prev)
{
	uint32_t d = now - *prev;

	*prev = now;
	return d;
}

/* --- histograms ------------------------------------------------------------ */

/* Adds one CPU's histogram to @sum. */
static void gather(const struct hr_cell_hist *h, struct prev_hist *sum)
{
	uint32_t max = LOAD(h->max);

	for (uint32_t i = 0; i < HR_BUCKETS; i++)
		sum->n[i] += LOAD(h->n[i]);
	sum->sum += LOAD(h->sum);
	if (max > sum->max)
		sum->max = max;
}

/* Bursts of one stint and a few us: each is in all three. */
static void gather_quick(const struct hr_cpu_cell *c, struct prev_cpu *sum)
{
	for (uint32_t i = 0; i < HR_SMALL * HR_SMALL; i++) {
		uint32_t n = LOAD(c->quick[i]);

		sum->wait.n[i / HR_SMALL] += n;
		sum->burst_wait.n[i / HR_SMALL] += n;
		sum->burst_cpu.n[i % HR_SMALL] += n;
	}
}

/*
 * Growth of the buckets, and what it says of the maximum and of the sums of values from HR_SMALL on
 * (@ret_lo to @ret_hi; smaller ones, which are exact, go into ret->sum).  The maximum of @now is of
 * all time: it is held within what the buckets allow.
 */
static void deliver_buckets(const struct prev_hist *now, struct prev_hist *prev,
	struct hr_hist *ret, uint64_t *ret_lo, uint64_t *ret_hi)
{
	uint64_t lo = 0, hi = 0;
	uint32_t top = 0;

	ret->total = 0;
	ret->sum = 0;
	for (uint32_t i = 0; i < HR_BUCKETS; i++) {
		ret->n[i] = grown32(now->n[i], &prev->n[i]);
		if (ret->n[i] == 0)
			continue;
		ret->total += ret->n[i];
		top = i;
		if (i < HR_SMALL) {
			ret->sum += (uint64_t)ret->n[i] * i;
			continue;
		}
		lo += (uint64_t)ret->n[i] * hr_bucket_lo(i);
		hi += (uint64_t)ret->n[i] * hr_bucket_hi(i);
	}
	ret->max = top;
	if (top >= HR_SMALL) {
		ret->max = now->max;
		if (ret->max > hr_bucket_hi(top))
			ret->max = hr_bucket_hi(top);
		if (ret->max < hr_bucket_lo(top))
			ret->max = hr_bucket_lo(top);
		lo += ret->max - hr_bucket_lo(top); /* one sample is the maximum */
		hi -= (uint64_t)ret->n[top] * (hr_bucket_hi(top) - ret->max);
	}
	*ret_lo = lo;
	*ret_hi = hi;
}

static uint64_t within(uint64_t v, uint64_t lo, uint64_t hi)
{
	return (int64_t)v < (int64_t)lo ? lo : v > hi ? hi : v;
}

/*
 * Buckets and sum were read while events came in: the sum is held within what the buckets allow, so
 * that a histogram never contradicts itself; what is cut off is delivered with the next take.
 */
static void deliver(const struct prev_hist *now, struct prev_hist *prev, struct hr_hist *ret)
{
	uint64_t lo, hi, sum;

	deliver_buckets(now, prev, ret, &lo, &hi);
	sum = within(now->sum - prev->sum, lo, hi);
	ret->sum += sum;
	prev->sum += sum;
}

/* The same of values whose total is @ns; each bucket counts whole us. */
static void deliver_ns(
	const struct prev_hist *now, struct prev_hist *prev, uint64_t ns, struct hr_hist *ret)
{
	uint64_t lo, hi;

	deliver_buckets(now, prev, ret, &lo, &hi);
	ret->sum = within(ns / 1000, lo + ret->sum, hi + ret->sum);
}

/*
 * CPUs to look at.  Of 256 possible ones a VM may have two: reading all takes half a millisecond.
 * One that is online may serve a device's interrupts long before it switches.
 */
static void find_live(struct hr_cells *c, const struct hr_cells_view *v)
{
	uint32_t n = c->cpus, least = v->online > c->live ? v->online : c->live;

	while (v->cpu && !v->unwatched && n > least && LOAD(v->cpu[n - 1].seq) == 0)
		n--;
	c->live = n;
}

/* --- CPU ------------------------------------------------------------------- */

/* Growth of ring index @i over all CPUs is added to @out (NULL: only the copy moves). */
static void take_cpu_slot(
	struct hr_cells *c, const struct hr_cpu_cell *cell, uint32_t i, struct hr_slot_cpu *out)
{
	for (uint32_t g = 0; g < c->groups; g++) {
		struct hr_cpu_slot *prev = &c->cpu_slot[g * HR_RING_SLOTS + i];
		struct hr_cpu_slot s = {0};
		uint32_t end = (g + 1) * GROUP < c->live ? (g + 1) * GROUP : c->live;

		for (uint32_t cpu = g * GROUP; cpu < end; cpu++) {
			const struct hr_cpu_slot *x = &cell[cpu].slot[i];

			s.wait_ns += LOAD(x->wait_ns);
			s.moved_ns += LOAD(x->moved_ns);
			s.oncpu_wakes += LOAD(x->oncpu_wakes);
			s.hog_unknown += LOAD(x->hog_unknown);
		}
		if (out) {
			uint64_t work = s.oncpu_wakes - prev->oncpu_wakes;
			uint64_t other = s.hog_unknown - prev->hog_unknown;

			out->wait_ns += s.wait_ns - prev->wait_ns;
			out->charge_ns += s.moved_ns - prev->moved_ns + (uint32_t)work;
			out->oncpu_ns += (uint32_t)work;
			out->wakes += (uint16_t)(work / HR_SLOT_WAKE);
			out->reads += (uint32_t)(work / HR_SLOT_READ);
			out->hog_ns += (uint32_t)other;
			out->unknown_ns += other >> HR_SLOT_UNKNOWN_SHIFT;
		}
		*prev = s;
	}
}

bool hr_cells_open(const struct hr_cpu_cell *c, struct hr_open *ret)
{
	uint64_t burst;

	/* a switch takes ~0.1 us: only a vCPU stopped in mid-program can fail a hundred times */
	for (int tries = 0; tries < 100; tries++) {
		uint32_t seq = __atomic_load_n(&c->seq, __ATOMIC_ACQUIRE);

		ret->pid = LOAD(c->pid);
		ret->since = LOAD(c->since);
		burst = LOAD(c->burst);
		ret->exec = LOAD(c->exec);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (seq & 1 || seq != LOAD(c->seq))
			continue;
		ret->burst_wait = HR_BURST_WAIT(burst);
		ret->burst_cpu = HR_BURST_CPU(burst);
		return true;
	}
	return false;
}

enum open_kind {
	OPEN_ONCPU,
	OPEN_CHARGE,
	OPEN_HOG,
};

static void add_part(struct hr_slot_cpu *s, enum open_kind k, uint64_t ns)
{
	if (k == OPEN_ONCPU)
		s->oncpu_ns += ns;
	else if (k == OPEN_CHARGE)
		s->charge_ns += ns;
	else
		s->hog_ns += ns;
}

/* Spreads [a, b), inside the slots of the take, over them. */
static void spread_open(struct hr_take *t, uint64_t a, uint64_t b, enum open_kind k)
{
	struct hr_span s = hr_span(a, b);
	struct hr_slot_cpu *slot;

	if (s.n == 0)
		return;
	slot = &t->cpu_slot[s.first - t->first_slot];
	add_part(slot, k, s.head);
	for (uint32_t i = 1; i + 1 < s.n; i++)
		add_part(slot + i, k, HR_SLOT_NS);
	if (s.n > 1)
		add_part(slot + s.n - 1, k, s.tail);
}

/*
 * A CPU hog does not switch, so its program does not run: what it did up to the
 * horizon is added here, by the program's own rules, and the program will clip it.
 */
static void add_open(struct hr_take *t, const struct hr_open *o, uint64_t from, uint64_t to)
{
	uint64_t at = o->since > from ? o->since : from, age, cut = to, shift;

	if (o->pid == 0 || o->since == 0 || at >= to)
		return;
	spread_open(t, at, to, OPEN_ONCPU);
	age = o->burst_wait + o->burst_cpu + (at - o->since);
	if (age >= HR_HOG_NS)
		cut = at;
	else if (to - at > HR_HOG_NS - age)
		cut = at + (HR_HOG_NS - age);
	shift = o->burst_wait < at - from ? o->burst_wait : at - from;
	spread_open(t, at - shift, cut - shift, OPEN_CHARGE);
	spread_open(t, cut, to, OPEN_HOG);
}

static void take_cpu_counters(
	struct prev_cpu *p, const struct hr_cpu_cell *cell, uint32_t cpus, struct hr_take_cpu *ret)
{
	struct prev_cpu now;

	memset(&now, 0, sizeof(now));
	for (uint32_t i = 0; i < cpus; i++) {
		now.switches += LOAD(cell[i].seq) / 2;
		now.resync += LOAD(cell[i].resync);
		now.bad += LOAD(cell[i].bad);
		now.late_ns += LOAD(cell[i].late_ns);
		now.bursts_late += LOAD(cell[i].bursts_late);
		now.broken += LOAD(cell[i].broken);
		gather(&cell[i].wait, &now.wait);
		gather(&cell[i].burst_cpu_us, &now.burst_cpu);
		gather(&cell[i].burst_wait_us, &now.burst_wait);
		gather_quick(&cell[i], &now);
	}
	ret->switches = grown32(now.switches, &p->switches) & INT32_MAX;
	ret->resync = grown(now.resync, &p->resync);
	ret->bad = grown(now.bad, &p->bad);
	ret->late_ns = grown(now.late_ns, &p->late_ns);
	ret->bursts_late = grown(now.bursts_late, &p->bursts_late);
	ret->broken = grown(now.broken, &p->broken);
	deliver(&now.wait, &p->wait, &ret->wait);
	deliver(&now.burst_cpu, &p->burst_cpu, &ret->burst_cpu);
	ret->bursts = ret->burst_cpu.total;
	ret->voluntary = ret->bursts;
	deliver(&now.burst_wait, &p->burst_wait, &ret->burst_wait);
}

static void take_cpu(struct hr_cells *c, const struct hr_cells_view *v, struct hr_take *t)
{
	struct hr_open o;

	take_cpu_counters(&c->cpu, v->cpu, c->live, &t->cpu);
	/* before the slots: once a sequence is even, nobody uses the old horizon any more */
	for (uint32_t cpu = 0; cpu < c->live; cpu++) {
		const struct hr_open_end *end = v->open_end ? &v->open_end[cpu] : NULL;
		uint64_t to = c->planned;

		if (!hr_cells_open(&v->cpu[cpu], &o))
			continue;
		if (end && end->since == o.since && end->until < to)
			to = end->until;
		add_open(t, &o, c->horizon, to);
	}
	for (uint32_t i = 0; i < t->n_slots; i++)
		take_cpu_slot(
			c, v->cpu, (uint32_t)(t->first_slot + i) & HR_RING_MASK, &t->cpu_slot[i]);
}

/* --- devices ---------------------------------------------------------------- */

static void take_disk_slot(struct hr_cells *c, const struct hr_cells_view *v, uint32_t disk,
	uint32_t i, struct hr_slot_dev *out)
{
	for (uint32_t g = 0; g < c->groups; g++) {
		struct hr_disk_slot *prev =
			&c->disk_slot[(disk * c->groups + g) * HR_RING_SLOTS + i];
		struct hr_disk_slot s = {0};
		uint32_t end = (g + 1) * GROUP < c->live ? (g + 1) * GROUP : c->live;

		for (uint32_t cpu = g * GROUP; cpu < end; cpu++) {
			const struct hr_disk_slot *x = &v->disk[cpu * c->disks + disk].slot[i];

			for (int d = 0; d < 2; d++) {
				s.inflight[d] += LOAD(x->inflight[d]);
				s.sum[d] += LOAD(x->sum[d]);
			}
		}
		for (int d = 0; out && d < 2; d++) {
			uint64_t grew = s.sum[d] - prev->sum[d];

			out->inflight_ns[d] += (uint64_t)(s.inflight[d] - prev->inflight[d])
					       << HR_INFLIGHT_SHIFT;
			out->ops[d] += (uint32_t)(grew >> HR_DISK_OPS_SHIFT);
			out->bytes[d] += (uint64_t)(uint32_t)grew * 512;
		}
		*prev = s;
	}
}

static void take_nic_slot(struct hr_cells *c, const struct hr_cells_view *v, uint32_t nic,
	uint32_t i, struct hr_slot_dev *out)
{
	for (uint32_t g = 0; g < c->groups; g++) {
		struct hr_nic_slot *prev = &c->nic_slot[(nic * c->groups + g) * HR_RING_SLOTS + i];
		struct hr_nic_slot s = {0};
		uint32_t end = (g + 1) * GROUP < c->live ? (g + 1) * GROUP : c->live;

		for (uint32_t cpu = g * GROUP; cpu < end; cpu++) {
			const struct hr_nic_slot *x = &v->nic[cpu * c->nics + nic].slot[i];

			for (int d = 0; d < 2; d++)
				s.sum[d] += LOAD(x->sum[d]);
		}
		for (int d = 0; out && d < 2; d++) {
			uint64_t grew = s.sum[d] - prev->sum[d];

			out->bytes[d] += (uint32_t)grew;
			out->ops[d] += (uint32_t)(grew >> HR_NIC_PACKETS_SHIFT);
		}
		*prev = s;
	}
}

static void take_disk_counters(
	struct hr_cells *c, const struct hr_cells_view *v, uint32_t disk, struct hr_take_disk *ret)
{
	struct prev_disk now, *p = &c->disk[disk];
	uint64_t res[2], lazy;

	memset(&now, 0, sizeof(now));
	for (uint32_t cpu = 0; cpu < c->live; cpu++) {
		const struct hr_disk_cell *x = &v->disk[cpu * c->disks + disk];

		now.errors += LOAD(x->errors);
		now.discards += LOAD(x->discards);
		now.flushes += LOAD(x->flushes);
		now.lazy_ns += LOAD(x->lazy_ns);
		for (int d = 0; d < 2; d++) {
			now.n[d] += (uint32_t)(LOAD(x->gate[d]) / HR_GATE_ONE);
			gather(&x->lat[d], &now.lat[d]);
			now.res_ns[d] += LOAD(x->res_ns[d]);
		}
	}
	ret->errors = grown(now.errors, &p->errors);
	ret->discards = grown(now.discards, &p->discards);
	ret->flushes = grown(now.flushes, &p->flushes);
	lazy = grown(now.lazy_ns, &p->lazy_ns);
	for (int d = 0; d < 2; d++) {
		res[d] = grown(now.res_ns[d], &p->res_ns[d]);
		deliver_ns(&now.lat[d], &p->lat[d], res[d], &ret->lat[d]);
		ret->n[d] = grown32(now.n[d], &p->n[d]);
		ret->measured[d] = grown(now.lat[d].sum, &p->lat[d].sum);
	}
	ret->sync_ns = res[0] + res[1] > lazy ? res[0] + res[1] - lazy : 0; /* read one by one */
}

static void take_disks(struct hr_cells *c, const struct hr_cells_view *v, struct hr_take *t)
{
	for (uint32_t k = 0; k < c->disks; k++) {
		uint8_t dev = v->disk_dev[k];

		if (dev >= HR_DEVS_MAX)
			continue;
		c->touched |= 1u << dev;
		take_disk_counters(c, v, k, &t->disk[dev]);
		for (uint32_t i = 0; i < t->n_slots; i++) {
			struct hr_slot_dev *s = &t->dev_slot[dev][i];

			take_disk_slot(c, v, k, (uint32_t)(t->first_slot + i) & HR_RING_MASK, s);
			for (int d = 0; d < 2; d++)
				t->disk[dev].bytes[d] += s->bytes[d];
		}
	}
}

static void take_nics(struct hr_cells *c, const struct hr_cells_view *v, struct hr_take *t)
{
	for (uint32_t k = 0; k < c->nics; k++) {
		uint8_t dev = v->nic_dev[k];

		if (dev >= HR_DEVS_MAX)
			continue;
		c->touched |= 1u << dev;
		for (uint32_t i = 0; i < t->n_slots; i++)
			take_nic_slot(c, v, k, (uint32_t)(t->first_slot + i) & HR_RING_MASK,
				&t->dev_slot[dev][i]);
	}
}

/* --- memory, and the whole --------------------------------------------------- */

static void take_mem(struct hr_cells *c, const struct hr_cells_view *v, struct hr_take_mem *ret)
{
	struct prev_mem now;

	memset(&now, 0, sizeof(now));
	for (uint32_t cpu = 0; cpu < c->live; cpu++) {
		now.reclaims += LOAD(v->mem[cpu].reclaims);
		now.reclaim_ns += LOAD(v->mem[cpu].reclaim_ns);
		gather(&v->mem[cpu].reclaim, &now.reclaim);
	}
	ret->reclaims = grown(now.reclaims, &c->mem.reclaims);
	ret->reclaim_ns = grown(now.reclaim_ns, &c->mem.reclaim_ns);
	deliver(&now.reclaim, &c->mem.reclaim, &ret->reclaim);
}

void hr_cells_forget(
	struct hr_cells *c, const struct hr_cells_view *v, uint8_t kind, uint32_t index)
{
	struct hr_take_disk none;

	if (kind == HR_DEV_DISK && v->disk && index < c->disks)
		take_disk_counters(c, v, index, &none);
	for (uint32_t i = 0; i < HR_RING_SLOTS; i++) {
		if (kind == HR_DEV_DISK && v->disk && index < c->disks)
			take_disk_slot(c, v, index, i, NULL);
		if (kind == HR_DEV_NIC && v->nic && index < c->nics)
			take_nic_slot(c, v, index, i, NULL);
	}
}

/* The copy catches up with everything; nothing is delivered. */
static void set_base(struct hr_cells *c, const struct hr_cells_view *v, struct hr_take *t)
{
	if (v->cpu) {
		take_cpu_counters(&c->cpu, v->cpu, c->live, &t->cpu);
		for (uint32_t i = 0; i < HR_RING_SLOTS; i++)
			take_cpu_slot(c, v->cpu, i, NULL);
	}
	for (uint32_t k = 0; k < c->disks; k++)
		hr_cells_forget(c, v, HR_DEV_DISK, k);
	for (uint32_t k = 0; k < c->nics; k++)
		hr_cells_forget(c, v, HR_DEV_NIC, k);
	if (v->mem)
		take_mem(c, v, &t->mem);
}

/* What the last take wrote.  Of the tables for 16 devices and 2 s a small VM touches a tenth. */
static void take_clear(const struct hr_cells *c, struct hr_take *t)
{
	uint32_t n = t->n_slots;

	memset(t, 0, offsetof(struct hr_take, cpu_slot));
	memset(t->cpu_slot, 0, n * sizeof(t->cpu_slot[0]));
	memset(&t->cpu, 0, sizeof(t->cpu));
	memset(&t->mem, 0, sizeof(t->mem));
	for (int d = 0; d < HR_DEVS_MAX; d++) {
		if (!(c->touched >> d & 1))
			continue;
		memset(t->dev_slot[d], 0, n * sizeof(t->dev_slot[d][0]));
		memset(&t->disk[d], 0, sizeof(t->disk[d]));
	}
}

void hr_cells_take(struct hr_cells *c, const struct hr_cells_view *v, struct hr_take *ret_take)
{
	assert(c->cpus == v->cpus && c->disks == v->disks && c->nics == v->nics);
	take_clear(c, ret_take);
	find_live(c, v);
	ret_take->first_slot = c->horizon >> HR_SLOT_SHIFT;
	if (!c->based || c->lapped) {
		set_base(c, v, ret_take);
		take_clear(c, ret_take);
		ret_take->first_slot = c->planned >> HR_SLOT_SHIFT;
		ret_take->overrun = c->lapped;
		c->based = true;
	} else {
		ret_take->n_slots = (uint32_t)((c->planned - c->horizon) >> HR_SLOT_SHIFT);
		if (v->cpu)
			take_cpu(c, v, ret_take);
		if (v->disk)
			take_disks(c, v, ret_take);
		if (v->nic)
			take_nics(c, v, ret_take);
		if (v->mem)
			take_mem(c, v, &ret_take->mem);
	}
	c->horizon = c->planned;
}
