/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a provider counts of packets that it held back or dropped because an allowance was used up,
 * among a NIC driver's statistics: ENA's *_allowance_exceeded.  Names and numbers are those of
 * ethtool, already read.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HR_ALLOWANCES_MAX 8
#define HR_STAT_NAME_LEN  32 /* ETH_GSTRING_LEN; without a NUL where the name fills it */

enum hr_allowance {
	HR_ALLOWANCE_SIZE = 0,  /* the instance's bandwidth or packets per second */
	HR_ALLOWANCE_CONNTRACK, /* the instance's tracked connections */
	HR_ALLOWANCE_LINKLOCAL, /* packets per second to the provider's DNS, metadata and time, of
				   the network interface */
	HR_ALLOWANCE_N,
};

struct hr_allowances {
	uint32_t n;
	uint32_t at[HR_ALLOWANCES_MAX]; /* index among the driver's statistics */
	uint8_t of[HR_ALLOWANCES_MAX];  /* enum hr_allowance */
};

/* Which of the @n names, HR_STAT_NAME_LEN bytes each, are allowances; the first eight. */
void hr_allowances_find(const unsigned char *names, uint32_t n, struct hr_allowances *ret);

/* Running totals, summed by kind, of the driver's @n statistics, 8 bytes each. */
void hr_allowances_sum(const struct hr_allowances *a, const unsigned char *stats, uint32_t n,
	uint64_t ret[HR_ALLOWANCE_N]);
