/* SPDX-License-Identifier: Apache-2.0 */
/* Rows 1 - 7 of answer-model 10, in order, first match wins. */
#include "collector/core/verdict.h"

#define GAIN_NONE    1.10 /* below it a larger size gives nothing worth having */
#define GAIN_HELPS   1.25 /* from it a larger size helps beyond the model's error */
#define FROZEN_PROOF 1.05
#define LIKELY_ERR   1.25

static struct hr_verdict verdict(
	enum hr_answer_kind kind, enum hr_reason reason, uint8_t row, int8_t size)
{
	return (struct hr_verdict){.kind = kind, .reason = reason, .row = row, .size = size};
}

static bool is_single(const struct hr_verdict_in *in)
{
	double hi = 0;

	for (unsigned z = 0; z < HR_SIZE_N; z++) {
		const struct hr_bounds *g = &in->gain[z].gain;

		if (g->has && !g->at_most.has)
			hi = HR_K_MAX; /* nobody knows how much */
		else if (g->at_most.has && g->at_most.v > hi)
			hi = g->at_most.v;
	}
	if ((in->bind == HR_RES_SERIAL || in->bind == HR_RES_SOFTIRQ) && hi < GAIN_NONE)
		return true;
	return (in->bind == HR_RES_CPU || in->bind == HR_RES_SERIAL) && in->hot_thread &&
	       in->frozen.has && in->frozen.v < FROZEN_PROOF;
}

/* Row 6: the smallest change that helps; both only if neither alone does. */
static struct hr_verdict larger(const struct hr_verdict_in *in)
{
	int8_t helps = -1;

	for (int z = 0; z < HR_SIZE_N; z++) {
		const struct hr_gain *g = &in->gain[z];

		if (!(g->gain.at_least.has && g->gain.at_least.v >= GAIN_HELPS) && !in->grows[z])
			continue;
		if (g->exists)
			return verdict(HR_ANSWER_RESIZE, HR_REASON_BIGGER_SIZE_HELPS, 6, (int8_t)z);
		helps = helps < 0 ? (int8_t)z : helps;
	}
	if (helps >= 0)
		return verdict(HR_ANSWER_NO, HR_REASON_AT_CEILING, 6, helps);
	return verdict(HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE, 7, -1);
}

/*
 * Is less than the target left?  likely is off by x1.2 (tests/truth): what it misses the target by
 * less than 1.25 is no proof, unless nothing more fits for sure.  Nor is it one for the CPU as long
 * as more than the target might fit: few late bursts make a likely below 1 by chance.
 */
static bool is_short(const struct hr_bounds *k, double target, enum hr_resource bind)
{
	bool sure = k->at_most.has && k->at_most.v < target;

	if (!k->likely.has || k->likely.v >= target)
		return false;
	return sure || (bind != HR_RES_CPU && k->likely.v * LIKELY_ERR < target);
}

/*
 * What is short by its own signals stays so, whatever a resource without one would tell, and its
 * answer is the same.  Not of the CPU and of what is judged by its time slots: whether more of
 * them help hangs on what is missing.  Disks may be busy because memory is short.
 */
static bool is_proven(const struct hr_verdict_in *in)
{
	return in->bind_sure &&
	       (in->bind == HR_RES_MEMORY || in->bind == HR_RES_NETWORK ||
		       in->bind == HR_RES_STEAL || (in->bind == HR_RES_DISK && !in->memory_lacks));
}

struct hr_verdict hr_verdict_of(const struct hr_verdict_in *in)
{
	const struct hr_bounds *k = &in->k;

	if (in->evidence_fails || (in->lacks && !is_proven(in)))
		return verdict(HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE, 1, -1);
	if (k->at_least.has && k->at_least.v >= in->target && !in->trend_soon)
		return verdict(HR_ANSWER_YES, HR_REASON_HEADROOM_LEFT, 2, -1);
	if (!in->trend_soon && !is_short(k, in->target, in->bind))
		return verdict(HR_ANSWER_UNKNOWN, HR_REASON_MISSING_EVIDENCE, 3, -1);
	if (in->local)
		return verdict(HR_ANSWER_NO, HR_REASON_LOCAL_LIMIT, 4, -1);
	if (in->bind == HR_RES_STEAL)
		return verdict(HR_ANSWER_NO, HR_REASON_STEAL, 4, -1);
	if ((in->bind == HR_RES_DISK || in->bind == HR_RES_NETWORK) && in->external)
		return verdict(HR_ANSWER_NO, HR_REASON_EXTERNAL_LIMIT, 4, -1);
	if (is_single(in))
		return verdict(HR_ANSWER_NO, HR_REASON_SERIAL_THREAD, 5, -1);
	return larger(in);
}
