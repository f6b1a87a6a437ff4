/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmocka with the headers it needs before it, and a seeded random source for
 * property tests.  HR_SEED is always printed, so a failure can be repeated:
 * HR_SEED=1234 build/tests/test_hist.  Without HR_SEED the seed is fixed: a run
 * of the suite is repeatable by default; CI varies it.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

struct hr_rand {
	uint64_t s;
};

/* splitmix64 (S. Vigna, public domain algorithm): every seed is good, 0 too. */
static inline uint64_t hr_rand_u64(struct hr_rand *r)
{
	uint64_t z = (r->s += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* Uniform enough in [0, n) for tests; @n must not be 0. */
static inline uint64_t hr_rand_below(struct hr_rand *r, uint64_t n)
{
	return hr_rand_u64(r) % n;
}

/* A number whose size in bits is uniform, at most @bits: small and huge ones alike. */
static inline uint64_t hr_rand_bits(struct hr_rand *r, unsigned bits)
{
	uint64_t n = hr_rand_below(r, (uint64_t)bits + 1);

	return n == 0 ? 0 : hr_rand_u64(r) >> (64 - n);
}

static inline struct hr_rand hr_rand_seeded(const char *what)
{
	const char *env = getenv("HR_SEED");
	struct hr_rand r = {env && *env ? strtoull(env, NULL, 0) : 20261124};

	printf("%s: HR_SEED=%llu\n", what, (unsigned long long)r.s);
	return r;
}
