/* SPDX-License-Identifier: Apache-2.0 */
/* Shared cores from the times of a loop; see cores.h. */
#include "agent/core/cores.h"

#include <string.h>

/*
 * Two threads that want all adders of a core take 1.6 (eight adders, of which the loop keeps seven
 * busy) to 2 times as long; on cores of their own 1.000 was measured (tests/bpf/test_cores.c prints
 * it), and a clock that slows down when more cores work makes it 1.1.  Between the two is no
 * answer.
 */
#define OWN_MOST     1.15
#define SHARED_LEAST 1.4

/* One run of both at full speed proves a core for each; slowness may have other reasons. */
#define SHARED_TIMES 3

static void keep_fastest(uint64_t *fastest, uint64_t ns)
{
	if (*fastest == 0 || ns < *fastest)
		*fastest = ns;
}

void hr_cores_alone(struct hr_cores_pair *p, const struct hr_cores_run *r)
{
	if (r->undisturbed && r->ns > 0)
		keep_fastest(&p->alone_ns, r->ns);
}

void hr_cores_together(struct hr_cores_pair *p, const struct hr_cores_run *r)
{
	if (r->undisturbed && r->ns > 0 && r->peer >= HR_CORES_PARTS * 7 / 10)
		keep_fastest(&p->together_ns, r->ns);
}

enum hr_cores_kind hr_cores_judge(const struct hr_cores_pair *p)
{
	double slower;

	if (p->alone_ns == 0 || p->together_ns == 0)
		return HR_CORES_UNKNOWN;
	slower = (double)p->together_ns / (double)p->alone_ns;
	return slower < OWN_MOST        ? HR_CORES_OWN
	       : slower >= SHARED_LEAST ? HR_CORES_SHARED
					: HR_CORES_UNKNOWN;
}

void hr_cores_begin(struct hr_cores *c, uint32_t n)
{
	enum hr_cores_kind verdict = n == c->n ? c->verdict : HR_CORES_UNKNOWN;

	memset(c, 0, sizeof *c);
	c->n = n;
	c->left = n > 0 ? n - 1 : 0;
	c->verdict = verdict;
}

static bool is_own(const struct hr_cores *c, uint32_t other)
{
	return c->own[other / 64] >> other % 64 & 1;
}

uint32_t hr_cores_next(const struct hr_cores *c, uint32_t last)
{
	for (uint32_t i = 1; c->left > 0 && i < c->n; i++) {
		uint32_t other = 1 + (last + i - 1) % (c->n - 1);

		if (!is_own(c, other))
			return other;
	}
	return 0;
}

static bool conclude(struct hr_cores *c, enum hr_cores_kind kind)
{
	bool changed = c->verdict != kind;

	c->verdict = kind;
	return changed;
}

bool hr_cores_take(struct hr_cores *c, uint32_t other, const struct hr_cores_pair *p)
{
	enum hr_cores_kind kind = hr_cores_judge(p);

	if (other == 0 || other >= c->n || is_own(c, other) || kind == HR_CORES_UNKNOWN)
		return false;
	if (kind == HR_CORES_SHARED)
		return ++c->slow[other] >= SHARED_TIMES && conclude(c, HR_CORES_SHARED);
	c->slow[other] = 0;
	c->own[other / 64] |= UINT64_C(1) << other % 64;
	/* what was seen once of these CPUs stays true of them: a VM that floats over the host's
	 * cores shares them at times */
	return --c->left == 0 && c->verdict != HR_CORES_SHARED && conclude(c, HR_CORES_OWN);
}
