// SPDX-License-Identifier: Apache-2.0
#include "collector/core/rate.h"

#include <string.h>

static void refill(struct hr_bucket *b, uint64_t now_ns, double per_s, double burst)
{
	if (b->at_ns == 0) {
		b->left = burst;
	} else if (now_ns > b->at_ns) {
		b->left += (double)(now_ns - b->at_ns) / 1e9 * per_s;
		b->left = b->left < burst ? b->left : burst;
	}
	if (now_ns > b->at_ns)
		b->at_ns = now_ns;
}

bool hr_bucket_take(struct hr_bucket *b, uint64_t now_ns, double per_s, double burst, double cost)
{
	refill(b, now_ns, per_s, burst);
	if (b->left < cost)
		return false;
	b->left -= cost;
	return true;
}

void hr_bucket_charge(struct hr_bucket *b, uint64_t now_ns, double per_s, double burst, double cost)
{
	refill(b, now_ns, per_s, burst);
	b->left = b->left - cost > -burst ? b->left - cost : -burst;
}

struct hr_bucket *hr_rate_of(struct hr_rate *r, const uint8_t key[HR_RATE_KEY_LEN], uint64_t now_ns)
{
	struct hr_rate_entry *e, *fullest = &r->entry[0];

	for (uint32_t i = 0; i < r->n; i++) {
		e = &r->entry[i];
		if (memcmp(e->key, key, HR_RATE_KEY_LEN) == 0)
			return &e->bucket;
	}
	if (r->n < HR_RATE_ADDRESSES) {
		e = &r->entry[r->n++];
	} else {
		for (uint32_t i = 0; i < r->n; i++) {
			refill(&r->entry[i].bucket, now_ns, r->per_s, r->burst);
			if (r->entry[i].bucket.left > fullest->bucket.left)
				fullest = &r->entry[i];
		}
		e = fullest;
	}
	memcpy(e->key, key, HR_RATE_KEY_LEN);
	e->bucket = (struct hr_bucket){0};
	return &e->bucket;
}
