/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many windows of one VM as one: what the store keeps when 10 s are too fine.
 * The numbers of windows and of samples and the maxima of distributions stay exact, of a full
 * digest counters and every count too; what goes is resolution in time and of the buckets, hot
 * threads, the virtual queue and the replays.
 *
 * A digest is a list of pieces: windows that measured the same signals of the
 * same devices in one boot add up without losing a count (hr_summary_fold),
 * others stand beside them.  Nearly always it is one piece.  Beyond
 * HR_DIGEST_PIECES only the number of windows and samples is kept.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/summary.h"

#define HR_DIGEST_PIECES 32
#define HR_DIGEST_MAX    65536 /* bytes encoded */

/* How much of a window is kept; a digest of less detail cannot get it back. */
enum hr_digest_detail {
	HR_DIGEST_FULL = 1, /* all counters and distributions, 4 buckets an octave */
	HR_DIGEST_BRIEF,    /* those of the answer's resources, 2 an octave; rounded (rounded.h) */
	HR_DIGEST_LEAN,     /* demand and its excess; of waits and latencies 1 an octave; rounded */
	HR_DIGEST_FINE,     /* as full, rounded: the tier of 5 minutes up to schema 9 */
	HR_DIGEST_SHARP,    /* what a brief one has, 4 an octave; rounded: the tier of 5 minutes */
};

struct hr_digest_piece {
	uint32_t boot_ord;
	uint64_t windows;     /* sequences inside */
	struct hr_summary *s; /* owned; its sequences and end mean nothing */
};

struct hr_digest {
	uint64_t windows, samples;           /* of all pieces, and what has no piece */
	uint64_t bare_windows, bare_samples; /* without a piece */
	uint32_t n;
	struct hr_digest_piece piece[HR_DIGEST_PIECES];
	struct hr_summary *scratch; /* owned */
};

/* A digest starts zeroed; done frees what it holds. */
void hr_digest_done(struct hr_digest *d);
/* Empties it, and keeps the memory for the next. */
void hr_digest_clear(struct hr_digest *d);

/*
 * Samples of a window that every detail keeps, over its distributions: with the number of
 * windows, what is conserved from tier to tier.
 */
uint64_t hr_digest_samples(const struct hr_summary *s);

/* Adds a window that stands for @windows sequences.  Allocates; false: out of memory, no change. */
bool hr_digest_add(
	struct hr_digest *d, uint32_t boot_ord, uint64_t windows, const struct hr_summary *s);

/*
 * Bytes written.  Pieces that do not fit @cap are given up but for their counts; 0 only when not
 * even those fit, never with HR_DIGEST_MAX.
 */
size_t hr_digest_encode(struct hr_digest *d, enum hr_digest_detail detail, void *buf, size_t cap);

enum hr_digest_result {
	HR_DIGEST_OK = 0,
	HR_DIGEST_DAMAGED, /* not what encode writes; @d may hold a part of it */
	HR_DIGEST_MEMORY,
};
/* Adds what @bytes hold.  Distributions come back in groups of 2 (full), 4 or 8 buckets,
 * or more. */
enum hr_digest_result hr_digest_decode(struct hr_digest *d, const void *bytes, size_t len);
