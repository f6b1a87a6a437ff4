/* SPDX-License-Identifier: Apache-2.0 */
/* Sparse additive history of codes; see lookback.h. */
#include "collector/core/lookback.h"
#include "collector/core/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NEAR 8 /* cells looked at behind the last one, before it is searched */

/*
 * Four steps from 1 to the target of 1.3: at 64 equal ones from 1/8 to 8 the fourth was 1.297, and
 * what carries up to 1.38 was below the target.
 */
#define K_STEP 0.094628 /* octaves: log2(1.3) / 4, no less: 1.3 decodes as 1.3 */
#define K_ONE  32

static double code_of(double k)
{
	return log2(hr_k_clamp(k)) / K_STEP + K_ONE;
}

uint8_t hr_k_code(double k)
{
	if (hr_k_clamp(k) >= HR_K_MAX)
		return HR_K_CODES - 1;
	return (uint8_t)floor(code_of(k) + 1e-4);
}

uint8_t hr_k_code_up(double k)
{
	return (uint8_t)ceil(code_of(k) - 1e-4);
}

double hr_k_decode(uint8_t code)
{
	return hr_k_clamp(exp2(K_STEP * ((code >= HR_K_CODES ? HR_K_CODES - 1 : code) - K_ONE)));
}

void hr_lookback_done(struct hr_lookback *l)
{
	free(l->cell);
	memset(l, 0, sizeof(*l));
}

static uint32_t key(uint16_t day, uint8_t track, uint8_t code)
{
	return (uint32_t)day << 16 | (uint32_t)track << 8 | code;
}

static uint32_t key_at(const struct hr_lookback *l, uint32_t i)
{
	return key(l->cell[i].day, l->cell[i].track, l->cell[i].code);
}

/* First cell from @lo on that is not before @k. */
static uint32_t find_from(const struct hr_lookback *l, uint32_t lo, uint32_t k)
{
	uint32_t hi = l->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (key_at(l, mid) < k)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static uint32_t find(const struct hr_lookback *l, uint32_t k)
{
	return find_from(l, 0, k);
}

/*
 * The same for the next cell to be added: states are read and distributions taken in in ascending
 * order, so it is the end, or a few cells behind the last one that was added.
 */
static uint32_t find_near(const struct hr_lookback *l, uint32_t k)
{
	uint32_t i = l->near;

	if (l->n == 0 || key_at(l, l->n - 1) < k)
		return l->n;
	if (i >= l->n || key_at(l, i) > k)
		return find(l, k);
	for (unsigned steps = 0; steps < NEAR; steps++, i++)
		if (key_at(l, i) >= k) /* the last is not before @k */
			return i;
	return find_from(l, i, k);
}

static uint32_t more(uint32_t cap)
{
	return cap ? cap + cap / 2 : 64;
}

bool hr_lookback_reserve(struct hr_lookback *l, uint32_t n)
{
	uint32_t cap = l->cap;
	struct hr_cell *c;

	if (n > HR_LOOKBACK_CELLS)
		return false;
	if (n <= cap)
		return true;
	while (cap < n) /* as cells would have made it that are added one by one */
		cap = more(cap);
	c = realloc(l->cell, cap * sizeof(*c));
	if (!c)
		return false;
	l->cell = c;
	l->cap = cap;
	return true;
}

bool hr_lookback_add(struct hr_lookback *l, uint16_t day, uint8_t track, uint8_t code, uint32_t n)
{
	uint32_t k = key(day, track, code), i;

	if (n == 0)
		return true;
	if (l->n >= HR_LOOKBACK_CELLS) {
		if (l->cell[0].day == l->cell[l->n - 1].day || day <= l->cell[0].day)
			return false;
		hr_lookback_expire(l, (uint16_t)(l->cell[0].day + 1));
		l->dropped_days++;
	}
	i = find_near(l, k);
	l->near = i;
	if (i < l->n && key_at(l, i) == k) {
		l->cell[i].n = n > UINT32_MAX - l->cell[i].n ? UINT32_MAX : l->cell[i].n + n;
		return true;
	}
	if (l->n == l->cap && !hr_lookback_reserve(l, l->n + 1))
		return false;
	memmove(&l->cell[i + 1], &l->cell[i], (l->n - i) * sizeof(*l->cell));
	l->cell[i] = (struct hr_cell){.day = day, .track = track, .code = code, .n = n};
	l->n++;
	return true;
}

void hr_lookback_expire(struct hr_lookback *l, uint16_t day)
{
	uint32_t i = find(l, key(day, 0, 0));

	if (i == 0)
		return;
	l->n -= i;
	memmove(l->cell, l->cell + i, l->n * sizeof(*l->cell));
}

void hr_lookback_forget(struct hr_lookback *l, uint8_t first, uint8_t last)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < l->n; i++)
		if (l->cell[i].track < first || l->cell[i].track > last)
			l->cell[kept++] = l->cell[i];
	l->n = kept;
}

uint64_t hr_lookback_counts(const struct hr_lookback *l, uint8_t track, uint64_t ret_n[256])
{
	uint64_t sum = 0;

	memset(ret_n, 0, 256 * sizeof(*ret_n));
	for (uint32_t i = 0; i < l->n;) {
		uint16_t day = l->cell[i].day;

		for (i = find_from(l, i, key(day, track, 0));
			i < l->n && l->cell[i].day == day && l->cell[i].track == track; i++) {
			ret_n[l->cell[i].code] += l->cell[i].n;
			sum += l->cell[i].n;
		}
		if (i < l->n && l->cell[i].day == day) {
			i = find_from(l, i, key(day, UINT8_MAX, UINT8_MAX));
			i += i < l->n && l->cell[i].day == day; /* the day's very last */
		}
	}
	return sum;
}

void hr_lookback_tracks(const struct hr_lookback *l, struct hr_lookback_tracks *ret)
{
	memset(ret->first, 0, sizeof(ret->first));
	for (uint32_t i = l->n; i > 0; i--) {
		uint8_t track = l->cell[i - 1].track;

		ret->next[i - 1] = ret->first[track];
		ret->first[track] = (uint16_t)i;
	}
}

uint64_t hr_lookback_counts_of(const struct hr_lookback *l, const struct hr_lookback_tracks *t,
	uint8_t track, uint64_t ret_n[256])
{
	uint64_t sum = 0;

	memset(ret_n, 0, 256 * sizeof(*ret_n));
	for (uint32_t i = t->first[track]; i > 0; i = t->next[i - 1]) {
		ret_n[l->cell[i - 1].code] += l->cell[i - 1].n;
		sum += l->cell[i - 1].n;
	}
	return sum;
}

bool hr_counts_quantile(const uint64_t n[256], double q, uint8_t *ret_code)
{
	uint64_t sum = 0, below = 0, rank;

	for (unsigned i = 0; i < 256; i++)
		sum += n[i];
	if (sum == 0)
		return false;
	rank = (uint64_t)floor(q * (double)sum + 1e-9);
	if (rank >= sum)
		rank = sum - 1;
	for (unsigned i = 0; i < 256; i++) {
		below += n[i];
		if (below > rank) {
			*ret_code = (uint8_t)i;
			return true;
		}
	}
	return false;
}
