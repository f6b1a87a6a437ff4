/* SPDX-License-Identifier: Apache-2.0 */
/* How far off neighbours are, in bursts of arrivals and by chance; see reach.h. */
#include "agent/core/reach.h"

#define LIGHT        0.10 /* share of the CPU time that the smallest bursts hold together */
#define BLOCK        4
#define BLOCKS_MIN   8
#define NEIGHBOURS   3
#define CLUMP        16
#define EVEN_MIN     50 /* bursts of a slice; fewer tell nothing about windows of 2 ms */
#define WINDOW_FIRST 21 /* 2^21 ns = 2 ms, then four times as long each */
#define WINDOW_LAST  29 /* 537 ms: nine in a slice of 5 s */
#define CROWDED      2 /* standard deviations above chance; five windows, so one in ten by chance */
#define REGULAR      3 /* below it: a timer's, whose growth may come at its ticks */

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
 * Are the wake-ups of each window of 2^(@bits + 2) ns spread over its four quarters as chance would
 * have it?  X = sum of (quarter - N/4)^2 over all of them: 3/4 N by chance, with a variance of
 * 3/8 N (N - 1).  How many lie in which window does not matter: that may be a burst as long as it.
 */
static bool is_local_chance(
	const struct hr_replay_in *in, const uint32_t *heavy, uint32_t n, unsigned bits)
{
	uint64_t whole = in->length_ns >> (bits + 2);
	double off = 0, variance = 0, most;
	uint32_t i = 0;

	while (i < n && in->burst[heavy[i]].wake_ns >> (bits + 2) < whole) {
		uint64_t w = in->burst[heavy[i]].wake_ns >> (bits + 2);
		double quarter[4] = {0}, all = 0, squares = 0;

		for (; i < n && in->burst[heavy[i]].wake_ns >> (bits + 2) == w; i++) {
			quarter[in->burst[heavy[i]].wake_ns >> bits & 3]++;
			all++;
		}
		for (unsigned q = 0; q < 4; q++)
			squares += quarter[q] * quarter[q];
		off += squares - all * all / 4 - 0.75 * all;
		variance += 0.375 * all * (all - 1);
	}
	most = off > 0 ? CROWDED : REGULAR;
	return off * off <= most * most * variance;
}

/* How long the windows are within which wake-ups come by chance; 0: none is. */
static uint32_t even_ns(const struct hr_replay_in *in, const uint32_t *heavy, uint32_t n)
{
	unsigned bits = WINDOW_FIRST;

	if (n < EVEN_MIN || in->length_ns >> WINDOW_LAST == 0)
		return 0;
	while (bits + 2 <= WINDOW_LAST && is_local_chance(in, heavy, n, bits))
		bits += 2;
	return bits == WINDOW_FIRST ? 0 : 1U << bits;
}

/* log2, straight from one power of two to the next; no libm in the agent. */
static double bits_of(uint64_t x)
{
	unsigned whole = x ? 63 - (unsigned)__builtin_clzll(x) : 0;

	return whole + (double)x / (double)(1ULL << whole) - 1;
}

/*
 * Do sizes come in any order?  Then the bits of BLOCK in a row, summed, vary BLOCK times as much as
 * those of one: 1 +- sqrt(2 / blocks) of it.  More is a phase, or a kind of request that comes in
 * rows, whose sizes stay together.
 */
static bool are_mixed(const struct hr_replay_in *in, const uint32_t *heavy, uint32_t n)
{
	uint32_t blocks = n / BLOCK;
	double all = 0, squares = 0, of_blocks = 0, mean, one, off;

	if (blocks < BLOCKS_MIN)
		return false;
	for (uint32_t b = 0; b < blocks; b++) {
		double sum = 0;

		for (uint32_t i = b * BLOCK; i < (b + 1) * BLOCK; i++) {
			double bits = bits_of(in->burst[heavy[i]].cpu_ns);

			sum += bits;
			squares += bits * bits;
		}
		all += sum;
		of_blocks += sum * sum;
	}
	mean = all / (blocks * BLOCK);
	one = squares / (blocks * BLOCK) - mean * mean;
	off = of_blocks / blocks - mean * mean * BLOCK * BLOCK - BLOCK * one;
	return off <= 0 || off * off * blocks <= CROWDED * CROWDED * 2 * BLOCK * BLOCK * one * one;
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
	uint32_t even;

	w->heavy_n = n;
	w->mixed = are_mixed(in, w->heavy, n);
	w->even_ns = even_ns(in, w->heavy, n);
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
