/* SPDX-License-Identifier: Apache-2.0 */
/* Named conversions; a unit stands in the name of every number (_ns _us _ms _bytes _ratio _per_s).
 */
#pragma once

#include <stdint.h>

#define HR_NS_PER_US 1000ULL
#define HR_NS_PER_MS 1000000ULL
#define HR_NS_PER_S  1000000000ULL
#define HR_MS_PER_S  1000ULL

static inline uint64_t hr_ns_to_us(uint64_t ns)
{
	return ns / HR_NS_PER_US;
}

static inline uint64_t hr_ns_to_ms(uint64_t ns)
{
	return ns / HR_NS_PER_MS;
}

static inline double hr_ns_to_s(uint64_t ns)
{
	return (double)ns / 1e9;
}

/* Share of @part in @whole; @whole must not be 0. */
static inline double hr_ratio(uint64_t part, uint64_t whole)
{
	return (double)part / (double)whole;
}
