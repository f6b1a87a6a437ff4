/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which windows of one boot of one host are stored: the collector's side of
 * "at least once on the wire, exactly once in the store".  One per (host, boot),
 * because a spool outlives a reboot; persisted in the transaction of the rows it
 * speaks of.
 *
 * Known exactly: the highest sequence, a bitmap of the 64 sequences that end
 * there, and the ranges below them that have not come (gaps).  Everything else
 * below the highest is stored.  A bitmap alone would not do: an agent that comes
 * back sends the newest window first, which opens a hole of thousands.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Each window that something on the way holds up is a gap until it comes, an agent keeps them for a
 * day, and an agent that dies leaves one each time: one window in 16 for a day, 8 KB.
 */
#define HR_HOSTSEQ_GAPS     512
#define HR_HOSTSEQ_BLOB_MAX (16 * HR_HOSTSEQ_GAPS)
#define HR_HOSTSEQ_SEQ_MAX  ((1ULL << 62) - 1) /* fits SQLite's signed integers with room */

struct hr_hostseq_gap {
	uint64_t first, last; /* inclusive */
};

struct hr_hostseq {
	bool any;       /* anything stored at all; the rest is 0 until then */
	uint64_t high;  /* highest stored sequence */
	uint64_t bits;  /* bit i: high - i is stored; bit 0 is always set */
	uint64_t floor; /* below it gaps were given up: not known any more */
	uint16_t n_gaps;
	struct hr_hostseq_gap gap[HR_HOSTSEQ_GAPS]; /* ascending, apart, all < high - 63 */
};

enum hr_hostseq_result {
	HR_HOSTSEQ_NEW = 1,   /* none of the range was stored: store it */
	HR_HOSTSEQ_DUPLICATE, /* all of it is stored: acknowledge, store nothing */
	HR_HOSTSEQ_OVERLAP,   /* part of it is stored: refuse; a right agent never sends it */
	HR_HOSTSEQ_FORGOTTEN, /* reaches below the floor: cannot be told from a duplicate; refuse */
	HR_HOSTSEQ_INVALID,   /* first > last or beyond HR_HOSTSEQ_SEQ_MAX */
};

/* What a window covering @first..@last is.  Changes nothing. */
enum hr_hostseq_result hr_hostseq_check(const struct hr_hostseq *h, uint64_t first, uint64_t last);

/*
 * The same, and on HR_HOSTSEQ_NEW marks the range as stored.  When it needs one
 * gap more than there is room for, the oldest gap is given up (floor rises)
 * instead of refusing the window: a sender would send it again, for ever, and its
 * live data behind it.  *ret_forgotten is then the number of sequences that can
 * no longer be accepted, else 0.
 */
enum hr_hostseq_result hr_hostseq_add(
	struct hr_hostseq *h, uint64_t first, uint64_t last, uint64_t *ret_forgotten);

/* Sequences in 0..high that have not come (and were not given up). */
uint64_t hr_hostseq_missing(const struct hr_hostseq *h);

/* Gaps as bytes (little endian, 16 each) for the store, and back; false: not a valid state. */
size_t hr_hostseq_gaps_encode(const struct hr_hostseq *h, uint8_t out[HR_HOSTSEQ_BLOB_MAX]);
bool hr_hostseq_decode(struct hr_hostseq *ret_h, uint64_t high, uint64_t bits, uint64_t floor,
	const void *gaps, size_t len);

/*
 * Two machines with one host id (a cloned disk image): the evidence is an older
 * boot that goes on reporting windows measured just now, and well after a newer
 * boot began, while the newer one is still heard.  A reboot, or a spool sent after
 * it, never looks like this for longer: windows of a boot whose clock was ahead
 * seem to end after the next one began, but not a quarter of an hour later.
 */
#define HR_CLONE_OVERLAP_MS 660000 /* clocks may be off by 10 min uncorrected, plus a minute */
#define HR_CLONE_ALIVE_MS   900000 /* what ended, or was heard, within this time is alive */

struct hr_boot_life {
	uint64_t boot;
	uint64_t first_ms; /* begin of its earliest window, collector's clock, Unix ms */
	uint64_t heard_ms; /* when it last sent something new */
};

/* Whether a window of @boot that ends at @t_end_ms contradicts @other being the same machine. */
bool hr_hostseq_clone(uint64_t boot, uint64_t boot_first_ms, uint64_t t_end_ms,
	const struct hr_boot_life *other, uint64_t now_ms);

/*
 * Correction from the sender's clock to ours, taken once per boot: 0 while the
 * two differ by at most 10 min, else ours minus theirs.
 */
#define HR_CLOCK_TOLERANCE_MS 600000
int64_t hr_hostseq_offset(uint64_t received_ms, uint64_t sent_ms);
