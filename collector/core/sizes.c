/* SPDX-License-Identifier: Apache-2.0 */
/* Ladder without a catalogue: vCPUs x2, RAM x2, both; the ceiling as the operator told it. */
#include "collector/core/sizes.h"

#include <math.h>

#define HOG_SHARE    0.5  /* above it the CPU work is mostly threads that never sleep */
#define FROZEN_PROOF 1.05 /* "more vCPUs cannot help" is proven below it (answer-model 7) */

static bool ratio(const struct hr_opt *big, const struct hr_opt *now, double *ret)
{
	if (!big->has || !now->has || !(now->v > 0))
		return false;
	*ret = fmax(big->v / now->v, 1); /* a larger size is never worse */
	return true;
}

static struct hr_bounds gain_of(const struct hr_bounds *now, const struct hr_bounds *big)
{
	struct hr_bounds g = {0};
	double a = 0, l = 0;
	bool has_a = ratio(&big->at_least, &now->at_least, &a);
	bool has_l = ratio(&big->likely, &now->likely, &l);

	if (!has_a && !has_l)
		return g;
	if (!has_a)
		a = 1;
	if (!has_l)
		l = a;
	g.at_least = hr_opt_of(fmin(a, l));
	g.likely = hr_opt_of(l);
	g.at_most = hr_opt_of(fmax(a, l));
	hr_bounds_tidy(&g);
	return g;
}

static void cut(struct hr_opt *o, double max)
{
	if (o->has && o->v > max)
		o->v = max;
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
		/* Twice the vCPUs never carry more than twice; a ratio of clamped k may say so. */
		double most = z == HR_SIZE_VCPUS ? 2 : HR_K_MAX;

		ret[z] = (struct hr_gain){.change = change[z],
			.exists = (z == HR_SIZE_MEMORY || cpu_exists) &&
				  (z == HR_SIZE_VCPUS || mem_exists),
			.gain = gain_of(&in->k, &in->at[z])};
		if (bounded && z != HR_SIZE_MEMORY)
			most = fmin(most, in->frozen.v);
		cut(&ret[z].gain.at_least, most);
		cut(&ret[z].gain.likely, most);
		cut(&ret[z].gain.at_most, most);
	}
}
