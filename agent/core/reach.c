/* SPDX-License-Identifier: Apache-2.0 */
/* Are the arrivals of a slice even, and if not, how close are neighbours; see reach.h. */
#include "agent/core/reach.h"

#define LIGHT        0.10 /* share of the CPU time that the smallest bursts hold together */
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

/* Variance over mean of the counts in windows of 2^@bits ns: 1 +- sqrt(2 / windows) by chance. */
static double dispersion(
	const struct hr_replay_in *in, const uint32_t *heavy, uint32_t n, unsigned bits)
{
	uint64_t whole = in->length_ns >> bits, w;
	double sum = 0, squares = 0, mean;
	uint32_t i = 0;

	while (i < n && (w = in->burst[heavy[i]].wake_ns >> bits) < whole) {
		double count = 0;

		for (; i < n && in->burst[heavy[i]].wake_ns >> bits == w; i++)
			count++;
		sum += count;
		squares += count * count;
	}
	mean = sum / (double)whole;
	return mean > 0 ? (squares / (double)whole - mean * mean) / mean : 0;
}

static bool is_even(const struct hr_replay_in *in, const uint32_t *heavy, uint32_t n)
{
	if (n < EVEN_MIN || in->length_ns >> WINDOW_LAST == 0)
		return false;
	for (unsigned bits = WINDOW_FIRST; bits <= WINDOW_LAST; bits += 2) {
		double off = dispersion(in, heavy, n, bits) - 1;
		double most = off > 0 ? CROWDED : REGULAR;

		if (off * off > most * most * 2 / (double)(in->length_ns >> bits))
			return false;
	}
	return true;
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
	bool even = is_even(in, w->heavy, n);

	for (uint32_t i = 0; i < in->n; i++) {
		while (next < n && w->heavy[next] < i)
			next++;
		w->reach[i] = even     ? HR_REACH_EVEN_NS
			      : n == 0 ? HR_REACH_MAX_NS
				       : reach(in, w->heavy, n, closest(in, w->heavy, n, next, i));
	}
}
