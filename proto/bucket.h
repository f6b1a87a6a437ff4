/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/*
 * Value <-> bucket of the log-linear histogram: 8 buckets per octave, values
 * below 8 exact, bucket width <= 12.5 % of the value.  No libc and no 64-bit
 * division: BPF, agent, collector and tests compile these lines.  The includer
 * provides uint32_t (stdint.h in user space, a typedef in BPF).
 *
 * Same family as HdrHistogram (G. Tene) and DDSketch's interpolated mapping;
 * chosen because adding and subtracting buckets is exact.
 */
#pragma once

#define HR_BUCKET_BITS 3
#define HR_BUCKETS     240 /* covers every 32-bit value: bucket(2^32 - 1) = 239 */

/* Index of the highest set bit; @v must not be 0.  Branches only: no clz in BPF before v4. */
static inline __attribute__((always_inline)) uint32_t hr_log2_u32(uint32_t v)
{
	uint32_t r, s;

	r = (uint32_t)(v > 0xffff) << 4;
	v >>= r;
	s = (uint32_t)(v > 0xff) << 3;
	v >>= s;
	r |= s;
	s = (uint32_t)(v > 0xf) << 2;
	v >>= s;
	r |= s;
	s = (uint32_t)(v > 0x3) << 1;
	v >>= s;
	r |= s;
	return r | (v >> 1);
}

/* Bucket of a value: always < HR_BUCKETS. */
static inline __attribute__((always_inline)) uint32_t hr_bucket(uint32_t v)
{
	uint32_t e;

	if (v < (1u << HR_BUCKET_BITS))
		return v;
	e = hr_log2_u32(v);
	return ((e - HR_BUCKET_BITS + 1) << HR_BUCKET_BITS) +
	       ((v >> (e - HR_BUCKET_BITS)) & ((1u << HR_BUCKET_BITS) - 1));
}

/* Smallest value of bucket @i (< HR_BUCKETS). */
static inline uint32_t hr_bucket_lo(uint32_t i)
{
	uint32_t g = i >> HR_BUCKET_BITS, m = i & ((1u << HR_BUCKET_BITS) - 1);

	return g == 0 ? m : ((1u << HR_BUCKET_BITS) + m) << (g - 1);
}

/* Largest value of bucket @i (< HR_BUCKETS). */
static inline uint32_t hr_bucket_hi(uint32_t i)
{
	return i + 1 >= HR_BUCKETS ? 0xffffffffu : hr_bucket_lo(i + 1) - 1;
}
