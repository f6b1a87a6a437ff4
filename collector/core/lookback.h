/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lookback: per day and track, how much time had which k.  A track is one
 * series (K of this size, of the candidate sizes, of each resource and device,
 * each as at_least, likely, at_most), what bound, or a demand distribution.
 *
 * k is kept as a byte (64 steps of 6.8 %, 1 and 1.3 among them, rounded down; at_most
 * rounded up), time in units of 10 s, so a minute weighs 6 and a late window 1.
 * Sparse: a day of a steady VM takes a few dozen cells of 8 bytes.  Additive,
 * so the order in which windows arrive does not matter.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/core/answer.h"

/* Code of k rounded down, and up; the value of a code. */
uint8_t hr_k_code(double k);
uint8_t hr_k_code_up(double k);
double hr_k_decode(uint8_t code);
#define HR_K_CODES 65

struct hr_cell {
	uint16_t day; /* since 1970 */
	uint8_t track;
	uint8_t code; /* hr_k_code, or the bucket of a demand */
	uint32_t n;   /* units of 10 s, or samples of a demand */
};

/* Most cells of one VM: 32 KiB.  Beyond it the oldest day is dropped and counted. */
#define HR_LOOKBACK_CELLS 4096

struct hr_lookback {
	struct hr_cell *cell; /* sorted by (day, track, code) */
	uint32_t n, cap;
	uint32_t dropped_days;
	uint32_t near; /* where the last one was added */
};

void hr_lookback_done(struct hr_lookback *l);
/* Room for @n cells, at most HR_LOOKBACK_CELLS; false when out of memory. */
bool hr_lookback_reserve(struct hr_lookback *l, uint32_t n);
/* Adds @n; false when out of memory (the window is then lost to the lookback only). */
bool hr_lookback_add(struct hr_lookback *l, uint16_t day, uint8_t track, uint8_t code, uint32_t n);
/* Forgets days before @day. */
void hr_lookback_expire(struct hr_lookback *l, uint16_t day);

/* Forgets the tracks [@first, @last] of all days. */
void hr_lookback_forget(struct hr_lookback *l, uint8_t first, uint8_t last);

/* Counts of a track over all days, by code. Returns their sum. */
uint64_t hr_lookback_counts(const struct hr_lookback *l, uint8_t track, uint64_t ret_n[256]);

/* The cells of each track, for who asks for the counts of many: 0 none, else a place + 1. */
struct hr_lookback_tracks {
	uint16_t first[256], next[HR_LOOKBACK_CELLS];
};
void hr_lookback_tracks(const struct hr_lookback *l, struct hr_lookback_tracks *ret);
/* As hr_lookback_counts(), of a lookback that has not changed since. */
uint64_t hr_lookback_counts_of(const struct hr_lookback *l, const struct hr_lookback_tracks *t,
	uint8_t track, uint64_t ret_n[256]);

/* Smallest code with more than floor(q * n) of the count at or below it: v[floor(q n)] of the
 * sorted values. */
bool hr_counts_quantile(const uint64_t n[256], double q, uint8_t *ret_code);
