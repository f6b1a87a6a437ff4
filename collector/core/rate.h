/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much a peer may do, as a bucket that refills with time; and a table of them by address,
 * of fixed size: when it is full, the entry with the fullest bucket (which has nothing to
 * remember) goes.  Pure: time comes in.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct hr_bucket {
	double left; /* what may still be taken now */
	uint64_t at_ns;
};
/* Takes @cost, of a bucket that refills @per_s each second up to @burst.  A new one (zeroed) is
 * full.  False: there is not that much; nothing is taken. */
bool hr_bucket_take(struct hr_bucket *b, uint64_t now_ns, double per_s, double burst, double cost);
/* Takes it in any case, down to a debt of @burst. */
void hr_bucket_charge(
	struct hr_bucket *b, uint64_t now_ns, double per_s, double burst, double cost);

#define HR_RATE_ADDRESSES 512
#define HR_RATE_KEY_LEN   16

struct hr_rate {
	double per_s, burst;
	uint32_t n;
	struct hr_rate_entry {
		uint8_t key[HR_RATE_KEY_LEN];
		struct hr_bucket bucket;
	} entry[HR_RATE_ADDRESSES];
};

/* The bucket of @key; never NULL, valid until the next call. */
struct hr_bucket *hr_rate_of(
	struct hr_rate *r, const uint8_t key[HR_RATE_KEY_LEN], uint64_t now_ns);
