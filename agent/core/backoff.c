/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decorrelated jitter (M. Brooker, "Exponential Backoff And Jitter"): the pause is
 * drawn from [base, 3 x last pause].  Agents that failed together drift apart at
 * once, which doubling alone never achieves.
 */
#include "agent/core/backoff.h"

#include <string.h>

void hr_backoff_init(struct hr_backoff *b, uint64_t seed)
{
	memset(b, 0, sizeof(*b));
	b->rng = seed;
}

/* splitmix64 (S. Vigna): any seed will do, and one is enough for a few draws an hour. */
static uint64_t draw(struct hr_backoff *b)
{
	uint64_t z = (b->rng += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* Uniform in [lo, hi]; the bias of % is below 2^-20 for spans of minutes. */
static uint64_t between(struct hr_backoff *b, uint64_t lo, uint64_t hi)
{
	return lo + draw(b) % (hi - lo + 1);
}

void hr_backoff_told(struct hr_backoff *b, uint64_t phase_ns, uint64_t period_ns)
{
	b->period_ns = period_ns;
	b->phase_ns = period_ns ? phase_ns % period_ns : 0;
}

void hr_backoff_success(struct hr_backoff *b)
{
	b->pause_ns = 0;
	b->attempt = 0;
}

/* From @wall_ns to the first phase strictly later. */
static uint64_t to_phase(const struct hr_backoff *b, uint64_t wall_ns)
{
	uint64_t into = (wall_ns % b->period_ns + b->period_ns - b->phase_ns) % b->period_ns;

	return b->period_ns - into;
}

uint64_t hr_backoff_failure(struct hr_backoff *b, uint64_t wall_ns, uint64_t retry_after_ns)
{
	uint64_t last = b->pause_ns ? b->pause_ns : HR_BACKOFF_BASE_NS, pause;

	pause = between(b, HR_BACKOFF_BASE_NS, 3 * last);
	if (pause > HR_BACKOFF_MAX_NS)
		pause = HR_BACKOFF_MAX_NS;
	b->pause_ns = pause;
	if (b->attempt < UINT32_MAX)
		b->attempt++;
	if (retry_after_ns > HR_BACKOFF_RETRY_MAX_NS)
		retry_after_ns = HR_BACKOFF_RETRY_MAX_NS;
	if (retry_after_ns > 0 &&
		pause < retry_after_ns) /* all were told the same: spread behind it */
		pause = retry_after_ns + between(b, 0, HR_BACKOFF_BASE_NS + retry_after_ns / 10);
	if (b->period_ns)
		pause += to_phase(b, wall_ns + pause) % b->period_ns;
	return pause;
}

uint64_t hr_backoff_next_phase(struct hr_backoff *b, uint64_t wall_ns, bool loopback)
{
	if (b->period_ns)
		return to_phase(b, wall_ns);
	return loopback ? 0 : between(b, 0, HR_BACKOFF_SPREAD_NS);
}
