/* SPDX-License-Identifier: Apache-2.0 */
/* Ladder without a catalogue: vCPUs x2, RAM x2, both; the ceiling as the operator told it. */
#include "collector/core/sizes.h"

#include <math.h>

#define HOG_SHARE    0.5  /* above it the CPU work is mostly threads that never sleep */
#define GAIN_MOST    4    /* chosen: more was not seen */
#define CLOSED_ERR   1.4  /* of the gain of closed load, downwards */
#define FIXED_LOAD   1.2  /* of what is gained, upwards: what does not grow needs its part once */
#define RATIO_ERR    1.37 /* of what is gained, downwards: two likelies, off by 1.25 by chance */
#define RATIO_UP     1.74 /* upwards, of what is gained: where twice is likely 1.37 x 2 may be */
#define FROZEN_PROOF 1.05 /* "more vCPUs cannot help" is proven below it (answer-model 7) */

static bool ratio(const struct hr_opt *big, const struct hr_opt *now, double *ret)
{
	if (!big->has || !now->has || !(now->v > 0))
		return false;
	*ret = fmax(big->v / now->v, 1); /* a larger size is never worse */
	return true;
}

static bool is_same(const struct hr_opt *a, const struct hr_opt *b)
{
	return a->has == b->has && (!a->has || a->v == b->v);
}

/*
 * Two lower bounds: no more is known of what lies above them.  Of memory their ratio is one, for
 * more of it gains the less the more of it grows with the load, and at_least has all of it grow.
 */
static struct hr_bounds gain_of_least(
	const struct hr_bounds *now, const struct hr_bounds *big, bool is_memory)
{
	struct hr_bounds g = {0};
	double a;

	if (!ratio(&big->at_least, &now->at_least, &a))
		return g;
	g.at_least = hr_opt_of(is_memory ? a : 1);
	if (is_same(&big->at_least, &now->at_least) && is_same(&big->at_most, &now->at_most))
		g.likely = g.at_most = g.at_least; /* this size changes nothing of what is known */
	hr_bounds_tidy(&g);
	return g;
}

static struct hr_bounds gain_of(
	const struct hr_bounds *now, const struct hr_bounds *big, bool is_memory)
{
	struct hr_bounds g = {0};
	double a = 1, l;

	if (!ratio(&big->likely, &now->likely, &l))
		return gain_of_least(now, big, is_memory);
	if (now->likely.v >= HR_K_MAX) { /* more than is claimed already: of what is not known */
		g.at_least = hr_opt_of(1);
		hr_bounds_tidy(&g);
		return g;
	}
	(void)ratio(&big->at_least, &now->at_least, &a);
	/* Where nothing fits for sure today, any factor of it is nothing, too. */
	g.at_least = hr_opt_of(fmin(a, 1 + (l - 1) / RATIO_ERR));
	g.likely = hr_opt_of(l);
	/* where the larger size's factor is as large as any that is told, who knows how much more
	 */
	g.capped = l > 1 && big->likely.v >= HR_K_MAX;
	if (!g.capped)
		g.at_most = hr_opt_of(1 + (fmax(a, l) - 1) * RATIO_UP);
	hr_bounds_tidy(&g);
	return g;
}

/*
 * A load that waits for itself.  Off by up to 1.2 on real loads behind a lock (tests/truth), too
 * high where the lock is what binds; frozen is proven, but for tasks that do not grow and were
 * there all the time.
 */
static struct hr_bounds closed_of(const struct hr_opt *likely, const struct hr_opt *frozen)
{
	double most = frozen->has ? fmax(frozen->v, 1) : 2, l = fmin(fmax(likely->v, 1), most);
	struct hr_bounds g = {.at_least = hr_opt_of(fmax(l / CLOSED_ERR, 1)),
		.likely = hr_opt_of(l),
		.at_most = hr_opt_of(1 + (most - 1) * FIXED_LOAD)};

	hr_bounds_tidy(&g);
	return g;
}

static void cut(struct hr_opt *o, double max)
{
	if (o->has && o->v > max)
		o->v = max;
}

static void cut_or_set(struct hr_opt *o, double max)
{
	if (!o->has)
		*o = hr_opt_of(max);
	cut(o, max);
}

void hr_sizes_gain(const struct hr_gain_in *in, const struct hr_model_conf *conf,
	struct hr_gain ret[HR_SIZE_N])
{
	static const char *const change[HR_SIZE_N] = {
		"vcpus x2", "memory x2", "vcpus x2, memory x2"};
	bool cpu_exists = !conf->max_vcpus || in->vcpus * 2ULL <= conf->max_vcpus;
	/* MemTotal is short of the size sold by what firmware and kernel keep: 13 % at most
	 * (forecast 9). */
	bool mem_exists =
		!conf->max_mem_bytes || (double)in->mem_bytes * 2 <= (double)conf->max_mem_bytes;
	bool bounded = in->frozen.has && (in->hog_share >= HOG_SHARE ||
						 (in->hot_thread && in->frozen.v < FROZEN_PROOF));

	for (unsigned z = 0; z < HR_SIZE_N; z++) {
		/*
		 * Twice the vCPUs never do more than twice, but they may carry more than twice of
		 * what must be on time: 16 threads where 6 fitted (tests/truth), and two queues
		 * share one server's bursts.  Promised is twice at most.
		 */
		double most = z == HR_SIZE_VCPUS ? GAIN_MOST : HR_K_MAX;

		ret[z] = (struct hr_gain){.change = change[z],
			.exists = (z == HR_SIZE_MEMORY || cpu_exists) &&
				  (z == HR_SIZE_VCPUS || mem_exists),
			.gain = gain_of(&in->k, &in->at[z], z == HR_SIZE_MEMORY)};
		if (in->grows[z]) {
			ret[z].gain = (struct hr_bounds){.has = true, .at_least = hr_opt_of(1)};
			continue;
		}
		if (in->closed.has && z != HR_SIZE_MEMORY) {
			/* of tasks that never sleep frozen is no bound, it is what they do */
			ret[z].gain = closed_of(in->hog_share >= HOG_SHARE && in->frozen.has
							? &in->frozen
							: &in->closed,
				&in->frozen);
			continue;
		}
		if (bounded && z != HR_SIZE_MEMORY)
			most = fmin(most, in->frozen.v);
		/* what is proven is no claim's end */
		if (bounded && z != HR_SIZE_MEMORY)
			ret[z].gain.capped = false;
		else if (ret[z].gain.likely.has && ret[z].gain.likely.v > most)
			ret[z].gain.capped = true;
		cut(&ret[z].gain.at_least, z == HR_SIZE_VCPUS ? fmin(most, 2) : most);
		cut(&ret[z].gain.likely, most);
		/* no more than what is proven; more than what is claimed may be so */
		if (bounded && z != HR_SIZE_MEMORY)
			cut_or_set(&ret[z].gain.at_most, most);
		else if (ret[z].gain.at_most.has && ret[z].gain.at_most.v > most)
			ret[z].gain.at_most.has = false;
	}
}
