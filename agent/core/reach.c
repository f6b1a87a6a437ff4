/* SPDX-License-Identifier: Apache-2.0 */
/* How far off neighbours are, in bursts of arrivals and by chance; see reach.h. */
#include "agent/core/reach.h"

#include <stddef.h>

#define LIGHT        0.10 /* share of the CPU time that the smallest bursts hold together */
#define BLOCK        4
#define BLOCKS_MIN   8
#define NEIGHBOURS   3
#define CLUMP        16
#define EVEN_MIN     50  /* bursts of a slice; fewer tell nothing about windows of 2 ms */
#define SEEN_MIN     200 /* bursts of slices together, as the collector wants of a replay */
#define WINDOW_FIRST 23  /* 2^23 ns = 8 ms, then four times as long each, up to 537 ms */
#define WINDOW_LAST  (WINDOW_FIRST + 2 * (HR_REACH_WINDOWS - 1))
#define CROWDED      2 /* standard deviations above chance; four windows, so one in ten by chance */
#define REGULAR      3 /* below it: a timer's, whose growth may come at its ticks */
#define UNMIXED      2 /* of sizes in one slice, where being wrong costs one slice */
#define UNMIXED_SEEN 3 /* of all, where it costs them all */
#define KEEP         (59.0 / 60) /* of what was seen: 1/e in an hour of slices, as the collector's pool */

/* Largest power of two below which the bursts hold no more than LIGHT of the CPU time. */
static uint64_t light_below(const struct hr_replay_in *in)
{
	double by_bit[64] = {0}, all = 0, sum = 0;
	unsigned bit = 0;

	for (uint32_t i = 0; i < in->n; i++) {
		uint64_t cpu = in->burst[i].fixed ? 0 : in->burst[i].cpu_ns;

		if (cpu == 0)
			continue;
		by_bit[63 - (unsigned)__builtin_clzll(cpu)] += (double)cpu;
		all += (double)cpu;
	}
	while (bit < 63 && sum + by_bit[bit] <= LIGHT * all)
		sum += by_bit[bit++];
	return all > 0 ? 1ULL << bit : 0;
}

static uint32_t find_heavy(const struct hr_replay_in *in, uint32_t *heavy)
{
	uint64_t least = light_below(in);
	uint32_t n = 0;

	for (uint32_t i = 0; i < in->n; i++)
		if (!in->burst[i].fixed && in->burst[i].cpu_ns >= least)
			heavy[n++] = i;
	return n;
}

/*
 * Do the wake-ups of each window of 2^@bits ns spread over its four quarters as chance would have
 * it?  Adds the sum of (quarter - N/4)^2, less the 3/4 N of chance; its variance by chance is 3/8
 * of N (N - 1).  How many lie in which window does not matter: that may be a burst as long as it.
 */
static void add_window(const struct hr_replay_in *in, const uint32_t *heavy, uint32_t n,
	unsigned bits, double *off, double *pairs)
{
	uint64_t whole = in->length_ns >> bits;
	uint32_t i = 0;

	while (i < n && in->burst[heavy[i]].wake_ns >> bits < whole) {
		uint64_t w = in->burst[heavy[i]].wake_ns >> bits;
		double quarter[4] = {0}, all = 0, squares = 0;

		for (; i < n && in->burst[heavy[i]].wake_ns >> bits == w; i++) {
			quarter[in->burst[heavy[i]].wake_ns >> (bits - 2) & 3]++;
			all++;
		}
		for (unsigned q = 0; q < 4; q++)
			squares += quarter[q] * quarter[q];
		*off += squares - all * all / 4 - 0.75 * all;
		*pairs += all * (all - 1);
	}
}

/*
 * How long the windows are within which wake-ups come by chance; 0: none is.  Of windows that are
 * longer than the slice nothing is known, and no copy could lie so far off.
 */
static uint32_t even_ns(const struct hr_reach_seen *s, uint64_t length_ns)
{
	unsigned i = 0;

	for (; i < HR_REACH_WINDOWS && length_ns >> (WINDOW_FIRST + 2 * i); i++) {
		double most = s->off[i] > 0 ? CROWDED : REGULAR;

		if (s->off[i] * s->off[i] > most * most * 0.375 * s->pairs[i])
			break;
	}
	return i == 0 ? 0 : 1U << (WINDOW_FIRST + 2 * (i - 1));
}

/* log2, straight from one power of two to the next; no libm in the agent. */
static double bits_of(uint64_t x)
{
	unsigned whole = x ? 63 - (unsigned)__builtin_clzll(x) : 0;

	return whole + (double)x / (double)(1ULL << whole) - 1;
}

static void add_sizes(
	const struct hr_replay_in *in, const uint32_t *heavy, uint32_t n, struct hr_reach_seen *s)
{
	uint32_t blocks = n / BLOCK;

	for (uint32_t b = 0; b < blocks; b++) {
		double sum = 0;

		for (uint32_t i = b * BLOCK; i < (b + 1) * BLOCK; i++) {
			double bits = bits_of(in->burst[heavy[i]].cpu_ns);

			sum += bits;
			s->squares += bits * bits;
		}
		s->bits += sum;
		s->of_blocks += sum * sum;
	}
	s->blocks += blocks;
}

/*
 * Do sizes come in any order?  Then the bits of BLOCK in a row, summed, vary BLOCK times as much as
 * those of one: 1 +- sqrt(2 / blocks) of it.  More than @most of these deviations is a phase, or a
 * kind of request that comes in rows, whose sizes stay together.
 */
static bool are_mixed(const struct hr_reach_seen *s, double most)
{
	double n = s->blocks * BLOCK, mean, one, off;

	if (s->blocks < BLOCKS_MIN)
		return false;
	mean = s->bits / n;
	one = s->squares / n - mean * mean;
	off = s->of_blocks / s->blocks - mean * mean * BLOCK * BLOCK - BLOCK * one;
	return off <= 0 || off * off * s->blocks <= most * most * 2 * BLOCK * BLOCK * one * one;
}

static void add_slice(
	const struct hr_replay_in *in, const uint32_t *heavy, uint32_t n, struct hr_reach_seen *s)
{
	for (unsigned i = 0; i < HR_REACH_WINDOWS; i++)
		add_window(in, heavy, n, WINDOW_FIRST + 2 * i, &s->off[i], &s->pairs[i]);
	add_sizes(in, heavy, n, s);
	s->bursts += n;
}

void hr_reach_learn(
	const struct hr_replay_in *in, struct hr_replay_work *w, struct hr_reach_seen *seen)
{
	double *v = (double *)seen;

	_Static_assert(sizeof(*seen) % sizeof(*v) == 0, "nothing but doubles");
	for (size_t i = 0; i < sizeof(*seen) / sizeof(*v); i++)
		v[i] *= KEEP;
	add_slice(in, w->heavy, find_heavy(in, w->heavy), seen);
}

/* Of heavy[@p]. */
static uint32_t reach(const struct hr_replay_in *in, const uint32_t *heavy, uint32_t n, uint32_t p)
{
	uint64_t at = in->burst[heavy[p]].wake_ns, nearest = 0, far = 0;
	uint32_t first = p, last = p + 1;

	for (unsigned k = 0; k < NEIGHBOURS; k++) {
		uint64_t before = first > 0 ? at - in->burst[heavy[first - 1]].wake_ns : UINT64_MAX;
		uint64_t after = last < n ? in->burst[heavy[last]].wake_ns - at : UINT64_MAX;

		far = before < after ? before : after;
		nearest = k > 0 ? nearest : far;
		if (far == UINT64_MAX)
			break;
		first -= before <= after;
		last += before > after;
	}
	if (nearest < far / CLUMP)
		far = nearest;
	return far < HR_REACH_MAX_NS ? (uint32_t)far : HR_REACH_MAX_NS;
}

/* @next: the first of heavy[] that is not before burst @i.  That one, or the one before it. */
static uint32_t closest(
	const struct hr_replay_in *in, const uint32_t *heavy, uint32_t n, uint32_t next, uint32_t i)
{
	uint64_t at = in->burst[i].wake_ns;

	if (next == n)
		return next - 1;
	if (next == 0 ||
		in->burst[heavy[next]].wake_ns - at < at - in->burst[heavy[next - 1]].wake_ns)
		return next;
	return heavy[next] == i ? next : next - 1;
}

void hr_reach(const struct hr_replay_in *in, struct hr_replay_work *w)
{
	uint32_t n = find_heavy(in, w->heavy), next = 0;
	const struct hr_reach_seen *seen =
		in->seen && in->seen->bursts >= SEEN_MIN ? in->seen : NULL;
	struct hr_reach_seen own = {0};
	uint32_t even;

	add_slice(in, w->heavy, n, &own);
	w->heavy_n = n;
	w->mixed = seen ? are_mixed(seen, UNMIXED_SEEN) : are_mixed(&own, UNMIXED);
	if (n >= EVEN_MIN && in->length_ns >> WINDOW_LAST)
		w->even_ns = even_ns(&own, in->length_ns);
	else
		w->even_ns = seen ? even_ns(seen, in->length_ns) : 0;
	even = w->even_ns / 2 < HR_REACH_EVEN_NS ? w->even_ns / 2 : HR_REACH_EVEN_NS;

	for (uint32_t i = 0; i < in->n; i++) {
		while (next < n && w->heavy[next] < i)
			next++;
		w->place[i] = next < n && w->heavy[next] == i ? next : HR_REPLAY_LIGHT;
		w->reach[i] = n == 0 ? HR_REACH_MAX_NS
				     : reach(in, w->heavy, n, closest(in, w->heavy, n, next, i));
		if (even > w->reach[i])
			w->reach[i] = even;
	}
}
