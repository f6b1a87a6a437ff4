/* SPDX-License-Identifier: Apache-2.0 */
/* Bursts through c servers at load k; see replay.h. */
#include "agent/core/replay.h"

#include <string.h>

#include "agent/core/reach.h"
#include "proto/units.h"

#define ORDER_BITS 17
#define ORDER_MASK ((1u << ORDER_BITS) - 1)
#define DIGIT_BITS 11 /* three digits hold the 33 bits of an arrival */
#define DIGITS     3
#define HOG        UINT32_MAX /* jobs from here downwards */

_Static_assert(HR_REPLAY_COPIES_MAX < 1u << ORDER_BITS, "order of a copy");

/* splitmix64: any bits in, well mixed bits out. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* [0, 1) */
static double share(uint64_t bits)
{
	return (double)(bits >> 11) * 0x1p-53;
}

/* @reach: how far off a copy lies, to either side, where growth is inside today's bursts. */
static uint64_t arrival(const struct hr_replay_in *in, uint32_t i, uint32_t copy,
	enum hr_replay_mode mode, uint32_t reach)
{
	uint64_t at = in->burst[i].wake_ns < in->length_ns ? in->burst[i].wake_ns : in->length_ns;
	double to;

	if (copy == 0)
		return at;
	if (mode == HR_REPLAY_S)
		return in->length_ns == 0 ? 0
					  : (at + in->length_ns * 37 / 100 * copy) % in->length_ns;
	to = 2 * share(mix(in->seed ^ ((uint64_t)copy << 32 | i))) - 1;
	to = (double)at + to * (double)reach;
	/* what would lie outside comes back in: at the edge it would be a batch */
	if (to < 0)
		to = -to;
	if (to > (double)in->length_ns)
		to = 2 * (double)in->length_ns - to;
	return to > 0 ? (uint64_t)to : 0;
}

/* By arrival; equal ones stay in the order of copies, then of bursts. */
static void sort(struct hr_replay_work *w, uint32_t n)
{
	uint32_t count[1 << DIGIT_BITS];

	for (unsigned d = 0; d < DIGITS; d++) {
		const uint64_t *from = w->key[d & 1];
		uint64_t *to = w->key[~d & 1];
		unsigned shift = ORDER_BITS + d * DIGIT_BITS;
		uint32_t sum = 0;

		memset(count, 0, sizeof(count));
		for (uint32_t i = 0; i < n; i++)
			count[from[i] >> shift & ((1u << DIGIT_BITS) - 1)]++;
		for (uint32_t i = 0; i < 1u << DIGIT_BITS; i++) {
			uint32_t c = count[i];

			count[i] = sum;
			sum += c;
		}
		for (uint32_t i = 0; i < n; i++)
			to[count[from[i] >> shift & ((1u << DIGIT_BITS) - 1)]++] = from[i];
	}
}

_Static_assert(DIGITS % 2 == 1, "the sorted keys end in key[1]");

/*
 * CPU time of a copy.  Independent growth repeats the slice as it was.  Inside a burst of arrivals
 * come more requests like those around: copy z of a request takes the size of the z-th next, so
 * that every size comes as often as it did, but a long one not again and again at one instant.
 */
static uint64_t cpu_of(const struct hr_replay_in *in, uint64_t key, enum hr_replay_mode mode,
	const struct hr_replay_work *w)
{
	uint32_t order = key & ORDER_MASK, i = order % in->n, copy = order / in->n;

	if (mode == HR_REPLAY_S || copy == 0)
		return in->burst[i].cpu_ns;
	if (!w->mixed)
		for (i = (i + copy) % in->n; in->burst[i].fixed; i = (i + 1) % in->n)
			;
	else if (w->place[i] != HR_REPLAY_LIGHT)
		i = w->heavy[(w->place[i] + (uint64_t)w->heavy_n * 37 * copy / 100) % w->heavy_n];
	return in->burst[i].cpu_ns;
}

static bool is_fixed(const struct hr_replay_in *in, uint64_t key)
{
	return in->burst[(key & ORDER_MASK) % in->n].fixed;
}

static bool is_in_turn(const struct hr_replay_in *in, uint64_t key)
{
	return in->in_turn && in->burst[(key & ORDER_MASK) % in->n].alone;
}

static uint32_t count_fixed(const struct hr_replay_in *in)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < in->n; i++)
		n += in->burst[i].fixed;
	return n;
}

/*
 * A random order of the bursts.  Each drawn by itself, their number would err by chance, and that
 * of slices with the same seed by the same chance: it then looked as if slices had ended early.
 */
static void take_turns(const struct hr_replay_in *in, struct hr_replay_work *w)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < in->n; i++) {
		uint32_t other;

		if (in->burst[i].fixed)
			continue;
		/* as Fisher and Yates: a place among those so far, whose burst goes to the end */
		other = (uint32_t)(share(mix(in->seed + i)) * (n + 1));
		w->key[0][n] = i;
		w->key[0][n++] = w->key[0][other];
		w->key[0][other] = i;
	}
	for (uint32_t p = 0; p < n; p++)
		w->turn[w->key[0][p]] = p;
}

static uint32_t fill(
	const struct hr_replay_in *in, double k, enum hr_replay_mode mode, struct hr_replay_work *w)
{
	uint32_t whole = (uint32_t)k, n = 0;
	double rest = (k - whole) * (in->n - count_fixed(in)); /* bursts with one copy more */

	for (uint32_t copy = 0; copy <= whole; copy++)
		for (uint32_t i = 0; i < in->n; i++) {
			/* the same order at every load */
			if (in->burst[i].fixed ? copy > 0
					       : copy == whole && w->turn[i] + 0.5 >= rest)
				continue;
			w->key[0][n++] = arrival(in, i, copy, mode, w->reach[i]) << ORDER_BITS |
					 (copy * in->n + i);
		}
	sort(w, n);
	for (uint32_t p = 0; p < n; p++) {
		uint64_t cpu = cpu_of(in, w->key[1][p], mode, w);

		w->left[p] = cpu > UINT32_MAX ? UINT32_MAX : (uint32_t)cpu;
	}
	return n;
}

/* --- the servers -------------------------------------------------------------- */

struct sim {
	struct hr_replay_work *w;
	uint32_t servers, running;
	uint32_t head, queued, room; /* of the queue */
	uint32_t order;
	/* of the thread that serves in turn: what it is at, since when, and what waits for it, in
	 * key[0] */
	bool at_work;
	uint64_t taken_up;
	uint32_t first, last;
};

static bool before(const struct sim *s, uint32_t a, uint32_t b)
{
	if (s->w->run[a].end != s->w->run[b].end)
		return s->w->run[a].end < s->w->run[b].end;
	return s->w->run[a].order < s->w->run[b].order;
}

static void swap(struct sim *s, uint32_t a, uint32_t b)
{
	__typeof__(s->w->run[0]) t = s->w->run[a];

	s->w->run[a] = s->w->run[b];
	s->w->run[b] = t;
}

static void start(struct sim *s, uint64_t end, uint32_t job)
{
	uint32_t i = s->running++;

	s->w->run[i].end = end;
	s->w->run[i].order = s->order++;
	s->w->run[i].job = job;
	for (; i > 0 && before(s, i, (i - 1) / 2); i = (i - 1) / 2)
		swap(s, i, (i - 1) / 2);
}

static uint32_t finish_first(struct sim *s)
{
	uint32_t job = s->w->run[0].job, i = 0;

	s->w->run[0] = s->w->run[--s->running];
	for (;;) {
		uint32_t least = i;

		for (uint32_t c = 2 * i + 1; c <= 2 * i + 2 && c < s->running; c++)
			if (before(s, c, least))
				least = c;
		if (least == i)
			return job;
		swap(s, i, least);
		i = least;
	}
}

static void append(struct sim *s, uint32_t job)
{
	s->w->queue[(s->head + s->queued++) % s->room] = job;
}

/* A job is there; where its thread is at work it waits for that one, unseen by any CPU. */
static void arrive(const struct hr_replay_in *in, struct sim *s, uint32_t job, uint64_t now)
{
	if (!is_in_turn(in, s->w->key[1][job])) {
		append(s, job);
	} else if (s->at_work) {
		s->w->key[0][s->last++] = job;
	} else {
		s->at_work = true;
		s->taken_up = now;
		append(s, job);
	}
}

/* It did @job: the next. */
static void take_up(const struct hr_replay_in *in, struct sim *s, uint32_t job, uint64_t now)
{
	if (!is_in_turn(in, s->w->key[1][job]))
		return;
	s->at_work = s->first < s->last;
	s->taken_up = now;
	if (s->at_work)
		append(s, (uint32_t)s->w->key[0][s->first++]);
}

/* Idle servers take the head of the queue. */
static void serve(struct sim *s, uint64_t now)
{
	while (s->running < s->servers && s->queued > 0) {
		uint32_t job = s->w->queue[s->head];
		uint64_t ns = HR_REPLAY_SLICE_NS;

		s->head = (s->head + 1) % s->room;
		s->queued--;
		if (job <= HOG - HR_REPLAY_HOGS_MAX && s->w->left[job] < ns)
			ns = s->w->left[job];
		start(s, now + ns, job);
	}
}

/* A slice of @job ended: true when all of it is done. */
static bool slice_over(struct sim *s, uint32_t job)
{
	uint32_t *left;

	if (job > HOG - HR_REPLAY_HOGS_MAX) {
		append(s, job);
		return false;
	}
	left = &s->w->left[job];
	*left -= *left < HR_REPLAY_SLICE_NS ? *left : (uint32_t)HR_REPLAY_SLICE_NS;
	if (*left == 0)
		return true;
	append(s, job);
	return false;
}

static bool is_late(const struct hr_replay_in *in, uint64_t key, enum hr_replay_mode mode,
	const struct sim *s, uint64_t now)
{
	uint64_t cpu = cpu_of(in, key, mode, s->w);
	uint64_t from = is_in_turn(in, key) ? s->taken_up : key >> ORDER_BITS;
	uint64_t wait = now - from - cpu;

	return !is_fixed(in, key) && wait > HR_STINTS_LATE_NS && wait > cpu;
}

static uint32_t simulate(const struct hr_replay_in *in, uint32_t n, enum hr_replay_mode mode,
	uint32_t servers, struct hr_replay_work *w)
{
	uint32_t all_fixed = count_fixed(in);
	struct sim s = {
		.w = w, .servers = servers, .room = HR_REPLAY_COPIES_MAX + HR_REPLAY_HOGS_MAX};
	uint64_t stop = (w->key[1][n - 1] >> ORDER_BITS) + HR_REPLAY_TAIL_NS;
	uint32_t next = 0, done = 0, late = 0, fixed = 0;

	for (uint32_t i = 0; i < in->hogs && i < HR_REPLAY_HOGS_MAX; i++)
		append(&s, HOG - i);
	serve(&s, 0);
	while (done < n) {
		uint64_t at = next < n ? w->key[1][next] >> ORDER_BITS : UINT64_MAX;

		if (s.running > 0 && w->run[0].end <= at) {
			uint32_t job;

			at = w->run[0].end;
			if (at > stop)
				break;
			job = finish_first(&s);
			if (slice_over(&s, job)) {
				late += is_late(in, w->key[1][job], mode, &s, at);
				fixed += is_fixed(in, w->key[1][job]);
				done++;
				take_up(in, &s, job, at);
			}
		} else {
			arrive(in, &s, next++, at);
		}
		serve(&s, at);
	}
	/* what still waits for its thread is not late for a CPU */
	return late + (n - done) - (all_fixed - fixed) - (s.last - s.first);
}

static void replay_at(const struct hr_replay_in *in, double k, enum hr_replay_mode mode,
	uint32_t servers, struct hr_replay_work *w, uint32_t ret[2])
{
	uint32_t n = fill(in, k, mode, w);

	ret[0] = n > 0 ? simulate(in, n, mode, servers, w) : 0;
	ret[1] = n - count_fixed(in);
}

void hr_replay_at(const struct hr_replay_in *in, double k, enum hr_replay_mode mode,
	uint32_t servers, struct hr_replay_work *w, uint32_t ret[2])
{
	hr_reach(in, w);
	take_turns(in, w);
	replay_at(in, k, mode, servers, w, ret);
}

static void simulated(const struct hr_replay_in *in, uint32_t servers, unsigned row,
	struct hr_replay_work *w, struct hr_replay_sum *sum)
{
	enum hr_replay_mode mode = row < HR_VQ_SPREAD ? HR_REPLAY_A : HR_REPLAY_S;

	hr_reach(in, w);
	take_turns(in, w);
	for (unsigned g = 0; g < HR_VQ_GRID; g++) {
		uint32_t r[2];

		replay_at(in, hr_vqueue_k(g), mode, servers, w, r);
		sum->late[row][g] += r[0];
		sum->tot[row][g] += r[1];
		if ((uint64_t)r[0] * 5 > r[1])
			return;
	}
}

/*
 * From its wake on as if it had never waited (bpf/cell.h), until it is a hog's: what the virtual
 * queue of a window sees.
 */
static void charge(const struct hr_burst *b, struct hr_vqueue_slot *slot, uint64_t n)
{
	uint64_t young = b->wait_ns < HR_HOG_NS ? HR_HOG_NS - b->wait_ns : 0;
	uint64_t at = b->wake_ns, end = at + (b->cpu_ns < young ? b->cpu_ns : young);

	for (uint64_t i = at / HR_SLOT_NS; i < n && at < end; i++) {
		uint64_t until = (i + 1) * HR_SLOT_NS < end ? (i + 1) * HR_SLOT_NS : end;

		slot[i].charge_ns += (double)(until - at);
		at = until;
	}
}

/* The agent's own bursts grow there, too, but nobody counts them here. */
static void queued(const struct hr_replay_in *in, uint32_t servers, struct hr_replay_work *w,
	uint32_t late[HR_VQ_GRID])
{
	uint64_t n = in->length_ns / HR_SLOT_NS + 1;

	if (n > HR_REPLAY_SLOTS)
		n = HR_REPLAY_SLOTS;
	for (uint32_t i = 0; i < n; i++)
		w->slot[i] = (struct hr_vqueue_slot){.slot_ns = (double)HR_SLOT_NS};
	for (uint32_t i = 0; i < in->n; i++) {
		uint64_t at = in->burst[i].wake_ns / HR_SLOT_NS;

		charge(&in->burst[i], w->slot, n);
		w->slot[at < n ? at : n - 1].wakes += !in->burst[i].fixed;
	}
	for (uint32_t i = 0; i < n; i++)
		w->slot[i].grow_ns = w->slot[i].charge_ns;
	hr_vqueue_stretch(w->slot, (uint32_t)n, servers, late);
}

void hr_replay_row(const struct hr_replay_in *in, uint32_t cpus, unsigned row,
	struct hr_replay_work *w, struct hr_replay_sum *sum)
{
	uint32_t servers = cpus * (row % HR_VQ_SIZES + 1);

	if (servers > HR_REPLAY_SERVERS_MAX)
		return;
	simulated(in, servers, row, w, sum);
	if (row < HR_VQ_SPREAD)
		queued(in, servers, w, sum->queued[row]);
}
